package app

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"penstock/amf"
	"penstock/status"
)

// Mux hands a connection to the handler of its application: "chat" is every instance of chat,
// "chat/lobby" that one instance, "*" everything else. It is safe for concurrent use.
type Mux struct {
	mu       sync.RWMutex
	handlers map[string]Handler
}

// NewMux returns an empty Mux, which rejects every connection.
func NewMux() *Mux { return &Mux{handlers: make(map[string]Handler)} }

// Handle sets the handler of an application or instance; "chat/*" means the same as "chat". It
// replaces an earlier one. It panics when the pattern is not a name: that is a programmer's
// mistake which no client can cause.
func (m *Mux) Handle(pattern string, h Handler) {
	key := strings.TrimSuffix(pattern, "/*")
	if key != "*" {
		if err := checkName("application", key, MaxAppName+1+MaxInstanceName); err != nil {
			panic(err)
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.handlers[key] = h
}

// HandleFunc is Handle for a function.
func (m *Mux) HandleFunc(pattern string, f func(ctx context.Context, c *Client, args []amf.Value) (Session, error)) {
	m.Handle(pattern, HandlerFunc(f))
}

// Remove forgets a handler. Connections it accepted stay; see Server.Unload.
func (m *Mux) Remove(pattern string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.handlers, strings.TrimSuffix(pattern, "/*"))
}

// Apps lists the patterns in order.
func (m *Mux) Apps() []string {
	m.mu.RLock()
	defer m.mu.RUnlock()
	var names []string
	for k := range m.handlers {
		names = append(names, k)
	}
	slices.Sort(names)
	return names
}

// Handler finds the handler for an application and instance, nil when there is none.
func (m *Mux) Handler(app, instance string) Handler {
	m.mu.RLock()
	defer m.mu.RUnlock()
	for _, key := range []string{app + "/" + instance, app, "*"} {
		if h := m.handlers[key]; h != nil {
			return h
		}
	}
	return nil
}

// Connect implements Handler. An application without a handler is rejected in the words of
// Flash Media Server.
func (m *Mux) Connect(ctx context.Context, c *Client, args []amf.Value) (Session, error) {
	h := m.Handler(c.App, c.Instance)
	if h == nil {
		return nil, &Refusal{
			Cause: CauseUnknownApp,
			Status: status.New(status.ConnectRejected,
				fmt.Sprintf("[ Server.Reject ] : (_defaultRoot_, _defaultVHost_) : Application (%s) is not defined.", c.App)),
		}
	}
	return h.Connect(ctx, c, args)
}

// Reject is the refusal of a connect with the application's own words. An empty description
// becomes "Connection failed.", as in Flash Media Server; object is what the client reads as
// info.application and may be nil.
func Reject(description string, object amf.Value) *status.Status {
	if description == "" {
		description = "Connection failed."
	}
	return status.New(status.ConnectRejected, description).With("application", object)
}

// Redirect refuses a connect and names the URL to connect to instead.
func Redirect(url string) *status.Status {
	ex := amf.NewObject(amf.Prop{Key: "code", Value: 302.0}, amf.Prop{Key: "redirect", Value: url})
	return status.New(status.ConnectRejected, "Connection failed").With("ex", ex)
}
