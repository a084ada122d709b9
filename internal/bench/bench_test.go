package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"penstock/app"
	"penstock/internal/bench/load"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve runs a server with a live application and returns a URL with a stream.
func serve(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &app.Server{Handler: app.Live(app.LiveOptions{}), Log: slog.New(slog.DiscardHandler)}
	var wg sync.WaitGroup
	wg.Go(func() { _ = s.Serve(l) })
	t.Cleanup(func() {
		_ = s.Close()
		wg.Wait()
	})
	return "rtmp://" + l.Addr().String() + "/live/s"
}

// small is a plan that is quickly carried out.
func small(urls ...string) *Plan {
	p := &Plan{
		Mode: Fanout, Publishers: 2, Players: 6, Duration: 1100 * time.Millisecond, Warmup: 100 * time.Millisecond, Ramp: 200, Parallel: 3, Idle: 5, Runs: 1,
		Timeout: 20 * time.Second,
		Shape:   load.Shape{VideoBits: 400_000, AudioBits: 64_000, FPS: 50, GOP: 10, KeyRatio: 4, Codec: load.AVC, ChunkSize: 4096},
	}
	for i, u := range urls {
		s := Server{Name: "server " + string(rune('A'+i)), URL: u}
		if runtime.GOOS == "linux" {
			s.PIDs = []int{os.Getpid()}
		}
		p.Servers = append(p.Servers, s)
	}
	return p
}

func execute(t *testing.T, p *Plan) *Report {
	t.Helper()
	if err := p.Check(); err != nil {
		t.Fatal(err)
	}
	r, err := Execute(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Runs) != p.Runs*len(p.Servers) {
		t.Fatalf("%d runs", len(r.Runs))
	}
	return r
}

func TestFanout(t *testing.T) {
	p := small(serve(t), serve(t))
	p.Runs, p.Stalled, p.Slow, p.Churn = 2, 1, 1, 5
	r := execute(t, p)
	for i, want := range []string{"server A", "server B", "server B", "server A"} {
		run := &r.Runs[i]
		if run.Server != want {
			t.Errorf("run %d is of %s", i, run.Server)
		}
		if run.Bytes == 0 || run.Ingest == 0 || run.VideoLatency == nil || run.AudioLatency == nil || run.FirstPicture == nil || run.SendLag == nil ||
			run.Video.Received == 0 || len(run.Samples) != 2 {
			t.Errorf("run %d: %+v", i, run)
		}
		if run.Video.Duplicated+run.Video.Reordered+run.BrokenGOPs+run.Ended > 0 {
			t.Errorf("run %d: %+v, broken %d, ended %d", i, run.Video, run.BrokenGOPs, run.Ended)
		}
		if runtime.GOOS == "linux" && (run.RSS < 1<<20 || run.CPUPerGB <= 0) {
			t.Errorf("run %d: RSS %d, CPU %v", i, run.RSS, run.CPUPerGB)
		}
	}
	v := r.Servers[1].Values["video_p50_ms"]
	if v == nil || v.Median < v.Min || v.Median > v.Max || v.Ratio <= 0 {
		t.Errorf("median: %+v", v)
	}
	checkOutput(t, r)
}

// checkOutput writes the report in each form and reads it again.
func checkOutput(t *testing.T, r *Report) {
	t.Helper()
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var again Report
	if err := json.Unmarshal(b, &again); err != nil || len(again.Runs) != len(r.Runs) {
		t.Errorf("JSON: %v, %d runs", err, len(again.Runs))
	}
	r.Runs[0].warn("a <script> & more")
	var page, table bytes.Buffer
	if err := errors.Join(r.WriteHTML(&page), r.WriteTable(&table)); err != nil {
		t.Fatal(err)
	}
	svgs := regexp.MustCompile(`(?s)<svg.*?</svg>`).FindAllString(page.String(), -1)
	plots := 0
	for _, f := range r.shown() {
		if r.Servers[0].Values[f.key].Max > 0 { // memory may have shrunk
			plots++
		}
	}
	if len(svgs) < plots {
		t.Errorf("%d plots for %d figures", len(svgs), plots)
	}
	for _, svg := range svgs {
		d := xml.NewDecoder(strings.NewReader(svg))
		for {
			if _, err := d.Token(); err == io.EOF {
				break
			} else if err != nil {
				t.Fatalf("%v in %s", err, svg)
			}
		}
		if strings.Contains(svg, "NaN") || strings.Contains(svg, "Inf") {
			t.Errorf("no number in %s", svg)
		}
	}
	if s := page.String(); strings.Contains(s, "<script") || strings.Contains(s, "http://") || strings.Contains(s, "https://") {
		t.Error("the page needs something else, or lets text be code")
	}
	lines := strings.Split(table.String(), "\n")
	for i := range 2 + len(r.Servers) {
		if n := strings.Count(lines[i], "|"); n != len(r.shown())+2 {
			t.Errorf("line %q has %d cells", lines[i], n-1)
		}
	}
}

func TestConnects(t *testing.T) {
	p := small(serve(t))
	p.Mode = Connects
	r := execute(t, p)
	if run := &r.Runs[0]; run.Cycles == 0 || run.CyclesPerSecond <= 0 || run.Cycle == nil {
		t.Errorf("%+v", run)
	}
	checkOutput(t, r)
}

func TestIdle(t *testing.T) {
	p := small(serve(t))
	p.Mode, p.Idle = Idle, 20
	r := execute(t, p)
	if r.Runs[0].Ended != 0 {
		t.Errorf("%+v", r.Runs[0])
	}
	checkOutput(t, r)
}

// TestFailures: what cannot be measured is an error that says which server and why, and leaves nothing running.
func TestFailures(t *testing.T) {
	p := small("rtmp://127.0.0.1:1/live/s")
	if err := p.Check(); err != nil {
		t.Fatal(err)
	}
	if _, err := Execute(t.Context(), p); err == nil || !strings.Contains(err.Error(), "server A") {
		t.Errorf("nobody listens: %v", err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	stopped := errors.New("stopped")
	p = small(serve(t))
	p.Duration = time.Hour
	time.AfterFunc(100*time.Millisecond, func() { cancel(stopped) })
	if _, err := Execute(ctx, p); !errors.Is(err, stopped) {
		t.Errorf("interrupted: %v", err)
	}
	p = small("rtmp://127.0.0.1:1/live/s")
	p.Servers[0].PIDs, p.Servers[0].Run = nil, "exit 3"
	if _, err := Execute(t.Context(), p); err == nil || runtime.GOOS != "windows" && !strings.Contains(err.Error(), "ended before it listened") {
		t.Errorf("a server that ends: %v", err)
	}
	p = small(serve(t))
	p.Servers[0].PIDs, p.Servers[0].Run = nil, "sleep 60"
	if _, err := Execute(t.Context(), p); err == nil || !strings.Contains(err.Error(), "already") {
		t.Errorf("an occupied port: %v", err)
	}
}

func TestCheck(t *testing.T) {
	const local = "rtmp://127.0.0.1/live/s"
	for _, u := range []string{local, "rtmp://localhost/live/s", "rtmp://[::1]/live/s"} {
		if err := small(u).Check(); err != nil {
			t.Errorf("%s: %v", u, err)
		}
	}
	for name, tt := range map[string]struct {
		url    string
		change func(*Plan)
		want   string
	}{
		"elsewhere":        {url: "rtmp://192.0.2.1/live/s", want: "--remote"},
		"a name":           {url: "rtmp://example.com/live/s", want: "--remote"},
		"no stream":        {url: "rtmp://127.0.0.1/live", want: "names no stream"},
		"no URL":           {url: "what", want: "scheme"},
		"mode":             {change: func(p *Plan) { p.Mode = "x" }, want: "mode"},
		"players":          {change: func(p *Plan) { p.Players = maxPlayers + 1 }, want: "players"},
		"publishers":       {change: func(p *Plan) { p.Publishers = 0 }, want: "publishers"},
		"too many stalled": {change: func(p *Plan) { p.Stalled = 7 }, want: "stalled"},
		"negative slow":    {change: func(p *Plan) { p.Slow, p.Stalled = -1, 2 }, want: "fewer"},
		"duration":         {change: func(p *Plan) { p.Duration = 0 }, want: "lasts"},
		"ramp":             {change: func(p *Plan) { p.Ramp = 0 }, want: "join"},
		"churn":            {change: func(p *Plan) { p.Churn = -1 }, want: "replaced"},
		"shape":            {change: func(p *Plan) { p.Shape.FPS = 0 }, want: "frames per second"},
		"runs":             {change: func(p *Plan) { p.Runs = 0 }, want: "runs"},
		"run and pid":      {change: func(p *Plan) { p.Servers[0].Run, p.Servers[0].PIDs = "x", []int{1} }, want: "started here"},
	} {
		u := tt.url
		if u == "" {
			u = local
		}
		p := small(u)
		if tt.change != nil {
			tt.change(p)
		}
		if err := p.Check(); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want one with %q", name, err, tt.want)
		}
	}
	p := small("rtmp://192.0.2.1/live/s")
	if p.Remote = true; p.Check() != nil {
		t.Error("confirmed, and still refused")
	}
}

func TestJudgeConnects(t *testing.T) {
	for name, tt := range map[string]struct {
		run  Run
		want int
	}{
		"the server takes more":   {Run{IdleShare: 0.01, SelfCPU: 3, ServerCPU: 4}, 0},
		"the clients take more":   {Run{IdleShare: 0.01, SelfCPU: 4, ServerCPU: 3}, 1},
		"there was time for both": {Run{IdleShare: 0.3, SelfCPU: 4, ServerCPU: 3}, 0},
	} {
		if tt.run.judgeConnects(); len(tt.run.Warnings) != tt.want {
			t.Errorf("%s: %q", name, tt.run.Warnings)
		}
	}
}
