package chunk

import (
	"errors"
	"io"
	"testing"
)

// waiting is a source that notes whether its reader waited without a buffer.
type waiting struct {
	r     *Reader
	data  [][]byte
	waits int
	held  bool
	fails error
}

func (w *waiting) Wait() error {
	w.waits++
	w.held = w.held || w.r.in.buf != nil
	if len(w.data) == 0 {
		return w.fails
	}
	return nil
}

func (w *waiting) Read(p []byte) (int, error) {
	if len(w.data) == 0 {
		return 0, io.EOF
	}
	n := copy(p, w.data[0])
	if w.data[0] = w.data[0][n:]; len(w.data[0]) == 0 {
		w.data = w.data[1:]
	}
	return n, nil
}

func TestWaiter(t *testing.T) {
	message := Append(nil, &Message{Type: TypeCommand, CSID: 3, Payload: make([]byte, 100)}, 0)
	w := &waiting{fails: errors.New("reset")}
	w.r = NewReader(w, Limits{})
	for range 5 {
		w.data = append(w.data, message[:50], message[50:])
	}
	var m Message
	for i := range 5 {
		if err := w.r.ReadMessage(&m); err != nil || len(m.Payload) != 100 {
			t.Fatalf("message %d: %v", i, err)
		}
	}
	if w.waits != 10 || w.held {
		t.Errorf("waited %d times, with a buffer: %v", w.waits, w.held)
	}
	if err := w.r.ReadMessage(&m); !errors.Is(err, w.fails) {
		t.Errorf("error %v", err)
	}
	if w.r.in.buf != nil {
		t.Error("the buffer is held after an error")
	}
	w.fails = nil
	if err := w.r.ReadMessage(&m); err != io.EOF {
		t.Errorf("error %v", err)
	}
	if w.r.in.buf != nil {
		t.Error("the buffer is held after the end")
	}
}

// A peer that fills the buffer keeps it.
func TestWaiterBusy(t *testing.T) {
	w := &waiting{}
	w.r = NewReader(w, Limits{})
	for range 20 {
		w.data = append(w.data, Append(nil, &Message{Type: TypeVideo, CSID: 6, Payload: make([]byte, 20000)}, 0))
	}
	var m Message
	for range 20 {
		if err := w.r.ReadMessage(&m); err != nil {
			t.Fatal(err)
		}
	}
	if w.waits > 3 || len(w.r.in.buf) <= firstBuffer {
		t.Errorf("waited %d times, the buffer has %d bytes", w.waits, len(w.r.in.buf))
	}
}
