package servercases

import (
	"fmt"

	"penstock/internal/conformance/judge"
	"penstock/internal/conformance/wire"
)

func sharedObject() []judge.Case {
	const events = "RTMP 1.0 §7.1.3; errata and addenda"
	return section("sharedobject", "SharedObject", []judge.Case{
		{Case: about("no-read-access", "SharedObject.NoReadAccess", optional, "reading is not allowed",
			"A client that uses a shared object that it may not read is sent a status event with SharedObject.NoReadAccess and error.", asReference), Run: noReadAccess},
		{Case: about("no-write-access", "SharedObject.NoWriteAccess", optional, "writing is not allowed",
			"A client that changes a shared object that it may not write is sent a status event with SharedObject.NoWriteAccess and error.", asReference), Run: noWriteAccess},
		{Case: about("bad-persistence", "SharedObject.BadPersistence", optional, "the other persistence",
			"A client that uses a temporary shared object as persistent is sent a status event with SharedObject.BadPersistence and error.", asReference), Run: badPersistence},
		{Case: about("object-creation-failed", "SharedObject.ObjectCreationFailed", optional, "an object that may not be made",
			"A client that uses a shared object that does not exist and that it may not make is sent a status event with SharedObject.ObjectCreationFailed and error.", asReference), Run: creationFailed},
		{Case: about("use", "", recommended, "use", "Use is answered by UseSuccess.", events), Run: useObject},
		{Case: about("change", "", recommended, "a change reaches the others", "A RequestChange is confirmed to its sender by Success, and reaches every other client as Change with the value.", events), Run: changeObject},
		{Case: about("initial", "", recommended, "late clients get the slots", "A client that comes later gets the present slots as Change.", events), Run: initialObject},
		{Case: about("remove", "", recommended, "a slot is removed", "A RequestRemove reaches the clients as Remove.", events), Run: removeSlot},
		{Case: about("send", "", recommended, "messages to all", "A SendMessage reaches every client of the object, its sender too.", events), Run: sendToAll},
		{Case: about("version", "", optional, "versions grow", "The version of the object grows with each change.", events), Run: versionGrows},
	})
}

// ObjectFolder is where the shared objects of the cases are: servers that name what may be used need a name for it.
const ObjectFolder = "check"

// objectName is a shared object of this trial alone.
func objectName(t *judge.Trial) string { return ObjectFolder + "/" + t.Stream("") }

// uses opens a client of a shared object and waits for the answer to Use.
func uses(t *judge.Trial, label, name string, flags uint32) (*judge.Conn, error) {
	c, err := t.Join(label)
	if err != nil {
		return nil, err
	}
	return c, shared(c, name, 0, flags, wire.SharedEvent{Type: wire.SOUse})
}

func shared(c *judge.Conn, name string, version, flags uint32, events ...wire.SharedEvent) error {
	return c.Send(wire.SharedMessage(c.Encoding == 3, &wire.SharedObject{Name: name, Version: version, Flags: flags, Events: events}))
}

// event waits for an event of a type about an object.
func event(c *judge.Conn, name string, typ uint8, what string, match func(wire.SharedEvent) bool) (*wire.SharedObject, error) {
	var found *wire.SharedObject
	_, err := c.Await(what, func(h *judge.Heard) bool {
		if h.Type != wire.TypeShared0 && h.Type != wire.TypeShared3 {
			return false
		}
		so, err := h.SharedObject()
		if err != nil || so.Name != name {
			return false
		}
		for _, e := range so.Events {
			if e.Type == typ && (match == nil || match(e)) {
				found = so
				return true
			}
		}
		return false
	})
	return found, err
}

func useObject(t *judge.Trial) error {
	name := objectName(t)
	c, err := uses(t, "", name, 0)
	if err != nil {
		return err
	}
	_, err = event(c, name, wire.SOUseSuccess, "UseSuccess", nil)
	return err
}

// two are two clients of one object, both let in.
func two(t *judge.Trial) (a, b *judge.Conn, name string, err error) {
	name = objectName(t)
	if a, err = uses(t, "first", name, 0); err != nil {
		return
	}
	if _, err = event(a, name, wire.SOUseSuccess, "UseSuccess", nil); err != nil {
		return
	}
	if b, err = uses(t, "second", name, 0); err != nil {
		return
	}
	_, err = event(b, name, wire.SOUseSuccess, "UseSuccess", nil)
	return
}

func change(key string, value any) wire.SharedEvent {
	data := wire.SharedChange(key, value)
	return wire.SharedEvent{Type: wire.SORequestChange, Data: data}
}

func isChange(key string, value any) func(wire.SharedEvent) bool {
	return func(e wire.SharedEvent) bool {
		k, v, err := e.KeyValue()
		return err == nil && k == key && wire.Format(v) == wire.Format(value)
	}
}

func changeObject(t *judge.Trial) error {
	a, b, name, err := two(t)
	if err != nil {
		return err
	}
	if err := shared(a, name, 0, 0, change("score", 42.0)); err != nil {
		return err
	}
	if _, err := event(a, name, wire.SOSuccess, "Success(score) for the sender", func(e wire.SharedEvent) bool { return e.Key() == "score" }); err != nil {
		return err
	}
	_, err = event(b, name, wire.SOChange, "Change(score = 42) for the other", isChange("score", 42.0))
	return err
}

func initialObject(t *judge.Trial) error {
	a, _, name, err := two(t)
	if err != nil {
		return err
	}
	if err := shared(a, name, 0, 0, change("colour", "blue")); err != nil {
		return err
	}
	if _, err := event(a, name, wire.SOSuccess, "Success(colour)", nil); err != nil {
		return err
	}
	c, err := uses(t, "third", name, 0)
	if err != nil {
		return err
	}
	_, err = event(c, name, wire.SOChange, "Change(colour = blue)", isChange("colour", "blue"))
	return err
}

func removeSlot(t *judge.Trial) error {
	a, b, name, err := two(t)
	if err != nil {
		return err
	}
	if err := shared(a, name, 0, 0, change("x", 1.0)); err != nil {
		return err
	}
	if _, err := event(b, name, wire.SOChange, "Change(x = 1)", isChange("x", 1.0)); err != nil {
		return err
	}
	if err := shared(a, name, 0, 0, wire.SharedEvent{Type: wire.SORequestRemove, Data: wire.SharedKey("x")}); err != nil {
		return err
	}
	_, err = event(b, name, wire.SORemove, "Remove(x)", func(e wire.SharedEvent) bool { return e.Key() == "x" })
	return err
}

func sendToAll(t *judge.Trial) error {
	a, b, name, err := two(t)
	if err != nil {
		return err
	}
	data := wire.Append0(nil, "shout", "hello", 7)
	if err := shared(a, name, 0, 0, wire.SharedEvent{Type: wire.SOSend, Data: data}); err != nil {
		return err
	}
	for i, c := range []*judge.Conn{b, a} {
		who := [...]string{"the other", "the sender"}[i]
		if _, err := event(c, name, wire.SOSend, `SendMessage("shout", "hello", 7) for `+who, func(e wire.SharedEvent) bool {
			v, err := wire.DecodeAll(e.Data)
			return err == nil && wire.Format(wire.Array(v)) == `["shout", "hello", 7]`
		}); err != nil {
			return err
		}
	}
	return nil
}

func versionGrows(t *judge.Trial) error {
	a, b, name, err := two(t)
	if err != nil {
		return err
	}
	var versions []uint32
	for _, n := range []float64{1, 2} {
		if err := shared(a, name, 0, 0, change("n", n)); err != nil {
			return err
		}
		so, err := event(b, name, wire.SOChange, fmt.Sprintf("Change(n = %v)", n), isChange("n", n))
		if err != nil {
			return err
		}
		versions = append(versions, so.Version)
	}
	if versions[1] <= versions[0] {
		return judge.Differs("a greater version", fmt.Sprintf("%d after %d", versions[1], versions[0]))
	}
	return nil
}

// wantStatus waits for a status event; one of another code differs.
func wantStatus(c *judge.Conn, name, code string) error {
	var got, level string
	if _, err := event(c, name, wire.SOStatus, "a status event "+code, func(e wire.SharedEvent) bool {
		got, level = e.Status()
		return true
	}); err != nil {
		return err
	}
	if got != code || level != "error" {
		return judge.Differs(fmt.Sprintf("%s, error", code), fmt.Sprintf("%s, %s", got, level))
	}
	return nil
}

func noReadAccess(t *judge.Trial) error {
	if t.NoReadObject == "" {
		return judge.Needs("a shared object that may not be read (--no-read-object NAME)")
	}
	c, err := uses(t, "", t.NoReadObject, 0)
	if err != nil {
		return err
	}
	return wantStatus(c, t.NoReadObject, "SharedObject.NoReadAccess")
}

func noWriteAccess(t *judge.Trial) error {
	if t.NoWriteObject == "" {
		return judge.Needs("a shared object that may not be written (--no-write-object NAME)")
	}
	c, err := uses(t, "", t.NoWriteObject, 0)
	if err != nil {
		return err
	}
	if _, err := event(c, t.NoWriteObject, wire.SOUseSuccess, "UseSuccess", nil); err != nil {
		return err
	}
	if err := shared(c, t.NoWriteObject, 0, 0, change("x", 1.0)); err != nil {
		return err
	}
	return wantStatus(c, t.NoWriteObject, "SharedObject.NoWriteAccess")
}

func badPersistence(t *judge.Trial) error {
	name := objectName(t)
	a, err := uses(t, "first", name, 0)
	if err != nil {
		return err
	}
	if _, err := event(a, name, wire.SOUseSuccess, "UseSuccess", nil); err != nil {
		return err
	}
	b, err := uses(t, "second", name, 2)
	if err != nil {
		return err
	}
	return wantStatus(b, name, "SharedObject.BadPersistence")
}

func creationFailed(t *judge.Trial) error {
	if t.NoCreateObject == "" {
		return judge.Needs("a shared object that does not exist and may not be made (--no-create-object NAME)")
	}
	c, err := uses(t, "", t.NoCreateObject, 0)
	if err != nil {
		return err
	}
	return wantStatus(c, t.NoCreateObject, "SharedObject.ObjectCreationFailed")
}
