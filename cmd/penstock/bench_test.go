package main

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"penstock/internal/bench"
)

// freeAddress is one on which nothing listens at the moment.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// TestBench measures two servers that it starts itself.
func TestBench(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("processes are measured on Linux only")
	}
	dir := t.TempDir()
	serve := func(address string) string {
		file := filepath.Join(dir, strings.ReplaceAll(address, ":", "-")+".yaml")
		text := "rtmp: {listen: \"" + address + "\"}\nhttp: {listen: \"off\"}\nlog: {level: error}\ndata: " + dir + "\n"
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return binary + " serve --config " + file
	}
	a, b, report, page := freeAddress(t), freeAddress(t), filepath.Join(dir, "r.json"), filepath.Join(dir, "r.html")
	r := run(t, "bench", "--name", "first", "--run", serve(a), "rtmp://"+a+"/live/s",
		"--vs", "name=second,url=rtmp://"+b+"/live/s,run="+serve(b),
		"--players=5", "--publishers=2", "--duration=1s", "--warmup=100ms", "--bitrate=300", "--json", report, "--html", page)
	if r.code != 0 || !strings.Contains(r.stdout, "| first") || !strings.Contains(r.stdout, "| second") {
		t.Fatalf("code %d\n%s\n%s", r.code, r.stdout, r.stderr)
	}
	text, err := os.ReadFile(report)
	if err != nil {
		t.Fatal(err)
	}
	var got bench.Report
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	for _, run := range got.Runs {
		if run.Bytes == 0 || run.RSS == 0 || run.Video.Bad() || run.Audio.Bad() || run.Ended > 0 {
			t.Errorf("%+v", run)
		}
	}
	if text, err := os.ReadFile(page); err != nil || !strings.Contains(string(text), "<svg") {
		t.Errorf("page: %v", err)
	}
}

func TestBenchUsage(t *testing.T) {
	const u = "rtmp://127.0.0.1:1/live/s"
	for name, tt := range map[string]struct {
		args []string
		want string
	}{
		"not here":     {[]string{"rtmp://192.0.2.1/live/s"}, "--remote"},
		"vs no URL":    {[]string{u, "--vs", "name=x"}, "name=NAME,url=URL"},
		"vs no key":    {[]string{u, "--vs", "name=x,wat=1"}, "is none of"},
		"vs pid":       {[]string{u, "--vs", "name=x,url=" + u + ",pid=1+x"}, "no process ID"},
		"too many":     {[]string{u, "--players=1000000"}, "players"},
		"unknown mode": {[]string{u, "--mode=x"}, "mode"},
	} {
		if r := run(t, append([]string{"bench"}, tt.args...)...); r.code != exitUsage || !strings.Contains(r.stderr, tt.want) {
			t.Errorf("%s: code %d, %s", name, r.code, r.stderr)
		}
	}
	if r := run(t, "bench", u); r.code != exitFailed || !strings.Contains(r.stderr, "connect") {
		t.Errorf("nobody listens: code %d, %s", r.code, r.stderr)
	}
}
