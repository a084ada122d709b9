package amf_test

import (
	"fmt"
	"time"

	"penstock/amf"
)

func ExampleMarshal() {
	type score struct {
		Player string    `amf:"player"`
		Points int       `amf:"points"`
		At     time.Time `amf:"at,omitempty"`
		Note   string    `amf:"note,omitempty"`
	}
	b, err := amf.Marshal(score{Player: "ann", Points: 7}, amf.AMF0)
	fmt.Printf("%x %v\n", b, err)

	var s score
	err = amf.Unmarshal(b, amf.AMF0, &s)
	fmt.Println(s.Player, s.Points, err)
	// Output:
	// 030006706c61796572020003616e6e0006706f696e747300401c000000000000000009 <nil>
	// ann 7 <nil>
}

func ExampleDecoder() {
	message := []byte("\x02\x00\x04play\x00\x00\x00\x00\x00\x00\x00\x00\x00\x05\x02\x00\x04cam1")
	d := amf.NewDecoder(message, amf.AMF0)
	for d.More() {
		v, err := d.Decode()
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(amf.Format(v))
	}
	// Output:
	// "play"
	// 0
	// null
	// "cam1"
}

func ExampleDecoder_limits() {
	nested := []byte("\x0a\x00\x00\x00\x01\x0a\x00\x00\x00\x01\x0a\x00\x00\x00\x00")
	_, err := amf.NewDecoderLimits(nested, amf.AMF0, amf.Limits{Depth: 2}).Decode()
	fmt.Println(err)
	// Output:
	// amf: nested too deep at byte 11 in [0][0][0]
}

func ExampleAppend0() {
	info := amf.NewObject(
		amf.Prop{Key: "level", Value: "status"},
		amf.Prop{Key: "code", Value: "NetStream.Data.Start"})
	b, err := amf.Append0(nil, "onStatus", info)
	fmt.Println(len(b), err)
	// Output:
	// 60 <nil>
}

func ExampleAssign() {
	var seek struct {
		Millis int `amf:"ms"`
	}
	err := amf.Assign(&seek, amf.NewObject(amf.Prop{Key: "ms", Value: 1e300}))
	fmt.Println(err)
	// Output:
	// amf: number does not fit: number 1e+300 to int in .ms
}

func ExampleAppendJSON() {
	v := amf.NewECMA(amf.Prop{Key: "width", Value: 1920.0}, amf.Prop{Key: "encoder", Value: amf.Undefined})
	b, err := amf.AppendJSON(nil, v)
	fmt.Println(string(b), err)
	// Output:
	// {"width":1920,"encoder":null} <nil>
}
