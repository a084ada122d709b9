package handshake

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestSniff(t *testing.T) {
	want := map[byte]Kind{
		3: RTMP, 6: Encrypted, 8: Encrypted, 9: Encrypted, 0x16: TLS, '<': Policy,
		'G': HTTP, 'P': HTTP, 'O': HTTP, 'H': HTTP, 'C': HTTP, 'D': HTTP,
	}
	for b := range 256 {
		if got := Sniff(byte(b)); got != want[byte(b)] {
			t.Errorf("Sniff(%#x) = %v, want %v", b, got, want[byte(b)])
		}
	}
	if got := Kind(99).String(); got != "Kind(99)" {
		t.Errorf("String() = %q", got)
	}
	if got := Scheme(99).String(); got != "Scheme(99)" {
		t.Errorf("String() = %q", got)
	}
}

var versionTests = []struct {
	name    string
	first   string
	kind    Kind
	notRTMP bool
	text    string
}{
	{"HTTP answer", "HTTP/1.1 400 Bad Request\r\n\r\n", HTTP, true,
		`rtmp handshake: peer does not speak RTMP: HTTP, starts with "HTTP/1.1 400 Bad Request\r\n\r\n"`},
	{"HTTP request", "GET / HTTP/1.1\r\n", HTTP, true, `rtmp handshake: peer does not speak RTMP: HTTP, starts with "GET / HTTP/1.1\r\n"`},
	{"TLS", "\x16\x03\x01", TLS, true, `rtmp handshake: peer does not speak RTMP: TLS, starts with "\x16\x03\x01"`},
	{"TLS alert", "\x15\x03\x03\x00\x02\x02\x46", TLS, true, `rtmp handshake: peer does not speak RTMP: TLS, starts with "\x15\x03\x03\x00\x02\x02F"`},
	{"policy", "<policy-file-request/>\x00", Policy, true, `rtmp handshake: peer does not speak RTMP: Flash socket policy request, starts with "<policy-file-request/>\x00"`},
	{"RTMPE", "\x06rest", Encrypted, false, "rtmp handshake: version 6 (RTMPE) is not supported"},
	{"deprecated", "\x02", Unknown, false, "rtmp handshake: version 2 (unknown protocol) is not supported"},
	{"reserved", "\x15", Unknown, true, `rtmp handshake: peer does not speak RTMP: unknown protocol, starts with "\x15"`},
	{"SSH", "SSH-2.0-OpenSSH_9.6\r\n", Unknown, true, `rtmp handshake: peer does not speak RTMP: unknown protocol, starts with "SSH-2.0-OpenSSH_9.6\r\n"`},
}

func TestVersionError(t *testing.T) {
	sides := map[string]func(io.ReadWriter, Options) (Result, error){"client": Client, "server": Server}
	for _, tt := range versionTests {
		for side, run := range sides {
			t.Run(tt.name+"/"+side, func(t *testing.T) {
				rw := &exchange{Reader: strings.NewReader(tt.first)}
				_, err := run(rw, Options{})
				var ve *VersionError
				if !errors.As(err, &ve) {
					t.Fatalf("%v, want a VersionError", err)
				}
				if ve.Version != tt.first[0] || ve.Kind != tt.kind || string(ve.First) != tt.first {
					t.Errorf("version %d, kind %v, first %q", ve.Version, ve.Kind, ve.First)
				}
				if errors.Is(err, ErrNotRTMP) != tt.notRTMP {
					t.Errorf("is ErrNotRTMP: %v", !tt.notRTMP)
				}
				if err.Error() != tt.text {
					t.Errorf("%q, want %q", err, tt.text)
				}
				if side == "server" && rw.writes > 0 {
					t.Errorf("%d bytes answered", rw.written.Len())
				}
			})
		}
	}
}

func TestVersionErrorIsBounded(t *testing.T) {
	_, err := Server(&exchange{Reader: strings.NewReader(strings.Repeat("A", 5000))}, Options{})
	var ve *VersionError
	if !errors.As(err, &ve) || len(ve.First) != maxFirst {
		t.Errorf("%v", err)
	}
}

type failing struct {
	io.Reader
	after int
	err   error
}

func (f *failing) Write(p []byte) (int, error) {
	if f.after--; f.after < 0 {
		return 0, f.err
	}
	return len(p), nil
}

type nothing struct{}

func (nothing) Read([]byte) (int, error) { return 0, nil }

func TestErrorSaysWhere(t *testing.T) {
	broken := errors.New("broken")
	c := clientBytes(digested(DigestA))
	s := append([]byte{Version}, make([]byte, 2*packetSize)...)
	for _, tt := range []struct {
		name  string
		run   func(io.ReadWriter, Options) (Result, error)
		in    []byte
		write int // writes which succeed
		rand  int // random bytes there are
		stage string
		read  int
		err   error
	}{
		{"server, closed at once", Server, nil, 9, 9999, "C0", 0, io.EOF},
		{"server, only C0", Server, c[:1], 9, 9999, "C1", 1, io.ErrUnexpectedEOF},
		{"server, closed in C1", Server, c[:1000], 9, 9999, "C1", 1000, io.ErrUnexpectedEOF},
		{"server, write", Server, c[:1537], 0, 9999, "S0 S1 S2", 1537, broken},
		{"server, random of S1", Server, c[:1537], 9, 0, "S1", 1537, io.EOF},
		{"server, random of S2", Server, c[:1537], 9, 1528, "S1", 1537, io.EOF},
		{"server, no C2", Server, c[:1537], 9, 9999, "C2", 1537, io.ErrUnexpectedEOF},
		{"server, closed in C2", Server, c[:3072], 9, 9999, "C2", 3072, io.ErrUnexpectedEOF},
		{"client, random of C1", Client, nil, 9, 0, "C1", 0, io.EOF},
		{"client, write", Client, nil, 0, 9999, "C0 C1", 0, broken},
		{"client, closed at once", Client, nil, 9, 9999, "S0", 0, io.EOF},
		{"client, only S0", Client, s[:1], 9, 9999, "S1", 1, io.ErrUnexpectedEOF},
		{"client, no S2", Client, s[:1537], 9, 9999, "S2", 1537, io.ErrUnexpectedEOF},
		{"client, closed in S2", Client, s[:3072], 9, 9999, "S2", 3072, io.ErrUnexpectedEOF},
		{"client, write of C2", Client, s, 1, 9999, "C2", 3073, broken},
		{"client, random of C2", Client, serverBytes(), 9, 1528, "C2", 3073, io.EOF},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rw := &failing{Reader: bytes.NewReader(tt.in), after: tt.write, err: broken}
			_, err := tt.run(rw, Options{Digest: true, Rand: io.LimitReader(chacha(3), int64(tt.rand))})
			var he *Error
			if !errors.As(err, &he) || he.Stage != tt.stage || he.Read != tt.read || !errors.Is(err, tt.err) {
				t.Errorf("%v, want %s after %d bytes: %v", err, tt.stage, tt.read, tt.err)
			}
		})
	}
	if _, err := Server(&failing{Reader: nothing{}}, Options{}); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("%v, want io.ErrNoProgress", err)
	}
}

// serverBytes is what a server with a digest sends.
func serverBytes() []byte {
	s1 := vectorC1()
	putDigest(s1, DigestA, serverText)
	return append(append([]byte{Version}, s1...), make([]byte, packetSize)...)
}

// The deadline is the caller's, and its error comes through: a client which
// sends one byte a second does not keep the server past it.
func TestDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := net.Pipe()
		done := make(chan struct{})
		defer func() { b.Close(); <-done }()
		go func() {
			defer close(done)
			defer a.Close()
			for _, c := range clientBytes(digested(DigestA)) {
				if _, err := a.Write([]byte{c}); err != nil {
					return
				}
				time.Sleep(time.Second)
			}
		}()
		start := time.Now()
		if err := b.SetDeadline(start.Add(4500 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		_, err := Server(b, Options{})
		var he *Error
		if !errors.Is(err, os.ErrDeadlineExceeded) || !errors.As(err, &he) || he.Stage != "C1" || he.Read != 5 {
			t.Errorf("%v", err)
		}
		if d := time.Since(start); d != 4500*time.Millisecond {
			t.Errorf("took %v", d)
		}
	})
}

// FuzzServer gives the server arbitrary bytes, in pieces of arbitrary size.
func FuzzServer(f *testing.F) {
	for _, tt := range versionTests {
		f.Add([]byte(tt.first), uint16(1))
	}
	for _, s := range []Scheme{DigestA, DigestB} {
		f.Add(clientBytes(digested(s)), uint16(100))
	}
	f.Add(append(clientBytes(vectorC1()), "chunk"...), uint16(5000))
	f.Add(append(clientBytes(make([]byte, packetSize)), "chunk"...), uint16(7))
	f.Fuzz(func(t *testing.T, in []byte, first uint16) {
		n := min(len(in), int(first))
		src := bytes.NewReader(in[n:])
		rw := &exchange{Reader: src}
		r, err := Server(rw, Options{First: in[:n], Rand: chacha(4), Now: clock(777)})
		switch w := rw.written.Len(); {
		case w != 0 && w != 1+2*packetSize:
			t.Fatalf("%d bytes answered", w)
		case w != 0 && (len(in) < 1+packetSize || in[0] != Version):
			t.Fatal("answered something which is no C0 and C1")
		}
		complete := len(in) >= 1+2*packetSize && in[0] == Version
		if complete != (err == nil) {
			t.Fatalf("%d bytes: %v", len(in), err)
		}
		var ve *VersionError
		var he *Error
		if err != nil && !errors.As(err, &ve) && !errors.As(err, &he) {
			t.Fatalf("error of unexpected kind: %v", err)
		}
		if err != nil {
			return
		}
		if left := len(r.Rest) + src.Len(); left != len(in)-(1+2*packetSize) {
			t.Fatalf("%d bytes left of %d", left, len(in))
		}
		checkAnswer(t, rw.written.Bytes(), in[1:1+packetSize], r)
	})
}

// FuzzClient does the same to the client.
func FuzzClient(f *testing.F) {
	for _, tt := range versionTests {
		f.Add([]byte(tt.first))
	}
	f.Add(serverBytes())
	f.Add(append(clientBytes(make([]byte, packetSize)), "chunk"...))
	f.Fuzz(func(t *testing.T, in []byte) {
		src := bytes.NewReader(in)
		rw := &exchange{Reader: src}
		_, err := Client(rw, Options{Digest: true, Rand: chacha(5)})
		if complete := len(in) >= 1+2*packetSize && in[0] == Version; complete != (err == nil) {
			t.Fatalf("%d bytes: %v", len(in), err)
		}
		if err == nil && (src.Len() != len(in)-(1+2*packetSize) || rw.written.Len() != 1+2*packetSize) {
			t.Fatalf("%d bytes left, %d written", src.Len(), rw.written.Len())
		}
	})
}
