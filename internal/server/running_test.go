package server

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"penstock/app"
	"penstock/internal/config"
	"penstock/rtmp"
	"penstock/status"
)

// running is a server in this process.
type running struct {
	rtmp, http string // host:port
	stop       func() error
	refused    chan *app.Refusal
	server     *app.Server
}

// refusal is the next refusal of a connect, publish or play.
func (r running) refusal(t *testing.T) *app.Refusal {
	t.Helper()
	for {
		select {
		case got := <-r.refused:
			if got.Stage != app.StageConnection {
				return got
			}
		case <-time.After(5 * time.Second):
			t.Fatal("nothing was refused")
		}
	}
}

// start runs a server with what change makes of the default configuration, on free ports.
func start(t *testing.T, demo bool, change func(c *config.Config)) running {
	t.Helper()
	c := config.Default()
	c.RTMP.Listen, c.HTTP.Listen, c.Data = "127.0.0.1:0", "127.0.0.1:0", filepath.Join(t.TempDir(), "data")
	if change != nil {
		change(c)
	}
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	s, err := New(c, Options{Demo: demo, Log: slog.New(slog.DiscardHandler), Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	refused, record := make(chan *app.Refusal, 1000), s.app.OnRefusal
	s.app.OnRefusal = func(r *app.Refusal) {
		record(r)
		select {
		case refused <- r:
		default:
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	r := running{rtmp: s.rtmpListener.Addr().String(), refused: refused, server: s.app}
	if s.httpListener != nil {
		r.http = s.httpListener.Addr().String()
	}
	stopped := false
	r.stop = func() error {
		stopped = true
		cancel()
		select {
		case err := <-ended:
			return err
		case <-time.After(20 * time.Second):
			return fmt.Errorf("does not end")
		}
	}
	t.Cleanup(func() {
		if !stopped {
			if err := r.stop(); err != nil {
				t.Error(err)
			}
		}
	})
	return r
}

func dial(t *testing.T, url string, c *rtmp.ClientConfig) *rtmp.Client {
	t.Helper()
	client, err := rtmp.Dial(t.Context(), url, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func wantCode(t *testing.T, err error, code status.Code, text string) {
	t.Helper()
	s, ok := status.Of(err)
	if !ok || s.Code != code || !strings.Contains(s.Description, text) {
		t.Errorf("got %v, want %s … %q", err, code, text)
	}
}

// certificate makes files with a certificate that nobody trusts.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	return write("cert.pem", "CERTIFICATE", der), write("key.pem", "PRIVATE KEY", pkcs8)
}

func portOf(l net.Listener) string {
	if l == nil {
		return "no port"
	}
	return fmt.Sprintf(":%d/", l.Addr().(*net.TCPAddr).Port)
}
