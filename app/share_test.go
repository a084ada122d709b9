package app

import (
	"context"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"time"

	"penstock/amf"
	"penstock/rtmp"
	"penstock/rtmp/rtmptest"
	"penstock/sharedobject"
	"penstock/status"
)

// sharing is a session whose rules are in the objects' names.
type sharing struct {
	nothing
	hub *sharedobject.Hub
}

func (s sharing) Share(_ context.Context, r *ShareRequest) (*sharedobject.Hub, error) {
	switch {
	case strings.HasPrefix(r.Name, "secret/"):
		return nil, errors.New("inner reason")
	case strings.HasPrefix(r.Name, "full/"):
		return nil, status.For(status.SharedObjectObjectCreationFailed)
	}
	r.Write = !strings.HasPrefix(r.Name, "read/")
	r.Create = !strings.HasPrefix(r.Name, "old/")
	return s.hub, nil
}

func serveObjects(t testing.TB, o sharedobject.Options) (*world, *sharedobject.Hub) {
	t.Helper()
	hub := sharedobject.NewHub(o)
	mux := live()
	mux.HandleFunc("so", func(context.Context, *Client, []amf.Value) (Session, error) { return sharing{hub: hub}, nil })
	w := serve(t, mux, func(s *Server) { s.NoBWDone = true })
	t.Cleanup(func() {
		if err := hub.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return w, hub
}

func sendShared(t *testing.T, p *rtmptest.Peer, body string) {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(body, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	p.SendMessage(&rtmp.Message{Type: rtmp.TypeSharedObjectAMF0, CSID: 3, Payload: b})
}

func wantShared(t *testing.T, p *rtmptest.Peer, body string) {
	t.Helper()
	m := p.WantMessage(rtmp.TypeSharedObjectAMF0)
	if got := hex.EncodeToString(m.Payload); got != strings.ReplaceAll(body, " ", "") {
		t.Fatalf("got  %s\nwant %s", got, body)
	}
	if m.CSID != 3 || m.StreamID != 0 {
		t.Errorf("on chunk stream %d, message stream %d", m.CSID, m.StreamID)
	}
}

// name, version, flags and zero of a message about "foo"
func foo(version, flags string) string {
	return "0003666f6f 000000" + version + " 000000" + flags + " 00000000 "
}

// The bytes of a conversation between three clients, the third a proxy as npm's rtmp-client is.
func TestSharedObjectBytes(t *testing.T) {
	w, _ := serveObjects(t, sharedobject.Options{Interval: time.Millisecond})
	var p [3]*rtmptest.Peer
	use := []string{foo("00", "00"), foo("00", "00"), foo("00", "10")}
	first := []string{"", "", ""}
	first[0] = foo("02", "00") + "0b00000000 0800000000"
	first[1] = foo("04", "00") + "0b00000000 0800000000 040000000c 000161 003ff0000000000000"
	first[2] = foo("05", "30") + "0b00000000 0800000000 040000000c 000161 003ff0000000000000"
	for i := range p {
		p[i] = rtmptest.Dial(t, w.addr)
		p[i].Open("so")
		sendShared(t, p[i], use[i]+"0100000000")
		wantShared(t, p[i], first[i])
		if i == 0 {
			sendShared(t, p[0], foo("02", "00")+"030000000c 000161 003ff0000000000000") // a = 1
			wantShared(t, p[0], foo("03", "00")+"0500000003 000161")
		}
	}
	// The writer is told success, the others the change.
	sendShared(t, p[1], foo("04", "00")+"0300000007 000162 020001 78") // b = "x"
	wantShared(t, p[1], foo("06", "00")+"0500000003 000162")
	wantShared(t, p[0], foo("06", "00")+"0400000007 000162 02000178")
	wantShared(t, p[2], foo("06", "10")+"0400000007 000162 02000178")
	// A proxy is told its own change with the value.
	sendShared(t, p[2], foo("06", "10")+"0300000005 000163 0101") // c = true
	wantShared(t, p[2], foo("07", "10")+"0d00000005 000163 0101")
	wantShared(t, p[0], foo("07", "00")+"0400000005 000163 0101")
	wantShared(t, p[1], foo("07", "00")+"0400000005 000163 0101")
	// One that did not know of the change is answered with the present value.
	sendShared(t, p[0], foo("06", "00")+"0300000005 000163 0100")
	wantShared(t, p[0], foo("08", "00")+"0400000005 000163 0101")
	// Remove and clear are for everybody.
	sendShared(t, p[0], foo("08", "00")+"0a00000003 000161")
	sendShared(t, p[0], foo("08", "00")+"0600000011 02000568656c6c6f 004000000000000000")
	for i, flags := range []string{"00", "00", "10"} {
		wantEvents(t, p[i], flags, "0900000003 000161", "0600000011 02000568656c6c6f 004000000000000000")
	}
	sendShared(t, p[1], foo("09", "00")+"0e00000000")
	for i, flags := range []string{"00", "00", "10"} {
		wantShared(t, p[i], foo("0a", flags)+"0800000000")
	}
	// Who has released it hears no more, and its object goes with the last.
	sendShared(t, p[0], foo("0a", "00")+"0200000000")
	sendShared(t, p[0], foo("0a", "00")+"0300000005 000163 0101")
	wantShared(t, p[0], foo("00", "00")+status7("SharedObject.NoWriteAccess"))
}

// What is said of a persistent object carries its flag, whatever else the client's flags are.
func TestPersistentObjectBytes(t *testing.T) {
	w, _ := serveObjects(t, sharedobject.Options{Interval: time.Millisecond, Store: new(sharedobject.MemoryStore)})
	p := rtmptest.Dial(t, w.addr)
	p.Open("so")
	sendShared(t, p, foo("00", "02")+"0100000000")
	wantShared(t, p, foo("02", "02")+"0b00000000 0800000000")
	sendShared(t, p, foo("02", "02")+"030000000c 000161 003ff0000000000000")
	wantShared(t, p, foo("03", "02")+"0500000003 000161")
	proxy := rtmptest.Dial(t, w.addr)
	proxy.Open("so")
	sendShared(t, proxy, foo("00", "12")+"0100000000")
	wantShared(t, proxy, foo("04", "32")+"0b00000000 0800000000 040000000c 000161 003ff0000000000000")
	sendShared(t, proxy, foo("00", "10")+"0100000000")
	wantShared(t, proxy, foo("00", "10")+status7("SharedObject.BadPersistence"))
}

// wantEvents wants these events of "foo" in order, in as many messages as it takes.
func wantEvents(t *testing.T, p *rtmptest.Peer, flags string, events ...string) {
	t.Helper()
	want := strings.ReplaceAll(strings.Join(events, ""), " ", "")
	for want != "" {
		m := p.WantMessage(rtmp.TypeSharedObjectAMF0)
		got, ok := strings.CutPrefix(hex.EncodeToString(m.Payload[17:]), "")
		if !ok || len(got) == 0 || !strings.HasPrefix(want, got) || m.Payload[12] != mustHex(t, flags) {
			t.Fatalf("got %x, want %s", m.Payload, want)
		}
		want = want[len(got):]
	}
}

func mustHex(t *testing.T, s string) byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b[0]
}

func status7(code string) string {
	data := hex.EncodeToString([]byte{0, byte(len(code))}) + hex.EncodeToString([]byte(code)) + "0005" + hex.EncodeToString([]byte("error"))
	return "07000000" + hex.EncodeToString([]byte{byte(len(data) / 2)}) + data
}

// Every refusal is a status event, and is recorded with its cause.
func TestSharedObjectRefusals(t *testing.T) {
	w, hub := serveObjects(t, sharedobject.Options{Store: new(sharedobject.MemoryStore)})
	kept, err := hub.Get(t.Context(), DefaultInstance, "kept", true)
	if err != nil {
		t.Fatal(err)
	}
	defer kept.Close()
	ask := func(app, name string, persistent bool) error {
		t.Helper()
		so, err := dial(t, w.url(app), nil).SharedObject(t.Context(), name, rtmp.SharedObjectOptions{Persistent: persistent})
		if err == nil {
			_ = so.Close()
		}
		return err
	}
	for _, tt := range []struct {
		app, name  string
		persistent bool
		code       status.Code
		cause      Cause
	}{
		{"live", "x", false, status.SharedObjectNoReadAccess, CauseNoAbility},
		{"so", "secret/x", false, status.SharedObjectNoReadAccess, CauseFailed},
		{"so", "full/x", false, status.SharedObjectObjectCreationFailed, CauseHandler},
		{"so", "old/x", false, status.SharedObjectObjectCreationFailed, CausePolicy},
		{"so", "kept", false, status.SharedObjectBadPersistence, CauseMalformed},
		{"so", "a/../b", false, status.SharedObjectObjectCreationFailed, CauseBadName},
		{"so", strings.Repeat("n", 256), false, status.SharedObjectObjectCreationFailed, CauseLimit},
	} {
		s := wantStatus(t, ask(tt.app, tt.name, tt.persistent), tt.code)
		if s.Level != status.LevelError {
			t.Errorf("%s: level %q", tt.name, s.Level)
		}
		r := w.wantRefusal(t, tt.cause)
		if r.Stage != StageShare || r.Status.Code != tt.code || r.Stream == tt.name || r.XStatus == 0 {
			t.Errorf("%s is recorded as %v", tt.name, r)
		}
		w.mu.Lock()
		w.refusals = nil
		w.mu.Unlock()
	}
	t.Run("write", func(t *testing.T) {
		w.mu.Lock()
		w.refusals = nil
		w.mu.Unlock()
		board, err := hub.Get(t.Context(), DefaultInstance, "read/x", false)
		if err != nil {
			t.Fatal(err)
		}
		defer board.Close()
		if err := board.Set("colour", "red"); err != nil {
			t.Fatal(err)
		}
		heard := make(chan []sharedobject.Notice, 10)
		so, err := dial(t, w.url("so"), nil).SharedObject(t.Context(), "read/x",
			rtmp.SharedObjectOptions{OnSync: func(n []sharedobject.Notice) { heard <- n }})
		if err != nil {
			t.Fatal(err)
		}
		<-heard
		if err := so.Set("colour", "blue"); err != nil {
			t.Fatal(err)
		}
		n := <-heard
		if len(n) != 2 || n[0].Key != sharedobject.NoWriteAccess || n[1].Code != sharedobject.Rejected || n[1].Value != "red" {
			t.Errorf("heard %+v", n)
		}
		if r := w.wantRefusal(t, CausePolicy); r.Status.Code != status.SharedObjectNoWriteAccess {
			t.Errorf("recorded as %v", r)
		}
	})
}

// A message that makes no sense ends nothing, but they are counted; one before connect is for nobody.
func TestSharedObjectGarbage(t *testing.T) {
	w, _ := serveObjects(t, sharedobject.Options{})
	p := rtmptest.Dial(t, w.addr)
	p.Open("so")
	sendShared(t, p, "0003666f")
	if r := w.wantRefusal(t, CauseEncoding); r.Stage != StageShare {
		t.Errorf("recorded as %v", r)
	}
	sendShared(t, p, foo("00", "00")+"0100000000")
	wantShared(t, p, foo("02", "00")+"0b00000000 0800000000")

	p = rtmptest.Dial(t, w.addr)
	p.Handshake()
	sendShared(t, p, foo("00", "00")+"0100000000")
	w.wantRefusal(t, CauseMalformed)
	p.Connect("so")
	p.WantStatus(status.ConnectSuccess)
}

// Who only shares objects in a media application is active; who released them is not.
func TestSharingIsActivity(t *testing.T) {
	hub := sharedobject.NewHub(sharedobject.Options{})
	mux := NewMux()
	mux.Handle("live", Live(LiveOptions{Share: ShareAll(hub)}))
	w := serve(t, mux, func(s *Server) { s.Limits.ActivityTimeout = 200 * time.Millisecond })
	c := dial(t, w.url("live"), nil)
	so, err := c.SharedObject(t.Context(), "x", rtmp.SharedObjectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if got := w.Clients()[0].Sharing(); len(got) != 1 || got[0] != "x" {
		t.Errorf("shares %q", got)
	}
	select {
	case <-c.Done():
		t.Fatalf("ended: %v", c.Err())
	case <-time.After(time.Second):
	}
	if err := so.Close(); err != nil {
		t.Fatal(err)
	}
	<-c.Done()
	wantStatus(t, c.Err(), status.ConnectIdleTimeOut)
}

// An object of a megabyte reaches a client whole, which a message of the usual length could not hold.
func TestLargeObject(t *testing.T) {
	w, hub := serveObjects(t, sharedobject.Options{})
	big, err := hub.Get(t.Context(), DefaultInstance, "big", false)
	if err != nil {
		t.Fatal(err)
	}
	defer big.Close()
	err = big.Update(func(tx *sharedobject.Tx) error {
		for i := range 16 {
			if err := tx.Set(string(rune('a'+i)), strings.Repeat("x", 65000)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	so, err := dial(t, w.url("so"), nil).SharedObject(t.Context(), "big", rtmp.SharedObjectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if slots, _ := so.Slots(); len(slots) != 16 {
		t.Errorf("%d slots", len(slots))
	}
}

// Clients of both formats share one object: what AMF0 has no form for travels as AMF3 within it.
func TestSharedObjectEncodings(t *testing.T) {
	w, _ := serveObjects(t, sharedobject.Options{Interval: time.Millisecond})
	type member struct {
		so    *rtmp.SharedObject
		heard chan sharedobject.Notice
	}
	var members [2]member
	for i, encoding := range []int{0, 3} {
		m := &members[i]
		m.heard = make(chan sharedobject.Notice, 100)
		var err error
		m.so, err = dial(t, w.url("so"), &rtmp.ClientConfig{ObjectEncoding: encoding}).SharedObject(t.Context(), "mixed",
			rtmp.SharedObjectOptions{Interval: time.Millisecond, OnSync: func(list []sharedobject.Notice) {
				for _, n := range list {
					m.heard <- n
				}
			}})
		if err != nil {
			t.Fatal(err)
		}
	}
	wait := func(m *member, code sharedobject.NoticeCode, key string) sharedobject.Notice {
		t.Helper()
		for {
			select {
			case n := <-m.heard:
				if n.Code == code && n.Key == key {
					return n
				}
			case <-time.After(10 * time.Second):
				t.Fatalf("%s %s was not heard", code, key)
			}
		}
	}
	values := map[string]amf.Value{
		"text": "x", "null": nil, "object": amf.NewObject(amf.Prop{Key: "a", Value: amf.NewArray("p", "p", true)}), "date": amf.Date{Millis: 5},
		"bytes": &amf.ByteArray{Data: []byte{1, 2}}, "typed": &amf.Object{Class: "com.example.Point", Props: []amf.Prop{{Key: "x", Value: 1.5}}},
		"vector": &amf.VectorDouble{Data: []float64{1, 2}},
	}
	for from := range members {
		for name, v := range values {
			key := name + string(rune('0'+from))
			if err := members[from].so.Set(key, v); err != nil {
				t.Fatal(err)
			}
			wait(&members[from], sharedobject.Succeeded, key)
			if got := wait(&members[1-from], sharedobject.Changed, key).Value; amf.Format(got) != amf.Format(v) {
				t.Errorf("%s arrived as %s, want %s", key, amf.Format(got), amf.Format(v))
			}
		}
		if err := members[from].so.Send("hello", values["object"], values["object"]); err != nil {
			t.Fatal(err)
		}
		for i := range members {
			if n := wait(&members[i], sharedobject.Called, "hello"); len(n.Args) != 2 || amf.Format(n.Args[1]) != amf.Format(values["object"]) {
				t.Errorf("called with %s", amf.Format(amf.NewArray(n.Args...)))
			}
		}
	}
	late, err := dial(t, w.url("so"), &rtmp.ClientConfig{ObjectEncoding: 3}).SharedObject(t.Context(), "mixed", rtmp.SharedObjectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if slots, _ := late.Slots(); len(slots) != 2*len(values) {
		t.Errorf("a late client has %d slots", len(slots))
	}
}
