// Package xmldoc reads XML the way the XML class of ActionScript did: without validation, without any entity but the predefined ones, and
// with what is left of a broken document. What it cannot do cannot be asked of it: nothing is fetched and nothing is expanded.
package xmldoc

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// Status is the property status of ActionScript's XML class.
type Status int

// The statuses of a document, as the class has them.
const (
	OK               Status = 0
	OpenCDATA        Status = -2  // a CDATA section has no end
	OpenDeclaration  Status = -3  // the XML declaration has no end
	OpenDocType      Status = -4  // the DOCTYPE declaration has no end
	OpenComment      Status = -5  // a comment has no end
	Malformed        Status = -6  // an element is malformed
	TooLarge         Status = -7  // "out of memory": it is over one of Limits
	OpenAttribute    Status = -8  // the value of an attribute has no end
	UnmatchedStart   Status = -9  // a start tag has no end tag
	UnexpectedEndTag Status = -10 // an end tag has no start tag
)

// Limits bounds a document. Zero values take what stands behind them.
type Limits struct {
	Bytes int // of the text, 4 MiB
	Depth int // of elements within elements, 128
	Nodes int // elements, texts and attributes together, 100,000
}

func (l Limits) withDefaults() Limits {
	if l.Bytes <= 0 {
		l.Bytes = 4 << 20
	}
	if l.Depth <= 0 {
		l.Depth = 128
	}
	if l.Nodes <= 0 {
		l.Nodes = 100_000
	}
	return l
}

// Attribute is an attribute of an element; of several of one name the first counts.
type Attribute struct{ Name, Value string }

// Node is an element, or a text when it has no name.
type Node struct {
	Depth      int // 0 is the document's own children
	Name       string
	Text       string
	Attributes []Attribute
}

// Document is what was read. Nodes are in the order of the text, each element before what is in it.
type Document struct {
	Status      Status
	Declaration string // <?xml …?> as it was written
	DocType     string // <!DOCTYPE …> as it was written
	Nodes       []Node
}

// Parse reads a document as far as it is well-formed and within the limits; Status says whether that is all of it. With ignoreWhite texts
// of white space alone are left out. It never fails otherwise, and its strings are parts of text or were made from it.
func Parse(text string, ignoreWhite bool, limits Limits) *Document {
	p := &parser{text: text, ignoreWhite: ignoreWhite, limits: limits.withDefaults(), doc: &Document{}}
	p.doc.Status = p.run()
	return p.doc
}

type parser struct {
	text        string
	at          int
	ignoreWhite bool
	limits      Limits
	doc         *Document
	open        []string // names of the elements that are open
	count       int      // nodes and attributes
}

func (p *parser) run() Status {
	if len(p.text) > p.limits.Bytes {
		return TooLarge
	}
	for p.at < len(p.text) {
		rest := p.text[p.at:]
		i := strings.IndexByte(rest, '<')
		if i < 0 {
			i = len(rest)
		}
		if i > 0 {
			p.at += i
			if white := strings.TrimLeft(rest[:i], " \t\r\n") == ""; white && (p.ignoreWhite || len(p.open) == 0) {
				continue
			}
			if s := p.add(Node{Text: decode(rest[:i])}); s != OK {
				return s
			}
			continue
		}
		if s := p.markup(rest); s != OK {
			return s
		}
	}
	if len(p.open) > 0 {
		return UnmatchedStart
	}
	return OK
}

func (p *parser) add(n Node) Status {
	if p.count += 1 + len(n.Attributes); p.count > p.limits.Nodes {
		return TooLarge
	}
	n.Depth = len(p.open)
	p.doc.Nodes = append(p.doc.Nodes, n)
	return OK
}

// markup reads what begins with <.
func (p *parser) markup(rest string) Status {
	switch {
	case strings.HasPrefix(rest, "<!--"):
		_, s := p.until("<!--", "-->", OpenComment)
		return s
	case strings.HasPrefix(rest, "<![CDATA["):
		text, s := p.until("<![CDATA[", "]]>", OpenCDATA)
		if s != OK {
			return s
		}
		return p.add(Node{Text: text})
	case strings.HasPrefix(rest, "<?"):
		text, s := p.until("<?", "?>", OpenDeclaration)
		if s == OK && p.doc.Declaration == "" && strings.HasPrefix(text, "xml") {
			p.doc.Declaration = "<?" + text + "?>"
		}
		return s
	case len(rest) >= len("<!DOCTYPE") && strings.EqualFold(rest[:len("<!DOCTYPE")], "<!DOCTYPE"):
		return p.docType(rest)
	case strings.HasPrefix(rest, "</"):
		return p.endTag(rest)
	}
	return p.startTag(rest)
}

// until takes what is between two marks.
func (p *parser) until(begin, end string, missing Status) (string, Status) {
	inner := p.text[p.at+len(begin):]
	i := strings.Index(inner, end)
	if i < 0 {
		return "", missing
	}
	p.at += len(begin) + i + len(end)
	return inner[:i], OK
}

// docType takes a declaration with what it may have in brackets, of which nothing is used.
func (p *parser) docType(rest string) Status {
	depth, quote := 0, byte(0)
	for i := range len(rest) {
		switch c := rest[i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '<':
			depth++
		case c == '>':
			if depth--; depth == 0 {
				p.doc.DocType = rest[:i+1]
				p.at += i + 1
				return OK
			}
		}
	}
	return OpenDocType
}

func (p *parser) endTag(rest string) Status {
	i := strings.IndexByte(rest, '>')
	if i < 0 {
		return Malformed
	}
	name := strings.Trim(rest[2:i], " \t\r\n")
	last := len(p.open) - 1
	if last >= 0 && p.open[last] == name {
		p.open = p.open[:last]
		p.at += i + 1
		return OK
	}
	for _, o := range p.open {
		if o == name {
			return UnmatchedStart
		}
	}
	return UnexpectedEndTag
}

const (
	white   = " \t\r\n"
	ends    = white + "/>" // of a name
	endsKey = ends + "=<"
)

func (p *parser) startTag(rest string) Status {
	i := strings.IndexAny(rest[1:], ends+"<")
	if i <= 0 {
		return Malformed
	}
	n := Node{Name: rest[1 : 1+i]}
	at := 1 + i
	for {
		at += len(rest[at:]) - len(strings.TrimLeft(rest[at:], white))
		switch tail := rest[at:]; {
		case tail == "":
			return Malformed
		case tail[0] == '>':
			p.at += at + 1
			return p.begin(n, false)
		case strings.HasPrefix(tail, "/>"):
			p.at += at + 2
			return p.begin(n, true)
		}
		a, size, s := attribute(rest[at:])
		if s != OK {
			return s
		}
		at += size
		if !n.has(a.Name) {
			n.Attributes = append(n.Attributes, a)
		}
		if len(n.Attributes) > maxAttributes {
			return TooLarge
		}
	}
}

// maxAttributes is how many attributes one element may have: each is compared with those before.
const maxAttributes = 256

func (n *Node) has(name string) bool {
	for _, a := range n.Attributes {
		if a.Name == name {
			return true
		}
	}
	return false
}

func (p *parser) begin(n Node, empty bool) Status {
	if len(p.open) >= p.limits.Depth {
		return TooLarge
	}
	if s := p.add(n); s != OK {
		return s
	}
	if !empty {
		p.open = append(p.open, n.Name)
	}
	return OK
}

// attribute reads name="value", and how long that is.
func attribute(s string) (a Attribute, size int, status Status) {
	i := strings.IndexAny(s, endsKey)
	if i <= 0 {
		return a, 0, Malformed
	}
	a.Name = s[:i]
	tail := strings.TrimLeft(s[i:], white)
	if tail == "" || tail[0] != '=' {
		return a, 0, Malformed
	}
	tail = strings.TrimLeft(tail[1:], white)
	if tail == "" || tail[0] != '"' && tail[0] != '\'' {
		return a, 0, Malformed
	}
	end := strings.IndexByte(tail[1:], tail[0])
	if end < 0 {
		return a, 0, OpenAttribute
	}
	a.Value = decode(tail[1 : 1+end])
	return a, len(s) - len(tail) + end + 2, OK
}

var entities = map[string]string{"amp": "&", "lt": "<", "gt": ">", "quot": `"`, "apos": "'", "nbsp": "\u00a0"}

// decode resolves the predefined entities and character references; any other stays as it is.
func decode(s string) string {
	if strings.IndexByte(s, '&') < 0 {
		return s
	}
	var b strings.Builder
	for {
		before, after, found := strings.Cut(s, "&")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		const longest = 10
		end := strings.IndexByte(after[:min(len(after), longest)], ';')
		text, ok := "", false
		if end > 0 {
			text, ok = entity(after[:end])
		}
		if !ok {
			b.WriteByte('&')
			s = after
			continue
		}
		b.WriteString(text)
		s = after[end+1:]
	}
}

func entity(name string) (string, bool) {
	if text, ok := entities[name]; ok {
		return text, true
	}
	digits, is := strings.CutPrefix(name, "#")
	if !is {
		return "", false
	}
	base := 10
	if hex, is := strings.CutPrefix(strings.ToLower(digits), "x"); is {
		digits, base = hex, 16
	}
	n, err := strconv.ParseUint(digits, base, 32)
	if err != nil || n == 0 || n > utf8.MaxRune || !utf8.ValidRune(rune(n)) {
		return "", false
	}
	return string(rune(n)), true
}
