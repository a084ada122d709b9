package sqlitestore

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"penstock/amf"
	"penstock/app"
	"penstock/rtmp"
	"penstock/sharedobject"
)

// victimFile names the file of the process that is to be killed: this test binary again.
const victimFile = "PENSTOCK_TEST_VICTIM"

func TestMain(m *testing.M) {
	if path := os.Getenv(victimFile); path != "" {
		fmt.Fprintln(os.Stderr, victim(path))
		os.Exit(1)
	}
	verify(m)
}

// victim is a server with one persistent object until it is killed, or the other end of its standard input is gone.
func victim(path string) error {
	store, err := Open(path)
	if err != nil {
		return err
	}
	hub := sharedobject.NewHub(sharedobject.Options{Name: "so", Store: store, SaveInterval: 3 * time.Millisecond,
		Limits: sharedobject.Limits{UpdateRate: 1e6}})
	board, err := hub.Get(context.Background(), app.DefaultInstance, "board", true)
	if err != nil {
		return err
	}
	mux := app.NewMux()
	mux.HandleFunc("so", func(context.Context, *app.Client, []amf.Value) (app.Session, error) {
		return session{hub, board}, nil
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	srv := &app.Server{Handler: mux, Log: slog.New(slog.NewTextHandler(io.Discard, nil))}
	srv.Limits.SharedObject.UpdateRate = 1e6
	srv.Limits.RTMP.CommandRate = 1e6
	fmt.Println(l.Addr())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	return srv.Serve(l)
}

// session shares the object and answers two methods: flush, and pair, which changes three slots at once.
type session struct {
	hub   *sharedobject.Hub
	board *sharedobject.Shared
}

func (session) Close(error) {}

func (s session) Share(context.Context, *app.ShareRequest) (*sharedobject.Hub, error) {
	return s.hub, nil
}

func (s session) Call(ctx context.Context, name string, args []amf.Value) (amf.Value, error) {
	switch name {
	case "pair":
		err := s.board.Update(func(tx *sharedobject.Tx) error {
			if err := tx.Set("left", args[0]); err != nil {
				return err
			}
			if err := tx.Set("filler", strings.Repeat("x", 20_000)); err != nil { // so that the writing takes its time
				return err
			}
			return tx.Set("right", args[0])
		})
		if err != nil {
			return nil, err
		}
		return true, s.board.Flush(ctx)
	case "flush":
		return true, s.board.Flush(ctx)
	}
	return nil, app.ErrNoMethod
}

// life is one life of the victim.
type life struct {
	cmd  *exec.Cmd
	addr string
}

func begin(t *testing.T, path string) *life {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), victimFile+"="+path)
	cmd.Stderr = os.Stderr
	if _, err := cmd.StdinPipe(); err != nil { // the victim ends with this process at the latest
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the victim did not begin: %v", err)
	}
	return &life{cmd, strings.TrimSpace(line)}
}

func (l *life) kill() {
	_ = l.cmd.Process.Kill() // SIGKILL
	_ = l.cmd.Wait()
}

func (l *life) use(t *testing.T) (*rtmp.Client, *rtmp.SharedObject, error) {
	c, err := rtmp.Dial(t.Context(), "rtmp://"+l.addr+"/so", nil)
	if err != nil {
		return nil, nil, err
	}
	so, err := c.SharedObject(t.Context(), "board", rtmp.SharedObjectOptions{Persistent: true, Interval: time.Millisecond})
	if err != nil {
		_ = c.Close()
	}
	return c, so, err
}

// number is what a slot holds, 0 when there is none.
func number(t *testing.T, so *rtmp.SharedObject, key string) int64 {
	t.Helper()
	switch v, ok := so.Get(key); n := v.(type) {
	case float64:
		return int64(n)
	case int32:
		return int64(n)
	default:
		if ok {
			t.Errorf("%s is %v", key, v)
		}
		return 0
	}
}

// A server is killed while clients write, again and again: what was reported as flushed is there, and nothing is half there.
func TestKill(t *testing.T) {
	times := 5
	if s := os.Getenv("PENSTOCK_KILLS"); s != "" {
		var err error
		if times, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(t.TempDir(), "objects.db")
	const writers = 3
	var next atomic.Int64 // values only grow
	var sure [writers + 1]atomic.Int64
	key := func(i int) string { return fmt.Sprint("writer ", i) }
	kills := 0
	for round := range times + 1 {
		l := begin(t, path)
		c, so, err := l.use(t)
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		left, right := number(t, so, "left"), number(t, so, "right")
		if left != right || left < sure[writers].Load() {
			t.Fatalf("round %d: left %d and right %d, flushed were %d", round, left, right, sure[writers].Load())
		}
		for i := range writers {
			if got := number(t, so, key(i)); got < sure[i].Load() {
				t.Fatalf("round %d: writer %d flushed %d, loaded is %d", round, i, sure[i].Load(), got)
			}
		}
		_ = c.Close()
		if round == times {
			l.kill()
			break
		}
		var all sync.WaitGroup
		for i := range writers + 1 {
			all.Go(func() { flushes(t, l, i == writers, key(i), &next, &sure[i]) })
		}
		time.Sleep(time.Duration(30+rand.IntN(200)) * time.Millisecond)
		l.kill()
		all.Wait()
		kills++
	}
	total := int64(0)
	for i := range sure {
		if sure[i].Load() == 0 && times >= 5 {
			t.Errorf("writer %d never flushed anything", i)
		}
		total = max(total, sure[i].Load())
	}
	t.Logf("killed %d times; %d values were written, the last one flushed was %d", kills, next.Load(), total)
}

// flushes writes and flushes until the victim is dead.
func flushes(t *testing.T, l *life, pair bool, key string, next, sure *atomic.Int64) {
	c, so, err := l.use(t)
	if err != nil {
		return
	}
	defer c.Close()
	for {
		n := next.Add(1)
		method, args := "flush", []amf.Value(nil)
		if pair {
			method, args = "pair", []amf.Value{float64(n)}
		} else {
			if so.Set(key, float64(n)) != nil || so.Flush() != nil {
				return
			}
		}
		if _, err := c.Call(t.Context(), method, args...); err != nil {
			return
		}
		sure.Store(n)
	}
}
