package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// FFmpeg publishes through HTTP; FFmpeg and rtmpdump play through HTTP, and get the very same packets.
func TestRTMPT(t *testing.T) {
	needs(t, "ffmpeg", "ffprobe", "rtmpdump")
	s := serve(t)
	file := media(t, "h264.flv")
	src := probe(t, file)
	through := strings.Replace(s.http, "http://", "rtmpt://", 1)
	publisher := publish(t, through+"/live/tunnelled", file)
	// Ended in order, it says so: nothing else tells a server of RTMPT that a client is gone.
	defer publisher.Stop(syscall.SIGINT, 5*time.Second)
	for _, p := range players(t) {
		if p.name != "ffmpeg" && p.name != "rtmpdump" {
			continue // the others do not speak RTMPT
		}
		t.Run(p.name, func(t *testing.T) {
			got := p.record(t, through+"/live/tunnelled", 4*time.Second)
			if err := compare(src, got, 40); err != nil {
				t.Error(err)
			}
		})
	}
}

// The reasons of a refusal arrive through HTTP too.
func TestRTMPTRefused(t *testing.T) {
	needs(t, "ffmpeg", "rtmpdump")
	s := serve(t)
	through := strings.Replace(s.http, "http://", "rtmpt://", 1)
	for _, args := range [][]string{
		{"ffmpeg", "-hide_banner", "-i", through + "/nowhere/a", "-f", "null", "-"},
		{"rtmpdump", "-z", "-m", "10", "-r", through + "/nowhere/a", "-o", os.DevNull},
	} {
		p := start(t, args[0], args[1:]...)
		if code := p.Wait(t, 20*time.Second); code == 0 {
			t.Errorf("%s ended with code 0", args[0])
		}
		if out := p.Stderr.String(); !strings.Contains(out, "Application (nowhere) is not defined.") {
			t.Errorf("%s was not told why:\n%s", args[0], out)
		}
	}
}

// RTMPTS: the same over TLS.
func TestRTMPTS(t *testing.T) {
	needs(t, "ffmpeg", "ffprobe")
	cert, key := certificate(t)
	config := filepath.Join(t.TempDir(), "penstock.yaml")
	if err := os.WriteFile(config, []byte("http: {tls: {cert: "+cert+", key: "+key+"}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := &server{Process: start(t, binary(t), "serve", "--config", config, "--rtmp", "127.0.0.1:0", "--http", "127.0.0.1:0",
		"--data", t.TempDir())}
	until(t, 10*time.Second, "the server prints its addresses", func() bool {
		out := s.Stdout.String()
		s.rtmp = rtmpLine.FindString(out)
		if _, rest, ok := strings.Cut(out, "https://"); ok {
			s.http, _, _ = strings.Cut(rest, "/")
		}
		return s.rtmp != "" && s.http != ""
	}, s.Process)
	t.Cleanup(func() { s.Stop(syscall.SIGTERM, 12*time.Second) })
	file := media(t, "h264.flv")
	publisher := publish(t, "rtmpts://"+s.http+"/live/secured", file)
	defer publisher.Stop(syscall.SIGINT, 5*time.Second)
	got := players(t)[0].record(t, s.rtmp+"/live/secured", 3*time.Second)
	if err := compare(probe(t, file), got, 40); err != nil {
		t.Error(err)
	}
}

// certificate writes a self-signed certificate for 127.0.0.1 and its key.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "penstock test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, block := range map[string]*pem.Block{
		"cert.pem": {Type: "CERTIFICATE", Bytes: der}, "key.pem": {Type: "PRIVATE KEY", Bytes: private},
	} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
}
