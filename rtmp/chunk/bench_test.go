package chunk

import (
	"encoding/binary"
	"fmt"
	"testing"
)

func BenchmarkReadMessage(b *testing.B) {
	for _, size := range []int{4096, 65536} {
		for _, step := range []int{1 << 20, 1448} {
			b.Run(fmt.Sprintf("chunk=%d/read=%d", size, step), func(b *testing.B) {
				one := Append(nil, &Message{Type: TypeVideo, CSID: 6, StreamID: 1, Timestamp: 40, Payload: make([]byte, 10_000)}, size)
				lead := Append(nil, &Message{Type: TypeSetChunkSize, CSID: 2, Payload: binary.BigEndian.AppendUint32(nil, uint32(size))}, 0)
				r := NewReader(&endless{lead: lead, data: one, step: step}, Limits{})
				b.SetBytes(10_000)
				b.ReportAllocs()
				var m Message
				for b.Loop() {
					if err := r.ReadMessage(&m); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	for _, size := range []int{128, 4096, 65536} {
		b.Run(fmt.Sprintf("chunk=%d", size), func(b *testing.B) {
			m := Message{Type: TypeVideo, CSID: 6, StreamID: 1, Timestamp: 1 << 30, Payload: make([]byte, 10_000)}
			dst := make([]byte, 0, Size(&m, size))
			b.SetBytes(10_000)
			b.ReportAllocs()
			for b.Loop() {
				Append(dst, &m, size)
			}
		})
	}
}
