package sharedobject

import (
	"errors"

	"penstock/amf"
)

// ErrNoWriteAccess is why Apply refused the change of a member that may not write.
var ErrNoWriteAccess = errors.New("sharedobject: no write access")

// write is one message being applied.
type write struct {
	o       *Object
	id      ID
	m       *member // nil for the server and for who has left
	version uint32  // what the writer knew, 0 when it does not say
	rights  Rights
	began   int  // bytes of the object before the message
	told    bool // that it may not write
	err     error
}

func (w *write) apply(e *Event) {
	var err error
	switch e.Type {
	case RequestChange:
		err = w.change(e)
	case RequestRemove:
		err = w.remove(e.Key)
	case RequestClear:
		err = w.clear()
	case Send:
		err = w.send(e)
	}
	if err != nil && w.err == nil {
		w.err = err
	}
}

// refuse answers a change with the status, once, and the slot's present value.
func (w *write) refuse(key string, err error) error {
	if w.m != nil && !w.told {
		w.told = true
		w.o.log.only(w.id, StatusEvent(NoWriteAccess))
	}
	if key != "" {
		w.present(key)
	}
	return err
}

// present tells the writer, and only it, what the slot holds.
func (w *write) present(key string) {
	if w.m == nil {
		return
	}
	w.m.overwritten(key, w.o.bump())
	if s := w.o.slots[key]; s != nil {
		w.o.log.only(w.id, Event{Type: Change, Key: key, Value: s.value, raw: s.raw})
		return
	}
	w.o.log.only(w.id, Event{Type: Remove, Key: key})
}

func (w *write) change(e *Event) error {
	o := w.o
	if !w.rights.Write {
		return w.refuse(e.Key, ErrNoWriteAccess)
	}
	if err := o.limits.checkKey(e.Key); err != nil {
		return w.refuse(e.Key, err)
	}
	if o.conflict(w.id, w.version, e.Key) {
		w.present(e.Key)
		return nil
	}
	raw := e.raw
	if raw == nil {
		var err error
		if raw, err = amf.Append0(nil, e.Value); err != nil {
			return w.refuse(e.Key, err)
		}
	}
	if err := w.fits(e.Key, len(raw)); err != nil {
		return w.refuse(e.Key, err)
	}
	doubt := w.doubt(e.Key)
	o.put(e.Key, e.Value, raw, w.id)
	told := Event{Type: Change, Key: e.Key, Value: e.Value, raw: raw}
	o.log.change(w.id, told)
	if w.m == nil {
		return nil
	}
	success := told
	success.Type = Success
	o.log.only(w.id, success)
	if doubt {
		o.log.only(w.id, told)
		w.m.overwritten(e.Key, o.version)
	}
	return nil
}

// doubt reports whether the writer may have lost its own value to something that it was told before it was heard.
func (w *write) doubt(key string) bool {
	if w.m == nil {
		return false
	}
	if w.m.all > w.version || w.m.overwrote[key] > w.version {
		return true
	}
	if w.version != 0 {
		return false
	}
	if s := w.o.slots[key]; s != nil {
		return s.writer != w.id
	}
	r, was := w.o.gone[key]
	return was && r.by != w.id || !was && (w.o.cleared > 0 || w.o.forgotten > 0)
}

// fits checks what the object would become.
func (w *write) fits(key string, size int) error {
	o, l := w.o, &w.o.limits
	grows, count := size, len(o.slots)
	if s := o.slots[key]; s != nil {
		grows -= len(s.raw)
	} else {
		grows += len(key)
		count++
	}
	switch {
	case size > l.ValueBytes:
		return over("shared_object_value_bytes", size, l.ValueBytes)
	case count > l.Slots:
		return over("shared_object_slots", count, l.Slots)
	case o.bytes+grows > l.ObjectBytes:
		return over("shared_object_total_bytes", o.bytes+grows, l.ObjectBytes)
	case grows > 0 && w.rights.Room >= 0 && o.bytes+grows-w.began > w.rights.Room:
		return &LimitError{Option: w.rights.Limit, Value: o.bytes + grows - w.began, Max: w.rights.Room}
	}
	return nil
}

func (w *write) remove(key string) error {
	o := w.o
	if !w.rights.Write {
		return w.refuse(key, ErrNoWriteAccess)
	}
	if o.slots[key] == nil || o.conflict(w.id, w.version, key) {
		w.present(key)
		return nil
	}
	o.drop(key, w.id)
	o.log.change(Server, Event{Type: Remove, Key: key})
	if w.m != nil {
		w.m.overwritten(key, o.version)
	}
	return nil
}

func (w *write) clear() error {
	o := w.o
	if !w.rights.Write {
		err := w.refuse("", ErrNoWriteAccess)
		for _, key := range o.keys() {
			w.present(key)
		}
		return err
	}
	o.dropAll(w.id)
	o.log.clear()
	if w.m != nil {
		w.m.overwrote, w.m.all = nil, o.version
	}
	return nil
}

func (w *write) send(e *Event) error {
	if !w.rights.Write {
		return w.refuse("", ErrNoWriteAccess)
	}
	size, err := amf.Append0(nil, append([]amf.Value{e.Handler}, e.Args...)...)
	if err == nil {
		err = over("shared_object_value_bytes", len(size), w.o.limits.ValueBytes)
	}
	if err != nil {
		return w.refuse("", err)
	}
	w.o.log.all(Event{Type: Send, Handler: e.Handler, Args: e.Args}, len(size))
	return nil
}
