package hostile

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"time"

	"penstock/app"
	"penstock/rtmp"
	"penstock/rtmp/chunk"
	"penstock/status"
)

// slowly sends b a byte at a time until the server has had enough.
func (p *peer) slowly(b []byte, pause time.Duration) {
	for i := range b {
		if !p.raw(b[i : i+1]) {
			return
		}
		time.Sleep(pause)
	}
}

// c0c1 is a client's simple handshake up to C1.
func c0c1() []byte { return append([]byte{3}, make([]byte, 1536)...) }

// wantBytes wants the server to say something that contains want, and then to end.
func (p *peer) wantBytes(want []byte) {
	p.a.t.Helper()
	_ = p.nc.SetReadDeadline(time.Now().Add(wait))
	b, err := io.ReadAll(p.nc)
	if err != nil || !bytes.Contains(b, want) {
		p.a.t.Errorf("want %q and FIN, got %.80q and %v", want, b, err)
	}
	if len(want) > 0 {
		p.note("in its own protocol")
	}
	p.note("FIN")
	_ = p.nc.Close() // what the server waits for before it tells the operator
}

// transportRows attack before the first command.
func transportRows() []row {
	foreign := func(name string, hello []byte, want string) row {
		return row{name: name, run: func(a *attack) {
			p := a.dial()
			p.raw(hello)
			p.wantBytes([]byte(want))
		}, cause: app.CauseForeign}
	}
	return []row{
		{name: "nothing is said", send: func(*peer) {}, then: cut, rule: "handshake_timeout"},
		{name: "handshake a byte at a time", send: func(p *peer) { p.slowly(c0c1(), 20*time.Millisecond) }, then: cut, rule: "handshake_timeout"},
		{name: "handshake without C2", run: func(a *attack) {
			p := a.dial()
			p.raw(c0c1())
			_ = p.nc.SetReadDeadline(time.Now().Add(wait))
			if _, err := io.ReadFull(p.nc, make([]byte, 3073)); err != nil {
				a.t.Errorf("S0 S1 S2: %v", err)
			}
			p.wantCut()
		}, rule: "handshake_timeout"},
		{name: "C1 for the digest handshake is noise", send: func(p *peer) {
			b := c0c1()
			for i := range b[1:] {
				b[1+i] = byte(rand.Uint32())
			}
			p.raw(append(b, make([]byte, 1536)...))
			_, _ = io.ReadFull(p.nc, make([]byte, 3073))
		}, then: lives, at: atTCP},
		foreign("an HTTP client", []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), "400 Bad Request"),
		foreign("a policy file request", []byte("<policy-file-request/>\x00"), "<cross-domain-policy>"),
		{name: "RTMPE", send: func(p *peer) { b := c0c1(); b[0] = 6; p.raw(b) }, then: cut, cause: app.CauseForeign},
		{name: "noise", send: func(p *peer) { p.raw(bytes.Repeat([]byte{0xF3, 0x81, 0xFE}, 5000)) }, then: cut, cause: app.CauseForeign},
		{name: "noise after the handshake", at: atConnect, send: func(p *peer) { p.raw(bytes.Repeat([]byte{0xF3, 0x81, 0xFE}, 5000)) },
			then: fin, cause: app.CauseProtocol, code: status.ConnectFailed},
		{name: "TLS that stops after three bytes", send: func(p *peer) { p.raw([]byte{0x16, 3, 1}) }, then: cut, rule: "tls_timeout"},
		{name: "TLS that is noise", send: func(p *peer) { p.raw(bytes.Repeat([]byte{0x16}, 2000)) }, then: cut},
		{name: "TLS, then a handshake that never comes", run: func(a *attack) {
			p := a.dial()
			c := tls.Client(p.nc, &tls.Config{InsecureSkipVerify: true})
			_ = c.SetDeadline(time.Now().Add(wait))
			if err := c.Handshake(); err != nil {
				a.t.Fatal(err)
			}
			if _, err := c.Read(make([]byte, 1)); err == nil {
				a.t.Error("the server said something")
			}
			p.note("FIN")
		}, rule: "handshake_timeout"},
		{name: "many TLS handshakes that never end", run: func(a *attack) {
			for range 8 {
				a.dial().raw([]byte{0x16, 3, 1, 0, 200})
			}
			for _, p := range a.peers {
				p.wantCut()
			}
		}, rule: "pending_tls", options: []string{"tls_timeout"}},
		{name: "TLS handshakes of one address that never end", run: func(a *attack) {
			from := a.s.address()
			for range 3 {
				a.dialFrom(from, 0).raw([]byte{0x16, 3, 1, 0, 200})
			}
			for _, p := range a.peers {
				p.wantCut()
			}
		}, rule: "pending_tls_per_ip"},
		{name: "no connect", at: atConnect, send: func(*peer) {}, code: status.ConnectFailed, then: fin, rule: "connect_timeout"},
		{name: "connect a byte at a time", at: atConnect, send: func(p *peer) {
			m, _ := (&rtmp.Command{Name: "connect", Transaction: 1, Object: connectObject("live")}).Message()
			p.slowly(chunk.Append(nil, m, 128), 20*time.Millisecond)
		}, code: status.ConnectFailed, then: fin, rule: "connect_timeout"},
		{name: "pings instead of connect", at: atConnect, send: func(p *peer) {
			for range 15 {
				p.message(rtmp.NewUserControl(rtmp.EventPingRequest, 1))
				time.Sleep(50 * time.Millisecond)
			}
		}, code: status.ConnectFailed, then: fin, rule: "connect_timeout"},
		{name: "connect in one byte chunks", at: atConnect, send: func(p *peer) { p.control(1, 0, 0, 0, 1) },
			code: status.ConnectFailed, then: fin, rule: "chunk_size_min"},
	}
}

// connectionRows attack with many connections, and with their ends.
func connectionRows() []row {
	return []row{
		{name: "half-open connections by the dozen", run: func(a *attack) {
			for range 50 {
				a.dial()
			}
			a.crowd.check(a.t)
			for _, p := range a.peers {
				p.wantCut()
			}
		}, rule: "handshake_timeout"},
		{name: "more connections than there may be", run: func(a *attack) {
			files := openFiles()
			for range 60 { // and four healthy ones
				a.dial()
			}
			a.eventually("60 connections", func() bool { return openFiles() >= files+120 })
			time.Sleep(20 * time.Millisecond)
			p := a.dial().shake()
			p.connect("live")
			m := p.wantCode(status.ConnectRejected)
			a.wantWord(m, "[ Resource.Limit.Exceeded ] : The limit connections (64) is reached: try again later, or ask the operator to raise it.")
			p.wantFIN()
		}, cause: app.CauseLimit, rule: "connections"},
		{name: "more connections than one address may have", run: func(a *attack) {
			from := a.s.address()
			for range 12 {
				p := a.dialFrom(from, 0).shake()
				p.connect("rpc")
				p.wantCode(status.ConnectSuccess)
			}
			p := a.dialFrom(from, 0).shake()
			p.connect("rpc")
			m := p.wantCode(status.ConnectRejected)
			a.wantWord(m, "[ Resource.Limit.Exceeded ] : The limit connections_per_ip (12) is reached: try again later, or ask the operator to raise it.")
			p.wantFIN()
			a.arrive(atLive).alive() // another address is welcome
		}, cause: app.CauseLimit, rule: "connections_per_ip"},
		{name: "connections in quick succession", run: func(a *attack) {
			from := a.s.address()
			for range 100 { // no more than twenty and a few may pass
				p := a.dialFrom(from, 0).shake()
				p.connect("live")
				m := p.until("an answer", func(m *answer) bool { return m.status != nil })
				if m.status.Code == status.ConnectRejected {
					a.wantWord(m, "[ Resource.Limit.Exceeded ] : The limit connect_rate_per_ip (10) is reached: try again later, or ask the operator to raise it.")
					p.wantFIN()
					return
				}
				_ = p.nc.Close()
			}
			a.t.Error("a hundred connections passed")
		}, cause: app.CauseLimit, rule: "connect_rate_per_ip"},
		{name: "a flood of connections from one address", run: func(a *attack) {
			from := a.s.address()
			for range 150 {
				a.dialFrom(from, 0)
			}
			for _, p := range a.peers {
				p.wantCut()
			}
		}, cause: app.CauseLimit, rule: "connect_rate_per_ip"},
		{name: "connections that are reset in the middle", run: func(a *attack) {
			for i := range 40 {
				var p *peer
				switch i % 4 {
				case 0:
					p = a.shaken()
				case 1:
					p = a.connected("live")
				case 2:
					p = a.publishing("reset")
					p.raw([]byte{6, 0, 0, 0, 0, 1, 0, 9, 1, 0, 0, 0, 0x17})
				case 3:
					p = a.playing(healthyName)
				}
				_ = p.tcp.SetLinger(0)
				_ = p.nc.Close()
			}
		}},
		{name: "a refused client that keeps its end open", run: func(a *attack) {
			p := a.shaken()
			p.connect("nowhere")
			p.wantCode(status.ConnectRejected)
			p.wantFIN()
			began := time.Now()
			for time.Since(began) < wait && p.raw([]byte{0}) {
				time.Sleep(10 * time.Millisecond)
			}
			if took := time.Since(began); took > 1500*time.Millisecond*slack {
				a.t.Errorf("the server read on for %v after its FIN", took)
			}
		}, cause: app.CauseUnknownApp, options: []string{"close_linger"}},
		{name: "a client that reads its last words a few at a time", run: func(a *attack) {
			p := a.reluctant("rpc")
			files := openFiles()
			p.call(2, "big")
			p.call(3, "big")
			p.call(4, "bye")
			time.Sleep(100 * time.Millisecond)
			began := time.Now()
			for time.Since(began) < 20*time.Second && openFiles() == files {
				_ = p.nc.SetReadDeadline(time.Now().Add(40 * time.Millisecond))
				_, err := p.nc.Read(make([]byte, 2<<10))
				if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
					break
				}
				time.Sleep(20 * time.Millisecond)
			}
			if took := time.Since(began); took > 6*time.Second*slack {
				a.t.Errorf("the server waited %v", took)
			}
		}, options: []string{"close_linger", "write_timeout"}},
	}
}

// wantWord wants a description.
func (a *attack) wantWord(m *answer, description string) {
	a.t.Helper()
	if m.status.Description != description {
		a.t.Errorf("description %q, want %q", m.status.Description, description)
	}
}
