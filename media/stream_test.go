package media

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// step is one thing a publisher does.
type step struct {
	do string // VC AC COL M D K v A END, k: second message of a key frame; t1K, t1VC: on track 1
	ts uint32
	n  uint32
}

func perform(t *testing.T, p *Publication, steps ...step) {
	t.Helper()
	for _, s := range steps {
		var err error
		switch s.do {
		case "VC":
			err = p.Video(s.ts, videoConfig(s.n))
		case "AC":
			err = p.Audio(s.ts, audioConfig(s.n))
		case "COL":
			err = p.Video(s.ts, colorInfo(s.n))
		case "M":
			err = p.SetMetadata(metadata(s.n))
		case "D":
			err = p.Data(s.ts, "onCue", body([]byte("\x02\x00\x05onCue"), s.n))
		case "K", "k":
			err = p.Video(s.ts, keyFrame(s.n))
		case "v":
			err = p.Video(s.ts, interFrame(s.n))
		case "A":
			err = p.Audio(s.ts, audioFrame(s.n))
		case "END":
			err = p.Video(s.ts, videoEnd)
		case "t1K":
			err = p.Video(s.ts, trackKey(1, s.n))
		case "t1VC":
			err = p.Video(s.ts, trackConfig(1, s.n))
		default:
			t.Fatalf("unknown step %q", s.do)
		}
		must(t, err)
	}
}

// start is the usual beginning of a stream.
var start = []step{{"M", 0, 1}, {"VC", 0, 1}, {"AC", 0, 1}}

func TestJoin(t *testing.T) {
	tests := []struct {
		name    string
		options Options
		before  []step
		joined  string // what the newcomer gets at once
		after   []step
		live    string
	}{
		{
			name:   "headers only",
			before: start,
			joined: "published@0 M1@0 VC1@0 AC1@0",
			after:  []step{{"K", 0, 1}, {"A", 5, 1}}, live: "K1@0 A1@5",
		},
		{
			name:   "order and time of the headers",
			before: []step{{"AC", 0, 1}, {"COL", 0, 1}, {"VC", 0, 1}, {"M", 0, 1}, {"K", 0, 1}, {"v", 40, 2}, {"K", 80, 3}, {"A", 70, 1}, {"v", 120, 4}, {"D", 121, 1}},
			joined: "published@70 M1@70 COL1@70 VC1@70 AC1@70 K3@80 A1@70 v4@120 D1@121",
			after:  []step{{"v", 160, 5}}, live: "v5@160",
		},
		{
			name:   "headers that change within the GOP come at their place",
			before: append(start[:3:3], step{"K", 40, 1}, step{"AC", 60, 2}, step{"M", 60, 2}, step{"A", 70, 1}, step{"VC", 80, 2}, step{"v", 80, 2}),
			joined: "published@40 M1@40 VC1@40 AC1@40 K1@40 AC2@60 M2@60 A1@70 VC2@80 v2@80",
			after:  []step{{"K", 120, 3}}, live: "K3@120",
		},
		{
			name:   "an equal sequence header is not sent again",
			before: append(start[:3:3], step{"K", 40, 1}, step{"VC", 80, 1}, step{"AC", 80, 1}),
			joined: "published@40 M1@40 VC1@40 AC1@40 K1@40",
			after:  []step{{"VC", 120, 1}, {"AC", 120, 2}, {"v", 120, 2}}, live: "AC2@120 v2@120",
		},
		{
			name:   "a key frame in two messages is one",
			before: append(start[:3:3], step{"K", 40, 1}, step{"k", 40, 2}, step{"v", 80, 3}),
			joined: "published@40 M1@40 VC1@40 AC1@40 K1@40 k2@40 v3@80",
		},
		{
			name:   "key frames of other tracks do not begin a GOP",
			before: append(start[:3:3], step{"t1VC", 0, 2}, step{"K", 40, 1}, step{"t1K", 80, 2}, step{"v", 80, 3}),
			joined: "published@40 M1@40 VC1@40 VC2@40 AC1@40 K1@40 k2@80 v3@80",
		},
		{
			name:   "a stream without track 0",
			before: []step{{"t1VC", 0, 1}, {"t1K", 40, 2}, {"t1K", 80, 3}},
			joined: "published@80 VC1@80 K3@80",
		},
		{
			name:   "end of sequence clears",
			before: append(start[:3:3], step{"COL", 0, 1}, step{"K", 40, 1}, step{"END", 80, 0}),
			joined: "published@0 M1@0 AC1@0",
			after:  []step{{"VC", 120, 1}, {"A", 125, 1}, {"K", 120, 2}}, live: "VC1@120 K2@120",
		},
		{
			name:   "audio only starts at once",
			before: []step{{"AC", 0, 1}, {"A", 0, 1}, {"A", 23, 2}},
			joined: "published@23 AC1@23",
			after:  []step{{"A", 46, 3}}, live: "A3@46",
		},
		{
			name:    "without a cache from the next key frame",
			options: Options{GOPBytes: -1},
			before:  append(start[:3:3], step{"K", 40, 1}, step{"v", 80, 2}),
			joined:  "published@0 M1@0 VC1@0 AC1@0",
			after:   []step{{"v", 120, 3}, {"A", 125, 1}, {"D", 126, 1}, {"AC", 130, 2}, {"K", 160, 4}, {"A", 165, 2}}, live: "AC2@130 K4@160 A2@165",
		},
		{
			name:    "headers do not wait for a silent kind",
			options: Options{GOPBytes: -1},
			before:  append(start[:3:3], step{"K", 40, 1}, step{"v", 1080, 2}),
			joined:  "published@1080 M1@1080 VC1@1080 AC1@1080",
		},
		{
			name:    "audio waits no longer than 2 s",
			options: Options{GOPBytes: -1},
			before:  append(start[:3:3], step{"K", 0, 1}),
			joined:  "published@0 M1@0 VC1@0 AC1@0",
			after:   []step{{"A", 1999, 1}, {"A", 2000, 2}, {"v", 2000, 2}, {"A", 2023, 3}, {"K", 2040, 3}}, live: "A2@2000 A3@2023 K3@2040",
		},
		{
			name:    "bytes overflow",
			options: Options{GOPBytes: 3 * 280},
			before:  append(start[:3:3], step{"K", 0, 1}, step{"v", 40, 2}, step{"v", 80, 3}, step{"v", 120, 4}),
			joined:  "published@0 M1@0 VC1@0 AC1@0",
			after:   []step{{"v", 160, 5}, {"K", 200, 6}}, live: "K6@200",
		},
		{
			name:    "duration overflow",
			options: Options{GOPDuration: time.Second},
			before:  append(start[:3:3], step{"K", 0, 1}, step{"A", 1001, 1}),
			joined:  "published@1001 M1@1001 VC1@1001 AC1@1001",
			after:   []step{{"v", 1040, 5}, {"K", 1080, 6}}, live: "K6@1080",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := NewRegistry(tt.options)
			p := mustPublish(t, r, "live/a")
			perform(t, p, tt.before...)
			var l log
			sub := r.Subscribe("live/a", &l)
			l.want(t, tt.joined)
			perform(t, p, tt.after...)
			l.want(t, tt.live)
			sub.Close()
			perform(t, p, step{"A", 90_000, 9})
			l.want(t, "")
			p.Close()
			if n := r.GOPBytes(); n != 0 {
				t.Errorf("%d bytes are still counted", n)
			}
		})
	}
}

func TestSubscribeLive(t *testing.T) {
	r := NewRegistry(Options{})
	p := mustPublish(t, r, "a")
	perform(t, p, append(start[:3:3], step{"K", 40, 1}, step{"v", 80, 2})...)
	var l log
	defer r.SubscribeLive("a", &l).Close()
	l.want(t, "published@0 M1@0 VC1@0 AC1@0")
	perform(t, p, step{"v", 120, 3}, step{"K", 160, 4})
	l.want(t, "K4@160")
	p.Close()
}

// TestPublisherChange follows a waiting player through three publishers.
func TestPublisherChange(t *testing.T) {
	r := NewRegistry(Options{})
	var l log
	sub := r.Subscribe("a", &l)
	l.want(t, "")

	p := mustPublish(t, r, "a")
	perform(t, p, step{"VC", 0, 1}, step{"v", 0, 1}, step{"A", 10, 1}, step{"K", 40, 2}, step{"v", 80, 3})
	p.Close()
	p.Close()
	l.want(t, "published@0 VC1@0 A1@10 K2@40 v3@80 unpublished@80")
	if !errors.Is(p.Video(0, keyFrame(1)), ErrRevoked) || p.Err() != ErrRevoked {
		t.Errorf("after Close: %v", p.Err())
	}

	// The same sequence header is new for this publication; video waits for a key frame.
	p = mustPublish(t, r, "a")
	perform(t, p, step{"VC", 900_000, 1}, step{"v", 900_000, 4}, step{"K", 900_040, 5})
	l.want(t, "published@120 VC1@120 K5@160")

	cause := errors.New("taken over")
	p.Revoke(cause)
	p.Revoke(errors.New("again"))
	err := p.Audio(900_100, audioFrame(9))
	if !errors.Is(err, cause) || !errors.Is(err, ErrRevoked) || err.Error() != "taken over" || p.Err() != err {
		t.Errorf("after Revoke: %v", err)
	}
	for _, err := range []error{p.SetMetadata(metadata(1)), p.ClearMetadata(), p.Data(0, "x", nil)} {
		if !errors.Is(err, cause) {
			t.Errorf("after Revoke: %v", err)
		}
	}
	select {
	case <-p.Done():
	default:
		t.Error("Done is open")
	}
	p = mustPublish(t, r, "a")
	perform(t, p, step{"A", 0, 6})
	p.Close()
	l.want(t, "unpublished@160 published@200 A6@200 unpublished@200")
	sub.Close()
	sub.Close()
	if n := len(r.streams); n != 0 {
		t.Errorf("%d streams are left", n)
	}
}

// TestReset: another source under the same publication.
func TestReset(t *testing.T) {
	r := NewRegistry(Options{Tracks: 1})
	p := mustPublish(t, r, "a")
	perform(t, p, append(start[:3:3], step{"K", 40, 1}, step{"v", 80, 2})...)
	var l, late, later log
	defer r.Subscribe("a", &l).Close()
	l.want(t, "published@40 M1@40 VC1@40 AC1@40 K1@40 v2@80")
	must(t, p.Reset())
	if r.GOPBytes() != 0 {
		t.Errorf("%d bytes are cached", r.GOPBytes())
	}
	defer r.Subscribe("a", &late).Close()
	late.want(t, "published@0")
	perform(t, p, step{"VC", 120, 1}, step{"v", 120, 3})
	l.want(t, "VC1@120")
	perform(t, p, step{"K", 160, 4}, step{"v", 200, 5})
	l.want(t, "K4@160 v5@200")
	late.want(t, "VC1@120 K4@160 v5@200")
	defer r.Subscribe("a", &later).Close()
	later.want(t, "published@160 VC1@160 K4@160 v5@200") // neither metadata nor audio of the old source
	must(t, p.Reset())
	perform(t, p, step{"t1K", 240, 6}) // a track of its own, where one is allowed
	p.Close()
	if !errors.Is(p.Reset(), ErrRevoked) {
		t.Errorf("after Close: %v", p.Reset())
	}
}

func TestBusy(t *testing.T) {
	r := NewRegistry(Options{})
	p, err := r.Publish("a", "first")
	must(t, err)
	_, err = r.Publish("a", "second")
	var busy *BusyError
	if !errors.As(err, &busy) || busy.Current != p || busy.Key != "a" || !strings.Contains(err.Error(), `"a"`) {
		t.Fatalf("got %v", err)
	}
	if busy.Current.Owner() != "first" || busy.Current.Key() != "a" {
		t.Errorf("owner %v", busy.Current.Owner())
	}
	busy.Current.Revoke(nil)
	if p.Err() != ErrRevoked {
		t.Errorf("err %v", p.Err())
	}
	p2, err := r.Publish("a", "second")
	must(t, err)
	p.Close() // the old one cannot end the new one
	if p2.Err() != nil || !r.Live("a") {
		t.Error("the new publication ended")
	}
	p2.Close()
	if r.Live("a") || len(r.streams) != 0 {
		t.Error("the name is still in use")
	}
}

func TestLimits(t *testing.T) {
	r := NewRegistry(Options{Tracks: 2})
	p := mustPublish(t, r, "a")
	defer p.Close()
	big := func(b []byte, n int) []byte { return append(b, make([]byte, n-len(b))...) }
	tests := []struct {
		option string
		err    error
	}{
		{"", p.Video(0, big(videoConfig(1), 64<<10))},
		{"config_bytes", p.Video(0, big(videoConfig(1), 64<<10+1))},
		{"config_bytes", p.Audio(0, big(audioConfig(1), 64<<10+1))},
		{"", p.Video(0, big(colorInfo(1), 16<<10))},
		{"color_info_bytes", p.Video(0, big(colorInfo(1), 16<<10+1))},
		{"", p.SetMetadata(big(metadata(1), 64<<10))},
		{"metadata_bytes", p.SetMetadata(big(metadata(1), 64<<10+1))},
		{"metadata_bytes", p.Data(0, MetadataName, big(metadata(1), 64<<10+1))},
		{"", p.Video(0, trackConfig(1, 1))},
		{"tracks", p.Video(0, trackConfig(2, 1))},
		{"tracks", p.Video(0, trackKey(2, 1))},
		{"payload_bytes", p.Video(0, big(keyFrame(1), MaxPayload+1))},
		{"payload_bytes", p.Data(0, "x", make([]byte, MaxPayload+1))},
	}
	for i, tt := range tests {
		var limit *LimitError
		switch {
		case tt.option == "":
			must(t, tt.err)
		case !errors.As(tt.err, &limit) || limit.Option != tt.option || limit.Got <= limit.Limit:
			t.Errorf("%d: got %v, want limit %s", i, tt.err, tt.option)
		case !strings.Contains(tt.err.Error(), tt.option):
			t.Errorf("%d: %q does not name the option", i, tt.err)
		}
	}
	if err := p.Video(0, []byte{0x17}); err == nil {
		t.Error("a truncated payload is accepted")
	}
	if n := r.Streams()[0].FramesIn; n != 4 {
		t.Errorf("%d messages counted, want 4", n)
	}
}

func TestTotalGOPBytes(t *testing.T) {
	r := NewRegistry(Options{TotalGOPBytes: 3 * 280})
	a, b := mustPublish(t, r, "a"), mustPublish(t, r, "b")
	perform(t, a, step{"K", 0, 1}, step{"v", 40, 2})
	perform(t, b, step{"K", 0, 1}, step{"v", 40, 2}, step{"v", 80, 3})
	info := r.Streams()
	if info[0].GOPFrames != 2 || info[1].GOPFrames != 0 || info[1].GOPDrops != 1 || r.GOPBytes() != int64(info[0].GOPBytes) {
		t.Errorf("got %+v", info)
	}
	perform(t, a, step{"K", 80, 4})
	perform(t, b, step{"K", 120, 4})
	if info = r.Streams(); info[0].GOPFrames != 1 || info[1].GOPFrames != 1 {
		t.Errorf("after the next key frames: %+v", info)
	}
	a.Close()
	b.Close()
	if r.GOPBytes() != 0 {
		t.Errorf("%d bytes left", r.GOPBytes())
	}
}

func TestResync(t *testing.T) {
	r := NewRegistry(Options{})
	var l log
	sub := r.Subscribe("a", &l)
	sub.Resync()
	p := mustPublish(t, r, "a")
	perform(t, p, append(start[:3:3], step{"K", 40, 1}, step{"A", 60, 1})...)
	l.take()
	sub.Resync()
	l.want(t, "M1@40 VC1@40 AC1@40")
	must(t, p.ClearMetadata())
	sub.Resync()
	l.want(t, "VC1@40 AC1@40")
	if sub.Stream().Key() != "a" || sub.Stream().Publication() != p {
		t.Error("wrong stream")
	}
	sub.Close()
	sub.Resync()
	l.want(t, "")
	p.Close()
}

func TestWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRegistry(Options{})
		done := make(chan *Stream)
		go func() {
			s, _ := r.Wait(t.Context(), "a")
			done <- s
		}()
		synctest.Wait()
		if len(r.streams) != 1 || r.Live("a") {
			t.Error("the waiter is not seen")
		}
		p := mustPublish(t, r, "a")
		if s := <-done; s.Publication() != p {
			t.Error("wrong stream")
		}
		if s, err := r.Wait(t.Context(), "a"); err != nil || s.Key() != "a" {
			t.Errorf("live: %v", err)
		}
		p.Close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := r.Wait(ctx, "a"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		if len(r.streams) != 0 {
			t.Error("a stream is left")
		}
	})
}

func TestStreamInfo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRegistry(Options{})
		var l log
		defer r.Subscribe("b", &l).Close()
		if i, ok := r.Stream("b"); !ok || i.Live || i.Players != 1 || i.VideoCodec != "" {
			t.Errorf("waiting: %+v", i)
		}
		p, err := r.Publish("a", "owner")
		must(t, err)
		since := time.Now()
		p.SetInfo(1280, 720, 25)
		perform(t, p, start...)
		for i := range uint32(100) { // 4 s of 25 frames/s, 1000 bytes each
			b := interFrame(i)
			if i%50 == 0 {
				b = keyFrame(i)
			}
			must(t, p.Video(i*40, append(b, make([]byte, 1000-len(b))...)))
			time.Sleep(40 * time.Millisecond)
		}
		list := r.Streams()
		if len(list) != 2 || list[0].Key != "a" || list[1].Key != "b" {
			t.Fatalf("got %+v", list)
		}
		i := list[0]
		if !i.Live || i.Owner != "owner" || !i.Since.Equal(since) || i.Width != 1280 || i.Height != 720 || i.FrameRate != 25 {
			t.Errorf("got %+v", i)
		}
		if i.VideoCodec != "H.264" || i.AudioCodec != "AAC" || i.VideoTracks != 1 || i.AudioTracks != 1 {
			t.Errorf("codecs %q %q", i.VideoCodec, i.AudioCodec)
		}
		if i.FramesIn != 103 || i.BytesIn < 100_000 || i.GOPMillis != 2000 || i.GOPFrames != 50 || i.Time != 99*40 {
			t.Errorf("got %+v", i)
		}
		if i.Bitrate < 190_000 || i.Bitrate > 210_000 {
			t.Errorf("bitrate %d, want about 200000", i.Bitrate)
		}
		time.Sleep(5 * time.Second)
		if i, _ := r.Stream("a"); i.Bitrate != 0 {
			t.Errorf("bitrate %d of an idle stream", i.Bitrate)
		}
		p.Close()
		if _, ok := r.Stream("a"); ok {
			t.Error("the stream is still there")
		}
	})
}
