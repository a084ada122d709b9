package report

import (
	"bufio"
	"compress/gzip"
	"crypto/sha256"
	_ "embed" // the page
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"strings"
	"time"

	"penstock/internal/conformance"
)

//go:embed assets/page.html
var pageHTML string

//go:embed assets/page.css
var pageCSS string

//go:embed assets/page.js
var pageJS string

// page is what the template shows. All text in it is plain; html/template quotes it.
type page struct {
	Title, Lead, Foot     string
	Several               bool
	Columns               int
	Reports               []subject
	Sections              []pageSection
	Chips                 []mark
	StyleHash, ScriptHash string
	Style, Script, Data   template.HTML
}

// subject is one report at the head of the page.
type subject struct {
	Number                       int
	Name, About, Required, Label string
	Options                      string
	Good                         bool
	Total                        int
	Counts                       []mark
	Bars                         []bar
}

type mark struct {
	Verdict     conformance.Verdict
	Words, Sign string
	N           int
}

type bar struct {
	Verdict  conformance.Verdict
	X, Width int
}

type pageSection struct {
	Name string
	Rows []pageRow
}

type pageRow struct {
	Index                       int
	ID, Anchor, Title, Severity string
	Verdicts, Remark            string
	Cells                       []pageCell
}

type pageCell struct {
	mark
	Report int
	Remark string
}

// pageData is what the page's script knows: the conversations.
type pageData struct {
	Reports []string   `json:"reports"`
	Cases   []caseData `json:"cases"`
}

type caseData struct {
	ID          string         `json:"id"`
	Anchor      string         `json:"anchor"`
	Section     string         `json:"section"`
	Code        string         `json:"code,omitempty"`
	Title       string         `json:"title"`
	Requirement string         `json:"requirement"`
	Source      string         `json:"source"`
	Severity    string         `json:"severity"`
	Cells       [][]resultData `json:"cells"`
}

type resultData struct {
	Mode     string              `json:"mode,omitempty"`
	Verdict  conformance.Verdict `json:"verdict"`
	Expected string              `json:"expected,omitempty"`
	Got      string              `json:"got,omitempty"`
	Needs    string              `json:"needs,omitempty"`
	Took     string              `json:"took,omitempty"`
	Log      [][]any             `json:"log"`
}

// writeHTML writes reports as one page that needs nothing else: no network, no other file.
func writeHTML(w io.Writer, rs ...*conformance.Report) error {
	m := newMatrix(rs...)
	data, err := packed(m.data())
	if err != nil {
		return err
	}
	p := m.page()
	p.Style, p.StyleHash = element("style", pageCSS)
	p.Script, p.ScriptHash = element("script", pageJS)
	p.Data = template.HTML(`<script type="text/plain" id="data">` + data + `</script>`)
	t, err := template.New("page").Funcs(template.FuncMap{"pieces": pieces}).Parse(pageHTML)
	if err != nil {
		return err
	}
	b := bufio.NewWriter(w)
	if err := t.Execute(b, p); err != nil {
		return err
	}
	return b.Flush()
}

// packed is JSON, compressed by gzip, in base64: a tenth of what it would be, and nothing in it can end the element it is in.
func packed(v any) (string, error) {
	var b strings.Builder
	text := base64.NewEncoder(base64.StdEncoding, &b)
	z := gzip.NewWriter(text)
	err := errors.Join(json.NewEncoder(z).Encode(v), z.Close(), text.Close())
	return b.String(), err
}

// pieces are where a title may be broken into lines: after the dots of a code.
func pieces(title string) []string { return strings.SplitAfter(title, ".") }

// element is a style or script of ours, and its hash, by which alone the page allows it.
func element(name, text string) (template.HTML, string) {
	sum := sha256.Sum256([]byte(text))
	return template.HTML("<" + name + ">" + text + "</" + name + ">"), "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

func (m *matrix) page() *page {
	p := &page{Several: len(m.reports) != 1, Columns: len(m.reports) + 1, Foot: "Made by penstock check. Verdicts: works; differs: something came, but not what is required; " +
		"fails: nothing came, or the connection broke; not reproduced: the situation could not be brought about."}
	for n, r := range m.reports {
		p.Reports = append(p.Reports, m.subject(n, r))
	}
	for _, v := range verdicts() {
		p.Chips = append(p.Chips, mark{Verdict: v, Words: words(v), Sign: sign(v)})
	}
	p.Title, p.Lead = "Nothing to compare", ""
	switch {
	case len(m.reports) == 1:
		p.Title = plain(title(m.reports[0]))
		p.Lead = "What an RTMP " + string(m.reports[0].Role) + " does on the wire, case by case. Click a verdict to read the conversation behind it."
		p.Columns = 3
	case len(m.reports) > 1:
		p.Title = "RTMP " + string(m.reports[0].Role) + "s side by side"
		p.Lead = "What each does on the wire, case by case. Click a verdict to read the conversation behind it."
	}
	index := 0
	for _, s := range m.sections {
		ps := pageSection{Name: plain(s.name)}
		for _, r := range s.rows {
			ps.Rows = append(ps.Rows, r.page(index))
			index++
		}
		p.Sections = append(p.Sections, ps)
	}
	return p
}

func (m *matrix) subject(n int, r *conformance.Report) subject {
	t := m.tally(n)
	s := subject{Number: n + 1, Name: plain(title(r)), About: plain(strings.TrimPrefix(particulars(r)+addressOf(r), "as "+string(r.Role)+", ")),
		Options: plain(options(r)), Required: requirements(t), Good: t.required > 0 && t.working == t.required, Total: max(t.total, 1)}
	var label []string
	x := 0
	for _, v := range verdicts() {
		k := t.rows[v]
		s.Counts = append(s.Counts, mark{Verdict: v, Words: words(v), Sign: sign(v), N: k})
		label = append(label, fmt.Sprintf("%d %s", k, words(v)))
		if k > 0 {
			s.Bars = append(s.Bars, bar{v, x, k})
		}
		x += k
	}
	s.Label = strings.Join(label, ", ")
	return s
}

func addressOf(r *conformance.Report) string {
	if r.Address == "" {
		return ""
	}
	return ", " + r.Address
}

func (r *row) page(index int) pageRow {
	out := pageRow{Index: index, ID: plain(r.ID), Anchor: Anchor(r.ID), Title: plain(r.name()), Severity: string(r.Severity)}
	var all []string
	for n := range r.cells {
		c := &r.cells[n]
		all = append(all, string(c.verdict))
		remark := cut(plain(spoken(c)), 240)
		out.Cells = append(out.Cells, pageCell{mark: mark{Verdict: c.verdict, Words: words(c.verdict), Sign: sign(c.verdict)}, Report: n, Remark: remark})
		out.Remark = remark
	}
	out.Verdicts = strings.Join(all, " ")
	return out
}

func (m *matrix) data() pageData {
	d := pageData{Reports: []string{}, Cases: []caseData{}}
	for _, r := range m.reports {
		d.Reports = append(d.Reports, plain(title(r)))
	}
	for _, s := range m.sections {
		for _, r := range s.rows {
			c := caseData{ID: plain(r.ID), Anchor: Anchor(r.ID), Section: plain(s.name), Code: plain(r.Code), Title: plain(r.name()),
				Requirement: plain(r.Requirement), Source: plain(r.Source), Severity: string(r.Severity)}
			for n := range r.cells {
				results := []resultData{}
				for _, res := range r.cells[n].results {
					results = append(results, dataOf(res))
				}
				c.Cells = append(c.Cells, results)
			}
			d.Cases = append(d.Cases, c)
		}
	}
	return d
}

func dataOf(r *conformance.Result) resultData {
	d := resultData{Mode: plain(r.Mode), Verdict: r.Verdict, Expected: plain(r.Expected), Got: plain(r.Got), Needs: plain(r.Needs), Log: [][]any{}}
	if r.Duration > 0 {
		d.Took = r.Duration.Round(time.Millisecond).String()
	}
	for i := range r.Transcript {
		e := &r.Transcript[i]
		d.Log = append(d.Log, []any{float64(e.At.Microseconds()) / 1000, e.From, e.Offset, plain(e.Text), plain(e.Bytes), e.Length})
	}
	return d
}
