package rtmptest

import (
	"errors"
	"io"
	"os"
	"syscall"
	"time"

	"penstock/amf"
	"penstock/rtmp"
	"penstock/status"
)

// Next is the next message that is not plumbing: chunk sizes, aborts, acknowledgements,
// windows and user control events are skipped.
func (p *Peer) Next() *Received {
	p.t.Helper()
	return p.next("any message", isPlumbing)
}

// Any is the next message of whatever kind.
func (p *Peer) Any() *Received {
	p.t.Helper()
	return p.next("any message", func(*Received) bool { return false })
}

// WantCommand is the next command, which must have that name. Plumbing, media, data and
// onBWDone are skipped.
func (p *Peer) WantCommand(name string) *Received {
	p.t.Helper()
	m := p.nextCommand("command "+name, name)
	if m.Name != name {
		p.failf("want command %s, got %s", name, m.describe())
	}
	return m
}

// WantResult is the next command, which must be the `_result` of that transaction.
func (p *Peer) WantResult(transaction float64) *Received {
	p.t.Helper()
	m := p.nextCommand("_result", "_result")
	if m.Name != "_result" || m.Command.Transaction != transaction {
		p.failf("want _result of transaction %v, got %s", transaction, m.describe())
	}
	return m
}

// WantError is the next command, which must be the `_error` of that transaction with that code.
func (p *Peer) WantError(transaction float64, code status.Code) *status.Status {
	p.t.Helper()
	m := p.nextCommand("_error", "_error")
	if m.Name != "_error" || m.Command.Transaction != transaction || m.Status == nil || m.Status.Code != code {
		p.failf("want _error %s of transaction %v, got %s", code, transaction, m.describe())
	}
	return m.Status
}

// WantStatus is the next command, which must carry an information object with that code:
// onStatus, or the `_result` or `_error` of connect.
func (p *Peer) WantStatus(code status.Code) *Received {
	p.t.Helper()
	m := p.nextCommand("status "+string(code), "onStatus")
	if m.Status == nil || m.Status.Code != code {
		p.failf("want status %s, got %s", code, m.describe())
	}
	return m
}

// WantData is the next data message of that name. Plumbing, media and other data messages are
// skipped.
func (p *Peer) WantData(name string) *Received {
	p.t.Helper()
	m := p.next("data message "+name, func(m *Received) bool {
		return isPlumbing(m) || isMedia(m) || isData(m) && m.Name != name
	})
	if !isData(m) {
		p.failf("want data message %s, got %s", name, m.describe())
	}
	return m
}

// WantMedia is the next audio or video message. Plumbing and data are skipped.
func (p *Peer) WantMedia() *Received {
	p.t.Helper()
	m := p.next("media", func(m *Received) bool { return isPlumbing(m) || isData(m) })
	if !isMedia(m) {
		p.failf("want media, got %s", m.describe())
	}
	return m
}

// WantMessage is the next message, which must have that type. Plumbing of another type is
// skipped.
func (p *Peer) WantMessage(typ uint8) *Received {
	p.t.Helper()
	m := p.next(rtmp.TypeName(typ), func(m *Received) bool { return isPlumbing(m) && m.Type != typ })
	if m.Type != typ {
		p.failf("want %s, got %s", rtmp.TypeName(typ), m.describe())
	}
	return m
}

// WantUserControl is the next user control event of that kind. Other plumbing and media are
// skipped.
func (p *Peer) WantUserControl(event rtmp.Event) rtmp.UserControl {
	p.t.Helper()
	wanted := func(m *Received) bool {
		return m.Type == rtmp.TypeUserControl && m.Err == nil && m.Control.Event == event
	}
	m := p.next(event.String(), func(m *Received) bool {
		return !wanted(m) && (isPlumbing(m) || isMedia(m) || isData(m))
	})
	if !wanted(m) {
		p.failf("want %v, got %s", event, m.describe())
	}
	return m.Control
}

// WantClosed wants the other end to end the connection in order, with FIN. Plumbing and media
// before it are skipped; a command, a reset or a broken message are failures.
func (p *Peer) WantClosed() {
	p.t.Helper()
	p.deadline()
	for {
		m, err := p.read()
		switch {
		case err == nil && (isPlumbing(m) || isMedia(m) || isData(m)):
			continue
		case err == nil:
			p.failf("want the end of the connection, got %s", m.describe())
		case errors.Is(err, io.EOF):
			p.talk.add("<- FIN")
			return
		case errors.Is(err, syscall.ECONNRESET):
			p.failf("want FIN, got RST: what the other end sent last may be lost")
		case errors.Is(err, os.ErrDeadlineExceeded):
			p.failf("want the end of the connection, it is open after %v", p.Timeout)
		}
		p.failf("want the end of the connection: %v", err)
	}
}

// WantNothing wants silence for that long; plumbing does not count.
func (p *Peer) WantNothing(d time.Duration) {
	p.t.Helper()
	_ = p.nc.SetReadDeadline(time.Now().Add(d))
	for {
		m, err := p.read()
		switch {
		case err == nil && isPlumbing(m):
			continue
		case err == nil:
			p.failf("want nothing, got %s", m.describe())
		case errors.Is(err, os.ErrDeadlineExceeded):
			return
		}
		p.failf("want nothing for %v: %v", d, err)
	}
}

func (p *Peer) nextCommand(what, asked string) *Received {
	p.t.Helper()
	m := p.next(what, func(m *Received) bool {
		return isPlumbing(m) || isMedia(m) || isData(m) || m.Name == "onBWDone" && asked != "onBWDone"
	})
	if m.Command == nil {
		p.failf("want %s, got %s", what, m.describe())
	}
	return m
}

// next reads the next message that is not to be skipped.
func (p *Peer) next(what string, skip func(*Received) bool) *Received {
	p.t.Helper()
	p.deadline()
	for {
		m, err := p.read()
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			p.failf("want %s, got nothing within %v", what, p.Timeout)
		case errors.Is(err, io.EOF):
			p.failf("want %s, got the end of the connection", what)
		case err != nil:
			p.failf("want %s: %v", what, err)
		}
		if !skip(m) {
			return m
		}
	}
}

func (p *Peer) read() (*Received, error) {
	m := new(Received)
	if err := p.r.ReadMessage(&m.Message); err != nil {
		return nil, err
	}
	p.trace(rtmp.In, &m.Message)
	m.decode()
	return m, nil
}

func (m *Received) decode() {
	switch {
	case m.Type == rtmp.TypeCommandAMF0 || m.Type == rtmp.TypeCommandAMF3:
		c, err := rtmp.ParseCommand(&m.Message, amf.Limits{})
		if err != nil {
			m.Err = err
			return
		}
		m.Command, m.Name, m.Args = c, c.Name, c.Args
	case isData(m):
		m.Name, m.Args, _, m.Err = rtmp.ParseData(&m.Message, amf.Limits{})
	case m.Type == rtmp.TypeUserControl:
		m.Control, m.Err = rtmp.ParseUserControl(m.Payload)
	}
	for _, a := range m.Args {
		if s, ok := status.FromObject(a); ok {
			m.Status = s
			return
		}
	}
}

func (m *Received) describe() string {
	switch {
	case m.Err != nil:
		return rtmp.TypeName(m.Type) + " that cannot be decoded: " + m.Err.Error()
	case m.Status != nil:
		return m.Name + " " + string(m.Status.Code)
	case m.Command != nil:
		return "command " + m.Name
	case isData(m):
		return "data message " + m.Name
	}
	return rtmp.TypeName(m.Type)
}

func isPlumbing(m *Received) bool {
	switch m.Type {
	case rtmp.TypeSetChunkSize, rtmp.TypeAbort, rtmp.TypeAcknowledgement, rtmp.TypeUserControl,
		rtmp.TypeWindowAckSize, rtmp.TypeSetPeerBandwidth:
		return true
	}
	return false
}

func isMedia(m *Received) bool { return m.Type == rtmp.TypeAudio || m.Type == rtmp.TypeVideo }

func isData(m *Received) bool { return m.Type == rtmp.TypeDataAMF0 || m.Type == rtmp.TypeDataAMF3 }
