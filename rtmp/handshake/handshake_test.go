package handshake

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"testing/iotest"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// chacha returns a reproducible source for Options.Rand.
func chacha(seed byte) io.Reader { return rand.NewChaCha8([32]byte{seed}) }

func clock(v uint32) func() uint32 { return func() uint32 { return v } }

// vectorC1 is the C1 of the test vectors: version 9.0.124.2, then a pattern.
func vectorC1() []byte {
	c1 := make([]byte, packetSize)
	copy(c1, "\x00\x00\x00\x00\x09\x00\x7C\x02")
	for i := 8; i < packetSize; i++ {
		c1[i] = byte(7*i + 3)
	}
	return c1
}

// The digests of a known C1, and the signatures of 1504 zero bytes for them,
// computed independently.
var digestTests = []struct {
	scheme            Scheme
	at                int
	digest, signature string
}{
	{DigestA, 290,
		"612af37c38c4a1b74e5737fc4021ded17ed92a9431c19bc665cf421131bad8a6",
		"8fcbe05e17e4fbaae96ce9267bc15cd1ca846b21f72a546d1ce46c5641e2568d"},
	{DigestB, 942,
		"e6a7fbdda4aab503b4e693e92d6f18d9d4b89f3ef0e95fffe767a4830aa37109",
		"7b6d7bb61a83f57a0aa95b92180f55750114822f752e3f47bbe37474778ed673"},
}

func TestDigest(t *testing.T) {
	if len(playerKey) != 62 || len(serverKey) != 68 {
		t.Fatalf("keys of %d and %d bytes, want 62 and 68", len(playerKey), len(serverKey))
	}
	for _, tt := range digestTests {
		t.Run(tt.scheme.String(), func(t *testing.T) {
			c1 := vectorC1()
			if s, _ := findDigest(c1, playerText); s != Simple {
				t.Errorf("found a digest of %v in a C1 without one", s)
			}
			if got := digestAt(c1, tt.scheme); got != tt.at {
				t.Errorf("digest at %d, want %d", got, tt.at)
			}
			d := putDigest(c1, tt.scheme, playerText)
			if got := hex.EncodeToString(d); got != tt.digest {
				t.Errorf("digest %s, want %s", got, tt.digest)
			}
			s, found := findDigest(c1, playerText)
			if s != tt.scheme || !bytes.Equal(found, d) {
				t.Errorf("found %v, %x", s, found)
			}
			if s, _ := findDigest(c1, serverText); s != Simple {
				t.Errorf("a client's digest passes for a server's of %v", s)
			}
			s2 := make([]byte, packetSize)
			putSignature(s2, d, serverKey)
			if got := hex.EncodeToString(s2[signatureAt:]); got != tt.signature {
				t.Errorf("signature %s, want %s", got, tt.signature)
			}
			for _, at := range []int{0, 500, tt.at, 1535} {
				c1[at] ^= 1
				if s, _ := findDigest(c1, playerText); s != Simple {
					t.Errorf("valid although byte %d differs", at)
				}
				c1[at] ^= 1
			}
		})
	}
}

// The place of the digest never leaves its half, whatever the bytes say.
func TestDigestAtExtremes(t *testing.T) {
	for b, want := range map[byte]int{0: 0, 0xB5: 724, 0xB6: 0, 0xFF: 292} { // 4·b mod 728
		p := bytes.Repeat([]byte{b}, packetSize)
		if a, z := digestAt(p, DigestA), digestAt(p, DigestB); a != 12+want || z != 776+want {
			t.Errorf("bytes of %d: digests at %d and %d, want %d and %d", b, a, z, 12+want, 776+want)
		}
	}
}

// exchange is a peer whose bytes are known beforehand; what is written to it is
// kept.
type exchange struct {
	io.Reader
	written bytes.Buffer
	writes  int
}

func (e *exchange) Write(p []byte) (int, error) {
	e.writes++
	return e.written.Write(p)
}

func clientBytes(c1 []byte) []byte {
	b := append([]byte{Version}, c1...)
	return append(b, bytes.Repeat([]byte{0xC2}, packetSize)...)
}

func digested(s Scheme) []byte {
	c1 := vectorC1()
	putDigest(c1, s, playerText)
	return c1
}

func TestServer(t *testing.T) {
	plain := append(make([]byte, 8), bytes.Repeat([]byte{0x55}, packetSize-8)...)
	binary.BigEndian.PutUint32(plain, 1234)
	unsigned := vectorC1() // has a version, but no digest
	tests := []struct {
		name   string
		c1     []byte
		scheme Scheme
	}{
		{"simple", plain, Simple},
		{"version without digest", unsigned, Simple},
		{"digest A", digested(DigestA), DigestA},
		{"digest B", digested(DigestB), DigestB},
	}
	sources := map[string]func(io.Reader) io.Reader{
		"whole":        func(r io.Reader) io.Reader { return r },
		"byte by byte": iotest.OneByteReader,
		"halves":       iotest.HalfReader,
	}
	for _, tt := range tests {
		for name, source := range sources {
			t.Run(tt.name+"/"+name, func(t *testing.T) {
				// The first chunk is glued to C2 and must stay.
				in := bytes.NewReader(append(clientBytes(tt.c1), "chunk"...))
				rw := &exchange{Reader: source(in)}
				got, err := Server(rw, Options{Rand: chacha(1), Now: clock(777)})
				if err != nil {
					t.Fatal(err)
				}
				if got.Scheme != tt.scheme || got.PeerVersion != [4]byte(tt.c1[4:8]) {
					t.Errorf("%v, version %v", got.Scheme, got.PeerVersion)
				}
				if in.Len() != len("chunk") {
					t.Errorf("%d bytes left, want those of the chunk", in.Len())
				}
				if rw.writes != 1 {
					t.Errorf("%d writes, want 1", rw.writes)
				}
				checkAnswer(t, rw.written.Bytes(), tt.c1, got)
			})
		}
	}
}

// checkAnswer checks S0, S1 and S2 as a client which is strict does.
func checkAnswer(t *testing.T, s, c1 []byte, r Result) {
	t.Helper()
	if len(s) != 1+2*packetSize || s[0] != Version {
		t.Fatalf("%d bytes of answer, version %d", len(s), s[0])
	}
	s1, s2 := s[1:1+packetSize], s[1+packetSize:]
	if binary.BigEndian.Uint32(s1) != 777 {
		t.Errorf("time of S1 is %d", binary.BigEndian.Uint32(s1))
	}
	if !bytes.Equal(r.ServerDigestTail, s1[packetSize-32:]) {
		t.Error("ServerDigestTail is not the end of S1")
	}
	if r.Scheme == Simple {
		if !bytes.Equal(s1[4:8], make([]byte, 4)) {
			t.Errorf("version %v in a simple S1", s1[4:8])
		}
		if !bytes.Equal(s2[:4], c1[:4]) || binary.BigEndian.Uint32(s2[4:]) != 777 || !bytes.Equal(s2[8:], c1[8:]) {
			t.Error("S2 does not echo C1")
		}
		return
	}
	if !bytes.Equal(s1[4:8], []byte{4, 5, 0, 1}) {
		t.Errorf("version %v in a digested S1", s1[4:8])
	}
	if scheme, _ := findDigest(s1, serverText); scheme != r.Scheme {
		t.Errorf("digest of S1 is %v, want %v", scheme, r.Scheme)
	}
	at := digestAt(c1, r.Scheme)
	want := append([]byte(nil), s2...)
	putSignature(want, c1[at:at+digestSize], serverKey)
	if !bytes.Equal(s2, want) {
		t.Error("signature of S2 is wrong")
	}
}

// With FFmpeg's rule: the second byte of S1's version being 3 or more promises
// a digest. A simple answer never announces a version, not even a configured
// one; a digested one does.
func TestServerVersion(t *testing.T) {
	for scheme, want := range map[Scheme][4]byte{Simple: {}, DigestA: {3, 5, 7, 9}} {
		c1 := make([]byte, packetSize)
		if scheme != Simple {
			c1 = digested(scheme)
		}
		rw := &exchange{Reader: bytes.NewReader(clientBytes(c1))}
		if _, err := Server(rw, Options{Version: [4]byte{3, 5, 7, 9}}); err != nil {
			t.Fatal(err)
		}
		if got := [4]byte(rw.written.Bytes()[5:9]); got != want {
			t.Errorf("%v: version %v, want %v", scheme, got, want)
		}
	}
}

// Both sides over a synchronous connection, in all modes, with and without
// bytes read before.
func TestClientServer(t *testing.T) {
	for _, tt := range []struct {
		name           string
		client         Options
		scheme         Scheme
		client1, serv1 [4]byte // versions
	}{
		{"simple", Options{}, Simple, [4]byte{}, [4]byte{}},
		{"simple with version", Options{Version: [4]byte{1, 2, 3, 4}}, Simple, [4]byte{1, 2, 3, 4}, [4]byte{}},
		{"digest", Options{Digest: true}, DigestA, [4]byte{9, 0, 124, 2}, [4]byte{4, 5, 0, 1}},
		{"digest with version", Options{Digest: true, Version: [4]byte{10, 0, 32, 18}}, DigestA, [4]byte{10, 0, 32, 18}, [4]byte{4, 5, 0, 1}},
	} {
		for _, peek := range []int{0, 1, 10} {
			t.Run(fmt.Sprintf("%s, %d bytes peeked", tt.name, peek), func(t *testing.T) {
				a, b := net.Pipe()
				defer a.Close()
				defer b.Close()
				type outcome struct {
					Result
					err error
				}
				done := make(chan outcome)
				go func() {
					first := make([]byte, peek)
					if _, err := io.ReadFull(b, first); err != nil {
						done <- outcome{err: err}
						return
					}
					r, err := Server(b, Options{First: first})
					done <- outcome{r, err}
				}()
				c, err := Client(a, tt.client)
				if err != nil {
					t.Fatal(err)
				}
				s := <-done
				if s.err != nil {
					t.Fatal(s.err)
				}
				if c.Scheme != tt.scheme || s.Scheme != tt.scheme {
					t.Errorf("client %v, server %v, want %v", c.Scheme, s.Scheme, tt.scheme)
				}
				if s.PeerVersion != tt.client1 || c.PeerVersion != tt.serv1 {
					t.Errorf("versions: client's %v, server's %v", s.PeerVersion, c.PeerVersion)
				}
				if !bytes.Equal(c.ServerDigestTail, s.ServerDigestTail) || len(c.ServerDigestTail) != 32 {
					t.Error("the two sides disagree about the end of S1")
				}
				if len(s.Rest) != 0 || len(c.Rest) != 0 {
					t.Error("bytes left over")
				}
			})
		}
	}
}

// The client signs the server's digest in C2, in whichever scheme it is; a
// server with neither gets an echo.
func TestClientC2(t *testing.T) {
	for _, scheme := range []Scheme{Simple, DigestA, DigestB} {
		t.Run(scheme.String(), func(t *testing.T) {
			s1 := vectorC1()
			if scheme != Simple {
				putDigest(s1, scheme, serverText)
			}
			in := append(append([]byte{Version}, s1...), make([]byte, packetSize)...)
			rw := &exchange{Reader: bytes.NewReader(append(in, "chunk"...))}
			r, err := Client(rw, Options{Digest: true, Rand: chacha(2), Now: clock(99)})
			if err != nil || r.Scheme != scheme {
				t.Fatalf("%v, %v", r.Scheme, err)
			}
			if rest, _ := io.ReadAll(rw); string(rest) != "chunk" {
				t.Errorf("%q left, want the chunk", rest)
			}
			w := rw.written.Bytes()
			if len(w) != 1+2*packetSize || rw.writes != 2 {
				t.Fatalf("%d bytes in %d writes", len(w), rw.writes)
			}
			if s, _ := findDigest(w[1:1+packetSize], playerText); s != DigestA {
				t.Errorf("C1 has a digest of %v", s)
			}
			c2 := w[1+packetSize:]
			want := append([]byte(nil), c2...)
			if scheme == Simple {
				echo(want, s1, 99)
			} else {
				at := digestAt(s1, scheme)
				putSignature(want, s1[at:at+digestSize], playerKey)
			}
			if !bytes.Equal(c2, want) {
				t.Error("C2 is wrong")
			}
		})
	}
}

// Options.First may hold anything from C0 to the whole of a session.
func TestFirst(t *testing.T) {
	all := append(clientBytes(digested(DigestB)), "chunk"...)
	for _, n := range []int{0, 1, 2, 1536, 1537, 1538, 3073, len(all)} {
		rw := &exchange{Reader: bytes.NewReader(all[n:])}
		r, err := Server(rw, Options{First: all[:n]})
		if err != nil || r.Scheme != DigestB {
			t.Fatalf("%d bytes first: %v, %v", n, r.Scheme, err)
		}
		rest, _ := io.ReadAll(rw)
		if got := string(r.Rest) + string(rest); got != "chunk" {
			t.Errorf("%d bytes first: %q left, want the chunk", n, got)
		}
	}
	// The same for a client.
	s1 := vectorC1()
	all = append(append([]byte{Version}, s1...), append(make([]byte, packetSize), "chunk"...)...)
	r, err := Client(&exchange{Reader: strings.NewReader("")}, Options{First: all})
	if err != nil || string(r.Rest) != "chunk" {
		t.Errorf("client: %q left, %v", r.Rest, err)
	}
}
