package tunnel

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// rtmptClient is a client's end of RTMPT as a net.Conn: what is written goes out by send, what is read comes from idle.
type rtmptClient struct {
	t    testing.TB
	base string
	id   string
	http *http.Client

	mu       sync.Mutex
	seq      int
	in       []byte
	closed   bool
	deadline time.Time
}

// post sends one request and returns the answer's code and body.
func post(t testing.TB, c *http.Client, url string, body []byte) (int, []byte) {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-fcs")
	res, err := c.Do(req)
	if err != nil {
		t.Fatalf("POST %s: %v", url, err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("POST %s: %v", url, err)
	}
	return res.StatusCode, answer
}

func open(t testing.TB, base string) *rtmptClient {
	t.Helper()
	c := &rtmptClient{t: t, base: base, http: &http.Client{Transport: &http.Transport{}}}
	t.Cleanup(c.http.CloseIdleConnections)
	code, body := post(t, c.http, base+"/open/1", []byte{0})
	if code != http.StatusOK || len(body) < 8 || len(body) > 32 || body[len(body)-1] != '\n' {
		t.Fatalf("open: %d %q", code, body)
	}
	c.id = strings.TrimSpace(string(body))
	return c
}

var errGone = errors.New("the session is gone")

func (c *rtmptClient) exchange(command string, body []byte) error {
	code, answer := post(c.t, c.http, fmt.Sprintf("%s/%s/%s/%d", c.base, command, c.id, c.seq), body)
	c.seq++
	if code != http.StatusOK {
		return fmt.Errorf("%w: %s: %d %s", errGone, command, code, answer)
	}
	if len(answer) == 0 || answer[0] > 33 {
		return fmt.Errorf("%s: answer %q does not begin with an interval", command, answer)
	}
	c.in = append(c.in, answer[1:]...)
	return nil
}

func (c *rtmptClient) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(p), c.exchange("send", p)
}

func (c *rtmptClient) Read(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.in) == 0 {
		if !c.deadline.IsZero() && time.Now().After(c.deadline) {
			return 0, os.ErrDeadlineExceeded
		}
		if err := c.exchange("idle", []byte{0}); errors.Is(err, errGone) {
			return 0, io.EOF
		} else if err != nil {
			return 0, err
		}
	}
	n := copy(p, c.in)
	c.in = c.in[n:]
	return n, nil
}

func (c *rtmptClient) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.closed = true
		code, answer := post(c.t, c.http, fmt.Sprintf("%s/close/%s/%d", c.base, c.id, c.seq), []byte{0})
		if code == http.StatusOK && !bytes.Equal(answer, []byte{0}) {
			c.t.Errorf("close: answer %q, want a zero", answer)
		}
	}
	return nil
}

func (c *rtmptClient) LocalAddr() net.Addr  { return peer("client") }
func (c *rtmptClient) RemoteAddr() net.Addr { return peer(c.base) }
func (c *rtmptClient) SetDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deadline = t
	return nil
}
func (c *rtmptClient) SetReadDeadline(t time.Time) error { return c.SetDeadline(t) }
func (c *rtmptClient) SetWriteDeadline(time.Time) error  { return nil }
