package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"penstock/amf"
	"penstock/app"
	"penstock/rtmp"
	"penstock/sharedobject"
)

type slotsBody struct {
	Object   Object
	Sessions []string
	Sharing  int
	Slots    []struct {
		Slot, Type, Cut string
		Version         uint32
		Bytes           int
		Value           json.RawMessage
	}
	Next string
}

func (b *slotsBody) phrase() string {
	var parts []string
	for _, s := range b.Slots {
		parts = append(parts, fmt.Sprintf("%s:%s=%s%s", s.Slot, s.Type, s.Value, s.Cut))
	}
	return strings.Join(parts, " ")
}

// use is a client with a shared object of the application share.
func (w *world) use(name string, persistent bool) (*rtmp.Client, *rtmp.SharedObject) {
	w.t.Helper()
	c := w.dial("share", nil)
	so, err := c.SharedObject(w.t.Context(), name, rtmp.SharedObjectOptions{Persistent: persistent, Interval: time.Millisecond})
	if err != nil {
		w.t.Fatal(err)
	}
	return c, so
}

// slots is the page of an object's slots that query asks for.
func (w *world) slots(query string) *slotsBody {
	w.t.Helper()
	b := &slotsBody{}
	w.want(200, "GET", "/objects/slots?app=share&"+query, nil, b)
	return b
}

// What clients write is seen as it is at that moment, and so is who uses the object; looking keeps nothing.
func TestLiveValues(t *testing.T) {
	w := newWorld(t)
	ann, so := w.use("board", false)
	bob, other := w.use("board", false)
	if err := so.Set("b", amf.NewObject(amf.Prop{Key: "x", Value: 1.0}, amf.Prop{Key: "when", Value: amf.Date{Millis: 0}})); err != nil {
		t.Fatal(err)
	}
	if err := other.Set("a", "first"); err != nil {
		t.Fatal(err)
	}
	want := `a:String="first" b:Object={"x":1,"when":"1970-01-01T00:00:00Z"}`
	eventually(t, "both are there", func() bool { return w.slots("name=board").phrase() == want })
	first := w.slots("name=board")
	if o := first.Object; o.Name != "board" || o.Persistent || !o.InMemory || o.Slots != 2 || o.Members != 2 || o.Version == 0 || o.Bytes == 0 {
		t.Errorf("%+v", o)
	}
	if len(first.Sessions) != 2 || first.Sharing != 2 || first.Slots[0].Version == 0 || first.Slots[0].Bytes != 8 {
		t.Errorf("%+v", first)
	}
	if err := other.Set("a", "second"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the change is seen", func() bool { return string(w.slots("name=board").Slots[0].Value) == `"second"` })
	if now := w.slots("name=board"); now.Object.Version <= first.Object.Version || now.Slots[1].Version != first.Slots[1].Version {
		t.Errorf("versions: first %+v, now %+v", first, now)
	}
	var sessions struct{ Sessions []Session }
	w.want(200, "GET", "/sessions?app=share", nil, &sessions)
	if len(sessions.Sessions) != 2 || len(sessions.Sessions[0].Sharing) != 1 || sessions.Sessions[0].Sharing[0] != "board" || sessions.Sessions[0].ID != first.Sessions[0] {
		t.Errorf("%+v", sessions)
	}
	_, _ = ann.Close(), bob.Close()
	eventually(t, "it goes with its users, though somebody looks", func() bool {
		return w.do("GET", "/objects/slots?app=share&name=board", nil, nil) == 404
	})
}

// An object that a script holds is seen too, with nobody in it but the script.
func TestObjectOfScript(t *testing.T) {
	w := newWorld(t)
	c := w.dial("talk/lobby/", nil)
	if _, err := c.Call(t.Context(), "write", "ann", true); err != nil {
		t.Fatal(err)
	}
	var b slotsBody
	w.want(200, "GET", "/objects/slots?app=talk&instance=lobby&name=users", nil, &b)
	if b.phrase() != "ann:Boolean=true" || b.Sharing != 0 || b.Object.Members != 1 {
		t.Errorf("%+v", b)
	}
	w.want(404, "GET", "/objects/slots?app=talk&name=users", nil, nil)
}

// Whatever clients write, an answer stays small and JSON, and nothing in it is markup.
func TestValuesAreBounded(t *testing.T) {
	w := newWorld(t)
	const evil = "</script><img src=x onerror=alert(1)>\u2028"
	laughs := amf.Value("ha")
	for range 12 { // one text, four thousand times
		laughs = amf.NewArray(laughs, laughs)
	}
	shared, err := w.hubs["share"].Get(t.Context(), app.DefaultInstance, "many", false)
	if err != nil {
		t.Fatal(err)
	}
	defer shared.Close()
	err = shared.Update(func(tx *sharedobject.Tx) error {
		for i := range 400 {
			if err := tx.Set(fmt.Sprintf("k%03d", i), strings.Repeat("x", 1000)); err != nil {
				return err
			}
		}
		for key, v := range map[string]amf.Value{
			"a " + evil: evil, "b": strings.Repeat("y", 5000), "c": laughs, "d": strings.Repeat("<", 300_000), "e": nil, "f": amf.NewArray(1.0, "x"),
			"g": &amf.ByteArray{Data: []byte{1, 2}}, "h": amf.Undefined,
		} {
			if err := tx.Set(key, v); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	seen, pages := 0, 0
	for query := "name=many&limit=500"; ; {
		b := w.slots(query)
		seen, pages = seen+len(b.Slots), pages+1
		size := 0
		for _, s := range b.Slots {
			size += len(s.Value) + len(s.Cut)
			if len(s.Value) > maxValue || len(s.Cut) > maxValue+100 || s.Value == nil && s.Cut == "" {
				t.Errorf("%s: %d bytes, cut %d", s.Slot, len(s.Value), len(s.Cut))
			}
		}
		if size > maxAnswer {
			t.Errorf("a page of %d bytes", size)
		}
		if b.Next == "" {
			break
		}
		query = "name=many&limit=500&after=" + b.Next
	}
	if seen != 408 || pages != 2 {
		t.Errorf("%d slots on %d pages", seen, pages)
	}
	few := w.slots("name=many&limit=2")
	if len(few.Slots) != 2 || few.Next != "b" || few.Object.Slots != 408 || string(few.Slots[0].Value) != `"\u003c/script\u003e\u003cimg src=x onerror=alert(1)\u003e\u2028"` {
		t.Errorf("%+v", few)
	}
	rest := w.slots("name=many&limit=6&after=b")
	if got := rest.phrase(); !strings.Contains(got, `e:null=null f:Array=[1,"x"] g:ByteArray="AQI=" h:undefined=null`) || !strings.HasPrefix(got, "c:Array=[[[") {
		t.Errorf("%s", got)
	}
	// One alone is whole, unless it is too long for that too.
	if b := w.slots("name=many&slot=b"); len(b.Slots) != 1 || len(b.Slots[0].Value) != 5002 || b.Slots[0].Cut != "" {
		t.Errorf("%+v", b)
	}
	if b := w.slots("name=many&slot=d"); b.Slots[0].Value != nil || b.Slots[0].Cut == "" {
		t.Errorf("%d bytes", len(b.Slots[0].Value))
	}
	w.want(404, "GET", "/objects/slots?app=share&name=many&slot=zzz", nil, nil)
	req, _ := http.NewRequestWithContext(t.Context(), "GET", w.http+Prefix+"/objects/slots?app=share&name=many", nil)
	resp, err := w.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	// Names are as they are: a browser that is sent here reads JSON, whatever is in it.
	if got := resp.Header; got.Get("Content-Type") != "application/json" || got.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("sent as %v", got)
	}
}

type objectsBody struct {
	Objects []Object
	Next    string
}

// Objects are listed in memory and stored, in pages; emptied and deleted, one and many.
func TestClearAndDelete(t *testing.T) {
	w := newWorld(t)
	names := func(query string) string {
		t.Helper()
		var b objectsBody
		w.want(200, "GET", "/objects?app=share"+query, nil, &b)
		var parts []string
		for _, o := range b.Objects {
			parts = append(parts, fmt.Sprintf("%s %t %t", o.Name, o.Persistent, o.InMemory))
		}
		return strings.Join(append(parts, b.Next), ", ")
	}
	if got := names(""); got != "" {
		t.Errorf("at first: %s", got)
	}
	_, temporary := w.use("room/a", false)
	_, used := w.use("kept/used", true)
	leaver, left := w.use("kept/left", true)
	for _, so := range []*rtmp.SharedObject{temporary, used, left} {
		if err := so.Set("k", 1.0); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "what is kept is there", func() bool { return w.slots("name=kept/left").phrase() == "k:Number=1" })
	_ = leaver.Close()
	eventually(t, "one is only stored", func() bool { return names("") == "kept/left true false, kept/used true true, room/a false true, " })
	if got := names("&limit=2") + "; " + names("&limit=2&after=kept/used"); got != "kept/left true false, kept/used true true, kept/used; room/a false true, " {
		t.Errorf("pages: %s", got)
	}
	if got := w.slots("name=kept/left").phrase(); got != "k:Number=1" {
		t.Errorf("what is stored: %s", got)
	}
	if got := names(""); !strings.HasPrefix(got, "kept/left true false") {
		t.Errorf("looking has loaded it: %s", got)
	}
	var gone struct{ Gone bool }
	w.want(200, "DELETE", "/objects?app=share&name=kept/left", nil, &gone)
	if got := names(""); !gone.Gone || got != "kept/used true true, room/a false true, " {
		t.Errorf("deleted %t: %s", gone.Gone, got)
	}
	w.want(404, "DELETE", "/objects?app=share&name=kept/left", nil, nil)
	w.want(200, "DELETE", "/objects?app=share&name=kept/used", nil, &gone)
	record, err := w.store.Load(t.Context(), sharedobject.Key{Hub: "share", Instance: app.DefaultInstance, Name: "kept/used"})
	if gone.Gone || err == nil && len(record.Slots) > 0 {
		t.Errorf("in use, gone %t: %+v", gone.Gone, record)
	}
	eventually(t, "its users are told", func() bool { slots, _ := used.Slots(); return len(slots) == 0 })

	var cleared struct{ Objects int }
	for _, tc := range []struct {
		body any
		want int
	}{
		{map[string]any{"app": "share", "name": "room/a"}, 1}, {map[string]any{"app": "share", "pattern": "room/*"}, 1},
		{map[string]any{"app": "share", "all": true}, 2}, {map[string]any{"app": "share", "pattern": "nothing"}, 0},
		{map[string]any{"app": "share", "instance": "other", "all": true}, 0},
	} {
		if err := temporary.Set("k", 2.0); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the slot is there", func() bool { return w.slots("name=room/a").phrase() == "k:Number=2" })
		w.want(200, "POST", "/objects/clear", tc.body, &cleared)
		if cleared.Objects != tc.want {
			t.Errorf("%v: %d cleared", tc.body, cleared.Objects)
		}
		if tc.want > 0 {
			eventually(t, "its user is told", func() bool { slots, _ := temporary.Slots(); return len(slots) == 0 })
		}
	}
	_, strange := w.use("a*[b", false)
	_, plain := w.use("axxb", false)
	for _, so := range []*rtmp.SharedObject{strange, plain} {
		if err := so.Set("k", 1.0); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "both are there", func() bool { return len(w.slots("name=axxb").Slots)+len(w.slots("name=a*%5Bb").Slots) == 2 })
	w.want(200, "POST", "/objects/clear", map[string]any{"app": "share", "name": "a*[b"}, &cleared)
	if len(w.slots("name=axxb").Slots) != 1 || len(w.slots("name=a*%5Bb").Slots) != 0 {
		t.Error("a name was taken for a pattern")
	}
	for code, bodies := range map[int][]map[string]any{
		404: {{"app": "share", "name": "nothing"}, {"app": "nosuch", "all": true}, {"app": "live", "all": true}},
		422: {{"app": "share"}, {"app": "share", "name": "x", "all": true}, {"app": "share", "pattern": "[", "name": ""}, {"name": "x"}},
	} {
		for _, body := range bodies {
			w.want(code, "POST", "/objects/clear", body, nil)
		}
	}
	w.want(404, "GET", "/objects?app=nosuch", nil, nil)
	w.want(200, "GET", "/objects?app=live", nil, nil)
	w.want(404, "GET", "/objects/slots?app=live&name=x", nil, nil)
	w.want(404, "GET", "/objects/slots?app=share&name=../x", nil, nil)
}
