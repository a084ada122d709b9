package status

import (
	"strings"
	"sync"
)

// Entry is what the catalogue knows about a code.
type Entry struct {
	Code        Code
	Level       string  // "status", "warning", "error", or "" for an object without a level
	Description string  // default text, %s standing for a name; "" when the object has none
	Meaning     string  // when it is sent and what it tells
	Carrier     Carrier // the message that carries it
	Sender      Sender  // who makes it
	Extra       string  // further properties in wire order, comma separated
	XStatus     int     // x-status of Adobe Media Server's access log; 0 when there is none
	Sent        bool    // Penstock sends it now
	Source      string  // the evidence: names of Sources, separated by " / "
}

// ExtraKeys returns the names in Extra.
func (e Entry) ExtraKeys() []string {
	if e.Extra == "" {
		return nil
	}
	return strings.Split(e.Extra, ", ")
}

// Group returns the part of the code before the first dot: "NetStream".
func (c Code) Group() string {
	g, _, _ := strings.Cut(string(c), ".")
	return g
}

// Carrier is the message in which an information object travels.
type Carrier string

// The carriers.
const (
	Result       Carrier = "_result"             // command answering connect or a call
	ErrorResult  Carrier = "_error"              // command answering connect or a call
	OnStatus     Carrier = "onStatus command"    // type 20 or 17, transaction 0
	OnStatusData Carrier = "onStatus data"       // type 18 or 15
	OnPlayStatus Carrier = "onPlayStatus data"   // type 18 or 15
	ObjectStatus Carrier = "shared object event" // event 7 of type 19 or 16
	ClientOnly   Carrier = "client only"         // made by the player, not on the wire
	ScriptOnly   Carrier = "server script only"  // told to server-side scripts, not on the wire
	AdminReply   Carrier = "admin service"       // replies of the administration port
)

// Sender is who makes the object.
type Sender string

// The senders.
const (
	FromServer Sender = "server"
	FromClient Sender = "client, synthesised"
	FromBoth   Sender = "server or client"
	FromScript Sender = "server, to its scripts"
)

// Catalogue returns every known code, grouped by object and in a fixed order.
// The slice is the caller's.
func Catalogue() []Entry {
	var all []Entry
	for _, part := range [][]Entry{connectionEntries(), playEntries(), publishEntries(),
		playerEntries(), otherEntries()} {
		all = append(all, part...)
	}
	return all
}

// index is built once and only read afterwards.
var index = sync.OnceValue(func() map[Code]Entry {
	m := make(map[Code]Entry)
	for _, e := range Catalogue() {
		m[e.Code] = e
	}
	return m
})

// Lookup returns the entry of a code.
func Lookup(c Code) (Entry, bool) {
	e, ok := index()[c]
	return e, ok
}

func levelOf(c Code) string {
	if e, ok := Lookup(c); ok {
		return e.Level
	}
	return LevelError
}

// fill replaces each %s of text by the next argument.
func fill(text string, args []string) string {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(text, "%s")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		if len(args) > 0 {
			b.WriteString(args[0])
			args = args[1:]
		}
		text = after
	}
}
