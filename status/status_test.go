package status

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"penstock/amf"
)

func command(name string, transaction float64, values ...amf.Value) []amf.Value {
	return append([]amf.Value{name, transaction}, values...)
}

// wireCases are message bodies of genuine servers, or built from their
// documents, with the Status that makes them.
func wireCases() []struct {
	name, hex string
	size      int
	values    []amf.Value
} {
	return []struct {
		name, hex string
		size      int
		values    []amf.Value
	}{
		{"connect result of FMS 4.5", "0200075f726573756c74003ff0000000000000030006666d7356657202000d464d532f342c352c322c353234000c6361" +
			"706162696c697469657300405fc0000000000000046d6f6465003ff00000000000000000090300056c6576656c020006" +
			"7374617475730004636f646502001d4e6574436f6e6e656374696f6e2e436f6e6e6563742e53756363657373000b6465" +
			"736372697074696f6e020015436f6e6e656374696f6e207375636365656465642e000e6f626a656374456e636f64696e" +
			"670000000000000000000004646174610800000001000776657273696f6e020009342c352c322c353234000009000009", 240,
			command("_result", 1,
				amf.NewObject(amf.Prop{Key: "fmsVer", Value: "FMS/4,5,2,524"}, amf.Prop{Key: "capabilities", Value: 127.0}, amf.Prop{Key: "mode", Value: 1.0}),
				ConnectSuccess.For().With("objectEncoding", 0.0).
					With("data", amf.NewECMA(amf.Prop{Key: "version", Value: "4,5,2,524"})).Object())},
		{"rejection by an FMS", "0200065f6572726f72003ff0000000000000050300056c6576656c0200056572726f720004636f646502001e4e657443" +
			"6f6e6e656374696f6e2e436f6e6e6563742e52656a6563746564000b6465736372697074696f6e0200415b2053657276" +
			"65722e52656a656374205d203a205669727475616c20686f7374205f64656661756c7456486f73745f206973206e6f74" +
			"20617661696c61626c652e000009", 158,
			command("_error", 1, nil,
				Newf(ConnectRejected, "[ Server.Reject ] : Virtual host %s is not available.", "_defaultVHost_").Object())},
		{"rejection by a script on AMS 5", "0200065f6572726f72003ff0000000000000050300056c6576656c0200056572726f720004636f646502001e4e657443" +
			"6f6e6e656374696f6e2e436f6e6e6563742e52656a6563746564000b6465736372697074696f6e020012436f6e6e6563" +
			"74696f6e206661696c65642e000b6170706c69636174696f6e05000009", 125,
			command("_error", 1, nil, ConnectRejected.For().With("application", nil).Object())},
		{"redirect", "0200065f6572726f72003ff0000000000000050300056c6576656c0200056572726f720004636f646502001e4e657443" +
			"6f6e6e656374696f6e2e436f6e6e6563742e52656a6563746564000b6465736372697074696f6e020011436f6e6e6563" +
			"74696f6e206661696c656400026578030004636f6465004072e000000000000008726564697265637402001472746d70" +
			"3a2f2f622e6578616d706c652f617070000009000009", 166,
			command("_error", 1, nil, New(ConnectRejected, "Connection failed").
				With("ex", amf.NewObject(amf.Prop{Key: "code", Value: 302.0}, amf.Prop{Key: "redirect", Value: "rtmp://b.example/app"})).Object())},
		{"unknown method", "0200065f6572726f72004000000000000000050300056c6576656c0200056572726f720004636f64650200194e657443" +
			"6f6e6e656374696f6e2e43616c6c2e4661696c6564000b6465736372697074696f6e0200214d6574686f64206e6f7420" +
			"666f756e64202872656c6561736553747265616d292e000009", 121,
			command("_error", 2, nil, For(CallFailed, "releaseStream").Object())},
		{"Play.Reset of an FMS", "0200086f6e537461747573000000000000000000050300056c6576656c0200067374617475730004636f64650200144e" +
			"657453747265616d2e506c61792e5265736574000b6465736372697074696f6e02002a506c6179696e6720616e642072" +
			"6573657474696e672050445f456e676c6973685f4c6f7740323030312e000764657461696c7302001350445f456e676c" +
			"6973685f4c6f7740323030310008636c69656e746964020008" + "64734c67596f6862000009", 180,
			command("onStatus", 0, nil, PlayReset.For("PD_English_Low@2001").
				With("details", "PD_English_Low@2001").With("clientid", "dsLgYohb").Object())},
		{"Data.Start of an FMS", "0200086f6e537461747573030004636f64650200144e657453747265616d2e446174612e5374617274000009", 44,
			[]amf.Value{"onStatus", DataStart.For().Object()}},
	}
}

func TestWire(t *testing.T) {
	for _, c := range wireCases() {
		t.Run(c.name, func(t *testing.T) {
			want, err := hex.DecodeString(c.hex)
			if err != nil || len(want) != c.size {
				t.Fatalf("%v, %d bytes, want %d", err, len(want), c.size)
			}
			got, err := amf.Append0(nil, c.values...)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(hex.Dump(want), hex.Dump(got)); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
			values, err := amf.NewDecoder(want, amf.AMF0).DecodeAll()
			if err != nil {
				t.Fatal(err)
			}
			s, ok := FromObject(values[len(values)-1])
			if !ok {
				t.Fatal("not an information object")
			}
			values[len(values)-1] = s.Object()
			if again, err := amf.Append0(nil, values...); err != nil || string(again) != string(want) {
				t.Errorf("read and written again: %x, %v", again, err)
			}
		})
	}
}

// Flash Player's answer to a call that it has no method for, from a capture:
// the order is code, level, and there is no description.
func TestFromFlashPlayer(t *testing.T) {
	in, _ := hex.DecodeString("0200065f6572726f7200400000000000000005030004636f64650200194e6574436f6e6e656374696f6e2e43616c6c2e" +
		"4661696c656400056c6576656c0200056572726f72000009")
	values, err := amf.NewDecoder(in, amf.AMF0).DecodeAll()
	if err != nil || len(in) != 72 {
		t.Fatal(err, len(in))
	}
	got, ok := FromObject(values[3])
	if want := (&Status{Level: LevelError, Code: CallFailed}); !ok || !cmp.Equal(got, want) {
		t.Errorf("got %+v, %v; want %+v", got, ok, want)
	}
}

func TestFromObject(t *testing.T) {
	p := func(k string, v amf.Value) amf.Prop { return amf.Prop{Key: k, Value: v} }
	for _, c := range []struct {
		name string
		in   amf.Value
		want *Status
	}{
		{"any order, extra kept in order", amf.NewObject(p("z", 1.0), p("description", "d"), p("code", "X.Y"), p("level", "warning"), p("a", nil)),
			&Status{"warning", "X.Y", "d", []amf.Prop{p("z", 1.0), p("a", nil)}}},
		{"ECMA array", amf.NewECMA(p("code", "X.Y")), &Status{Code: "X.Y"}},
		{"description of another type", amf.NewObject(p("code", "X.Y"), p("description", nil), p("level", 7.0)),
			&Status{Code: "X.Y", Extra: []amf.Prop{p("description", nil), p("level", 7.0)}}},
		{"last duplicate wins", amf.NewObject(p("code", "X"), p("code", "Y")), &Status{Code: "Y"}},
		{"no code", amf.NewObject(p("level", "error")), nil},
		{"empty code", amf.NewObject(p("code", "")), nil},
		{"code is a number", amf.NewObject(p("code", 302.0)), nil},
		{"null", nil, nil},
		{"string", "NetStream.Play.Start", nil},
		{"nil object", (*amf.Object)(nil), nil},
	} {
		got, ok := FromObject(c.in)
		if ok != (c.want != nil) || !cmp.Equal(got, c.want) {
			t.Errorf("%s: got %+v, %v; want %+v", c.name, got, ok, c.want)
		}
	}
}

func keys(o *amf.Object) string {
	var s []string
	for _, p := range o.Props {
		s = append(s, p.Key)
	}
	return strings.Join(s, ",")
}

func TestObject(t *testing.T) {
	for _, c := range []struct {
		name  string
		s     *Status
		keys  string
		level string
	}{
		{"default order", New(PlayFailed, "x").With("details", 1.0).With("clientid", 2.0), "level,code,description,details,clientid", "error"},
		{"description kept though empty", New(PlayFailed, ""), "level,code,description", "error"},
		{"catalogue has no description", PlaySwitch.For(), "level,code", "status"},
		{"but the caller has", New(PlaySwitch, "x"), "level,code,description", "status"},
		{"code only", New(DataStart, ""), "code", ""},
		{"unknown code", New("My.Own.Code", ""), "level,code,description", "error"},
		{"level from the catalogue", &Status{Code: PlayInsufficientBW}, "level,code,description", "warning"},
		{"level of an unknown code", &Status{Code: "My.Own.Code"}, "level,code,description", "error"},
		{"level of the caller", &Status{Level: "warning", Code: PlayStart}, "level,code,description", "warning"},
	} {
		o := c.s.Object()
		if keys(o) != c.keys || o.String("level") != c.level || o.String("code") != string(c.s.Code) {
			t.Errorf("%s: %s", c.name, amf.Format(o))
		}
	}
}

func TestWithCopies(t *testing.T) {
	base := New(PlayStart, "d").With("a", 1.0)
	one, two := base.With("b", 2.0), base.With("c", 3.0)
	if keys(base.Object()) != "level,code,description,a" || keys(one.Object()) != "level,code,description,a,b" ||
		keys(two.Object()) != "level,code,description,a,c" {
		t.Errorf("%v %v %v", base.Extra, one.Extra, two.Extra)
	}
}

func TestFor(t *testing.T) {
	for _, c := range []struct {
		code Code
		args []string
		want string
	}{
		{PlayStart, []string{"camera"}, "Started playing camera."},
		{PlayStart, []string{"100%s"}, "Started playing 100%s."},
		{PlayStart, nil, "Started playing ."},
		{PlayStreamNotFound, []string{"x"}, "Failed to play x; stream not found."},
		{SeekNotify, []string{"1500", "1"}, "Seeking 1500 (stream ID: 1)."},
		{ConnectSuccess, []string{"unused"}, "Connection succeeded."},
		{PublishBadName, []string{"x"}, "x is already being published."},
		{PublishDenied, []string{"x"}, "Publishing x is not allowed."},
		{ConnectAppShutdown, []string{"live"}, "Application live is shutting down."},
		{PlaySwitch, []string{"x"}, ""},
		{"My.Own.Code", []string{"x"}, ""},
	} {
		s := For(c.code, c.args...)
		if s.Description != c.want || s.Code != c.code {
			t.Errorf("For(%s, %q) = %v, want %q", c.code, c.args, s, c.want)
		}
	}
}

func TestErrors(t *testing.T) {
	s := New(PublishBadName, "x is already being published.")
	err := fmt.Errorf("publish: %w", s)
	if got, ok := Of(err); !ok || got != s {
		t.Errorf("Of: %v, %v", got, ok)
	}
	for _, err := range []error{nil, errors.New("x"), (*Status)(nil)} {
		if got, ok := Of(err); ok || got != nil {
			t.Errorf("Of(%#v): %v, %v", err, got, ok)
		}
	}
	if !errors.Is(err, &Status{Code: PublishBadName}) || errors.Is(err, &Status{Code: PublishDenied}) ||
		errors.Is(err, (*Status)(nil)) {
		t.Error("errors.Is does not compare codes")
	}
	for want, err := range map[string]error{
		"publish: NetStream.Publish.BadName: x is already being published.": err,
		"NetStream.Data.Start": New(DataStart, ""),
		"<nil>":                (*Status)(nil),
	} {
		if err.Error() != want {
			t.Errorf("%q, want %q", err.Error(), want)
		}
	}
}

func TestRefuses(t *testing.T) {
	for code, want := range map[Code]bool{
		PublishDenied: true, PublishBadName: true, ConnectRejected: true, CallProhibited: true, "Acme.Quota.Used2": true, "A.b": true,
		PublishStart: false, ConnectSuccess: false, ConnectClosed: false, PlayInsufficientBW: false,
		"": false, "Denied": false, ".": false, "A.": false, ".A": false, "a.B": false, "A.2": false, "A.B C": false, "A.B\n": false, "A.É": false,
		Code("A." + strings.Repeat("b", MaxCode)): false,
	} {
		if got := code.Refuses(); got != want {
			t.Errorf("%q: %v", code, got)
		}
	}
}
