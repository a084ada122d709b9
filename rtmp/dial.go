package rtmp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"time"

	"penstock/amf"
	"penstock/rtmp/handshake"
	"penstock/status"
)

// ClientConfig configures Dial. The zero value works.
type ClientConfig struct {
	TLSConfig *tls.Config // for rtmps; ServerName defaults to the URL's host
	// DialContext makes the connection; nil means a net.Dialer.
	DialContext func(ctx context.Context, network, address string) (net.Conn, error)
	// Timeout bounds dialling, handshakes and the wait for the answer to connect; 10 s.
	Timeout time.Duration

	FlashVer        string // flashVer of connect; "FMLE/3.0 (compatible; Penstock)"
	SWFURL, PageURL string // swfUrl and pageUrl of connect; left out when empty
	ObjectEncoding  int    // 0, or 3 to ask for AMF3
	// Properties are added to the connect object; one with the name of a property that is
	// there already replaces it.
	Properties []amf.Prop
	Args       []amf.Value // arguments of connect after the object
	// Capabilities are announced as Enhanced RTMP has it. A server that answers
	// NetConnection.Connect.Failed is asked once more without them: some fail just because
	// of the unknown property.
	Capabilities *Capabilities
	Digest       bool // digest handshake, which some servers want before they send H.264

	// ChunkSize is what our messages are cut to after connect, in bytes; 4096.
	ChunkSize uint32
	Limits    Limits    // CloseLinger defaults to 2 s here
	Queue     int       // [client_queue] callbacks waiting to run before the connection is given up, 1024
	Trace     TraceFunc // see NewTracer

	// Handler answers the server's calls, one after the other. An error that is a
	// *status.Status goes out as it is, another one as NetConnection.Call.Failed without its
	// text. Calls with transaction ID 0 are not answered. With a nil Handler the answer is the
	// one Flash Player gives: Call.Failed.
	Handler func(ctx context.Context, c *Command) (amf.Value, error)
	// OnStatus sees every netStatus event of the NetConnection in order, those that Flash
	// Player would make up included; NetConnection.Connect.Closed comes exactly once, last,
	// unless no connection came about. Handler, OnStatus and OnMessage never run at the same
	// time. They may use the Client, Close included.
	OnStatus func(*status.Status)
	// OnMessage sees messages the client has no use for: unknown types, shared objects that it does not use.
	OnMessage func(*Message)
	// Policy is asked before connect, publish, play and every call is sent. Its error makes
	// that NetConnection.Call.Prohibited and nothing is sent.
	Policy func(u URL, method string) error
}

// Capabilities are what a client can do beyond RTMP 1.0 (Enhanced RTMP v2, "Enhancing
// NetConnection connect Command"). Empty fields are left out.
type Capabilities struct {
	FourCCList         []string   // "av01", "hvc1", …; "*" is any
	VideoFourCCInfoMap []amf.Prop // FourCC or "*" to the sum of 1 decode, 2 encode, 4 forward
	AudioFourCCInfoMap []amf.Prop
	CapsEx             int // sum of 1 reconnect, 2 multitrack, 4 ModEx, 8 nanosecond offsets
}

var errNoAnswer = errors.New("the server closed the connection before it answered connect")

// Dial connects to the application a URL names and waits for the server's answer; the URL's
// stream name is not used. The error holds a *status.Status (errors.As): NetConnection.Connect.Failed
// when the connection cannot be made, is not RTMP, ends or is silent before the answer, and
// otherwise what the server refused with, `ex` of a redirect among its Extra properties. A
// redirect is never followed. ctx has no effect after Dial has returned.
func Dial(ctx context.Context, rawURL string, cfg *ClientConfig) (*Client, error) {
	var c ClientConfig
	if cfg != nil {
		c = *cfg
	}
	c.setDefaults()
	tell := func(err error, closed bool) error {
		if s, ok := status.Of(err); ok && c.OnStatus != nil {
			c.OnStatus(s)
			if closed {
				c.OnStatus(status.New(status.ConnectClosed, ""))
			}
		}
		return err
	}
	u, err := ParseURL(rawURL)
	if err != nil {
		return nil, tell(because(status.ConnectFailed, err, "connect"), false)
	}
	if err := c.allowed(u, "connect"); err != nil {
		return nil, tell(err, false)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, c.Timeout, fmt.Errorf("no answer within %v", c.Timeout))
	defer cancel()
	client, answered, err := connect(ctx, u, &c, c.Capabilities)
	if s, ok := status.Of(err); ok && answered && c.Capabilities != nil && s.Code == status.ConnectFailed {
		client, answered, err = connect(ctx, u, &c, nil)
	}
	if err != nil {
		return nil, tell(err, answered)
	}
	return client, nil
}

func (c *ClientConfig) setDefaults() {
	orDefault(&c.Timeout, 10*time.Second)
	orDefault(&c.Queue, 1024)
	orDefault(&c.Limits.CloseLinger, 2*time.Second)
	orDefault(&c.Limits.Chunk.SharedObject, 4<<20) // a whole object comes in one message
	if c.FlashVer == "" {
		c.FlashVer = "FMLE/3.0 (compatible; Penstock)"
	}
	if c.ChunkSize == 0 {
		c.ChunkSize = 4096
	}
	if c.DialContext == nil {
		c.DialContext = new(net.Dialer).DialContext
	}
}

func (c *ClientConfig) allowed(u URL, method string) error {
	if c.Policy == nil {
		return nil
	}
	if err := c.Policy(u, method); err != nil {
		return because(status.CallProhibited, err, "%s", method)
	}
	return nil
}

// connect makes one attempt. answered tells that the error is the server's answer.
func connect(ctx context.Context, u URL, cfg *ClientConfig, caps *Capabilities) (c *Client, answered bool, err error) {
	failed := func(err error) error {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return because(status.ConnectFailed, err, "connect to %s", u.Address())
	}
	nc, err := cfg.DialContext(ctx, "tcp", u.Address())
	if err != nil {
		return nil, false, failed(err)
	}
	raw := nc
	stop := context.AfterFunc(ctx, func() { _ = raw.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if u.Scheme == "rtmps" {
		tc := cfg.TLSConfig.Clone()
		if tc == nil {
			tc = &tls.Config{}
		}
		if tc.ServerName == "" {
			tc.ServerName = u.Host
		}
		nc = tls.Client(raw, tc)
	}
	hs, err := handshake.Client(nc, handshake.Options{Digest: cfg.Digest})
	if err != nil {
		_ = nc.Close()
		return nil, false, failed(explainHandshake(err))
	}
	conn := NewConn(nc, ConnOptions{Limits: cfg.Limits, Trace: cfg.Trace, Handshake: hs})
	c = &Client{
		conn: conn, cfg: *cfg, url: u, readDone: make(chan struct{}), done: make(chan struct{}),
		txn: 1, calls: make(map[float64]chan reply), streams: make(map[uint32]*NetStream),
		objects: make(map[string]*SharedObject),
	}
	pending, refusal, err := c.ask(caps)
	switch {
	case refusal != nil:
		c.drain(raw)
		err, answered = refusal, true
	case err == nil && !stop():
		err = failed(nil)
	case err != nil:
		err = failed(err)
	}
	if err != nil {
		conn.Close(err)
		conn.Wait()
		return nil, answered, err
	}
	c.opened()
	go c.run(pending)
	return c, true, nil
}

func explainHandshake(err error) error {
	var ve *handshake.VersionError
	if errors.As(err, &ve) && ve.Kind == handshake.HTTP {
		return fmt.Errorf("the server answered in HTTP, not RTMP: %w", err)
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("the server closed the connection during the handshake: %w", err)
	}
	return err
}

// connectObject is the object of connect, in the order Flash Player uses.
func (c *Client) connectObject(caps *Capabilities) *amf.Object {
	o := amf.NewObject(amf.Prop{Key: "app", Value: c.url.App}, amf.Prop{Key: "flashVer", Value: c.cfg.FlashVer})
	if c.cfg.SWFURL != "" {
		o.Set("swfUrl", c.cfg.SWFURL)
	}
	o.Set("tcUrl", c.url.TCURL())
	o.Set("fpad", false)
	o.Set("capabilities", 239.0)
	o.Set("audioCodecs", 3575.0)
	o.Set("videoCodecs", 252.0)
	o.Set("videoFunction", 1.0)
	if c.cfg.PageURL != "" {
		o.Set("pageUrl", c.cfg.PageURL)
	}
	o.Set("objectEncoding", float64(c.cfg.ObjectEncoding))
	if caps != nil {
		caps.addTo(o)
	}
	for _, p := range c.cfg.Properties {
		o.Set(p.Key, p.Value)
	}
	return o
}

func (caps *Capabilities) addTo(o *amf.Object) {
	if len(caps.FourCCList) > 0 {
		list := amf.NewArray()
		for _, s := range caps.FourCCList {
			list.Dense = append(list.Dense, s)
		}
		o.Set("fourCcList", list)
	}
	if len(caps.VideoFourCCInfoMap) > 0 {
		o.Set("videoFourCcInfoMap", amf.NewObject(slices.Clone(caps.VideoFourCCInfoMap)...))
	}
	if len(caps.AudioFourCCInfoMap) > 0 {
		o.Set("audioFourCcInfoMap", amf.NewObject(slices.Clone(caps.AudioFourCCInfoMap)...))
	}
	if caps.CapsEx != 0 {
		o.Set("capsEx", float64(caps.CapsEx))
	}
}

// maxEarly is how many commands a server may send before it answers connect.
const maxEarly = 64

// ask sends connect and waits for the answer. Commands that come before it are pending for
// later.
func (c *Client) ask(caps *Capabilities) (pending []*Message, refusal *status.Status, err error) {
	cmd := &Command{Name: "connect", Transaction: 1, Object: c.connectObject(caps), Args: c.cfg.Args}
	if err := c.conn.SendCommand(cmd); err != nil {
		return nil, nil, err
	}
	for {
		m := new(Message)
		if err := c.conn.ReadMessage(m); err != nil {
			if errors.Is(err, io.EOF) {
				err = errNoAnswer
			}
			return nil, nil, err
		}
		if m.Type == TypeCommandAMF0 || m.Type == TypeCommandAMF3 {
			answer, err := ParseCommand(m, c.conn.limits.AMF)
			if err != nil {
				return nil, nil, err
			}
			if answer.Name == "close" {
				return nil, nil, errNoAnswer
			}
			if done, refusal := c.answered(answer); done {
				return pending, refusal, nil
			}
			if len(pending) >= maxEarly {
				return nil, nil, &LimitError{Option: "early_commands", Value: len(pending) + 1, Max: maxEarly}
			}
			pending = append(pending, m)
		}
	}
}

// answered takes the answer to connect: `_result`, `_error`, or a status of the connection, as
// some servers send instead.
func (c *Client) answered(cmd *Command) (done bool, refusal *status.Status) {
	s, known := status.FromObject(cmd.Arg(0))
	switch cmd.Name {
	case "_result":
		if !known {
			s, known = status.FromObject(cmd.Object)
		}
		if !known {
			s = status.New(status.ConnectSuccess, "")
		}
	case "_error":
		if !known {
			return true, status.New(status.ConnectFailed, amf.Format(cmd.Arg(0)))
		}
		return true, s
	case "onStatus":
		if !known || !aboutConnection(s) {
			return false, nil
		}
	default:
		return false, nil
	}
	if isError(s) || s.Code != status.ConnectSuccess && cmd.Name == "onStatus" {
		return true, s
	}
	c.info, c.properties = s, cmd.Object
	return true, nil
}

// refusalLinger is how long a server that has refused us may take to end the connection.
const refusalLinger = 500 * time.Millisecond

// drain reads the end of a refused connection, so that our close does not become a reset.
func (c *Client) drain(raw net.Conn) {
	_ = raw.SetReadDeadline(time.Now().Add(refusalLinger))
	for c.conn.ReadMessage(new(Message)) == nil {
	}
}
