package load

import (
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"penstock/app"
	"penstock/internal/bench/histogram"
	"penstock/rtmp"
	"penstock/rtmp/chunk"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestSequence(t *testing.T) {
	for name, tt := range map[string]struct {
		numbers []uint64
		want    Count
		gaps    int
	}{
		"in order":        {[]uint64{7, 8, 9}, Count{Received: 3}, 0},
		"lost":            {[]uint64{7, 10, 11}, Count{Received: 3, Lost: 2}, 1},
		"doubled":         {[]uint64{7, 8, 8, 7}, Count{Received: 4, Duplicated: 2}, 0},
		"swapped":         {[]uint64{7, 9, 8, 10}, Count{Received: 4, Reordered: 1}, 1},
		"late and again":  {[]uint64{7, 9, 8, 8}, Count{Received: 4, Reordered: 1, Duplicated: 1}, 1},
		"a long way back": {[]uint64{7, 200, 8}, Count{Received: 3, Lost: 192, Duplicated: 1}, 1},
	} {
		var q sequence
		var c Count
		gaps := 0
		for _, n := range tt.numbers {
			if q.next(n, &c) {
				gaps++
			}
		}
		if c != tt.want || gaps != tt.gaps {
			t.Errorf("%s: %+v with %d gaps, want %+v with %d", name, c, gaps, tt.want, tt.gaps)
		}
	}
}

var testShape = Shape{VideoBits: 400_000, AudioBits: 64_000, FPS: 50, GOP: 10, KeyRatio: 4, Codec: AVC, ChunkSize: 4096}

func TestShape(t *testing.T) {
	for _, codec := range []Codec{AVC, HEVC, AV1} {
		s := testShape
		s.Codec = codec
		if err := s.Check(); err != nil {
			t.Fatal(err)
		}
		f := newFrames(&s, 3)
		total := 0
		for i := range 100 {
			body := f.video(time.Duration(i))
			total += len(body)
			got, ok := readStamp(&message{typ: chunk.TypeVideo, body: body[:peek]}, codec)
			if want := (stamped{3, uint64(i), time.Duration(i), i%10 == 0}); !ok || got != want {
				t.Fatalf("%s: %+v, %v, want %+v", codec, got, ok, want)
			}
		}
		if bits := total * 8 / 2; bits < 390_000 || bits > 400_000 {
			t.Errorf("%s: %d bits in two seconds", codec, bits)
		}
		if _, ok := readStamp(&message{typ: chunk.TypeVideo, body: codec.config()}, codec); ok {
			t.Errorf("%s: the sequence header has a stamp", codec)
		}
	}
	for _, change := range []func(*Shape){
		func(s *Shape) { s.VideoBits, s.AudioBits = 0, 0 },
		func(s *Shape) { s.FPS = 0 },
		func(s *Shape) { s.GOP = 0 },
		func(s *Shape) { s.KeyRatio = 0 },
		func(s *Shape) { s.ChunkSize = 1 },
		func(s *Shape) { s.Codec = "mpeg2" },
		func(s *Shape) { s.VideoBits = 8000 },
		func(s *Shape) { s.AudioBits = 8000 },
		func(s *Shape) { s.VideoBits = 1e9 },
	} {
		s := testShape
		change(&s)
		if s.Check() == nil {
			t.Errorf("%+v is accepted", s)
		}
	}
}

// serve runs a server with a live application.
func serve(t *testing.T, tlsConfig *tls.Config) *Server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &app.Server{Handler: app.Live(app.LiveOptions{}), Log: slog.New(slog.DiscardHandler), TLSConfig: tlsConfig}
	var wg sync.WaitGroup
	wg.Go(func() { _ = s.Serve(l) })
	t.Cleanup(func() {
		_ = s.Close()
		wg.Wait()
	})
	scheme := "rtmp"
	if tlsConfig != nil {
		scheme = "rtmps"
	}
	u, err := rtmp.ParseURL(scheme + "://" + l.Addr().String() + "/live")
	if err != nil {
		t.Fatal(err)
	}
	return &Server{URL: u, Timeout: 20 * time.Second, TLS: &tls.Config{InsecureSkipVerify: true}}
}

// watch takes what players count until enough have frames, latencies and pictures.
func watch(t *testing.T, p *Players, done func(*Stats) bool) *Stats {
	t.Helper()
	var st Stats
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		p.Take(&st)
		if done(&st) {
			return &st
		}
		if time.Now().After(deadline) {
			t.Fatalf("after 30 s: %+v %+v, %v", st.Video, st.Audio, st.EndedWhy)
		}
	}
}

func TestPublishersAndPlayers(t *testing.T) {
	for name, tlsConfig := range map[string]*tls.Config{"plain": nil, "TLS": selfSigned(t)} {
		t.Run(name, func(t *testing.T) {
			s, clock := serve(t, tlsConfig), NewClock()
			pub, err := Publish(t.Context(), s, &testShape, clock, []string{"a", "b"})
			if err != nil {
				t.Fatal(err)
			}
			defer pub.Close()
			players, err := NewPlayers(s, &testShape, clock, 2)
			if err != nil {
				t.Fatal(err)
			}
			defer players.Close()
			for i := range 6 {
				one, err := players.Join(t.Context(), i, i%2, string(rune('a'+i%2)), []Pace{Fast, Fast, Fast, Slow, Stalled, Fast}[i])
				if err != nil {
					t.Fatal(err)
				}
				defer one.Close()
			}
			st := watch(t, players, func(st *Stats) bool {
				return st.Video.Received > 200 && st.Audio.Received > 200 && st.FirstPicture.Count() >= 4
			})
			if st.Video.Bad() || st.Audio.Bad() || st.Ended > 0 || st.BrokenGOPs > 0 || st.VideoLatency.Count() == 0 || st.AudioLatency.Count() == 0 {
				t.Errorf("%+v %+v, ended %d, broken %d", st.Video, st.Audio, st.Ended, st.BrokenGOPs)
			}
			var lag histogram.Histogram
			if n, err := pub.Take(&lag); n == 0 || err != nil || lag.Count() == 0 {
				t.Errorf("publishers: %d bytes, %v, %d", n, err, lag.Count())
			}
		})
	}
}

// TestDropped sees to it that frames which a server leaves out are counted: the player pauses video for a while.
func TestDropped(t *testing.T) {
	s, clock := serve(t, nil), NewClock()
	pub, err := Publish(t.Context(), s, &testShape, clock, []string{"a"})
	if err != nil {
		t.Fatal(err)
	}
	defer pub.Close()
	players, err := NewPlayers(s, &testShape, clock, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer players.Close()
	one, err := players.Join(t.Context(), 0, 0, "a", Fast)
	if err != nil {
		t.Fatal(err)
	}
	defer one.Close()
	receive := func(on bool) {
		cmd := rtmp.Command{Name: "receiveVideo", StreamID: 1, Args: []any{on}}
		m, err := cmd.Message()
		if err != nil {
			t.Fatal(err)
		}
		one.r.mu.Lock()
		one.reply(chunk.Append(nil, m, chunk.DefaultChunkSize))
		one.r.mu.Unlock()
	}
	watch(t, players, func(st *Stats) bool { return st.Video.Received > 5 })
	receive(false)
	watch(t, players, func(st *Stats) bool { return st.Audio.Received > 30 })
	receive(true)
	st := watch(t, players, func(st *Stats) bool { return st.Video.Lost > 0 })
	if st.BrokenGOPs != 0 {
		t.Errorf("%d broken GOPs", st.BrokenGOPs)
	}
}

func TestRefused(t *testing.T) {
	s, clock := serve(t, nil), NewClock()
	first, err := Publish(t.Context(), s, &testShape, clock, []string{"a"})
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	_, err = Publish(t.Context(), s, &testShape, clock, []string{"a"})
	var refused *answerError
	if !errors.As(err, &refused) || refused.Code != "NetStream.Publish.BadName" {
		t.Errorf("a second publisher: %v", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	u, err := rtmp.ParseURL("rtmp://" + l.Addr().String() + "/live")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Publish(t.Context(), &Server{URL: u, Timeout: time.Second}, &testShape, clock, []string{"a"}); err == nil {
		t.Error("published to nobody")
	}
}

// TestServerGone: players and publishers notice that the server ends.
func TestServerGone(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &app.Server{Handler: app.Live(app.LiveOptions{}), Log: slog.New(slog.DiscardHandler)}
	var wg sync.WaitGroup
	wg.Go(func() { _ = srv.Serve(l) })
	defer wg.Wait()
	defer srv.Close()
	u, err := rtmp.ParseURL("rtmp://" + l.Addr().String() + "/live")
	if err != nil {
		t.Fatal(err)
	}
	s, clock := &Server{URL: u, Timeout: 20 * time.Second}, NewClock()
	pub, err := Publish(t.Context(), s, &testShape, clock, []string{"a"})
	if err != nil {
		t.Fatal(err)
	}
	defer pub.Close()
	players, err := NewPlayers(s, &testShape, clock, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer players.Close()
	one, err := players.Join(t.Context(), 0, 0, "a", Fast)
	if err != nil {
		t.Fatal(err)
	}
	defer one.Close()
	watch(t, players, func(st *Stats) bool { return st.Video.Received > 0 })
	_ = srv.Close()
	if st := watch(t, players, func(st *Stats) bool { return st.Ended == 1 }); st.EndedWhy == nil {
		t.Error("no reason")
	}
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		var lag histogram.Histogram
		if _, err := pub.Take(&lag); err != nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the publisher noticed nothing")
		}
	}
}
