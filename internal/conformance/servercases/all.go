// Package servercases is the requirements on an RTMP server, as data: one file per section, each case with its source, its
// severity, and the conversation that finds out.
//
// A case is required when RTMP 1.0 demands it, or when Flash Media Server did it and clients of today depend on it. It is
// recommended when a client is better off with it, and optional when servers are free to be without: those rows are told, and
// decide nothing.
package servercases

import (
	"slices"

	"penstock/internal/conformance"
	"penstock/internal/conformance/judge"
	"penstock/internal/conformance/servercases/attacks"
)

// All lists every case in the order of the report.
func All() []judge.Case {
	return slices.Concat(netConnection(), netStream(), sharedObject(), handshake(), chunkStream(), control(), commands(), amf(), enhanced(),
		media(), attacks.Cases())
}

// Severities, short.
const (
	required    = conformance.Required
	recommended = conformance.Recommended
	optional    = conformance.Optional
)

// Sources that many cases have.
const (
	asReference = "ActionScript 3 reference, NetStatusEvent"
	fmsCapture  = "captures of Flash Media Server"
)

var (
	section = judge.Section
	about   = judge.About
)

// steps runs parts of a conversation until one fails.
func steps(list ...func() error) error {
	for _, f := range list {
		if err := f(); err != nil {
			return err
		}
	}
	return nil
}

// wantFIN waits for the peer's end. Over TLS a close without the alert of TLS is as good: it loses nothing either.
func wantFIN(t *judge.Trial, c *judge.Conn) error {
	switch how := c.End(); how {
	case "FIN":
		return nil
	case "":
		return judge.Fails("FIN", "the connection stays open")
	default:
		if t.TLS != nil && how == "FIN within a message" {
			return nil
		}
		return judge.Differs("FIN", how)
	}
}
