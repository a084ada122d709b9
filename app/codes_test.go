package app

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"

	"penstock/status"
)

// The catalogue says of each code whether the server sends it; this compares it with what the
// packages' sources mention.
func TestCatalogueKnowsWhatIsSent(t *testing.T) {
	consts := make(map[string]status.Code)
	set := token.NewFileSet()
	f, err := parser.ParseFile(set, "../status/codes.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(f, func(n ast.Node) bool {
		if v, ok := n.(*ast.ValueSpec); ok && len(v.Values) == 1 {
			if lit, ok := v.Values[0].(*ast.BasicLit); ok {
				consts[v.Names[0].Name] = status.Code(strings.Trim(lit.Value, `"`))
			}
		}
		return true
	})
	used := make(map[status.Code]bool)
	var files []string
	for _, dir := range []string{".", "instance", "rpc", "../playout"} { // all that speaks for the server
		found, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil || len(found) == 0 {
			t.Fatalf("%s: %d files, %v", dir, len(found), err)
		}
		files = append(files, found...)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(set, file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok {
				if x, ok := s.X.(*ast.Ident); ok && x.Name == "status" && consts[s.Sel.Name] != "" {
					used[consts[s.Sel.Name]] = true
				}
			}
			return true
		})
	}
	for _, e := range status.Catalogue() {
		if e.Sent != used[e.Code] {
			t.Errorf("%s: the catalogue says sent %t, the source says %t", e.Code, e.Sent, used[e.Code])
		}
	}
	if len(used) < 25 {
		t.Errorf("only %d codes found in the source", len(used))
	}
}
