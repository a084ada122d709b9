package rtmptest

import (
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"penstock/amf"
	"penstock/rtmp"
	"penstock/rtmp/handshake"
	"penstock/status"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// failing is a test that is expected to fail.
type failing struct {
	testing.TB
	mu   sync.Mutex
	text string
}

func (f *failing) Helper() {}

func (f *failing) Error(a ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.text += fmt.Sprint(a...)
}

func (f *failing) Fatal(a ...any) {
	f.Error(a...)
	runtime.Goexit()
}

func (f *failing) failure() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.text
}

// outcome runs a test of a peer and returns how it fails, "" when it does not.
func outcome(t *testing.T, script, test func(p *Peer)) string {
	t.Helper()
	near, far := tcpPair(t)
	f := &failing{TB: t}
	done := make(chan struct{})
	other := NewPeer(t, far)
	script(other)
	go func() {
		defer close(done)
		p := NewPeer(f, near)
		p.Timeout = 100 * time.Millisecond
		test(p)
	}()
	<-done
	return f.failure()
}

func tcpPair(t *testing.T) (a, b net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if a, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if b, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	return a, b
}

// plumbing is what every Want but those that ask for it must skip.
func plumbing(p *Peer) {
	p.SendMessage(rtmp.WindowAckSize(1), rtmp.SetPeerBandwidth(1, 2), rtmp.SetChunkSize(300), rtmp.Acknowledgement(1),
		rtmp.NewUserControl(rtmp.EventStreamBegin, 1), rtmp.NewUserControl(rtmp.EventPingRequest, 1),
		&rtmp.Message{Type: rtmp.TypeAbort, CSID: 2, Payload: []byte{0, 0, 0, 9}})
}

func media(p *Peer) {
	p.StreamID = 1
	p.SendAudio(5, []byte{0xAF, 1})
	p.SendVideo(6, []byte{0x17, 1})
}

func TestWants(t *testing.T) {
	ok := &rtmp.Command{Name: "_result", Transaction: 2, Args: []amf.Value{1.0}}
	failed := &rtmp.Command{Name: "_error", Transaction: 3, Args: []amf.Value{status.New(status.CallFailed, "no").Object()}}
	start := rtmp.OnStatus(1, status.New(status.PlayStart, "Started."))
	send := func(c *rtmp.Command) func(p *Peer) { return func(p *Peer) { p.Send(c) } }
	for _, tt := range []struct {
		name   string
		script func(p *Peer)
		test   func(p *Peer)
		fails  string // "" passes
	}{
		{"command", send(ok), func(p *Peer) { p.WantCommand("_result") }, ""},
		{"other command", send(ok), func(p *Peer) { p.WantCommand("close") }, "want command close, got command _result"},
		{"result", send(ok), func(p *Peer) { p.WantResult(2) }, ""},
		{"other result", send(ok), func(p *Peer) { p.WantResult(3) }, "want _result of transaction 3, got command _result"},
		{"error for result", send(failed), func(p *Peer) { p.WantResult(3) }, "want _result of transaction 3, got _error NetConnection.Call.Failed"},
		{"error", send(failed), func(p *Peer) { p.WantError(3, status.CallFailed) }, ""},
		{"error of another code", send(failed), func(p *Peer) { p.WantError(3, status.CallBadVersion) }, "want _error NetConnection.Call.BadVersion"},
		{"error of another transaction", send(failed), func(p *Peer) { p.WantError(4, status.CallFailed) }, "of transaction 4"},
		{"status", send(start), func(p *Peer) { p.WantStatus(status.PlayStart) }, ""},
		{"status of _error", send(failed), func(p *Peer) { p.WantStatus(status.CallFailed) }, ""},
		{"other status", send(start), func(p *Peer) { p.WantStatus(status.PlayReset) }, "want status NetStream.Play.Reset, got onStatus NetStream.Play.Start"},
		{"no status", send(ok), func(p *Peer) { p.WantStatus(status.PlayReset) }, "want status NetStream.Play.Reset, got command _result"},
		{"onBWDone skipped", func(p *Peer) { p.Send(&rtmp.Command{Name: "onBWDone"}, start) }, func(p *Peer) { p.WantStatus(status.PlayStart) }, ""},
		{"onBWDone wanted", send(&rtmp.Command{Name: "onBWDone"}), func(p *Peer) { p.WantCommand("onBWDone") }, ""},
		{"media skipped", func(p *Peer) { media(p); p.Send(start) }, func(p *Peer) { p.WantStatus(status.PlayStart) }, ""},
		{"media", media, func(p *Peer) {
			if p.WantMedia().Timestamp != 5 || p.WantMedia().Timestamp != 6 {
				p.t.Error("other frames")
			}
		}, ""},
		{"command for media", send(start), func(p *Peer) { p.WantMedia() }, "want media, got onStatus NetStream.Play.Start"},
		{"data", func(p *Peer) { media(p); p.SendData(0, "x"); p.SendData(0, "onMetaData", "y") }, func(p *Peer) {
			if m := p.WantData("onMetaData"); m.Args[0] != "y" || len(m.Payload) != 13+4 {
				p.t.Error("other data", len(m.Payload))
			}
		}, ""},
		{"command for data", send(start), func(p *Peer) { p.WantData("x") }, "want data message x, got onStatus"},
		{"type", media, func(p *Peer) { p.WantMessage(8) }, ""},
		{"other type", media, func(p *Peer) { p.WantMessage(9) }, "want Video, got Audio"},
		{"plumbing type", func(*Peer) {}, func(p *Peer) { p.WantMessage(rtmp.TypeWindowAckSize) }, ""},
		{"event", func(*Peer) {}, func(p *Peer) { p.WantUserControl(rtmp.EventPingRequest) }, ""},
		{"event never comes", send(start), func(p *Peer) { p.WantUserControl(rtmp.EventStreamEOF) }, "want StreamEOF, got onStatus"},
		{"any", func(*Peer) {}, func(p *Peer) {
			if m := p.Any(); m.Type != rtmp.TypeWindowAckSize {
				p.t.Error("type", m.Type)
			}
		}, ""},
		{"next", send(start), func(p *Peer) {
			if m := p.Next(); m.Command == nil || m.StreamID != 1 {
				p.t.Error("message", m)
			}
		}, ""},
		{"undecodable", func(p *Peer) { p.SendMessage(&rtmp.Message{Type: 20, CSID: 3, Payload: []byte{0x42}}) },
			func(p *Peer) { p.WantCommand("x") }, "got Command that cannot be decoded: rtmp: command"},
		{"nothing", func(*Peer) {}, func(p *Peer) { p.WantCommand("x") }, "want command x, got nothing within 100ms"},
		{"nothing wanted", func(*Peer) {}, func(p *Peer) { p.WantNothing(20 * time.Millisecond) }, ""},
		{"something", media, func(p *Peer) { p.WantNothing(time.Second) }, "want nothing, got Audio"},
		{"end for nothing", (*Peer).CloseWrite, func(p *Peer) { p.WantNothing(time.Second) }, "want nothing for 1s: EOF"},
		{"end", (*Peer).CloseWrite, func(p *Peer) { p.WantClosed() }, ""},
		{"end after media", func(p *Peer) { media(p); p.SendData(0, "x"); p.CloseWrite() }, func(p *Peer) { p.WantClosed() }, ""},
		{"command before the end", func(p *Peer) { p.Send(start); p.CloseWrite() }, func(p *Peer) { p.WantClosed() }, "want the end of the connection, got onStatus"},
		{"open", func(*Peer) {}, func(p *Peer) { p.WantClosed() }, "it is open after 100ms"},
		{"reset", (*Peer).Reset, func(p *Peer) { time.Sleep(5 * time.Millisecond); p.WantClosed() }, "want FIN, got RST"},
		{"broken", func(p *Peer) { p.SendRaw([]byte{0xFF}) }, func(p *Peer) { p.WantClosed() }, "chunk stream"},
		{"end for a command", (*Peer).CloseWrite, func(p *Peer) { p.WantCommand("x") }, "want command x, got the end of the connection"},
		{"unframable", func(*Peer) {}, func(p *Peer) { p.SendMessage(&rtmp.Message{}) }, "cannot be framed"},
		{"unencodable", func(*Peer) {}, func(p *Peer) { p.Send(&rtmp.Command{Object: make(chan int)}) }, "encode command"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := outcome(t, func(p *Peer) { plumbing(p); tt.script(p) }, tt.test)
			if (got == "") != (tt.fails == "") || !strings.Contains(got, tt.fails) {
				t.Errorf("fails with %q, want %q", got, tt.fails)
			}
			if got != "" && !strings.Contains(got, "conversation") {
				t.Errorf("no conversation in %q", got)
			}
		})
	}
}

func TestConversation(t *testing.T) {
	near, far := tcpPair(t)
	p, other := NewPeer(t, near), NewPeer(t, far)
	other.Send(&rtmp.Command{Name: "hello"})
	p.WantCommand("hello")
	p.SendRaw([]byte{1, 2, 3})
	p.CloseWrite()
	talk := p.Conversation()
	for _, want := range []string{"<- Command", "hello 0 null", "-> 3 raw bytes  010203", "-> FIN"} {
		if !strings.Contains(talk, want) {
			t.Errorf("no %q in\n%s", want, talk)
		}
	}
	var c conversation
	for i := range 3 * maxLines {
		_, _ = fmt.Fprintf(&c, "line %d\n", i)
	}
	if lines := strings.Split(c.String(), "\n"); len(lines) > maxLines+1 || lines[len(lines)-1] != fmt.Sprintf("line %d", 3*maxLines-1) ||
		!strings.HasSuffix(lines[0], "earlier lines)") || len(c.lines)+c.dropped != 3*maxLines {
		t.Errorf("%d lines, first %q", len(lines), lines[0])
	}
}

// A client and a server of this package understand each other.
func TestServe(t *testing.T) {
	frame := make([]byte, 1000)
	addr := Serve(t, func(p *Peer) {
		if res := p.HandshakeWith(handshake.Options{}); res.Scheme != handshake.Simple {
			t.Errorf("handshake %v", res.Scheme)
		}
		m := p.WantCommand("connect")
		o := m.Command.Object.(*amf.Object)
		if o.String("app") != "live" || o.String("pageUrl") != "here" || m.Args[0] != "joe" || m.Command.Transaction != 1 {
			t.Errorf("connect %+v", m.Command)
		}
		p.Accept(m)
		p.Send(p.WantCommand("createStream").Command.Result(nil, 5.0))
		if m := p.WantCommand("publish"); m.StreamID != 5 || m.Args[0] != "camera" || m.Args[1] != "live" {
			t.Errorf("publish %+v", m.Command)
		}
		p.StreamID = 5
		p.Send(rtmp.OnStatus(5, status.New(status.PublishStart, "")))
		if m := p.WantMedia(); m.Type != 8 || m.Timestamp != 1 || m.StreamID != 5 {
			t.Errorf("audio %+v", m)
		}
		if m := p.WantMedia(); m.Type != 9 || m.Timestamp != 2 || len(m.Payload) != 1000 {
			t.Errorf("video %+v", m)
		}
		p.Refuse(p.WantCommand("refused"), status.New(status.CallFailed, "No."))
		if m := p.WantCommand("play"); m.StreamID != 5 || m.Args[0] != "x" || m.Args[1] != -1000.0 {
			t.Errorf("play %+v", m.Command)
		}
		p.SendMessage(rtmp.SetChunkSize(500))
		p.SendVideo(9, frame)
	})
	p := Dial(t, addr)
	if m := p.Open("live", Property("pageUrl", "here"), Args("joe")); m.Status.Description != "Connection succeeded." {
		t.Errorf("status %+v", m.Status)
	}
	p.Publish("camera")
	p.WantStatus(status.PublishStart)
	if p.StreamID != 5 {
		t.Errorf("stream %d", p.StreamID)
	}
	p.SendAudio(1, []byte{0xAF, 1})
	p.SendMessage(rtmp.SetChunkSize(600))
	p.SendVideo(2, frame)
	p.WantError(p.Call("refused"), status.CallFailed)
	p.Play("x", -1000.0)
	if m := p.WantMedia(); len(m.Payload) != 1000 {
		t.Errorf("%d bytes", len(m.Payload))
	}
	p.WantClosed()
}

// A script whose want is not met fails the test and ends.
func TestServeFails(t *testing.T) {
	f := &failing{TB: t}
	ended := make(chan struct{})
	addr := Serve(f, func(p *Peer) {
		defer close(ended)
		p.Handshake()
		p.WantCommand("connect")
		t.Error("the script goes on")
	})
	p := Dial(t, addr)
	p.Handshake()
	p.Send(&rtmp.Command{Name: "other"})
	<-ended
	if !strings.Contains(f.failure(), "want command connect, got command other") {
		t.Errorf("fails with %q", f.failure())
	}
}

func TestCreateStreamFails(t *testing.T) {
	for _, id := range []amf.Value{0.0, -1.0, 1.5, "1", nil} {
		got := outcome(t, func(p *Peer) { p.Send(&rtmp.Command{Name: "_result", Transaction: 1, Args: []amf.Value{id}}) },
			func(p *Peer) { p.CreateStream() })
		if !strings.Contains(got, "want a stream ID") {
			t.Errorf("%v: %q", id, got)
		}
	}
}

func TestPipe(t *testing.T) {
	p := Pipe(t, func(nc net.Conn) {
		defer nc.Close()
		if _, err := handshake.Server(nc, handshake.Options{}); err != nil {
			t.Error(err)
			return
		}
		if _, err := io.Copy(io.Discard, nc); err != nil && !errors.Is(err, io.ErrClosedPipe) {
			t.Error(err)
		}
	})
	p.Handshake()
	p.SendRaw([]byte{1})
	p.Close()
}
