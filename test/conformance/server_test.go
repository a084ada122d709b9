// Package conformance holds Penstock to its own conformance suite, and the suite to servers that are broken on purpose.
package conformance

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"penstock/internal/config"
	"penstock/internal/conformance/judge"
	"penstock/internal/conformance/servercases"
	"penstock/internal/server"
	"penstock/test/process"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreTopFunction("net/http.(*persistConn).writeLoop"))
}

// penstock is a server in this process.
type penstock struct {
	rtmp, http string
	stop       func()
}

// find returns what the pattern's group matches in what a server has printed.
func find(out *process.Output, pattern string) string {
	if m := regexp.MustCompile(pattern).FindStringSubmatch(out.String()); m != nil {
		return m[1]
	}
	return ""
}

func nobody() config.Networks { return config.MustNetworks() }

// serve runs a server that has an application for every situation.
func serve(t *testing.T) *penstock {
	t.Helper()
	dir := t.TempDir()
	c := config.Default()
	c.RTMP.Listen, c.HTTP.Listen, c.Data = "127.0.0.1:0", "127.0.0.1:0", filepath.Join(dir, "data")
	c.RTMP.TLS.Cert, c.RTMP.TLS.Key = certificate(t, dir)
	closed, noPublish, noPlay, guarded, moved := config.DefaultApp(), config.DefaultApp(), config.DefaultApp(), config.DefaultApp(), config.DefaultApp()
	closed.Connect.AllowNetworks, noPublish.Publish.AllowNetworks, noPlay.Play.AllowNetworks = nobody(), nobody(), nobody()
	guarded.Origins, moved.Redirect = []string{".example.com"}, "rtmp://media.example.com/live"
	live := config.DefaultApp()
	folder := []string{servercases.ObjectFolder}
	live.SharedObjects = config.SharedObjects{Read: []string{servercases.ObjectFolder, "fixed", "never"}, Write: folder, Create: []string{servercases.ObjectFolder, "fixed"}, Persistent: folder}
	c.Apps = map[string]config.App{
		"live": live, "closed": closed, "nopublish": noPublish, "noplay": noPlay, "guarded": guarded, "moved": moved,
	}
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	var out process.Output
	s, err := server.New(c, server.Options{Log: slog.New(slog.DiscardHandler), Version: "test", Out: &out})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	var once sync.Once
	p := &penstock{}
	p.stop = func() {
		once.Do(func() {
			cancel()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(p.stop)
	for deadline := time.Now().Add(20 * time.Second); p.rtmp == "" || p.http == ""; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the server prints no addresses")
		}
		p.rtmp, p.http = find(&out, `rtmp://([^/]+)/`), find(&out, `http://([^/]+)/`)
	}
	return p
}

// target is the application live of a server at addr, with its situations.
func (p *penstock) target(t *testing.T, addr string, secure bool) *judge.Target {
	t.Helper()
	target, err := judge.ParseURL("rtmp://" + addr + "/live")
	if err != nil {
		t.Fatal(err)
	}
	if secure {
		target.TLS = &tls.Config{InsecureSkipVerify: true} // the certificate is made for this test
	}
	target.Prefix = "check-"
	target.RejectingApp, target.RedirectingApp, target.NoPublishApp, target.NoPlayApp = "closed", "moved", "nopublish", "noplay"
	target.EchoMethod, target.NoReadObject, target.NoWriteObject, target.NoCreateObject = "echo", "secret", "fixed", "never"
	target.ProhibitedApp, target.ProhibitedMethod = "guarded", "ping"
	if target.Control, err = judge.API("http://"+p.http, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	return target
}

func certificate(t *testing.T, dir string) (cert, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalECPrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for file, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "EC PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}
