package refusals

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"penstock/app"
	"penstock/test/process"
)

// An outcome is one client's refusal.
type outcome struct {
	client   *client
	action   action
	cannot   string // why the client was not tried
	exit     int
	printed  []string
	refusals []refusal
}

// A result is what came of one scenario and stage.
type result struct {
	stage    app.Stage
	outcomes []*outcome
}

// Every client is refused for every cause, and all that is told and recorded agrees.
func TestRefusals(t *testing.T) {
	process.Needs(t, "ffmpeg", "gst-launch-1.0", "rtmpdump", "node", "obs", "Xvfb")
	display := screen(t)
	list := scenarios(t, startBackends(t))
	results, rows := make([][]*result, len(list)), codeRows()
	t.Run("all", func(t *testing.T) { // at the same time
		tryCodes(t, rows, display)
		shared := serve(t, sharedConfig(list))
		t.Cleanup(func() { sameInMetrics(t, shared, sharedApps(list)) })
		for i, s := range list {
			for _, stage := range s.stages {
				r := &result{stage: stage}
				results[i] = append(results[i], r)
				t.Run(fmt.Sprintf("%s, %s", s.title, stage), func(t *testing.T) {
					t.Parallel()
					if s.server != "" {
						srv := serve(t, s.server)
						r.outcomes = s.tryAll(t, place{server: srv, app: "live"}, stage, display)
						sameInMetrics(t, srv, []string{"live"})
						return
					}
					r.outcomes = s.tryAll(t, place{server: shared, app: appName(i, stage)}, stage, display)
				})
			}
		}
	})
	if t.Failed() {
		return
	}
	if slices.ContainsFunc(slices.Concat(results...), func(r *result) bool { return len(r.outcomes) == 0 }) {
		t.Log("a part was left out by -run, so the document is not compared")
		return
	}
	checkDocument(t, document(t, &report{list, results, rows}))
}

// scenarios are all of them. b is nil where nothing is tried.
func scenarios(t *testing.T, b *backends) []*scenario {
	var list []*scenario
	for _, l := range [][]*scenario{rules(), encoders(), names(), limits(), quotas(), calls(b), hooks(t, b), operators()} {
		list = append(list, l...)
	}
	return list
}

// tryAll lets one client after the other be refused.
func (s *scenario) tryAll(t *testing.T, where place, stage app.Stage, display string) (list []*outcome) {
	if s.first != nil {
		s.first(t, &where)
	}
	who := clients
	if stage == app.StageCall {
		who = append(slices.Clone(clients), rtmpClient)
	}
	for _, c := range who {
		at := where
		at.client = c
		list = append(list, s.try(t, &at, stage))
	}
	if s.obs && stage != app.StagePlay {
		at := where
		list = append(list, s.tryOBS(t, &at, stage, display))
	}
	return list
}

// try lets one client be refused.
func (s *scenario) try(t *testing.T, at *place, stage app.Stage) *outcome {
	c := at.client
	o := &outcome{client: c, action: s.action(stage, c)}
	command := c.can[o.action]
	if why, ok := s.cannot[c]; ok {
		o.cannot = why
		return o
	}
	if command == nil {
		o.cannot = map[action]string{publishing: "cannot publish", calling: "cannot call methods"}[o.action]
		return o
	}
	at.relay = relayTo(t, at.server.rtmp)
	if s.before != nil {
		s.before(t, at)
	}
	at.begin = len(at.server.log.of(at.relay.ip))
	p := start(t, nil, nil, c.program, command(s.target(at, stage))...)
	if s.during != nil {
		s.during(t, at, p)
	}
	until(t, 20*time.Second, c.name+"'s refusal is in the log", func() bool { return at.refused() > 0 })
	o.exit = p.Wait(t, 30*time.Second)
	o.printed = c.printed(p.Stdout.String(), at.app)
	o.refusals = at.server.log.of(at.relay.ip)[at.begin:]
	s.judge(t, at, stage, o)
	return o
}

// refused is how often the client was refused so far.
func (at *place) refused() int { return len(at.server.log.of(at.relay.ip)) - at.begin }

// judge compares what is expected, what was sent, what is recorded and what the client printed.
func (s *scenario) judge(t *testing.T, at *place, stage app.Stage, o *outcome) {
	t.Helper()
	name := o.client.name
	if len(o.refusals) != 1 {
		t.Errorf("%s was refused %d times: %v", name, len(o.refusals), o.refusals)
	}
	rule := s.rule
	if rule == "" || strings.HasPrefix(rule, ".") {
		rule = "apps.live." + string(stage) + rule
	}
	if s.rule == "" && s.access == "" {
		rule = ""
	}
	said := at.relay.said(t)
	for _, r := range o.refusals {
		if r.Stage != string(stage) || r.Cause != string(s.cause) || r.Code != string(s.wantCode(stage)) || r.XStatus != s.xStatus ||
			plain(r.Rule, at.app) != rule {
			t.Errorf("%s's refusal is recorded as %+v, want stage %s, cause %s, rule %s, code %s, x-status %d",
				name, r, stage, s.cause, rule, s.wantCode(stage), s.xStatus)
		}
		sent := r.Code == "" // the client speaks another protocol
		for _, st := range said {
			sent = sent || string(st.Code) == r.Code && st.Description == r.Description
		}
		if !sent {
			t.Errorf("%s was sent %v, and the log has %q %q", name, said, r.Code, r.Description)
		}
	}
	if len(o.refusals) == 0 {
		return
	}
	last := o.refusals[len(o.refusals)-1]
	all := strings.Join(o.printed, "\n")
	shows := o.client.shows(last)
	if instead, ok := s.shows[o.client]; ok {
		shows = []string{instead}
	}
	for _, text := range shows {
		if !strings.Contains(all, plain(text, at.app)) {
			t.Errorf("%s does not show %q:\n%s", name, plain(text, at.app), all)
		}
	}
	if o.client != obs && o.client != rtmpClient && (o.exit == 0) != s.fine[o.client] {
		t.Errorf("%s ends with exit code %d:\n%s", name, o.exit, all)
	}
	sameInAPI(t, at, o)
	sameInAccessLog(t, at, o)
	for i, r := range o.refusals {
		o.refusals[i].Rule, o.refusals[i].Description = plain(r.Rule, at.app), plain(r.Description, at.app)
	}
}
