package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// A packet is what a demuxer found: one access unit with the hash of its bytes.
type packet struct {
	ms   float64
	key  bool
	hash string
}

// A recording is what a client received, or what a file holds.
type recording struct {
	codec  map[string]string // by "video" and "audio"
	config map[string]string // hash of the codec's configuration, the sequence header
	track  map[string][]packet
}

func newRecording() *recording {
	return &recording{codec: map[string]string{}, config: map[string]string{}, track: map[string][]packet{}}
}

// probe reads a file with ffprobe. A file that was cut off is read as far as it goes.
func probe(t *testing.T, path string) *recording {
	t.Helper()
	out, err := exec.Command("ffprobe", "-v", "error", "-show_packets", "-show_streams", "-show_data_hash", "sha256",
		"-show_entries", "packet=codec_type,pts_time,flags,data_hash:stream=codec_type,codec_name,extradata_hash",
		"-of", "json", path).Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("ffprobe %s: %v\n%s", path, err, exit.Stderr)
		}
		t.Fatal(err)
	}
	var doc struct {
		Packets []struct {
			Type  string `json:"codec_type"`
			PTS   string `json:"pts_time"`
			Flags string `json:"flags"`
			Hash  string `json:"data_hash"`
		}
		Streams []struct {
			Type   string `json:"codec_type"`
			Codec  string `json:"codec_name"`
			Config string `json:"extradata_hash"`
		}
	}
	if err := json.Unmarshal(out, &doc); err != nil {
		t.Fatal(err)
	}
	r := newRecording()
	for _, s := range doc.Streams {
		r.codec[s.Type], r.config[s.Type] = s.Codec, s.Config
	}
	for _, p := range doc.Packets {
		sec, err := strconv.ParseFloat(p.PTS, 64)
		if err != nil {
			t.Fatalf("%s: packet with time %q", path, p.PTS)
		}
		r.track[p.Type] = append(r.track[p.Type], packet{sec * 1000, strings.HasPrefix(p.Flags, "K"), p.Hash})
	}
	return r
}

// dropLast forgets the last packet of each track: a client that is stopped by a signal may have cut it.
func (r *recording) dropLast() *recording {
	for kind, ps := range r.track {
		if len(ps) > 0 {
			r.track[kind] = ps[:len(ps)-1]
		}
	}
	return r
}

// runOf finds got as a run of src: the same packets in the same order with none missing. It returns where the run begins.
func runOf(src, got []packet) (int, error) {
	if len(got) == 0 {
		return 0, errors.New("no packets")
	}
	best, bestLen := -1, 0
	for at := range src {
		n := 0
		for n < len(got) && at+n < len(src) && src[at+n].hash == got[n].hash && src[at+n].key == got[n].key {
			n++
		}
		if n == len(got) {
			return at, nil
		}
		if n > bestLen {
			best, bestLen = at, n
		}
	}
	if best < 0 {
		return 0, fmt.Errorf("the first of %d packets is none of the source's", len(got))
	}
	return 0, fmt.Errorf("packet %d of %d (at %.0f ms) differs from the source's packet %d; all before it agree from packet %d on",
		bestLen, len(got), got[bestLen].ms, best+bestLen, best)
}

// noConfig is the hash of nothing: Debian's FFmpeg writes no configuration for VP9 in Matroska, the publisher makes one.
const noConfig = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// compare proves that got is a faithful part of src: both tracks bit-exact and without a gap, video from a key frame, the
// codec configurations equal, and one and the same distance between the times of all packets (within 2 ms, the rounding of
// two containers).
func compare(src, got *recording, minVideo int) error {
	low, high := math.Inf(1), math.Inf(-1)
	for _, kind := range []string{"video", "audio"} {
		s, g := src.track[kind], got.track[kind]
		at, err := runOf(s, g)
		if err != nil {
			return fmt.Errorf("%s: %w", kind, err)
		}
		if src.codec[kind] != got.codec[kind] {
			return fmt.Errorf("%s: codec %s, want %s", kind, got.codec[kind], src.codec[kind])
		}
		if src.config[kind] != got.config[kind] && src.config[kind] != noConfig {
			return fmt.Errorf("%s: the sequence header differs", kind)
		}
		for i := range g {
			d := g[i].ms - s[at+i].ms
			low, high = min(low, d), max(high, d)
		}
	}
	if v := got.track["video"]; !v[0].key {
		return errors.New("video does not begin with a key frame")
	} else if len(v) < minVideo {
		return fmt.Errorf("only %d video packets, want %d", len(v), minVideo)
	}
	if high-low > 2 {
		return fmt.Errorf("times are off by %.0f to %.0f ms: want one distance for all packets", low, high)
	}
	return nil
}

func TestCompare(t *testing.T) {
	rec := func(edit func(*recording)) *recording {
		r := newRecording()
		for i := range 40 {
			r.track["video"] = append(r.track["video"], packet{float64(40 * i), i%10 == 0, fmt.Sprint("v", i)})
			r.track["audio"] = append(r.track["audio"], packet{float64(20 * i), true, fmt.Sprint("a", i)})
		}
		r.codec = map[string]string{"video": "h264", "audio": "aac"}
		r.config = map[string]string{"video": "1", "audio": "2"}
		if edit != nil {
			edit(r)
		}
		return r
	}
	part := func(edit func(*recording)) *recording {
		return rec(func(r *recording) {
			r.track["video"], r.track["audio"] = r.track["video"][10:30], r.track["audio"][18:30]
			for _, ps := range r.track {
				for i := range ps {
					ps[i].ms += 1234
				}
			}
			if edit != nil {
				edit(r)
			}
		})
	}
	for _, tc := range []struct {
		name string
		got  *recording
		want string
	}{
		{"a part, moved in time", part(nil), ""},
		{"everything", rec(nil), ""},
		{"a packet changed", part(func(r *recording) { r.track["video"][7].hash = "x" }), "packet 7 of 20"},
		{"a packet missing", part(func(r *recording) { r.track["video"] = append(r.track["video"][:5:5], r.track["video"][6:]...) }), "packet 5 of 19"},
		{"a packet twice", part(func(r *recording) { r.track["video"] = append(r.track["video"][:6:6], r.track["video"][5:]...) }), "packet 6 of 21"},
		{"no audio", part(func(r *recording) { r.track["audio"] = nil }), "audio: no packets"},
		{"foreign", part(func(r *recording) { r.track["video"] = []packet{{0, true, "x"}} }), "none of the source's"},
		{"not from a key frame", part(func(r *recording) { r.track["video"] = r.track["video"][1:] }), "key frame"},
		{"key flag lost", part(func(r *recording) { r.track["video"][0].key = false }), "none of the source's"},
		{"too short", part(func(r *recording) { r.track["video"] = r.track["video"][:8] }), "only 8"},
		{"codec", part(func(r *recording) { r.codec["audio"] = "mp3" }), "codec mp3"},
		{"configuration", part(func(r *recording) { r.config["video"] = "3" }), "sequence header"},
		{"sound out of step", part(func(r *recording) {
			for i := range r.track["audio"] {
				r.track["audio"][i].ms += 30
			}
		}), "one distance"},
	} {
		err := compare(rec(nil), tc.got, 10)
		if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
			t.Errorf("%s: %v, want %q", tc.name, err, tc.want)
		}
	}
}
