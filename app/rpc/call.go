package rpc

import (
	"context"
	"fmt"
	"reflect"
	"sync"
	"time"

	"penstock/amf"
	"penstock/app"
)

// Peer is the other end of a connection: *app.Client, *rtmp.Client.
type Peer interface {
	Call(ctx context.Context, name string, args ...amf.Value) (amf.Value, error)
}

// Call calls a method of the other end and maps its result to T, any taking everything. Arguments may be whatever amf.ToValue takes. The error is
// that of the peer's Call, so a *status.Status of the other end's, or says that an argument or the result does not fit; null for the
// result fits pointers, slices, maps and any.
func Call[T any](ctx context.Context, p Peer, name string, args ...any) (T, error) {
	var none T
	values, err := toValues(name, args)
	if err != nil {
		return none, err
	}
	v, err := p.Call(ctx, name, values...)
	if err != nil {
		return none, err
	}
	return result[T](name, v)
}

func toValues(name string, args []any) ([]amf.Value, error) {
	values := make([]amf.Value, len(args))
	for i, a := range args {
		v, err := amf.ToValue(a)
		if err != nil {
			return nil, fmt.Errorf("rpc: argument %d of %s: %w", i+1, name, err)
		}
		values[i] = v
	}
	return values, nil
}

func result[T any](name string, v amf.Value) (t T, err error) {
	if t, ok := v.(T); ok {
		return t, nil
	}
	p := newParam(reflect.TypeFor[T]())
	if (v == nil || v == amf.Undefined) && p.null {
		return t, nil
	}
	got, err := p.from(v)
	if err != nil {
		return t, fmt.Errorf("rpc: the result of %s has to be %s, not %s: %w", name, p.words, describe(v), err)
	}
	return got.Interface().(T), nil
}

// Answer is what one client answered.
type Answer[T any] struct {
	Client *app.Client
	Value  T
	Err    error         // as that of Call
	Time   time.Duration // from the sending of the call to its answer or its end
}

// AtOnce is how many clients CallAll waits for at the same time, and Patience for how long one that does not answer counts among them.
const (
	AtOnce   = 1000
	Patience = 250 * time.Millisecond
)

// CallAll calls a method of many clients at once and returns their answers, in the clients' order, when all have answered, left, or
// not done so until ctx ended or app.Limits.CallTimeout was over. Nobody waits for another's answer; where there are more than AtOnce
// clients, the calls go out as others are answered, and slow clients hold up the rest for no longer than Patience. No goroutine waits for
// a client.
func CallAll[T any](ctx context.Context, clients []*app.Client, name string, args ...any) []Answer[T] {
	values, err := toValues(name, args)
	if err != nil {
		answers := make([]Answer[T], len(clients))
		for i, c := range clients {
			answers[i] = Answer[T]{Client: c, Err: err}
		}
		return answers
	}
	return round[T]{AtOnce, Patience}.call(ctx, clients, name, values)
}

// round is CallAll with its limits.
type round[T any] struct {
	atOnce   int
	patience time.Duration
}

func (r round[T]) call(ctx context.Context, clients []*app.Client, name string, args []amf.Value) []Answer[T] {
	answers := make([]Answer[T], len(clients))
	raw := make([]amf.Value, len(clients))
	places := make(chan struct{}, r.atOnce)
	var wait sync.WaitGroup
	for i, c := range clients {
		a := &answers[i]
		a.Client = c
		places <- struct{}{}
		leave := sync.OnceFunc(func() { <-places })
		patience := time.AfterFunc(r.patience, leave)
		began := time.Now()
		wait.Add(1)
		done := func(v amf.Value, err error) {
			a.Err, a.Time, raw[i] = err, time.Since(began), v
			patience.Stop()
			leave()
			wait.Done()
		}
		if err := c.CallFunc(ctx, done, name, args...); err != nil {
			done(nil, err)
		}
	}
	wait.Wait()
	for i := range answers {
		if a := &answers[i]; a.Err == nil {
			a.Value, a.Err = result[T](name, raw[i])
		}
	}
	return answers
}

// NotifyAll calls a method of many clients and wants no answer. It waits for nobody; see app.NotifyAll.
func NotifyAll(clients []*app.Client, name string, args ...any) (sent int, err error) {
	values, err := toValues(name, args)
	if err != nil {
		return 0, err
	}
	return app.NotifyAll(clients, name, values...)
}
