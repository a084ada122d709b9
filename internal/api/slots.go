package api

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"penstock/amf"
	"penstock/sharedobject"
)

// Bounds of one answer about a shared object, whatever clients have written into it.
const (
	maxValue    = 4 << 10   // bytes of JSON of one value
	maxAnswer   = 256 << 10 // bytes of JSON of all values, and of names
	maxOneValue = 1 << 20   // bytes of JSON of the one value that was asked for by its slot
	maxSharers  = 100       // IDs of sessions
)

// Slot is a slot of a shared object.
type Slot struct {
	Slot    string `json:"slot" doc:"Its name."`
	Version uint32 `json:"version" doc:"Of the object when the slot was changed last."`
	Bytes   int    `json:"bytes" doc:"Of its value in AMF0."`
	Type    string `json:"type" doc:"Of its value in ActionScript: JSON has no word for some."`
	Value   any    `json:"value,omitempty" doc:"Its value as JSON; absent when that is too long."`
	Cut     string `json:"cut,omitempty" doc:"The beginning of a value that is too long, in one line for people. Ask for the slot alone to get up to 1 MiB of JSON."`
}

type slotsInput struct {
	Within
	Name  string `query:"name" required:"true" maxLength:"1024" doc:"Name of the object."`
	Slot  string `query:"slot" maxLength:"1024" doc:"Only this slot, with its whole value if that is up to 1 MiB of JSON."`
	After string `query:"after" maxLength:"1024" doc:"next of the page before."`
	Limit int    `query:"limit" minimum:"1" maximum:"500" default:"100" doc:"How many slots at the most; fewer when their values are long."`
}

type slotsOutput struct {
	Body struct {
		Object   Object   `json:"object"`
		Sessions []string `json:"sessions" doc:"IDs of those that use it, oldest first; at most 100."`
		Sharing  int      `json:"sharing" doc:"How many sessions use it. The other members belong to the server's own programs and scripts."`
		Slots    []Slot   `json:"slots" doc:"In the order of their names."`
		Next     string   `json:"next,omitempty" doc:"after of the next page; absent on the last."`
	}
}

func (h *handler) listSlots(ctx context.Context, in *slotsInput) (*slotsOutput, error) {
	hub, err := h.hub(in.App)
	if err != nil {
		return nil, err
	}
	s, err := hub.Snapshot(ctx, in.Instance, in.Name)
	if err != nil {
		return nil, objectError(err)
	}
	out := &slotsOutput{}
	out.Body.Object = newObject(&s.Info, s.InMemory)
	out.Body.Sessions = []string{}
	for _, c := range h.o.Instances.Clients(in.App, in.Instance) {
		if !slices.Contains(c.Sharing(), in.Name) {
			continue
		}
		if out.Body.Sharing++; len(out.Body.Sessions) < maxSharers {
			out.Body.Sessions = append(out.Body.Sessions, c.ID)
		}
	}
	if in.Slot != "" {
		for _, v := range s.Values {
			if v.Key == in.Slot {
				slot, _ := newSlot(&v, maxOneValue)
				out.Body.Slots = []Slot{slot}
				return out, nil
			}
		}
		return nil, huma.Error404NotFound("The object has no slot of that name now.")
	}
	out.Body.Slots, out.Body.Next = pageOf(s.Values, in.After, in.Limit)
	return out, nil
}

// pageOf is the slots behind after, as many as limit and maxAnswer let in, and where the next page begins.
func pageOf(values []sharedobject.SlotValue, after string, limit int) (slots []Slot, next string) {
	slots = []Slot{}
	slices.SortFunc(values, func(a, b sharedobject.SlotValue) int { return cmp.Compare(a.Key, b.Key) })
	bytes := 0
	for i := range values {
		if values[i].Key <= after {
			continue
		}
		if len(slots) == limit {
			return slots, slots[limit-1].Slot
		}
		s, n := newSlot(&values[i], maxValue)
		if bytes += n + len(s.Slot); bytes > maxAnswer && len(slots) > 0 {
			return slots, slots[len(slots)-1].Slot
		}
		slots = append(slots, s)
	}
	return slots, ""
}

// newSlot shows a value whose JSON is not longer than max, and the beginning of others. n is what it adds to an answer.
func newSlot(v *sharedobject.SlotValue, max int) (s Slot, n int) {
	s = Slot{Slot: v.Key, Version: v.Version, Bytes: v.Bytes, Type: typeOf(v.Value)}
	b, err := amf.AppendJSONMax(nil, v.Value, max)
	if err != nil { // too long, or within itself
		s.Cut = amf.Format(v.Value)
		return s, len(s.Cut)
	}
	s.Value = json.RawMessage(b)
	return s, len(b)
}

// typeOf is what a value is called in ActionScript.
func typeOf(v amf.Value) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case amf.UndefinedType, amf.UnsupportedType:
		return "undefined"
	case bool:
		return "Boolean"
	case float64:
		return "Number"
	case int32:
		return "int"
	case string:
		return "String"
	case amf.XML, amf.XMLDocument:
		return "XML"
	case amf.Date:
		return "Date"
	case *amf.ByteArray:
		return "ByteArray"
	case *amf.Array:
		return "Array"
	case *amf.VectorInt, *amf.VectorUint, *amf.VectorDouble, *amf.VectorObject:
		return "Vector"
	case *amf.Dictionary:
		return "Dictionary"
	case *amf.Object:
		if v.Class != "" {
			return clean(v.Class)
		}
	case *amf.Externalizable:
		return clean(v.Class)
	}
	return "Object"
}
