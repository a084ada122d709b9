// Package rpc lets clients call Go functions: each is registered under a name, and its arguments and results are mapped between AMF and
// Go.
//
//	m := rpc.New()
//	m.Register("sum", func(ctx context.Context, c *app.Client, a, b float64) (float64, error) { return a + b, nil })
//	mux.Handle("calculator", m)
//
// Only what is registered can be called. A call that does not fit a function is answered with NetConnection.Call.Failed and a description that names
// the argument, what it has to be and what it was. A *status.Status that a function returns is the answer as it is; any other error
// becomes Call.Failed without its text, which goes to the log.
//
// The package also calls functions of clients, one (Call) or many (CallAll, NotifyAll), with the same mapping.
package rpc

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"penstock/amf"
	"penstock/app"
	"penstock/rtmp"
	"penstock/status"
)

// Methods are the functions that may be called. It is an app.Caller, for use within a session or app.LiveOptions; an app.Session, which only answers calls;
// and an app.Handler, which lets everybody do so. It is safe for concurrent use, and may serve any number of clients.
type Methods struct {
	forClient bool // they are those of an rtmp.Client

	mu       sync.RWMutex
	named    map[string]*method
	fallback Fallback
}

// New returns Methods that clients of a server may call.
func New() *Methods { return &Methods{named: make(map[string]*method)} }

// NewClient returns Methods that a server may call at an rtmp.Client, whose ClientConfig.Handler is their Answer.
func NewClient() *Methods {
	m := New()
	m.forClient = true
	return m
}

// Fallback answers calls of names that are not registered, such as those that are forwarded to another server. c is nil for Methods of NewClient.
// Its error is as that of a function; app.ErrNoMethod answers Method not found.
type Fallback func(ctx context.Context, c *app.Client, name string, args []amf.Value) (amf.Value, error)

// Option changes how a function is called.
type Option func(*method)

// Only asks allow before each call: its error, whose text goes to the log, answers NetConnection.Call.Prohibited. It is for Methods of New.
func Only(allow func(c *app.Client) error) Option { return func(f *method) { f.allow = allow } }

// Register lets f be called by name. f is a function
//
//	func([ctx context.Context,] [c *app.Client,] arguments...) ([result,] [error])
//
// with *rtmp.Client in place of *app.Client for Methods of NewClient. Arguments and the result may be booleans, numbers, strings, time.Time,
// []byte, slices, maps with string keys, structs with `amf` tags, amf's own types, any, and pointers to them, as amf.Assign and
// amf.ToValue map them. A number for an integer must be whole and in its range. Null and undefined are taken for pointers, slices, maps and
// any, which they make nil, not for others. Pointers at the end may be left out by the caller, and so may the arguments of a variadic
// function; other arguments may not, and more than there are may not be sent.
//
// ctx ends with the connection or after app.Limits.HandlerTimeout. Functions of one client run one at a time, those of several at once.
//
// Register panics when f is nothing like that, or the name is taken or one of the protocol's (app.Reserved): a programmer's mistake, which no
// client can cause.
func (m *Methods) Register(name string, f any, options ...Option) {
	made, err := m.make(name, f)
	if err != nil {
		panic(err)
	}
	for _, o := range options {
		o(made)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.named[name] != nil {
		panic(fmt.Errorf("rpc: %s is registered already", name))
	}
	m.named[name] = made
}

func (m *Methods) make(name string, f any) (*method, error) {
	switch {
	case name == "":
		return nil, fmt.Errorf("rpc: a method needs a name")
	case !m.forClient && app.Reserved(name), slices.Contains(answers, name):
		return nil, fmt.Errorf("rpc: %s cannot be registered: it is a command of the protocol, which never reaches an application", name)
	}
	made, err := newMethod(f, m.forClient)
	if err != nil {
		return nil, fmt.Errorf("rpc: method %s: %w", name, err)
	}
	made.name = name
	return made, nil
}

// answers are the commands that an rtmp.Client keeps for itself.
var answers = []string{"_result", "_error", "onStatus", "close"}

// SetFallback sets what answers calls of other names; nil, as at first, is Method not found.
func (m *Methods) SetFallback(f Fallback) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fallback = f
}

// Names lists what is registered, in order.
func (m *Methods) Names() []string {
	m.mu.RLock()
	defer m.mu.RUnlock()
	names := make([]string, 0, len(m.named))
	for name := range m.named {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Call implements app.Caller. Functions that want their client need the ctx that the server made for the call.
func (m *Methods) Call(ctx context.Context, name string, args []amf.Value) (amf.Value, error) {
	m.mu.RLock()
	f, fallback := m.named[name], m.fallback
	m.mu.RUnlock()
	switch {
	case f != nil:
		return f.call(ctx, args)
	case fallback != nil:
		v, err := fallback(ctx, app.ClientOf(ctx), name, args)
		if err != nil {
			return nil, err
		}
		return amf.ToValue(v)
	}
	return nil, app.ErrNoMethod
}

// Close implements app.Session.
func (*Methods) Close(error) {}

// Connect implements app.Handler: everybody may connect and call, and do nothing else.
func (m *Methods) Connect(context.Context, *app.Client, []amf.Value) (app.Session, error) {
	return m, nil
}

// Answer is an rtmp.ClientConfig.Handler.
func (m *Methods) Answer(ctx context.Context, cmd *rtmp.Command) (amf.Value, error) {
	v, err := m.Call(ctx, cmd.Name, cmd.Args)
	if err == app.ErrNoMethod { //nolint:errorlint // a function's own error may wrap another's
		return nil, status.Newf(status.CallFailed, "Method not found (%.256s).", cmd.Name)
	}
	return v, err
}
