package remoting

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"penstock/amf"
	"penstock/status"
)

// message is a message as Flex and PyAMF send it.
func message(class string, props ...amf.Prop) amf.Value {
	props = append([]amf.Prop{{Key: "messageId", Value: "ID-1"}, {Key: "clientId", Value: nil}}, props...)
	return &amf.Object{Class: class, Static: true, Sealed: len(props), Props: props}
}

func remote(destination, source, operation string, args ...amf.Value) amf.Value {
	var from amf.Value
	if source != "" {
		from = source
	}
	return message(flexRemoting, amf.Prop{Key: "destination", Value: destination}, amf.Prop{Key: "source", Value: from},
		amf.Prop{Key: "operation", Value: operation}, amf.Prop{Key: "body", Value: amf.NewArray(args...)})
}

func command(operation int32, props ...amf.Prop) amf.Value {
	return message(flexCommand, append(props, amf.Prop{Key: "operation", Value: operation})...)
}

func login(text string) amf.Value {
	return command(flexLogin, amf.Prop{Key: "body", Value: base64.StdEncoding.EncodeToString([]byte(text))})
}

// What RemoteObject sends, and what it is answered: the body, or the fault's code and text.
func TestFlex(t *testing.T) {
	url := gateway(t, Options{})
	small := &amf.Externalizable{Class: "DSC", Props: []amf.Prop{
		{Key: "messageIdBytes", Value: &amf.ByteArray{Data: []byte("0123456789abcdef")}}, {Key: "operation", Value: int32(flexPing)}}}
	for _, tt := range []struct {
		name, path string
		message    amf.Value
		want       string
	}{
		{"ping", "", command(flexPing), "null"},
		{"a small ping", "", small, "null"},
		{"a call", "", remote("chat", "", "echo", "a", int32(7)), `["a" 7]`},
		{"application in the path", "/chat", remote("whatever", "", "echo", "a"), `["a"]`},
		{"an instance", "", remote("chat/room", "", "who"), `"@room"`},
		{"a source", "", remote("chat", "a.b", "c"), "NetConnection.Call.Failed: Method not found (a.b.c)."},
		{"no method", "", remote("chat", "", "nothing"), "NetConnection.Call.Failed: Method not found (nothing)."},
		{"the application's own words", "", remote("chat", "", "words"), "Chat.Full: Come back later."},
		{"no destination", "", remote("", "", "echo"), "NetConnection.Call.Failed: Method not found (echo)."},
		{"credentials of the message", "", message(flexRemoting, amf.Prop{Key: "destination", Value: "chat"}, amf.Prop{Key: "operation", Value: "who"},
			amf.Prop{Key: "headers", Value: amf.NewObject(amf.Prop{Key: "DSRemoteCredentials", Value: base64.StdEncoding.EncodeToString([]byte("ann:x"))})}), `"ann@_definst_"`},
		{"log-in", "/desk", login("ann:right"), `"success"`},
		{"a wrong log-in", "/desk", login("ann:wrong"), "Client.Authentication: Wrong password."},
		{"a log-in without a password", "/desk", login("ann"), "Client.Authentication: A log-in is"},
		{"a log-in to nothing", "", login("ann:right"), "Client.Authentication: A log-in is"},
		{"log-out", "/desk", command(flexLogout), `"success"`},
		{"subscribe", "/desk", command(0), "NetConnection.Call.Prohibited: There is no messaging here"},
		{"a message for others", "", message(flexPackage + "AsyncMessage"), "NetConnection.Call.Prohibited: There is no messaging here"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := &Packet{Version: 3, Bodies: []Body{{Target: "null", Response: "/1", Value: amf.NewArray(tt.message)}}}
			b := ask(t, url+tt.path, p).Bodies[0]
			o, _ := b.Value.(*amf.Object)
			if o == nil {
				t.Fatalf("%s %s", b.Target, amf.Format(b.Value))
			}
			body, _ := o.Get("body")
			got, class, target := amf.Format(body), flexAck, "/1/onResult"
			if code, _, isFault := strings.Cut(tt.want, ": "); isFault && strings.Contains(code, ".") {
				got, class, target = o.String("faultCode")+": "+o.String("faultString"), flexError, "/1/onStatus"
			}
			id := "ID-1"
			if tt.message == amf.Value(small) {
				id = "30313233-3435-3637-3839-616263646566"
			}
			if !strings.HasPrefix(got, tt.want) || o.Class != class || b.Target != target || o.String("correlationId") != id ||
				len(o.String("messageId")) != 36 || len(o.String("clientId")) != 36 {
				t.Errorf("%s %s, want %s", b.Target, amf.Format(o), tt.want)
			}
		})
	}
}

// Flex logs in once; its session knows it afterwards, until it logs out.
func TestFlexLogin(t *testing.T) {
	url := gateway(t, Options{}) + "/desk"
	say := func(url string, m amf.Value) *Packet {
		return ask(t, url, &Packet{Version: 3, Bodies: []Body{{Target: "null", Response: "/1", Value: amf.NewArray(m)}}})
	}
	who := func(url string) amf.Value {
		v, _ := say(url, remote("", "", "who")).Bodies[0].Value.(*amf.Object).Get("body")
		return v
	}
	suffix := sessionOf(t, say(url, login("ann:right")))
	if got := who(url + suffix); got != "ann" {
		t.Errorf("logged in: %v", got)
	}
	if got := who(url); got != "" {
		t.Errorf("somebody else: %v", got)
	}
	say(url+suffix, command(flexLogout))
	if got := who(url + suffix); got != "" {
		t.Errorf("logged out: %v", got)
	}
}

// The messages of PyAMF's tests: what a client sends is known, and what we answer has the members that PyAMF gives it.
func TestFlexVectors(t *testing.T) {
	dir := os.Getenv("PENSTOCK_VECTORS")
	if dir == "" {
		dir = filepath.Join("..", "..", "shared", "vectors")
	}
	b, err := os.ReadFile(filepath.Join(dir, "pyamf-amf3.json"))
	if err != nil {
		t.Skip("no vectors: ", err)
	}
	var all struct {
		Vectors []struct{ Module, Hex string }
	}
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	members := func(o *amf.Object) string {
		names := make([]string, 0, len(o.Props))
		for _, p := range o.Props {
			names = append(names, p.Key)
		}
		return strings.Join(names, " ")
	}
	seen := make(map[string]int)
	for _, v := range all.Vectors {
		if !strings.HasSuffix(v.Module, "test_flex_messaging") {
			continue
		}
		value, err := amf.NewDecoder(unhex(t, v.Hex), amf.AMF3).Decode()
		if err != nil {
			t.Errorf("%s: %v", v.Hex, err)
			continue
		}
		m := flexMessage(amf.NewArray(value))
		if m == nil {
			t.Errorf("%s is no message", amf.Format(value))
			continue
		}
		seen[m.class]++
		var ours *amf.Object
		switch m.class {
		case flexAck:
			ours = m.acknowledge(nil)
		case flexError:
			ours = m.fault(Body{}, status.New(status.CallFailed, ""), "").Value.(*amf.Object)
		default:
			continue
		}
		if got, want := members(ours), members(m.props); got != want {
			t.Errorf("%s has\n%s, want\n%s", m.class, got, want)
		}
	}
	for class, n := range map[string]int{flexAck: 1, flexError: 1, flexCommand: 3, flexRemoting: 1, "DSK": 2} {
		if seen[class] != n {
			t.Errorf("%d of %s, want %d; all: %v", seen[class], class, n, seen)
		}
	}
}
