package scripted

import (
	"context"
	"errors"
	"io"
	"net"
	"syscall"
	"time"

	"penstock/rtmp"
	"penstock/rtmp/chunk"
	"penstock/rtmp/handshake"
)

// New is the server's end of nc, the number-th connection of a client, which Serve serves. Serve closes nc.
func New(nc net.Conn, number int, s *Script) *Peer {
	if number > 0 && s.Again != nil {
		s = s.Again
	}
	p := &Peer{nc: nc, script: s, log: newTranscript(time.Now()), cut: s.Cut, piece: s.Piece, in: make(chan *rtmp.Message)}
	p.cut.Size = chunk.DefaultChunkSize
	p.cut.heads = nil
	p.facts = Facts{Number: number, Began: time.Now(), Stage: StageTCP}
	return p
}

// Serve serves the client until it leaves, the script ends the connection, or ctx ends. What happened is in Facts.
func (p *Peer) Serve(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	p.ctx = ctx
	stop := context.AfterFunc(ctx, func() { _ = p.nc.SetDeadline(time.Unix(1, 0)) })
	reading := make(chan struct{})
	err := p.open(reading)
	if err == nil {
		err = p.loop()
	}
	ended := ctx.Err() != nil
	cancel()
	stop()
	_ = p.nc.Close()
	<-reading
	p.finish(err, ended)
}

// open does what comes before the first message.
func (p *Peer) open(reading chan struct{}) error {
	started := false
	defer func() {
		if !started {
			close(reading)
		}
	}()
	if t, ok := p.nc.(*net.TCPConn); ok && p.piece > 0 {
		_ = t.SetNoDelay(true)
	}
	for _, hook := range []func(*Peer) error{p.script.Accepted, (*Peer).handshake, p.script.Early} {
		if hook == nil {
			continue
		}
		if err := hook(p); err != nil {
			return err
		}
	}
	started = true
	go p.reader(reading)
	return nil
}

// shaken is the connection during its handshake, which is written in pieces like everything else.
type shaken struct{ p *Peer }

func (s shaken) Read(b []byte) (int, error) { return s.p.nc.Read(b) }

func (s shaken) Write(b []byte) (int, error) {
	if err := s.p.Pause(s.p.script.Slow); err != nil {
		return 0, err
	}
	if err := s.p.write(b); err != nil {
		return 0, err
	}
	return len(b), nil
}

func (p *Peer) handshake() error {
	rw := shaken{p}
	res, err := handshake.Server(rw, handshake.Options{})
	if err != nil {
		if v, ok := errors.AsType[*handshake.VersionError](err); ok {
			p.know(func(f *Facts) { f.Fault = v })
		}
		return err
	}
	p.log.note("handshake done, " + res.Scheme.String())
	p.reach(StageHandshake)
	return nil
}

// reader reads messages until the connection ends, as fast as they are dealt with.
func (p *Peer) reader(done chan struct{}) {
	defer close(done)
	defer close(p.in)
	const handshaken = 1 + 2*1536
	r := chunk.NewReader(p.nc, chunk.Limits{MinChunkSize: 1, SetChunkSizes: 1000, Message: chunk.MaxPayload, Command: 1 << 20, Control: 1 << 10})
	for n := 0; ; n++ {
		offset := int64(r.Bytes()) + handshaken
		m := new(rtmp.Message)
		err := r.ReadMessage(m)
		if err == nil && (n > maxMessages || r.Bytes() > maxBytes) {
			err = ErrFlood
		}
		if err != nil {
			p.ended(err)
			return
		}
		p.log.message("peer", offset, m)
		p.know(func(f *Facts) { f.Chunks, f.Received = uint32(r.ChunkSize()), int64(r.Bytes())+handshaken })
		select {
		case p.in <- m:
		case <-p.ctx.Done():
			return
		}
	}
}

// ended notes how the client's side of the connection ended.
func (p *Peer) ended(err error) {
	if p.ctx.Err() != nil {
		return
	}
	p.know(func(f *Facts) {
		f.Ended = time.Now()
		bad, isBad := errors.AsType[*chunk.ProtocolError](err)
		switch {
		case errors.Is(err, io.EOF):
			p.log.note("the client ended its side of the connection (FIN)")
		case isBad:
			f.Fault = bad
			p.log.note("what the client sent cannot be followed: " + err.Error())
		case errors.Is(err, ErrFlood):
			f.Fault = err
			p.log.note(err.Error())
		case errors.Is(err, io.ErrUnexpectedEOF):
			f.Broken = err
			p.log.note("the client ended the connection in the middle of a message")
		default:
			f.Broken = err
			if errors.Is(err, syscall.ECONNRESET) {
				p.log.note("the client broke the connection (RST)")
			} else {
				p.log.note("the connection broke: " + err.Error())
			}
		}
	})
}

// finish notes why the connection is over.
func (p *Peer) finish(err error, cancelled bool) {
	switch {
	case err == nil, errors.Is(err, errDone):
	case cancelled:
		p.log.note("the tester has seen enough and closes the connection")
	default:
		p.know(func(f *Facts) {
			if f.Ended.IsZero() {
				f.Ended = time.Now()
			}
			if errors.Is(err, ErrStalled) {
				f.Fault = err
			} else if f.Broken == nil && f.Fault == nil {
				f.Broken = err
			}
		})
		p.log.note(err.Error())
	}
}
