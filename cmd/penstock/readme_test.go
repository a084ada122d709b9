package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

func readme(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// The server that the README shows is the example that is built and tested.
func TestReadmeShowsTheExample(t *testing.T) {
	_, code, _ := strings.Cut(readme(t), "```go\n")
	code, _, _ = strings.Cut(code, "```")
	example, err := os.ReadFile("../../examples/hello/main.go")
	if err != nil {
		t.Fatal(err)
	}
	if code == "" || !strings.HasSuffix(string(example), code) {
		t.Errorf("examples/hello/main.go does not end with\n%s", code)
	}
	if n := strings.Count(code, "\n"); n >= 15 {
		t.Errorf("%d lines, want a server of less than 15", n)
	}
}

// Every command line in the README can be given.
func TestReadmeCommands(t *testing.T) {
	found := regexp.MustCompile("(?:`|/cmd/)penstock ([a-z][^`#\n]*)").FindAllStringSubmatch(readme(t), -1)
	if len(found) < 3 {
		t.Fatalf("only %q", found)
	}
	for _, m := range found {
		parser, err := kong.New(&commands{}, kong.Bind(&program{}))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parser.Parse(strings.Fields(m[1])); err != nil {
			t.Errorf("penstock %s: %v", m[1], err)
		}
	}
}

// The README's links lead somewhere. Code has none.
func TestReadmeLinks(t *testing.T) {
	text := regexp.MustCompile("(?s)```.*?```").ReplaceAllString(readme(t), "")
	for _, m := range regexp.MustCompile(`\]\(([^):]+[^/):])\)`).FindAllStringSubmatch(text, -1) {
		path, anchor, _ := strings.Cut(m[1], "#")
		text, err := os.ReadFile("../../" + path)
		if err != nil {
			t.Errorf("%v", err)
		} else if anchor != "" && !strings.Contains(string(text), `<a id="`+anchor+`"></a>`) {
			t.Errorf("%s has no %s", path, anchor)
		}
	}
}

// The table of codes is what the last run of the conformance suite found out.
func TestReadmeHasTheNineCodes(t *testing.T) {
	table, err := os.ReadFile("../../docs/conformance/nine-codes.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(readme(t), strings.TrimSpace(string(table))) {
		t.Error("README.md does not have the table of docs/conformance/nine-codes.md")
	}
}
