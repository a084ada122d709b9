package app

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"penstock/amf"
	"penstock/rtmp"
	"penstock/status"
)

// execute runs one command in the commands goroutine.
func (c *Client) execute(cmd *rtmp.Command) {
	defer c.crashed()
	if cmd.Name == "connect" {
		c.connect(cmd)
		return
	}
	if !c.connected {
		c.answerCallFailed(cmd, "connect must come first.", CauseMalformed, nil)
		return
	}
	if c.streamCommand(cmd) {
		return
	}
	c.call(cmd)
}

// call lets the session answer a remote procedure call.
func (c *Client) call(cmd *rtmp.Command) {
	caller, ok := c.session.(Caller)
	if !ok {
		c.answerCallFailed(cmd, methodNotFound(cmd.Name), CauseNotFound, nil)
		return
	}
	var once sync.Once
	late := func() {
		once.Do(func() { c.answerCallFailed(cmd, methodFailed(cmd.Name), CauseTimeout, context.DeadlineExceeded) })
	}
	v, err := guard(c, late, func(ctx context.Context) (amf.Value, error) { return caller.Call(ctx, cmd.Name, cmd.Args) })
	if !errors.Is(err, ErrNoMethod) { // a call of nothing is no activity
		c.watch.called()
	}
	once.Do(func() {
		switch {
		case errors.Is(err, ErrNoMethod):
			c.answerCallFailed(cmd, methodNotFound(cmd.Name), CauseNotFound, nil)
		case c.gone(err):
		case err != nil:
			c.refuseCall(cmd, refusalOf(StageCall, err, status.New(status.CallFailed, methodFailed(cmd.Name))))
		case cmd.Transaction != 0:
			c.answer(cmd, v)
		}
	})
}

func (c *Client) answer(cmd *rtmp.Command, v amf.Value) {
	err := c.conn.SendCommand(cmd.Result(nil, v))
	if err != nil && c.Context().Err() == nil {
		c.answerCallFailed(cmd, methodFailed(cmd.Name), CauseFailed, err)
	}
}

// The words of Flash Media Server's own log.
func methodNotFound(name string) string {
	return fmt.Sprintf("Method not found (%s).", shorten(name, 256))
}
func methodFailed(name string) string {
	return fmt.Sprintf("Failed to execute method (%s).", shorten(name, 256))
}

func (c *Client) answerCallFailed(cmd *rtmp.Command, description string, cause Cause, inner error) {
	c.refuseCall(cmd, &Refusal{Stage: StageCall, Cause: cause, Err: inner, Status: status.New(status.CallFailed, description)})
}

// refuseCall answers `_error`; a call with transaction ID 0 wants no answer.
func (c *Client) refuseCall(cmd *rtmp.Command, r *Refusal) {
	r = c.reworded(r)
	if cmd.Transaction != 0 {
		c.send(cmd.Error(r.Status))
	}
	if r.Rule == "" && !r.countsRule() {
		r.Rule = shorten(cmd.Name, 64)
	}
	c.refused(r)
}

// callTable holds the server's own calls that wait for the client's answer.
type callTable struct {
	mu      sync.Mutex
	next    float64
	max     int
	waiting map[float64]chan callAnswer
	asked   chan struct{} // closed while any wait
}

type callAnswer struct {
	value amf.Value
	err   error
}

func (t *callTable) init(max int) {
	t.max, t.waiting, t.asked = max, make(map[float64]chan callAnswer), make(chan struct{})
}

// waits returns a channel that is closed when a call waits for its answer.
func (t *callTable) waits() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.asked
}

func (t *callTable) add() (txn float64, ch chan callAnswer, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.waiting) >= t.max {
		return 0, nil, &rtmp.LimitError{Option: "pending_calls", Value: len(t.waiting) + 1, Max: t.max}
	}
	if len(t.waiting) == 0 {
		close(t.asked)
	}
	t.next++
	ch = make(chan callAnswer, 1)
	t.waiting[t.next] = ch
	return t.next, ch, nil
}

func (t *callTable) take(txn float64) chan callAnswer {
	t.mu.Lock()
	defer t.mu.Unlock()
	ch := t.waiting[txn]
	delete(t.waiting, txn)
	if ch != nil && len(t.waiting) == 0 {
		t.asked = make(chan struct{})
	}
	return ch
}

// answer resolves a call; an answer to nothing is ignored.
func (t *callTable) answer(txn float64, v amf.Value, err error) {
	if ch := t.take(txn); ch != nil {
		ch <- callAnswer{v, err}
	}
}

// fail resolves a call with the client's `_error`.
func (t *callTable) fail(txn float64, info amf.Value) {
	st, ok := status.FromObject(info)
	if !ok {
		st = status.New(status.CallFailed, "The client reported an error without a code.").With("info", info)
	}
	t.answer(txn, nil, st)
}

// Call calls a method of the client and waits for the answer: at most Limits.CallTimeout, or
// until ctx or the connection ends. An `_error` of the client comes back as a *status.Status,
// and so do a time-out and a lost connection (NetConnection.Call.Failed) and an answer that
// cannot be decoded (NetConnection.Call.BadVersion).
func (c *Client) Call(ctx context.Context, name string, args ...amf.Value) (amf.Value, error) {
	txn, ch, err := c.calls.add()
	if err != nil {
		return nil, err
	}
	defer c.calls.take(txn)
	ctx, cancel := context.WithTimeout(ctx, c.server.limits.CallTimeout)
	defer cancel()
	cmd := &rtmp.Command{Name: name, Transaction: txn, Args: args, AMF3: c.amf3.Load()}
	if err := c.conn.SendCommand(cmd); err != nil {
		return nil, err
	}
	select {
	case a := <-ch:
		return a.value, a.err
	case <-ctx.Done():
		return nil, status.Newf(status.CallFailed, "No answer to %s: %v.", name, context.Cause(ctx))
	case <-c.Context().Done():
		return nil, status.Newf(status.CallFailed, "No answer to %s: the connection ended.", name)
	}
}

// Notify calls a method of the client and wants no answer.
func (c *Client) Notify(name string, args ...amf.Value) error {
	return c.conn.SendCommand(&rtmp.Command{Name: name, Args: args, AMF3: c.amf3.Load()})
}
