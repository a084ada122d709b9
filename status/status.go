package status

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"penstock/amf"
)

// The levels of an information object. Documentation of Flash Media Server
// prints "Error"; the wire has lower case.
const (
	LevelStatus  = "status"
	LevelWarning = "warning"
	LevelError   = "error"
)

// Status is an information object and an error.
//
// The wire order is level, code, description, then Extra: Flash Player is known
// to mishandle other orders, so the properties are never kept in a map.
type Status struct {
	Level       string // "" means the catalogue's level for the code
	Code        Code
	Description string
	Extra       []amf.Prop
}

// New returns a Status with the level that the catalogue gives the code, or
// "error" for a code that it does not list. The description is sent as it is,
// also when it is empty; see For for the default one.
func New(c Code, description string) *Status {
	return &Status{Level: levelOf(c), Code: c, Description: description}
}

// Newf is New with a formatted description.
func Newf(c Code, format string, a ...any) *Status {
	return New(c, fmt.Sprintf(format, a...))
}

// For returns a Status with the catalogue's default description, its
// placeholders replaced by args in turn: usually the stream, method or
// application name. A missing argument leaves an empty string and one too many
// is ignored. A code without a default description gets none.
func For(c Code, args ...string) *Status {
	e, _ := Lookup(c)
	return New(c, fill(e.Description, args))
}

// For is the function For as a method: status.PlayStart.For("camera").
func (c Code) For(args ...string) *Status { return For(c, args...) }

// With returns a copy of s with one more property after the present ones. The
// value is not copied.
func (s *Status) With(key string, v amf.Value) *Status {
	c := *s
	c.Extra = append(slices.Clip(slices.Clone(s.Extra)), amf.Prop{Key: key, Value: v})
	return &c
}

// Object returns a new object for the wire: level, code, description, then
// Extra. The level is left out for NetStream.Data.Start, which has none, and an
// empty description for the codes whose catalogue entry has none.
func (s *Status) Object() *amf.Object {
	e, known := Lookup(s.Code)
	level := s.Level
	if level == "" {
		level = levelOf(s.Code)
	}
	props := make([]amf.Prop, 0, 3+len(s.Extra))
	if level != "" {
		props = append(props, amf.Prop{Key: "level", Value: level})
	}
	props = append(props, amf.Prop{Key: "code", Value: string(s.Code)})
	if s.Description != "" || !known || e.Description != "" {
		props = append(props, amf.Prop{Key: "description", Value: s.Description})
	}
	return amf.NewObject(append(props, s.Extra...)...)
}

// Error returns the code, and the description when there is one.
func (s *Status) Error() string {
	if s == nil {
		return "<nil>"
	}
	if s.Description == "" {
		return string(s.Code)
	}
	return string(s.Code) + ": " + s.Description
}

// MaxCode is the longest code that Refuses takes, in bytes.
const MaxCode = 64

// Refuses reports whether c can be the code of a refusal: words of letters and digits between
// dots, at least two, the first letter a capital; and when the catalogue has it, of the level
// "error". Codes that applications make up are fine.
func (c Code) Refuses() bool {
	words := strings.Split(string(c), ".")
	if len(words) < 2 || len(c) > MaxCode || levelOf(c) != LevelError {
		return false
	}
	for _, w := range words {
		for i := range len(w) {
			if l := w[i] | 0x20; (l < 'a' || l > 'z') && (i == 0 || w[i] < '0' || w[i] > '9') {
				return false
			}
		}
		if w == "" {
			return false
		}
	}
	return c[0] >= 'A' && c[0] <= 'Z'
}

// Is reports whether target is a *Status with the same code, so that
// errors.Is(err, &Status{Code: PublishBadName}) works.
func (s *Status) Is(target error) bool {
	t, ok := target.(*Status)
	return ok && t != nil && s != nil && t.Code == s.Code
}

// FromObject reads an information object that a peer sent: an object or array
// with a non-empty string property "code". Property order does not matter, nor
// does a missing level or description: Flash Player's own NetConnection.Call.Failed
// has the order code, level and no description (seen in a capture). A level or
// description that is not a string is kept in Extra. The values in Extra are
// those of v, not copies.
func FromObject(v amf.Value) (*Status, bool) {
	props, ok := amf.PropsOf(v)
	if !ok {
		return nil, false
	}
	s := &Status{}
	for _, p := range props {
		text, isText := p.Value.(string)
		switch {
		case isText && p.Key == "level":
			s.Level = text
		case isText && p.Key == "code":
			s.Code = Code(text)
		case isText && p.Key == "description":
			s.Description = text
		default:
			s.Extra = append(s.Extra, p)
		}
	}
	if s.Code == "" {
		return nil, false
	}
	return s, true
}

// Of returns the first Status in err's chain.
func Of(err error) (*Status, bool) {
	var s *Status
	if errors.As(err, &s) && s != nil {
		return s, true
	}
	return nil, false
}
