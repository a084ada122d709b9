package load

import (
	"errors"
	"io"
	"net"
	"sync/atomic"
	"syscall"
	"time"
)

// readBuffer is what one read takes at the most, in bytes.
const readBuffer = 256 << 10

// poller waits for all plain connections of a reader at once, with an epoll of its own: a goroutine for each would be woken for
// each frame, which costs as much as reading it.
type poller struct {
	fd      int
	stop    atomic.Bool
	players map[int32]*Player // guarded by reader.mu
}

func (r *reader) start() error {
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return err
	}
	r.poll.fd, r.poll.players = fd, make(map[int32]*Player)
	r.wg.Go(r.loop)
	return nil
}

// add takes a player over. A plain connection's descriptor is taken out of the runtime's hands, whose own poller would
// be woken as well.
func (r *reader) add(one *Player) error {
	tcp, ok := one.e.nc.(*net.TCPConn)
	if !ok {
		r.wg.Go(func() { one.readAlone(one.e.nc) })
		return nil
	}
	fd, err := duplicate(tcp)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	_ = tcp.Close() // the duplicate lives on
	one.fd = int32(fd)
	r.poll.players[one.fd] = one
	return syscall.EpollCtl(r.poll.fd, syscall.EPOLL_CTL_ADD, fd, &syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: one.fd})
}

func duplicate(tcp *net.TCPConn) (int, error) {
	raw, err := tcp.SyscallConn()
	if err != nil {
		return 0, err
	}
	fd := -1
	var dupErr error
	if err := raw.Control(func(old uintptr) { fd, dupErr = syscall.Dup(int(old)) }); err != nil {
		return 0, err
	}
	if dupErr == nil {
		syscall.CloseOnExec(fd)
	}
	return fd, dupErr
}

func (r *reader) loop() {
	buf := make([]byte, readBuffer)
	events := make([]syscall.EpollEvent, 256)
	for !r.poll.stop.Load() {
		n, err := syscall.EpollWait(r.poll.fd, events, 100)
		if err != nil && !errors.Is(err, syscall.EINTR) {
			return
		}
		if n <= 0 {
			continue
		}
		began := time.Now()
		for _, ev := range events[:n] {
			r.ready(ev.Fd, buf)
		}
		r.mu.Lock()
		r.stats.Busy += time.Since(began)
		r.mu.Unlock()
	}
}

// ready reads once from a connection that has something.
func (r *reader) ready(fd int32, buf []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	one := r.poll.players[fd]
	if one == nil {
		return // closed meanwhile
	}
	n, err := syscall.Read(int(fd), buf)
	switch {
	case n > 0:
		err = one.feed(buf[:n])
	case err == nil:
		err = io.EOF
	case errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EINTR):
		return
	}
	if err != nil {
		one.lost(err)
		one.drop()
	}
}

// drop closes the descriptor; the reader's lock must be held.
func (one *Player) drop() {
	if one.fd >= 0 {
		delete(one.r.poll.players, one.fd)
		_ = syscall.Close(int(one.fd)) // which takes it out of the epoll as well
		one.fd = -1
	}
}

// reply sends without waiting; a server that does not read must not hold up the measurement.
func (one *Player) reply(b []byte) {
	if one.fd >= 0 {
		_, _ = syscall.Write(int(one.fd), b)
		return
	}
	_, _ = one.e.nc.Write(b)
}

// Close ends the player.
func (one *Player) Close() {
	one.r.mu.Lock()
	defer one.r.mu.Unlock()
	one.closed = true
	one.drop()
	_ = one.e.nc.Close()
}

func (r *reader) finish() {
	r.poll.stop.Store(true)
	r.wg.Wait()
	_ = syscall.Close(r.poll.fd)
}
