package e2e

import (
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"penstock/test/process"
)

const encoderConfig = `
apps:
  adobe:
    encoder_auth: {mode: adobe, users: {alice: secret}}
  llnw:
    encoder_auth: {mode: llnw, users: {alice: secret}}
`

// Real encoders log in with a user and a password, and say that a wrong one is wrong.
func TestEncoderLogIn(t *testing.T) {
	needs(t, "ffmpeg", "gst-launch-1.0")
	file := filepath.Join(t.TempDir(), "penstock.yml")
	if err := os.WriteFile(file, []byte(encoderConfig), 0o600); err != nil {
		t.Fatal(err)
	}
	s := serve(t, "--config", file)
	host, port, _ := net.SplitHostPort(strings.TrimPrefix(s.rtmp, "rtmp://"))
	ffmpeg := func(mode, user, password string) *process.Process {
		url := "rtmp://" + user + ":" + password + "@" + host + ":" + port + "/" + mode + "/" + user + password
		return start(t, "ffmpeg", "-hide_banner", "-nostdin", "-re", "-f", "lavfi", "-i", "testsrc2=size=160x90:rate=10", "-t", "2",
			"-c:v", "libx264", "-preset", "ultrafast", "-f", "flv", url)
	}
	gstreamer := func(mode, user, password string) *process.Process {
		return start(t, "gst-launch-1.0", "videotestsrc", "num-buffers=20", "is-live=true", "!", "video/x-raw,width=160,height=90,framerate=10/1",
			"!", "x264enc", "speed-preset=ultrafast", "!", "h264parse", "!", "flvmux", "streamable=true", "!", "rtmp2sink", "host="+host, "port="+port,
			"application="+mode, "stream=g"+user+password, "username="+user, "password="+password)
	}
	for _, client := range []struct {
		name  string
		run   func(mode, user, password string) *process.Process
		wrong *regexp.Regexp // what it prints when it is not let in
	}{
		{"ffmpeg", ffmpeg, regexp.MustCompile(`Incorrect username/password`)},
		{"gstreamer", gstreamer, regexp.MustCompile(`Not authorized to connect: (authentication failed; wrong credentials|.*unhandled authmod)`)},
	} {
		for _, mode := range []string{"adobe", "llnw"} {
			for _, try := range []struct {
				user, password string
				in             bool
			}{{"alice", "secret", true}, {"alice", "wrong", false}, {"mallory", "secret", false}} {
				if client.name == "gstreamer" && mode == "llnw" {
					try.in = false // GStreamer 1.22 knows adobe only, and says so
				}
				t.Run(client.name+" "+mode+" "+try.user+" "+try.password, func(t *testing.T) {
					before := strings.Count(s.Stderr.String(), "publishing")
					p := client.run(mode, try.user, try.password)
					code := p.Wait(t, 20*time.Second)
					published := strings.Count(s.Stderr.String(), "publishing") > before
					t.Logf("exit %d:\n%s", code, p.Printed())
					if try.in && (code != 0 || !published) {
						t.Errorf("was not let in: exit %d, published %v", code, published)
					}
					if !try.in && (code == 0 || published || !client.wrong.MatchString(p.Printed())) {
						t.Errorf("exit %d, published %v", code, published)
					}
				})
			}
		}
	}
	if log := s.Stderr.String(); strings.Contains(log, "password=") || strings.Contains(log, "secret@") {
		t.Error("the log has a password")
	}
}
