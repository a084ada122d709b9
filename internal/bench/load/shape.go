package load

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"time"

	"penstock/amf"
	"penstock/rtmp/chunk"
)

// Shape is what a publisher sends: constant frame sizes that add up to the bit rate, key frames larger than the others.
type Shape struct {
	VideoBits int // bits per second; 0: no video
	AudioBits int // bits per second; 0: no audio
	FPS       int // video frames per second
	GOP       int // frames from one key frame to the next
	KeyRatio  int // how many times as large as the others a key frame is
	Codec     Codec
	ChunkSize int // of the publisher's chunks, bytes
}

// Codec is the video codec that the frames claim to be of.
type Codec string

// The codecs; the newer ones are sent as Enhanced RTMP.
const (
	AVC  Codec = "h264"
	HEVC Codec = "hevc"
	AV1  Codec = "av1"
)

// aacRate is how many AAC frames make a second: 1024 samples each at 48 kHz.
const aacRate = 48000.0 / 1024

// The sequence headers: 1280x720, High profile or Main, as encoders make them.
var (
	avcConfig = []byte{0x17, 0, 0, 0, 0, 1, 0x64, 0, 0x1F, 0xFF, 0xE1, 0, 0x19, 0x67, 0x64, 0, 0x1F, 0xAC, 0xD9, 0x40, 0x50, 0x05, 0xBB,
		0x01, 0x10, 0, 0, 3, 0, 0x10, 0, 0, 3, 3, 0xC0, 0xF1, 0x83, 0x19, 0x60, 1, 0, 6, 0x68, 0xEB, 0xE3, 0xCB, 0x22, 0xC0}
	hevcConfig = append([]byte("\x90hvc1"), 1, 1, 0x60, 0, 0, 0, 0x90, 0, 0, 0, 0, 0, 93, 0xF0, 0, 0xFC, 0xFD, 0xF8, 0xF8, 0, 0, 0x0F, 0)
	av1Config  = append([]byte("\x90av01"), 0x81, 5, 0x0C, 0)
	aacConfig  = []byte{0xAF, 0, 0x11, 0x90}
)

// The stamp: where the frames of a codec begin to be ours, and what is there.
const (
	stampMark = "\xB5penstk\xB5"
	stampLen  = len(stampMark) + 4 + 8 + 8 // mark, publisher, number, time
	audioAt   = 2
)

// videoHeads are the bytes before the stamp: of the FLV header and of a NAL unit or OBU.
func (c Codec) videoHead(key bool) []byte {
	kind, nal := byte(0x20), byte(0x41)
	if key {
		kind, nal = 0x10, 0x65
	}
	switch c {
	case HEVC:
		return append([]byte{0x80 | kind | 3}, "hvc1\x00\x00\x00\x00\x26\x01"...) // coded frames without composition time
	case AV1:
		return append([]byte{0x80 | kind | 1}, "av01\x32"...)
	}
	return []byte{kind | 7, 1, 0, 0, 0, 0, 0, 0, 0, nal}
}

func (c Codec) config() []byte {
	switch c {
	case HEVC:
		return hevcConfig
	case AV1:
		return av1Config
	}
	return avcConfig
}

// stampAt is where the stamp of a video frame begins.
func (c Codec) stampAt() int { return len(c.videoHead(true)) }

// Check says what is wrong with a shape.
func (s *Shape) Check() error {
	switch {
	case s.VideoBits < 0 || s.AudioBits < 0 || s.VideoBits+s.AudioBits == 0:
		return fmt.Errorf("there is nothing to send: give a bit rate")
	case s.VideoBits > 200e6 || s.AudioBits > 2e6:
		return fmt.Errorf("at most 200 Mb/s of video and 2 Mb/s of audio")
	case s.VideoBits > 0 && (s.FPS < 1 || s.FPS > 240):
		return fmt.Errorf("between 1 and 240 frames per second")
	case s.VideoBits > 0 && (s.GOP < 1 || s.GOP > 3600):
		return fmt.Errorf("a GOP has between 1 and 3600 frames")
	case s.VideoBits > 0 && (s.KeyRatio < 1 || s.KeyRatio > 100):
		return fmt.Errorf("a key frame is between 1 and 100 times as large as the others")
	case s.ChunkSize < 128 || s.ChunkSize > chunk.MaxChunkSize:
		return fmt.Errorf("a chunk has between 128 and %d bytes", chunk.MaxChunkSize)
	case s.Codec != AVC && s.Codec != HEVC && s.Codec != AV1:
		return fmt.Errorf("the codec is %s, %s or %s", AVC, HEVC, AV1)
	}
	if _, p := s.videoSizes(); s.VideoBits > 0 && p < peek {
		return fmt.Errorf("the video frames would be smaller than %d bytes: raise the bit rate", peek)
	}
	if s.AudioBits > 0 && s.audioSize() < peek {
		return fmt.Errorf("the audio frames would be smaller than %d bytes: at least 24 kb/s", peek)
	}
	return nil
}

// videoSizes are the payload bytes of key frames and of others.
func (s *Shape) videoSizes() (key, other int) {
	if s.VideoBits == 0 {
		return 0, 0
	}
	perGOP := float64(s.VideoBits) / 8 / float64(s.FPS) * float64(s.GOP)
	other = int(perGOP / float64(s.GOP-1+s.KeyRatio))
	return other * s.KeyRatio, other
}

func (s *Shape) audioSize() int { return int(float64(s.AudioBits) / 8 / aacRate) }

// frames are one publisher's messages: bodies that are stamped anew for each.
type frames struct {
	shape              *Shape
	publisher          uint32
	key, other, audio  []byte
	videoSeq, audioSeq uint64
}

func newFrames(s *Shape, publisher int) *frames {
	f := &frames{shape: s, publisher: uint32(publisher)}
	k, o := s.videoSizes()
	r := rand.New(rand.NewPCG(1, uint64(publisher)))
	fill := func(head []byte, size int) []byte {
		b := append(make([]byte, 0, size), head...)
		for len(b) < size {
			b = append(b, byte(1+r.IntN(255))) // no zeros: no start code appears
		}
		return b
	}
	if s.VideoBits > 0 {
		f.key, f.other = fill(s.Codec.videoHead(true), k), fill(s.Codec.videoHead(false), o)
		if s.Codec == AVC {
			binary.BigEndian.PutUint32(f.key[5:], uint32(k-9))
			binary.BigEndian.PutUint32(f.other[5:], uint32(o-9))
		}
	}
	if s.AudioBits > 0 {
		f.audio = fill([]byte{0xAF, 1}, s.audioSize())
	}
	return f
}

// video is the body of the next video frame; it is valid until the next call.
func (f *frames) video(now time.Duration) []byte {
	b := f.other
	if f.videoSeq%uint64(f.shape.GOP) == 0 {
		b = f.key
	}
	f.stamp(b[f.shape.Codec.stampAt():], f.videoSeq, now)
	f.videoSeq++
	return b
}

func (f *frames) nextAudio(now time.Duration) []byte {
	f.stamp(f.audio[audioAt:], f.audioSeq, now)
	f.audioSeq++
	return f.audio
}

func (f *frames) stamp(b []byte, seq uint64, now time.Duration) {
	b = b[copy(b, stampMark):]
	binary.BigEndian.PutUint32(b, f.publisher)
	binary.BigEndian.PutUint64(b[4:], seq)
	binary.BigEndian.PutUint64(b[12:], uint64(now))
}

// stamped is what a frame says of itself.
type stamped struct {
	publisher uint32
	seq       uint64
	sent      time.Duration
	key       bool
}

// readStamp finds the stamp of an audio or video frame; false: it has none, as sequence headers.
func readStamp(m *message, codec Codec) (stamped, bool) {
	at := audioAt
	if m.typ == chunk.TypeVideo {
		at = codec.stampAt()
	}
	if len(m.body) < at+stampLen || string(m.body[at:at+len(stampMark)]) != stampMark {
		return stamped{}, false
	}
	b := m.body[at+len(stampMark):]
	return stamped{
		publisher: binary.BigEndian.Uint32(b), seq: binary.BigEndian.Uint64(b[4:]), sent: time.Duration(binary.BigEndian.Uint64(b[12:])),
		key: m.typ == chunk.TypeVideo && m.body[0]>>4&7 == 1,
	}, true
}

// metadata is what encoders send first.
func (s *Shape) metadata() []byte {
	object := amf.NewObject(
		amf.Prop{Key: "width", Value: 1280.0}, amf.Prop{Key: "height", Value: 720.0}, amf.Prop{Key: "framerate", Value: float64(s.FPS)},
		amf.Prop{Key: "videodatarate", Value: float64(s.VideoBits) / 1000}, amf.Prop{Key: "audiodatarate", Value: float64(s.AudioBits) / 1000},
		amf.Prop{Key: "videocodecid", Value: 7.0}, amf.Prop{Key: "audiocodecid", Value: 10.0}, amf.Prop{Key: "audiosamplerate", Value: 48000.0},
		amf.Prop{Key: "stereo", Value: true}, amf.Prop{Key: "encoder", Value: "penstock bench"},
	)
	b, err := amf.Append0(nil, "@setDataFrame", "onMetaData", object)
	if err != nil {
		return nil // not with these values
	}
	return b
}
