package app

import (
	"context"
	"encoding/binary"
	"net"
	"testing"
	"time"

	"penstock/rtmp"
	"penstock/rtmp/chunk"
	"penstock/rtmp/rtmptest"
	"penstock/status"
)

// A client that reads late, and sends all the while, still reads why it was refused, then FIN:
// data that we had not read must never turn our FIN into an RST.
func TestSlowClientsReadWhyThenFIN(t *testing.T) {
	mux := live()
	mux.Handle("keys", Live(LiveOptions{Publish: func(context.Context, *PublishRequest) error {
		return status.New(status.PublishDenied, "Wrong key.")
	}}))
	mux.Handle("bye", Live(LiveOptions{}))
	w := serve(t, mux, func(s *Server) { s.Limits.RefusedTimeout = 300 * time.Millisecond })
	busy, err := w.Streams().Publish("live/busy", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	accepted := func(app string) func(p *rtmptest.Peer) {
		return func(p *rtmptest.Peer) {
			p.Open(app)
			p.WantCommand("onBWDone")
		}
	}
	refused := func(app string) func(p *rtmptest.Peer) {
		return func(p *rtmptest.Peer) {
			p.Handshake()
			p.Connect(app)
		}
	}
	tests := []struct {
		code   status.Code
		open   func(p *rtmptest.Peer)
		offend func(p *rtmptest.Peer)
	}{
		{status.ConnectRejected, refused("nosuch"), func(*rtmptest.Peer) {}},
		{status.ConnectInvalidApp, refused("a/../b"), func(*rtmptest.Peer) {}},
		{status.PublishDenied, accepted("keys"), func(p *rtmptest.Peer) { p.Publish("cam") }},
		{status.PublishBadName, accepted("live"), func(p *rtmptest.Peer) { p.Publish("busy") }},
		{status.ConnectAppShutdown, accepted("bye"), func(p *rtmptest.Peer) {
			p.Publish("cam")
			p.WantStatus(status.PublishStart)
			w.Unload("bye")
		}},
	}
	for _, tt := range tests {
		t.Run(string(tt.code), func(t *testing.T) {
			p := rtmptest.Dial(t, w.addr)
			if tcp, ok := p.Conn().(*net.TCPConn); ok {
				_ = tcp.SetReadBuffer(2048)
			}
			tt.open(p)
			tt.offend(p)
			for i := range 120 { // 600 ms and half a megabyte without a look at the answer
				p.SendMessage(&rtmp.Message{Type: rtmp.TypeVideo, CSID: 6, StreamID: 1, Timestamp: uint32(i), Payload: append(frame(i == 0, i), make([]byte, 4000)...)})
				time.Sleep(5 * time.Millisecond)
			}
			if tt.code == status.ConnectRejected || tt.code == status.ConnectInvalidApp {
				p.WantError(1, tt.code)
			} else {
				p.WantStatus(tt.code)
			}
			p.WantCommand("close")
			p.WantClosed()
		})
	}
}

// oldClient writes a message as encoders of before 2009 did: the extended timestamp is in the
// first chunk only, not in the type 3 chunks that continue it.
func oldClient(csid byte, ts uint32, payload []byte) []byte {
	b := []byte{csid, 0xFF, 0xFF, 0xFF, byte(len(payload) >> 16), byte(len(payload) >> 8), byte(len(payload)), rtmp.TypeVideo, 1, 0, 0, 0}
	if ts < 0xFFFFFF {
		b[1], b[2], b[3] = byte(ts>>16), byte(ts>>8), byte(ts)
	} else {
		b = binary.BigEndian.AppendUint32(b, ts)
	}
	for i := 0; i < len(payload); i += chunk.DefaultChunkSize {
		if i > 0 {
			b = append(b, 0xC0|csid)
		}
		b = append(b, payload[i:min(i+chunk.DefaultChunkSize, len(payload))]...)
	}
	return b
}

// Twelve hours of a stream, past 0xFFFFFF (4 h 39 m) and past the 32-bit wrap, from a publisher
// that repeats the extended timestamp as the specification says and from one that does not.
func TestTwelveHours(t *testing.T) {
	const step, hours = 9000, 12
	starts := map[string]uint32{"from zero": 0, "across the wrap": ^uint32(0) - 6*3600*1000}
	for name, start := range starts {
		for _, old := range []bool{false, true} {
			t.Run(name+map[bool]string{false: "", true: ", old client"}[old], func(t *testing.T) {
				w := serve(t, live(), func(s *Server) { s.Limits.RTMP.MediaRate = 1e6 })
				player, err := dial(t, w.url("live"), nil).Play(t.Context(), "cam", rtmp.PlayOptions{})
				if err != nil {
					t.Fatal(err)
				}
				p := open(t, w)
				p.Publish("cam")
				p.WantStatus(status.PublishStart)
				var base, last uint32
				for i := range uint32(hours * 3600 * 1000 / step) {
					payload := append(frame(i%10 == 0, int(i)), make([]byte, 300)...)
					if ts := start + i*step; old {
						p.SendRaw(oldClient(6, ts, payload))
					} else {
						p.SendVideo(ts, payload)
					}
					ev := nextVideo(t, player)
					if i == 0 {
						base = ev.Timestamp
					} else if ev.Timestamp != last+step {
						t.Fatalf("frame %d: %d ms after %d ms, want %d more", i, ev.Timestamp, last, step)
					}
					if string(ev.Payload) != string(payload) {
						t.Fatalf("frame %d at %d ms arrived damaged", i, ev.Timestamp)
					}
					last = ev.Timestamp
				}
				if want := uint32((hours*3600*1000/step - 1) * step); last-base != want {
					t.Errorf("the stream lasted %d ms, want %d", last-base, want)
				}
			})
		}
	}
}
