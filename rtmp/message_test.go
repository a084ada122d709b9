package rtmp

import (
	"encoding/hex"
	"errors"
	"testing"

	"penstock/rtmp/chunk"
)

// controlMessages are the bytes of the protocol's control messages: a chunk head of twelve
// bytes (chunk stream 2, timestamp 0, message stream 0) and the body of RTMP 1.0 §5.4 and §7.1.7.
var controlMessages = []struct {
	name string
	m    *Message
	wire string
	text string // in a trace
}{
	{"SetChunkSize", SetChunkSize(4096), "02000000000004010000000000001000", "4096"},
	{"WindowAckSize", WindowAckSize(2500000), "020000000000040500000000002625a0", "2500000"},
	{"WindowAckSize of FMS 4.5", WindowAckSize(1250000), "020000000000040500000000001312d0", "1250000"},
	{"SetPeerBandwidth", SetPeerBandwidth(1250000, LimitDynamic), "020000000000050600000000001312d002", "1250000 dynamic"},
	{"SetPeerBandwidth hard", SetPeerBandwidth(1, LimitHard), "0200000000000506000000000000000100", "1 hard"},
	{"SetPeerBandwidth soft", SetPeerBandwidth(1, LimitSoft), "0200000000000506000000000000000101", "1 soft"},
	{"Acknowledgement", Acknowledgement(0xFFFFFFFE), "020000000000040300000000fffffffe", "4294967294"},
	{"StreamBegin", NewUserControl(EventStreamBegin, 0), "020000000000060400000000" + "000000000000", "StreamBegin stream 0"},
	{"StreamEOF", NewUserControl(EventStreamEOF, 1), "020000000000060400000000" + "000100000001", "StreamEOF stream 1"},
	{"StreamDry", NewUserControl(EventStreamDry, 1), "020000000000060400000000" + "000200000001", "StreamDry stream 1"},
	{"SetBufferLength", NewUserControl(EventSetBufferLength, 1, 3000), "0200000000000a0400000000" + "00030000000100000bb8", "SetBufferLength stream 1, 3000 ms"},
	{"StreamIsRecorded", NewUserControl(EventStreamIsRecorded, 1), "020000000000060400000000" + "000400000001", "StreamIsRecorded stream 1"},
	{"PingRequest", NewUserControl(EventPingRequest, 0x01020304), "020000000000060400000000" + "000601020304", "PingRequest 16909060"},
	{"PingResponse", NewUserControl(EventPingResponse, 0x01020304), "020000000000060400000000" + "000701020304", "PingResponse 16909060"},
	{"BufferEmpty", NewUserControl(EventBufferEmpty, 1), "020000000000060400000000" + "001f00000001", "BufferEmpty stream 1"},
	{"BufferReady", NewUserControl(EventBufferReady, 1), "020000000000060400000000" + "002000000001", "BufferReady stream 1"},
	{"SWFVerifyRequest", control(TypeUserControl, 0, 26, 1), "020000000000030400000000" + "001a01", "SWFVerifyRequest 01"},
	{"unknown event", NewUserControl(5, 7), "020000000000060400000000" + "000500000007", "Event(5) 00000007"},
}

func TestControlBytes(t *testing.T) {
	for _, tt := range controlMessages {
		if got := hex.EncodeToString(chunk.Append(nil, tt.m, 128)); got != tt.wire {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.wire)
		}
		if got := describe(tt.m); got != tt.text {
			t.Errorf("%s: described as %q, want %q", tt.name, got, tt.text)
		}
	}
}

var userControlTests = []struct {
	body  string
	want  UserControl
	short bool
}{
	{"000000000001", UserControl{Event: EventStreamBegin, Value: 1}, false},
	{"0000000000010203", UserControl{Event: EventStreamBegin, Value: 1}, false}, // more than needed
	{"00030000000100000bb8", UserControl{Event: EventSetBufferLength, Value: 1, Length: 3000}, false},
	{"0006fffffffe", UserControl{Event: EventPingRequest, Value: 0xFFFFFFFE}, false},
	{"0007fffffffe", UserControl{Event: EventPingResponse, Value: 0xFFFFFFFE}, false},
	{"0005", UserControl{Event: 5}, false},
	{"001a01", UserControl{Event: EventSWFVerifyRequest}, false},
	{"", UserControl{}, true},
	{"00", UserControl{}, true},
	{"0000", UserControl{}, true},
	{"0000000000", UserControl{}, true},
	{"0003000000010000", UserControl{}, true},
	{"0006000000", UserControl{}, true},
}

func TestParseUserControl(t *testing.T) {
	for _, tt := range userControlTests {
		b, _ := hex.DecodeString(tt.body)
		u, err := ParseUserControl(b)
		var se *ShortBodyError
		if tt.short != errors.As(err, &se) {
			t.Errorf("%q: error %v", tt.body, err)
		}
		if se != nil && (se.Got >= se.Need || se.Error() == "") {
			t.Errorf("%q: %v", tt.body, se)
		}
		if err == nil && (u.Event != tt.want.Event || u.Value != tt.want.Value || u.Length != tt.want.Length) {
			t.Errorf("%q: %+v, want %+v", tt.body, u, tt.want)
		}
	}
}

func FuzzParseUserControl(f *testing.F) {
	for _, tt := range userControlTests {
		b, _ := hex.DecodeString(tt.body)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		u, err := ParseUserControl(b)
		if err == nil && len(u.Raw) != len(b)-2 {
			t.Fatalf("%x: raw %x", b, u.Raw)
		}
		_ = describeEvent(u)
		_ = describe(&Message{Type: TypeUserControl, Payload: b})
	})
}

func TestNames(t *testing.T) {
	for typ, want := range map[uint8]string{1: "SetChunkSize", 2: "Abort", 3: "Acknowledgement", 4: "UserControl", 5: "WindowAckSize",
		6: "SetPeerBandwidth", 8: "Audio", 9: "Video", 15: "Data(AMF3)", 16: "SharedObject(AMF3)", 17: "Command(AMF3)", 18: "Data",
		19: "SharedObject", 20: "Command", 22: "Aggregate", 7: "Unknown", 255: "Unknown"} {
		if got := TypeName(typ); got != want {
			t.Errorf("type %d: %q, want %q", typ, got, want)
		}
	}
	if got := PeerBandwidthLimit(9).String(); got != "PeerBandwidthLimit(9)" {
		t.Error(got)
	}
}
