package scripted

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"penstock/amf"
	"penstock/internal/conformance"
	"penstock/rtmp"
	"penstock/status"
)

// What a client may do to one connection.
const (
	maxBytes    = 64 << 20
	maxMessages = 20_000
	maxFrames   = 20_000
	writeTime   = 10 * time.Second
)

// Reasons that a connection ended.
var (
	ErrFlood   = errors.New("the client sent more than anybody needs")
	ErrStalled = errors.New("the client does not read")
	errDone    = errors.New("the script has ended")
)

// Peer is one connection of a client. Its methods are for the hooks of a Script, but for Facts, which anybody may call.
type Peer struct {
	ctx    context.Context
	nc     net.Conn
	script *Script
	log    *transcript
	cut    Cut
	piece  int
	sent   int64 // bytes, handshake included
	in     chan *rtmp.Message
	feed   *feeder
	midway bool   // done, or the connection has none
	window uint32 // of the client: it expects to be acknowledged that often
	acked  int64
	quiet  bool // no more media
	over   bool // FIN was sent

	mu    sync.Mutex
	facts Facts
}

// Facts is what a client did on one connection.
type Facts struct {
	Number   int // of the connection, from 0
	Began    time.Time
	Stage    Stage
	Role     Role
	App      string
	TCURL    string
	FlashVer string
	Stream   string
	CapsEx   int

	Acted  time.Time // when the script did what the case is about; zero before
	Ended  time.Time // when the client ended its side; zero while it has not
	Fault  error     // what was wrong with what it sent: chunks that cannot be followed, or a flood
	Broken error     // why the connection broke, when the client did not end it in order

	Frames   []Frame   // that a publisher sent, or a player was sent
	After    int       // how many of them came after Acted
	Latest   time.Time // when the last of a publisher's came
	Damaged  string    // the first frame of a publisher whose inside does not add up
	Pings    int       // that it sent
	Pongs    []uint32
	Acks     []uint32 // the last acknowledgements
	AckCount int
	Windows  []uint32 // Window Acknowledgement Sizes that it sent
	Chunks   uint32   // the chunk size that it sent in
	Calls    []string // names of its commands, in order
	Sent     int64    // bytes to it
	Received int64    // bytes from it, in whole messages
	FedAll   bool     // a player was sent everything
}

// Facts is a copy of what is known by now.
func (p *Peer) Facts() Facts {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.facts
}

// Transcript is the conversation so far.
func (p *Peer) Transcript() []conformance.Event { return p.log.all() }

func (p *Peer) know(set func(*Facts)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	set(&p.facts)
}

func (p *Peer) reach(s Stage) { p.know(func(f *Facts) { f.Stage = s }) }

// Act marks what the case is about: from here on the client's behaviour counts.
func (p *Peer) Act(note string) {
	p.log.note("► " + note)
	p.know(func(f *Facts) {
		if f.Acted.IsZero() {
			f.Acted = time.Now()
		}
	})
}

// Note writes a line into the transcript.
func (p *Peer) Note(text string) { p.log.note(text) }

// Addr is where the server listens.
func (p *Peer) Addr() string { return p.nc.LocalAddr().String() }

// CapsEx is what the client can do beyond RTMP 1.0.
func (p *Peer) CapsEx() int { return p.Facts().CapsEx }

// Publishes reports whether the client publishes.
func (p *Peer) Publishes() bool { return p.Facts().Role == Publisher }

// Pause waits, or ends with the run.
func (p *Peer) Pause(d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-p.ctx.Done():
		return context.Cause(p.ctx)
	}
}

// Forever waits for the end of the run, and reads nothing meanwhile.
func (p *Peer) Forever() error {
	<-p.ctx.Done()
	return context.Cause(p.ctx)
}

// Send sends commands.
func (p *Peer) Send(cmds ...*rtmp.Command) error {
	for _, c := range cmds {
		m, err := c.Message()
		if err != nil {
			return err
		}
		if err := p.Message(m); err != nil {
			return err
		}
	}
	return nil
}

// Message sends messages; a Set Chunk Size among them takes effect for the next.
func (p *Peer) Message(ms ...*rtmp.Message) error {
	for _, m := range ms {
		p.log.message("tester", p.sent, m)
		if err := p.write(p.cut.Chunks(m)...); err != nil {
			return err
		}
		if m.Type == rtmp.TypeSetChunkSize && len(m.Payload) == 4 {
			p.cut.Size = int(uint32(m.Payload[0])<<24 | uint32(m.Payload[1])<<16 | uint32(m.Payload[2])<<8 | uint32(m.Payload[3]))
		}
	}
	return nil
}

// Raw sends bytes as they are; text says what they are.
func (p *Peer) Raw(b []byte, text string) error {
	p.log.bytes("tester", p.sent, b, text)
	return p.write(b)
}

// Chunks sends chunks of messages that are described by themselves.
func (p *Peer) Chunks(text string, chunks ...[]byte) error {
	n := 0
	for _, c := range chunks {
		n += len(c)
	}
	p.log.bytes("tester", p.sent, chunks[0], fmt.Sprintf("%s (%d chunks, %d bytes)", text, len(chunks), n))
	return p.write(chunks...)
}

// Status sends onStatus on a message stream.
func (p *Peer) Status(stream uint32, s *status.Status) error { return p.Send(rtmp.OnStatus(stream, s)) }

// Refuse answers a command with `_error`.
func (p *Peer) Refuse(cmd *rtmp.Command, s *status.Status) error { return p.Send(cmd.Error(s)) }

// Result answers a command with `_result`, null and values.
func (p *Peer) Result(cmd *rtmp.Command, values ...amf.Value) error {
	return p.Send(cmd.Result(nil, values...))
}

// StopMedia sends a player no more media.
func (p *Peer) StopMedia() { p.quiet = true }

// Finish sends FIN; what the client still sends is read.
func (p *Peer) Finish() error {
	p.quiet, p.over = true, true
	p.log.note("the tester ends its side of the connection (FIN)")
	type half interface{ CloseWrite() error }
	if h, ok := p.nc.(half); ok {
		return h.CloseWrite()
	}
	return errDone
}

// Reset ends the connection with RST.
func (p *Peer) Reset() error {
	p.log.note("the tester breaks the connection (RST)")
	if t, ok := p.nc.(*net.TCPConn); ok {
		_ = t.SetLinger(0)
	}
	return errDone
}

// write sends pieces; the connection's end within it is the client's.
func (p *Peer) write(pieces ...[]byte) error {
	var all []byte
	for _, b := range pieces {
		all = append(all, b...)
	}
	step := len(all)
	if p.piece > 0 {
		step = p.piece
	}
	for len(all) > 0 {
		n := min(step, len(all))
		_ = p.nc.SetWriteDeadline(time.Now().Add(writeTime))
		written, err := p.nc.Write(all[:n])
		p.sent += int64(written)
		p.know(func(f *Facts) { f.Sent = p.sent })
		if err != nil {
			if t, ok := errors.AsType[net.Error](err); ok && t.Timeout() {
				return ErrStalled
			}
			return fmt.Errorf("writing: %w", err)
		}
		all = all[n:]
	}
	return nil
}
