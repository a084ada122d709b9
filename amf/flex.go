package amf

import (
	"fmt"
	"strconv"
	"strings"
)

// The classes whose bodies this package can read. A body has no length on the
// wire, so an unknown class ends the message.
//
// A collection or proxy is one value. A "small message" is a row of sections,
// one for each class of its ancestry; a section is flag bytes, each with bit 7
// set but the last, then a value for each flag that is set, lowest bit of the
// first byte first.

// maxFlagBytes is how many flag bytes a section may have.
const maxFlagBytes = 8

// single returns the member's name for the classes that are one value.
func single(class string) (string, bool) {
	switch class {
	case "flex.messaging.io.ArrayCollection", "flex.messaging.io.ArrayList":
		return "source", true
	case "flex.messaging.io.ObjectProxy":
		return "object", true
	}
	return "", false
}

// section names the flags of one class, by byte and bit.
type section [][]string

func abstractSection() section {
	return section{
		{"body", "clientId", "destination", "headers", "messageId", "timestamp", "timeToLive"},
		{"clientIdBytes", "messageIdBytes"},
	}
}

// sections returns the layout of a small message, nil for other classes.
func sections(class string) []section {
	async := section{{"correlationId", "correlationIdBytes"}}
	switch class {
	case "DSA", "flex.messaging.messages.AsyncMessageExt":
		return []section{abstractSection(), async}
	case "DSK", "flex.messaging.messages.AcknowledgeMessageExt":
		return []section{abstractSection(), async, nil}
	case "DSC", "flex.messaging.messages.CommandMessageExt":
		return []section{abstractSection(), async, {{"operation"}}}
	}
	return nil
}

// flagName returns the member's name for a flag, "flag1.0.5" for unknown ones.
func flagName(secs []section, s, octet, bit int) string {
	if sec := secs[s]; octet < len(sec) && bit < len(sec[octet]) {
		return sec[octet][bit]
	}
	return "flag" + strconv.Itoa(s) + "." + strconv.Itoa(octet) + "." + strconv.Itoa(bit)
}

// findFlag is the inverse of flagName.
func findFlag(secs []section, name string) (s, octet, bit int, ok bool) {
	for s, sec := range secs {
		for octet, names := range sec {
			for bit, n := range names {
				if n == name {
					return s, octet, bit, true
				}
			}
		}
	}
	if _, err := fmt.Sscanf(name, "flag%d.%d.%d", &s, &octet, &bit); err != nil {
		return 0, 0, 0, false
	}
	if s < 0 || s >= len(secs) || octet < 0 || octet >= maxFlagBytes || bit < 0 || bit > 6 {
		return 0, 0, 0, false
	}
	return s, octet, bit, flagName(secs, s, octet, bit) == name
}

func unknownClass(class string) error {
	if len(class) > 64 {
		class = strings.ToValidUTF8(class[:64], "") + "…"
	}
	return fmt.Errorf("%w %q", ErrExternalizable, class)
}

// external reads the body of an externalizable object.
func (d *Decoder) external(class string) (Value, error) {
	x := &Externalizable{Class: class}
	d.t.objects = append(d.t.objects, x)
	base := len(d.props)
	if key, ok := single(class); ok {
		if err := d.member3(base, key); err != nil {
			return nil, err
		}
		x.Props = d.popProps(base)
		return x, nil
	}
	secs := sections(class)
	if secs == nil {
		return nil, d.fail(unknownClass(class))
	}
	for s := range secs {
		flags, err := d.flags()
		if err != nil {
			return nil, err
		}
		for octet, f := range flags {
			for bit := range 7 {
				if f&(1<<bit) == 0 {
					continue
				}
				if err := d.member3(base, flagName(secs, s, octet, bit)); err != nil {
					return nil, err
				}
			}
		}
	}
	x.Props = d.popProps(base)
	return x, nil
}

// flags reads the flag bytes of a section.
func (d *Decoder) flags() ([]byte, error) {
	start := d.off
	for {
		f, err := d.u8()
		if err != nil {
			return nil, err
		}
		if f < 0x80 {
			return d.b[start:d.off], nil
		}
		if d.off-start >= maxFlagBytes {
			return nil, d.fail(ErrKeys)
		}
	}
}

// external writes the body of x, its class name and marker being written.
func (e *encoding) external(x *Externalizable) error {
	if key, ok := single(x.Class); ok {
		v, _ := x.Get(key)
		if len(x.Props) > 1 || len(x.Props) == 1 && x.Props[0].Key != key {
			return e.fail(fmt.Errorf("%w: %s has the member %q only", ErrExternalizable, x.Class, key))
		}
		if err := e.value3(v); err != nil {
			return within(err, keyStep(key))
		}
		return nil
	}
	secs := sections(x.Class)
	if secs == nil {
		return e.fail(unknownClass(x.Class))
	}
	var at [3][maxFlagBytes * 7]int // 1 + position in Props, by flag
	var size [3]int                 // flag bytes needed
	for i, p := range x.Props {
		s, octet, bit, ok := findFlag(secs, p.Key)
		if !ok {
			return within(e.fail(fmt.Errorf("%w: %s has no such member", ErrExternalizable, x.Class)), keyStep(p.Key))
		}
		at[s][octet*7+bit] = i + 1 // the last one wins, as everywhere
		size[s] = max(size[s], octet+1)
	}
	for s := range secs {
		if err := e.section(x.Props, at[s][:7*max(size[s], 1)]); err != nil {
			return err
		}
	}
	return nil
}

// section writes flag bytes and values; at has seven entries for each byte.
func (e *encoding) section(props []Prop, at []int) error {
	for i := 0; i < len(at); i += 7 {
		var f byte
		for bit, n := range at[i : i+7] {
			if n > 0 {
				f |= 1 << bit
			}
		}
		if i+7 < len(at) {
			f |= 0x80
		}
		e.dst = append(e.dst, f)
	}
	for _, n := range at {
		if n == 0 {
			continue
		}
		if err := e.value3(props[n-1].Value); err != nil {
			return within(err, keyStep(props[n-1].Key))
		}
	}
	return nil
}
