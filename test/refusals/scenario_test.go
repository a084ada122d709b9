package refusals

import (
	"fmt"
	"strings"
	"testing"

	"penstock/app"
	"penstock/status"
	"penstock/test/process"
)

// A scenario is one way to be refused, tried by every client that can do what is refused.
type scenario struct {
	title string // of its section
	what  string // what happened, in a sentence or two
	cause app.Cause
	rule  string // after "apps.live.ACTION", or whole when it does not begin with a dot

	// One of the three; access and application are in one server that all scenarios share.
	access      string // YAML of the rules of each stage's action
	application string // YAML of the application
	server      string // YAML of a whole configuration, for a server of its own

	stages  []app.Stage
	code    map[app.Stage]status.Code // where it is not the usual one
	xStatus int
	query   string                                            // credentials, after the stream's name, or after the application when connect is refused
	ask     func(g *target)                                   // what else differs from asking for application live and stream cam
	first   func(t *testing.T, at *place)                     // what happened before any client came; there is no relay yet
	before  func(t *testing.T, at *place)                     // what happened before a client came
	during  func(t *testing.T, at *place, p *process.Process) // what happens while it is there
	cannot  map[*client]string                                // who cannot do it, and why
	shows   map[*client]string                                // what a client shows instead of the words it was sent
	obs     bool                                              // OBS Studio is tried too
	logsIn  bool                                              // it takes three connections
	fine    map[*client]bool                                  // who ends with exit code 0
	actions map[*client]action                                // what a client does where it is not the usual
}

// A place is where one client is refused.
type place struct {
	server *server
	relay  *link
	begin  int // refusals of the relay's address that came before the client
	app    string
	client *client
}

func (at *place) url() string { return "rtmp://" + at.relay.Addr + "/" + at.app }

var (
	onConnect = []app.Stage{app.StageConnect}
	onPublish = []app.Stage{app.StagePublish}
	onPlay    = []app.Stage{app.StagePlay}
	onBoth    = []app.Stage{app.StagePublish, app.StagePlay}
	onAll     = []app.Stage{app.StageConnect, app.StagePublish, app.StagePlay}
)

// usual is the code by which a stage is refused.
var usual = map[app.Stage]status.Code{
	app.StageConnect: status.ConnectRejected, app.StagePublish: status.PublishDenied, app.StagePlay: status.PlayFailed,
	app.StageCall: status.CallProhibited,
}

// ability is the action that shows a stage's refusal, by this client.
func (s *scenario) action(stage app.Stage, c *client) action {
	if a, ok := s.actions[c]; ok {
		return a
	}
	if stage == app.StageCall {
		return calling
	}
	if stage == app.StagePlay || c.can[publishing] == nil && stage != app.StagePublish {
		return playing
	}
	return publishing
}

func (s *scenario) wantCode(stage app.Stage) status.Code {
	if c, ok := s.code[stage]; ok {
		return c
	}
	return usual[stage]
}

// appName is the application of a scenario and stage in the server that is shared. plain makes it "live" again.
func appName(index int, stage app.Stage) string { return fmt.Sprintf("app%02d%s", index, stage) }

// sharedConfig is the configuration of the server that scenarios without one of their own share.
func sharedConfig(list []*scenario) string {
	var b strings.Builder
	b.WriteString("exempt_networks: [192.0.2.0/24]\napps:\n") // so that loopback addresses are counted
	for i, s := range list {
		if s.server != "" {
			continue
		}
		for _, stage := range s.stages {
			fmt.Fprintf(&b, "  %s:\n%s", appName(i, stage), indent(4, s.yaml(stage)))
		}
	}
	return b.String()
}

// sharedApps are its applications.
func sharedApps(list []*scenario) []string {
	var names []string
	for i, s := range list {
		for _, stage := range s.stages {
			names = append(names, appName(i, stage))
		}
	}
	return names
}

// yaml is the application's configuration.
func (s *scenario) yaml(stage app.Stage) string {
	if s.application != "" {
		return s.application
	}
	return string(stage) + ":\n" + indent(2, s.access)
}

func indent(n int, text string) string {
	var b strings.Builder
	for line := range strings.Lines(strings.TrimSpace(text)) {
		b.WriteString(strings.Repeat(" ", n) + strings.TrimRight(line, "\n") + "\n")
	}
	return b.String()
}

// target is what a client asks for.
func (s *scenario) target(at *place, stage app.Stage) *target {
	g := &target{addr: at.relay.Addr, app: at.app, stream: "cam", method: "echo"}
	if s.query != "" && stage == app.StageConnect {
		g.app += "?" + s.query
		g.explicit = true
	} else if s.query != "" {
		g.stream += "?" + s.query
	}
	if s.ask != nil {
		s.ask(g)
	}
	return g
}
