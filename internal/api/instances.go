package api

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"penstock/app"
	"penstock/app/instance"
	"penstock/internal/operator"
	"penstock/status"
)

// Instance is an instance of an application: those who connect under the same name meet in it.
type Instance struct {
	App       string     `json:"app"`
	Instance  string     `json:"instance" doc:"_definst_ is what clients get that name none."`
	Kind      string     `json:"kind" enum:"script,program,plain" doc:"What runs in it: a script, a program in Go, or nothing but its clients."`
	Running   bool       `json:"running" doc:"false: nobody is in it; there are only shared objects that it left."`
	Stopping  bool       `json:"stopping" doc:"Its clients have been told that it ends."`
	Since     *time.Time `json:"since,omitempty" doc:"When it started; of a plain one, when the oldest of its clients came."`
	IdleSince *time.Time `json:"idleSince,omitempty" doc:"When its last client left."`
	Sessions  int        `json:"sessions"`
	Peak      int        `json:"peak" doc:"The most sessions at once since it started. This and the counts below are, for a plain one, those of the sessions it has."`
	Accepted  uint64     `json:"accepted" doc:"Clients since it started."`
	Refused   uint64     `json:"refused" doc:"Clients that it did not let in."`
	Calls     uint64     `json:"calls" doc:"Of its clients, that were answered."`
	CallsBad  uint64     `json:"callsRefused" doc:"Of its clients, that were answered with an error."`
	BytesIn   uint64     `json:"bytesIn" doc:"From its clients."`
	BytesOut  uint64     `json:"bytesOut" doc:"To its clients."`
	Objects   int        `json:"objects" doc:"Shared objects, those that are only stored included."`
}

func newInstance(s *instance.Stats) Instance {
	i := Instance{
		App: s.App, Instance: s.Name, Kind: "plain", Running: true, Stopping: s.Stopping, Sessions: s.Clients, Peak: s.Peak, Accepted: s.Total,
		Refused: s.Refused, Calls: s.Calls, CallsBad: s.CallsRefused, BytesIn: s.BytesIn, BytesOut: s.BytesOut,
	}
	switch s.Kind {
	case instance.KindScript:
		i.Kind = "script"
	case instance.KindGo:
		i.Kind = "program"
	}
	at := func(t time.Time) *time.Time {
		if t.IsZero() {
			return nil
		}
		t = t.UTC()
		return &t
	}
	i.Since, i.IdleSince = at(s.Started), at(s.IdleSince)
	return i
}

type instancesInput struct {
	App      string `query:"app" maxLength:"128" doc:"Only those of this application."`
	Instance string `query:"instance" maxLength:"128" doc:"Only those of this name."`
	After    string `query:"after" maxLength:"512" doc:"next of the page before."`
	Limit    int    `query:"limit" minimum:"1" maximum:"500" default:"100" doc:"How many at the most."`
}

type instancesOutput struct {
	Body struct {
		Instances []Instance `json:"instances" doc:"In the order of their applications and names."`
		Next      string     `json:"next,omitempty" doc:"after of the next page; absent on the last."`
	}
}

type unloadInput struct {
	Body struct {
		App      string `json:"app" minLength:"1" maxLength:"128" example:"chat"`
		Instance string `json:"instance,omitempty" maxLength:"128" doc:"The default one when it is left out." example:"lobby"`
		Text     string `json:"text,omitempty" maxLength:"512" doc:"What its clients read; a sentence of the server's own when it is left out."`
	}
}

type unloadOutput struct {
	Body struct {
		Sessions int `json:"sessions" doc:"How many were ended."`
	}
}

type collectOutput struct {
	Body struct {
		Instances int `json:"instances" doc:"How many were asked to end."`
	}
}

// LogLine is a line of the log that is about an instance.
type LogLine struct {
	Time  time.Time `json:"time"`
	Level string    `json:"level" enum:"DEBUG,INFO,WARN,ERROR"`
	Text  string    `json:"text"`
}

type logOutput struct {
	Body struct {
		Lines []LogLine `json:"lines" doc:"Oldest first; the last 100."`
	}
}

func (h *handler) instances() {
	huma.Register(h.api, h.operation(http.MethodGet, "/instances", operator.Viewer, "The instances of the applications",
		"Those that run, and those that have left shared objects."), h.listInstances)
	op := h.operation(http.MethodPost, "/instances/unload", operator.Operator, "Stop an instance",
		"Its clients are told NetConnection.Connect.AppShutdown, what runs in it is ended, and the next client meets a new one.")
	op.DefaultStatus = http.StatusOK
	huma.Register(h.api, op, h.unloadInstance)
	op = h.operation(http.MethodPost, "/instances/collect", operator.Operator, "Stop the instances that nobody uses",
		"Those of scripts and programs that have no clients, which otherwise are kept for a while. A script may say no, in application.onAppStop.")
	op.DefaultStatus = http.StatusOK
	huma.Register(h.api, op, h.collect)
	huma.Register(h.api, h.operation(http.MethodGet, "/instances/log", operator.Viewer, "What the log says of an instance",
		"What its script traced, errors, its start and end; not what its clients do."), h.instanceLog)
}

func (h *handler) listInstances(ctx context.Context, in *instancesInput) (*instancesOutput, error) {
	all := make(map[string]*Instance)
	entry := func(name, inst string) *Instance {
		i := all[name+"/"+inst]
		if i == nil {
			i = &Instance{App: name, Instance: inst, Kind: "plain"}
			all[name+"/"+inst] = i
		}
		return i
	}
	for _, s := range h.o.Instances.Instances() {
		if in.App == "" || s.App == in.App {
			*entry(s.App, s.Name) = newInstance(&s)
		}
	}
	for name, hub := range h.o.Hubs {
		if in.App != "" && name != in.App {
			continue
		}
		places, err := placesOf(ctx, hub)
		if err != nil {
			return nil, objectError(err)
		}
		for p := range places {
			entry(name, p.instance).Objects++
		}
	}
	out := &instancesOutput{}
	out.Body.Instances = []Instance{}
	for _, i := range all {
		if i.place() > in.After && (in.Instance == "" || i.Instance == in.Instance) {
			out.Body.Instances = append(out.Body.Instances, *i)
		}
	}
	slices.SortFunc(out.Body.Instances, func(a, b Instance) int { return cmp.Compare(a.place(), b.place()) })
	if len(out.Body.Instances) > in.Limit {
		out.Body.Instances = out.Body.Instances[:in.Limit]
		out.Body.Next = out.Body.Instances[in.Limit-1].place()
	}
	return out, nil
}

// place orders instances, and is where a page ends.
func (i *Instance) place() string { return i.App + "/" + i.Instance }

func (h *handler) unloadInstance(ctx context.Context, in *unloadInput) (*unloadOutput, error) {
	b := &in.Body
	if b.Instance == "" {
		b.Instance = app.DefaultInstance
	}
	var told *status.Status
	if b.Text != "" {
		told = status.New(status.ConnectAppShutdown, b.Text)
	}
	out := &unloadOutput{}
	out.Body.Sessions = h.o.Server.EndInstance(b.App, b.Instance, told)
	if !h.o.Instances.UnloadInstance(b.App, b.Instance, b.Text) && out.Body.Sessions == 0 {
		return nil, huma.Error404NotFound("No instance of that name runs.")
	}
	h.did(ctx, "unload instance", "app", b.App, "instance", b.Instance, "sessions", out.Body.Sessions)
	return out, nil
}

func (h *handler) collect(ctx context.Context, _ *struct{}) (*collectOutput, error) {
	out := &collectOutput{}
	out.Body.Instances = h.o.Instances.Collect()
	h.did(ctx, "collect", "instances", out.Body.Instances)
	return out, nil
}

func (h *handler) instanceLog(_ context.Context, in *Within) (*logOutput, error) {
	out := &logOutput{}
	out.Body.Lines = []LogLine{}
	if h.o.InstanceLog == nil {
		return out, nil
	}
	for _, l := range h.o.InstanceLog.Lines(in.App, in.Instance) {
		level, _, _ := strings.Cut(l.Level.String(), "+")
		out.Body.Lines = append(out.Body.Lines, LogLine{Time: l.Time.UTC(), Level: level, Text: clean(l.Text)})
	}
	return out, nil
}
