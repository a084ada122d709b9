// Package sharedobject is remote shared objects, the ones Flash knows as SharedObject.getRemote: a set of named slots that
// every client of an application sees, changes and is told about, temporary or persistent.
//
// A [Hub] holds the objects of one application. Clients reach them through [Hub.Receive], Go code through [Hub.Get]:
//
//	objects := sharedobject.NewHub(sharedobject.Options{})
//	board, err := objects.Get(ctx, "_definst_", "board", false)
//	err = board.Update(func(tx *sharedobject.Tx) error { return tx.Set("colour", "red") })
//
// # Layers
//
// [Message] is the wire: what types 19 (AMF0) and 16 (AMF3) carry. [Object] is the rules: versions, who is answered what, in
// which order; it does no I/O, takes no locks and knows no time. [Replica] is the same for a client's end. The Hub adds
// time, locking, access, limits and a [Store].
//
// # What clients are told
//
// Use is answered by use success, clear and one change for each slot, in one message. A change that is accepted is answered
// by success, and the others get the change; a remove or clear goes to everybody. A change is refused when the client may
// not write, when a limit is reached, or when it was made without knowledge of another client's change of the same slot (its
// version is older): the answer is the slot's present value, so that every client ends with the same state whatever happens
// at the same time. What changes within [Options.Interval] travels as one message, each slot once.
//
// Sources: the RTMP errata by M. Thornburgh (2024), the tables that deployed servers and clients agree on, and the Adobe
// ActionScript references for what programs see.
package sharedobject
