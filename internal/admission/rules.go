package admission

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"penstock/amf"
	"penstock/app"
	"penstock/internal/auth"
	"penstock/internal/config"
	"penstock/internal/hook"
	"penstock/internal/lockout"
	"penstock/internal/quota"
	"penstock/status"
)

// Rules are the rules of one application.
type Rules struct {
	name, path                   string
	connect, publish, play, call *auth.Rules
	encoder                      *auth.Encoder // nil: encoders do not log in
	quota                        *quota.Quota
	hooks                        *hook.Hooks // nil: nobody is asked
	words                        map[string]config.Words
	exempt                       config.Networks
	guesses                      guesses
	viewers                      atomic.Int64 // players over HTTP whose end is still to be told
}

// Client is the rules for a client that has connected. Its methods are an app.LiveOptions.
type Client struct {
	*Rules
	client    *app.Client
	request   auth.Request
	anonymous bool          // was not asked to log in, where encoders do
	session   *hook.Session // nil without hooks
	release   func()        // of the quota

	calls verdict
}

// verdict is what the rules for calls said last: a client may call often, and a password is dear to check.
type verdict struct {
	mu  sync.Mutex
	at  time.Time // zero: not asked yet
	err error
}

// verdictAge is how long a verdict counts.
const verdictAge = time.Minute

// Connect decides about a client, and returns the rules for what it does next.
func (r *Rules) Connect(ctx context.Context, c *app.Client, args []amf.Value) (*Client, error) {
	cr := &Client{Rules: r, client: c, request: auth.Request{
		App: c.App, Instance: c.Instance, Addr: c.Addr, PageURL: c.PageURL, SWFURL: c.SWFURL, TCURL: c.TCURL, FlashVer: c.FlashVer,
		Query: c.Query, Args: args,
	}}
	if err := r.connect.Check(ctx, &cr.request); err != nil {
		return nil, err
	}
	if r.encoder != nil {
		user, err := r.encoder.Check(ctx, &cr.request, (&amf.Object{Props: c.Properties}).String("app"))
		if err != nil {
			return nil, err
		}
		if cr.anonymous = user == ""; !cr.anonymous {
			cr.request.User = "user:" + user
		}
	}
	who := r.who(&cr.request)
	release, err := r.quota.Connect(who)
	if err != nil {
		return nil, err
	}
	over := "rtmp"
	if c.Secure {
		over = "rtmps"
	}
	cr.release, cr.session = release, r.begin(c.ID, over, &cr.request)
	if _, err := r.ask(ctx, cr.session, who.IP, hook.Connect, hook.Details{User: cr.request.User, Query: c.Query}); err != nil {
		release()
		return nil, err
	}
	return cr, nil
}

// who is whom limits count.
func (r *Rules) who(q *auth.Request) quota.Who {
	w := quota.Who{User: q.User}
	if !r.exempt.Contains(q.Addr) {
		w.IP = addrKey(q.Addr)
	}
	return w
}

func addrKey(a net.Addr) string { return lockout.AddrKey(a) }

// begin begins a session of the hooks, nil without hooks.
func (r *Rules) begin(id, over string, q *auth.Request) *hook.Session {
	if r.hooks == nil {
		return nil
	}
	c := hook.Client{ID: id, Addr: q.Addr, Over: over, App: q.App, Instance: q.Instance, TCURL: q.TCURL, PageURL: q.PageURL,
		SWFURL: q.SWFURL, FlashVer: q.FlashVer}
	if c.Instance == app.DefaultInstance {
		c.Instance = ""
	}
	return r.hooks.Session(c)
}

// ask asks the hooks, when there are any, about a client from an address.
func (r *Rules) ask(ctx context.Context, s *hook.Session, from string, e hook.Event, d hook.Details) (stream string, err error) {
	if s == nil {
		return "", nil
	}
	if err := r.guesses.pause(ctx, from); err != nil {
		return "", err
	}
	stream, err = s.Ask(ctx, e, d)
	r.guesses.note(from, err)
	return stream, err
}

// tell tells the hooks, when there are any.
func tell(s *hook.Session, e hook.Event, d hook.Details) {
	if s != nil {
		s.Tell(e, d)
	}
}

// Publish is app.LiveOptions.Publish.
func (c *Client) Publish(ctx context.Context, p *app.PublishRequest) error {
	if c.anonymous {
		return &app.Refusal{Cause: app.CauseHandler, Rule: c.path + ".encoder_auth", Status: status.Newf(app.Code(app.StagePublish, app.CauseHandler),
			"Publishing to %s needs a user and password: use an encoder that logs in, and enter them there.", c.name)}
	}
	q := c.request
	q.Stream, q.Query = p.Name, p.Query
	if err := c.publish.Check(ctx, &q); err != nil {
		return err
	}
	who := c.who(&q)
	stream, err := c.quota.Publish(who)
	if err != nil {
		return err
	}
	d := hook.Details{User: q.User, Stream: q.Stream, Type: p.Type, Query: p.Query}
	rename, err := c.ask(ctx, c.session, who.IP, hook.Publish, d)
	if err != nil {
		stream.End()
		return err
	}
	p.Name = renamed(q.Stream, rename)
	p.Watch = stream.Check
	p.Ended = func(e app.StreamEnd) {
		stream.End()
		tell(c.session, hook.Unpublish, ended(d, e))
	}
	return nil
}

// Play is app.LiveOptions.Play.
func (c *Client) Play(ctx context.Context, p *app.PlayRequest) error {
	q := c.request
	q.Stream, q.Query = p.Name, p.Query
	if err := c.play.Check(ctx, &q); err != nil {
		return err
	}
	who := c.who(&q)
	release, err := c.quota.Play(who, p.Replaces)
	if err != nil {
		return err
	}
	d := hook.Details{User: q.User, Stream: q.Stream, Query: p.Query, Start: p.Start, Length: p.Length, Reset: p.Reset}
	rename, err := c.ask(ctx, c.session, who.IP, hook.Play, d)
	if err != nil {
		release()
		return err
	}
	p.Name = renamed(q.Stream, rename)
	p.Ended = func(e app.StreamEnd) {
		release()
		tell(c.session, hook.Stop, ended(d, e))
	}
	return nil
}

func renamed(name, rename string) string {
	if rename != "" {
		return rename
	}
	return name
}

// ended is what hooks are told of an end.
func ended(d hook.Details, e app.StreamEnd) hook.Details {
	if d.Began = !e.Began.IsZero(); d.Began {
		d.Seconds, d.Bytes = time.Since(e.Began).Seconds(), e.Bytes
	}
	return d
}

// Call is app.LiveOptions.Call.
func (c *Client) Call(ctx context.Context, method string) error {
	if err := c.mayCall(ctx); err != nil {
		return err
	}
	_, err := c.ask(ctx, c.session, c.who(&c.request).IP, hook.Call, hook.Details{User: c.request.User, Method: method})
	return err
}

// mayCall asks the rules, or remembers what they said.
func (c *Client) mayCall(ctx context.Context) error {
	v := &c.calls
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.at.IsZero() || time.Since(v.at) > verdictAge {
		q := c.request
		err := c.call.Check(ctx, &q)
		if ctx.Err() != nil {
			return err
		}
		v.at, v.err = time.Now(), err
	}
	return v.err
}

// Close is app.LiveOptions.Close.
func (c *Client) Close(reason error) {
	c.release()
	d := hook.Details{User: c.request.User, BytesIn: c.client.BytesRead(), BytesOut: c.client.BytesWritten(), Seconds: time.Since(c.client.Since).Seconds()}
	if reason != nil {
		d.Reason = reason.Error()
	}
	tell(c.session, hook.Disconnect, d)
}
