package refusals

import (
	"net"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"penstock/test/process"
)

// An action is what a client does.
type action string

const (
	publishing action = "publishing"
	playing    action = "playing"
	calling    action = "calling"
)

// A target is what a client asks for, and how.
type target struct {
	addr           string // host and port
	app, stream    string // queries included
	explicit       bool   // names that must not be divided at slashes by the client
	user, password string
	page           string
	rtmpdump       []string // further arguments
	ffmpeg         []string
	scheme         string // rtmp when empty
	length         string // seconds that FFmpeg publishes
	method         string
}

func (g *target) url(userinfo bool) string {
	scheme, who := g.scheme, ""
	if scheme == "" {
		scheme = "rtmp"
	}
	if userinfo && g.user != "" {
		who = g.user + ":" + g.password + "@"
	}
	if g.explicit {
		return scheme + "://" + who + g.addr + "/"
	}
	return scheme + "://" + who + g.addr + "/" + g.app + "/" + g.stream
}

// A client is a program that nobody here wrote.
type client struct {
	name    string
	program string
	version []string // arguments that print the version
	find    *regexp.Regexp
	can     map[action]func(g *target) []string // command lines
	keep    *regexp.Regexp                      // the lines that tell the user something
	shows   func(r refusal) []string            // what of a refusal it shows
}

var ffmpeg = &client{
	name: "FFmpeg", program: "ffmpeg", version: []string{"-version"}, find: regexp.MustCompile(`ffmpeg version ([\d.]+)`),
	can: map[action]func(g *target) []string{
		publishing: func(g *target) []string {
			length := g.length
			if length == "" {
				length = "8"
			}
			args := []string{"-hide_banner", "-nostdin", "-v", "error", "-re", "-f", "lavfi", "-i", "testsrc2=size=160x90:rate=10", "-t", length,
				"-c:v", "libx264", "-preset", "ultrafast", "-f", "flv"}
			return append(append(args, ffmpegNames(g)...), g.url(true))
		},
		playing: func(g *target) []string {
			args := append([]string{"-hide_banner", "-nostdin", "-v", "error"}, ffmpegNames(g)...)
			if g.page != "" {
				args = append(args, "-rtmp_pageurl", g.page)
			}
			return append(args, "-i", g.url(true), "-t", "8", "-f", "null", "-")
		},
	},
	keep:  regexp.MustCompile(`^\[rtmp|^\S+://`),
	shows: func(r refusal) []string { return []string{r.Description} },
}

func ffmpegNames(g *target) []string {
	if !g.explicit {
		return g.ffmpeg
	}
	return append([]string{"-rtmp_app", g.app, "-rtmp_playpath", g.stream}, g.ffmpeg...)
}

var gstreamer = &client{
	name: "GStreamer", program: "gst-launch-1.0", version: []string{"--version"}, find: regexp.MustCompile(`GStreamer ([\d.]+)`),
	can: map[action]func(g *target) []string{
		publishing: func(g *target) []string {
			args := strings.Fields("-q videotestsrc num-buffers=80 is-live=true ! video/x-raw,width=160,height=90,framerate=10/1 ! " +
				"x264enc speed-preset=ultrafast ! h264parse ! flvmux streamable=true ! rtmp2sink")
			return append(args, gstreamerNames(g)...)
		},
		playing: func(g *target) []string {
			return append(append([]string{"-q", "rtmp2src"}, gstreamerNames(g)...), "!", "fakesink")
		},
	},
	keep:  regexp.MustCompile(`^ERROR.*rtmp2`),
	shows: func(r refusal) []string { return []string{r.Code, r.Description} },
}

func gstreamerNames(g *target) []string {
	var args []string
	if g.user != "" {
		args = append(args, "username="+g.user, "password="+g.password)
	}
	if !g.explicit {
		return append(args, "location="+g.url(false))
	}
	host, port, _ := net.SplitHostPort(g.addr)
	return append(args, "host="+host, "port="+port, "application="+g.app, "stream="+g.stream)
}

var rtmpdump = &client{
	name: "rtmpdump", program: "rtmpdump", version: []string{"-h"}, find: regexp.MustCompile(`RTMPDump (\S+)`),
	can: map[action]func(g *target) []string{
		playing: func(g *target) []string {
			args := []string{"-V", "-m", "10", "-B", "8", "-o", "/dev/null", "-r", g.url(false)}
			if g.explicit {
				args = append(args, "-a", g.app, "-y", g.stream)
			}
			if g.page != "" {
				args = append(args, "-p", g.page)
			}
			if g.rtmpdump == nil {
				return append(args, "-v")
			}
			return append(args, g.rtmpdump...)
		},
	},
	keep:  regexp.MustCompile(`^ERROR: |Property: <Name: +(level|code|description|redirect),`),
	shows: func(r refusal) []string { return []string{r.Code, r.Description} },
}

// rtmpClient is the npm package of that name, behind the script that prints its events. Its methods are called for it.
var rtmpClient = &client{
	name: "rtmp-client", program: "node", version: []string{"-p", `"rtmp-client " + require("` + filepath.ToSlash(filepath.Join(process.Root(), "test")) + `/node_modules/rtmp-client/package.json").version`},
	find: regexp.MustCompile(`rtmp-client (\S+)`),
	can: map[action]func(g *target) []string{
		calling: func(g *target) []string {
			return []string{filepath.Join(process.Root(), "test", "node", "rtmpclient.cjs"), "connect", "rtmp://" + g.addr + "/" + g.app, "3000", g.method}
		},
	},
	keep:  regexp.MustCompile(`"event":"error"`),
	shows: func(r refusal) []string { return []string{r.Code, r.Description} },
}

var clients = []*client{ffmpeg, gstreamer, rtmpdump}

// versions are those of the clients, such as "FFmpeg 5.1.9".
func versions(t *testing.T, list []*client) []string {
	t.Helper()
	var out []string
	for _, c := range list {
		b, _ := exec.Command(c.program, c.version...).CombinedOutput() // rtmpdump -h exits with 1
		m := c.find.FindSubmatch(b)
		if m == nil {
			t.Fatalf("%s does not say its version:\n%s", c.program, process.Tail(string(b)))
		}
		out = append(out, c.name+" "+string(m[1]))
	}
	return out
}

// What differs from run to run.
var varying = []struct {
	find *regexp.Regexp
	with string
}{
	{regexp.MustCompile(` @ 0x[0-9a-f]+`), ""},
	{regexp.MustCompile(`127\.0\.0\.1:\d+`), "server"},
	{regexp.MustCompile(`"clientid": "[^"]*"`), `"clientid": "…"`},
	{regexp.MustCompile(`wait \d+ seconds`), "wait 60 seconds"},
	{regexp.MustCompile(`(this one has|they have) [\d.]+k?:`), "$1 12k:"},
	{regexp.MustCompile(`\b(salt|challenge|opaque|nonce)=[^&" >]*`), "$1=…"},
	{regexp.MustCompile(`\b(token|sig)=[\w.-]{16,}`), "$1=…"},
	{regexp.MustCompile(`/GstPipeline:pipeline0/\w+:`), ""},
	{regexp.MustCompile(`DEBUG: Property: <Name: +(\w+), STRING:\t(.*)>`), "$1: $2"},
}

// plain makes what was printed the same in every run.
func plain(text, app string) string {
	for _, v := range varying {
		text = v.find.ReplaceAllString(text, v.with)
	}
	if app != "" {
		text = strings.ReplaceAll(text, app, "live")
	}
	return strings.TrimSpace(text)
}

// printed are the lines that tell the user something about the refusals. rtmpdump prints every object that it gets: those that
// are no errors are left out.
func (c *client) printed(out, app string) []string {
	var lines []string
	fine := false
	for line := range strings.Lines(strings.ReplaceAll(out, "\r", "\n")) {
		line = strings.TrimRight(line, "\n ")
		property := strings.Contains(line, "Property: <Name:")
		if property && strings.Contains(line, " level, STRING:") {
			fine = !strings.HasSuffix(line, "error>")
			continue
		}
		if c.keep.MatchString(line) && !(property && fine) {
			lines = append(lines, plain(line, app))
		}
	}
	return lines
}
