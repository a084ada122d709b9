package xmldoc

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
)

// show prints a document in one line: the depth as dots, elements with their attributes, texts quoted.
func show(d *Document) string {
	var b strings.Builder
	for _, n := range d.Nodes {
		b.WriteString(strings.Repeat(".", n.Depth))
		if n.Name == "" {
			fmt.Fprintf(&b, "%q ", n.Text)
			continue
		}
		b.WriteString(n.Name)
		for _, a := range n.Attributes {
			fmt.Fprintf(&b, "[%s=%q]", a.Name, a.Value)
		}
		b.WriteByte(' ')
	}
	return strings.TrimSpace(b.String())
}

var documents = []struct {
	text   string
	want   string
	status Status
}{
	{"", "", OK},
	{"<a/>", "a", OK},
	{"<a>x</a>", `a ."x"`, OK},
	{"just text", `"just text"`, OK},
	{`<a b="1" c='two "words"' b="3"><d e = "&lt;&#65;&#x42;&amp;&unknown;&"/></a>`, `a[b="1"][c="two \"words\""] .d[e="<AB&&unknown;&"]`, OK},
	{"<a> <b/>\n</a>\n", `a .b`, OK},
	{"<a><![CDATA[<b> & ]]>tail<!-- no --></a>", `a ."<b> & " ."tail"`, OK},
	{"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\"><!ENTITY y '>'>]><a>&x;</a>", `a ."&x;"`, OK},
	{"<a></a ><b></b>", "a b", OK},
	{"<a:b xmlns:a='u'><a:c/></a:b>", `a:b[xmlns:a="u"] .a:c`, OK},
	{"<a>&#0;&#xD800;&#99999999;&;&toolongtobeone;</a>", `a ."&#0;&#xD800;&#99999999;&;&toolongtobeone;"`, OK},
	{"<a><![CDATA[x</a>", "a", OpenCDATA},
	{"<?xml version", "", OpenDeclaration},
	{"<!DOCTYPE a [<!ENTITY x '>", "", OpenDocType},
	{"<a/><!-- x", "a", OpenComment},
	{"<a b", "", Malformed},
	{"<a b=1>", "", Malformed},
	{"<a b>", "", Malformed},
	{"<a <b/>", "", Malformed},
	{"< a/>", "", Malformed},
	{"<", "", Malformed},
	{"<a></a", "a", Malformed},
	{"<a b='1>", "", OpenAttribute},
	{"<a><b></a>", "a .b", UnmatchedStart},
	{"<a>x", `a ."x"`, UnmatchedStart},
	{"<a></b></a>", "a", UnexpectedEndTag},
	{"</a>", "", UnexpectedEndTag},
}

func TestParse(t *testing.T) {
	for _, tt := range documents {
		d := Parse(tt.text, true, Limits{})
		if got := show(d); got != tt.want || d.Status != tt.status {
			t.Errorf("%s:\ngot  %s %d\nwant %s %d", tt.text, got, d.Status, tt.want, tt.status)
		}
	}
	d := Parse("<?xml version='1.0'?><?other?><!doctype a><a> </a>", false, Limits{})
	if d.Declaration != "<?xml version='1.0'?>" || d.DocType != "<!doctype a>" || show(d) != `a ." "` {
		t.Errorf("%+v", d)
	}
}

// Each limit is met by what is just within it, and by no more.
func TestLimits(t *testing.T) {
	l := Limits{Bytes: 2000, Depth: 5, Nodes: 20}
	nested := func(n int) string { return strings.Repeat("<a>", n) + strings.Repeat("</a>", n) }
	for _, tt := range []struct {
		name string
		text func(n int) string
		most int
	}{
		{"depth", nested, 5},
		{"elements", func(n int) string { return strings.Repeat("<a/>", n) }, 20},
		{"texts", func(n int) string { return "<a>" + strings.Repeat("x<!-- -->", n) + "</a>" }, 19},
		{"bytes", func(n int) string { return "<a/>" + strings.Repeat(" ", n) }, 1996},
		{"attributes", func(n int) string {
			var b strings.Builder
			for i := range n {
				fmt.Fprintf(&b, " a%d=''", i)
			}
			return "<a" + b.String() + "/>"
		}, 19},
	} {
		if s := Parse(tt.text(tt.most), true, l).Status; s != OK {
			t.Errorf("%s: %d of them are %d", tt.name, tt.most, s)
		}
		d := Parse(tt.text(tt.most+1), true, l)
		if d.Status != TooLarge || len(d.Nodes) > l.Nodes {
			t.Errorf("%s: %d of them are %d, with %d nodes", tt.name, tt.most+1, d.Status, len(d.Nodes))
		}
	}
	if s := Parse(nested(1_000_000), true, Limits{Bytes: 1 << 30}).Status; s != TooLarge {
		t.Errorf("a million elements within each other: %d", s)
	}
}

// FuzzParse wants a tree whatever it reads, and of what encoding/xml accepts the same elements and texts.
func FuzzParse(f *testing.F) {
	for _, tt := range documents {
		f.Add(tt.text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		l := Limits{Depth: 16, Nodes: 200}
		for _, ignore := range []bool{false, true} {
			d := Parse(text, ignore, l)
			depth := 0
			for _, n := range d.Nodes {
				if n.Depth > depth || n.Depth > l.Depth {
					t.Fatalf("a node at %d after one that has room for %d: %s", n.Depth, depth, show(d))
				}
				if depth = n.Depth; n.Name != "" {
					depth++
				}
			}
			if len(d.Nodes) > l.Nodes {
				t.Fatalf("%d nodes", len(d.Nodes))
			}
		}
		if want, ok := standard(text); ok {
			if d := Parse(text, true, l); d.Status == OK && elements(d) != want {
				t.Fatalf("%q\ngot  %s\nwant %s", text, elements(d), want)
			}
		}
	})
}

func elements(d *Document) string {
	var names []string
	for _, n := range d.Nodes {
		if n.Name != "" {
			names = append(names, fmt.Sprint(n.Depth, n.Name))
		}
	}
	return strings.Join(names, " ")
}

// standard are the elements that encoding/xml finds.
func standard(text string) (string, bool) {
	dec := xml.NewDecoder(strings.NewReader(text))
	var names []string
	depth := 0
	for {
		tok, err := dec.RawToken()
		if errors.Is(err, io.EOF) {
			return strings.Join(names, " "), depth == 0
		}
		if err != nil {
			return "", false
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			name := tok.Name.Local
			if tok.Name.Space != "" {
				name = tok.Name.Space + ":" + name
			}
			names = append(names, fmt.Sprint(depth, name))
			depth++
		case xml.EndElement:
			depth--
		case xml.Directive:
			return "", false // of declarations it knows more
		}
	}
}
