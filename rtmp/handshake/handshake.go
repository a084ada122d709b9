package handshake

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"io"
	"time"
)

const (
	// Version is the protocol version in C0 and S0.
	Version = 3
	// packetSize is the length of C1, C2, S1 and S2.
	packetSize = 1536
	// randomAt is where the arbitrary bytes of C1 and S1 start.
	randomAt = 8
	// emptyReads is how often a connection may return nothing without an error.
	emptyReads = 100
)

// Options tunes a handshake. The zero value suits both sides.
type Options struct {
	// First holds bytes which have already been read from rw, C0 first. It may
	// hold more than the handshake; see Result.Rest.
	First []byte
	// Digest makes a client send a C1 with a digest, in scheme A. A server
	// ignores it and does as the client does.
	Digest bool
	// Version is the product version to announce with a digest. All zero means
	// 9.0.124.2 for a client and 4.5.0.1 for a server. A client without Digest
	// announces it as it is; a server without a digest always announces zero,
	// because FFmpeg takes a version of 3 or more for the promise of a digest.
	Version [4]byte
	// Rand is where the arbitrary bytes come from, by default crypto/rand.
	Rand io.Reader
	// Now is the clock, in ms since any time, by default since 1970.
	Now func() uint32
}

// Result tells what was agreed.
type Result struct {
	// Scheme is the form of the handshake: where the peer's digest was, or
	// Simple.
	Scheme Scheme
	// PeerVersion is the product version in the peer's C1 or S1, zero for most
	// simple clients.
	PeerVersion [4]byte
	// ServerDigestTail is the last 32 bytes of S1, the key for SWF
	// verification.
	ServerDigestTail []byte
	// Rest is what Options.First had beyond the handshake: the start of the
	// chunk stream, to be read before rw. It shares memory with First.
	Rest []byte
}

// Error reports a handshake which could not be completed because of its
// transport or of Options.Rand.
type Error struct {
	// Stage is the packet at which it happened: "C0", "C1", "C2", "S0", "S1",
	// "S2", or two or three of them which are written together.
	Stage string
	// Read is the number of bytes of the handshake received until then,
	// Options.First included.
	Read int
	// Err is the cause. It is io.EOF if the peer closed the connection before
	// it sent anything, io.ErrUnexpectedEOF if later.
	Err error
}

func (e *Error) Error() string {
	return fmt.Sprintf("rtmp handshake: %s after %d bytes received: %v", e.Stage, e.Read, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

func (o *Options) random(p []byte) error {
	src := o.Rand
	if src == nil {
		src = rand.Reader
	}
	_, err := io.ReadFull(src, p)
	return err
}

func (o *Options) now() uint32 {
	if o.Now != nil {
		return o.Now()
	}
	return uint32(time.Now().UnixMilli())
}

// version returns o.Version, or def if that is zero.
func (o *Options) version(def [4]byte) [4]byte {
	if o.Version == ([4]byte{}) {
		return def
	}
	return o.Version
}

// input reads first Options.First, then the connection, and counts.
type input struct {
	src   io.Reader
	first []byte
	read  int
}

// rest is what Options.First had beyond the handshake.
func (in *input) rest() []byte {
	if len(in.first) == 0 {
		return nil // so that no memory is kept for it
	}
	return in.first
}

// full fills p with bytes, the first of which have been read already.
func (in *input) full(stage string, p []byte, have int) error {
	for have < len(p) {
		n, err := in.some(stage, p[have:])
		if err != nil {
			return err
		}
		have += n
	}
	return nil
}

// some reads what is there, at least one byte.
func (in *input) some(stage string, p []byte) (int, error) {
	if n := copy(p, in.first); n > 0 {
		in.first = in.first[n:]
		in.read += n
		return n, nil
	}
	err := io.ErrNoProgress
	for range emptyReads {
		var n int
		n, err = in.src.Read(p)
		in.read += n
		if n > 0 {
			return n, nil
		}
		if err != nil {
			break
		}
		err = io.ErrNoProgress
	}
	if err == io.EOF && in.read > 0 {
		err = io.ErrUnexpectedEOF
	}
	return 0, &Error{Stage: stage, Read: in.read, Err: err}
}

// echo turns the peer's packet into the answer to it: the second word becomes
// the time at which it was read (RTMP 1.0 §5.2.4).
func echo(dst, peer []byte, now uint32) {
	copy(dst, peer)
	binary.BigEndian.PutUint32(dst[4:], now)
}
