package rtmp_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/big"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"penstock/rtmp"
	"penstock/status"
)

// certificate is made once for all tests: for localhost and 127.0.0.1, by itself.
var certificate = sync.OnceValues(func() (tls.Certificate, *x509.CertPool) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
})

func serverTLS() *tls.Config {
	cert, _ := certificate()
	return &tls.Config{Certificates: []tls.Certificate{cert}}
}

func clientTLS() *tls.Config {
	_, pool := certificate()
	return &tls.Config{RootCAs: pool}
}

// tlsPair is a TLS connection over loopback, its handshake done.
func tlsPair(t testing.TB) (a, b net.Conn) {
	t.Helper()
	near, far := tcpPair(t)
	return secured(t, near, far)
}

// secured puts TLS on both ends of a connection.
func secured(t testing.TB, near, far net.Conn) (a, b net.Conn) {
	t.Helper()
	server := tls.Server(near, serverTLS())
	config := clientTLS()
	config.ServerName = "localhost"
	client := tls.Client(far, config)
	done := make(chan error, 1)
	go func() { done <- server.Handshake() }()
	if err := client.Handshake(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	return server, client
}

func TestServerTLS(t *testing.T) {
	addr := start(t, &rtmp.Server{TLSConfig: serverTLS()})
	_, port, _ := net.SplitHostPort(addr)
	c := dial(t, "rtmps://localhost:"+port+"/live", &rtmp.ClientConfig{TLSConfig: clientTLS()})
	if v, err := c.Call(t.Context(), "echo", "over TLS"); v != "over TLS" {
		t.Errorf("echo returned %v, %v", v, err)
	}
	plain := dial(t, "rtmp://"+addr+"/live", nil) // on the same port
	if v, err := plain.Call(t.Context(), "echo", 1.0); v != 1.0 {
		t.Errorf("echo returned %v, %v", v, err)
	}
	_, err := rtmp.Dial(t.Context(), "rtmps://localhost:"+port+"/live", nil)
	var unknown *tls.CertificateVerificationError
	if wantStatus(t, err, status.ConnectFailed); !errors.As(err, &unknown) {
		t.Errorf("error %v, want that the certificate is not trusted", err)
	}
}

func TestServerTLSLimits(t *testing.T) {
	turned := make(chan error, 4)
	addr := start(t, &rtmp.Server{TLSConfig: serverTLS(), Limits: rtmp.Limits{PendingTLS: 1, TLSTimeout: 100 * time.Millisecond},
		Turned: func(_ net.Addr, why error) { turned <- why }})
	hello := func() net.Conn {
		nc, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = nc.Close() })
		_, _ = nc.Write([]byte{0x16})
		return nc
	}
	hello()
	time.Sleep(20 * time.Millisecond)
	hello()
	wantLimit(t, wantEnd(t, turned), "pending_tls")
	if err := wantEnd(t, turned); !strings.Contains(err.Error(), "TLS") {
		t.Errorf("turned away for %v, want the unfinished TLS handshake", err)
	}
}

// One address has only so many TLS handshakes under way, unless it is exempt.
func TestServerTLSLimitPerAddress(t *testing.T) {
	for name, exempt := range map[string][]netip.Prefix{"counted": {}, "exempt": nil} {
		t.Run(name, func(t *testing.T) {
			turned := make(chan error, 4)
			addr := start(t, &rtmp.Server{TLSConfig: serverTLS(), Limits: rtmp.Limits{PendingTLSPerIP: 1, TLSTimeout: 5 * time.Second, ConnectionsPerIP: 99, ConnectRatePerIP: 99},
				Exempt: exempt, Turned: func(_ net.Addr, why error) { turned <- why }})
			var conns []net.Conn
			for range 3 {
				nc, err := net.Dial("tcp", addr)
				if err != nil {
					t.Fatal(err)
				}
				_, _ = nc.Write([]byte{0x16})
				conns = append(conns, nc)
			}
			if exempt != nil {
				for range 2 {
					wantLimit(t, wantEnd(t, turned), "pending_tls_per_ip")
				}
			}
			for _, nc := range conns {
				_ = nc.Close()
			}
			left := map[bool]int{true: 1, false: 3}[exempt != nil]
			for range left {
				if err := wantEnd(t, turned); !strings.Contains(err.Error(), "TLS handshake") {
					t.Errorf("turned away for %v", err)
				}
			}
		})
	}
}
