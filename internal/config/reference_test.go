package config

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/config.md")

const referenceFile = "../../docs/config.md"

// docs/config.md is what the comments of this package say.
func TestReferenceIsCurrent(t *testing.T) {
	want := reference(t)
	if *update {
		if err := os.WriteFile(referenceFile, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(referenceFile)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Error("docs/config.md is not what the code says: run go generate ./internal/config")
	}
}

// What the reference shows as an example is a configuration, and says what the prose around it says.
func TestReferenceExample(t *testing.T) {
	c, err := Parse("example.yml", []byte(exampleConfig))
	if err != nil {
		t.Fatal(err)
	}
	if got := sortedKeys(c.Apps); !reflect.DeepEqual(got, []string{"backstage", "live", "old", "studio"}) {
		t.Errorf("applications %q", got)
	}
	if c.Apps["live"].Publish.AllowNetworks.String() != "[any]" || c.Apps["old"].Redirect == "" || c.Limits.MessageBytes != 8<<20 {
		t.Errorf("%+v", c.Apps)
	}
}

// Every key has a meaning in the reference.
func TestEveryKeyIsDocumented(t *testing.T) {
	for _, line := range strings.Split(reference(t), "\n") {
		if cells := strings.Split(line, " | "); strings.HasPrefix(line, "| `") && (len(cells) != 3 || len(cells[2]) < 8) {
			t.Errorf("says nothing: %s", line)
		}
	}
}

const exampleConfig = `rtmp:
  listen: ":1935"
  tls: {cert: /etc/penstock/cert.pem, key: /etc/penstock/key.pem}
http:
  listen: 127.0.0.1:8080
log: {level: info, format: json}
apps:
  live:
    publish: {allow_networks: [any]}
  backstage:
    publish: {allow_networks: [10.1.0.0/16, 192.0.2.7]}
    play: {allow_networks: [private]}
    origins: [.example.com]
  studio:
    publish:
      keys:
        camera one: {key: 3f1c0a5be2d94c7786a1f0e4b9d25c68, publish_as: cam1}
    play: {signed_urls: {secret: change-me-change-me}}
  old:
    redirect: rtmp://media.example.com/live
limits:
  message_bytes: 8MiB
  publisher_idle_timeout: 20s
`

const referenceHead = `<!-- Generated from the comments in internal/config: go generate ./internal/config -->

# Configuration

Penstock needs no configuration. With ` + "`penstock serve --config FILE`" + ` it reads one YAML file; flags of the command line
win over the environment, and that over the file. The file is strict: an unknown key, a wrong value and a value without sense
are errors that name the line, and nothing starts.

` + "```yaml\n" + exampleConfig + "```" + `

A key outside ` + "`apps`" + ` can also be set by an environment variable: ` + "`PENSTOCK_RTMP_LISTEN`" + ` is ` + "`rtmp.listen`" + `, lists are
separated by commas.

Lengths of time have a unit: ` + "`500ms`, `5s`, `2m`, `12h`" + `. Sizes are bytes or have a unit: ` + "`64KiB`, `4MiB`, `1GiB`, or `kB`, `MB`, `GB`" + `
for powers of ten. Lists of networks hold networks (` + "`10.0.0.0/8`" + `), addresses, and the words ` + "`any`, `loopback`" + ` and
` + "`private`" + `, which is the private and link-local networks of IPv4 and IPv6; ` + "`[]`" + ` is nobody.
`

const referenceTail = `
## Methods of an application

Every application takes and gives live streams, and has three methods, so that remote calls can be tried
(` + "`penstock call rtmp://localhost/live ping`" + `): ` + "`ping`" + ` returns "pong", ` + "`echo`" + ` its argument (an array of several), ` + "`streams`" + `
the names of the streams that are live. Applications with methods of their own are written in Go: see examples/hello.
`

// reference renders the whole document.
func reference(t *testing.T) string {
	g := &generator{comments: readComments(t), seen: make(map[reflect.Type]string)}
	g.b.WriteString(referenceHead)
	g.section(reflect.ValueOf(Default()).Elem(), "")
	g.b.WriteString(referenceTail)
	return g.b.String()
}

type generator struct {
	b        strings.Builder
	comments map[string]string // "Type" and "Type.Field"
	seen     map[reflect.Type]string
	about    string // what is said of the next section, in place of its type's comment
}

func leaf(v reflect.Value) bool {
	_, networks := v.Interface().(Networks)
	return networks || v.Kind() != reflect.Struct && v.Kind() != reflect.Map
}

// section writes the keys of v in a table, then the sections within it.
func (g *generator) section(v reflect.Value, path string) {
	typ := v.Type()
	title, text := "Top level", ""
	if path != "" {
		title, text = "`"+path+"`", g.comments[typ.Name()]
	}
	if g.about != "" {
		text, g.about = g.about, ""
	}
	if first := g.seen[typ]; first != "" { // the same keys again
		text += " The keys are those of `" + first + "`; `allow_networks` is by default " + defaultOf(v.FieldByName("AllowNetworks")) + "."
		fmt.Fprintf(&g.b, "\n## %s\n\n%s", title, paragraph(text))
		return
	}
	if typ == reflect.TypeFor[Access]() {
		g.seen[typ] = path
	}
	if table := g.table(v); table != "" {
		fmt.Fprintf(&g.b, "\n## %s\n\n%s%s", title, wrap(text), table)
	} else if path != "" && text != "" {
		fmt.Fprintf(&g.b, "\n## %s\n\n%s", title, paragraph(text))
	}
	for i := range v.NumField() {
		f := v.Field(i)
		at := join(path, typ.Field(i).Tag.Get("yaml"))
		switch {
		case leaf(f):
		case f.Kind() == reflect.Map:
			fmt.Fprintf(&g.b, "\n## `%s`\n\n%s", at, paragraph(g.comments[typ.Name()+"."+typ.Field(i).Name]))
			if f.Type().Elem().Kind() != reflect.Struct {
				continue
			}
			item := reflect.New(f.Type().Elem())
			if d, ok := item.Interface().(interface{ setDefaults() }); ok {
				d.setDefaults()
			}
			g.section(item.Elem(), at+".NAME")
		default:
			if _, access := f.Interface().(Access); access {
				g.about = g.comments[typ.Name()+"."+typ.Field(i).Name]
			}
			g.section(f, at)
		}
	}
}

func (g *generator) table(v reflect.Value) string {
	var b strings.Builder
	for i := range v.NumField() {
		field := v.Type().Field(i)
		if !leaf(v.Field(i)) {
			continue
		}
		if b.Len() == 0 {
			b.WriteString("| key | default | meaning |\n| --- | --- | --- |\n")
		}
		key := field.Tag.Get("yaml")
		text := meaning(field.Name, g.comments[v.Type().Name()+"."+field.Name])
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", key, defaultOf(v.Field(i)), text)
	}
	return b.String()
}

func defaultOf(v reflect.Value) string {
	text := fmt.Sprint(v.Interface())
	if text == "" || text == "[]" {
		return ""
	}
	return "`" + text + "`"
}

// meaning is a field's comment without the field's name, as one cell.
func meaning(name, comment string) string {
	text := strings.TrimSuffix(comment, ".")
	if rest, ok := strings.CutPrefix(text, name+" "); ok {
		text = strings.TrimPrefix(strings.TrimPrefix(rest, "are "), "is ")
	}
	return strings.ReplaceAll(text, "|", "\\|")
}

// wrap breaks prose at 120 characters and ends it with an empty line.
func wrap(text string) string {
	if text == "" {
		return ""
	}
	var b strings.Builder
	n := 0
	for _, word := range strings.Fields(text) {
		if n > 0 && n+1+len(word) > 120 {
			b.WriteByte('\n')
			n = 0
		} else if n > 0 {
			b.WriteByte(' ')
			n++
		}
		b.WriteString(word)
		n += len(word)
	}
	return b.String() + "\n\n"
}

// paragraph is wrap without the empty line.
func paragraph(text string) string { return strings.TrimSuffix(wrap(text), "\n") }

// readComments collects the comments of the package's structs and their fields.
func readComments(t *testing.T) map[string]string {
	comments := make(map[string]string)
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			decl, ok := n.(*ast.GenDecl)
			if !ok || decl.Tok != token.TYPE {
				return true
			}
			spec := decl.Specs[0].(*ast.TypeSpec)
			comments[spec.Name.Name] = oneLine(decl.Doc.Text())
			if st, ok := spec.Type.(*ast.StructType); ok {
				for _, f := range st.Fields.List {
					for _, id := range f.Names {
						comments[spec.Name.Name+"."+id.Name] = oneLine(f.Doc.Text() + f.Comment.Text())
					}
				}
			}
			return false
		})
	}
	return comments
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
