package remoting

import "penstock/amf"

// Headers of answers that change how a caller calls from then on (Flash Remoting MX). Flash Player, Flex and PyAMF obey them; Ruffle does not.
const (
	headerAppend     = "AppendToGatewayUrl"
	headerReplace    = "ReplaceGatewayUrl"
	headerPersistent = "RequestPersistentHeader"
)

// Notifier is a client as an application speaks to it: *app.Client.
//
// Whatever an application says to a client that came through the gateway, by Notify or in a script by client.call without a
// responder, becomes a header of the answer: of the request at work, or of the next one of its session. Flash Player calls the method
// of that name of its NetConnection's client. The functions below say what Flash Player itself understands. To a client that came by
// RTMP all this is a call of a method that it need not have.
type Notifier interface {
	Notify(name string, args ...amf.Value) error
}

// KeepSession asks the gateway to keep the client's connection, and with it the application's session, for the caller's next requests:
// the gateway appends the session to the caller's URL. It ends when the caller was away for Limits.SessionIdle. Where
// Limits.Sessions are kept already nothing is, and the next request is a new connection.
func KeepSession(c Notifier) error { return c.Notify(headerAppend) }

// AppendToURL asks the caller to append suffix to the gateway's URL from now on.
func AppendToURL(c Notifier, suffix string) error { return c.Notify(headerAppend, suffix) }

// ReplaceURL asks the caller to use another URL from now on.
func ReplaceURL(c Notifier, url string) error { return c.Notify(headerReplace, url) }

// PersistHeader asks the caller to send a header with every request from now on.
func PersistHeader(c Notifier, h Header) error {
	return c.Notify(headerPersistent, amf.NewObject(amf.Prop{Key: "name", Value: h.Name},
		amf.Prop{Key: "mustUnderstand", Value: h.MustUnderstand}, amf.Prop{Key: "data", Value: h.Value}))
}
