package chunk_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"penstock/rtmp/chunk"
)

func Example() {
	// 200 bytes of audio at 1.5 s need two chunks.
	wire := chunk.Append(nil, &chunk.Message{
		Type:      chunk.TypeAudio,
		CSID:      chunk.CSIDAudio,
		StreamID:  1,
		Timestamp: 1500,
		Payload:   make([]byte, 200),
	}, chunk.DefaultChunkSize)
	fmt.Println(len(wire), "bytes")

	r := chunk.NewReader(bytes.NewReader(wire), chunk.Limits{})
	var m chunk.Message
	for {
		err := r.ReadMessage(&m)
		if err == io.EOF {
			break
		}
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("type %d on message stream %d at %d ms: %d bytes\n", m.Type, m.StreamID, m.Timestamp, len(m.Payload))
	}
	// Output:
	// 213 bytes
	// type 8 on message stream 1 at 1500 ms: 200 bytes
}

func ExampleLimits() {
	wire := chunk.Append(nil, &chunk.Message{Type: chunk.TypeCommand, CSID: 3, Payload: make([]byte, 20000)}, 0)

	r := chunk.NewReader(bytes.NewReader(wire), chunk.Limits{Command: 16 << 10})
	var m chunk.Message
	err := r.ReadMessage(&m)
	var limit *chunk.LimitError
	if errors.As(err, &limit) {
		fmt.Println("raise", limit.Limit, "to", limit.Value)
	}
	fmt.Println(err)
	// Output:
	// raise command_bytes to 20000
	// rtmp chunk stream 3, byte 0: command_bytes: 20000 is more than 16384
}

func ExampleWriter() {
	w := chunk.Writer{Compact: true}
	m := chunk.Message{Type: chunk.TypeAudio, CSID: chunk.CSIDAudio, StreamID: 1, Timestamp: 1000, Payload: []byte{0xAF, 1}}
	fmt.Printf("% x\n", w.Append(nil, &m))
	m.Timestamp += 23
	fmt.Printf("% x\n", w.Append(nil, &m))
	// Output:
	// 04 00 03 e8 00 00 02 08 01 00 00 00 af 01
	// 84 00 00 17 af 01
}

func ExampleSplitAggregate() {
	payload := chunk.AppendAggregate(nil, &chunk.Message{Type: chunk.TypeVideo, Timestamp: 40, Payload: []byte{0x17}})
	payload = chunk.AppendAggregate(payload, &chunk.Message{Type: chunk.TypeAudio, Timestamp: 46, Payload: []byte{0xAF}})
	m := chunk.Message{Type: chunk.TypeAggregate, CSID: 6, StreamID: 1, Timestamp: 5000, Payload: payload}

	err := chunk.SplitAggregate(&m, chunk.Limits{}, func(m *chunk.Message) error {
		fmt.Println("type", m.Type, "at", m.Timestamp, "ms")
		return nil
	})
	fmt.Println(err)
	// Output:
	// type 9 at 5000 ms
	// type 8 at 5006 ms
	// <nil>
}
