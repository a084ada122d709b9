package e2e

import (
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
	"testing"
	"time"

	"penstock/test/process"
)

// publish publishes a file in real time with FFmpeg and returns when a second and a half of it has gone out: by then there is
// a whole group of pictures to begin with.
func publish(t *testing.T, url, file string) *process.Process {
	t.Helper()
	p := start(t, "ffmpeg", "-hide_banner", "-loglevel", "warning", "-nostats", "-progress", "pipe:1", "-stats_period", "0.1",
		"-re", "-i", file, "-c", "copy", "-f", "flv", "-flvflags", "no_duration_filesize", url)
	until(t, 15*time.Second, "ffmpeg publishes", func() bool {
		all := outTime.FindAllStringSubmatch(p.Stdout.String(), -1)
		if len(all) == 0 {
			return false
		}
		us, err := strconv.ParseInt(all[len(all)-1][1], 10, 64)
		return err == nil && us >= 1_500_000
	}, p)
	return p
}

var outTime = regexp.MustCompile(`out_time_us=(\d+)`)

// A player records what it plays as FLV, for a given time.
type player struct {
	name     string
	programs []string
	// command returns the program and its arguments. It stops by itself after the time or, if it does not, by signal.
	command func(url, file string, d time.Duration) []string
	signal  syscall.Signal // 0: ends by itself
}

func players(t *testing.T) []player {
	t.Helper()
	return []player{
		{
			name: "ffmpeg", programs: []string{"ffmpeg", "ffprobe"}, signal: syscall.SIGINT,
			command: func(url, file string, _ time.Duration) []string {
				return []string{"ffmpeg", "-hide_banner", "-loglevel", "warning", "-nostats", "-y", "-i", url, "-c", "copy", "-f", "flv", file}
			},
		},
		{
			name: "rtmpdump", programs: []string{"rtmpdump"}, signal: syscall.SIGINT,
			command: func(url, file string, _ time.Duration) []string {
				return []string{"rtmpdump", "-q", "--live", "-m", "10", "-r", url, "-o", file}
			},
		},
		{
			name: "gstreamer", programs: []string{"gst-launch-1.0"}, signal: syscall.SIGINT,
			command: func(url, file string, _ time.Duration) []string {
				return []string{"gst-launch-1.0", "-e", "rtmp2src", "location=" + url, "!", "filesink", "location=" + file}
			},
		},
		{
			name: "penstock",
			command: func(url, file string, d time.Duration) []string {
				return []string{binary(t), "play", url, "--out", file, "--duration", d.String()}
			},
		},
	}
}

// A session is a player at work.
type session struct {
	*player
	proc *process.Process
	file string
	d    time.Duration
}

// begin lets the player record url; a player that measures time itself does so for d.
func (p *player) begin(t *testing.T, url string, d time.Duration) *session {
	t.Helper()
	file := filepath.Join(t.ArtifactDir(), p.name+".flv")
	args := p.command(url, file, d)
	return &session{p, start(t, args[0], args[1:]...), file, d}
}

// end stops the player and returns what arrived.
func (s *session) end(t *testing.T) *recording {
	t.Helper()
	if s.signal == 0 {
		if code := s.proc.Wait(t, s.d+10*time.Second); code != 0 {
			t.Fatalf("%s ended with code %d", s.name, code)
		}
		return probe(t, s.file)
	}
	if !s.proc.Running() {
		t.Fatalf("%s ended by itself: %v", s.name, s.proc.Err())
	}
	if !s.proc.Stop(s.signal, 5*time.Second) {
		t.Fatalf("%s did not stop", s.name)
	}
	return probe(t, s.file).dropLast()
}

// record plays url for a time.
func (p *player) record(t *testing.T, url string, d time.Duration) *recording {
	t.Helper()
	s := p.begin(t, url, d)
	if s.signal != 0 {
		time.Sleep(d)
	}
	return s.end(t)
}
