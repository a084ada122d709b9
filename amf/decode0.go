package amf

// The type markers of AMF0 (AMF0 spec §2.1).
const (
	mark0Number      = 0x00
	mark0Boolean     = 0x01
	mark0String      = 0x02
	mark0Object      = 0x03
	mark0Null        = 0x05
	mark0Undefined   = 0x06
	mark0Reference   = 0x07
	mark0ECMA        = 0x08
	mark0End         = 0x09
	mark0Strict      = 0x0A
	mark0Date        = 0x0B
	mark0LongString  = 0x0C
	mark0Unsupported = 0x0D
	mark0XML         = 0x0F
	mark0Typed       = 0x10
	mark0AMF3        = 0x11
)

// value0 reads one AMF0 value.
func (d *Decoder) value0() (Value, error) {
	m, err := d.begin()
	if err != nil {
		return nil, err
	}
	switch m {
	case mark0Number:
		return boxed(d.f64())
	case mark0Boolean:
		b, err := d.u8()
		return b != 0, err
	case mark0String:
		n, err := d.u16()
		if err != nil {
			return nil, err
		}
		return boxed(d.string(n, d.lim.String))
	case mark0LongString:
		return boxed(d.long())
	case mark0XML:
		s, err := d.long()
		return XMLDocument(s), err
	case mark0Null:
		return nil, nil
	case mark0Undefined:
		return Undefined, nil
	case mark0Unsupported:
		return Unsupported, nil
	case mark0Date:
		return boxed(d.date0())
	case mark0Reference:
		return d.reference0()
	case mark0Object, mark0Typed, mark0ECMA, mark0Strict:
		return d.complex0(m)
	case mark0AMF3:
		return d.avmplus()
	}
	d.off--
	return nil, d.fail(ErrMarker)
}

// boxed drops the value of a failed read.
func boxed[T any](v T, err error) (Value, error) {
	if err != nil {
		return nil, err
	}
	return v, nil
}

func (d *Decoder) string(n, limit int) (string, error) {
	b, err := d.text(n, limit)
	return string(b), err
}

// long reads the text of a long string or XML document.
func (d *Decoder) long() (string, error) {
	n, err := d.u32()
	if err != nil {
		return "", err
	}
	return d.string(n, d.lim.LongString)
}

func (d *Decoder) date0() (Date, error) {
	ms, err := d.f64()
	if err != nil {
		return Date{}, err
	}
	zone, err := d.u16()
	return Date{ms, int16(zone)}, err
}

func (d *Decoder) reference0() (Value, error) {
	i, err := d.u16()
	if err != nil {
		return nil, err
	}
	if i >= len(d.refs0) {
		d.off -= 2
		return nil, d.fail(ErrReference)
	}
	return d.refs0[i], nil
}

// complex0 reads one of the four values that references count (AMF0 spec
// §2.9). Its slot is taken before its children are read: they may refer to it.
func (d *Decoder) complex0(m byte) (v Value, err error) {
	if err := d.enter(); err != nil {
		return nil, err
	}
	defer d.left.leave()
	switch m {
	case mark0Strict:
		a := &Array{}
		d.refs0 = append(d.refs0, a)
		n, err := d.u32()
		if err != nil {
			return nil, err
		}
		a.Dense, err = d.elements(n, (*Decoder).value0)
		return boxed(a, err)
	case mark0ECMA:
		a := &Array{ECMA: true}
		d.refs0 = append(d.refs0, a)
		if _, err = d.u32(); err != nil { // a hint: 0, 20 or the highest index in practice
			return nil, err
		}
		a.Assoc, err = d.members0()
		return boxed(a, err)
	}
	o := &Object{}
	d.refs0 = append(d.refs0, o)
	if m == mark0Typed {
		if o.Class, err = d.key0(); err != nil {
			return nil, err
		}
	}
	o.Props, err = d.members0()
	return boxed(o, err)
}

// members0 reads members up to the object end marker. Two departures from the
// specification are accepted, as encoders in cameras and old libraries need
// them: a top-level object may end with the message, at a member's boundary or
// after the empty key. Everywhere else an empty key that no object end marker
// follows is a member with an empty name, as Flash writes and reads it.
func (d *Decoder) members0() ([]Prop, error) {
	base := len(d.props)
	for {
		if d.off == len(d.b) && d.top() {
			break
		}
		key, err := d.key0()
		if err != nil {
			return nil, err
		}
		if key == "" {
			if d.off == len(d.b) && d.top() {
				break
			}
			if d.off < len(d.b) && d.b[d.off] == mark0End {
				d.off++
				break
			}
		}
		v, err := d.value0()
		if err != nil {
			return nil, within(err, keyStep(key))
		}
		if err := d.push(base, key, v); err != nil {
			return nil, err
		}
	}
	return d.popProps(base), nil
}

// key0 reads a member or class name.
func (d *Decoder) key0() (string, error) {
	n, err := d.u16()
	if err != nil {
		return "", err
	}
	b, err := d.text(n, d.lim.String)
	if err != nil {
		return "", err
	}
	return name(b), nil
}

// name copies b, without an allocation for the names met in every connection.
func name(b []byte) string {
	switch string(b) {
	case "app":
		return "app"
	case "type":
		return "type"
	case "flashVer":
		return "flashVer"
	case "swfUrl":
		return "swfUrl"
	case "tcUrl":
		return "tcUrl"
	case "pageUrl":
		return "pageUrl"
	case "fpad":
		return "fpad"
	case "capabilities":
		return "capabilities"
	case "audioCodecs":
		return "audioCodecs"
	case "videoCodecs":
		return "videoCodecs"
	case "videoFunction":
		return "videoFunction"
	case "objectEncoding":
		return "objectEncoding"
	case "fourCcList":
		return "fourCcList"
	case "capsEx":
		return "capsEx"
	case "level":
		return "level"
	case "code":
		return "code"
	case "description":
		return "description"
	case "duration":
		return "duration"
	case "fileSize":
		return "fileSize"
	case "width":
		return "width"
	case "height":
		return "height"
	case "videocodecid":
		return "videocodecid"
	case "videodatarate":
		return "videodatarate"
	case "framerate":
		return "framerate"
	case "audiocodecid":
		return "audiocodecid"
	case "audiodatarate":
		return "audiodatarate"
	case "audiosamplerate":
		return "audiosamplerate"
	case "audiosamplesize":
		return "audiosamplesize"
	case "audiochannels":
		return "audiochannels"
	case "stereo":
		return "stereo"
	case "encoder":
		return "encoder"
	case "filesize":
		return "filesize"
	}
	return string(b)
}
