package media

import (
	"sync"
	"sync/atomic"

	"penstock/flv"
	"penstock/rtmp/chunk"
)

// Kind says what a Frame is.
type Kind uint8

// The kinds. Published and Unpublished are markers: they have no payload and no
// chunks, and tell a subscriber that a publisher took the name or left it.
const (
	Audio Kind = iota + 1
	Video
	Data
	Published
	Unpublished
)

var kindNames = [...]string{Audio: "audio", Video: "video", Data: "data", Published: "published", Unpublished: "unpublished"}

// String returns the kind's name in lower case.
func (k Kind) String() string {
	if int(k) < len(kindNames) && kindNames[k] != "" {
		return kindNames[k]
	}
	return "unknown"
}

// OutChunkSize is the chunk size for which Chunks cuts. A server must send
// SetChunkSize with this value before it sends the first of these bytes.
const OutChunkSize = 65536

// The chunk stream ids that Chunks uses.
const (
	csidAudio = 4
	csidData  = 5
	csidVideo = 6
)

// maxCuts bounds how many stream ids a frame remembers its chunks for. Nearly
// every player uses stream id 1, which always has its place; the bound keeps a
// client with many streams from multiplying memory.
const maxCuts = 4

// commonID is the id of the first stream that a client creates.
const commonID = 1

// MetadataName is the Name of the Data frame that carries a stream's metadata.
const MetadataName = "onMetaData"

// Frame is one message of a stream, or a marker. It is immutable once published
// and may be read from any number of goroutines. The payload is shared by all
// subscribers and must not be changed.
type Frame struct {
	Kind    Kind
	Time    int64  // stream time, ms, not negative; never falls within one kind
	Payload []byte // message body: FLV audio or video tag body, or AMF0 values for Data
	Info    flv.Info
	Name    string // Data: first AMF string
	// Sync marks a key frame of the main video track: decoding can begin here.
	// Of several messages of one key frame only the first is marked.
	Sync bool

	cuts atomic.Pointer[cut]
	mu   sync.Mutex // held while cutting
}

// cut is one element of the immutable list of a frame's chunked forms.
type cut struct {
	streamID uint32
	bytes    []byte
	next     *cut
}

// NewFrame returns a frame for an audio or video body with its header parsed. The
// payload passes to the frame. Errors are those of flv.ParseAudio and
// flv.ParseVideo. Frames of a live stream are made by Publication; this is for
// files and tests. Sync is set on key frames that contain track 0.
func NewFrame(k Kind, time int64, payload []byte) (*Frame, error) {
	f := &Frame{Kind: k, Time: time, Payload: payload}
	var err error
	switch k {
	case Audio:
		f.Info, err = flv.ParseAudio(payload)
	case Video:
		f.Info, err = flv.ParseVideo(payload)
		f.Sync = f.Info.Key && f.Info.Tracks.Has(0)
	}
	if err != nil {
		return nil, err
	}
	return f, nil
}

// NewData returns a Data frame. payload is a sequence of AMF0 values that begins
// with name as a string.
func NewData(time int64, name string, payload []byte) *Frame {
	return &Frame{Kind: Data, Time: time, Payload: payload, Name: name}
}

// Type returns the RTMP message type, which is also the FLV tag type: 8 audio, 9
// video, 18 data; 0 for markers.
func (f *Frame) Type() uint8 {
	switch f.Kind {
	case Audio:
		return uint8(flv.TagAudio)
	case Video:
		return uint8(flv.TagVideo)
	case Data:
		return uint8(flv.TagScript)
	}
	return 0
}

// Header reports whether the frame describes the stream rather than being a part
// of its content: a sequence header, an end of sequence, colour information,
// metadata. Headers are never dropped for a slow player.
func (f *Frame) Header() bool {
	switch f.Kind {
	case Audio, Video:
		return f.Info.Config || f.Info.Metadata || f.Info.End
	case Data:
		return f.Name == MetadataName
	}
	return false
}

// Marker reports whether the frame is Published or Unpublished.
func (f *Frame) Marker() bool { return f.Kind == Published || f.Kind == Unpublished }

// cost is what a queued or cached frame counts against byte bounds.
func (f *Frame) cost() int { return len(f.Payload) + frameOverhead }

// frameOverhead stands for the frame itself, so that floods of empty messages are
// bounded too.
const frameOverhead = 256

// Chunks returns the frame as a complete RTMP message in chunks of OutChunkSize:
// a type 0 head with the absolute stream time (mod 2^32), then type 3
// continuations (RTMP 1.0 §5.3.1). It is nil for markers. The bytes are shared
// and must not be changed. They are made at the first call for a stream id and
// kept with the frame; later calls do not allocate.
func (f *Frame) Chunks(streamID uint32) []byte {
	if b := find(f.cuts.Load(), streamID); b != nil {
		return b
	}
	return f.cut(streamID)
}

// seal makes the chunks for the common stream ID and lets the payload be the part of them that it
// is: a cached frame then takes its size once. Nobody else may have the frame yet.
func (f *Frame) seal() {
	n := len(f.Payload)
	if n == 0 || n > OutChunkSize {
		return // continuation heads are in between
	}
	b := f.cut(commonID)
	f.Payload = b[len(b)-n:]
}

func find(c *cut, streamID uint32) []byte {
	for ; c != nil; c = c.next {
		if c.streamID == streamID {
			return c.bytes
		}
	}
	return nil
}

func (f *Frame) cut(streamID uint32) []byte {
	m := chunk.Message{Type: f.Type(), StreamID: streamID, Timestamp: uint32(f.Time), Payload: f.Payload}
	switch f.Kind {
	case Audio:
		m.CSID = csidAudio
	case Video:
		m.CSID = csidVideo
	case Data:
		m.CSID = csidData
	default:
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	head := f.cuts.Load()
	if b := find(head, streamID); b != nil {
		return b
	}
	b := chunk.Append(make([]byte, 0, chunk.Size(&m, OutChunkSize)), &m, OutChunkSize)
	odd := 0
	for c := head; c != nil; c = c.next {
		if c.streamID != commonID {
			odd++
		}
	}
	if streamID == commonID || odd < maxCuts-1 {
		f.cuts.Store(&cut{streamID, b, head})
	}
	return b
}
