package conformance

import (
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"penstock/internal/conformance"
	"penstock/internal/conformance/judge"
	"penstock/internal/conformance/servercases"
	"penstock/internal/conformance/wire"
)

// misbehave is what a server does instead of answering, at some step.
type misbehave func(nc net.Conn)

var misbehaviours = map[string]misbehave{
	"hangs": func(net.Conn) { time.Sleep(300 * time.Millisecond) },
	"floods": func(nc net.Conn) {
		m := &wire.Message{Type: wire.TypeAudio, CSID: 4, StreamID: 1}
		block := []byte{}
		for range 1000 {
			block = wire.AppendMessage(block, m, wire.Cutting{})
		}
		for deadline := time.Now().Add(200 * time.Millisecond); time.Now().Before(deadline); {
			_ = nc.SetWriteDeadline(deadline)
			if _, err := nc.Write(block); err != nil {
				return
			}
		}
	},
	"sends rubbish": func(nc net.Conn) {
		block := make([]byte, 64<<10)
		for i := range block {
			block[i] = byte(i*7) | 1
		}
		_ = nc.SetWriteDeadline(time.Now().Add(time.Second))
		_, _ = nc.Write(block)
	},
	"declares and does not send": func(nc net.Conn) {
		for i := range uint32(60) {
			b := wire.AppendHeader(nil, wire.Header{CSID: 3 + i, Length: 1<<24 - 1, Type: wire.TypeVideo, StreamID: 1})
			_, _ = nc.Write(append(b, make([]byte, 128)...))
		}
		time.Sleep(500 * time.Millisecond)
	},
	"ends": func(net.Conn) {},
	"resets": func(nc net.Conn) {
		if tcp, ok := nc.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
	},
}

// steps of a conversation after which the server misbehaves: so many messages of the client were read.
var fatalSteps = []int{-2, -1, 0, 1, 2}

// A server that misbehaves at any step cannot hang or crash the checker.
func TestServersThatMisbehave(t *testing.T) {
	for name, bad := range misbehaviours {
		for _, after := range fatalSteps {
			t.Run(fmt.Sprintf("%s after %d", name, after), func(t *testing.T) {
				t.Parallel()
				target, err := judge.ParseURL("rtmp://" + misbehaving(t, after, bad) + "/live")
				if err != nil {
					t.Fatal(err)
				}
				began := time.Now()
				r, err := judge.Run(t.Context(), target, servercases.All(), judge.Options{Step: 50 * time.Millisecond, Parallel: 32, Hostile: true})
				if err != nil { // one that resets at once is none
					t.Log(err)
					return
				}
				if took := time.Since(began); took > 2*time.Minute {
					t.Errorf("took %v", took)
				}
				if n := r.Count(conformance.Works); n > len(r.Results)/2 {
					t.Errorf("%d of %d cases work", n, len(r.Results))
				}
				for _, res := range r.Results {
					if len(res.Transcript) > 200 {
						t.Errorf("%s has %d lines of transcript", res.ID, len(res.Transcript))
					}
				}
			})
		}
	}
}

// misbehaving listens, goes along for so many messages (-1 the handshake only in part, -2 nothing at all), and misbehaves.
func misbehaving(t *testing.T, after int, bad misbehave) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer nc.Close()
				goAlong(nc, after)
				bad(nc)
			})
		}
	})
	t.Cleanup(func() { _ = l.Close(); wg.Wait() })
	return l.Addr().String()
}

func goAlong(nc net.Conn, after int) {
	if after == -2 {
		return
	}
	c := wire.NewConn(nc, wire.Options{Life: 5 * time.Second, Step: time.Second})
	if after == -1 {
		_, _ = c.ReadRaw(1, "C0")
		_ = c.SendRaw(append([]byte{3}, make([]byte, 100)...), "a part of S1")
		return
	}
	if _, err := c.AcceptHandshake(); err != nil {
		return
	}
	for range after {
		m, err := c.ReadMessage(time.Second)
		if err != nil {
			return
		}
		cmd, err := m.Command()
		if err != nil {
			continue
		}
		info := wire.Obj("level", "status", "code", "NetConnection.Connect.Success", "description", "Connection succeeded.")
		_ = c.Send(wire.CommandMessage(false, 0, &wire.Command{Name: "_result", Transaction: cmd.Transaction, Args: []any{info}}))
	}
}
