package wire

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
)

// HandshakeSize is the length of C1, C2, S1 and S2.
const HandshakeSize = 1536

// The keys of the digest handshake: what Flash Player and Flash Media Server say of themselves, and 32 bytes that both add.
var (
	playerKey = []byte("Genuine Adobe Flash Player 001")
	serverKey = []byte("Genuine Adobe Flash Media Server 001")
	bothKey   = []byte{
		0xF0, 0xEE, 0xC2, 0x4A, 0x80, 0x68, 0xBE, 0xE8, 0x2E, 0x00, 0xD0, 0xD1, 0x02, 0x9E, 0x7E, 0x57,
		0x6E, 0xEC, 0x5D, 0x2D, 0x29, 0x80, 0x6F, 0xAB, 0x93, 0xB8, 0xE6, 0x36, 0xCF, 0xEB, 0x31, 0xAE,
	}
)

// Scheme is where the digest of a handshake is.
type Scheme int

// Schemes: the digest in the first block, or behind the public key in the second.
const (
	DigestFirst Scheme = iota
	KeyFirst
)

func (s Scheme) String() string {
	if s == DigestFirst {
		return "digest first"
	}
	return "key first"
}

// DigestOffset is where in a C1 or S1 the 32 bytes of the digest begin.
func (s Scheme) DigestOffset(block []byte) int {
	base := 8
	if s == KeyFirst {
		base = 772
	}
	sum := int(block[base]) + int(block[base+1]) + int(block[base+2]) + int(block[base+3])
	return base + 4 + sum%728
}

func mac(key []byte, parts ...[]byte) []byte {
	h := hmac.New(sha256.New, key)
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}

func digest(key, block []byte, at int) []byte { return mac(key, block[:at], block[at+32:]) }

// Block is a C1 or S1 without digest: time, version, and a pattern that depends on seed.
func Block(time, version uint32, seed byte) []byte {
	b := make([]byte, HandshakeSize)
	copy(b, append(be32(time), be32(version)...))
	for i := 8; i < len(b); i++ {
		b[i] = byte(7*i+3) ^ seed
	}
	return b
}

// SignC1 puts the digest of a client into a block.
func SignC1(block []byte, s Scheme) {
	at := s.DigestOffset(block)
	copy(block[at:], digest(playerKey, block, at))
}

// CheckS1 says in which scheme S1 has a valid digest of a server.
func CheckS1(s1 []byte) (Scheme, bool) {
	for _, s := range []Scheme{DigestFirst, KeyFirst} {
		at := s.DigestOffset(s1)
		if hmac.Equal(digest(serverKey, s1, at), s1[at:at+32]) {
			return s, true
		}
	}
	return 0, false
}

// CheckS2 tells whether S2 is signed for the digest of c1, which has one in scheme s.
func CheckS2(s2, c1 []byte, s Scheme) bool {
	at := s.DigestOffset(c1)
	key := mac(append(bytes.Clone(serverKey), bothKey...), c1[at:at+32])
	return hmac.Equal(mac(key, s2[:HandshakeSize-32]), s2[HandshakeSize-32:])
}

// SignC2 builds the C2 for an S1 with a digest in scheme s.
func SignC2(s1 []byte, s Scheme) []byte {
	at := s.DigestOffset(s1)
	c2 := Block(0, 0, 0x5A)
	key := mac(append(bytes.Clone(playerKey), bothKey...), s1[at:at+32])
	copy(c2[HandshakeSize-32:], mac(key, c2[:HandshakeSize-32]))
	return c2
}

// Echo is the C2 or S2 of the simple handshake (RTMP 1.0 §5.2.4).
func Echo(block []byte, now uint32) []byte {
	e := bytes.Clone(block)
	copy(e[4:], be32(now))
	return e
}

// Handshake is what the other side of a handshake sent.
type Handshake struct {
	Version byte
	First   []byte // S1, or C1
	Second  []byte // S2, or C2
}

// Handshake does the simple handshake as a client.
func (c *Conn) Handshake() (*Handshake, error) {
	c1 := Block(0, 0, 0)
	if err := c.SendRaw(append([]byte{3}, c1...), "C0 version 3, C1 time 0, version 0"); err != nil {
		return nil, err
	}
	h, err := c.ReadServerHandshake()
	if err != nil {
		return h, err
	}
	return h, c.SendRaw(Echo(h.First, 0), "C2, the echo of S1")
}

// ReadServerHandshake reads S0, S1 and S2.
func (c *Conn) ReadServerHandshake() (*Handshake, error) {
	h := &Handshake{}
	b, err := c.ReadRaw(1, "S0")
	if err != nil {
		return h, err
	}
	h.Version = b[0]
	if h.First, err = c.ReadRaw(HandshakeSize, "S1"); err != nil {
		return h, err
	}
	h.Second, err = c.ReadRaw(HandshakeSize, "S2")
	return h, err
}

// AcceptHandshake does the simple handshake as a server.
func (c *Conn) AcceptHandshake() (*Handshake, error) {
	h := &Handshake{}
	b, err := c.ReadRaw(1, "C0")
	if err != nil {
		return h, err
	}
	if h.Version = b[0]; h.Version != 3 {
		return h, errors.New("C0 is not 3")
	}
	if h.First, err = c.ReadRaw(HandshakeSize, "C1"); err != nil {
		return h, err
	}
	answer := append(append([]byte{3}, Block(0, 0, 1)...), Echo(h.First, 0)...)
	if err := c.SendRaw(answer, "S0 version 3, S1 time 0, version 0, S2, the echo of C1"); err != nil {
		return h, err
	}
	h.Second, err = c.ReadRaw(HandshakeSize, "C2")
	return h, err
}
