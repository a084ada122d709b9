// Package status holds the information objects with which an RTMP server tells
// a client what happened and why: the objects that reach ActionScript as
// NetStatusEvent.info, for NetConnection, NetStream and SharedObject.
//
// A [Status] is both the object on the wire and a Go error, so that a refusal
// returned by a handler is sent as it is. The [Catalogue] lists every known
// code with its level, default description, carrier and the evidence for it.
//
// A Status is not modified by this package once it is made; sharing one between
// goroutines is safe as long as the caller does not modify it either.
package status

//go:generate go test . -run ^TestDocument$ -update
