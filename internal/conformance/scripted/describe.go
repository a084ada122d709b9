package scripted

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"strings"

	"penstock/amf"
	"penstock/flv"
	"penstock/rtmp"
)

// maxText is the most that a transcript says about one message, in bytes.
const maxText = 400

// Describe says on one line what a message is, and where it travels: its chunk stream (cs), message stream (ms) and time (t, ms).
func Describe(m *rtmp.Message) string {
	text := rtmp.TypeName(m.Type)
	if text == "Unknown" {
		text = fmt.Sprintf("Message of type %d", m.Type)
	}
	detail := content(m)
	if len(detail) > maxText {
		detail = strings.ToValidUTF8(detail[:maxText], "") + "…"
	}
	where := fmt.Sprintf("  cs=%d ms=%d", m.CSID, m.StreamID)
	if m.Timestamp != 0 {
		where += fmt.Sprintf(" t=%d", m.Timestamp)
	}
	return strings.TrimSpace(text+" "+detail) + where
}

func content(m *rtmp.Message) string {
	p := m.Payload
	switch m.Type {
	case rtmp.TypeSetChunkSize, rtmp.TypeAbort, rtmp.TypeAcknowledgement, rtmp.TypeWindowAckSize:
		if len(p) >= 4 {
			return fmt.Sprint(binary.BigEndian.Uint32(p))
		}
	case rtmp.TypeSetPeerBandwidth:
		if len(p) >= 5 {
			return fmt.Sprintf("%d, limit type %d", binary.BigEndian.Uint32(p), p[4])
		}
	case rtmp.TypeUserControl:
		if u, err := rtmp.ParseUserControl(p); err == nil {
			return event(u)
		}
	case rtmp.TypeCommandAMF0, rtmp.TypeCommandAMF3, rtmp.TypeDataAMF0, rtmp.TypeDataAMF3:
		return values(m)
	case rtmp.TypeVideo:
		if i, err := flv.ParseVideo(p); err == nil {
			return media(&i, len(p))
		}
	case rtmp.TypeAudio:
		if i, err := flv.ParseAudio(p); err == nil {
			return media(&i, len(p))
		}
	}
	return fmt.Sprintf("%d bytes %s", len(p), shortHex(p))
}

func event(u rtmp.UserControl) string {
	switch u.Event {
	case rtmp.EventSetBufferLength:
		return fmt.Sprintf("%v stream %d, %d ms", u.Event, u.Value, u.Length)
	case rtmp.EventStreamBegin, rtmp.EventStreamEOF, rtmp.EventStreamDry, rtmp.EventStreamIsRecorded, rtmp.EventBufferEmpty, rtmp.EventBufferReady:
		return fmt.Sprintf("%v stream %d", u.Event, u.Value)
	case rtmp.EventPingRequest, rtmp.EventPingResponse:
		return fmt.Sprintf("%v %d", u.Event, u.Value)
	}
	return fmt.Sprintf("%v %s", u.Event, shortHex(u.Raw))
}

func values(m *rtmp.Message) string {
	p := m.Payload
	if (m.Type == rtmp.TypeCommandAMF3 || m.Type == rtmp.TypeDataAMF3) && len(p) > 0 {
		p = p[1:]
	}
	d := amf.NewDecoder(p, amf.AMF0)
	var parts []string
	size := 0
	for size < maxText {
		v, err := d.Decode()
		if err == io.EOF {
			break
		}
		if err != nil {
			parts = append(parts, fmt.Sprintf("<%v>", err))
			break
		}
		part := amf.Format(v)
		if s, ok := v.(string); ok && len(parts) == 0 && part == `"`+s+`"` {
			part = s
		}
		parts = append(parts, part)
		size += len(part)
	}
	return strings.Join(parts, " ")
}

func media(i *flv.Info, n int) string {
	kind := ""
	switch {
	case i.Empty:
		return "empty"
	case i.Config:
		kind = " sequence header"
	case i.End:
		kind = " end of sequence"
	case i.Key:
		kind = " key frame"
	}
	return fmt.Sprintf("%s%s, %d bytes", i.CodecName(), kind, n)
}

func shortHex(b []byte) string {
	const shown = 16
	if len(b) <= shown {
		return hex.EncodeToString(b)
	}
	return hex.EncodeToString(b[:shown]) + "…"
}
