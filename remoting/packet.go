package remoting

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"penstock/amf"
)

// Packet is what one HTTP request or answer holds (AMF0 spec §4).
type Packet struct {
	Version uint16 // 0 Flash Player up to 8, 1 Flash Media Server, 3 Flash Player from 9 on
	Headers []Header
	Bodies  []Body
}

// Header is a word beside the calls.
type Header struct {
	Name           string
	MustUnderstand bool
	Value          amf.Value
}

// Body is one call, or the answer to one.
type Body struct {
	Target   string // of a call the method, of an answer "/1/onResult" or "/1/onStatus"
	Response string // of a call what the answer's target begins with, "/1"; of an answer "null"
	Value    amf.Value
	Err      error // why Value could not be decoded
}

// PacketError says why bytes are no packet.
type PacketError struct {
	Offset int
	Reason string
}

func (e *PacketError) Error() string {
	return fmt.Sprintf("remoting: %s at byte %d", e.Reason, e.Offset)
}

// lastVersion is the highest number that is a version at all: Flash Player ignores what claims another (Ruffle's decoder).
const lastVersion = 9

// unknownLength is what a writer puts for a length it does not know.
const unknownLength = math.MaxUint32

// reader takes a packet apart. A declared length is believed only where a value cannot be decoded: writers are known to put 0
// or a wrong number there (vectors of PyAMF), and a value says by itself where it ends.
type reader struct {
	b      []byte
	at     int
	limits Limits
}

// Decode reads a whole packet. The error is a *PacketError, or a *LimitError for more headers or bodies than allowed. A body whose
// value cannot be decoded has Err, and what follows it is read when its declared length says where that is. Nothing of b is kept.
func Decode(b []byte, l Limits) (*Packet, error) {
	r := &reader{b: b, limits: l.withDefaults()}
	p := &Packet{}
	var err error
	if p.Version, err = r.uint16("version"); err != nil {
		return nil, err
	}
	if p.Version > lastVersion {
		return nil, &PacketError{0, fmt.Sprintf("version %d does not exist", p.Version)}
	}
	n, err := r.uint16("number of headers")
	if err != nil {
		return nil, err
	}
	if int(n) > r.limits.Headers {
		return nil, &LimitError{"remoting_headers", int(n), r.limits.Headers}
	}
	for range n {
		h, err := r.header()
		if err != nil {
			return nil, err
		}
		p.Headers = append(p.Headers, h)
	}
	if n, err = r.uint16("number of bodies"); err != nil {
		return nil, err
	}
	if int(n) > r.limits.Calls {
		return nil, &LimitError{"remoting_calls", int(n), r.limits.Calls}
	}
	for range n {
		body, err := r.body()
		if err != nil {
			return nil, err
		}
		p.Bodies = append(p.Bodies, body)
		if body.Err != nil && r.at < 0 {
			break // nobody knows where the next one begins
		}
	}
	return p, nil
}

func (r *reader) fail(what string) error {
	return &PacketError{r.at, "the packet ends within the " + what}
}

func (r *reader) uint16(what string) (uint16, error) {
	if len(r.b)-r.at < 2 {
		return 0, r.fail(what)
	}
	r.at += 2
	return binary.BigEndian.Uint16(r.b[r.at-2:]), nil
}

func (r *reader) uint32(what string) (uint32, error) {
	if len(r.b)-r.at < 4 {
		return 0, r.fail(what)
	}
	r.at += 4
	return binary.BigEndian.Uint32(r.b[r.at-4:]), nil
}

func (r *reader) text(what string) (string, error) {
	n, err := r.uint16(what)
	if err != nil {
		return "", err
	}
	if int(n) > r.limits.NameBytes {
		return "", &LimitError{"remoting_name_bytes", int(n), r.limits.NameBytes}
	}
	if len(r.b)-r.at < int(n) {
		return "", r.fail(what)
	}
	r.at += int(n)
	return string(r.b[r.at-int(n) : r.at]), nil
}

func (r *reader) header() (h Header, err error) {
	if h.Name, err = r.text("name of a header"); err != nil {
		return h, err
	}
	if len(r.b) == r.at {
		return h, r.fail("header")
	}
	h.MustUnderstand = r.b[r.at] != 0
	r.at++
	v, bad, err := r.value("header")
	if err != nil {
		return h, err
	}
	if bad != nil {
		return h, &PacketError{r.at, fmt.Sprintf("header %.64q cannot be decoded: %v", h.Name, bad)}
	}
	h.Value = v
	return h, nil
}

func (r *reader) body() (b Body, err error) {
	if b.Target, err = r.text("target of a call"); err != nil {
		return b, err
	}
	if b.Response, err = r.text("response of a call"); err != nil {
		return b, err
	}
	b.Value, b.Err, err = r.value("call")
	return b, err
}

// value reads a length and one value. When the value is bad, at is behind it if its length is known, and -1 if not.
func (r *reader) value(what string) (v amf.Value, bad, err error) {
	length, err := r.uint32("length of a " + what)
	if err != nil {
		return nil, nil, err
	}
	rest := r.b[r.at:]
	d := amf.NewDecoderLimits(rest, amf.AMF0, r.limits.AMF)
	if v, bad = d.Decode(); bad == nil {
		r.at += d.Offset()
		return v, nil, nil
	}
	if errors.Is(bad, amf.ErrTruncated) || len(rest) == 0 {
		return nil, nil, r.fail(what)
	}
	if length == 0 || length == unknownLength || int64(length) > int64(len(rest)) {
		r.at = -1
		return nil, bad, nil
	}
	r.at += int(length)
	return nil, bad, nil
}

// Append writes the packet. Values of version 3 are AMF3 behind the marker 0x11, as Flash Player has them. The error is that of a value
// that cannot be encoded; dst is then returned as it was.
func (p *Packet) Append(dst []byte) ([]byte, error) {
	out := binary.BigEndian.AppendUint16(dst, p.Version)
	out = binary.BigEndian.AppendUint16(out, uint16(len(p.Headers)))
	e := amf.Encoder{References: true, Avmplus: p.Version == 3}
	value := func(v amf.Value) error {
		at := len(out)
		out = append(out, 0, 0, 0, 0)
		var err error
		if out, err = e.Append(out, v); err == nil {
			binary.BigEndian.PutUint32(out[at:], uint32(len(out)-at-4))
		}
		return err
	}
	for _, h := range p.Headers {
		out = appendText(out, h.Name)
		must := byte(0)
		if h.MustUnderstand {
			must = 1
		}
		out = append(out, must)
		if err := value(h.Value); err != nil {
			return dst, fmt.Errorf("remoting: header %s: %w", h.Name, err)
		}
	}
	out = binary.BigEndian.AppendUint16(out, uint16(len(p.Bodies)))
	for _, b := range p.Bodies {
		out = appendText(appendText(out, b.Target), b.Response)
		if err := value(b.Value); err != nil {
			return dst, fmt.Errorf("remoting: answer %s: %w", b.Target, err)
		}
	}
	return out, nil
}

func appendText(dst []byte, s string) []byte {
	s = s[:min(len(s), math.MaxUint16)]
	return append(binary.BigEndian.AppendUint16(dst, uint16(len(s))), s...)
}
