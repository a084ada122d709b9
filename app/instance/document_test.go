package instance

import (
	"os"
	"strings"
	"testing"
)

// lines are those of a text without the space around them.
func lines(text string) string {
	var b strings.Builder
	b.WriteString("\n")
	for line := range strings.Lines(text) {
		b.WriteString(strings.TrimSpace(line) + "\n")
	}
	return b.String()
}

// What docs/applications.md shows is code that is compiled and run.
func TestDocument(t *testing.T) {
	doc, err := os.ReadFile("../../docs/applications.md")
	if err != nil {
		t.Fatal(err)
	}
	code := ""
	for _, name := range []string{"example_test.go", "../rpc/example_test.go"} {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		code += lines(string(b))
	}
	blocks := strings.Split(string(doc), "```go\n")[1:]
	if len(blocks) < 5 {
		t.Errorf("only %d pieces of code", len(blocks))
	}
	for _, b := range blocks {
		b, _, _ = strings.Cut(b, "```")
		if !strings.Contains(code, lines(b)) {
			t.Errorf("this is in no example:\n%s", b)
		}
	}
	for _, told := range []string{"sum): argument 2 has to be a number, not a string.", "total): argument 1[0].name has to be a string, not the number 7."} {
		if !strings.Contains(string(doc), told) || !strings.Contains(code, told) {
			t.Errorf("not said, or not by an example: %s", told)
		}
	}
}
