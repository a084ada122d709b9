package media

import (
	"bytes"
	"sync/atomic"

	"penstock/flv"
)

// headers is what a newcomer needs before the first frame. It is copied by value;
// the slice is replaced, never changed in place, so that a copy stays true to its moment.
type headers struct {
	metadata, color *Frame
	configs         []*Frame // sequence headers in order of arrival
}

// multichannel tells an audio channel configuration from a sequence header.
func multichannel(f *Frame) bool {
	return f.Kind == Audio && f.Info.Enhanced && f.Info.PacketType == flv.PacketMultichannelConfig
}

// supersedes reports whether header f makes the older header g useless.
func supersedes(f, g *Frame) bool {
	return f.Kind == g.Kind && f.Info.Config == g.Info.Config && f.Info.Metadata == g.Info.Metadata &&
		f.Info.End == g.Info.End && multichannel(f) == multichannel(g) && subset(g.Info.Tracks, f.Info.Tracks)
}

// subset reports whether all tracks of a are in b.
func subset(a, b flv.TrackSet) bool {
	for i := range a {
		if a[i]&^b[i] != 0 {
			return false
		}
	}
	return true
}

func union(a, b flv.TrackSet) flv.TrackSet {
	for i := range a {
		a[i] |= b[i]
	}
	return a
}

// known reports whether f repeats a stored sequence header byte for byte.
func (h *headers) known(f *Frame) bool {
	for _, g := range h.configs {
		if g.Info.Tracks == f.Info.Tracks && supersedes(f, g) && bytes.Equal(f.Payload, g.Payload) {
			return true
		}
	}
	return false
}

// with returns the sequence headers with f in the place of those it supersedes.
func (h *headers) with(f *Frame) []*Frame {
	list := make([]*Frame, 0, len(h.configs)+1)
	placed := false
	for _, g := range h.configs {
		switch {
		case !supersedes(f, g):
			list = append(list, g)
		case !placed:
			list, placed = append(list, f), true
		}
	}
	if !placed {
		list = append(list, f)
	}
	return list
}

// ended returns the sequence headers without those of the tracks that f ends.
func (h *headers) ended(f *Frame) []*Frame {
	var list []*Frame
	for _, g := range h.configs {
		if g.Kind != f.Kind || !subset(g.Info.Tracks, f.Info.Tracks) {
			list = append(list, g)
		}
	}
	return list
}

// count returns the number of sequence headers of a kind.
func (h *headers) count(k Kind) int {
	n := 0
	for _, g := range h.configs {
		if g.Kind == k {
			n++
		}
	}
	return n
}

// stamped appends copies of the headers that carry the given time, in the order
// in which a player needs them.
func (h *headers) stamped(dst []*Frame, time int64) []*Frame {
	if h.metadata != nil {
		dst = append(dst, h.metadata.at(time))
	}
	if h.color != nil {
		dst = append(dst, h.color.at(time))
	}
	for _, k := range [...]Kind{Video, Audio} {
		for _, f := range h.configs {
			if f.Kind == k {
				dst = append(dst, f.at(time))
			}
		}
	}
	return dst
}

// at returns f when it has that time already, else a copy that has.
func (f *Frame) at(time int64) *Frame {
	if f.Time == time {
		return f
	}
	return &Frame{Kind: f.Kind, Time: time, Payload: f.Payload, Info: f.Info, Name: f.Name}
}

// gop holds all frames since the last key frame of the main video track.
type gop struct {
	open   bool // from a key frame on, until an overflow
	frames []*Frame
	bytes  int
	time   int64   // least time of the frames
	start  headers // as they were at the key frame
}

// reset empties the cache and returns its bytes to the total.
func (g *gop) reset(total *atomic.Int64) {
	total.Add(-int64(g.bytes))
	clear(g.frames)
	g.open, g.frames, g.bytes, g.start = false, g.frames[:0], 0, headers{}
}

// begin starts the cache with a key frame that follows the given headers.
func (g *gop) begin(f *Frame, h headers, total *atomic.Int64) {
	g.reset(total)
	g.open, g.time, g.start = true, f.Time, h
}

// add appends a frame. It reports false, and the cache is empty and closed, when a
// bound is passed.
func (g *gop) add(f *Frame, o *Options, total *atomic.Int64) bool {
	n := f.cost()
	g.bytes += n
	sum := total.Add(int64(n))
	if g.bytes > o.GOPBytes || sum > int64(o.TotalGOPBytes) || f.Time-g.time > o.GOPDuration.Milliseconds() {
		g.reset(total)
		return false
	}
	g.frames = append(g.frames, f)
	g.time = min(g.time, f.Time)
	return true
}
