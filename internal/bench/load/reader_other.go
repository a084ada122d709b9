//go:build !linux

package load

// poller is for systems on which one goroutine can wait for many connections.
type poller struct{}

func (r *reader) start() error { return nil }

func (r *reader) add(one *Player) error {
	r.wg.Go(func() { one.readAlone(one.e.nc) })
	return nil
}

func (one *Player) reply(b []byte) { _, _ = one.e.nc.Write(b) }

// Close ends the player.
func (one *Player) Close() {
	one.r.mu.Lock()
	one.closed = true
	one.r.mu.Unlock()
	_ = one.e.nc.Close()
}

func (r *reader) finish() {}
