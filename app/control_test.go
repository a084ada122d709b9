package app

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"penstock/rtmp"
	"penstock/rtmp/rtmptest"
	"penstock/status"
)

// A client that is kicked is told, in words that may be the operator's, then close and FIN.
func TestKick(t *testing.T) {
	w := serve(t, live(), nil)
	for _, st := range []*status.Status{nil, status.New(status.ConnectRejected, "The show is over.")} {
		p := open(t, w)
		p.Publish("cam")
		p.WantStatus(status.PublishStart)
		clients := w.Clients() // one that was kicked may still be among them
		id := clients[len(clients)-1].ID
		if !w.Kick(id, st) {
			t.Fatal("not kicked")
		}
		if st != nil { // a Flash Player, which this is, raises NetConnection.Connect.Closed by itself
			p.WantStatus(status.PublishDenied)
			if got := p.WantStatus(st.Code).Status; got.Description != st.Description {
				t.Errorf("told %q, want %q", got.Description, st.Description)
			}
		}
		p.WantCommand("close")
		p.WantClosed()
		if w.Kick(id, nil) {
			t.Error("kicked twice")
		}
		if r := w.wantRefusal(t, CauseOperator); r.Rule != RuleKick || r.Stage != StageConnection || r.XStatus != 403 || r.BytesIn == 0 {
			t.Errorf("%+v", r)
		}
		w.mu.Lock()
		w.refusals = nil
		w.mu.Unlock()
	}
	if w.Kick("nobody", nil) {
		t.Error("kicked nobody")
	}
}

// Who is in an instance that ends is told so and may come again; the other instances and applications do not notice.
func TestEndInstance(t *testing.T) {
	mux := live()
	mux.Handle("other", Live(LiveOptions{}))
	w := serve(t, mux, nil)
	connect := func(app string) *rtmptest.Peer {
		p := rtmptest.Dial(t, w.addr)
		p.Handshake()
		p.Connect(app)
		p.WantResult(1)
		return p
	}
	for _, st := range []*status.Status{nil, status.New(status.ConnectAppShutdown, "The room is being cleaned.")} {
		in, away, next := connect("live/room"), connect("live"), connect("other/room")
		in.Publish("cam")
		in.WantStatus(status.PublishStart)
		if n := w.EndInstance("live", "room", st); n != 1 {
			t.Errorf("%d are ended", n)
		}
		in.WantStatus(status.PublishDenied)
		got := in.WantStatus(status.ConnectAppShutdown).Status
		if st != nil && got.Description != st.Description || got.Description == "" {
			t.Errorf("told %q", got.Description)
		}
		in.WantCommand("close")
		in.WantClosed()
		r := w.wantRefusal(t, CauseOperator)
		if r.Rule != RuleUnload || r.Stage != StageConnection || r.XStatus != 403 || r.Instance != "room" || r.Status.Code != status.ConnectAppShutdown {
			t.Errorf("%+v", r)
		}
		for _, p := range []*rtmptest.Peer{away, next} {
			p.Publish("cam")
			p.WantStatus(status.PublishStart)
			p.Close()
		}
		w.mu.Lock()
		w.refusals = nil
		w.mu.Unlock()
		for deadline := time.Now().Add(20 * time.Second); len(w.Clients()) > 0 && time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		}
	}
	if n := w.EndInstance("live", "room", nil); n != 0 {
		t.Errorf("%d are ended of an empty instance", n)
	}
	connect("live/room")
}

// A name that is released is free at once; its publisher is told on its stream and ended, its players stay.
func TestRelease(t *testing.T) {
	w := serve(t, live(), nil)
	player, err := dial(t, w.url("live"), nil).Play(t.Context(), "camera", rtmp.PlayOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, st := range []*status.Status{nil, status.New(status.PublishBadName, "Somebody else has the stage.")} {
		p := open(t, w)
		p.Publish("camera")
		p.WantStatus(status.PublishStart)
		p.SendVideo(0, frame(true, 1))
		nextVideo(t, player)
		if err := w.Release("live/camera", st); err != nil {
			t.Fatal(err)
		}
		pub, err := w.Streams().Publish("live/camera", nil)
		if err != nil {
			t.Fatalf("the name is not free: %v", err)
		}
		if err := w.Release("live/camera", nil); !errors.Is(err, ErrOwnSource) {
			t.Errorf("a source of this process: %v", err)
		}
		if err := pub.Video(0, frame(true, 2)); err != nil {
			t.Fatal(err)
		}
		nextVideo(t, player)
		pub.Close()
		want := status.New(status.PublishDenied, "The operator of this server has ended the publishing of camera.")
		if st != nil {
			want = st
		}
		p.SendVideo(40, frame(false, 3)) // it has not noticed yet
		if got := p.WantStatus(want.Code).Status; got.Description != want.Description {
			t.Errorf("told %q, want %q", got.Description, want.Description)
		}
		p.WantCommand("close")
		p.WantClosed()
		if r := w.wantRefusal(t, CauseOperator); r.Rule != RuleRelease || r.Stage != StagePublish || r.Stream != "ca…" {
			t.Errorf("%+v", r)
		}
	}
	for _, key := range []string{"live/camera", "live/nobody", ""} {
		if err := w.Release(key, nil); !errors.Is(err, ErrNotPublished) {
			t.Errorf("release of %q: %v", key, err)
		}
	}
}

// Who is blocked is told so, whoever is connected from there is ended, and an end comes by itself or by Unblock.
func TestBlock(t *testing.T) {
	w := serve(t, live(), nil)
	home := netip.MustParsePrefix("::ffff:127.0.0.1/104") // 127.0.0.0/8
	p := open(t, w)
	if err := w.Block(Block{Network: home, Text: "Not you."}); err != nil {
		t.Fatal(err)
	}
	if got := p.WantStatus(status.ConnectRejected).Status; got.Description != "Not you." {
		t.Errorf("told %q", got.Description)
	}
	p.WantCommand("close")
	p.WantClosed()
	p = rtmptest.Dial(t, w.addr)
	p.Handshake()
	p.Connect("live")
	if got := p.WantError(1, status.ConnectRejected); got.Description != "Not you." {
		t.Errorf("told %q", got.Description)
	}
	p.WantCommand("close")
	p.WantClosed()
	if r := w.wantRefusal(t, CauseOperator); r.Rule != RuleBlock || r.XStatus != 403 {
		t.Errorf("%+v", r)
	}
	if list := w.Blocks(); len(list) != 1 || list[0].Network.String() != "127.0.0.0/8" || list[0].Since.IsZero() {
		t.Errorf("%+v", list)
	}
	if !w.Unblock(netip.MustParsePrefix("127.9.9.9/8")) || w.Unblock(home) {
		t.Error("unblocked not at all, or twice")
	}
	open(t, w)
}

func TestBlocksEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &Server{Handler: live()}
		for _, b := range []struct {
			network string
			hours   int
		}{{"203.0.113.0/24", 1}, {"203.0.113.7/32", 2}, {"2001:db8::/32", 0}} {
			until := time.Now().Add(time.Duration(b.hours) * time.Hour)
			if b.hours == 0 {
				until = time.Time{}
			}
			if err := s.Block(Block{Network: netip.MustParsePrefix(b.network), Until: until, Text: b.network}); err != nil {
				t.Fatal(err)
			}
		}
		for hour, want := range []string{"203.0.113.7/32", "203.0.113.7/32", "", ""} {
			a := net.TCPAddrFromAddrPort(netip.MustParseAddrPort("[::ffff:203.0.113.7]:5"))
			if b, ok := s.BlockOf(a); b.Text != want || ok != (want != "") {
				t.Errorf("hour %d: %q, want %q", hour, b.Text, want)
			}
			time.Sleep(time.Hour)
		}
		if list := s.Blocks(); len(list) != 1 || list[0].Text != "2001:db8::/32" {
			t.Errorf("left are %+v", list)
		}
		for address, blocked := range map[string]bool{"[2001:db8:1::1%eth0]:1": true, "[2001:db9::1]:1": false, "203.0.113.8:1": false} {
			a, _ := net.ResolveTCPAddr("tcp", address)
			if _, ok := s.BlockOf(a); ok != blocked {
				t.Errorf("%s is blocked: %t", address, ok)
			}
		}
		if _, ok := s.BlockOf(nil); ok {
			t.Error("nobody is blocked")
		}
	})
}

func TestBlocksAreBounded(t *testing.T) {
	s := &Server{Handler: live()}
	var err error
	for i := 0; i < MaxBlocks && err == nil; i++ {
		ip := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		err = s.Block(Block{Network: netip.PrefixFrom(ip, 32)})
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Block(Block{Network: netip.MustParsePrefix("11.0.0.0/8")}); !errors.Is(err, ErrTooManyBlocks) {
		t.Errorf("one too many: %v", err)
	}
	if err := s.Block(Block{Network: netip.MustParsePrefix("10.0.0.1/32"), Text: "again"}); err != nil {
		t.Errorf("one that is blocked already: %v", err)
	}
	if err := s.Block(Block{}); err == nil {
		t.Error("nothing is blocked without an error")
	}
}

// How a client takes the end is known when it is gone, of clients that were never accepted too.
func TestEndings(t *testing.T) {
	gone := make(chan Ending, 1)
	w := serve(t, live(), func(s *Server) {
		s.Limits.RTMP.CloseLinger = 200 * time.Millisecond
		s.OnGone = func(c *Client) { gone <- c.Ending() }
	})
	refused := func() *rtmptest.Peer {
		p := rtmptest.Dial(t, w.addr)
		p.Handshake()
		p.Connect("nosuch")
		p.WantError(1, status.ConnectRejected)
		p.WantCommand("close")
		return p
	}
	for _, tc := range []struct {
		name string
		act  func()
		want Ending
	}{
		{"refused, and ends after our FIN", func() { p := refused(); p.WantClosed(); p.Close() }, EndingAcknowledged},
		{"refused, and does not end", func() { refused() }, EndingLost},
		{"resets", func() {
			p := open(t, w)
			_ = p.Conn().(*net.TCPConn).SetLinger(0)
			p.Close()
		}, EndingLost},
		{"leaves by itself", func() { open(t, w).Close() }, EndingLeft},
		{"kicked, and ends after our FIN", func() {
			p := open(t, w)
			w.Kick(w.Clients()[0].ID, nil)
			p.WantCommand("close")
			p.WantClosed()
			p.Close()
		}, EndingAcknowledged},
	} {
		tc.act()
		select {
		case got := <-gone:
			if got != tc.want {
				t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("%s: never gone", tc.name)
		}
	}
	if p := open(t, w); w.Clients()[0].Ending() != "" {
		t.Error("ended while open")
	} else {
		p.Close()
	}
	<-gone
}

// What clients do with streams is told in order, and each beginning has its end.
func TestStreamEvents(t *testing.T) {
	var mu sync.Mutex
	var events []string
	w := serve(t, live(), func(s *Server) {
		s.OnStream = func(_ *Client, e StreamEvent) {
			mu.Lock()
			defer mu.Unlock()
			text := fmt.Sprint(e.Kind, " ", e.Key)
			if e.Bytes > 0 {
				text += " bytes"
			}
			if e.Name != "cam" || e.Took < 0 || e.Took > time.Hour {
				t.Errorf("%+v", e)
			}
			events = append(events, text)
		}
	})
	wait := func(n int) {
		t.Helper()
		for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
			mu.Lock()
			got := len(events)
			mu.Unlock()
			if got >= n {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("%d events, want %d: %v", got, n, events)
			}
		}
	}
	waiting, err := dial(t, w.url("live"), nil).Play(t.Context(), "cam", rtmp.PlayOptions{})
	if err != nil {
		t.Fatal(err)
	}
	wait(1)
	p := open(t, w)
	p.Publish("cam")
	p.WantStatus(status.PublishStart)
	p.SendVideo(0, config(1))
	p.SendVideo(0, frame(true, 1))
	nextVideo(t, waiting)
	wait(3)
	late := dial(t, w.url("live"), nil)
	ns, err := late.Play(t.Context(), "cam", rtmp.PlayOptions{})
	if err != nil {
		t.Fatal(err)
	}
	nextVideo(t, ns)
	wait(5)
	_ = late.Close()
	wait(6)
	p.Close()
	wait(7)
	mu.Lock()
	defer mu.Unlock()
	want := []string{"play live/cam", "publish live/cam", "first-frame live/cam", "play live/cam", "first-frame live/cam",
		"stop live/cam bytes", "unpublish live/cam bytes"}
	if !slices.Equal(events, want) {
		t.Errorf("events %q\nwant   %q", events, want)
	}
}
