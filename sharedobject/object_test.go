package sharedobject

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"penstock/amf"
)

// say is an object with members 1, 2 and 3 to which things happen; told is what one heard at the last flush.
type scene struct {
	t *testing.T
	o *Object
}

func newScene(t *testing.T, persistent bool, l Limits) *scene {
	s := &scene{t, NewObject(persistent, l)}
	for id := range ID(3) {
		s.o.Attach(id+1, 0)
	}
	return s
}

// apply applies events of a member that knows everything, unless it says another version.
func (s *scene) apply(id ID, e ...Event) error {
	return s.o.Apply(id, s.o.version, e, Rights{Write: true, Room: -1})
}

// want flushes and compares what each of the three is told: "change a=1, success b".
func (s *scene) want(told ...string) {
	s.t.Helper()
	common, special := s.o.Flush()
	for id := range ID(3) {
		events, ok := special[id+1]
		if !ok {
			events = common
		}
		if got := phrase(events); got != told[id] {
			s.t.Errorf("%d is told %q, want %q", id+1, got, told[id])
		}
	}
}

func phrase(events []Event) string {
	var parts []string
	for _, e := range events {
		p := e.Type.String()
		for _, x := range []string{e.Key, e.Handler, e.Code} {
			if x != "" {
				p += " " + x
			}
		}
		if e.Type == Change {
			p += fmt.Sprintf("=%v", e.Value)
		}
		parts = append(parts, p)
	}
	return strings.Join(parts, ", ")
}

func set(key string, v amf.Value) Event { return Event{Type: RequestChange, Key: key, Value: v} }
func unset(key string) Event            { return Event{Type: RequestRemove, Key: key} }

var wipe = Event{Type: RequestClear}

// Who is told what, in which order.
func TestWhoIsToldWhat(t *testing.T) {
	type act struct {
		id     ID
		events []Event
	}
	for _, tt := range []struct {
		name string
		acts []act
		want [3]string
	}{
		{"a change", []act{{1, []Event{set("a", 1.0)}}}, [3]string{"success a", "change a=1", "change a=1"}},
		{"two in one message", []act{{1, []Event{set("a", 1.0), set("b", 2.0)}}},
			[3]string{"success a, success b", "change a=1, change b=2", "change a=1, change b=2"}},
		{"the last one only", []act{{1, []Event{set("a", 1.0)}}, {1, []Event{set("a", 2.0)}}}, [3]string{"success a", "change a=2", "change a=2"}},
		{"two writers", []act{{1, []Event{set("a", 1.0)}}, {2, []Event{set("b", 2.0)}}},
			[3]string{"success a, change b=2", "change a=1, success b", "change a=1, change b=2"}},
		{"the server's", []act{{Server, []Event{set("a", 1.0)}}}, [3]string{"change a=1", "change a=1", "change a=1"}},
		{"a removal", []act{{Server, []Event{set("a", 1.0)}}, {1, []Event{unset("a")}}}, [3]string{"remove a", "remove a", "remove a"}},
		{"a removal of nothing", []act{{1, []Event{unset("a")}}}, [3]string{"remove a", "", ""}},
		{"a clear", []act{{1, []Event{set("a", 1.0), set("b", 2.0)}}, {2, []Event{wipe}}},
			[3]string{"success a, success b, clear", "clear", "clear"}},
		{"a change after a clear", []act{{1, []Event{set("a", 1.0)}}, {2, []Event{wipe, set("a", 2.0)}}},
			[3]string{"success a, clear, change a=2", "clear, success a, change a=2", "clear, change a=2"}},
		{"a send keeps its place", []act{{1, []Event{set("a", 1.0), {Type: Send, Handler: "f"}, set("b", 2.0)}}},
			[3]string{"success a, send f, success b", "change a=1, send f, change b=2", "change a=1, send f, change b=2"}},
		{"every send counts", []act{{1, []Event{{Type: Send, Handler: "f"}, {Type: Send, Handler: "f"}}}}, [3]string{"send f, send f", "send f, send f", "send f, send f"}},
		{"what only servers say is nothing", []act{{1, []Event{{Type: Change, Key: "a"}, {Type: Clear}, {Type: UseSuccess}, {Type: Status}, {Type: Success, Key: "a"}, {Type: 99}}}}, [3]string{"", "", ""}},
		{"null is a value", []act{{1, []Event{set("a", nil)}}}, [3]string{"success a", "change a=<nil>", "change a=<nil>"}},
		{"of one who has left", []act{{9, []Event{set("a", 1.0)}}}, [3]string{"change a=1", "change a=1", "change a=1"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newScene(t, false, Limits{})
			for _, a := range tt.acts {
				if err := s.apply(a.id, a.events...); err != nil {
					t.Error(err)
				}
			}
			s.t = t
			s.want(tt.want[:]...)
			s.want("", "", "")
		})
	}
}

// A change without knowledge of another's is answered with the present value.
func TestConflicts(t *testing.T) {
	for _, tt := range []struct {
		name   string
		before []Event // by member 2, told to nobody yet
		late   Event   // by member 1, who does not know of it
		want   string  // what 1 is told for it
		after  string  // the object's contents
	}{
		{"another's change", []Event{set("a", 2.0)}, set("a", 1.0), "change a=2", "a=2"},
		{"another's other slot", []Event{set("b", 2.0)}, set("a", 1.0), "success a", "a=1 b=2"},
		{"another's removal", []Event{set("a", 2.0), unset("a")}, set("a", 1.0), "remove a", ""},
		{"a removal of another's change", []Event{set("a", 2.0)}, unset("a"), "change a=2", "a=2"},
		{"another's clear", []Event{wipe}, set("a", 1.0), "remove a", ""},
		{"a clear needs no knowledge", []Event{set("a", 2.0)}, wipe, "clear", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newScene(t, false, Limits{})
			knew := s.o.version
			_ = s.apply(2, tt.before...)
			s.o.Flush()
			if err := s.o.Apply(1, knew, []Event{tt.late}, Rights{Write: true, Room: -1}); err != nil {
				t.Errorf("a conflict is no refusal: %v", err)
			}
			_, special := s.o.Flush()
			told := special[1]
			if tt.late.Type == RequestClear {
				told = []Event{{Type: Clear}}
			}
			if got := phrase(told); got != tt.want {
				t.Errorf("told %q, want %q", got, tt.want)
			}
			if got := strings.Join(contents(s.o.Slots()), " "); got != tt.after {
				t.Errorf("the object has %q, want %q", got, tt.after)
			}
		})
	}
	// Version 0 tells nothing: the change is accepted, and its writer is told the value, since another may be on its way.
	s := newScene(t, false, Limits{})
	_ = s.apply(2, set("a", 2.0))
	s.o.Flush()
	_ = s.o.Apply(1, 0, []Event{set("a", 1.0)}, Rights{Write: true, Room: -1})
	s.want("success a, change a=1", "change a=1", "change a=1")
	// A version of the future is of another life.
	_ = s.o.Apply(1, s.o.version+9, []Event{set("b", 1.0)}, Rights{Write: true, Room: -1})
	s.want("success b, change b=1", "change b=1", "change b=1")
}

// What may not be is answered with a status, once, and the present values.
func TestRefusedWrites(t *testing.T) {
	l := Limits{Slots: 2, KeyBytes: 4, ValueBytes: 10, ObjectBytes: 24}
	long := strings.Repeat("x", 30)
	limit := func(option string) func(error) bool {
		return func(err error) bool {
			var le *LimitError
			return errors.As(err, &le) && le.Option == option && le.Value > le.Max
		}
	}
	const no = "status SharedObject.NoWriteAccess"
	for _, tt := range []struct {
		name   string
		events []Event
		rights Rights
		told   string
		is     func(error) bool
	}{
		{"no access", []Event{set("a", 5.0), unset("a"), set("n", 1.0), {Type: Send, Handler: "f"}}, Rights{Room: -1},
			no + ", change a=1, change a=1, remove n", func(err error) bool { return errors.Is(err, ErrNoWriteAccess) }},
		{"no access to clear", []Event{wipe}, Rights{Room: -1}, no + ", change a=1", func(err error) bool { return errors.Is(err, ErrNoWriteAccess) }},
		{"slots", []Event{set("b", nil), set("c", nil)}, Rights{Write: true, Room: -1}, "success b, " + no + ", remove c", limit("shared_object_slots")},
		{"key", []Event{set("abcde", nil)}, Rights{Write: true, Room: -1}, no + ", remove abcde", limit("shared_object_key_bytes")},
		{"no key", []Event{set("", nil)}, Rights{Write: true, Room: -1}, no, func(err error) bool { var n *NameError; return errors.As(err, &n) }},
		{"key without UTF-8", []Event{set("\xff", nil)}, Rights{Write: true, Room: -1}, no + ", remove \xff", func(err error) bool { var n *NameError; return errors.As(err, &n) }},
		{"value", []Event{set("a", long)}, Rights{Write: true, Room: -1}, no + ", change a=1", limit("shared_object_value_bytes")},
		{"object", []Event{set("b", "12345"), set("a", "1234567")}, Rights{Write: true, Room: -1}, "success b, success a", nil},
		{"object, one more", []Event{set("bcde", "123456"), set("a", "123456")}, Rights{Write: true, Room: -1}, "success bcde, success a", nil},
		{"object, too much", []Event{set("bcde", "1234567"), set("a", "1234567")}, Rights{Write: true, Room: -1}, "success bcde, " + no + ", change a=1", limit("shared_object_total_bytes")},
		{"hub", []Event{set("a", 2.0), set("b", nil), set("c", nil)}, Rights{Write: true, Room: 2, Limit: "shared_objects_bytes"}, "success a, success b, " + no + ", remove c", nil},
		{"hub, too much", []Event{set("b", true)}, Rights{Write: true, Room: 2, Limit: "shared_objects_bytes"}, no + ", remove b", limit("shared_objects_bytes")},
		{"send", []Event{{Type: Send, Handler: "f", Args: []amf.Value{long}}}, Rights{Write: true, Room: -1}, no, limit("shared_object_value_bytes")},
		{"no AMF", []Event{set("a", make(chan int))}, Rights{Write: true, Room: -1}, no + ", change a=1", func(err error) bool { return errors.Is(err, amf.ErrType) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newScene(t, false, l)
			_ = s.apply(2, set("a", 1.0))
			s.o.Flush()
			err := s.o.Apply(1, s.o.version, tt.events, tt.rights)
			if tt.is != nil && !tt.is(err) {
				t.Errorf("refused with %v", err)
			}
			_, special := s.o.Flush()
			if got := phrase(special[1]); got != tt.told {
				t.Errorf("told %q, want %q", got, tt.told)
			}
			if len(special) > 1 {
				t.Errorf("others are told too: %v", special)
			}
		})
	}
}

// What a member is told first: everything, or what it missed.
func TestAttach(t *testing.T) {
	o := NewObject(true, Limits{ResyncDepth: 2})
	apply := func(e ...Event) uint32 {
		_ = o.Apply(Server, 0, e, Rights{Write: true, Room: -1})
		o.Flush()
		return o.Version()
	}
	apply(set("a", 1.0))
	first := apply(set("b", 2.0))
	apply(set("a", 3.0))
	second := apply(unset("b"), set("c", nil))
	attach := func(since uint32) string { return phrase(o.Attach(1, since)) }
	all := "use success, clear, change a=3, change c=<nil>"
	for since, want := range map[uint32]string{
		0: all, second + 100: all, second: "use success", first: "use success, change a=3, change c=<nil>, remove b",
	} {
		if got := attach(since); got != want {
			t.Errorf("since %d: %q, want %q", since, got, want)
		}
	}
	if o.ChangedSince(o.Version()) || !o.ChangedSince(first) {
		t.Error("what changed is not known")
	}
	apply(set("x", nil), unset("x"))
	apply(set("y", nil), unset("y"))
	if got := attach(first); got != all { // b's removal is forgotten
		t.Errorf("beyond the depth: %q", got)
	}
	third := apply(set("z", nil))
	apply(unset("z"))
	if got := attach(third); got != "use success, remove z" {
		t.Errorf("one removal: %q", got)
	}
	latest := o.Version()
	o.Purge(latest)
	if !o.ChangedSince(third) || o.ChangedSince(latest) {
		t.Error("what changed is not known after a purge")
	}
	if got := attach(third); got != all {
		t.Errorf("after a purge: %q", got)
	}
	third = apply(set("z", nil))
	apply(unset("z"))
	o.SetResyncDepth(0)
	if got := attach(third); got != all {
		t.Errorf("without any depth: %q", got)
	}
	third = o.Version()
	apply(wipe)
	if got := attach(third); got != "use success, clear" {
		t.Errorf("after a clear: %q", got)
	}
	// A temporary object has other lives, with the same versions.
	o = NewObject(false, Limits{})
	if got := phrase(o.Attach(1, 1)); got != "use success, clear" {
		t.Errorf("temporary: %q", got)
	}
}

// What is stored comes back, at a version that no client can have seen.
func TestUnsavedAndRestore(t *testing.T) {
	o := NewObject(true, Limits{})
	if o.Unsaved() != nil {
		t.Error("an empty object has changes")
	}
	_ = o.Apply(Server, 0, []Event{set("a", 1.0), set("b", "x"), set("c", true), unset("c"), unset("never")}, Rights{Write: true, Room: -1})
	c := o.Unsaved()
	if c.Cleared || len(c.Set) != 2 || len(c.Removed) != 1 || c.Removed[0] != "c" || c.Version != o.Version() || o.Unsaved() != nil {
		t.Errorf("changes %+v", c)
	}
	record := &Record{Version: c.Version, Slots: c.Set}
	_ = o.Apply(Server, 0, []Event{set("a", 2.0), wipe, set("d", 1.0)}, Rights{Write: true, Room: -1})
	if c = o.Unsaved(); !c.Cleared || len(c.Set) != 1 || len(c.Removed) != 0 {
		t.Errorf("changes with a clear %+v", c)
	}
	o.Unsave()
	if c = o.Unsaved(); !c.Cleared || len(c.Set) != 1 {
		t.Errorf("everything %+v", c)
	}
	back := NewObject(true, Limits{})
	if err := back.Restore(record); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(contents(back.Slots()), " "); got != "a=1 b=x" || back.Version() != record.Version+versionJump || back.Bytes() != 2+9+4 {
		t.Errorf("restored %q at version %d, %d bytes", got, back.Version(), back.Bytes())
	}
	if got := phrase(back.Attach(1, record.Version+5)); got != "use success, clear, change a=1, change b=x" {
		t.Errorf("a client of before is told %q", got)
	}
	for _, bad := range []string{"", "\x00", "\x05\x05", "\xff"} {
		if err := NewObject(true, Limits{}).Restore(&Record{Slots: []Slot{{Key: "key", Value: []byte(bad)}}}); err == nil || !strings.Contains(err.Error(), "key") {
			t.Errorf("%q is restored, %v", bad, err)
		}
	}
	old := NewObject(true, Limits{})
	if err := old.Restore(&Record{Version: 1<<32 - 5}); err != nil || old.Version() < versionJump {
		t.Errorf("version %d, %v", old.Version(), err)
	}
}

func TestPaths(t *testing.T) {
	for _, tt := range []struct {
		paths, name string
		want        bool
	}{
		{"", "a", false}, {"/", "a", true}, {"/", "a/b", true}, {"room", "room", true}, {"room", "room/x", true}, {"room", "roomy", false},
		{"/room/", "room/x", true}, {"a; b/c ;", "b/c/d", true}, {"a;b/c", "b", false}, {"room", "", false},
	} {
		if got := ParsePaths(tt.paths).Allow(tt.name); got != tt.want {
			t.Errorf("%q allows %q: %t", tt.paths, tt.name, got)
		}
	}
}

func TestNames(t *testing.T) {
	l := Limits{NameBytes: 20, NameDepth: 3}.WithDefaults()
	for name, ok := range map[string]bool{
		"a": true, "a/b/c": true, "ü": true, "a b": true, "": false, "/a": false, "a/": false, "a//b": false, "a/./b": false, "..": false,
		"a/b/c/d": false, strings.Repeat("x", 21): false, "a\x00": false, "a\\b": false, "\xff": false, "a\n": false,
	} {
		if err := l.checkName(name); (err == nil) != ok {
			t.Errorf("%q: %v", name, err)
		}
	}
}
