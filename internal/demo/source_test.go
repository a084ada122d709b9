package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"penstock/flv"
)

var errStop = errors.New("enough")

// Bodies of the smallest tags of their kind.
var (
	metaData    = []byte("\x02\x00\x0aonMetaData\x08\x00\x00\x00\x00\x00\x00\x09")
	cuePoint    = []byte("\x02\x00\x0aonCuePoint\x05")
	videoConfig = []byte{0x17, 0, 0, 0, 0, 1}
	videoKey    = []byte{0x17, 1, 0, 0, 0, 2}
	videoInter  = []byte{0x27, 1, 0, 0, 0, 3}
	videoEnd    = []byte{0x17, 2, 0, 0, 0}
	audioConfig = []byte{0xaf, 0, 0x12}
	audioFrame  = []byte{0xaf, 1, 0x21}
)

func file(tags ...flv.Tag) []byte {
	b := flv.AppendHeader(nil, true, true)
	for i := range tags {
		b = flv.AppendTag(b, &tags[i])
	}
	return b
}

func opener(b []byte) func() io.Reader {
	return func() io.Reader { return bytes.NewReader(b) }
}

// movie is 100 ms long: two pictures of 50 ms and four sounds of 25 ms, beginning at 1000 ms.
var movie = file(
	flv.Tag{Type: flv.TagScript, Time: 0, Body: metaData},
	flv.Tag{Type: flv.TagVideo, Time: 1000, Body: videoConfig},
	flv.Tag{Type: flv.TagAudio, Time: 1000, Body: audioConfig},
	flv.Tag{Type: flv.TagVideo, Time: 1000, Body: videoKey},
	flv.Tag{Type: flv.TagAudio, Time: 1000, Body: audioFrame},
	flv.Tag{Type: flv.TagAudio, Time: 1025, Body: audioFrame},
	flv.Tag{Type: flv.TagVideo, Time: 1050, Body: videoInter},
	flv.Tag{Type: flv.TagAudio, Time: 1050, Body: audioFrame},
	flv.Tag{Type: flv.TagScript, Time: 1060, Body: cuePoint},
	flv.Tag{Type: flv.TagAudio, Time: 1075, Body: audioFrame},
	flv.Tag{Type: flv.TagVideo, Time: 1075, Body: videoEnd},
)

// label names a tag for the tables below.
func label(t *flv.Tag) string {
	for name, body := range map[string][]byte{
		"meta": metaData, "cue": cuePoint, "vconf": videoConfig, "key": videoKey, "inter": videoInter, "vend": videoEnd,
		"aconf": audioConfig, "sound": audioFrame,
	} {
		if bytes.Equal(t.Body, body) {
			return fmt.Sprintf("%d %s", t.Time, name)
		}
	}
	return fmt.Sprintf("%d ?", t.Time)
}

var firstPass = []string{
	"0 meta", "1000 vconf", "1000 aconf", "1000 key", "1000 sound", "1025 sound", "1050 inter", "1050 sound", "1060 cue", "1075 sound",
}

func TestRunOnce(t *testing.T) {
	for _, unpaced := range []bool{false, true} {
		t.Run(fmt.Sprintf("unpaced=%v", unpaced), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begin := time.Now()
				var got []string
				src := &Source{Open: opener(movie), Once: true, Unpaced: unpaced}
				if err := src.Run(t.Context(), func(tag *flv.Tag) error { got = append(got, label(tag)); return nil }); err != nil {
					t.Fatal(err)
				}
				want := append(slices.Clone(firstPass), "1075 vend")
				if !slices.Equal(got, want) {
					t.Errorf("got  %q\nwant %q", got, want)
				}
				took := time.Since(begin)
				if wantTime := map[bool]time.Duration{false: 1075 * time.Millisecond, true: 0}[unpaced]; took != wantTime {
					t.Errorf("took %v, want %v", took, wantTime)
				}
			})
		})
	}
}

func TestLoopGoesOnAcrossTheSeam(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		var got []string
		err := Loop(t.Context(), opener(movie), func(tag *flv.Tag) error {
			// The first tag starts the clock at its own time.
			if due, at := time.Duration(tag.Time)*time.Millisecond, time.Since(begin); at != due {
				t.Errorf("%s came at %v, want %v", label(tag), at, due)
			}
			got = append(got, label(tag))
			if len(got) == 22 {
				return errStop
			}
			return nil
		})
		if !errors.Is(err, errStop) {
			t.Fatalf("error %v, want that of emit", err)
		}
		want := append(slices.Clone(firstPass),
			"1100 vconf", "1100 aconf", "1100 key", "1100 sound", "1125 sound", "1150 inter", "1150 sound", "1160 cue", "1175 sound",
			"1200 vconf", "1200 aconf", "1200 key")
		if !slices.Equal(got, want) {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	})
}

func TestClipHasNoSeam(t *testing.T) {
	last := map[flv.TagType]int64{}
	passes := 0
	src := &Source{Open: opener(Clip()), Unpaced: true}
	err := src.Run(t.Context(), func(tag *flv.Tag) error {
		if tag.Type == flv.TagScript {
			return nil
		}
		if tag.Type == flv.TagVideo && bytes.HasPrefix(tag.Body, []byte{0x17, 0}) {
			if passes++; passes == 4 {
				return errStop
			}
		}
		if before, ok := last[tag.Type]; ok {
			step, most := int64(tag.Time)-before, map[flv.TagType]int64{flv.TagVideo: 41, flv.TagAudio: 23}[tag.Type]
			if step < 0 || step > most {
				t.Errorf("pass %d: tag of type %d at %d ms comes %d ms after the last one, want 0 to %d", passes, tag.Type, tag.Time, step, most)
			}
		}
		last[tag.Type] = int64(tag.Time)
		return nil
	})
	if !errors.Is(err, errStop) {
		t.Fatal(err)
	}
}

func TestTimestampsWrapAfter49Days(t *testing.T) {
	late := file(
		flv.Tag{Type: flv.TagVideo, Time: 0xffffffd8, Body: videoKey},
		flv.Tag{Type: flv.TagVideo, Time: 0xfffffff6, Body: videoInter},
	)
	var got []uint32
	src := &Source{Open: opener(late), Unpaced: true}
	err := src.Run(t.Context(), func(tag *flv.Tag) error {
		if got = append(got, tag.Time); len(got) == 4 {
			return errStop
		}
		return nil
	})
	if want := []uint32{0xffffffd8, 0xfffffff6, 0x14, 0x32}; !errors.Is(err, errStop) || !slices.Equal(got, want) {
		t.Errorf("got %x, %v; want %x", got, err, want)
	}
}

// A source that is held up catches up; one that is held up for long gives the lost time up.
func TestRunAfterADelay(t *testing.T) {
	for _, tc := range []struct {
		name  string
		delay time.Duration
		want  []time.Duration // when the four tags after the delayed one come
	}{
		{"short", 60 * time.Millisecond, []time.Duration{60, 80, 120, 160}},
		{"long", 5 * time.Second, []time.Duration{5000, 5040, 5080, 5120}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var tags []flv.Tag
				for i := range 5 {
					tags = append(tags, flv.Tag{Type: flv.TagVideo, Time: uint32(40 * i), Body: videoKey})
				}
				begin := time.Now()
				var got []time.Duration
				src := &Source{Open: opener(file(tags...)), Once: true}
				err := src.Run(t.Context(), func(tag *flv.Tag) error {
					if tag.Time == 0 {
						time.Sleep(tc.delay)
						return nil
					}
					got = append(got, time.Since(begin)/time.Millisecond)
					return nil
				})
				if err != nil || !slices.Equal(got, tc.want) {
					t.Errorf("tags at %d ms, error %v; want %d ms", got, err, tc.want)
				}
			})
		})
	}
}

func TestRunStopsWithTheContext(t *testing.T) {
	for _, unpaced := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			begin := time.Now()
			src := &Source{Open: opener(movie), Unpaced: unpaced}
			n := 0
			err := src.Run(ctx, func(*flv.Tag) error {
				if n++; n == 6 {
					time.AfterFunc(10*time.Millisecond, func() { cancel(errStop) })
				}
				if n > 6 && unpaced {
					time.Sleep(5 * time.Millisecond)
				}
				return nil
			})
			if !errors.Is(err, errStop) {
				t.Errorf("unpaced=%v: error %v, want the cause of the context", unpaced, err)
			}
			if took := time.Since(begin); took > 1035*time.Millisecond {
				t.Errorf("unpaced=%v: stopped after %v", unpaced, took)
			}
		})
	}
}

func TestRunErrors(t *testing.T) {
	for _, tc := range []struct {
		name  string
		input []byte
		want  error
	}{
		{"nothing", nil, ErrEmpty},
		{"header only", file(), ErrEmpty},
		{"metadata only", file(flv.Tag{Type: flv.TagScript, Body: metaData}), ErrEmpty},
		{"not FLV", []byte("GIF89a-------------"), flv.ErrSignature},
		{"cut in a tag", movie[:60], flv.ErrTruncated},
	} {
		t.Run(tc.name, func(t *testing.T) {
			src := &Source{Open: opener(tc.input), Unpaced: true}
			if err := src.Run(t.Context(), func(*flv.Tag) error { return nil }); !errors.Is(err, tc.want) {
				t.Errorf("error %v, want %v", err, tc.want)
			}
		})
	}
}

// A clip of one picture goes on, slowly: time must never stand still, whatever the input.
func TestOnePictureMovesTimeOn(t *testing.T) {
	var got []uint32
	src := &Source{Open: opener(file(flv.Tag{Type: flv.TagVideo, Time: 7, Body: videoKey})), Unpaced: true}
	err := src.Run(t.Context(), func(tag *flv.Tag) error {
		if got = append(got, tag.Time); len(got) == 3 {
			return errStop
		}
		return nil
	})
	if !errors.Is(err, errStop) || !slices.Equal(got, []uint32{7, 8, 9}) {
		t.Errorf("got %d, %v", got, err)
	}
}

type closeCounter struct {
	io.Reader
	closed *int
}

func (c closeCounter) Close() error { *c.closed++; return nil }

func TestInputsAreClosed(t *testing.T) {
	opened, closed := 0, 0
	src := &Source{Unpaced: true, Open: func() io.Reader {
		opened++
		return closeCounter{bytes.NewReader(movie), &closed}
	}}
	n := 0
	_ = src.Run(t.Context(), func(*flv.Tag) error {
		if n++; n == 25 {
			return errStop
		}
		return nil
	})
	if opened != 3 || closed != opened {
		t.Errorf("opened %d inputs and closed %d, want 3 and 3", opened, closed)
	}
}
