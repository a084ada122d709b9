package demo

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"penstock/flv"
)

// ErrEmpty is returned for an input without audio or video tags, which cannot be played again and again.
var ErrEmpty = errors.New("demo: input has no audio or video")

// maxLag is how far a source may fall behind the clock before it gives up the lost time. Below it, tags go out in a burst and
// the source is on time again; above it (a machine that slept) a burst would only flood the players.
const maxLag = 2 * time.Second

// Source plays FLV input as a live source.
type Source struct {
	// Open returns the input from its beginning. It is called once for each pass; an input that is an io.Closer is closed
	// after its pass. It may not be nil.
	Open func() io.Reader

	// Once plays the input a single time: Run returns nil at its end. All tags are passed on, also the end of sequence.
	Once bool

	// Unpaced passes tags on as fast as emit takes them, not by the clock.
	Unpaced bool
}

// Loop plays the input that open returns in real time and over and over, until ctx ends or emit fails. It is Source.Run
// with only Open set.
func Loop(ctx context.Context, open func() io.Reader, emit func(t *flv.Tag) error) error {
	return (&Source{Open: open}).Run(ctx, emit)
}

// Run reads the input and calls emit for each tag, from the goroutine of the caller, at the time that its timestamp says:
// relative to the first tag and by the wall clock, so that errors do not add up. A tag and its body belong to emit.
//
// Timestamps (ms, mod 2^32) begin with those of the input. The audio and video of each further pass begin where those of
// the one before end, so players see one stream without a gap. Sequence headers are passed on in each pass; onMetaData only
// in the first, and an end of sequence never, unless Once is set.
//
// Run returns nil at the end of the input when Once is set, else never nil: the cause of ctx, the error of emit, ErrEmpty,
// or the *flv.FileError of a bad input.
func (s *Source) Run(ctx context.Context, emit func(t *flv.Tag) error) error {
	p := player{source: s, emit: emit, clock: clock{off: s.Unpaced}}
	for pass := 0; ; pass++ {
		p.again = pass > 0
		if err := p.pass(ctx); err != nil {
			return err
		}
		if s.Once {
			return nil
		}
		if p.end <= p.base {
			return ErrEmpty
		}
		p.base = p.end
	}
}

// A player is one Run in progress. Its times are ms since time 0 of the first pass, and never wrap.
type player struct {
	source *Source
	emit   func(t *flv.Tag) error
	clock  clock
	again  bool            // not the first pass
	base   int64           // time at which this pass begins
	end    int64           // time at which the tags seen so far end
	tracks [2]trackSpacing // audio, video
}

func (p *player) pass(ctx context.Context) error {
	in := p.source.Open()
	if c, ok := in.(io.Closer); ok {
		defer func() { _ = c.Close() }()
	}
	p.tracks = [2]trackSpacing{}
	r := flv.NewReader(bufio.NewReaderSize(in, 64<<10))
	first := int64(-1)
	for {
		t := new(flv.Tag)
		err := r.ReadTag(t)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("demo: %w", err)
		}
		at := int64(t.Time)
		if first < 0 && (t.Type == flv.TagAudio || t.Type == flv.TagVideo) {
			first = at
		}
		if p.again {
			// Metadata may come long before the first picture; the seam is between pictures.
			at = p.base + max(at-max(first, 0), 0)
		}
		if !p.wanted(t, at) {
			continue
		}
		if err := p.clock.wait(ctx, at); err != nil {
			return err
		}
		t.Time = uint32(at)
		if err := p.emit(t); err != nil {
			return err
		}
	}
}

// wanted tells whether the tag is passed on, and notes how long it lasts.
func (p *player) wanted(t *flv.Tag, at int64) bool {
	track, end := 0, false
	switch t.Type {
	case flv.TagAudio:
		info, err := flv.ParseAudio(t.Body)
		end = err == nil && info.End
	case flv.TagVideo:
		track = 1
		info, err := flv.ParseVideo(t.Body)
		end = err == nil && info.End
	default:
		return !p.again || !isMetaData(t)
	}
	if end && !p.source.Once {
		return false
	}
	p.end = max(p.end, p.tracks[track].next(at))
	return true
}

// A trackSpacing predicts when a track's next tag is due: after as much time as lay between its last two.
type trackSpacing struct {
	last, step int64
	seen       bool
}

func (s *trackSpacing) next(at int64) int64 {
	if s.seen && at > s.last {
		s.step = at - s.last
	}
	s.last, s.seen = at, true
	return at + max(s.step, 1)
}

// isMetaData tells whether a script tag is onMetaData: an AMF0 string with that value comes first.
func isMetaData(t *flv.Tag) bool {
	return bytes.HasPrefix(t.Body, []byte("\x02\x00\x0aonMetaData"))
}
