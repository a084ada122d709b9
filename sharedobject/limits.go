package sharedobject

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits bounds what clients can make a hub hold and do. A zero field means its default; the name in brackets is the
// option's.
type Limits struct {
	Objects       int     // [shared_objects] in one hub, 1024
	Slots         int     // [shared_object_slots] of one object, 1024
	KeyBytes      int     // [shared_object_key_bytes] length of a slot's name, 255
	ValueBytes    int     // [shared_object_value_bytes] one slot's value, or one send, in AMF0, 64 KiB
	ObjectBytes   int     // [shared_object_total_bytes] all keys and values of one object, 1 MiB
	HubBytes      int     // [shared_objects_bytes] of all objects in memory, 64 MiB
	StoreBytes    int     // [shared_objects_stored_bytes] of all persistent objects of the hub, 256 MiB
	NameBytes     int     // [shared_object_name_bytes] length of an object's name, 255
	NameDepth     int     // [shared_object_name_depth] segments of an object's name, 8
	Members       int     // [shared_object_members] clients of one object, 10000
	PerMember     int     // [shared_objects_per_client] objects that one client uses, 64
	UpdateRate    float64 // [shared_object_update_rate] messages a second from one client, 60 (burst twice that)
	EventCount    int     // [shared_object_events] of one message, 1024
	Deferred      int     // [shared_object_deferred] messages that wait for the end of a lock, 1024
	DeferredBytes int     // [shared_object_deferred_bytes] their length together, 1 MiB
	ResyncDepth   int     // [shared_object_resync_depth] removed slots that an object remembers, 256
}

// WithDefaults fills every zero field.
func (l Limits) WithDefaults() Limits {
	for _, d := range []struct {
		v   *int
		def int
	}{
		{&l.Objects, 1024}, {&l.Slots, 1024}, {&l.KeyBytes, 255}, {&l.ValueBytes, 64 << 10}, {&l.ObjectBytes, 1 << 20},
		{&l.HubBytes, 64 << 20}, {&l.StoreBytes, 256 << 20}, {&l.NameBytes, 255}, {&l.NameDepth, 8}, {&l.Members, 10000},
		{&l.PerMember, 64}, {&l.EventCount, 1024}, {&l.Deferred, 1024}, {&l.DeferredBytes, 1 << 20}, {&l.ResyncDepth, 256},
	} {
		if *d.v <= 0 {
			*d.v = d.def
		}
	}
	if l.UpdateRate <= 0 {
		l.UpdateRate = 60
	}
	return l
}

// LimitError says which limit would be passed. Option is the name under which the limit is configured.
type LimitError struct {
	Option string
	Value  int
	Max    int
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("sharedobject: over the limit %s: %d, allowed %d", e.Option, e.Value, e.Max)
}

func over(option string, value, max int) error {
	if value <= max {
		return nil
	}
	return &LimitError{Option: option, Value: value, Max: max}
}

// NameError says what is wrong with the name of an object or a slot.
type NameError struct {
	Name   string // shortened
	Reason string
}

func (e *NameError) Error() string { return fmt.Sprintf("sharedobject: name %q %s", e.Name, e.Reason) }

// checkName keeps to names that have one spelling and stay within any folder.
func (l *Limits) checkName(name string) error {
	if err := over("shared_object_name_bytes", len(name), l.NameBytes); err != nil {
		return err
	}
	segments := strings.Split(name, "/")
	if err := over("shared_object_name_depth", len(segments), l.NameDepth); err != nil {
		return err
	}
	reason := ""
	switch {
	case !utf8.ValidString(name):
		reason = "is not UTF-8"
	case strings.ContainsFunc(name, unicode.IsControl):
		reason = "has a control character"
	case strings.Contains(name, `\`):
		reason = "has a backslash"
	}
	for _, s := range segments {
		if s == "" || s == "." || s == ".." {
			reason = fmt.Sprintf("has a segment %q", s)
		}
	}
	if reason != "" {
		return &NameError{Name: name, Reason: reason}
	}
	return nil
}

func (l *Limits) checkKey(key string) error {
	switch {
	case key == "":
		return &NameError{Reason: "of a slot is empty"}
	case !utf8.ValidString(key):
		return &NameError{Name: key[:min(len(key), 64)], Reason: "of a slot is not UTF-8"}
	}
	return over("shared_object_key_bytes", len(key), l.KeyBytes)
}
