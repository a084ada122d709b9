package rtmp_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"penstock/rtmp"
	"penstock/rtmp/chunk"
	"penstock/rtmp/rtmptest"
	"penstock/status"
)

// tcpPair is a connection over loopback.
func tcpPair(t testing.TB) (a, b net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	a, err = net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if b, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	return a, b
}

// connAndPeer is a Conn over TCP, its handshake taken as done, and its peer.
func connAndPeer(t testing.TB, o rtmp.ConnOptions) (*rtmp.Conn, *rtmptest.Peer) {
	t.Helper()
	a, b := tcpPair(t)
	return newConn(t, a, o), rtmptest.NewPeer(t, b)
}

func newConn(t testing.TB, nc net.Conn, o rtmp.ConnOptions) *rtmp.Conn {
	c := rtmp.NewConn(nc, o)
	t.Cleanup(func() {
		c.Close(errors.New("test ended"))
		c.Wait()
	})
	return c
}

// reading reads until the connection ends and returns how.
func reading(c *rtmp.Conn) <-chan error {
	ended := make(chan error, 1)
	go func() {
		for {
			if err := c.ReadMessage(new(rtmp.Message)); err != nil {
				ended <- err
				return
			}
		}
	}()
	return ended
}

func wantEnd(t *testing.T, ended <-chan error) error {
	t.Helper()
	select {
	case err := <-ended:
		return err
	case <-time.After(5 * time.Second):
		t.Fatal("the connection does not end")
		return nil
	}
}

func wantLimit(t *testing.T, err error, option string) {
	t.Helper()
	var le *rtmp.LimitError
	if !errors.As(err, &le) || le.Option != option {
		t.Errorf("error %v, want the limit %s", err, option)
	}
}

func TestConnAcknowledges(t *testing.T) {
	c, p := connAndPeer(t, rtmp.ConnOptions{})
	ended := reading(c)
	p.SendMessage(rtmp.SetChunkSize(4096), rtmp.WindowAckSize(1)) // taken as 64 KiB
	var sent uint64
	for range 4 {
		p.SendMessage(&rtmp.Message{Type: 9, CSID: 6, StreamID: 1, Payload: make([]byte, 40000)})
		m := p.WantMessage(rtmp.TypeAcknowledgement)
		n := uint64(binary.BigEndian.Uint32(m.Payload))
		if n <= sent || n < 32768 || n > c.BytesRead() {
			t.Errorf("acknowledged %d after %d, %d received", n, sent, c.BytesRead())
		}
		sent = n
	}
	p.SendMessage(rtmp.WindowAckSize(0))
	p.SendMessage(&rtmp.Message{Type: 9, CSID: 6, StreamID: 1, Payload: make([]byte, 1<<20)})
	p.SendMessage(rtmp.NewUserControl(rtmp.EventPingRequest, 1))
	if m := p.WantMessage(rtmp.TypeUserControl); m.Control.Event != rtmp.EventPingResponse {
		t.Errorf("got %+v", m.Control)
	}
	if strings.Count(p.Conversation(), "<- Acknowledgement") != 4 {
		t.Errorf("acknowledged without a window:\n%s", p.Conversation())
	}
	p.SendMessage(rtmp.Acknowledgement(77))
	p.CloseWrite()
	if err := wantEnd(t, ended); err != io.EOF {
		t.Errorf("ended with %v, want io.EOF", err)
	}
	if c.PeerAcknowledged() != 77 || c.BytesRead() == 0 || c.BytesWritten() == 0 {
		t.Errorf("acknowledged %d, read %d, written %d", c.PeerAcknowledged(), c.BytesRead(), c.BytesWritten())
	}
}

func TestConnAnswers(t *testing.T) {
	c, p := connAndPeer(t, rtmp.ConnOptions{})
	before := c.LastRead()
	reading(c)
	time.Sleep(2 * time.Millisecond)
	p.SendMessage(rtmp.NewUserControl(rtmp.EventPingRequest, 0xFFFFFFFE))
	if u := p.WantUserControl(rtmp.EventPingResponse); u.Value != 0xFFFFFFFE {
		t.Errorf("pong %d", u.Value)
	}
	if !c.LastRead().After(before) {
		t.Error("LastRead stands still")
	}
	p.SendMessage(rtmp.SetPeerBandwidth(1000, rtmp.LimitDynamic), rtmp.SetPeerBandwidth(1000, rtmp.LimitHard), rtmp.SetPeerBandwidth(2000, rtmp.LimitSoft))
	for _, want := range []uint32{1000, 2000} { // the second changed nothing
		if m := p.WantMessage(rtmp.TypeWindowAckSize); binary.BigEndian.Uint32(m.Payload) != want {
			t.Errorf("window %x, want %d", m.Payload, want)
		}
	}
	if err := c.Ping(); err != nil {
		t.Error(err)
	}
	p.WantUserControl(rtmp.EventPingRequest)
	p.SendMessage(rtmp.NewUserControl(rtmp.EventPingResponse, 1))
	// What is too short for its kind is ignored.
	for _, typ := range []uint8{rtmp.TypeAcknowledgement, rtmp.TypeWindowAckSize, rtmp.TypeSetPeerBandwidth, rtmp.TypeUserControl} {
		p.SendMessage(&rtmp.Message{Type: typ, CSID: 2, Payload: []byte{0}})
	}
	p.SendMessage(rtmp.NewUserControl(rtmp.EventPingRequest, 3))
	p.WantUserControl(rtmp.EventPingResponse)
}

func TestConnReadMessage(t *testing.T) {
	c, p := connAndPeer(t, rtmp.ConnOptions{})
	p.SendMessage(rtmp.SetChunkSize(200), rtmp.WindowAckSize(1<<20),
		&rtmp.Message{Type: 9, CSID: 6, StreamID: 1, Timestamp: 70, Payload: bytes.Repeat([]byte{7}, 500)},
		rtmp.NewUserControl(rtmp.EventSetBufferLength, 1, 300), &rtmp.Message{Type: 77, CSID: 3})
	var m rtmp.Message
	for _, want := range []uint8{9, 4, 77} {
		if err := c.ReadMessage(&m); err != nil || m.Type != want {
			t.Fatalf("message %d, %v, want %d", m.Type, err, want)
		}
		if want == 9 && (m.Timestamp != 70 || m.StreamID != 1 || !bytes.Equal(m.Payload, bytes.Repeat([]byte{7}, 500))) {
			t.Errorf("video %+v", m)
		}
	}
	p.SendRaw([]byte{0xC9})
	err := c.ReadMessage(&m)
	var pe *chunk.ProtocolError
	if !errors.As(err, &pe) {
		t.Errorf("error %v, want a ProtocolError", err)
	}
}

func TestConnEnds(t *testing.T) {
	cause := errors.New("because")
	for _, tt := range []struct {
		name string
		end  func(c *rtmp.Conn, p *rtmptest.Peer)
		want error
	}{
		{"FIN", func(_ *rtmp.Conn, p *rtmptest.Peer) { p.CloseWrite() }, io.EOF},
		{"FIN in a message", func(_ *rtmp.Conn, p *rtmptest.Peer) { p.SendRaw([]byte{3, 0}); p.CloseWrite() }, io.ErrUnexpectedEOF},
		{"Close", func(c *rtmp.Conn, _ *rtmptest.Peer) { c.Close(cause) }, cause},
		{"Finish", func(c *rtmp.Conn, p *rtmptest.Peer) { c.Finish(cause); p.WantClosed(); p.Close() }, cause},
		{"Finish with nil", func(c *rtmp.Conn, p *rtmptest.Peer) { c.Finish(nil); p.WantClosed(); p.Close() }, rtmp.ErrFinished},
		{"Close twice", func(c *rtmp.Conn, _ *rtmptest.Peer) { c.Close(cause); c.Close(errors.New("later")) }, cause},
		{"Finish after Close", func(c *rtmp.Conn, _ *rtmptest.Peer) { c.Close(cause); c.Finish(errors.New("later")) }, cause},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, p := connAndPeer(t, rtmp.ConnOptions{})
			ended := reading(c)
			tt.end(c, p)
			if err := wantEnd(t, ended); !errors.Is(err, tt.want) {
				t.Errorf("ended with %v, want %v", err, tt.want)
			}
			if !errors.Is(tt.want, io.EOF) && !errors.Is(tt.want, io.ErrUnexpectedEOF) {
				if got := context.Cause(c.Context()); !errors.Is(got, tt.want) {
					t.Errorf("cause %v, want %v", got, tt.want)
				}
				for _, err := range []error{c.Send(rtmp.WindowAckSize(1)), c.SendWait(t.Context(), rtmp.WindowAckSize(1)), c.Ping()} {
					if !errors.Is(err, tt.want) {
						t.Errorf("sending afterwards: %v, want %v", err, tt.want)
					}
				}
			}
		})
	}
}

func TestConnTrace(t *testing.T) {
	var mu sync.Mutex
	seen := map[rtmp.Direction][]uint8{}
	c, p := connAndPeer(t, rtmp.ConnOptions{Trace: func(d rtmp.Direction, m *rtmp.Message) {
		mu.Lock()
		defer mu.Unlock()
		seen[d] = append(seen[d], m.Type)
	}})
	ended := reading(c)
	_ = c.Send(rtmp.SetChunkSize(500))
	_ = c.SendWait(t.Context(), &rtmp.Message{Type: 9, CSID: 6})
	p.SendMessage(rtmp.NewUserControl(rtmp.EventPingRequest, 1), &rtmp.Message{Type: 8, CSID: 4})
	p.WantUserControl(rtmp.EventPingResponse)
	c.Finish(nil, rtmp.WindowAckSize(2))
	p.WantMessage(rtmp.TypeWindowAckSize)
	p.Close()
	wantEnd(t, ended)
	mu.Lock()
	defer mu.Unlock()
	if got := seen[rtmp.Out]; !bytes.Equal(got, []byte{1, 9, 4, 5}) {
		t.Errorf("sent %v", got)
	}
	if got := seen[rtmp.In]; !bytes.Equal(got, []byte{4, 8}) && !bytes.Equal(got, []byte{4}) {
		t.Errorf("received %v", got)
	}
}

func TestConnRates(t *testing.T) {
	command, _ := (&rtmp.Command{Name: "x"}).Message()
	for _, tt := range []struct {
		option string
		m      *rtmp.Message
		limits rtmp.Limits
	}{
		{"media_rate", &rtmp.Message{Type: 9, CSID: 6}, rtmp.Limits{MediaRate: 10}},
		{"media_rate", &rtmp.Message{Type: 22, CSID: 6}, rtmp.Limits{MediaRate: 10}},
		{"media_rate", &rtmp.Message{Type: 18, CSID: 6}, rtmp.Limits{MediaRate: 10}},
		{"command_rate", command, rtmp.Limits{CommandRate: 10}},
		{"command_rate", &rtmp.Message{Type: 19, CSID: 3}, rtmp.Limits{CommandRate: 10}},
		{"ping_rate", rtmp.NewUserControl(rtmp.EventPingRequest, 1), rtmp.Limits{PingRate: 10}},
		{"control_rate", rtmp.NewUserControl(rtmp.EventSetBufferLength, 1, 1), rtmp.Limits{ControlRate: 10}},
		{"control_rate", rtmp.SetPeerBandwidth(1, 0), rtmp.Limits{ControlRate: 10}},
		{"control_rate", rtmp.WindowAckSize(2_500_000), rtmp.Limits{ControlRate: 10}},
		{"media_rate", rtmp.Acknowledgement(1), rtmp.Limits{MediaRate: 10}},
		{"control_rate", &rtmp.Message{Type: 99, CSID: 3}, rtmp.Limits{ControlRate: 10}},
	} {
		t.Run(tt.option, func(t *testing.T) {
			var m rtmp.Message
			c, p := connAndPeer(t, rtmp.ConnOptions{Strict: true, Limits: tt.limits})
			ended := reading(c)
			for range 30 {
				p.SendMessage(tt.m)
			}
			wantLimit(t, wantEnd(t, ended), tt.option)

			c, p = connAndPeer(t, rtmp.ConnOptions{Limits: tt.limits}) // not strict: a client
			for range 30 {
				p.SendMessage(tt.m)
			}
			p.SendMessage(&rtmp.Message{Type: 20, CSID: 3, Payload: []byte("end")})
			for string(m.Payload) != "end" {
				if err := c.ReadMessage(&m); err != nil {
					t.Fatalf("not strict: %v", err)
				}
			}
		})
	}
}

func TestConnCountUnknown(t *testing.T) {
	c, _ := connAndPeer(t, rtmp.ConnOptions{Limits: rtmp.Limits{UnknownMessages: 3}})
	for range 3 {
		if err := c.CountUnknown(); err != nil {
			t.Fatal(err)
		}
	}
	wantLimit(t, c.CountUnknown(), "unknown_messages")
}

func TestConnChunkLimits(t *testing.T) {
	c, p := connAndPeer(t, rtmp.ConnOptions{ChunkLimits: &chunk.Limits{Message: 1000}})
	big := &rtmp.Message{Type: 9, CSID: 6, Payload: make([]byte, 2000)}
	c.SetChunkLimits(&chunk.Limits{Message: 4000})
	p.SendMessage(big)
	if err := c.ReadMessage(new(rtmp.Message)); err != nil {
		t.Errorf("after the limits were raised: %v", err)
	}
	c, p = connAndPeer(t, rtmp.ConnOptions{ChunkLimits: &chunk.Limits{Message: 1000}})
	p.SendMessage(big)
	var le *chunk.LimitError
	if err := c.ReadMessage(new(rtmp.Message)); !errors.As(err, &le) || le.Limit != chunk.LimitMessage {
		t.Errorf("error %v, want the limit %s", err, chunk.LimitMessage)
	}
}

// A peer that is slow to read and never stops sending gets the last words and FIN, not RST.
func TestConnFinish(t *testing.T) {
	last := rtmp.OnStatus(1, status.New(status.PublishBadName, "Too much."))
	words, err := last.Message()
	if err != nil {
		t.Fatal(err)
	}
	for name, pair := range map[string]func(t testing.TB) (a, b net.Conn){"TCP": tcpPair, "TLS": tlsPair} {
		t.Run(name, func(t *testing.T) {
			a, b := pair(t)
			c, p := newConn(t, a, rtmp.ConnOptions{}), rtmptest.NewPeer(t, b)
			served := make(chan error, 1)
			go func() {
				var m rtmp.Message
				err := c.ReadMessage(&m)
				for range 20 { // words that fill the way a little
					_ = c.Send(&rtmp.Message{Type: 18, CSID: 5, Payload: make([]byte, 10000)})
				}
				c.Finish(errors.New("over"), words)
				for err == nil {
					err = c.ReadMessage(&m)
				}
				c.Close(nil)
				served <- err
			}()
			frame := &rtmp.Message{Type: 9, CSID: 6, StreamID: 1, Payload: make([]byte, 60000)}
			p.SendMessage(rtmp.SetChunkSize(65536))
			for range 5 {
				p.SendMessage(frame)
			}
			time.Sleep(30 * time.Millisecond) // FIN has been sent and is not noticed
			for range 20 {
				p.SendMessage(frame)
			}
			if m := p.WantStatus(status.PublishBadName); m.StreamID != 1 {
				t.Errorf("status %+v", m)
			}
			p.WantClosed()
			for range 5 {
				p.SendMessage(frame) // still listened to
			}
			p.Close()
			if err := wantEnd(t, served); err == nil || err.Error() != "over" {
				t.Errorf("ended with %v", err)
			}
		})
	}
}

// A peer that does not end is left alone after CloseLinger.
func TestConnFinishLinger(t *testing.T) {
	c, p := connAndPeer(t, rtmp.ConnOptions{Limits: rtmp.Limits{CloseLinger: 30 * time.Millisecond}})
	ended := reading(c)
	c.Finish(nil)
	p.WantClosed()
	wantEnd(t, ended)
	if err := c.Send(rtmp.WindowAckSize(1)); err == nil {
		t.Error("sent after Finish")
	}
}

func TestConnFinishOverPipe(t *testing.T) {
	a, b := net.Pipe()
	c, p := newConn(t, a, rtmp.ConnOptions{}), rtmptest.NewPeer(t, b)
	ended := reading(c)
	c.Finish(nil, rtmp.WindowAckSize(5))
	p.WantMessage(rtmp.TypeWindowAckSize)
	p.WantClosed()
	wantEnd(t, ended)
	c.Wait()
}
