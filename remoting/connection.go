package remoting

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"penstock/amf"
	"penstock/rtmp"
)

// FlashVer is what the gateway calls itself when it connects to an application.
const FlashVer = "AMF gateway"

// connection is a connection to an application, on behalf of one caller.
type connection struct {
	client *rtmp.Client // nil when err says why
	err    error
	query  string // behind the application's name, with the caller's credentials in it
	limits Limits

	mu   sync.Mutex // guards what follows, which the client's reader writes
	said []Header   // what the application has said and no answer has taken along
	keep bool       // it wants its caller to find this connection again
	size int        // of said, in bytes of RTMP
	lost int        // what it said beyond the limits
}

// within is the server's end of a connection made within the process, on behalf of somebody.
type within struct {
	net.Conn
	remote net.Addr
}

// RemoteAddr is who it is on behalf of.
func (c *within) RemoteAddr() net.Addr { return c.remote }

// connect connects to an application.
func (h *Handler) connect(ctx context.Context, r *http.Request, application, query string) *connection {
	c := &connection{query: query, limits: h.o.Limits}
	cfg := &rtmp.ClientConfig{
		FlashVer: FlashVer, PageURL: r.Referer(), Timeout: h.o.Limits.Timeout,
		Properties: []amf.Prop{{Key: "app", Value: application + query}},
		DialContext: func(context.Context, string, string) (net.Conn, error) {
			near, far := net.Pipe()
			go h.o.Serve(&within{far, h.o.Addr(r)}) // ends with near
			return near, nil
		},
		// Unlike Handler, it sees what comes before an answer before whoever waits has the answer.
		Trace: c.hear,
	}
	c.client, c.err = rtmp.Dial(ctx, "rtmp://gateway/app", cfg)
	return c
}

func (c *connection) close() {
	if c.client != nil {
		_ = c.client.Close()
	}
}

// ended tells whether the application, or the server, has ended the connection.
func (c *connection) ended() bool {
	if c.client == nil {
		return true
	}
	select {
	case <-c.client.Done():
		return true
	default:
		return false
	}
}

// hear keeps what the application says to its caller. Its calls that want an answer have none: the caller may not be there.
func (c *connection) hear(d rtmp.Direction, m *rtmp.Message) {
	if d != rtmp.In || m.Type != rtmp.TypeCommandAMF0 && m.Type != rtmp.TypeCommandAMF3 {
		return
	}
	cmd, err := rtmp.ParseCommand(m, c.limits.AMF)
	if err != nil || cmd.Transaction != 0 || m.StreamID != 0 {
		return
	}
	switch cmd.Name {
	case "_result", "_error", "onStatus", "close", "onBWDone", "onBWCheck": // words of RTMP, not of the application
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	header, ok := c.heard(cmd)
	if !ok {
		return
	}
	if len(header.Name) > c.limits.NameBytes || len(c.said) >= c.limits.Headers || c.size+len(m.Payload) > c.limits.Bytes {
		c.lost++
		return
	}
	c.size += len(m.Payload)
	c.said = append(c.said, header)
}

// heard makes a header of a command. There is one of each of those that change the gateway's URL, the last.
func (c *connection) heard(cmd *rtmp.Command) (Header, bool) {
	h := Header{Name: cmd.Name, Value: cmd.Arg(0)}
	switch strings.ToLower(cmd.Name) {
	case strings.ToLower(headerAppend):
		if text, _ := h.Value.(string); text == "" {
			c.keep = true
			return h, false
		}
		c.forget(headerAppend)
	case strings.ToLower(headerReplace):
		c.forget(headerReplace)
	case strings.ToLower(headerPersistent):
		if _, whole := amf.PropsOf(h.Value); !whole {
			h.Value = amf.NewObject(amf.Prop{Key: "name", Value: cmd.Arg(0)}, amf.Prop{Key: "mustUnderstand", Value: cmd.Arg(1) == true},
				amf.Prop{Key: "data", Value: cmd.Arg(2)})
		}
	default:
		switch len(cmd.Args) {
		case 0:
			h.Value = nil
		case 1:
		default:
			h.Value = amf.NewArray(cmd.Args...)
		}
	}
	return h, true
}

func (c *connection) forget(name string) {
	for i, h := range c.said {
		if strings.EqualFold(h.Name, name) {
			c.said = append(c.said[:i], c.said[i+1:]...)
			return
		}
	}
}

// take hands over what the application has said since the last time.
func (c *connection) take() (said []Header, lost int, keep bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	said, lost, keep = c.said, c.lost, c.keep
	c.said, c.size, c.lost = nil, 0, 0
	return said, lost, keep
}

// withUser replaces user and password of a query. A value is escaped as package app reads it, for which a plus is a plus.
func withUser(raw, user, password string) string {
	escape := func(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }
	var pairs []string
	for pair := range strings.SplitSeq(raw, "&") {
		if name, _, _ := strings.Cut(pair, "="); pair != "" && name != "user" && name != "pass" {
			pairs = append(pairs, pair)
		}
	}
	return strings.Join(append(pairs, "user="+escape(user), "pass="+escape(password)), "&")
}
