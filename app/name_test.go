package app

import (
	"errors"
	"strings"
	"testing"
)

func TestParseApp(t *testing.T) {
	tests := []struct{ in, app, instance, query, err string }{
		{"live", "live", DefaultInstance, "", ""},
		{"live/", "live", DefaultInstance, "", ""},
		{"live/_definst_", "live", DefaultInstance, "", ""},
		{"live/_definst_/", "live", DefaultInstance, "", ""},
		{"live/room", "live", "room", "", ""},
		{"live/room/a", "live", "room/a", "", ""},
		{"live2?backup=1", "live2", DefaultInstance, "backup=1", ""},
		{"live/?t=a/b=c", "live", DefaultInstance, "t=a%2Fb%3Dc", ""},
		{"a b", "a b", DefaultInstance, "", ""},
		{"", "", "", "", "is empty"},
		{"/", "", "", "", "is empty"},
		{"?x=1", "", "", "", "is empty"},
		{"a/..", "", "", "", "segment .."},
		{"./a", "", "", "", "segment ."},
		{"a//b", "", "", "", "empty segment"},
		{"a\tb", "", "", "", "control"},
		{"a\u0085", "", "", "", "control"},
		{`c:\x`, "", "", "", "backslash"},
		{"\xff", "", "", "", "UTF-8"},
		{strings.Repeat("a", 129), "", "", "", "longer than 128"},
		{"a/" + strings.Repeat("a", 129), "", "", "", "longer than 128"},
		{"a?" + strings.Repeat("x", MaxQuery+1), "", "", "", "query longer"},
	}
	for _, tt := range tests {
		app, instance, q, err := parseApp(tt.in)
		if tt.err != "" {
			var n *NameError
			if !errors.As(err, &n) || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%q: %v, want %q", tt.in, err, tt.err)
			}
			continue
		}
		if err != nil || app != tt.app || instance != tt.instance || q.Encode() != tt.query {
			t.Errorf("%q: %q %q %q %v", tt.in, app, instance, q.Encode(), err)
		}
	}
}

func TestParseStream(t *testing.T) {
	tests := []struct{ in, name, query string }{
		{"cam", "cam", ""},
		{"mp4:cam", "cam", ""},
		{"/cam/", "cam", ""},
		{"a/b?k=v&k2=%41", "a/b", "k=v&k2=A"},
		{"FB-1?s_bl=1&s_oil=2", "FB-1", "s_bl=1&s_oil=2"},
		{"cam?response=a+b/c==", "cam", "response=a%2Bb%2Fc%3D%3D"},
		{"cam?bad=%zz", "cam", "bad=%25zz"},
	}
	for _, tt := range tests {
		name, q, err := parseStream(tt.in)
		if err != nil || name != tt.name || q.Encode() != tt.query {
			t.Errorf("%q: %q %q %v", tt.in, name, q.Encode(), err)
		}
	}
	for _, bad := range []string{"", "mp4:", "?k=v", "a//b", "..", "a\x00", strings.Repeat("x", MaxStreamName+1)} {
		if name, _, err := parseStream(bad); err == nil {
			t.Errorf("%q became %q", bad, name)
		}
	}
}

// No spelling of a name leads anywhere else.
func FuzzNames(f *testing.F) {
	for _, s := range []string{"live", "live/room?x=1", "mp4:a/b", "a/../b", "a%2f..", "\\", "é"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, parse := range []func(string) (string, error){
			func(s string) (string, error) { n, _, err := parseStream(s); return n, err },
			func(s string) (string, error) { a, i, _, err := parseApp(s); return StreamKey(a, i, "x"), err },
		} {
			n, err := parse(s)
			if err != nil {
				continue
			}
			if n == "" || strings.Contains(n, "//") || strings.Contains("/"+n+"/", "/../") || strings.ContainsAny(n, "\x00\\") ||
				strings.HasPrefix(n, "/") || strings.HasSuffix(n, "/") {
				t.Errorf("%q became %q", s, n)
			}
		}
	})
}

func TestRedact(t *testing.T) {
	for in, want := range map[string]string{"": "…", "ab": "…", "secretkey": "sec…", strings.Repeat("k", 90): "kkkkkkkk…", "ééé": "é…"} {
		if got := redact(in); got != want {
			t.Errorf("redact(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestMux(t *testing.T) {
	named := func(n string) Handler { return Live(LiveOptions{Methods: Methods{n: nil}}) }
	m := NewMux()
	for _, p := range []string{"live", "chat/*", "chat/lobby", "*"} {
		m.Handle(p, named(p))
	}
	name := func(h Handler) string {
		s, _ := h.Connect(t.Context(), nil, nil)
		for k := range s.(*liveSession).o.Methods.(Methods) {
			return k
		}
		return ""
	}
	for _, tt := range []struct{ app, instance, want string }{
		{"live", DefaultInstance, "live"}, {"live", "x", "live"}, {"chat", "lobby", "chat/lobby"}, {"chat", "other", "chat/*"}, {"else", "x", "*"},
	} {
		if got := name(m.Handler(tt.app, tt.instance)); got != tt.want {
			t.Errorf("%s/%s went to %s, want %s", tt.app, tt.instance, got, tt.want)
		}
	}
	m.Remove("*")
	if m.Handler("else", "x") != nil {
		t.Error("removed handler answers")
	}
	if got := strings.Join(m.Apps(), " "); got != "chat chat/lobby live" {
		t.Errorf("apps %q", got)
	}
	defer func() {
		if recover() == nil {
			t.Error("a pattern that is no name was accepted")
		}
	}()
	m.Handle("a//b", nil)
}
