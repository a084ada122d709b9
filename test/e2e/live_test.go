package e2e

import (
	"strings"
	"testing"
	"time"
)

// firstMediaLimit is how long a player may wait for its first frame after asking for it.
const firstMediaLimit = 500 * time.Millisecond

// FFmpeg publishes; every player gets the very same packets, beginning at a key frame, and at once.
func TestPlayersGetWhatFFmpegPublishes(t *testing.T) {
	needs(t, "ffmpeg", "ffprobe", "rtmpdump", "gst-launch-1.0")
	for _, file := range []string{"h264.flv", "bframes.flv"} {
		t.Run(file, func(t *testing.T) {
			s := serve(t)
			src := probe(t, media(t, file))
			publish(t, s.rtmp+"/live/a", media(t, file))
			for _, p := range players(t) {
				t.Run(p.name, func(t *testing.T) {
					wire := tapTo(t, s)
					got := p.record(t, wire.url("/live/a"), 3*time.Second)
					if err := compare(src, got, 40); err != nil {
						t.Errorf("%s: %v", p.name, err)
					}
					afterPlay, afterConnect, ok := wire.firstMedia()
					if !ok || afterPlay > firstMediaLimit || afterConnect > 2*firstMediaLimit {
						t.Errorf("first frame %v after play, %v after connecting (seen: %v); want %v", afterPlay, afterConnect, ok, firstMediaLimit)
					}
					t.Logf("%d pictures, %d sounds; first frame %v after play, %v after connecting",
						len(got.track["video"]), len(got.track["audio"]), afterPlay.Round(time.Millisecond), afterConnect.Round(time.Millisecond))
				})
			}
		})
	}
}

// Players that are there before the publisher get the stream from its first packet; all of them at the same time.
func TestPlayersWaitForThePublisher(t *testing.T) {
	needs(t, "ffmpeg", "ffprobe", "rtmpdump", "gst-launch-1.0")
	s := serve(t)
	file := media(t, "h264.flv")
	src := probe(t, file)
	var sessions []*session
	for _, p := range players(t) {
		sessions = append(sessions, p.begin(t, s.rtmp+"/live/later", 5*time.Second))
	}
	time.Sleep(time.Second) // by then all players have asked; one that has not still has to pass
	publish(t, s.rtmp+"/live/later", file)
	time.Sleep(2 * time.Second)
	for _, p := range sessions {
		got := p.end(t)
		if err := compare(src, got, 40); err != nil {
			t.Errorf("%s: %v", p.name, err)
		} else if got.track["video"][0].hash != src.track["video"][0].hash {
			t.Errorf("%s: does not begin with the first picture", p.name)
		}
	}
}

// A second publisher of the same name takes nothing from the first, and is told why it is refused.
func TestSecondPublisherIsToldWhy(t *testing.T) {
	needs(t, "ffmpeg")
	s := serve(t)
	file := media(t, "h264.flv")
	first := publish(t, s.rtmp+"/live/one", file)
	second := start(t, "ffmpeg", "-hide_banner", "-nostats", "-re", "-i", file, "-c", "copy", "-f", "flv", s.rtmp+"/live/one")
	if code := second.Wait(t, 10*time.Second); code == 0 {
		t.Error("the second publisher ended with code 0")
	}
	if out := second.Stderr.String(); !strings.Contains(out, "Server error: one is already being published.") {
		t.Errorf("the second publisher was not told why:\n%s", out)
	}
	if !first.Running() {
		t.Errorf("the first publisher was ended: %v", first.Err())
	}
}

// What other publishers send arrives at a player as it was: GStreamer and our own client.
func TestOtherPublishers(t *testing.T) {
	needs(t, "ffmpeg", "ffprobe", "gst-launch-1.0")
	file := media(t, "h264.flv")
	src := probe(t, file)
	for _, tc := range []struct {
		name    string
		command func(url string) []string
	}{
		{"gstreamer", func(url string) []string {
			return []string{
				"gst-launch-1.0", "-q", "filesrc", "location=" + file, "!", "flvdemux", "name=d",
				"d.video", "!", "queue", "!", "m.video", "d.audio", "!", "queue", "!", "m.audio",
				"flvmux", "name=m", "streamable=true", "!", "rtmp2sink", "sync=true", "location=" + url,
			}
		}},
		{"penstock", func(url string) []string { return []string{binary(t), "publish", file, url} }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := serve(t)
			p := players(t)[0].begin(t, s.rtmp+"/live/b", 5*time.Second)
			args := tc.command(s.rtmp + "/live/b")
			start(t, args[0], args[1:]...)
			time.Sleep(5 * time.Second)
			if err := compare(src, p.end(t), 60); err != nil {
				t.Error(err)
			}
		})
	}
}
