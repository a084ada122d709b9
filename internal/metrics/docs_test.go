package metrics

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"penstock/app"
)

// docs/api.md names every metric of our own, and no other.
func TestDocumentation(t *testing.T) {
	b, err := os.ReadFile("../../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	names := func(pattern, text string) []string {
		set := make(map[string]bool)
		for _, found := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
			set[found[1]] = true
		}
		return slices.Sorted(maps.Keys(set))
	}
	m, _ := start(t)
	m.Refusal(&app.Refusal{Cause: app.CauseLimit})
	m.o.Hooks.HookAnswered("publish", "allowed", time.Second)
	m.o.Hooks.HookLost("stop")
	m.o.Server.Record(&app.Refusal{Cause: app.CauseLimit, Rule: "connections"})
	there := names(`(?m)^# HELP (penstock_\w+) `, scrape(m))
	told := names("`(penstock_[a-z_]+)[`{]", string(b))
	if !slices.Equal(there, told) {
		t.Errorf("there are\n%s\ndocs/api.md has\n%s", strings.Join(there, "\n"), strings.Join(told, "\n"))
	}
}
