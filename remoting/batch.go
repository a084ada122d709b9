package remoting

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"

	"penstock/amf"
	"penstock/status"
)

// batch is one request at work: its calls run one after the other, those to one application on one connection.
type batch struct {
	h       *Handler
	ctx     context.Context
	r       *http.Request
	headers []Header
	app     string // of the path, "" when targets name theirs
	query   string // of the URL, with the user of a Credentials header
	owner   string // the caller's host
	session *session
	conns   map[string]*connection // by application, beside those of the session
	told    *connection            // who has been given the headers last
	refusal error                  // what it said to them
}

// newBatch finds the session of a request. The error is of waiting for it.
func (h *Handler) newBatch(ctx context.Context, r *http.Request, headers []Header) (*batch, error) {
	id, path, query := cutSession(r.URL.Path, r.URL.RawQuery)
	b := &batch{h: h, ctx: ctx, r: r, headers: headers, query: query, owner: hostOf(h.o.Addr(r)), conns: make(map[string]*connection)}
	b.app = strings.Trim(strings.TrimPrefix(path, Path), "/")
	for _, hd := range headers {
		if props, ok := amf.PropsOf(hd.Value); ok && strings.EqualFold(hd.Name, "Credentials") {
			o := &amf.Object{Props: props}
			b.query = withUser(b.query, o.String("userid"), o.String("password"))
		}
	}
	if id == "" {
		return b, nil
	}
	var err error
	b.session, err = h.sessions.use(ctx, id, b.owner)
	return b, err
}

// call makes one call and returns its answer.
func (b *batch) call(call Body) Body {
	if call.Err != nil {
		return b.deny(call, status.New(status.CallBadVersion, call.Err.Error()), "")
	}
	describe := false
	for _, h := range b.headers {
		describe = describe || strings.EqualFold(h.Name, "DescribeService")
	}
	if describe && !b.h.o.Describe {
		return b.deny(call, status.New(status.CallProhibited, "Methods are not described here."), "")
	}
	if m := flexMessage(call.Value); m != nil && !describe {
		return b.flex(call, m)
	}
	application, method, named := b.app, call.Target, true
	if application == "" {
		application, method, named = strings.Cut(call.Target, ".")
	}
	args := arguments(call.Value)
	switch {
	case describe:
		method, args = describeMethod, nil
	case !named:
		return b.deny(call, status.Newf(status.CallFailed, "Method not found (%s).", call.Target), "The target has to be APPLICATION.METHOD.")
	}
	v, err := b.invoke(application, b.query, method, args)
	if err != nil {
		s, details := reason(err)
		return fault(call, s, details)
	}
	return result(call, v)
}

// invoke calls a method of an application.
func (b *batch) invoke(application, query, method string, args []amf.Value) (amf.Value, error) {
	c := b.connect(application, query)
	if c.err != nil {
		return nil, c.err
	}
	if b.told != c {
		b.told, b.refusal = c, b.tell(c)
	}
	if b.refusal != nil {
		return nil, b.refusal
	}
	return c.client.Call(b.ctx, method, args...)
}

// tell gives the request's headers to an application, as calls of the methods of their names. The error is that of one which has to be
// understood.
func (b *batch) tell(c *connection) error {
	for _, h := range b.headers {
		switch strings.ToLower(h.Name) {
		case "credentials", "describeservice", "amf_server_debug": // the gateway's own, and one of debuggers, which is for nobody here
			continue
		}
		_, err := c.client.Call(b.ctx, h.Name, h.Value)
		if s, ok := status.Of(err); ok && h.MustUnderstand {
			if s.Code == status.CallFailed {
				return status.Newf(status.CallFailed, "The header %.64q is not understood, and must be.", h.Name)
			}
			return err
		}
	}
	return nil
}

// connect connects to an application, once in a request, and not again in a session. Other credentials than before are another connection.
func (b *batch) connect(application, query string) *connection {
	if query != "" {
		query = "?" + query
	}
	if b.session != nil {
		if c := b.session.conns[application]; c != nil {
			if !c.ended() && (query == "" || query == c.query) {
				return c
			}
			b.leave(application)
		}
	}
	if c := b.conns[application]; c != nil {
		if query == "" || query == c.query {
			return c
		}
		c.close()
	}
	c := b.h.connect(b.ctx, b.r, application, query)
	b.conns[application] = c
	return c
}

// leave ends the session's connection to an application.
func (b *batch) leave(application string) {
	if b.session == nil {
		return
	}
	if c := b.session.conns[application]; c != nil {
		b.h.sessions.remove(b.session, application)
		c.close()
	}
}

// finish returns the headers that the applications want in the answer, and keeps the connections that they want kept.
func (b *batch) finish() (headers []Header) {
	all, keep := maps.Clone(b.conns), make(map[string]*connection)
	if b.session != nil {
		maps.Copy(all, b.session.conns)
	}
	lost := 0
	for _, name := range slices.Sorted(maps.Keys(all)) {
		said, n, kept := all[name].take()
		headers, lost = append(headers, said...), lost+n
		if b.conns[name] != nil && kept && !b.conns[name].ended() {
			keep[name] = b.conns[name]
		}
	}
	fresh := b.session == nil
	session, rest := b.h.sessions.keep(b.session, b.owner, keep)
	for name := range keep {
		if rest[name] == nil {
			delete(b.conns, name)
		}
	}
	if len(rest) > 0 {
		b.h.o.Log.Warn("a remoting session is not kept", "peer", b.owner, "limit", "remoting_sessions", "max", b.h.o.Limits.Sessions)
	}
	b.session = session
	if session != nil {
		headers = session.appendTo(headers, fresh)
	}
	if n := len(headers) - b.h.o.Limits.Headers; n > 0 {
		headers, lost = headers[:b.h.o.Limits.Headers], lost+n
	}
	if lost > 0 {
		b.h.o.Log.Warn("an application says more than an answer holds", "peer", b.owner, "limit", "remoting_headers", "lost", lost)
	}
	return headers
}

// end lets go of the session, and ends all other connections.
func (b *batch) end() {
	if b.session != nil {
		b.h.sessions.release(b.session)
	}
	for _, c := range b.conns {
		c.close()
	}
}

// appendTo puts the session into the header that changes the caller's URL; there is none when the caller has it already.
func (u *session) appendTo(headers []Header, fresh bool) []Header {
	suffix := ";session=" + u.id
	for i, h := range headers {
		if text, ok := h.Value.(string); ok && strings.EqualFold(h.Name, headerAppend) {
			headers[i].Value = text + suffix // it replaces what was appended before
			return headers
		}
	}
	if fresh {
		headers = append([]Header{{Name: headerAppend, Value: suffix}}, headers...)
	}
	return headers
}

// arguments of a call: Flash Player sends an array of them.
func arguments(v amf.Value) []amf.Value {
	if a, ok := v.(*amf.Array); ok && len(a.Assoc) == 0 {
		return a.Dense
	}
	if v == nil {
		return nil
	}
	return []amf.Value{v}
}
