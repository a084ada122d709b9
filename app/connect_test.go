package app

import (
	"context"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"time"

	"penstock/amf"
	"penstock/rtmp"
	"penstock/rtmp/rtmptest"
	"penstock/status"
)

// Message bodies of Flash Media Server: captured, or computed from the byte counts of captures.
const (
	vectorSuccess = "0200075f726573756c74003ff0000000000000030006666d7356657202000d464d532f342c352c322c353234000c6361" +
		"706162696c697469657300405fc0000000000000046d6f6465003ff00000000000000000090300056c6576656c020006" +
		"7374617475730004636f646502001d4e6574436f6e6e656374696f6e2e436f6e6e6563742e53756363657373000b6465" +
		"736372697074696f6e020015436f6e6e656374696f6e207375636365656465642e000e6f626a656374456e636f64696e" +
		"670000000000000000000004646174610800000001000776657273696f6e020009342c352c322c353234000009000009"
	vectorRejected = "0200065f6572726f72003ff0000000000000050300056c6576656c0200056572726f720004636f646502001e4e657443" +
		"6f6e6e656374696f6e2e436f6e6e6563742e52656a6563746564000b6465736372697074696f6e020012436f6e6e6563" +
		"74696f6e206661696c65642e000b6170706c69636174696f6e05000009"
	vectorRedirect = "0200065f6572726f72003ff0000000000000050300056c6576656c0200056572726f720004636f646502001e4e657443" +
		"6f6e6e656374696f6e2e436f6e6e6563742e52656a6563746564000b6465736372697074696f6e020011436f6e6e6563" +
		"74696f6e206661696c656400026578030004636f6465004072e000000000000008726564697265637402001472746d70" +
		"3a2f2f622e6578616d706c652f617070000009000009"
	vectorClose    = "020005636c6f736500000000000000000005"
	vectorOnBWDone = "0200086f6e4257446f6e6500000000000000000005"
	vectorCreated  = "0200075f726573756c7400400000000000000005003ff0000000000000"
)

func wantBytes(t *testing.T, what string, got []byte, want string) {
	t.Helper()
	if hex.EncodeToString(got) != want {
		t.Errorf("%s:\n got %x\nwant %s", what, got, want)
	}
}

func TestConnectSuccessOnTheWire(t *testing.T) {
	w := serve(t, live(), func(s *Server) {
		s.Identity = Identity{FMSVer: "FMS/4,5,2,524", Capabilities: 127, Version: "4,5,2,524"}
	})
	p := rtmptest.Dial(t, w.addr)
	p.Handshake()
	p.Connect("live")
	if m := p.WantMessage(rtmp.TypeWindowAckSize); hex.EncodeToString(m.Payload) != "002625a0" {
		t.Errorf("window %x", m.Payload)
	}
	if m := p.WantMessage(rtmp.TypeSetPeerBandwidth); hex.EncodeToString(m.Payload) != "002625a002" {
		t.Errorf("peer bandwidth %x", m.Payload)
	}
	if m := p.WantMessage(rtmp.TypeUserControl); hex.EncodeToString(m.Payload) != "000000000000" {
		t.Errorf("StreamBegin(0) %x", m.Payload)
	}
	if m := p.WantMessage(rtmp.TypeSetChunkSize); hex.EncodeToString(m.Payload) != "00001000" {
		t.Errorf("chunk size %x", m.Payload)
	}
	m := p.WantResult(1)
	wantBytes(t, "_result", m.Payload, vectorSuccess)
	if m.CSID != 3 || m.StreamID != 0 || m.Timestamp != 0 || m.Type != rtmp.TypeCommandAMF0 {
		t.Errorf("carrier: csid %d, stream %d, time %d, type %d", m.CSID, m.StreamID, m.Timestamp, m.Type)
	}
	wantBytes(t, "onBWDone", p.WantCommand("onBWDone").Payload, vectorOnBWDone)
	p.Send(&rtmp.Command{Name: "createStream", Transaction: 2})
	wantBytes(t, "createStream", p.WantResult(2).Payload, vectorCreated)
}

func TestIdentityDefaultsToAMS5(t *testing.T) {
	w := serve(t, live(), func(s *Server) { s.NoBWDone = true })
	p := rtmptest.Dial(t, w.addr)
	m := p.Open("live")
	o, _ := m.Command.Object.(*amf.Object)
	if caps, _ := o.Number("capabilities"); o.String("fmsVer") != "FMS/5,0,15,5004" || caps != 255 {
		t.Errorf("properties %s", amf.Format(o))
	}
	p.Send(&rtmp.Command{Name: "createStream", Transaction: 2})
	p.WantResult(2) // the next command: no onBWDone before it
}

// Every refusal of connect: what the client is told, and that it ends with close and FIN.
func TestConnectRefusals(t *testing.T) {
	mux := live()
	refuse := func(app string, f func(ctx context.Context) error) {
		mux.HandleFunc(app, func(ctx context.Context, _ *Client, _ []amf.Value) (Session, error) { return nil, f(ctx) })
	}
	refuse("no", func(context.Context) error { return Reject("", nil) })
	refuse("words", func(context.Context) error { return Reject("Come back on Monday.", "Monday") })
	refuse("moved", func(context.Context) error { return Redirect("rtmp://b.example/app") })
	refuse("fails", func(context.Context) error { return errors.New("the secret database is down") })
	refuse("panics", func(context.Context) error { panic("secret") })
	refuse("sleeps", func(ctx context.Context) error { time.Sleep(400 * time.Millisecond); return nil })
	w := serve(t, mux, func(s *Server) { s.Limits.HandlerTimeout = 150 * time.Millisecond })
	w.init()

	long := strings.Repeat("a", MaxAppName+1)
	tests := []struct {
		name, app   string
		code        status.Code
		description string
		cause       Cause
		xstatus     int
	}{
		{"unknown", "nosuch", status.ConnectRejected, "[ Server.Reject ] : (_defaultRoot_, _defaultVHost_) : Application (nosuch) is not defined.", CauseUnknownApp, 404},
		{"handler says no", "no", status.ConnectRejected, "Connection failed.", CauseHandler, 401},
		{"own words", "words", status.ConnectRejected, "Come back on Monday.", CauseHandler, 401},
		{"redirect", "moved", status.ConnectRejected, "Connection failed", CauseRedirect, 302},
		{"handler error", "fails", status.ConnectFailed, "The application failed.", CauseFailed, 500},
		{"panic", "panics", status.ConnectFailed, "The application failed.", CauseFailed, 500},
		{"time-out", "sleeps", status.ConnectFailed, "The application did not answer in time.", CauseTimeout, 408},
		{"empty", "", status.ConnectInvalidApp, "[ Server.Reject ] : Invalid application name: the application name is empty.", CauseBadName, 400},
		{"too long", long, status.ConnectInvalidApp, "[ Server.Reject ] : Invalid application name: the application name is longer than 128 bytes.", CauseBadName, 400},
		{"dots", "../etc", status.ConnectInvalidApp, "[ Server.Reject ] : Invalid application name: the application name has a segment ...", CauseBadName, 400},
		{"backslash", `a\b`, status.ConnectInvalidApp, "[ Server.Reject ] : Invalid application name: the application name has a backslash.", CauseBadName, 400},
		{"control", "a\x00b", status.ConnectInvalidApp, "[ Server.Reject ] : Invalid application name: the application name has a control character.", CauseBadName, 400},
		{"not UTF-8", "a\xff", status.ConnectInvalidApp, "[ Server.Reject ] : Invalid application name: the application name is not UTF-8.", CauseBadName, 400},
		{"empty segment", "live//x", status.ConnectInvalidApp, "[ Server.Reject ] : Invalid application name: the instance name has an empty segment.", CauseBadName, 400},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w.mu.Lock()
			w.refusals = nil
			w.mu.Unlock()
			p := rtmptest.Dial(t, w.addr)
			p.Handshake()
			p.Connect(tt.app)
			st := p.WantError(1, tt.code)
			if st.Description != tt.description || st.Level != "error" {
				t.Errorf("told %q (%s), want %q", st.Description, st.Level, tt.description)
			}
			wantBytes(t, "close", p.WantCommand("close").Payload, vectorClose)
			p.WantClosed()
			r := w.wantRefusal(t, tt.cause)
			if r.Stage != StageConnect || r.XStatus != tt.xstatus || r.Status.Code != tt.code || r.Session == "" {
				t.Errorf("recorded %+v", r)
			}
		})
	}
}

// A live encoder is told twice, since OBS shows nothing of a refused connect; an encoder that is asked to log in is told once.
func TestEncodersAreToldTwice(t *testing.T) {
	mux := NewMux()
	refuse := func(name string, err error) {
		mux.HandleFunc(name, func(context.Context, *Client, []amf.Value) (Session, error) { return nil, err })
	}
	refuse("no", Reject("Ask Ada for a key.", nil))
	refuse("who", &Refusal{Cause: CauseChallenge, Status: status.New(status.ConnectRejected, "Who are you?")})
	refuse("moved", Redirect("rtmp://example.com/live"))
	w := serve(t, mux, nil)
	for _, tt := range []struct {
		app, flashVer string
		twice         bool
	}{
		{"no", "FMLE/3.0 (compatible; FMSc/1.0)", true}, {"no", "WIN 32,0,0,465", false}, {"no", "LNX 9,0,124,2", false},
		{"who", "FMLE/3.0 (compatible; FMSc/1.0)", false}, {"moved", "FMLE/3.0 (compatible; FMSc/1.0)", false},
	} {
		p := rtmptest.Dial(t, w.addr)
		p.Handshake()
		p.Connect(tt.app, rtmptest.Property("flashVer", tt.flashVer))
		st := p.WantError(1, status.ConnectRejected)
		if tt.twice {
			if m := p.WantStatus(status.PublishDenied); m.Status.Description != st.Description {
				t.Errorf("%s: %v after %v", tt.flashVer, m.Status, st)
			}
		}
		p.WantCommand("close")
		p.WantClosed()
	}
}

func TestRefusalBodies(t *testing.T) {
	mux := NewMux()
	mux.HandleFunc("no", func(context.Context, *Client, []amf.Value) (Session, error) { return nil, Reject("", nil) })
	mux.HandleFunc("moved", func(context.Context, *Client, []amf.Value) (Session, error) {
		return nil, Redirect("rtmp://b.example/app")
	})
	w := serve(t, mux, nil)
	for app, want := range map[string]string{"no": vectorRejected, "moved": vectorRedirect} {
		p := rtmptest.Dial(t, w.addr)
		p.Handshake()
		p.Connect(app)
		if m := p.WantMessage(rtmp.TypeWindowAckSize); len(m.Payload) != 4 {
			t.Errorf("%s: no window before the refusal", app)
		}
		wantBytes(t, app, p.WantCommand("_error").Payload, want)
	}
}

// A refused client that goes on sending and reads late still reads why, then FIN, never RST.
func TestRefusedWhileSendingReadsWhy(t *testing.T) {
	w := serve(t, live(), nil)
	p := rtmptest.Dial(t, w.addr)
	p.Handshake()
	p.Connect("nosuch")
	for range 50 {
		p.SendMessage(&rtmp.Message{Type: rtmp.TypeVideo, CSID: 6, StreamID: 1, Payload: make([]byte, 4000)})
		time.Sleep(4 * time.Millisecond)
	}
	p.WantError(1, status.ConnectRejected)
	p.WantCommand("close")
	p.WantClosed()
}

func TestConnectWithoutObject(t *testing.T) {
	w := serve(t, live(), nil)
	p := rtmptest.Dial(t, w.addr)
	p.Handshake()
	p.Send(&rtmp.Command{Name: "connect", Transaction: 1, Object: "live"})
	p.WantError(1, status.ConnectFailed)
	p.WantCommand("close")
	p.WantClosed()
}

func TestObjectEncoding(t *testing.T) {
	w := serve(t, live(), nil)
	p := rtmptest.Dial(t, w.addr)
	p.Handshake()
	p.Connect("live", rtmptest.Property("objectEncoding", 1.0))
	if st := p.WantError(1, status.CallBadVersion); !strings.Contains(st.Description, "objectEncoding 1") {
		t.Errorf("description %q", st.Description)
	}
	// The connection lives on and may try again.
	p.Connect("live", rtmptest.Property("objectEncoding", 3.0))
	m := p.WantResult(1)
	if m.Type != rtmp.TypeCommandAMF0 {
		t.Errorf("the answer to connect is of type %d", m.Type)
	}
	if st, ok := status.FromObject(m.Command.Arg(0)); !ok || st.Code != status.ConnectSuccess {
		t.Errorf("info %s", amf.Format(m.Command.Arg(0)))
	} else if v, _ := st.Object().Number("objectEncoding"); v != 3 {
		t.Errorf("objectEncoding %v", v)
	}
	if m := p.WantCommand("onBWDone"); m.Type != rtmp.TypeCommandAMF3 {
		t.Errorf("onBWDone on an AMF3 connection is of type %d", m.Type)
	}
	p.Send(&rtmp.Command{Name: "nosuch", Transaction: 5, AMF3: true, Args: []amf.Value{amf.NewObject()}})
	if m := p.WantCommand("_error"); m.Type != rtmp.TypeCommandAMF3 {
		t.Errorf("the answer to a command of type 17 is of type %d", m.Type)
	}
}

func TestSecondConnect(t *testing.T) {
	w := serve(t, live(), nil)
	p := rtmptest.Dial(t, w.addr)
	p.Open("live")
	p.WantCommand("onBWDone")
	p.Send(&rtmp.Command{Name: "connect", Transaction: 2, Object: amf.NewObject(amf.Prop{Key: "app", Value: "live"})})
	p.WantError(2, status.CallFailed)
}

// Enhanced RTMP properties are answered only when offered, spelt exactly.
func TestEnhancedNegotiation(t *testing.T) {
	offers := map[string]amf.Value{
		"capsEx": 1.0, "fourCcList": amf.NewArray("hvc1"),
		"videoFourCcInfoMap": amf.NewObject(amf.Prop{Key: "hvc1", Value: 1.0}),
		"audioFourCcInfoMap": amf.NewObject(amf.Prop{Key: "Opus", Value: 1.0}),
	}
	want := map[string]string{"capsEx": "15", "fourCcList": `["*"]`, "videoFourCcInfoMap": `{"*":4}`, "audioFourCcInfoMap": `{"*":4}`}
	w := serve(t, live(), nil)
	info := func(o ...rtmptest.ConnectOption) *amf.Object {
		p := rtmptest.Dial(t, w.addr)
		obj, _ := p.Open("live", o...).Command.Arg(0).(*amf.Object)
		return obj
	}
	none := info()
	for key, offer := range offers {
		if _, ok := none.Get(key); ok {
			t.Errorf("%s answered without being offered", key)
		}
		o := info(rtmptest.Property(key, offer))
		v, _ := o.Get(key)
		if js, err := amf.AppendJSON(nil, v); err != nil || string(js) != want[key] {
			t.Errorf("%s: answered %s (%v), want %s", key, js, err, want[key])
		}
		for other := range offers {
			if _, ok := o.Get(other); ok && other != key {
				t.Errorf("%s answered when only %s was offered", other, key)
			}
		}
	}
}

func TestConnectTimeout(t *testing.T) {
	w := serve(t, live(), func(s *Server) { s.Limits.RTMP.ConnectTimeout = 100 * time.Millisecond })
	p := rtmptest.Dial(t, w.addr)
	p.Handshake()
	p.WantError(1, status.ConnectFailed)
	p.WantCommand("close")
	p.WantClosed()
	if r := w.wantRefusal(t, CauseIdle); r.Rule != "connect_timeout" {
		t.Errorf("rule %q", r.Rule)
	}
}

func TestOverLimitIsToldWhy(t *testing.T) {
	w := serve(t, live(), func(s *Server) { s.Limits.RTMP.Connections = 1 })
	first := rtmptest.Dial(t, w.addr)
	first.Open("live")
	p := rtmptest.Dial(t, w.addr)
	p.Handshake()
	p.Connect("live")
	if st := p.WantError(1, status.ConnectRejected); !strings.HasPrefix(st.Description, "[ Resource.Limit.Exceeded ] : ") {
		t.Errorf("description %q", st.Description)
	}
	p.WantCommand("close")
	p.WantClosed()
	if r := w.wantRefusal(t, CauseLimit); r.Rule != "connections" || r.XStatus != 409 {
		t.Errorf("recorded %+v", r)
	}
}

func TestClientSeesWhatConnectSaid(t *testing.T) {
	got := make(chan *Client, 1)
	mux := NewMux()
	mux.HandleFunc("chat/*", func(_ context.Context, c *Client, args []amf.Value) (Session, error) {
		if len(args) != 2 || args[0] != "joe" || args[1] != 42.0 {
			t.Errorf("arguments %v", args)
		}
		got <- c
		return nil, nil
	})
	w := serve(t, mux, nil)
	p := rtmptest.Dial(t, w.addr)
	p.Open("chat/lobby?token=a%2Bb=&x=1", rtmptest.Property("tcUrl", "'rtmp://h/chat/lobby?x=2&y=3"),
		rtmptest.Property("flashVer", "WIN 32,0,0,465"), rtmptest.Property("pageUrl", "http://page/"), rtmptest.Args("joe", 42.0))
	c := <-got
	if c.App != "chat" || c.Instance != "lobby" || c.Query.Get("token") != "a+b=" || c.Query.Get("x") != "1" || c.Query.Get("y") != "3" {
		t.Errorf("app %q instance %q query %v", c.App, c.Instance, c.Query)
	}
	if !c.IsFlashPlayer() || c.PageURL != "http://page/" || !strings.HasPrefix(c.TCURL, "rtmp://") || len(c.ID) != 8 {
		t.Errorf("client %q %q %q %q", c.FlashVer, c.PageURL, c.TCURL, c.ID)
	}
}
