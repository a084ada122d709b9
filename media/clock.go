package media

// Clock turns a publisher's timestamps (ms, mod 2^32) into stream time, which
// starts near 0, never runs backwards within one kind, and does not wrap. Clients
// send timestamps that wrap at 2^32 or 2^31, that begin at the device's uptime,
// that have different bases for audio and video, and that jump; see Map for what
// becomes of each. The zero value is ready. A Clock is not safe for concurrent use.
type Clock struct {
	audio, video history
	newest       int64 // newest audio or video time given out
	data         int64 // newest data time given out
	floor        int64 // no time of this publisher is below
	ran          bool  // an audio or video timestamp has been seen, perhaps of an earlier publisher
}

// history is what is remembered of one kind.
type history struct {
	set    bool
	raw    uint32 // last timestamp as received
	pos    int64  // the same, unwrapped
	offset int64  // stream time - pos
	out    int64  // last time given out
	// The other kind's mapping was moved by adj at a discontinuity that this
	// kind has not shown yet.
	adj     int64
	adjOpen bool
}

const (
	jumpMillis  = 10_000 // a larger step is a discontinuity
	baseMillis  = 10_000 // a first timestamp up to here is kept
	startMillis = 1000   // where a stream with a larger one starts
	nextMillis  = 40     // distance of the next publisher's first frame
)

// Map returns the stream time for a timestamp of an audio, video or data message.
//
//   - The first audio or video timestamp is kept when it is at most 10 s; else the stream starts at 1000 ms.
//   - The other kind shares this mapping, unless it starts more than 10 s away: then it starts at the stream's newest time.
//   - A step of up to 10 s is kept; time that would fall is held at the kind's last value.
//   - A larger step, forward or backward, is a discontinuity: the kind continues
//     1 ms after the stream's newest time. When the other kind makes the same
//     jump it is moved by the same amount, so the two keep their distance.
//   - A kind that was silent for longer and comes back in step with the other one has not jumped.
//   - Data uses the mapping of audio and video, and never makes one: before the
//     first of these, and more than 10 s from the newest, it gets the newest time.
func (c *Clock) Map(k Kind, ts uint32) int64 {
	h, o := &c.video, &c.audio
	switch k {
	case Audio:
		h, o = o, h
	case Video:
	default:
		return c.mapData(ts)
	}
	var t int64
	switch {
	case h.set:
		t = c.step(h, o, ts)
	case o.set:
		t = c.join(h, o, ts)
	default:
		t = c.first(h, ts)
	}
	t = max(t, c.floor, h.out)
	h.set, h.raw, h.out = true, ts, t
	c.newest = max(c.newest, t)
	return t
}

// Now returns the newest time given out, or where the next publisher will start.
func (c *Clock) Now() int64 { return max(c.newest, c.data, c.floor) }

// Restart prepares for another publisher: stream time goes on 40 ms after the
// newest, whatever its timestamps are. Before the first frame it does nothing.
func (c *Clock) Restart() {
	if !c.ran {
		return
	}
	c.floor = c.Now() + nextMillis
	c.audio, c.video = history{}, history{}
}

func (c *Clock) first(h *history, ts uint32) int64 {
	h.pos = int64(ts)
	switch {
	case c.ran:
		h.offset = c.floor - h.pos
	case h.pos > baseMillis:
		h.offset = startMillis - h.pos
	default:
		h.offset = 0
	}
	c.ran = true
	return h.pos + h.offset
}

// join maps the first timestamp of the second kind.
func (c *Clock) join(h, o *history, ts uint32) int64 {
	h.pos, h.offset = o.pos+unwrap(ts, o.raw), o.offset
	if !near(h.pos+h.offset, c.newest) {
		h.offset = c.newest - h.pos
	}
	return h.pos + h.offset
}

func (c *Clock) step(h, o *history, ts uint32) int64 {
	h.pos += unwrap(ts, h.raw)
	t := h.pos + h.offset
	if near(t, h.out) || near(t, c.newest) {
		return t
	}
	return c.jump(h, o, ts)
}

// jump maps the first timestamp after a discontinuity.
func (c *Clock) jump(h, o *history, ts uint32) int64 {
	if h.adjOpen {
		h.adjOpen = false
		if t := h.pos + h.offset + h.adj; near(t, c.newest) {
			h.offset += h.adj
			return t
		}
	}
	if o.set {
		if pos := o.pos + unwrap(ts, o.raw); near(pos+o.offset, c.newest) {
			h.pos, h.offset, o.adjOpen = pos, o.offset, false
			return pos + o.offset
		}
	}
	t := c.newest + 1
	moved := t - h.pos - h.offset
	h.offset += moved
	if o.set {
		if !o.adjOpen {
			o.adj = 0
		}
		o.adj, o.adjOpen = o.adj+moved, true
	}
	return t
}

func (c *Clock) mapData(ts uint32) int64 {
	h := &c.video
	if c.audio.set && (!h.set || c.audio.out > h.out) {
		h = &c.audio
	}
	t := c.newest
	if h.set {
		if u := h.pos + unwrap(ts, h.raw) + h.offset; near(u, c.newest) {
			t = u
		}
	}
	c.data = max(t, c.floor, c.data)
	return c.data
}

// unwrap returns the signed distance from one timestamp to the next, mod 2^32. A
// distance within a jump of 2^31 is the wrap of a peer that masks to 31 bits.
func unwrap(ts, last uint32) int64 {
	d := int64(int32(ts - last))
	switch {
	case d < -1<<31+jumpMillis:
		return d + 1<<31
	case d >= 1<<31-jumpMillis:
		return d - 1<<31
	}
	return d
}

func near(a, b int64) bool { return a-b <= jumpMillis && b-a <= jumpMillis }
