package servercases

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"

	"penstock/internal/conformance/judge"
	"penstock/internal/conformance/wire"
)

func amf() []judge.Case {
	return section("amf", "AMF0 and AMF3", []judge.Case{
		{Case: about("connect-types", "", required, "AMF0 values in connect", "A connect whose object has numbers, booleans, texts, objects, arrays, null and undefined among its properties is accepted.", "AMF0 §2"),
			Run: func(t *judge.Trial) error { return joinWith(t, t.ConnectObject(t.App, usualTypes()...)) }},
		{Case: about("connect-rare-types", "", recommended, "rare AMF0 values in connect", "A connect whose object has a date, an XML document and a typed object among its properties is accepted.", "AMF0 §2.13, §2.17, §2.18"),
			Run: func(t *judge.Trial) error { return joinWith(t, t.ConnectObject(t.App, rareTypes()...)) }},
		{Case: about("connect-arguments", "", required, "arguments behind the object", "A connect with arguments behind its object is accepted.", "RTMP 1.0 §7.2.1.1; encoders that send user and password so"), Run: connectArguments},
		{Case: about("connect-ecma", "", recommended, "connect's object as ECMA array", "A connect whose object is an ECMA array is accepted.", "AMF0 §2.10; old clients"), Run: connectECMA},
		{Case: about("reference", "", recommended, "references", "A reference to an earlier object is understood, and what follows it too.", "AMF0 §2.9"), Run: amfReference},
		{Case: about("ecma-count", "", required, "the count of an ECMA array is a hint", "Metadata whose ECMA array has another count than properties is understood.", "AMF0 §2.10; OBS Studio writes 20"), Run: ecmaCount},
		{Case: about("long-string", "", optional, "long strings", "Metadata with a string of 70000 bytes reaches players. (A server may refuse to keep so much.)", "AMF0 §2.14"), Run: longString},
		{Case: about("unicode", "", required, "UTF-8 in names", "A stream whose name is not ASCII is published and played.", "AMF0 §1.3.1"), Run: unicode},
		{Case: about("echo", "", optional, "values there and back", "A method that returns its argument returns values of every AMF0 type unchanged.", "AMF0 §2"), Run: echo0, Once: true},
		{Case: about("echo-amf3", "", optional, "AMF3 values there and back", "A method that returns its argument returns values of AMF3 types unchanged.", "AMF3 §3"), Run: echo3, Once: true},
		{Case: about("only-amf0", "", required, "AMF0 when AMF0 was agreed", "A client that did not ask for AMF3 gets no message of types 15, 16 and 17.", "RTMP 1.0 §7.1.1"), Run: onlyAMF0, Once: true},
		{Case: about("object-encoding", "", required, "the answer to objectEncoding 3", "A client that asks for AMF3 is accepted, and told an objectEncoding of 3 or 0, or none.", "RTMP 1.0 §7.2.1.1"), Run: encodingAnswer, Once: true},
		{Case: about("amf3-commands", "", optional, "commands of type 17", "After objectEncoding 3 was agreed, commands of type 17 are answered, with AMF3 values among their arguments.",
			"RTMP 1.0 §7.1.1; Flash Player 9 and later"), Run: amf3Commands, Once: true},
		{Case: about("connect-answer-amf0", "", optional, "connect is answered in AMF0", "The answer to connect is of type 20, also to a client that asks for AMF3.", "Red5, RTMPy: Flash Player reads no other"), Run: answerAMF0, Once: true},
		{Case: about("object-encoding-other", "", optional, "an encoding that does not exist", "A connect with objectEncoding 1 is answered by _error.", asReference), Run: encodingOther, Once: true},
	})
}

func joinWith(t *judge.Trial, object any, args ...any) error {
	c, err := t.Open("")
	if err != nil {
		return err
	}
	h, err := c.Connect(object, args...)
	if err != nil {
		return err
	}
	if h.Cmd.Name != "_result" {
		return judge.Differs("_result", wire.Describe(h.Message))
	}
	return c.Barrier()
}

// usualTypes is a property of each type of AMF0 that clients send.
func usualTypes() []any {
	ecma := wire.Obj("a", 1, "b", "two")
	ecma.ECMA = true
	return []any{
		"checkNumber", 1.5, "checkTrue", true, "checkString", "text", "checkObject", wire.Obj("inner", wire.Obj("deep", 1)), "checkNull", nil,
		"checkUndefined", wire.Undefined{}, "checkECMA", ecma, "checkStrict", wire.Array{1.0, "x", nil}, "checkEmpty", "",
	}
}

// rareTypes are the others.
func rareTypes() []any {
	typed := wire.Obj("x", 1)
	typed.Class = "com.example.Point"
	return []any{"checkDate", wire.Date(1.7e12), "checkXML", wire.XML("<a/>"), "checkTyped", typed}
}

func connectArguments(t *judge.Trial) error {
	return joinWith(t, t.ConnectObject(t.App), "text", 2.0, nil, wire.Obj("a", 1))
}

func connectECMA(t *judge.Trial) error {
	o := t.ConnectObject(t.App)
	o.ECMA = true
	return joinWith(t, o)
}

func amfReference(t *judge.Trial) error {
	c, err := t.Join("")
	if err != nil {
		return err
	}
	txn := c.NextTransaction()
	m := wire.CommandMessage(false, 0, &wire.Command{Name: "createStream", Transaction: txn, Object: wire.Obj("a", 1)})
	m.Payload = append(m.Payload, 0x07, 0, 0) // the first complex value: the object
	if err := c.Send(m); err != nil {
		return err
	}
	return answered(c, txn, "a command with a reference")
}

func ecmaCount(t *judge.Trial) error {
	p, id, err := published(t, t.Stream(""))
	if err != nil {
		return err
	}
	m := metadata(id)
	at := bytes.IndexByte(m.Payload, 0x08)
	binary.BigEndian.PutUint32(m.Payload[at+1:], 20)
	return metadataArrives(t, p, id, m, wire.Prop{Key: "width", Value: 640.0})
}

// metadataArrives checks that a player gets a property of metadata.
func metadataArrives(t *judge.Trial, p *judge.Conn, id uint32, m *wire.Message, want wire.Prop) error {
	if err := p.Send(wire.ControlValue(wire.TypeSetChunkSize, 4096), m, videoMessage(id, 0, videoHeader), audioMessage(id, 0, audioHeader), picture(id, 0, true, 0)); err != nil {
		return err
	}
	if err := p.Barrier(); err != nil {
		return err
	}
	c, _, err := played(t, t.Stream(""))
	if err != nil {
		return err
	}
	if err := c.Barrier(); err != nil {
		return err
	}
	if err := p.Send(picture(id, 40, true, 1), audio(id, 40, 1)); err != nil {
		return err
	}
	h, err := c.Await("onMetaData", isMetadata)
	if err != nil {
		return err
	}
	if got, _ := h.Cmd.Info().Get(want.Key); got != want.Value {
		return judge.Differs(want.Key+" as sent", wire.Describe(h.Message))
	}
	return nil
}

func longString(t *judge.Trial) error {
	p, id, err := published(t, t.Stream(""))
	if err != nil {
		return err
	}
	text := strings.Repeat("long text ", 7000)
	o := wire.Obj("width", 640, "text", text)
	o.ECMA = true
	return metadataArrives(t, p, id, wire.DataMessage(id, 0, "@setDataFrame", "onMetaData", o), wire.Prop{Key: "text", Value: text})
}

func unicode(t *judge.Trial) error {
	name := t.Stream("") + "-käse-日本-🎥"
	p, id, err := published(t, name)
	if err != nil {
		return err
	}
	if err := sendHeaders(p, id); err != nil {
		return err
	}
	c, _, err := played(t, name)
	if err != nil {
		return err
	}
	if err := c.Barrier(); err != nil {
		return err
	}
	if err := relay(p, c, "a key frame", picture(id, 40, true, 2)); err != nil {
		return err
	}
	for _, h := range append(p.All(), c.All()...) {
		if h.IsStatus("NetStream.") {
			if d := h.Cmd.Info().Text("details"); d != "" && d != name {
				return judge.Differs(fmt.Sprintf("details %q", name), fmt.Sprintf("details %q", d))
			}
		}
	}
	return nil
}

// echo calls the echo method with each value in turn.
func echo(t *judge.Trial, values []any) error {
	if t.EchoMethod == "" {
		return judge.Needs("a method that returns its argument (--echo-method NAME, with --method-app APP)")
	}
	c, err := t.Open("")
	if err != nil {
		return err
	}
	if err := c.JoinApp(methodApp(t)); err != nil {
		return err
	}
	if err := c.Barrier(); err != nil {
		return err
	}
	for _, v := range values {
		h, err := c.Ask(t.EchoMethod, v)
		if err != nil {
			return err
		}
		if want, got := wire.Format(v), wire.Format(h.Cmd.Arg(0)); h.Cmd.Name != "_result" || !same(want, got) {
			return judge.Differs(want, wire.Describe(h.Message))
		}
	}
	return nil
}

// same compares printed values; an integer and a number of the same size are the same to every client.
func same(want, got string) bool {
	strip := func(s string) string { return strings.ReplaceAll(strings.ReplaceAll(s, "int ", ""), "ecma{", "{") }
	return strip(want) == strip(got)
}

func echo0(t *judge.Trial) error {
	var values []any
	for i, v := range append(usualTypes(), rareTypes()...) {
		if i%2 == 1 {
			values = append(values, v)
		}
	}
	return echo(t, append(values, strings.Repeat("long text ", 7000)))
}

func echo3(t *judge.Trial) error {
	o := wire.Obj("a", wire.Int(5), "b", "text", "c", wire.Array{wire.Int(-1), 2.5, nil, true})
	o.AMF3 = true
	return echo(t, []any{wire.Int(1<<28 - 1), wire.Int(-1 << 28), wire.Bytes("bytes"), o})
}

func onlyAMF0(t *judge.Trial) error {
	t.AMF3 = false // whatever the others are run with
	p, c, id, err := pair(t)
	if err != nil {
		return err
	}
	if err := relay(p, c, "a key frame", picture(id, 40, true, 2)); err != nil {
		return err
	}
	if _, err := c.Ask("penstockCheckNoSuchMethod"); err != nil {
		c.Raw.Note("the unknown method was not answered, which another case judges")
	}
	for _, h := range append(p.All(), c.All()...) {
		if h.Type == wire.TypeData3 || h.Type == wire.TypeShared3 || h.Type == wire.TypeCommand3 {
			return judge.Differs("types 18, 19 and 20", wire.Describe(h.Message))
		}
	}
	return nil
}

// asking3 connects and asks for AMF3, whatever the mode.
func asking3(t *judge.Trial) (*judge.Conn, *judge.Heard, error) {
	c, err := t.Open("")
	if err != nil {
		return nil, nil, err
	}
	o := t.ConnectObject(t.App)
	if !t.AMF3 {
		o.Props = append(o.Props, wire.Prop{Key: "objectEncoding", Value: 3.0})
	}
	h, err := c.Connect(o)
	if err != nil {
		return nil, nil, err
	}
	if h.Cmd.Name != "_result" {
		return nil, nil, judge.Differs("_result", wire.Describe(h.Message))
	}
	if n, _ := c.Info.Number("objectEncoding"); n == 3 {
		c.Encoding = 3
	}
	return c, h, nil
}

func encodingAnswer(t *judge.Trial) error {
	c, _, err := asking3(t)
	if err != nil {
		return err
	}
	v, has := c.Info.Get("objectEncoding")
	if n, ok := wire.Number(v); has && (!ok || n != 0 && n != 3) {
		return judge.Differs("objectEncoding 0 or 3", wire.Format(v))
	}
	return nil
}

func answerAMF0(t *judge.Trial) error {
	_, h, err := asking3(t)
	if err != nil {
		return err
	}
	if h.Type != wire.TypeCommand0 {
		return judge.Differs("type 20", wire.Describe(h.Message))
	}
	return nil
}

func amf3Commands(t *judge.Trial) error {
	c, _, err := asking3(t)
	if err != nil {
		return err
	}
	if c.Encoding != 3 {
		return judge.Differs("objectEncoding 3", "objectEncoding "+wire.Format(first(c.Info.Get("objectEncoding"))))
	}
	o := wire.Obj("a", wire.Int(1), "b", "text")
	o.AMF3 = true
	txn := c.NextTransaction()
	if err := c.Command(0, &wire.Command{Name: "createStream", Transaction: txn, Args: []any{o, wire.Int(7)}}); err != nil {
		return err
	}
	return answered(c, txn, "createStream of type 17")
}

func first(v any, _ bool) any { return v }

func encodingOther(t *judge.Trial) error {
	c, err := t.Open("")
	if err != nil {
		return err
	}
	o := t.ConnectObject(t.App)
	for i, p := range o.Props {
		if p.Key == "objectEncoding" {
			o.Props = append(o.Props[:i:i], o.Props[i+1:]...)
			break
		}
	}
	o.Props = append(o.Props, wire.Prop{Key: "objectEncoding", Value: 1.0})
	h, err := c.Connect(o)
	if err != nil {
		return err
	}
	if h.Cmd.Name != "_error" {
		return judge.Differs("_error", wire.Describe(h.Message))
	}
	return nil
}
