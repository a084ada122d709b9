package rtmp

import (
	"fmt"
	"net"
	"time"

	"penstock/rtmp/handshake"
)

// noPolicy is the answer to a Flash policy-file request that allows nothing.
const noPolicy = `<?xml version="1.0"?><cross-domain-policy><site-control permitted-cross-domain-policies="none"/></cross-domain-policy>`

// tlsHandshakeFailure is the TLS alert record "handshake_failure" (RFC 8446 §6.2).
var tlsHandshakeFailure = []byte{0x15, 0x03, 0x01, 0x00, 0x02, 0x02, 0x28}

// answerForeign tells a peer that speaks another protocol, in that protocol, where it is, and
// ends our side so that the words arrive. What it already sent is read away, within limits.
func answerForeign(nc net.Conn, k handshake.Kind, pageURL, policy string) {
	var answer []byte
	switch k {
	case handshake.HTTP:
		text := "This is an RTMP port, not a web page.\n"
		if pageURL != "" {
			text += "The page is at " + pageURL + "\n"
		}
		answer = fmt.Appendf(nil, "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n"+
			"Content-Length: %d\r\nConnection: close\r\n\r\n%s", len(text), text)
	case handshake.TLS:
		answer = tlsHandshakeFailure
	case handshake.Policy:
		if policy == "" {
			policy = noPolicy
		}
		answer = append([]byte(policy), 0)
	default:
		return
	}
	if _, err := nc.Write(answer); err != nil {
		return
	}
	w, ok := nc.(interface{ CloseWrite() error })
	if !ok || w.CloseWrite() != nil {
		return
	}
	_ = nc.SetReadDeadline(time.Now().Add(time.Second))
	var scratch [4096]byte
	for range 16 {
		if _, err := nc.Read(scratch[:]); err != nil {
			return
		}
	}
}

// prefixConn gives back bytes that were read to look at them.
type prefixConn struct {
	net.Conn
	prefix []byte
}

func (c *prefixConn) Read(p []byte) (int, error) {
	if len(c.prefix) > 0 {
		n := copy(p, c.prefix)
		c.prefix = c.prefix[n:]
		return n, nil
	}
	return c.Conn.Read(p)
}
