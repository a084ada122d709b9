package rtmp

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"sync"
	"time"
	"unicode/utf8"

	"penstock/amf"
)

// maxTraceLine is the most a trace says about one message, in bytes.
const maxTraceLine = 1024

// NewTracer returns a TraceFunc that writes one line per message to w:
//
//	12.3 <- Command       cs=3 ms=0 t=0 138 bytes  connect 1 {app:"live" …}
//
// elapsed ms, arrow (<- received, -> sent), type, chunk stream, message stream, timestamp in
// ms, size and content: decoded for commands, data and control, the first bytes in hex for
// media and the rest. A line is at most about 1 KiB and goes out in one Write. Stream names
// and whatever else the messages hold are shown as they are. It may be called from any number
// of goroutines; errors of w are ignored.
func NewTracer(w io.Writer) TraceFunc {
	var mu sync.Mutex
	var line []byte
	start := time.Now()
	return func(d Direction, m *Message) {
		text := describe(m)
		mu.Lock()
		defer mu.Unlock()
		arrow := "<-"
		if d == Out {
			arrow = "->"
		}
		name := TypeName(m.Type)
		if name == "Unknown" {
			name = fmt.Sprintf("Unknown(%d)", m.Type)
		}
		ms := float64(time.Since(start).Microseconds()) / 1000
		line = fmt.Appendf(line[:0], "%9.1f %s %-15s cs=%d ms=%d t=%d %d bytes  ", ms, arrow, name,
			m.CSID, m.StreamID, m.Timestamp, len(m.Payload))
		if len(text) > maxTraceLine {
			text = text[:maxTraceLine] + "…"
		}
		line = append(line, text...)
		_, _ = w.Write(append(line, '\n'))
	}
}

// describe says in one line what m contains.
func describe(m *Message) string {
	p := m.Payload
	switch m.Type {
	case TypeSetChunkSize, TypeAbort, TypeAcknowledgement, TypeWindowAckSize:
		if n, err := uint32Body("", p); err == nil {
			return fmt.Sprint(n)
		}
	case TypeSetPeerBandwidth:
		if len(p) >= 5 {
			return fmt.Sprintf("%d %s", binary.BigEndian.Uint32(p), PeerBandwidthLimit(p[4]))
		}
	case TypeUserControl:
		if u, err := ParseUserControl(p); err == nil {
			return describeEvent(u)
		}
	case TypeCommandAMF0, TypeCommandAMF3, TypeDataAMF0, TypeDataAMF3:
		return describeValues(m)
	case TypeVideo:
		return describeMedia(p, videoHint)
	case TypeAudio:
		return describeMedia(p, audioHint)
	}
	return hexHead(p)
}

func (l PeerBandwidthLimit) String() string {
	switch l {
	case LimitHard:
		return "hard"
	case LimitSoft:
		return "soft"
	case LimitDynamic:
		return "dynamic"
	}
	return fmt.Sprintf("PeerBandwidthLimit(%d)", uint8(l))
}

func describeEvent(u UserControl) string {
	switch {
	case u.Event == EventSetBufferLength:
		return fmt.Sprintf("%v stream %d, %d ms", u.Event, u.Value, u.Length)
	case u.Event == EventPingRequest || u.Event == EventPingResponse:
		return fmt.Sprintf("%v %d", u.Event, u.Value)
	case u.Event == EventSWFVerifyRequest || u.Event == EventSWFVerifyResponse || eventNames[u.Event] == "":
		return u.Event.String() + " " + hexHead(u.Raw)
	}
	return fmt.Sprintf("%v stream %d", u.Event, u.Value)
}

// describeValues formats what can be decoded and says where decoding stopped.
func describeValues(m *Message) string {
	d := amf.NewDecoder(amfBody(m), amf.AMF0)
	var text []byte
	for len(text) < maxTraceLine {
		v, err := d.Decode()
		if err == io.EOF {
			break
		}
		if len(text) > 0 {
			text = append(text, ' ')
		}
		if err != nil {
			text = fmt.Appendf(text, "<%v> ", err)
			return string(text) + hexHead(m.Payload)
		}
		if s, ok := v.(string); ok && len(text) == 0 && plainName(s) {
			text = append(text, s...)
			continue
		}
		text = append(text, amf.Format(v)...)
	}
	return string(text)
}

// plainName reports whether s can be shown as it is: it cannot be mistaken for anything else.
func plainName(s string) bool {
	for _, r := range s {
		if r <= ' ' || r == '"' || r == 0x7F || r == utf8.RuneError {
			return false
		}
	}
	return s != "" && len(s) <= 64
}

// hexHead is the first bytes of b.
func hexHead(b []byte) string {
	const shown = 16
	if len(b) <= shown {
		return hex.EncodeToString(b)
	}
	return hex.EncodeToString(b[:shown]) + "…"
}

func describeMedia(p []byte, hint func([]byte) string) string {
	if len(p) == 0 {
		return "empty"
	}
	return hint(p) + " " + hexHead(p)
}

// videoHint reads the first bytes of an FLV video tag body (FLV spec E.4.3; Enhanced RTMP v2,
// "ExVideoTagHeader").
func videoHint(p []byte) string {
	frame := ""
	switch p[0] >> 4 & 7 {
	case 1:
		frame = "key "
	case 5:
		frame = "command "
	}
	if p[0]&0x80 != 0 {
		if len(p) >= 5 && p[0]&0x0F < 6 { // multitrack and modifiers carry the FourCC further on
			kind := [...]string{"config", "frame", "end", "frame", "metadata", "config"}[p[0]&0x0F]
			return fmt.Sprintf("%s%q %s", frame, p[1:5], kind)
		}
		return frame + "enhanced"
	}
	codec := map[byte]string{2: "H.263", 3: "screen", 4: "VP6", 5: "VP6A", 6: "screen2", 7: "H.264", 12: "H.265"}[p[0]&0x0F]
	if codec == "" {
		codec = fmt.Sprintf("codec %d", p[0]&0x0F)
	}
	if len(p) > 1 && p[1] == 0 && (p[0]&0x0F == 7 || p[0]&0x0F == 12) {
		return frame + codec + " config"
	}
	return frame + codec
}

// audioHint reads the first bytes of an FLV audio tag body (FLV spec E.4.2; Enhanced RTMP v2,
// "ExAudioTagHeader").
func audioHint(p []byte) string {
	format := p[0] >> 4
	if format == 9 {
		if len(p) >= 5 && p[0]&0x0F < 5 {
			kind := [...]string{"config", "frame", "end", "", "channels"}[p[0]&0x0F]
			return fmt.Sprintf("%q %s", p[1:5], kind)
		}
		return "enhanced"
	}
	codec := map[byte]string{0: "PCM", 1: "ADPCM", 2: "MP3", 3: "PCM LE", 4: "Nellymoser 16 kHz", 5: "Nellymoser 8 kHz",
		6: "Nellymoser", 7: "G.711 A", 8: "G.711 µ", 10: "AAC", 11: "Speex", 14: "MP3 8 kHz"}[format]
	if codec == "" {
		codec = fmt.Sprintf("format %d", format)
	}
	if format == 10 && len(p) > 1 && p[1] == 0 {
		return codec + " config"
	}
	return codec
}
