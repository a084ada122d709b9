package rtmp_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"penstock/amf"
	"penstock/rtmp"
	"penstock/rtmp/rtmptest"
	"penstock/sharedobject"
	"penstock/status"
)

// wantShared is the next shared object message, decoded.
func wantShared(t *testing.T, p *rtmptest.Peer, amf3 bool) *sharedobject.Message {
	t.Helper()
	typ := rtmp.TypeSharedObjectAMF0
	if amf3 {
		typ = rtmp.TypeSharedObjectAMF3
	}
	m, err := sharedobject.Parse(p.WantMessage(typ).Payload, amf3, sharedobject.ParseLimits{})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func tell(t *testing.T, p *rtmptest.Peer, amf3 bool, m *sharedobject.Message) {
	t.Helper()
	b, err := m.Append(nil, amf3)
	if err != nil {
		t.Fatal(err)
	}
	out := &rtmp.Message{Type: rtmp.TypeSharedObjectAMF0, CSID: 3, Payload: b}
	if amf3 {
		out.Type = rtmp.TypeSharedObjectAMF3
	}
	p.SendMessage(out)
}

// A client against a server that follows a script, in both formats.
func TestSharedObject(t *testing.T) {
	for _, encoding := range []int{0, 3} {
		amf3 := encoding == 3
		gone, checked := make(chan struct{}), make(chan struct{})
		url := accepted(t, func(p *rtmptest.Peer) {
			defer close(gone)
			use := wantShared(t, p, amf3)
			if use.Name != "board" || use.Flags != sharedobject.FlagPersistent || use.Version != 0 || use.Events[0].Type != sharedobject.Use {
				t.Errorf("use is %+v", use)
			}
			tell(t, p, amf3, &sharedobject.Message{Name: "board", Version: 7, Events: []sharedobject.Event{
				{Type: sharedobject.UseSuccess}, {Type: sharedobject.Clear}, {Type: sharedobject.Change, Key: "x", Value: 1.0}}})
			m := wantShared(t, p, amf3)
			if e := m.Events[0]; m.Version != 7 || e.Type != sharedobject.RequestChange || e.Key != "y" || !amf.Equal(e.Value, amf.NewArray(1.0, "two")) {
				t.Errorf("change is %+v", m)
			}
			tell(t, p, amf3, &sharedobject.Message{Name: "board", Version: 8, Events: []sharedobject.Event{{Type: sharedobject.Success, Key: "y"}}})
			// What is changed within the interval comes in one message.
			m = wantShared(t, p, amf3)
			if len(m.Events) != 3 || m.Events[0].Type != sharedobject.RequestRemove || m.Events[1].Handler != "hello" || m.Events[2].Key != "x" {
				t.Errorf("changes are %+v", m)
			}
			tell(t, p, amf3, &sharedobject.Message{Name: "board", Version: 9, Events: []sharedobject.Event{
				{Type: sharedobject.Remove, Key: "y"}, {Type: sharedobject.Send, Handler: "hello", Args: []amf.Value{"you"}},
				{Type: sharedobject.Change, Key: "x", Value: "other's"}, sharedobject.StatusEvent(sharedobject.NoWriteAccess)}})
			if m = wantShared(t, p, amf3); m.Events[0].Type != sharedobject.RequestClear {
				t.Errorf("clear is %+v", m)
			}
			if m = wantShared(t, p, amf3); m.Events[0].Type != sharedobject.Release {
				t.Errorf("release is %+v", m)
			}
			select { // the end of the connection would be the answer otherwise
			case <-checked:
			case <-time.After(15 * time.Second):
			}
		})
		c := dial(t, url, &rtmp.ClientConfig{ObjectEncoding: encoding})
		heard := make(chan sharedobject.Notice, 20)
		so, err := c.SharedObject(t.Context(), "board", rtmp.SharedObjectOptions{Persistent: true, Interval: time.Hour,
			OnSync: func(list []sharedobject.Notice) {
				for _, n := range list {
					heard <- n
				}
			}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.SharedObject(t.Context(), "board", rtmp.SharedObjectOptions{}); err == nil {
			t.Error("an object was used twice")
		}
		want := func(code sharedobject.NoticeCode, key string) sharedobject.Notice {
			t.Helper()
			select {
			case n := <-heard:
				if n.Code != code || n.Key != key {
					t.Fatalf("heard %+v, want %s %s", n, code, key)
				}
				return n
			case <-time.After(10 * time.Second):
				t.Fatalf("no %s %s", code, key)
			}
			return sharedobject.Notice{}
		}
		want(sharedobject.Cleared, "")
		want(sharedobject.Changed, "x")
		mine := amf.NewArray(1.0, "two")
		if err := so.Set("y", mine); err != nil {
			t.Fatal(err)
		}
		mine.Dense[0] = 5.0 // the object has a copy
		if v, ok := so.Get("y"); !ok || !amf.Equal(v, amf.NewArray(1.0, "two")) {
			t.Errorf("y is %v", v)
		}
		want(sharedobject.Succeeded, "y")
		if err := errors.Join(so.Remove("y"), so.Send("hello", "you"), so.Set("x", true), so.Flush()); err != nil {
			t.Fatal(err)
		}
		want(sharedobject.Deleted, "y")
		if n := want(sharedobject.Called, "hello"); n.Args[0] != "you" {
			t.Errorf("called with %v", n.Args)
		}
		if n := want(sharedobject.Rejected, "x"); n.Value != "other's" || n.Old != true {
			t.Errorf("rejected with %+v", n)
		}
		want(sharedobject.Refused, sharedobject.NoWriteAccess)
		if slots, version := so.Slots(); version != 9 || len(slots) != 1 || slots[0].Value != "other's" {
			t.Errorf("slots %v at version %d", slots, version)
		}
		if err := errors.Join(so.Clear(), so.Close(), so.Close()); err != nil {
			t.Error(err)
		}
		if err := so.Set("x", 1.0); !errors.Is(err, rtmp.ErrObjectClosed) {
			t.Errorf("Set after Close: %v", err)
		}
		close(checked)
		<-gone
		<-c.Done()
	}
}

// What the server refuses, and an end of the connection, are statuses.
func TestSharedObjectRefused(t *testing.T) {
	url := accepted(t, func(p *rtmptest.Peer) {
		wantShared(t, p, false)
		tell(t, p, false, &sharedobject.Message{Name: "a", Events: []sharedobject.Event{sharedobject.StatusEvent(sharedobject.NoReadAccess)}})
		wantShared(t, p, false)
		wantShared(t, p, false)
	})
	c := dial(t, url, nil)
	_, err := c.SharedObject(t.Context(), "a", rtmp.SharedObjectOptions{})
	if s, ok := status.Of(err); !ok || s.Code != status.SharedObjectNoReadAccess || s.Level != "error" {
		t.Errorf("refused with %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err = c.SharedObject(ctx, "b", rtmp.SharedObjectOptions{})
	if s, ok := status.Of(err); !ok || s.Code != status.CallFailed || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("without an answer: %v", err)
	}
	<-c.Done()
	for range 2 {
		_, err = c.SharedObject(t.Context(), "c", rtmp.SharedObjectOptions{})
		if s, ok := status.Of(err); !ok || s.Code != status.CallFailed {
			t.Errorf("after the end: %v", err)
		}
	}
}
