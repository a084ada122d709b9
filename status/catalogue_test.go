package status

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestCatalogueIsSound(t *testing.T) {
	sources := map[string]int{}
	for _, s := range Sources() {
		if s.Name == "" || s.Note == "" {
			t.Errorf("source %+v is not explained", s)
		}
		sources[s.Name] = 0
	}
	seen := map[Code]bool{}
	for _, e := range Catalogue() {
		if seen[e.Code] {
			t.Errorf("%s is listed twice", e.Code)
		}
		seen[e.Code] = true
		for _, s := range e.Sources() {
			if _, ok := sources[s]; !ok {
				t.Errorf("%s: unknown source %q", e.Code, s)
			}
			sources[s]++
		}
		if e.Meaning == "" || e.Carrier == "" || e.Sender == "" || !strings.HasSuffix(e.Meaning, ".") {
			t.Errorf("%s: incomplete entry %+v", e.Code, e)
		}
		if e.Level == "" && e.Code != DataStart ||
			!slices.Contains([]string{"", LevelStatus, LevelWarning, LevelError}, e.Level) {
			t.Errorf("%s: level %q", e.Code, e.Level)
		}
		if e.Sent && (e.offWire() || e.Sender == FromClient || e.Description == "" && e.Code != DataStart && e.Carrier != OnPlayStatus) {
			t.Errorf("%s: sent, yet %s by %s, description %q", e.Code, e.Carrier, e.Sender, e.Description)
		}
		if d := strings.ReplaceAll(e.Description, "%s", ""); strings.Contains(d, "%") {
			t.Errorf("%s: description %q", e.Code, e.Description)
		}
		for _, k := range e.ExtraKeys() {
			if k == "" || k != strings.TrimSpace(k) {
				t.Errorf("%s: extra %q", e.Code, e.Extra)
			}
		}
		if got, ok := Lookup(e.Code); !ok || got != e {
			t.Errorf("Lookup(%s) = %+v, %v", e.Code, got, ok)
		}
	}
	for name, n := range sources {
		if n == 0 {
			t.Errorf("source %q is not used", name)
		}
	}
	if e, ok := Lookup("NetStream.No.Such"); ok || e != (Entry{}) {
		t.Errorf("unknown code: %+v", e)
	}
}

// Every Code constant is in the catalogue, and is named after its code.
func TestConstants(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "codes.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	special := map[string]string{"NetStream.Failed": "StreamFailed", "NetConnection.Connect.IdleTimeout": "ConnectIdleTimeoutAlias"}
	n := 0
	ast.Inspect(file, func(node ast.Node) bool {
		spec, ok := node.(*ast.ValueSpec)
		if !ok {
			return true
		}
		text, _ := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		n++
		if _, ok := Lookup(Code(text)); !ok {
			t.Errorf("%s is not in the catalogue", text)
		}
		want := special[text]
		if want == "" {
			want = text
			if !strings.HasPrefix(text, "NetStream.Connect.") {
				want = strings.TrimPrefix(strings.TrimPrefix(want, "NetConnection."), "NetStream.")
			}
			want = strings.ReplaceAll(want, ".", "")
		}
		if got := spec.Names[0].Name; got != want {
			t.Errorf("constant of %s is %s, want %s", text, got, want)
		}
		return true
	})
	if all := len(Catalogue()); n != all {
		t.Errorf("%d constants, %d entries", n, all)
	}
}

func TestCatalogueIsACopy(t *testing.T) {
	Catalogue()[0].Level = "changed"
	Sources()[0].Note = "changed"
	if Catalogue()[0].Level == "changed" || Sources()[0].Note == "changed" {
		t.Error("a caller can change the catalogue")
	}
}

func TestOwnText(t *testing.T) {
	for code, want := range map[Code]bool{PublishBadName: true, PlayStart: false, PlaySwitch: false} {
		if e, _ := Lookup(code); e.OwnText() != want {
			t.Errorf("%s: %v", code, !want)
		}
	}
}

func TestGroup(t *testing.T) {
	for code, want := range map[Code]string{PlayStart: "NetStream", SharedObjectBadPersistence: "SharedObject", "X": "X", "": ""} {
		if got := code.Group(); got != want {
			t.Errorf("%q: %q, want %q", code, got, want)
		}
	}
}

// The codes that RTMPy has a name for are all here.
func TestVectorsRTMPy(t *testing.T) {
	dir := os.Getenv("PENSTOCK_VECTORS")
	if dir == "" {
		dir = filepath.Join("..", "..", "shared", "vectors")
	}
	text, err := os.ReadFile(filepath.Join(dir, "rtmpy.json"))
	if err != nil {
		t.Skip("no vectors: ", err)
	}
	var file struct {
		Codes [][2]string `json:"status_codes"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Codes) == 0 {
		t.Error("the file has no codes")
	}
	for _, c := range file.Codes {
		if _, ok := Lookup(Code(c[1])); !ok {
			t.Errorf("%s (%s) is missing", c[1], c[0])
		}
	}
}
