package wire

// Header is one chunk's header, to be written exactly so, legal or not.
type Header struct {
	Fmt      uint8
	CSID     uint32
	CSIDLen  int    // length of the basic header: 1, 2 or 3; 0 is the shortest
	Time     uint32 // timestamp, or delta for Fmt 1 and 2
	Length   int
	Type     uint8
	StreamID uint32
	// Extended writes the extended timestamp also where Time would not need it; for Fmt 3 it is the only way to write one.
	Extended bool
}

const extended = 0xFFFFFF

// AppendHeader appends a chunk header (RTMP 1.0 §5.3.1).
func AppendHeader(b []byte, h Header) []byte {
	b = appendBasic(b, h)
	ext := h.Extended || (h.Fmt < 3 && h.Time >= extended)
	field := h.Time
	if ext {
		field = extended
	}
	if h.Fmt < 3 {
		b = append(b, byte(field>>16), byte(field>>8), byte(field))
	}
	if h.Fmt < 2 {
		b = append(b, byte(h.Length>>16), byte(h.Length>>8), byte(h.Length), h.Type)
	}
	if h.Fmt == 0 { // little endian, alone in the protocol
		b = append(b, byte(h.StreamID), byte(h.StreamID>>8), byte(h.StreamID>>16), byte(h.StreamID>>24))
	}
	if ext {
		b = append(b, be32(h.Time)...)
	}
	return b
}

func appendBasic(b []byte, h Header) []byte {
	n := h.CSIDLen
	if n == 0 {
		switch {
		case h.CSID < 64:
			n = 1
		case h.CSID < 320:
			n = 2
		default:
			n = 3
		}
	}
	top := h.Fmt << 6
	switch n {
	case 1:
		return append(b, top|byte(h.CSID))
	case 2:
		return append(b, top, byte(h.CSID-64))
	}
	v := h.CSID - 64
	return append(b, top|1, byte(v), byte(v>>8))
}

// Cutting says how messages are cut into chunks.
type Cutting struct {
	Size   int
	OmitT3 bool // leave the extended timestamp out of type 3 chunks, as old encoders do
	First  uint8
	Delta  uint32 // the time field when First is 1 or 2
}

// AppendMessage appends a message as chunks: the first of type c.First, the others of type 3.
func AppendMessage(b []byte, m *Message, c Cutting) []byte {
	for _, chunk := range Chunks(m, c) {
		b = append(b, chunk...)
	}
	return b
}

// Chunks cuts a message into its chunks, each with its header.
func Chunks(m *Message, c Cutting) [][]byte {
	if c.Size <= 0 {
		c.Size = 128
	}
	h := Header{Fmt: c.First, CSID: m.CSID, Time: m.Timestamp, Length: len(m.Payload), Type: m.Type, StreamID: m.StreamID}
	if c.First != 0 {
		h.Time = c.Delta
	}
	h.Extended = h.Fmt == 3 && h.Time >= extended
	ext := h.Time >= extended
	rest := m.Payload
	var list [][]byte
	for {
		n := min(c.Size, len(rest))
		list = append(list, append(AppendHeader(nil, h), rest[:n]...))
		if rest = rest[n:]; len(rest) == 0 {
			return list
		}
		h = Header{Fmt: 3, CSID: m.CSID, Time: h.Time, Extended: ext && !c.OmitT3}
	}
}
