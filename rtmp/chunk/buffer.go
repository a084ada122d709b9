package chunk

import (
	"io"
	"sync"
)

const (
	// DefaultReadBuffer is the size up to which a Reader's buffer grows, in
	// bytes.
	DefaultReadBuffer = 32 << 10
	// firstBuffer is the size with which it starts: most connections play and
	// send next to nothing.
	firstBuffer   = 4 << 10
	minReadBuffer = 64
	// emptyReads is how often a source may return nothing without an error.
	emptyReads = 100
)

// Waiter may be implemented by the source of a [Reader] that can wait without a buffer. Wait returns nil when Read would return
// at once, and may return an error in place of Read. It is called between reads; a Reader that waits most of the time then takes
// memory for its buffer only while it does not.
type Waiter interface {
	Wait() error
}

// firstBuffers holds buffers of firstBuffer bytes for Readers with a Waiter.
var firstBuffers = sync.Pool{New: func() any { return new([firstBuffer]byte) }}

// buffer reads ahead from a source. Unlike bufio.Reader it takes no memory
// before the first read, starts small, and doubles when the source fills it.
type buffer struct {
	src    io.Reader
	buf    []byte
	r, w   int    // unread bytes are buf[r:w]
	size   int    // the most buf may have
	err    error  // from the source, after the bytes in buf
	parsed uint64 // bytes taken out so far
	full   bool   // the last read filled buf
}

func (b *buffer) unread() []byte { return b.buf[b.r:b.w] }

func (b *buffer) skip(n int) {
	b.r += n
	b.parsed += uint64(n)
}

// need waits until n bytes, at most minReadBuffer, can be seen by unread. It
// waits for no byte more than that.
func (b *buffer) need(n int) error {
	for b.w-b.r < n {
		if err := b.fill(); err != nil {
			return err
		}
	}
	return nil
}

// fill reads once from the source, at least one byte.
func (b *buffer) fill() error {
	if err := b.rest(); err != nil {
		return err
	}
	b.makeRoom()
	n, err := b.read(b.buf[b.w:])
	b.full = n == len(b.buf)-b.w && n > 0
	b.w += n
	if err != nil {
		b.giveBack()
	}
	return err
}

// giveBack parts with a buffer that is empty and has not grown, when the source is a Waiter.
func (b *buffer) giveBack() {
	if _, ok := b.src.(Waiter); !ok || b.r < b.w || len(b.buf) != firstBuffer {
		return
	}
	firstBuffers.Put((*[firstBuffer]byte)(b.buf))
	b.buf, b.r, b.w = nil, 0, 0
}

// rest waits, where the source allows it, without the buffer, when that is empty. A buffer that has grown belongs to a peer
// that keeps sending.
func (b *buffer) rest() error {
	w, ok := b.src.(Waiter)
	if !ok || b.r < b.w || b.err != nil || b.full || b.size < firstBuffer || b.buf != nil && len(b.buf) != firstBuffer {
		return nil
	}
	b.giveBack()
	if err := w.Wait(); err != nil {
		return err
	}
	b.buf = firstBuffers.Get().(*[firstBuffer]byte)[:]
	return nil
}

// makeRoom leaves room for at least one byte after b.w.
func (b *buffer) makeRoom() {
	switch {
	case b.buf == nil:
		b.buf = make([]byte, min(firstBuffer, b.size))
		return
	case b.full && len(b.buf) < b.size:
		buf := make([]byte, min(2*len(b.buf), b.size))
		b.w = copy(buf, b.buf[b.r:b.w])
		b.r, b.buf = 0, buf
		return
	case b.r == b.w:
		b.r, b.w = 0, 0
	case b.w == len(b.buf):
		b.w = copy(b.buf, b.buf[b.r:b.w])
		b.r = 0
	}
}

// take reads into p, from the buffer if that has anything, else from the
// source; directly if p is at least as large as the buffer may get.
func (b *buffer) take(p []byte) (int, error) {
	if b.r == b.w {
		if len(p) >= b.size {
			n, err := b.read(p)
			b.parsed += uint64(n)
			return n, err
		}
		if err := b.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(p, b.buf[b.r:b.w])
	b.skip(n)
	return n, nil
}

// read calls the source until it returns something. Bytes come first, an error
// which came with them at the next call.
func (b *buffer) read(p []byte) (int, error) {
	if err := b.err; err != nil {
		b.err = nil
		return 0, err
	}
	for range emptyReads {
		n, err := b.src.Read(p)
		if n > 0 {
			b.err = err
			return n, nil
		}
		if err != nil {
			return 0, err
		}
	}
	return 0, io.ErrNoProgress
}
