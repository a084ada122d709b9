package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"penstock/flv"
	"penstock/internal/demo"
	"penstock/rtmp"
	"penstock/status"
)

// binary is the program, built once.
var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "penstock")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	binary = filepath.Join(dir, "penstock")
	build := []string{"build", "-o", binary}
	if raceEnabled {
		build = append(build, "-race")
	}
	if out, err := exec.Command("go", append(build, ".")...).CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, out)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// result is what a finished run of the program left.
type result struct {
	code           int
	stdout, stderr string
}

func run(t *testing.T, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Stdout, cmd.Stderr, cmd.Dir = &out, &errs, t.TempDir()
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%q: %v", args, err)
	}
	return result{cmd.ProcessState.ExitCode(), out.String(), errs.String()}
}

// process is a run of the program that goes on.
type process struct {
	cmd    *exec.Cmd
	stderr *bytes.Buffer
	ended  chan error
}

func launch(t *testing.T, stdout io.Writer, args ...string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(binary, args...), stderr: &bytes.Buffer{}, ended: make(chan error, 1)}
	p.cmd.Stdout, p.cmd.Stderr, p.cmd.Dir = stdout, p.stderr, t.TempDir()
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.ended <- p.cmd.Wait() }()
	t.Cleanup(func() { _ = p.cmd.Process.Kill() })
	return p
}

// signal sends a signal and returns the exit code.
func (p *process) signal(t *testing.T, s syscall.Signal) int {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
	return p.wait(t)
}

func (p *process) wait(t *testing.T) int {
	t.Helper()
	select {
	case <-p.ended:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(20 * time.Second):
		t.Fatalf("%q does not end; stderr:\n%s", p.cmd.Args, p.stderr)
		return 0
	}
}

// serve starts a server on free ports and returns the base of its URLs, "rtmp://127.0.0.1:1234".
func serve(t *testing.T, args ...string) (p *process, url string) {
	t.Helper()
	in, out := io.Pipe()
	p = launch(t, out, append([]string{"serve", "--rtmp", "127.0.0.1:0", "--http", "127.0.0.1:0", "--data", t.TempDir()}, args...)...)
	ready := make(chan string, 1)
	go func() {
		lines := bufio.NewScanner(in)
		for lines.Scan() {
			if rest, ok := strings.CutPrefix(lines.Text(), "publish  "); ok {
				ready <- strings.TrimSuffix(rest, "/live/NAME")
			}
		}
	}()
	select {
	case url = <-ready:
	case err := <-p.ended:
		t.Fatalf("serve ended: %v\n%s", err, p.stderr)
	case <-time.After(20 * time.Second):
		t.Fatal("serve says nothing")
	}
	return p, url
}

func TestHelp(t *testing.T) {
	got := run(t)
	lines := strings.Split(got.stdout, "\n")
	if got.code != 0 || !strings.HasPrefix(lines[0], "penstock serve --demo") || !strings.HasPrefix(lines[1], "penstock play rtmp://localhost/live/demo") {
		t.Errorf("exit code %d, %s", got.code, got.stdout)
	}
	for _, command := range []string{"serve", "publish", "play", "call", "version"} {
		if !strings.Contains(got.stdout, "\n  "+command) {
			t.Errorf("no word about %s in\n%s", command, got.stdout)
		}
		if help := run(t, command, "--help"); help.code != 0 || !strings.HasPrefix(help.stdout, "Usage: penstock "+command) {
			t.Errorf("%s --help: %d %s", command, help.code, help.stdout)
		}
	}
	if got := run(t, "version"); !regexp.MustCompile(`^penstock \S+`).MatchString(got.stdout) {
		t.Errorf("version: %q", got.stdout)
	}
}

// What goes wrong is one line that says what to do, and a code that is not 0.
func TestErrors(t *testing.T) {
	_, url := serve(t)
	port := url[strings.LastIndexByte(url, ':')+1:]
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	clip := file("clip.flv", string(demo.Clip()))
	for _, tc := range []struct {
		args []string
		code int
		want string // regular expression of all of stderr, without "penstock: "
	}{
		{[]string{"serve", "--rtmp", "127.0.0.1:" + port}, 1, `port ` + port + ` is in use by another program: stop it, or choose another with --rtmp 127\.0\.0\.1:\d+`},
		{[]string{"serve", "--rtpm", ":1"}, 2, `unknown flag --rtpm, did you mean "--rtmp"\? \(.*\)`},
		{[]string{"srve"}, 2, `unexpected argument srve, did you mean "serve"\? \(.*\)`},
		{[]string{"serve", "--rtmp", "1935"}, 2, `--rtmp: "1935" is not ADDRESS:PORT, such as 127\.0\.0\.1:1935 or :1935`},
		{[]string{"serve", "--log-level", "loud"}, 2, `--log-level: "loud" is not debug, info, warn or error`},
		{[]string{"serve", "--log-format", "xml"}, 2, `--log-format: "xml" is not text or json`},
		{[]string{"serve", "--config", file("bad.yml", "limits:\n  conections: 1\n")}, 1, `.*/bad\.yml:2: limits\.conections: no such key, did you mean limits\.connections\?`},
		{[]string{"serve", "--config", filepath.Join(dir, "none.yml")}, 1, `cannot read the configuration: open .*/none\.yml: no such file or directory`},
		{[]string{"serve", "--demo", "--config", file("chat.yml", "apps: {chat: {}}\n")}, 1, `--demo publishes to the application live, .*`},
		{[]string{"serve", "--data", clip, "--rtmp", "127.0.0.1:0"}, 1, `--data .*/clip\.flv: .*/clip\.flv is a file, name a folder`},

		{[]string{"publish", clip}, 2, `publish needs FILE URL, or --demo URL`},
		{[]string{"publish", "--demo", clip, url + "/live/a"}, 2, `publish needs FILE URL, or --demo URL`},
		{[]string{"publish", "--loop", "-", url + "/live/a"}, 2, `--loop needs a file, standard input ends once`},
		{[]string{"publish", filepath.Join(dir, "none.flv"), url + "/live/a"}, 1, `open .*/none\.flv: no such file or directory`},
		{[]string{"publish", file("no.flv", "this is no FLV file at all"), url + "/live/a"}, 1, `demo: .*`},
		{[]string{"publish", clip, url + "/live"}, 2, `the URL names no stream: write it as rtmp://HOST/live/NAME`},
		{[]string{"play", "http://127.0.0.1/live/a"}, 2, `rtmp: invalid URL: .*: write it as rtmp://HOST/live/NAME`},
		{[]string{"play", url + "/live/../x"}, 1, `NetConnection\.Connect\.InvalidApp: .*`},
		{[]string{"play", url + "/chat/a"}, 1, `NetConnection\.Connect\.Rejected: \[ Server\.Reject \] : .*Application \(chat\) is not defined\.`},
		{[]string{"play", "--duration", "200ms", url + "/live/nobody"}, 1, `nothing came within 200ms: nobody publishes nobody now`},
		{[]string{"play", "rtmp://127.0.0.1:1/live/a"}, 1, `NetConnection\.Connect\.Failed: .*connection refused`},
		{[]string{"call", url + "/live", "nope"}, 1, `NetConnection\.Call\.Failed: Method not found \(nope\)\.`},
		{[]string{"call", url + "/live", "echo", "{"}, 2, `argument 1, \{, is not JSON: .*`},
		{[]string{"call", url + "/live"}, 2, `expected "<method>" \(.*\)`},
	} {
		got := run(t, tc.args...)
		text := strings.TrimSpace(got.stderr)
		// play and publish also say what there was.
		text = regexp.MustCompile(`(?m)^(played|published) .*\n`).ReplaceAllString(text, "")
		if got.code != tc.code || !regexp.MustCompile(`^penstock: `+tc.want+`$`).MatchString(text) {
			t.Errorf("penstock %q: exit code %d, stderr\n%s want %d\n%s", tc.args, got.code, got.stderr, tc.code, tc.want)
		}
		if got.stdout != "" {
			t.Errorf("penstock %q printed %s", tc.args, got.stdout)
		}
	}
}

func TestCall(t *testing.T) {
	_, url := serve(t, "--demo")
	for _, tc := range []struct {
		args []string
		want string
	}{
		{[]string{"/live", "ping"}, `"pong"`},
		{[]string{"/live/", "streams"}, `["demo"]`},
		{[]string{"/live/room", "streams"}, `[]`},
		{[]string{"/live?token=a", "echo", `{"b": [1, null], "a": "ü"}`}, `{"b":[1,null],"a":"ü"}`},
		{[]string{"/live", "echo", "1", "true"}, `[1,true]`},
		{[]string{"/live", "--amf3", "echo", `"x"`}, `"x"`},
	} {
		tc.args[0] = url + tc.args[0]
		got := run(t, append([]string{"call"}, tc.args...)...)
		if got.code != 0 || got.stdout != tc.want+"\n" || got.stderr != "" {
			t.Errorf("call %q: %d %q, want %s; stderr %s", tc.args, got.code, got.stdout, tc.want, got.stderr)
		}
	}
	trace := run(t, "call", "--trace", url+"/live", "ping").stderr
	for _, want := range []string{"-> Command", `connect 1 {app:"live"`, "NetConnection.Connect.Success", "ping 2 null", `_result 2 null "pong"`} {
		if !strings.Contains(trace, want) {
			t.Errorf("the trace has no %q:\n%s", want, trace)
		}
	}
}

// tags reads an FLV file that must be whole.
func tags(t *testing.T, path string) []flv.Tag {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := flv.NewReader(bufio.NewReader(f))
	head, err := r.ReadHeader()
	if err != nil || !head.Audio || !head.Video {
		t.Fatalf("%s: header %+v, %v", path, head, err)
	}
	var list []flv.Tag
	for {
		var tag flv.Tag
		if err := r.ReadTag(&tag); err == io.EOF {
			if r.WrongBackPointers() > 0 {
				t.Errorf("%s: %d wrong back pointers", path, r.WrongBackPointers())
			}
			return list
		} else if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		list = append(list, tag)
	}
}

// A file that is published and played is the same file again, from the first key frame on.
func TestPublishAndPlay(t *testing.T) {
	_, url := serve(t)
	dir := t.TempDir()
	short := filepath.Join(dir, "short.flv")
	source := cut(t, short, 2500)
	played := filepath.Join(dir, "played.flv")
	player := launch(t, io.Discard, "play", "-o", played, url+"/live/a")
	time.Sleep(200 * time.Millisecond) // the player waits for the stream; were it late, the cache would make up for it
	if got := run(t, "publish", short, url+"/live/a"); got.code != 0 || !strings.HasPrefix(got.stderr, "published 2.") || !strings.Contains(got.stderr, "H.264 + AAC") {
		t.Errorf("publish: %d %s", got.code, got.stderr)
	}
	if code := player.wait(t); code != 0 {
		t.Errorf("play: exit code %d, %s", code, player.stderr)
	}
	got := tags(t, played)
	if len(got) != len(source) {
		t.Fatalf("%d tags were played, %d published", len(got), len(source))
	}
	for i := range got {
		want := source[i]
		if got[i].Type == flv.TagScript { // the server writes metadata anew
			continue
		}
		if got[i].Type != want.Type || got[i].Time != want.Time || !bytes.Equal(got[i].Body, want.Body) {
			t.Fatalf("tag %d is %v at %d with %d bytes, want %v at %d with %d bytes", i,
				got[i].Type, got[i].Time, len(got[i].Body), want.Type, want.Time, len(want.Body))
		}
	}
}

// cut writes the beginning of the demo clip, up to a time in ms.
func cut(t *testing.T, path string, until uint32) []flv.Tag {
	t.Helper()
	r := flv.NewReader(bytes.NewReader(demo.Clip()))
	out := flv.AppendHeader(nil, true, true)
	var list []flv.Tag
	for {
		var tag flv.Tag
		if err := r.ReadTag(&tag); err != nil {
			t.Fatal(err)
		}
		if tag.Time > until {
			break
		}
		out = flv.AppendTag(out, &tag)
		list = append(list, tag)
	}
	if err := os.WriteFile(path, out, 0o600); err != nil {
		t.Fatal(err)
	}
	return list
}

func TestPlayToStdout(t *testing.T) {
	_, url := serve(t, "--demo")
	got := run(t, "play", "--duration", "600ms", "-o", "-", url+"/live/demo")
	r := flv.NewReader(strings.NewReader(got.stdout))
	n := 0
	for {
		var tag flv.Tag
		if err := r.ReadTag(&tag); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if got.code != 0 || n < 20 {
		t.Errorf("exit code %d, %d tags, %s", got.code, n, got.stderr)
	}
}

// A signal ends publishing in order: the name is free at once.
func TestPublishStopsOnSignal(t *testing.T) {
	_, url := serve(t)
	publisher := launch(t, io.Discard, "publish", "--demo", url+"/live/a")
	for run(t, "call", url+"/live", "streams").stdout != "[\"a\"]\n" {
		time.Sleep(20 * time.Millisecond)
	}
	if got := run(t, "publish", "--demo", url+"/live/a"); got.code != 1 || !strings.Contains(got.stderr, "penstock: NetStream.Publish.BadName: a is already being published.") {
		t.Errorf("a second publisher: %d %s", got.code, got.stderr)
	}
	if code := publisher.signal(t, syscall.SIGINT); code != 0 || !strings.HasPrefix(publisher.stderr.String(), "published ") {
		t.Errorf("exit code %d, %s", code, publisher.stderr)
	}
	if got := run(t, "call", url+"/live", "streams").stdout; got != "[]\n" {
		t.Errorf("live after that: %s", got)
	}
}

// A server that is told to stop tells its clients, and ends with 0.
func TestStop(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		server, url := serve(t, "--demo", "--log-format", "json")
		out := filepath.Join(t.TempDir(), "out.flv")
		player := launch(t, io.Discard, "play", "-o", out, url+"/live/demo")
		publisher := launch(t, io.Discard, "publish", "--demo", url+"/live/a")
		for run(t, "call", url+"/live", "streams").stdout != "[\"a\",\"demo\"]\n" {
			time.Sleep(20 * time.Millisecond)
		}
		time.Sleep(500 * time.Millisecond)
		if code := server.signal(t, sig); code != 0 {
			t.Errorf("%v: exit code %d, %s", sig, code, server.stderr)
		}
		for name, p := range map[string]*process{"play": player, "publish": publisher} {
			if code := p.wait(t); code != 1 || !strings.Contains(p.stderr.String(), "penstock: NetConnection.Connect.AppShutdown: ") {
				t.Errorf("%s: exit code %d, %s", name, code, p.stderr)
			}
		}
		if n := len(tags(t, out)); n < 20 {
			t.Errorf("%d tags were written", n)
		}
		for _, line := range strings.Split(strings.TrimSpace(server.stderr.String()), "\n") {
			if !strings.HasPrefix(line, `{"time":`) {
				t.Errorf("no JSON in the log: %s", line)
			}
		}
	}
}

// Who has no patience for the grace period signals twice.
func TestSecondSignal(t *testing.T) {
	config := filepath.Join(t.TempDir(), "c.yml")
	if err := os.WriteFile(config, []byte("shutdown: {grace: 30s, reconnect_url: \"rtmp://other.example/live\", reconnect_grace: 20s}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	server, url := serve(t, "--config", config)
	asked := make(chan struct{}, 1)
	client, err := rtmp.Dial(t.Context(), url+"/live", &rtmp.ClientConfig{
		Capabilities: &rtmp.Capabilities{CapsEx: 1},
		OnStatus: func(s *status.Status) {
			if s.Code == status.ConnectReconnectRequest {
				asked <- struct{}{}
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := server.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-asked // the server waits for this client to leave now
	begin := time.Now()
	if code := server.signal(t, syscall.SIGTERM); code == 0 || time.Since(begin) > 5*time.Second {
		t.Errorf("exit code %d after %v", code, time.Since(begin))
	}
}
