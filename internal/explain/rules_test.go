package explain

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"penstock/app"
)

// A known rule is told better than its cause; a name that only looks like one is not.
func TestWordsOfRules(t *testing.T) {
	for _, tc := range []struct {
		cause app.Cause
		rule  string
		why   string // "" is the cause's own
	}{
		{app.CauseHandler, "apps.live.publish.keys", "the stream key is missing or wrong"},
		{app.CausePolicy, "apps.live.publish.keys", "too many wrong stream keys came from that address"},
		{app.CauseHandler, "apps.live.play.users", "the user name or the password is missing or wrong"},
		{app.CausePolicy, "apps.live.connect.users", "too many wrong passwords came from that address"},
		{app.CausePolicy, "apps.live.publish.allow_networks", "it is not open to the network where the client is"},
		{app.CauseHandler, "apps.a.b.encoder_auth", "the encoder did not log in with a user and a password that are known"},
		{app.CauseLimit, "connections_per_ip", "there were too many connections from that address"},
		{app.CauseLimit, "apps.live.limits.publishers", "too many streams were sent to the application"},
		{app.CauseIdle, "first_media_timeout", "it began to publish and then sent neither picture nor sound"},
		{app.CauseOperator, app.RuleBlock, "an operator has blocked that address"},

		{app.CauseHandler, "apps.live.publish", ""}, // several ways to prove oneself, none taken
		{app.CauseHandler, "my.keys", ""},           // an application's own rule
		{app.CauseNotFound, "connections", ""},      // a method of that name
		{app.CauseHandler, "apps.live.xkeys", ""},   // another name
		{app.CauseLimit, "amf_depth", ""},           // words for the limit itself would help nobody
		{app.CauseIdle, "", ""}, {app.CauseLimit, "", ""},
	} {
		why, advice := Words(tc.cause, tc.rule)
		want := tc.why
		if want == "" {
			want = Why(tc.cause)
		}
		if why != want || advice == "" {
			t.Errorf("%s %s: %q, %q, want %q", tc.cause, tc.rule, why, advice, want)
		}
	}
	if _, advice := Words(app.CauseLimit, "amf_depth"); !strings.Contains(advice, "rule's name") {
		t.Errorf("a limit without words: %q", advice)
	}
	if why, advice := Words("new-cause", "x"); why != "new-cause" || advice != "" {
		t.Errorf("unknown: %q %q", why, advice)
	}
}

// The rules are options of the configuration, sentences are sentences.
func TestRulesAreOptions(t *testing.T) {
	b, err := os.ReadFile("../../docs/config.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, list := range []ruleWords{guessed, credentials, limits, idle} {
		for _, w := range list {
			if !regexp.MustCompile("(?m)^(\\| `|## `.*\\.)" + w.rule + "`").Match(b) {
				t.Errorf("the configuration has no %s", w.rule)
			}
		}
	}
	for _, list := range []ruleWords{guessed, credentials, limits, idle, operators} {
		for _, w := range list {
			if w.why == "" || strings.HasSuffix(w.why, ".") || w.why[:1] != strings.ToLower(w.why[:1]) || !strings.HasSuffix(w.advice, ".") {
				t.Errorf("%s: %q, %q", w.rule, w.why, w.advice)
			}
		}
	}
}
