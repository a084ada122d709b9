// Package admission is who may do what with the applications of a configuration: the rules of each (package auth), its limits
// (package quota) and its hooks (package hook), asked in this order, and the words in which clients are told.
package admission

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"penstock/app"
	"penstock/internal/auth"
	"penstock/internal/config"
	"penstock/internal/hook"
	"penstock/internal/password"
	"penstock/internal/quota"
	"penstock/status"
)

// Admission is the rules of every application. It is safe for concurrent use.
type Admission struct {
	authority  *auth.Authority
	apps       map[string]*Rules
	unanswered *unanswered
}

// Options are what the rules of all applications share.
type Options struct {
	Exempt config.Networks // addresses that are not counted one by one
	Hooks  hook.Observer   // hears how hooks answer; nil: nobody does
	Log    *slog.Logger
}

// New compiles the rules of applications. Close it when the server has ended.
func New(apps map[string]config.App, o Options) (*Admission, error) {
	ad := &Admission{authority: auth.New(o.Log), apps: make(map[string]*Rules, len(apps)), unanswered: newUnanswered()}
	for name, a := range apps {
		rules, err := ad.compile(name, a, o)
		if err != nil {
			ended, cancel := context.WithCancel(context.Background())
			cancel()
			ad.Close(ended)
			return nil, err
		}
		rules.exempt = o.Exempt
		ad.apps[name] = rules
	}
	return ad, nil
}

// App returns the rules of an application, nil when there is none of that name.
func (ad *Admission) App(name string) *Rules { return ad.apps[name] }

// Passwords is what checks passwords, for others who have users too: together they do not take more memory.
func (ad *Admission) Passwords() *password.Checker { return ad.authority.Passwords() }

// Close delivers what hooks are still to be told, until ctx ends.
func (ad *Admission) Close(ctx context.Context) {
	ad.unanswered.close()
	done := make(chan struct{})
	for _, r := range ad.apps {
		go func() {
			r.close(ctx)
			done <- struct{}{}
		}()
	}
	for range ad.apps {
		<-done
	}
	ad.authority.Close()
}

// close waits for the ends of players over HTTP, which are noticed a moment after their requests are over, and delivers what hooks
// are to be told.
func (r *Rules) close(ctx context.Context) {
	if r.hooks == nil {
		return
	}
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for r.viewers.Load() > 0 && ctx.Err() == nil {
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
	r.hooks.Close(ctx)
}

func (ad *Admission) compile(name string, a config.App, o Options) (*Rules, error) {
	r := &Rules{name: name, path: "apps." + name, words: a.Refusals}
	for _, of := range []struct {
		action auth.Action
		access config.Access
		better bool // there is something better to go by than networks that nobody wrote
		dst    **auth.Rules
	}{
		{auth.Connect, a.Connect, false, &r.connect},
		{auth.Publish, a.Publish, a.EncoderAuth.Mode != "", &r.publish},
		{auth.Play, a.Play, false, &r.play},
		{auth.Call, a.Call, false, &r.call},
	} {
		var err error
		if *of.dst, err = ad.authority.Rules(authOptions(r.path, of.action, of.access, of.access.Networks(of.better))); err != nil {
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
	r.quota = quota.New(name, r.path+".limits", quotaLimits(a.Limits))
	var err error
	r.hooks, err = newHooks(name, r.path+".hooks", a.Hooks, o)
	return r, err
}

func authOptions(path string, action auth.Action, access config.Access, allow config.Networks) auth.Options {
	o := auth.Options{
		Path: path + "." + string(action), Action: action, Allow: allow, AllowIs: whom(allow), Deny: access.DenyNetworks,
		Origins: access.Origins, Users: access.Users, Secret: access.SignedURLs.Secret, Keys: make(map[string]auth.Key),
	}
	for label, k := range access.Keys {
		o.Keys[label] = auth.Key{Stream: k.Stream, Key: k.Key, SHA256: k.SHA256, PublishAs: k.PublishAs}
	}
	if j := access.JWT; j.Used() {
		o.JWT = &auth.JWT{Secret: j.Secret, KeyFile: j.KeyFile, JWKSFile: j.JWKSFile, JWKSURL: j.JWKSURL,
			Refresh: time.Duration(j.Refresh), Issuer: j.Issuer, Audience: j.Audience}
	}
	return o
}

// whom describes networks to a stranger, without naming them.
func whom(n config.Networks) string {
	if n.Local() {
		return "local networks"
	}
	return "certain networks"
}

func quotaLimits(l config.AppLimits) quota.Limits {
	count := func(total, perIP, perUser int) quota.Bound {
		return quota.Bound{Total: float64(total), PerIP: float64(perIP), PerUser: float64(perUser)}
	}
	return quota.Limits{
		Connections:   count(l.Connections, l.ConnectionsPerIP, l.ConnectionsPerUser),
		Publishers:    count(l.Publishers, l.PublishersPerIP, l.PublishersPerUser),
		Players:       count(l.Players, l.PlayersPerIP, l.PlayersPerUser),
		ConnectRate:   quota.Bound{Total: l.ConnectRate, PerIP: l.ConnectRatePerIP, PerUser: l.ConnectRatePerUser},
		Bitrate:       count(int(l.BitrateTotal), int(l.BitratePerIP), int(l.BitratePerUser)),
		StreamBitrate: float64(l.Bitrate),
	}
}

// newHooks returns nil without hooks.
func newHooks(name, path string, c config.Hooks, shared Options) (*hook.Hooks, error) {
	if !c.Used() {
		return nil, nil
	}
	o := hook.Options{
		App: name, Path: path, URLs: make(map[hook.Event]string), Secret: c.Secret, Format: c.Format, Timeout: time.Duration(c.Timeout),
		AllowWhenDown: c.WhenDown == "allow", Log: shared.Log, Observer: shared.Hooks,
	}
	for event, url := range c.Addresses() {
		o.URLs[hook.Event(event)] = url
	}
	return hook.New(o)
}

// accessManager begins the descriptions that encoders read in order to log in.
const accessManager = "[ AccessManager.Reject ]"

// Words is what the configuration has an application's clients told in place of r.Status, nil for nothing else: the words for the
// rule, for what the rule is part of, or for the cause. It can be an app.Server's Words.
func (ad *Admission) Words(r *app.Refusal) *status.Status {
	rules := ad.apps[r.App]
	if rules == nil || len(rules.words) == 0 || r.Cause == app.CauseRedirect || strings.HasPrefix(r.Status.Description, accessManager) {
		return nil
	}
	if rule, ok := strings.CutPrefix(r.Rule, rules.path+"."); ok {
		for rule != "" {
			if w, ok := rules.words[rule]; ok {
				return replace(r.Status, w)
			}
			rule = rule[:max(strings.LastIndexByte(rule, '.'), 0)]
		}
	}
	if w, ok := rules.words[string(r.Cause)]; ok {
		return replace(r.Status, w)
	}
	return nil
}

func replace(st *status.Status, w config.Words) *status.Status {
	changed := *st
	if w.Code != "" {
		changed.Code, changed.Level = status.Code(w.Code), status.LevelError
	}
	if w.Text != "" {
		changed.Description = w.Text
	}
	return &changed
}
