package admission

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"net/url"
	"time"

	"penstock/app"
	"penstock/internal/auth"
	"penstock/internal/hook"
	"penstock/status"
)

// View decides about a player over HTTP, which must be let in by the rules for connect too. q has the application, the stream and
// the address. A player that is let in is counted until the request's context ends.
func (r *Rules) View(req *http.Request, q *auth.Request) error {
	fill(q, req)
	connect := *q
	connect.Stream = ""
	if err := r.connect.Check(req.Context(), &connect); err != nil {
		return err
	}
	if r.encoder != nil {
		if _, err := r.encoder.Check(req.Context(), &connect, q.App); err != nil {
			return &app.Refusal{Cause: app.CauseHandler, Rule: r.path + ".encoder_auth",
				Status: status.Newf(app.Code(app.StagePlay, app.CauseHandler), "Players of %s must log in, which they cannot over HTTP; use RTMP.", q.App)}
		}
	}
	q.User = connect.User
	if err := r.play.Check(req.Context(), q); err != nil {
		return err
	}
	releaseConnection, err := r.quota.Connect(r.who(&connect))
	if err != nil {
		return err
	}
	releasePlayer, err := r.quota.Play(r.who(q), false)
	if err != nil {
		releaseConnection()
		return err
	}
	end, err := r.askView(req.Context(), q)
	if err != nil {
		releasePlayer()
		releaseConnection()
		return err
	}
	r.viewers.Add(1)
	context.AfterFunc(req.Context(), func() {
		defer r.viewers.Add(-1)
		releasePlayer()
		releaseConnection()
		end()
	})
	return nil
}

// fill reads what rules look at from a request.
func fill(q *auth.Request, req *http.Request) {
	q.FlashVer, q.PageURL = req.UserAgent(), req.Referer()
	if origin := req.Header.Get("Origin"); origin != "" {
		q.PageURL = origin
	}
	q.Query = make(url.Values)
	for k, v := range req.URL.Query() {
		q.Query[k] = v
	}
	if user, password, ok := req.BasicAuth(); ok && !q.Query.Has("user") {
		q.Query["user"], q.Query["pass"] = []string{user}, []string{password}
	}
}

// askView asks the hooks about both steps of a player. end tells them that both are over.
func (r *Rules) askView(ctx context.Context, q *auth.Request) (end func(), err error) {
	var id [6]byte
	_, _ = rand.Read(id[:]) // never fails (crypto/rand)
	from := r.who(q).IP
	s := r.begin(base64.RawURLEncoding.EncodeToString(id[:]), "http", q)
	began := time.Now()
	goodbye := func() {
		tell(s, hook.Disconnect, hook.Details{User: q.User, Seconds: time.Since(began).Seconds()})
	}
	if _, err := r.ask(ctx, s, from, hook.Connect, hook.Details{User: q.User, Query: q.Query}); err != nil {
		return nil, err
	}
	d := hook.Details{User: q.User, Stream: q.Stream, Query: q.Query, Start: -2, Length: -1}
	rename, err := r.ask(ctx, s, from, hook.Play, d)
	if err != nil {
		goodbye()
		return nil, err
	}
	q.Stream = renamed(q.Stream, rename)
	return func() {
		tell(s, hook.Stop, ended(d, app.StreamEnd{Began: began}))
		goodbye()
	}, nil
}
