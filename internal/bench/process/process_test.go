package process

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"
)

func TestMetrics(t *testing.T) {
	for name, tt := range map[string]struct {
		body, fails string
		want        Usage
	}{
		"both": {body: "# HELP process_cpu_seconds_total x\nprocess_cpu_seconds_total 1.5\nprocess_resident_memory_bytes 2.5e+07 1700000000\n",
			want: Usage{CPU: 1500 * time.Millisecond, RSS: 25_000_000}},
		"one only":  {body: "process_cpu_seconds_total 1\n", fails: "has no"},
		"no number": {body: "process_cpu_seconds_total x\n", fails: "process_cpu_seconds_total"},
	} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(tt.body)) }))
			defer s.Close()
			got, err := Endpoint(s.URL).Read()
			if tt.fails != "" {
				if err == nil || !strings.Contains(err.Error(), tt.fails) {
					t.Fatalf("error %v, want one with %q", err, tt.fails)
				}
				return
			}
			if err != nil || got != tt.want {
				t.Errorf("got %+v, %v, want %+v", got, err, tt.want)
			}
		})
	}
	s := httptest.NewServer(http.NotFoundHandler())
	defer s.Close()
	if _, err := Endpoint(s.URL).Read(); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("error %v, want one with 404", err)
	}
}

// TestChildren measures a shell whose child burns CPU time.
func TestChildren(t *testing.T) {
	if runtime.GOOS != "linux" {
		if _, err := PIDs(os.Getpid()); err == nil {
			t.Error("want ErrUnsupported")
		}
		return
	}
	cmd := exec.Command("sh", "-c", "sh -c 'echo up; while :; do :; done' & read stop; kill $!")
	in, _ := cmd.StdinPipe()
	out, _ := cmd.StdoutPipe()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_, _ = in.Write([]byte("stop\n"))
		_ = in.Close()
		_ = cmd.Wait()
	}()
	if _, err := out.Read(make([]byte, 3)); err != nil {
		t.Fatal(err)
	}
	m, err := PIDs(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	before := ReadOrFatal(t, m)
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		u := ReadOrFatal(t, m)
		if u.CPU >= before.CPU+50*time.Millisecond {
			if u.RSS < 100<<10 {
				t.Errorf("resident memory %d", u.RSS)
			}
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the child's CPU time stays at %v", u.CPU)
		}
	}
	if _, err := PIDs(1 << 30); err == nil {
		t.Error("a process that is not there was found")
	}
}

func ReadOrFatal(t *testing.T, m Meter) Usage {
	t.Helper()
	u, err := m.Read()
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestMachine(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("no /proc")
	}
	m, err := ReadMachine()
	if err != nil || m.Busy <= 0 || m.Idle <= 0 {
		t.Errorf("%+v, %v", m, err)
	}
	for Self() == 0 {
	}
}
