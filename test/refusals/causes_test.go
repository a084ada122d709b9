package refusals

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"penstock/app"
	"penstock/test/process"
)

// elsewhere are the causes that none of the clients here can bring about, with the tests that do.
var elsewhere = []struct {
	cause app.Cause
	why   string
	tests string
}{
	{app.CauseChallenge, "not a refusal: it is how an encoder that logs in is asked who it is", "`test/e2e`, `internal/auth`"},
	{app.CauseFailed, "needs a fault in an application", "`app`, `test/codes`"},
	{app.CauseTimeout, "needs an application that does not answer, which one written in Go may", "`app`"},
	{app.CauseNoAbility, "every application of the configuration takes and gives streams; one written in Go need not", "`app`"},
	{app.CauseMalformed, "these clients send what makes sense", "`app`, `test/hostile`"},
	{app.CauseEncoding, "these clients send AMF that can be decoded", "`app`, `test/codes`, `test/hostile`"},
	{app.CauseProtocol, "these clients keep the rules of the chunk stream", "`rtmp/chunk`, `test/hostile`"},
}

// A new cause must be shown to clients, or be named above.
func TestEveryCauseIsThere(t *testing.T) {
	there := make(map[app.Cause]bool)
	for _, s := range scenarios(t, nil) {
		there[s.cause] = true
	}
	for _, e := range elsewhere {
		if there[e.cause] {
			t.Errorf("%s is in a scenario, and among those that cannot be", e.cause)
		}
		there[e.cause] = true
	}
	found := declared(t)
	if len(found) < 20 {
		t.Errorf("only %d causes found", len(found))
	}
	for _, c := range found {
		if !there[c] {
			t.Errorf("cause %s: add a scenario, or a line to elsewhere", c)
		}
	}
}

// declared are the constants of type Cause in package app.
func declared(t *testing.T) []app.Cause {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(process.Root(), "app", "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var list []app.Cause
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			v, ok := n.(*ast.ValueSpec)
			if !ok || len(v.Values) != 1 {
				return true
			}
			lit, isLit := v.Values[0].(*ast.BasicLit)
			if name, ok := v.Type.(*ast.Ident); ok && name.Name == "Cause" && isLit {
				text, _ := strconv.Unquote(lit.Value)
				list = append(list, app.Cause(text))
			}
			return true
		})
	}
	return list
}

// others is the document's list of causes that no client here can bring about.
func others() string {
	var b strings.Builder
	b.WriteString("\n## Causes that these clients cannot bring about\n\n| cause | why not | tested in |\n| --- | --- | --- |\n")
	for _, e := range elsewhere {
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", e.cause, cell(e.why), e.tests)
	}
	b.WriteString("\nLimits that only a faulty or hostile client reaches are exceeded one by one in `test/hostile`.\n")
	return b.String()
}
