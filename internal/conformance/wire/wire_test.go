package wire

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Message bodies of Flash Media Server and Flash Player, read and written again.
func TestGoldenCommands(t *testing.T) {
	for _, tt := range []struct{ name, body, text string }{
		{"rejection", "0200065f6572726f72003ff0000000000000050300056c6576656c0200056572726f720004636f646502001e4e657443" +
			"6f6e6e656374696f6e2e436f6e6e6563742e52656a6563746564000b6465736372697074696f6e0200415b2053657276" +
			"65722e52656a656374205d203a205669727475616c20686f7374205f64656661756c7456486f73745f206973206e6f74" +
			"20617661696c61626c652e000009",
			`_error 1 null {level: "error", code: "NetConnection.Connect.Rejected", description: "[ Server.Reject ] : Virtual host _defaultVHost_ is not available."}`},
		{"success", "0200075f726573756c74003ff0000000000000030006666d7356657202000d464d532f342c352c322c353234000c6361" +
			"706162696c697469657300405fc0000000000000046d6f6465003ff00000000000000000090300056c6576656c020006" +
			"7374617475730004636f646502001d4e6574436f6e6e656374696f6e2e436f6e6e6563742e53756363657373000b6465" +
			"736372697074696f6e020015436f6e6e656374696f6e207375636365656465642e000e6f626a656374456e636f64696e" +
			"670000000000000000000004646174610800000001000776657273696f6e020009342c352c322c353234000009000009",
			`_result 1 {fmsVer: "FMS/4,5,2,524", capabilities: 127, mode: 1} {level: "status", code: "NetConnection.Connect.Success", description: "Connection succeeded.", objectEncoding: 0, data: ecma{version: "4,5,2,524"}}`},
		{"close", "020005636c6f736500000000000000000005", "close 0 null"},
		{"createStream", "0200075f726573756c7400400000000000000005003ff0000000000000", "_result 2 null 1"},
		{"player's Call.Failed", "0200065f6572726f7200400000000000000005030004636f64650200194e6574436f6e6e656374696f6e2e43616c6c2e" +
			"4661696c656400056c6576656c0200056572726f72000009", `_error 2 null {code: "NetConnection.Call.Failed", level: "error"}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := &Message{Type: TypeCommand0, CSID: 3, Payload: unhex(t, tt.body)}
			if got := Describe(m); got != tt.text {
				t.Errorf("read as %s", got)
			}
			c, err := m.Command()
			if err != nil {
				t.Fatal(err)
			}
			if again := CommandMessage(false, 0, c); !bytes.Equal(again.Payload, m.Payload) {
				t.Errorf("written as %x", again.Payload)
			}
		})
	}
}

// Values there and back, in both versions.
func TestValues(t *testing.T) {
	ecma := Obj("a", 1.0)
	ecma.ECMA = true
	typed := Obj("x", nil)
	typed.Class = "Point"
	three := Obj("n", Int(-5), "list", Array{Int(1), "x", true, Undefined{}}, "when", Date(5), "raw", Bytes("abc"))
	three.AMF3 = true
	values := []any{1.5, true, "text", nil, Undefined{}, Obj("k", "v", "o", Obj()), ecma, typed, Array{1.0, nil}, Date(1e12), XML("<a/>"),
		strings.Repeat("long", 20000), Int(1<<28 - 1), Int(-1 << 28), Bytes("bytes"), three, Array{Int(70000)}}
	for _, v := range values {
		got, err := DecodeAll(Append0(nil, v))
		if err != nil || len(got) != 1 || Format(got[0]) != Format(v) {
			t.Errorf("%s came back as %s, %v", Format(v), Format(Array(got)), err)
		}
	}
	// The reference of AMF0, and those of AMF3: string, object, traits.
	for body, want := range map[string]string{
		"03 0001 61 00 3ff0000000000000 000009 07 0000": "[{a: 1}, {a: 1}]",
		"11 09 0501 06 0761 6263 06 00":                 `[["abc", "abc"]]`,
		"11 09 0501 0a 0b 01 0361 0401 01 0a 02":        "[[{a: int 1}, {a: int 1}]]",
	} {
		got, err := DecodeAll(unhex(t, body))
		if err != nil || Format(Array(got)) != want {
			t.Errorf("%s is %s, %v; want %s", body, Format(Array(got)), err, want)
		}
	}
}

// Nothing that a peer sends makes the decoder panic, loop or take memory.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{"\x03\x00\x01a\x00", "\x0a\xff\xff\xff\xff", "\x11\x0a\xff\xff\xff\xff", "\x08\xff\xff\xff\xff\x00\x00\x09", "\x07\x00\x05", "\x11\x0f\xff\xff\xff\xff\x00"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		v, _ := DecodeAll(b)
		_ = Format(Array(v))
		for _, typ := range []uint8{TypeCommand0, TypeCommand3, TypeData0, TypeShared0, TypeUserControl, TypeSetPeerBandwidth} {
			_ = Describe(&Message{Type: typ, Payload: b})
		}
		r := NewReader(bytes.NewReader(b), 0)
		for {
			if _, err := r.Next(); err != nil {
				break
			}
		}
	})
}

// The published vector of the digest handshake.
func TestDigests(t *testing.T) {
	c1 := Block(0, 0x09007C02, 0)
	for s, want := range map[Scheme]struct {
		at             int
		digest, answer string
	}{
		DigestFirst: {290, "612af37c38c4a1b74e5737fc4021ded17ed92a9431c19bc665cf421131bad8a6", "8fcbe05e17e4fbaae96ce9267bc15cd1ca846b21f72a546d1ce46c5641e2568d"},
		KeyFirst:    {942, "e6a7fbdda4aab503b4e693e92d6f18d9d4b89f3ef0e95fffe767a4830aa37109", "7b6d7bb61a83f57a0aa95b92180f55750114822f752e3f47bbe37474778ed673"},
	} {
		b := bytes.Clone(c1)
		SignC1(b, s)
		if at := s.DigestOffset(c1); at != want.at || hex.EncodeToString(b[at:at+32]) != want.digest {
			t.Errorf("%v: %d, %x", s, at, b[at:at+32])
		}
		s2 := append(make([]byte, HandshakeSize-32), unhex(t, want.answer)...)
		if !CheckS2(s2, b, s) {
			t.Errorf("%v: the vector's S2 is not accepted", s)
		}
		s2[0] = 1
		if CheckS2(s2, b, s) {
			t.Errorf("%v: a wrong S2 is accepted", s)
		}
	}
}

// Chunks byte by byte as the specification draws them, and what comes out of them.
func TestChunks(t *testing.T) {
	for _, tt := range []struct {
		name string
		m    Message
		cut  Cutting
		want string
	}{
		{"type 0", Message{Type: 20, CSID: 3, StreamID: 1, Timestamp: 258, Payload: []byte("ab")}, Cutting{}, "03 000102 000002 14 01000000 6162"},
		{"two chunks", Message{Type: 9, CSID: 6, Payload: []byte("abcde")}, Cutting{Size: 3}, "06 000000 000005 09 00000000 616263 c6 6465"},
		{"extended", Message{Type: 9, CSID: 6, Timestamp: 0x01020304, Payload: []byte("abcd")}, Cutting{Size: 2}, "06 ffffff 000004 09 00000000 01020304 6162 c6 01020304 6364"},
		{"csid of two bytes", Message{Type: 8, CSID: 64}, Cutting{}, "00 00 000000 000000 08 00000000"},
		{"csid of three bytes", Message{Type: 8, CSID: 65599}, Cutting{}, "01 ffff 000000 000000 08 00000000"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := AppendMessage(nil, &tt.m, tt.cut)
			if !bytes.Equal(b, unhex(t, tt.want)) {
				t.Errorf("written as %x", b)
			}
			r := NewReader(bytes.NewReader(b), 0)
			if tt.cut.Size > 0 {
				r.size = tt.cut.Size
			}
			m, err := r.Next()
			if err != nil {
				t.Fatal(err)
			}
			got := Message{Type: m.Type, CSID: m.CSID, StreamID: m.StreamID, Timestamp: m.Timestamp, Payload: m.Payload}
			if !reflect.DeepEqual(got, tt.m) || len(r.Anomalies()) > 0 {
				t.Errorf("read as %+v, %v", got, r.Anomalies())
			}
			if _, err := r.Next(); err != io.EOF {
				t.Errorf("then %v", err)
			}
		})
	}
}

// What is wrong is noticed, and named.
func TestAnomalies(t *testing.T) {
	for _, tt := range []struct{ name, bytes, anomaly, err string }{
		{"fresh type 1", "46 000000 000000 08", "begins with a type 1", ""},
		{"fresh type 3", "c6", "", "begins with a type 3"},
		{"omitted", "06 ffffff 000082 09 00000000 01000000" + strings.Repeat("61", 128) + "c6 6162", "lacks the extended timestamp", ""},
		{"needless", "06 ffffff 000000 08 00000000 00000001", "would fit", ""},
		{"other length", "06 000000 000100 09 00000000" + strings.Repeat("61", 128) + "46 000000 000200 09", "", "in the middle of a message"},
		{"chunk size 0", "02 000000 000004 01 00000000 00000000", "", "chunk size 0"},
		{"cut off", "06 000000 000100 09 00000000 61", "", "unexpected EOF"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := NewReader(bytes.NewReader(unhex(t, tt.bytes)), 0)
			var err error
			for err == nil {
				_, err = r.Next()
			}
			if tt.err == "" && err != io.EOF || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("ended with %v", err)
			}
			if got := strings.Join(r.Anomalies(), "; "); !strings.Contains(got, tt.anomaly) || tt.anomaly == "" && got != "" {
				t.Errorf("noticed %q", got)
			}
		})
	}
}

// Both roles talk to one another; the transcript has offsets, and no secrets.
func TestConversation(t *testing.T) {
	a, b := net.Pipe()
	script := NewTranscript(0, "s3cret")
	c, s := NewConn(a, Options{Transcript: script}), NewConn(b, Options{})
	done := make(chan error, 1)
	go func() {
		_, err := s.AcceptHandshake()
		if err == nil {
			_, err = s.ReadMessage(5 * time.Second)
		}
		if err == nil {
			err = s.Send(ControlValue(TypeSetChunkSize, 4096), DataMessage(1, 0, "onTextData", Obj("text", "hi")))
		}
		s.Close()
		done <- err
	}()
	if _, err := c.Handshake(); err != nil {
		t.Fatal(err)
	}
	if err := c.Send(CommandMessage(false, 0, &Command{Name: "connect", Transaction: 1, Object: Obj("app", "live?key=s3cret")})); err != nil {
		t.Fatal(err)
	}
	var texts []string
	for {
		m, err := c.ReadMessage(5 * time.Second)
		if err != nil {
			if Ending(err) != "FIN" {
				t.Errorf("ended with %v", err)
			}
			break
		}
		texts = append(texts, Describe(m))
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if got := strings.Join(texts, "; "); got != `SetChunkSize 4096; data onTextData {text: "hi"} (stream 1)` {
		t.Errorf("heard %s", got)
	}
	events := script.Events()
	last := events[len(events)-2]
	if last.From != Peer || last.Offset != 3073+16 || last.Length == 0 || last.Bytes == "" {
		t.Errorf("%+v", last)
	}
	for _, e := range events {
		if strings.Contains(e.Text, "s3cret") || strings.Contains(e.Bytes, hex.EncodeToString([]byte("s3cret"))) {
			t.Errorf("the transcript shows a secret: %+v", e)
		}
	}
	c.Close()
}

// A peer that stops in the middle, and one that never stops.
func TestBounds(t *testing.T) {
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	c := NewConn(a, Options{MaxBytes: 1000})
	if _, err := c.ReadMessage(20 * time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("silence is %v", err)
	}
	go func() { _, _ = b.Write([]byte{6, 0, 0}) }()
	var framing *FramingError
	if _, err := c.ReadMessage(200 * time.Millisecond); !errors.As(err, &framing) {
		t.Errorf("half a header is %v", err)
	}
	a2, b2 := net.Pipe()
	defer a2.Close()
	go func() {
		defer b2.Close()
		for range 100 {
			if _, err := b2.Write(AppendMessage(nil, &Message{Type: 8, CSID: 4, Payload: make([]byte, 90)}, Cutting{})); err != nil {
				return
			}
		}
	}()
	c = NewConn(a2, Options{MaxBytes: 1000})
	var err error
	for n := 0; err == nil && n < 1000; n++ {
		_, err = c.ReadMessage(5 * time.Second)
	}
	if !errors.Is(err, ErrFlood) {
		t.Errorf("a flood is %v", err)
	}
}

func TestSharedObjects(t *testing.T) {
	so := &SharedObject{Name: "x", Version: 3, Flags: 2, Events: []SharedEvent{{Type: SOUse}, {SORequestChange, SharedChange("score", 42.0)}, {SOSend, Append0(nil, "shout", 1.0)}}}
	m := SharedMessage(false, so)
	want := "000178 00000003 00000002 00000000 01 00000000 03 00000010 0005 73636f7265 00 4045000000000000 06 00000011 02 0005 73686f7574 00 3ff0000000000000"
	if !bytes.Equal(m.Payload, unhex(t, want)) {
		t.Errorf("written as %x", m.Payload)
	}
	if got, want := Describe(m), `SharedObject "x" version 3 flags 2: Use RequestChange(score = 42) SendMessage(["shout", 1])`; got != want {
		t.Errorf("read as %s", got)
	}
}
