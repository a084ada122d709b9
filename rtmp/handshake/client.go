package handshake

import (
	"encoding/binary"
	"io"
)

// defaultClientVersion is the one FFmpeg announces, of Flash Player 9.
var defaultClientVersion = [4]byte{9, 0, 124, 2}

// Client performs the client's side of a handshake on rw. C0 and C1 are written
// at once; C2 follows when S2 is complete, so that no more than one side writes
// at any time. What S1 and S2 contain is accepted as it is: Result.Scheme is
// Simple if S1 has no valid digest, even if C1 had.
//
// The error is a [*VersionError] if S0 is not 3; it shows how the answer of a
// server of some other kind started. Otherwise it is an [*Error].
func Client(rw io.ReadWriter, o Options) (Result, error) {
	w := works.Get().(*work)
	defer works.Put(w)
	c, s := w.c[:], w.s[:]
	if err := o.hello(c); err != nil {
		return Result{}, &Error{Stage: "C1", Err: err}
	}
	if _, err := rw.Write(c); err != nil {
		return Result{}, &Error{Stage: "C0 C1", Err: err}
	}
	in := &input{src: rw, first: o.First}
	n, err := in.some("S0", s)
	if err != nil {
		return Result{}, err
	}
	if s[0] != Version {
		return Result{}, newVersionError(s[:n])
	}
	s1 := s[1 : 1+packetSize]
	if n < 1+packetSize {
		if err := in.full("S1", s[:1+packetSize], n); err != nil {
			return Result{}, err
		}
		n = 1 + packetSize
	}
	if err := in.full("S2", s, n); err != nil {
		return Result{}, err
	}
	c2 := c[1:]
	scheme, err := o.confirm(c2, s1)
	if err != nil {
		return Result{}, &Error{Stage: "C2", Read: in.read, Err: err}
	}
	if _, err := rw.Write(c2); err != nil {
		return Result{}, &Error{Stage: "C2", Read: in.read, Err: err}
	}
	return Result{
		Scheme:           scheme,
		PeerVersion:      [4]byte(s1[4:8]),
		ServerDigestTail: append([]byte(nil), s1[signatureAt:]...),
		Rest:             in.rest(),
	}, nil
}

// hello fills c with C0 and C1.
func (o *Options) hello(c []byte) error {
	c[0] = Version
	c1 := c[1:]
	binary.BigEndian.PutUint32(c1, o.now())
	if err := o.random(c1[randomAt:]); err != nil {
		return err
	}
	version := o.Version
	if o.Digest {
		version = o.version(defaultClientVersion)
	}
	copy(c1[4:8], version[:])
	if o.Digest {
		putDigest(c1, DigestA, playerText)
	}
	return nil
}

// confirm fills c2 with the answer to s1.
func (o *Options) confirm(c2, s1 []byte) (Scheme, error) {
	scheme, serverDigest := Simple, []byte(nil)
	if o.Digest && [4]byte(s1[4:8]) != ([4]byte{}) {
		scheme, serverDigest = findDigest(s1, serverText)
	}
	if scheme == Simple {
		echo(c2, s1, o.now())
		return scheme, nil
	}
	if err := o.random(c2[:signatureAt]); err != nil {
		return Simple, err
	}
	putSignature(c2, serverDigest, playerKey)
	return scheme, nil
}
