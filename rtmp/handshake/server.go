package handshake

import (
	"encoding/binary"
	"io"
	"sync"
)

// defaultServerVersion is that of Flash Media Server 4.5.
var defaultServerVersion = [4]byte{4, 5, 0, 1}

// Server performs the server's side of a handshake on rw. It answers with a
// digest, in the client's scheme, if C1 carries a valid one, else in the simple
// form. S0, S1 and S2 are written at once, as soon as C1 is complete; C2 is
// read and ignored.
//
// The error is a [*VersionError] if C0 is not 3, before anything is written,
// else an [*Error].
func Server(rw io.ReadWriter, o Options) (Result, error) {
	in := &input{src: rw, first: o.First}
	w := works.Get().(*work)
	defer works.Put(w)
	c := &w.c // C0, C1
	n, err := in.some("C0", c[:])
	if err != nil {
		return Result{}, err
	}
	if c[0] != Version {
		return Result{}, newVersionError(c[:n])
	}
	if err := in.full("C1", c[:], n); err != nil {
		return Result{}, err
	}
	s := w.s[:] // S0, S1, S2
	scheme, err := o.answer(s, c[1:])
	if err != nil {
		return Result{}, &Error{Stage: "S1", Read: in.read, Err: err}
	}
	if _, err := rw.Write(s); err != nil {
		return Result{}, &Error{Stage: "S0 S1 S2", Read: in.read, Err: err}
	}
	r := Result{
		Scheme:           scheme,
		PeerVersion:      [4]byte(c[5:9]),
		ServerDigestTail: append([]byte(nil), s[1+signatureAt:1+packetSize]...),
	}
	if err := in.full("C2", c[1:], 0); err != nil {
		return Result{}, err
	}
	r.Rest = in.rest()
	return r, nil
}

// work is what a handshake needs while it lasts: of a server or, the other way round, of a client.
type work struct {
	c [1 + packetSize]byte
	s [1 + 2*packetSize]byte
}

// works holds those of handshakes that are over: a server that many connect to at once would leave mostly these to be collected.
var works = sync.Pool{New: func() any { return new(work) }}

// answer fills s with S0, S1 and S2 for the client whose C1 is c1.
func (o *Options) answer(s, c1 []byte) (Scheme, error) {
	s[0] = Version
	s1, s2 := s[1:1+packetSize], s[1+packetSize:]
	now := o.now()
	binary.BigEndian.PutUint32(s1, now)
	clear(s1[4:randomAt])
	if err := o.random(s1[randomAt:]); err != nil {
		return Simple, err
	}
	scheme, clientDigest := Simple, []byte(nil)
	if [4]byte(c1[4:8]) != ([4]byte{}) {
		scheme, clientDigest = findDigest(c1, playerText)
	}
	if scheme == Simple {
		echo(s2, c1, now)
		return scheme, nil
	}
	version := o.version(defaultServerVersion)
	copy(s1[4:8], version[:])
	putDigest(s1, scheme, serverText)
	if err := o.random(s2[:signatureAt]); err != nil {
		return Simple, err
	}
	putSignature(s2, clientDigest, serverKey)
	return scheme, nil
}
