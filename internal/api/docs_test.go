package api

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// docs/api.md names every operation, with its role, and no other.
func TestDocumentation(t *testing.T) {
	b, err := os.ReadFile("../../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	told := make(map[string]string)
	for line := range strings.Lines(string(b)) {
		if cells := strings.Split(strings.TrimSpace(line), " | "); len(cells) == 3 && strings.Contains(cells[0], Prefix) {
			told[strings.Trim(cells[0], "|` ")] = strings.Trim(cells[2], "| ")
		}
	}
	w := newWorld(t)
	var doc struct {
		Paths map[string]map[string]struct{ Description string }
	}
	w.want(200, "GET", "/openapi.json", nil, &doc)
	n := 0
	for path, methods := range doc.Paths {
		for method, op := range methods {
			n++
			role, ok := told[strings.ToUpper(method)+" "+path]
			if !ok || !strings.HasSuffix(op.Description, "Needs the role "+role+".") {
				t.Errorf("docs/api.md says %q of %s %s: %s", role, method, path, op.Description)
			}
		}
	}
	if len(told) != n+1 { // the description itself
		t.Errorf("docs/api.md names %d operations, there are %d", len(told), n+1)
	}
}

// Every stage that package app knows can be asked for.
func TestStages(t *testing.T) {
	b, err := os.ReadFile("../../app/refusal.go")
	if err != nil {
		t.Fatal(err)
	}
	stages := regexp.MustCompile(`(?m)^\tStage\w+ +Stage = "([a-z-]+)"`).FindAllStringSubmatch(string(b), -1)
	if len(stages) < 7 {
		t.Fatalf("%d stages", len(stages))
	}
	w := newWorld(t)
	for _, s := range stages {
		w.want(200, "GET", "/refusals?stage="+s[1], nil, nil)
	}
}
