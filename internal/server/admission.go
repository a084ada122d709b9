package server

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"penstock/amf"
	"penstock/app"
	"penstock/internal/auth"
	"penstock/internal/config"
	"penstock/status"
)

// admission is the rules of every application.
type admission struct {
	authority *auth.Authority
	apps      map[string]*appRules
}

// appRules are the rules of one application.
type appRules struct {
	path                   string
	connect, publish, play *auth.Rules
	encoder                *auth.Encoder // nil: encoders do not log in
}

// newAdmission compiles the rules of applications. Close its authority when the server ends.
func newAdmission(apps map[string]config.App, log *slog.Logger) (*admission, error) {
	ad := &admission{authority: auth.New(log), apps: make(map[string]*appRules, len(apps))}
	for name, a := range apps {
		rules, err := ad.rulesOf(name, a)
		if err != nil {
			ad.authority.Close()
			return nil, err
		}
		ad.apps[name] = rules
	}
	return ad, nil
}

func (ad *admission) rulesOf(name string, a config.App) (*appRules, error) {
	r := &appRules{path: "apps." + name}
	for _, of := range []struct {
		action auth.Action
		access config.Access
		better bool // there is something better to go by than networks that nobody wrote
		dst    **auth.Rules
	}{
		{auth.Connect, a.Connect, false, &r.connect},
		{auth.Publish, a.Publish, a.EncoderAuth.Mode != "", &r.publish},
		{auth.Play, a.Play, false, &r.play},
	} {
		allow := of.access.Networks(of.better)
		o := auth.Options{
			Path: r.path + "." + string(of.action), Action: of.action, Allow: allow, AllowIs: whom(allow), Deny: of.access.DenyNetworks,
			Origins: of.access.Origins, Users: of.access.Users, Secret: of.access.SignedURLs.Secret, Keys: make(map[string]auth.Key),
		}
		for label, k := range of.access.Keys {
			o.Keys[label] = auth.Key{Stream: k.Stream, Key: k.Key, SHA256: k.SHA256, PublishAs: k.PublishAs}
		}
		if j := of.access.JWT; j.Used() {
			o.JWT = &auth.JWT{Secret: j.Secret, KeyFile: j.KeyFile, JWKSFile: j.JWKSFile, JWKSURL: j.JWKSURL,
				Refresh: time.Duration(j.Refresh), Issuer: j.Issuer, Audience: j.Audience}
		}
		var err error
		if *of.dst, err = ad.authority.Rules(o); err != nil {
			return nil, err
		}
	}
	if e := a.EncoderAuth; e.Mode != "" {
		var err error
		r.encoder, err = ad.authority.NewEncoder(r.path+".encoder_auth", auth.Mode(e.Mode), e.Users, e.Agents)
		if err != nil {
			return nil, err
		}
	}
	return r, nil
}

// mayConnect returns the rules for what the client does next.
func (r *appRules) mayConnect(ctx context.Context, c *app.Client, args []amf.Value) (*clientRules, error) {
	cr := &clientRules{appRules: r, request: auth.Request{
		App: c.App, Instance: c.Instance, Addr: c.Addr, PageURL: c.PageURL, SWFURL: c.SWFURL, TCURL: c.TCURL, FlashVer: c.FlashVer,
		Query: c.Query, Args: args,
	}}
	q := cr.request
	if err := r.connect.Check(ctx, &q); err != nil || r.encoder == nil {
		return cr, err
	}
	rawApp := (&amf.Object{Props: c.Properties}).String("app")
	user, err := r.encoder.Check(ctx, &q, rawApp)
	cr.anonymous = user == ""
	return cr, err
}

// clientRules are the rules for a client that has connected.
type clientRules struct {
	*appRules
	request   auth.Request
	anonymous bool // was not asked to log in, where encoders do
}

func (r *clientRules) mayPublish(ctx context.Context, p *app.PublishRequest) error {
	if r.anonymous {
		return &app.Refusal{Cause: app.CauseHandler, Rule: r.path + ".encoder_auth", Status: status.Newf(status.PublishDenied,
			"Publishing to %s needs a user and password: use an encoder that logs in, and enter them there.", r.request.App)}
	}
	q := r.request
	q.Stream, q.Query = p.Name, p.Query
	err := r.publish.Check(ctx, &q)
	p.Name = q.Stream
	return err
}

func (r *clientRules) mayPlay(ctx context.Context, p *app.PlayRequest) error {
	q := r.request
	q.Stream, q.Query = p.Name, p.Query
	err := r.play.Check(ctx, &q)
	p.Name = q.Stream
	return err
}

// mayView is the rule for a player over HTTP, which must be let in by the rules for connect too.
func (r *appRules) mayView(req *http.Request, q *auth.Request) error {
	q.Addr, q.FlashVer, q.PageURL = remote(req.RemoteAddr), req.UserAgent(), req.Referer()
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
	connect := *q
	connect.Stream = ""
	if err := r.connect.Check(req.Context(), &connect); err != nil {
		return err
	}
	if r.encoder != nil {
		if _, err := r.encoder.Check(req.Context(), &connect, q.App); err != nil {
			return &app.Refusal{Cause: app.CauseHandler, Rule: r.path + ".encoder_auth",
				Status: status.Newf(status.PlayFailed, "Players of %s must log in, which they cannot over HTTP; use RTMP.", q.App)}
		}
	}
	return r.play.Check(req.Context(), q)
}
