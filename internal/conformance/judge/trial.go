package judge

import (
	"context"
	"fmt"
	"time"

	"penstock/internal/conformance"
	"penstock/internal/conformance/wire"
)

// Trial is one run of one case. One goroutine uses it.
type Trial struct {
	*Target
	Ctx  context.Context
	AMF3 bool          // asks for objectEncoding 3
	Step time.Duration // how long the server may take for one answer

	id     string
	script *wire.Transcript
	conns  []*Conn
	end    time.Time

	refused bool   // a connection could not be opened: the server is gone
	opened  func() // is told of each connection that could; nil: nobody
}

// Bounds of one trial.
const (
	trialLife   = 60 * time.Second
	maxReceived = 16 << 20 // bytes of one connection
	maxHeard    = 20000    // messages of one connection
)

func newTrial(ctx context.Context, t *Target, id string, amf3 bool, step time.Duration) *Trial {
	return &Trial{
		Target: t, Ctx: ctx, AMF3: amf3, Step: step, id: id,
		script: wire.NewTranscript(0, t.secrets()...), end: time.Now().Add(trialLife),
	}
}

// Stream is a stream name of this trial alone.
func (t *Trial) Stream(suffix string) string {
	mode := "0"
	if t.AMF3 {
		mode = "3"
	}
	name := t.Prefix + t.id + "-amf" + mode
	if suffix != "" {
		name += "-" + suffix
	}
	return name
}

// Note records a remark in the transcript.
func (t *Trial) Note(format string, args ...any) { t.script.Note("", fmt.Sprintf(format, args...)) }

// Dial opens a connection and does no handshake. The label names it where a case has several.
func (t *Trial) Dial(label string) (*Conn, error) {
	nc, err := t.dial(t.Ctx, max(t.Step, 5*time.Second))
	if err != nil {
		t.refused = t.refused || isRefused(err)
		return nil, Fails("a connection to "+t.Address, err.Error())
	}
	if t.opened != nil {
		t.opened()
	}
	c := &Conn{t: t, Raw: wire.NewConn(nc, wire.Options{
		Life: time.Until(t.end), Step: t.Step, MaxBytes: maxReceived, Transcript: t.script, Label: label,
	}), txn: 1}
	t.conns = append(t.conns, c)
	return c, nil
}

// Open opens a connection and does the simple handshake.
func (t *Trial) Open(label string) (*Conn, error) {
	c, err := t.Dial(label)
	if err != nil {
		return nil, err
	}
	if _, err := c.Raw.Handshake(); err != nil {
		return nil, Fails("the handshake", ending(err))
	}
	return c, nil
}

// Join opens a connection and connects to the application. A refusal is an error.
func (t *Trial) Join(label string) (*Conn, error) {
	c, err := t.Open(label)
	if err != nil {
		return nil, err
	}
	return c, c.Join()
}

// close ends what the trial left open.
func (t *Trial) close() {
	for _, c := range t.conns {
		c.Raw.Close()
	}
}

// judge turns what Run returned into a result.
func judge(c *Case, mode string, err error) conformance.Result {
	r := conformance.Result{Case: c.Case, Mode: mode, Verdict: conformance.Works}
	if err == nil {
		return r
	}
	f, ok := err.(*Finding)
	if !ok {
		f = &Finding{Verdict: conformance.Fails, Expected: "a conversation", Got: ending(err)}
	}
	r.Verdict, r.Expected, r.Got, r.Needs = f.Verdict, f.Expected, f.Got, f.Needs
	return r
}
