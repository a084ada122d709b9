package chunk

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"
)

func FuzzReader(f *testing.F) {
	for _, tt := range wireTests {
		f.Add(unhex(tt.wire))
	}
	for _, tt := range limitTests {
		if len(tt.bad) < 10_000 {
			f.Add(tt.bad)
		}
	}
	small := Limits{Message: 1000, Command: 500, ChunkStreams: 4, Partial: 2, Reassembly: 1500, MinChunkSize: 1}
	f.Fuzz(func(t *testing.T, wire []byte) {
		for _, l := range []Limits{{}, small} {
			got, err := readChecked(t, bytes.NewReader(wire), l)
			again, errAgain := readChecked(t, iotest.OneByteReader(bytes.NewReader(wire)), l)
			if diff := diffMessages(got, again); diff != "" {
				t.Fatalf("messages depend on fragmentation:\n%s", diff)
			}
			if (err == nil) != (errAgain == nil) || err != nil && err.Error() != errAgain.Error() {
				t.Fatalf("errors depend on fragmentation: %v, %v", err, errAgain)
			}
			rewrite(t, got)
		}
	})
}

// readChecked reads all messages and checks what must hold for any input.
func readChecked(t *testing.T, src io.Reader, l Limits) ([]Message, error) {
	r := NewReader(src, l)
	var got []Message
	total := 0
	for {
		var m Message
		err := r.ReadMessage(&m)
		if held := heldBound(l, DefaultReadBuffer); r.Held() > held {
			t.Fatalf("%d bytes held, more than %d", r.Held(), held)
		}
		if err == io.EOF {
			return got, nil
		}
		var pe *ProtocolError
		if err != nil {
			if !errors.As(err, &pe) && err != io.ErrUnexpectedEOF {
				t.Fatalf("error of unexpected kind: %v", err)
			}
			return got, err
		}
		total += len(m.Payload) + 1
		if cap(m.Payload) != len(m.Payload) || m.Validate() != nil || uint64(total) > r.Bytes() {
			t.Fatalf("bad message: %d of %d bytes, csid %d, %d bytes in all from %d", len(m.Payload), cap(m.Payload), m.CSID, total, r.Bytes())
		}
		got = append(got, m)
	}
}

// rewrite writes what was read and reads it again.
func rewrite(t *testing.T, ms []Message) {
	for _, compact := range []bool{false, true} {
		w := Writer{Compact: compact}
		var wire []byte
		for i := range ms {
			wire = w.Append(wire, &ms[i])
		}
		got, err := readAll(NewReader(bytes.NewReader(wire), Limits{MinChunkSize: 1}))
		if err != nil {
			t.Fatalf("compact %v: %v", compact, err)
		}
		if diff := diffMessages(ms, got); diff != "" {
			t.Fatalf("compact %v: (-want +got)\n%s", compact, diff)
		}
	}
}
