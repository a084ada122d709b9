package handshake

import (
	"errors"
	"fmt"
	"strconv"
)

// Kind is a protocol, as far as the first byte of a connection tells it.
type Kind uint8

const (
	// Unknown is none of the others, deprecated RTMP versions included.
	Unknown Kind = iota
	// RTMP is the plain protocol, version 3.
	RTMP
	// Encrypted is RTMPE: versions 6, 8 and 9.
	Encrypted
	// TLS is a TLS record, of the type which holds a ClientHello. A VersionError
	// says TLS of an alert too, which is what a TLS server answers.
	TLS
	// HTTP is the initial of an HTTP method, or of an HTTP response.
	HTTP
	// Policy is the '<' of Flash Player's <policy-file-request/>.
	Policy
)

var kindNames = [...]string{"unknown protocol", "RTMP", "RTMPE", "TLS", "HTTP", "Flash socket policy request"}

// String returns the name of the protocol.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "Kind(" + strconv.Itoa(int(k)) + ")"
}

// Sniff tells the protocol of a connection by the first byte its client sent.
func Sniff(b byte) Kind {
	switch b {
	case Version:
		return RTMP
	case 6, 8, 9:
		return Encrypted
	case 0x16:
		return TLS
	case 'G', 'P', 'O', 'H', 'C', 'D':
		return HTTP
	case '<':
		return Policy
	}
	return Unknown
}

// ErrNotRTMP is what a [*VersionError] wraps if the peer speaks some other
// protocol altogether, rather than another version of RTMP.
var ErrNotRTMP = errors.New("peer does not speak RTMP")

// VersionError reports that C0 or S0 is not 3. Nothing was answered.
type VersionError struct {
	// Version is the byte in question.
	Version byte
	// Kind is what it suggests.
	Kind Kind
	// First is what was received, from that byte on, at most 64 bytes: enough
	// to recognise "HTTP/1.1 400 Bad Request". It need not have been all.
	First []byte
}

// tlsAlert is how a TLS server answers something which is no ClientHello: a
// record of this type, then the major version, 3 (RFC 8446 §5.1).
const tlsAlert = 0x15

// maxFirst is the length of VersionError.First.
const maxFirst = 64

func newVersionError(first []byte) *VersionError {
	first = append([]byte(nil), first[:min(len(first), maxFirst)]...)
	e := &VersionError{Version: first[0], Kind: Sniff(first[0]), First: first}
	if len(first) > 1 && first[0] == tlsAlert && first[1] == 3 {
		e.Kind = TLS
	}
	return e
}

func (e *VersionError) Error() string {
	if e.Unwrap() == nil {
		return fmt.Sprintf("rtmp handshake: version %d (%v) is not supported", e.Version, e.Kind)
	}
	return fmt.Sprintf("rtmp handshake: %v: %v, starts with %q", ErrNotRTMP, e.Kind, e.First)
}

// Unwrap returns ErrNotRTMP unless the peer asks for RTMPE or one of the
// deprecated versions 0 to 2.
func (e *VersionError) Unwrap() error {
	if e.Kind == Encrypted || e.Version < Version {
		return nil
	}
	return ErrNotRTMP
}
