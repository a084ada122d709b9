package e2e

import (
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"penstock/amf"
	"penstock/flv"
	"penstock/rtmp/chunk"
)

// A tap relays one RTMP connection and notes when which message passed. It tells a client's own slowness from the server's.
type tap struct {
	addr string

	mu       sync.Mutex
	messages []tapped
}

// A tapped message was complete at a time after the connection was accepted.
type tapped struct {
	at         time.Duration
	fromClient bool
	kind       uint8
	name       string // of a command or data message
	coded      bool   // audio or video that is not a sequence header
	size       int
}

// tapTo listens for one connection and relays it to the server's RTMP address.
func tapTo(t *testing.T, s *server) *tap {
	t.Helper()
	u, err := url.Parse(s.rtmp)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	tp := &tap{addr: l.Addr().String()}
	var wg sync.WaitGroup
	var conns [2]net.Conn
	var mu sync.Mutex
	wg.Go(func() {
		client, err := l.Accept()
		if err != nil {
			return
		}
		begin := time.Now()
		srv, err := net.Dial("tcp", u.Host)
		if err != nil {
			_ = client.Close()
			return
		}
		mu.Lock()
		conns = [2]net.Conn{client, srv}
		mu.Unlock()
		wg.Go(func() { tp.relay(srv, client, begin, true) })
		tp.relay(client, srv, begin, false)
	})
	t.Cleanup(func() {
		_ = l.Close()
		mu.Lock()
		for _, c := range conns {
			if c != nil {
				_ = c.Close()
			}
		}
		mu.Unlock()
		wg.Wait()
		if t.Failed() {
			t.Log("wire:\n" + tp.String())
		}
	})
	return tp
}

func (tp *tap) url(path string) string { return "rtmp://" + tp.addr + path }

// relay copies src to dst until either ends, while a goroutine of its own reads the messages from the copy.
func (tp *tap) relay(dst, src net.Conn, begin time.Time, fromClient bool) {
	copies := make(chan block, 1024)
	var wg sync.WaitGroup
	wg.Go(func() {
		tp.read(&blockReader{from: copies, begin: begin}, fromClient)
		for range copies { // the reader may give up early
		}
	})
	buf := make([]byte, 64<<10)
	for {
		n, err := src.Read(buf)
		if n > 0 {
			now := time.Now()
			if _, werr := dst.Write(buf[:n]); werr != nil {
				err = werr
			}
			copies <- block{append([]byte(nil), buf[:n]...), now}
		}
		if err != nil {
			break
		}
	}
	_ = dst.Close()
	_ = src.Close()
	close(copies)
	wg.Wait()
}

func (tp *tap) read(r *blockReader, fromClient bool) {
	if _, err := io.CopyN(io.Discard, r, 1+2*1536); err != nil { // handshake
		return
	}
	limits := chunk.DefaultLimits()
	limits.Command = limits.Message
	cr := chunk.NewReader(r, limits)
	for {
		var m chunk.Message
		if err := cr.ReadMessage(&m); err != nil {
			return
		}
		tp.note(&m, tapped{at: r.last.Sub(r.begin), fromClient: fromClient, kind: m.Type, size: len(m.Payload)})
	}
}

func (tp *tap) note(m *chunk.Message, e tapped) {
	switch m.Type {
	case 8:
		info, err := flv.ParseAudio(m.Payload)
		e.coded = err == nil && info.Coded()
	case 9:
		info, err := flv.ParseVideo(m.Payload)
		e.coded = err == nil && info.Coded()
	case 18, 20:
		if v, err := amf.NewDecoder(m.Payload, amf.AMF0).Decode(); err == nil {
			e.name, _ = v.(string)
		}
	}
	tp.mu.Lock()
	tp.messages = append(tp.messages, e)
	tp.mu.Unlock()
}

// firstMedia returns the time from the client's play command to the first coded frame, and when that was since the client
// connected.
func (tp *tap) firstMedia() (afterPlay, afterConnect time.Duration, ok bool) {
	tp.mu.Lock()
	defer tp.mu.Unlock()
	play := time.Duration(-1)
	for _, m := range tp.messages {
		if m.fromClient && m.name == "play" {
			play = m.at
		}
	}
	for _, m := range tp.messages {
		if play >= 0 && !m.fromClient && m.coded && m.at >= play {
			return m.at - play, m.at, true
		}
	}
	return 0, 0, false
}

// String lists the conversation up to the first media, for the log of a failed test.
func (tp *tap) String() string {
	tp.mu.Lock()
	defer tp.mu.Unlock()
	var b strings.Builder
	for i, m := range tp.messages {
		if i == 60 {
			fmt.Fprintf(&b, "… %d messages in all\n", len(tp.messages))
			break
		}
		arrow := "<-"
		if m.fromClient {
			arrow = "->"
		}
		fmt.Fprintf(&b, "%8.1f ms %s type %d %s %d bytes\n", float64(m.at.Microseconds())/1000, arrow, m.kind, m.name, m.size)
	}
	return b.String()
}

type block struct {
	b  []byte
	at time.Time
}

// blockReader reads blocks and remembers when the last one came.
type blockReader struct {
	from  <-chan block
	begin time.Time
	rest  []byte
	last  time.Time
}

func (r *blockReader) Read(p []byte) (int, error) {
	if len(r.rest) == 0 {
		b, ok := <-r.from
		if !ok {
			return 0, io.EOF
		}
		r.rest, r.last = b.b, b.at
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}
