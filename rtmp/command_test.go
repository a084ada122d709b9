package rtmp

import (
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"penstock/amf"
	"penstock/status"
)

func prop(key string, v amf.Value) amf.Prop { return amf.Prop{Key: key, Value: v} }

// commandBodies are AMF0 bodies of commands as Flash Media Server and Flash Player send them.
// Where a capture is named the bytes equal it.
var commandBodies = []struct {
	name string
	c    *Command
	body string
}{
	{
		"connect _result of FMS 4,5,2,524", // length and structure as in a capture of Akamai's
		(&Command{Transaction: 1}).Result(
			amf.NewObject(prop("fmsVer", "FMS/4,5,2,524"), prop("capabilities", 127.0), prop("mode", 1.0)),
			amf.NewObject(prop("level", "status"), prop("code", "NetConnection.Connect.Success"),
				prop("description", "Connection succeeded."), prop("objectEncoding", 0.0),
				prop("data", amf.NewECMA(prop("version", "4,5,2,524"))))),
		"0200075f726573756c74003ff0000000000000030006666d7356657202000d464d532f342c352c322c353234000c6361" +
			"706162696c697469657300405fc0000000000000046d6f6465003ff00000000000000000090300056c6576656c020006" +
			"7374617475730004636f646502001d4e6574436f6e6e656374696f6e2e436f6e6e6563742e53756363657373000b6465" +
			"736372697074696f6e020015436f6e6e656374696f6e207375636365656465642e000e6f626a656374456e636f64696e" +
			"670000000000000000000004646174610800000001000776657273696f6e020009342c352c322c353234000009000009",
	},
	{
		"virtual host rejected", // Gnash's capture of FMS
		(&Command{Transaction: 1}).Error(status.New(status.ConnectRejected,
			"[ Server.Reject ] : Virtual host _defaultVHost_ is not available.")),
		"0200065f6572726f72003ff0000000000000050300056c6576656c0200056572726f720004636f646502001e4e657443" +
			"6f6e6e656374696f6e2e436f6e6e6563742e52656a6563746564000b6465736372697074696f6e0200415b2053657276" +
			"65722e52656a656374205d203a205669727475616c20686f7374205f64656661756c7456486f73745f206973206e6f74" +
			"20617661696c61626c652e000009",
	},
	{
		"rejected by a script", // length as in a capture of AMS
		(&Command{Transaction: 1}).Error(status.New(status.ConnectRejected, "Connection failed.").With("application", nil)),
		"0200065f6572726f72003ff0000000000000050300056c6576656c0200056572726f720004636f646502001e4e657443" +
			"6f6e6e656374696f6e2e436f6e6e6563742e52656a6563746564000b6465736372697074696f6e020012436f6e6e6563" +
			"74696f6e206661696c65642e000b6170706c69636174696f6e05000009",
	},
	{
		"redirected",
		(&Command{Transaction: 1}).Error(status.New(status.ConnectRejected, "Connection failed").With("ex",
			amf.NewObject(prop("code", 302.0), prop("redirect", "rtmp://b.example/app")))),
		"0200065f6572726f72003ff0000000000000050300056c6576656c0200056572726f720004636f646502001e4e657443" +
			"6f6e6e656374696f6e2e436f6e6e6563742e52656a6563746564000b6465736372697074696f6e020011436f6e6e6563" +
			"74696f6e206661696c656400026578030004636f6465004072e000000000000008726564697265637402001472746d70" +
			"3a2f2f622e6578616d706c652f617070000009000009",
	},
	{"close", CloseCommand(), "020005636c6f736500000000000000000005"},
	{"onBWDone", &Command{Name: "onBWDone"}, "0200086f6e4257446f6e6500000000000000000005"},
	{
		"createStream _result", (&Command{Transaction: 2}).Result(nil, 1.0),
		"0200075f726573756c7400400000000000000005003ff0000000000000",
	},
	{
		"Flash Player's Call.Failed", // Gnash's capture
		&Command{Name: "_error", Transaction: 2, Args: []amf.Value{
			amf.NewObject(prop("code", "NetConnection.Call.Failed"), prop("level", "error"))}},
		"0200065f6572726f7200400000000000000005030004636f64650200194e6574436f6e6e656374696f6e2e43616c6c2e" +
			"4661696c656400056c6576656c0200056572726f72000009",
	},
	{
		"Call.Failed",
		(&Command{Transaction: 2}).Error(status.New(status.CallFailed, "Method not found (releaseStream).")),
		"0200065f6572726f72004000000000000000050300056c6576656c0200056572726f720004636f64650200194e657443" +
			"6f6e6e656374696f6e2e43616c6c2e4661696c6564000b6465736372697074696f6e0200214d6574686f64206e6f7420" +
			"666f756e64202872656c6561736553747265616d292e000009",
	},
	{
		"Play.Reset", // Gnash's capture
		OnStatus(0, status.New(status.PlayReset, "Playing and resetting PD_English_Low@2001.").
			With("details", "PD_English_Low@2001").With("clientid", "dsLgYohb")),
		"0200086f6e537461747573000000000000000000050300056c6576656c0200067374617475730004636f64650200144e" +
			"657453747265616d2e506c61792e5265736574000b6465736372697074696f6e02002a506c6179696e6720616e642072" +
			"6573657474696e672050445f456e676c6973685f4c6f7740323030312e000764657461696c7302001350445f456e676c" +
			"6973685f4c6f7740323030310008636c69656e74696402000864734c67596f6862000009",
	},
}

func TestCommandBytes(t *testing.T) {
	for _, tt := range commandBodies {
		m, err := tt.c.Message()
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if got := hex.EncodeToString(m.Payload); got != tt.body {
			t.Errorf("%s:\n%s, want\n%s", tt.name, got, tt.body)
		}
		if m.Type != TypeCommandAMF0 || m.CSID != CSIDCommand || m.StreamID != 0 || m.Timestamp != 0 {
			t.Errorf("%s: head %+v", tt.name, m)
		}
		c, err := ParseCommand(m, amf.Limits{})
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		back, err := c.Message()
		if err != nil || hex.EncodeToString(back.Payload) != tt.body {
			t.Errorf("%s: decoded and encoded again it is %x (%v)", tt.name, back.Payload, err)
		}
	}
}

// badCommands are bodies that are not commands, and what is known of them all the same.
var badCommands = []struct {
	body  string
	name  string
	known bool
	err   error
}{
	{"", "", false, nil},
	{"02", "", false, amf.ErrTruncated},
	{"020009ff", "", false, amf.ErrTruncated},
	{"003ff0000000000000", "", false, ErrNotCommand},           // a number as its name
	{"02000161", "a", false, nil},                              // no transaction ID
	{"02000161020001", "a", false, amf.ErrTruncated},           // half a transaction ID
	{"0200016102000162", "a", false, ErrNotCommand},            // a string as its transaction ID
	{"02000161003ff0000000000000ff", "a", true, amf.ErrMarker}, // no AMF0 marker
	{"02000161003ff0000000000000020005", "a", true, amf.ErrTruncated},
}

func TestParseCommandErrors(t *testing.T) {
	for _, tt := range badCommands {
		b, _ := hex.DecodeString(tt.body)
		c, err := ParseCommand(&Message{Type: TypeCommandAMF0, Payload: b}, amf.Limits{})
		var ce *CommandError
		if c != nil || !errors.As(err, &ce) {
			t.Errorf("%q: %v, %v; want a CommandError", tt.body, c, err)
			continue
		}
		if ce.Name != tt.name || ce.Known != tt.known || tt.err != nil && !errors.Is(err, tt.err) || !strings.Contains(ce.Error(), "command") {
			t.Errorf("%q: %+v, want name %q, known %v, %v", tt.body, ce, tt.name, tt.known, tt.err)
		}
		if tt.known && ce.Transaction != 1 {
			t.Errorf("%q: transaction %v", tt.body, ce.Transaction)
		}
	}
}

func TestParseCommandLimits(t *testing.T) {
	m, _ := (&Command{Name: "x", Transaction: 1, Object: amf.NewArray(amf.NewArray(amf.NewArray(1.0)))}).Message()
	if _, err := ParseCommand(m, amf.Limits{Depth: 2}); !errors.Is(err, amf.ErrDepth) {
		t.Errorf("error %v, want ErrDepth", err)
	}
	if _, err := ParseCommand(m, amf.Limits{}); err != nil {
		t.Error(err)
	}
}

func TestParseCommandForms(t *testing.T) {
	for name, body := range map[string]string{
		"AMF3 with selector":    "00" + "02000161" + "004000000000000000" + "05" + "0101",
		"AMF3 without selector": "02000161" + "004000000000000000" + "05" + "0101",
		"AMF3 value":            "00" + "02000161" + "004000000000000000" + "05" + "1103",
		"AMF3 transaction":      "00" + "02000161" + "110402" + "05" + "0101",
	} {
		b, _ := hex.DecodeString(body)
		c, err := ParseCommand(&Message{Type: TypeCommandAMF3, StreamID: 3, Timestamp: 9, Payload: b}, amf.Limits{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if c.Name != "a" || c.Transaction != 2 || c.Object != nil || c.Arg(0) != true || !c.AMF3 || c.StreamID != 3 || c.Timestamp != 9 {
			t.Errorf("%s: %+v", name, c)
		}
	}
	b, _ := hex.DecodeString("05" + "003ff0000000000000" + "05") // Flex RPC sends a null name
	if c, err := ParseCommand(&Message{Type: TypeCommandAMF0, Payload: b}, amf.Limits{}); err != nil || c.Name != "" || c.Transaction != 1 {
		t.Errorf("null name: %+v, %v", c, err)
	}
}

func TestCommandAnswers(t *testing.T) {
	c := &Command{Name: "x", Transaction: 7, StreamID: 2, AMF3: true, Args: []amf.Value{"s", 1.5, int32(3)}}
	m, err := c.Message()
	if err != nil || m.Type != TypeCommandAMF3 || m.Payload[0] != 0 || m.StreamID != 2 || m.CSID != CSIDData {
		t.Errorf("message %+v, %v", m, err)
	}
	if c.StringArg(0) != "s" || c.StringArg(1) != "" || c.Arg(9) != amf.Undefined || c.Arg(-1) != amf.Undefined {
		t.Error("arguments")
	}
	if n, ok := c.NumberArg(1); n != 1.5 || !ok {
		t.Error("float64 argument")
	}
	if n, ok := c.NumberArg(2); n != 3 || !ok {
		t.Error("int32 argument")
	}
	if _, ok := c.NumberArg(0); ok {
		t.Error("a string is no number")
	}
	for _, answer := range []*Command{c.Result(nil, 1.0), c.Error(status.New(status.CallFailed, "x"))} {
		if answer.Transaction != 7 || answer.StreamID != 2 || !answer.AMF3 {
			t.Errorf("answer %+v", answer)
		}
	}
	if _, err := (&Command{Name: "x", Object: make(chan int)}).Message(); err == nil || !strings.Contains(err.Error(), `"x"`) {
		t.Errorf("error %v, want one that names the command", err)
	}
	if s := OnStatus(4, status.New(status.PlayStart, "x")); s.StreamID != 4 || s.Transaction != 0 || s.Object != nil {
		t.Errorf("onStatus %+v", s)
	}
}

// dataBodies are data messages.
var dataBodies = []struct {
	name string
	args []amf.Value
	body string
}{
	{"onStatus", []amf.Value{amf.NewObject(prop("code", "NetStream.Data.Start"))}, // Gnash's capture
		"0200086f6e537461747573030004636f64650200144e657453747265616d2e446174612e5374617274000009"},
	{"|RtmpSampleAccess", []amf.Value{false, false}, "0200117c52746d7053616d706c6541636365737301000100"},
}

func TestData(t *testing.T) {
	for _, tt := range dataBodies {
		m, err := NewData(1, 40, tt.name, tt.args...)
		if err != nil || hex.EncodeToString(m.Payload) != tt.body || m.Type != TypeDataAMF0 || m.StreamID != 1 || m.Timestamp != 40 {
			t.Errorf("%s: %+v, %v", tt.name, m, err)
			continue
		}
		amf3 := &Message{Type: TypeDataAMF3, Payload: append([]byte{0}, m.Payload...)}
		for _, m := range []*Message{m, amf3} {
			name, args, body, err := ParseData(m, amf.Limits{})
			if err != nil || name != tt.name || len(args) != len(tt.args) || hex.EncodeToString(body) != tt.body {
				t.Errorf("%s: %q %v %x, %v", tt.name, name, args, body, err)
			}
		}
	}
	if _, err := NewData(1, 0, "x", make(chan int)); err == nil || !strings.Contains(err.Error(), `"x"`) {
		t.Errorf("error %v, want one that names the message", err)
	}
	if _, _, body, err := ParseData(&Message{Type: TypeDataAMF0, Payload: []byte{0, 0, 0, 0}}, amf.Limits{}); err == nil || len(body) != 4 {
		t.Errorf("timecode: %x, %v", body, err)
	}
	if name, args, _, err := ParseData(&Message{Type: TypeDataAMF3}, amf.Limits{}); err != nil || name != "" || args != nil {
		t.Errorf("empty: %q %v %v", name, args, err)
	}
}

func FuzzParseCommand(f *testing.F) {
	for _, tt := range commandBodies {
		b, _ := hex.DecodeString(tt.body)
		f.Add(TypeCommandAMF0, b)
		f.Add(TypeCommandAMF3, append([]byte{0}, b...))
	}
	for _, tt := range badCommands {
		b, _ := hex.DecodeString(tt.body)
		f.Add(TypeCommandAMF0, b)
	}
	for _, tt := range dataBodies {
		b, _ := hex.DecodeString(tt.body)
		f.Add(TypeDataAMF0, b)
	}
	f.Fuzz(func(t *testing.T, typ uint8, b []byte) {
		m := &Message{Type: typ, Payload: b}
		if len(describe(m)) > 64<<10+len(b)*16 {
			t.Fatal("a trace line has no end")
		}
		_, _, _, _ = ParseData(m, amf.Limits{})
		c, err := ParseCommand(m, amf.Limits{})
		if err != nil {
			var ce *CommandError
			if c != nil || !errors.As(err, &ce) {
				t.Fatalf("%v, %v", c, err)
			}
			return
		}
		if c.Arg(len(c.Args)) != amf.Undefined {
			t.Fatal("an argument too many")
		}
		again, err := c.Message()
		if err != nil {
			return // AMF0 cannot carry every decoded value, cycles for instance
		}
		if _, err := ParseCommand(again, amf.Limits{Bytes: 64 << 20, Nodes: 1 << 20, Depth: 64}); err != nil {
			t.Fatalf("what was decoded cannot be decoded again: %v", err)
		}
	})
}
