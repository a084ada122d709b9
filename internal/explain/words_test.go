package explain

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"

	"penstock/app"
)

// constants lists the values of the constants of one type in package app.
func constants(t *testing.T, typ string) []string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), "../../app/refusal.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	ast.Inspect(f, func(n ast.Node) bool {
		v, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if id, ok := v.Type.(*ast.Ident); ok && id.Name == typ {
			s, err := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, s)
		}
		return false
	})
	if len(list) < 5 {
		t.Fatalf("only %d constants of type %s found", len(list), typ)
	}
	return list
}

func TestEveryCauseHasWords(t *testing.T) {
	for _, c := range constants(t, "Cause") {
		if w := words[app.Cause(c)]; w.why == "" || w.advice == "" || strings.HasSuffix(w.why, ".") {
			t.Errorf("cause %s: why %q, advice %q", c, w.why, w.advice)
		}
	}
	if got := Why("new-cause"); got != "new-cause" {
		t.Errorf("an unknown cause is told as %q", got)
	}
}

func TestWanted(t *testing.T) {
	for _, s := range constants(t, "Stage") {
		if got := Wanted(app.Stage(s), "", ""); !strings.HasPrefix(got, "to ") || strings.HasSuffix(got, " ") {
			t.Errorf("stage %s without names: %q", s, got)
		}
	}
	tests := []struct {
		stage       app.Stage
		app, stream string
		want        string
	}{
		{app.StageAccept, "", "", "to connect"},
		{app.StageConnect, "lvie", "", "to connect to the application lvie"},
		{app.StageConnect, "", "", "to connect"},
		{app.StagePublish, "live", "ab…", "to publish live/ab…"},
		{app.StagePlay, "live", "", "to play a stream in live"},
		{app.StagePlay, "", "x", "to play x"},
		{app.StageCall, "chat", "", "to call a method of chat"},
		{app.StageConnection, "live", "", "to stay connected to live"},
		{"dance", "", "", "to dance"},
	}
	for _, tt := range tests {
		if got := Wanted(tt.stage, tt.app, tt.stream); got != tt.want {
			t.Errorf("Wanted(%s, %s, %s) = %q, want %q", tt.stage, tt.app, tt.stream, got, tt.want)
		}
	}
}

func TestSoftware(t *testing.T) {
	tests := map[string]string{
		"FMLE/3.0 (compatible; Lavf59.27.100)":     "FFmpeg",
		"FMLE/3.0 (compatible; FMSc/1.0)":          "OBS or another live encoder",
		"Wirecast/FM 1.0 (compatible; FMSc/1.0)":   "Wirecast",
		"FMLE/3.0 (compatible; Penstock)":          "Penstock",
		"LNX 9,0,124,2":                            "FFmpeg",
		"LNX 10,0,32,18":                           "rtmpdump, GStreamer or another librtmp program",
		"WIN 32,0,0,465":                           "Flash Player 32 (WIN)",
		"":                                         "an unnamed program",
		"my\u202etool\x00":                         "my·tool·",
		strings.Repeat("x", 100):                   strings.Repeat("x", 48) + "…",
		"FMLE/3.0 (compatible; something unheard)": "a live encoder",
	}
	for flashVer, want := range tests {
		if got := Software(flashVer); got != want {
			t.Errorf("Software(%q) = %q, want %q", flashVer, got, want)
		}
	}
}

func TestClean(t *testing.T) {
	tests := []struct {
		in    string
		runes int
		want  string
	}{
		{"", 3, ""}, {"abc", 3, "abc"}, {"abcd", 3, "abc…"}, {"ééé", 3, "ééé"}, {"<b>\n", 9, "<b>·"}, {"\xff\xfe", 9, "��"},
	}
	for _, tt := range tests {
		if got := Clean(tt.in, tt.runes); got != tt.want {
			t.Errorf("Clean(%q, %d) = %q, want %q", tt.in, tt.runes, got, tt.want)
		}
	}
	if got := Clean(strings.Repeat("\u202e", 1<<20), 10); len(got) > 100 {
		t.Errorf("a long text became %d bytes", len(got))
	}
}
