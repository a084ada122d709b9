package handshake

import (
	"crypto/hmac"
	"crypto/sha256"
	"strconv"
)

// Scheme is a form of the handshake. The two with digests place the digest in
// C1 and S1 in different halves; each packet tells by four of its bytes where
// exactly.
type Scheme uint8

const (
	// Simple has no digest (RTMP 1.0 §5.2).
	Simple Scheme = iota
	// DigestA has the digest in the first half: at 12 + (b8+b9+b10+b11) mod 728.
	DigestA
	// DigestB has it in the second: at 776 + (b772+b773+b774+b775) mod 728.
	DigestB
)

// String returns "simple", "digest-a" or "digest-b".
func (s Scheme) String() string {
	switch s {
	case Simple:
		return "simple"
	case DigestA:
		return "digest-a"
	case DigestB:
		return "digest-b"
	}
	return "Scheme(" + strconv.Itoa(int(s)) + ")"
}

const (
	digestSize = sha256.Size
	// signatureAt is where the signature in C2 and S2 starts.
	signatureAt = packetSize - digestSize
)

// The keys of the digests, as every implementation since Flash Player 9.0.115
// has them. C1 is signed with the text of the player's key, S1 with the text of
// the server's, C2 and S2 by way of the whole keys.
const (
	keyTail = "\xf0\xee\xc2\x4a\x80\x68\xbe\xe8\x2e\x00\xd0\xd1\x02\x9e\x7e\x57" +
		"\x6e\xec\x5d\x2d\x29\x80\x6f\xab\x93\xb8\xe6\x36\xcf\xeb\x31\xae"
	playerText = "Genuine Adobe Flash Player 001"
	serverText = "Genuine Adobe Flash Media Server 001"
	playerKey  = playerText + keyTail
	serverKey  = serverText + keyTail
)

// digestAt returns where the digest of p is in scheme s.
func digestAt(p []byte, s Scheme) int {
	at := 8
	if s == DigestB {
		at = 772
	}
	sum := int(p[at]) + int(p[at+1]) + int(p[at+2]) + int(p[at+3])
	return at + 4 + sum%728
}

// digest computes the digest of p, which covers all of p but the 32 bytes at
// the place where it belongs.
func digest(p []byte, at int, key string) []byte {
	return sign([]byte(key), p[:at], p[at+digestSize:])
}

// findDigest returns the scheme in which p carries a valid digest, and the
// digest; Simple if it carries none.
func findDigest(p []byte, key string) (Scheme, []byte) {
	for _, s := range [...]Scheme{DigestA, DigestB} {
		at := digestAt(p, s)
		if d := p[at : at+digestSize]; hmac.Equal(d, digest(p, at, key)) {
			return s, d
		}
	}
	return Simple, nil
}

// putDigest makes p carry a digest in scheme s, and returns it.
func putDigest(p []byte, s Scheme, key string) []byte {
	at := digestAt(p, s)
	copy(p[at:], digest(p, at, key))
	return p[at : at+digestSize]
}

// putSignature ends p, a C2 or S2, with the answer to the peer's digest.
func putSignature(p, peerDigest []byte, key string) {
	copy(p[signatureAt:], sign(sign([]byte(key), peerDigest), p[:signatureAt]))
}

// sign returns the HMAC-SHA-256 of the parts in a row.
func sign(key []byte, parts ...[]byte) []byte {
	h := hmac.New(sha256.New, key)
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}
