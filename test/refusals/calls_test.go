package refusals

import (
	"penstock/app"
	"penstock/status"
)

// calls are the scenarios of methods that are called, which only rtmp-client can.
func calls(b *backends) []*scenario {
	onCall := []app.Stage{app.StageCall}
	hook := addressOf(b, func() string { return b.ours.URL })
	return []*scenario{
		{title: "A method that is not there", what: "The application has no method of that name; the rule is the name.",
			cause: app.CauseNotFound, xStatus: 404, rule: "nosuch", application: "{}", stages: onCall,
			code: map[app.Stage]status.Code{app.StageCall: status.CallFailed}, ask: func(g *target) { g.method = "nosuch" }},
		{title: "A method, from a network that is denied", what: "The rules for calls are those for the other actions; this is one of them.",
			cause: app.CausePolicy, xStatus: 403, rule: ".deny_networks", access: "deny_networks: [loopback]", stages: onCall},
		{title: "A method, without a key", what: "The client brings no key.",
			cause: app.CauseHandler, xStatus: 401, rule: ".keys", access: "keys: {camera: {key: 3f1c0a5be2d94c7786a1f0e4b9d25c68}}", stages: onCall},
		{title: "A method, by the operator's own program", what: "The program is asked about `call`, and says no.",
			cause: app.CauseHook, xStatus: 401, rule: "apps.live.hooks", stages: onCall,
			application: "hooks: {urls: {call: \"" + hook + "\"}, timeout: 20s}"},
	}
}
