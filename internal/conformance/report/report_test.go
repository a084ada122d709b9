package report

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"penstock/internal/conformance"
)

// hostile is what a peer may say to get out of any format's quoting.
const hostile = "</script><img src=x onerror=alert(1)>|`` `</details>\n\n# head\x1b[31m\u202e\x00 [a](javascript:x) \xff ``` ]]>"

func sample() *conformance.Report {
	began := time.Date(2026, 11, 26, 10, 0, 0, 0, time.UTC)
	success := conformance.Case{ID: "netconnection/connect-success", Section: "NetConnection", Code: "NetConnection.Connect.Success",
		Title: "Connect.Success", Requirement: "A good connect is answered.", Source: "RTMP 1.0 §7.2.1.1", Severity: conformance.Required}
	rejected := conformance.Case{ID: "netconnection/connect-rejected", Section: "NetConnection", Code: "NetConnection.Connect.Rejected",
		Title: "Connect.Rejected", Requirement: "A refused connect is told.", Severity: conformance.Required}
	other := conformance.Case{ID: "commands/other" + hostile, Section: "Commands " + hostile, Title: "Other " + hostile,
		Requirement: "Something " + hostile, Source: hostile, Severity: conformance.Optional}
	return &conformance.Report{
		Role: conformance.RoleServer, Subject: "srv " + hostile, Address: "rtmp://127.0.0.1/live" + hostile, Version: "1.2.3",
		Started: began, Finished: began.Add(12300 * time.Millisecond), Options: []string{"--only", hostile},
		Results: []conformance.Result{
			{Case: success, Mode: "tcp amf0", Verdict: conformance.Works, Duration: 3 * time.Millisecond,
				Transcript: []conformance.Event{{At: time.Millisecond, From: "tester", Offset: 3073, Text: "connect " + hostile, Bytes: "0300", Length: 20}}},
			{Case: rejected, Mode: "tcp amf0", Verdict: conformance.Fails, Expected: "_error", Got: "nothing " + hostile,
				Transcript: []conformance.Event{{From: "note", Offset: -1, Text: "closed " + hostile}}},
			{Case: success, Mode: "tls amf0", Verdict: conformance.Works},
			{Case: success, Mode: "tcp amf3", Verdict: conformance.Differs, Expected: "level status", Got: "level error"},
			{Case: success, Mode: "tls amf3", Verdict: conformance.Works},
			{Case: other, Verdict: conformance.NotReproduced, Needs: "--stop-command " + hostile},
		},
	}
}

func write(t *testing.T, format string, r *conformance.Report) string {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, format, r); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestJSONRoundTrip(t *testing.T) {
	r := sample()
	for i := range r.Results { // JSON has no word for bytes that are no UTF-8
		r.Results[i].Got = strings.ToValidUTF8(r.Results[i].Got, "?")
	}
	valid := func(s *string) { *s = strings.ToValidUTF8(*s, "?") }
	valid(&r.Subject)
	valid(&r.Address)
	valid(&r.Options[1])
	for i := range r.Results {
		res := &r.Results[i]
		for _, s := range []*string{&res.ID, &res.Section, &res.Title, &res.Requirement, &res.Source, &res.Needs} {
			valid(s)
		}
		for j := range res.Transcript {
			valid(&res.Transcript[j].Text)
		}
	}
	got, err := Read(strings.NewReader(write(t, JSON, r)))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(r, got); diff != "" {
		t.Error(diff)
	}
}

func TestReadRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"no JSON":     "hello",
		"no role":     `{"results":[]}`,
		"no verdict":  `{"role":"server","results":[{"id":"a","severity":"required"}]}`,
		"no severity": `{"role":"server","results":[{"id":"a","verdict":"works"}]}`,
		"bad verdict": `{"role":"server","results":[{"id":"a","severity":"required","verdict":"great"}]}`,
		"no id":       `{"role":"client","results":[{"severity":"required","verdict":"works"}]}`,
	} {
		if _, err := Read(strings.NewReader(text)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := read(strings.NewReader(`{"role":"client","subject":"`+strings.Repeat(" ", 100)+`"}`), 100); err == nil || !strings.Contains(err.Error(), "at most 100 bytes") {
		t.Errorf("too long: %v", err)
	}
	if _, err := Read(strings.NewReader(`{"role":"client","news":1,"results":[{"id":"a","severity":"required","verdict":"works"}]}`)); err != nil {
		t.Errorf("what is not known: %v", err)
	}
}

// Nothing that a peer said reaches a terminal or a table as a command.
func TestHostileText(t *testing.T) {
	r := sample()
	texts := map[string]string{Terminal: write(t, Terminal, r), Markdown: write(t, Markdown, r)}
	var b bytes.Buffer
	for _, format := range []string{Terminal, Markdown} {
		b.Reset()
		if err := Compare(&b, format, r, r); err != nil {
			t.Fatal(err)
		}
		texts["compare "+format] = b.String()
	}
	b.Reset()
	p := NewProgress(&b, 3)
	p.Begin(r.Results[5].ID, hostile)
	p.Done(&r.Results[5])
	p.Stop()
	texts["progress"] = b.String()
	for name, text := range texts {
		for _, c := range text {
			if c != '\n' && unfit(c) {
				t.Errorf("%s has %q:\n%s", name, c, text)
				break
			}
		}
		if !strings.HasSuffix(name, Markdown) {
			continue
		}
		outside, inside := "", false
		for line := range strings.Lines(text) {
			switch {
			case strings.HasSuffix(line, "```text\n"), strings.Trim(line, "`") == "\n" && len(line) > 3:
				inside = !inside
			case !inside:
				outside += line
			}
		}
		for _, bad := range []string{"<img", "</script", "](javascript", "\n# head"} {
			if strings.Contains(escaped.ReplaceAllString(outside, ""), bad) {
				t.Errorf("%s has %q:\n%s", name, bad, outside)
			}
		}
		if strings.Count(outside, "<details>") != strings.Count(outside, "</details>") {
			t.Errorf("%s: a conversation ends early:\n%s", name, outside)
		}
		for line := range strings.Lines(outside) {
			if strings.HasPrefix(line, "| [Other") && strings.Count(strings.ReplaceAll(line, `\|`, ""), "|") != 4 {
				t.Errorf("%s: columns of %s", name, line)
			}
		}
	}
}

// escaped is a character that Markdown takes as it is.
var escaped = regexp.MustCompile(`(?s)\\.`)

func TestTerminal(t *testing.T) {
	text := write(t, Terminal, sample())
	for _, want := range []string{
		"✓ works           Connect.Success", "(tcp amf0, tls amf0, tls amf3)", "≠ differs         Connect.Success", "(tcp amf3)", "level error",
		"✗ fails           Connect.Rejected", "○ not reproduced", "--stop-command",
		"✓ works 0   ≠ differs 1   ✗ fails 1   ○ not reproduced 1", "0 of 2 required cases work.",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	for line := range strings.Lines(text) {
		if n := len([]rune(line)); strings.HasPrefix(line, strings.Repeat(" ", 20)) && n > textWidth+1 {
			t.Errorf("%d characters: %s", n, line)
		}
	}
}

func TestMarkdown(t *testing.T) {
	text := write(t, Markdown, sample())
	for _, want := range []string{
		"| [Connect.Success](#netconnection-connect-success) | ≠ differs | tcp amf3: level error |",
		"| [Connect.Rejected](#netconnection-connect-rejected) | ✗ fails | nothing",
		`### <a id="netconnection-connect-success"></a>Connect.Success`, "**✓ works** (tcp amf0, tls amf0, tls amf3)", "* expected: level status",
		"   0.001 →      3073 connect",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

func TestJUnit(t *testing.T) {
	text := write(t, JUnit, sample())
	var suites junitSuites
	if err := xml.Unmarshal([]byte(text), &suites); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if suites.Tests != 6 || suites.Failures != 2 || len(suites.Suites) != 2 || suites.Suites[1].Skipped != 1 {
		t.Errorf("counts: %+v", suites)
	}
	first := suites.Suites[0].Cases
	if first[0].Failure != nil || first[0].Name != "netconnection/connect-success (tcp amf0)" {
		t.Errorf("first case: %+v", first[0])
	}
	if f := first[2].Failure; f == nil || f.Type != "differs" || f.Message != "expected level status; got level error" {
		t.Errorf("third case: %+v", f)
	}
}

func TestCompareColumns(t *testing.T) {
	a, b := sample(), sample()
	a.Subject, b.Subject = "Alpha 1", "Beta 2"
	b.Results = append(b.Results[1:2:2], conformance.Result{
		Case:    conformance.Case{ID: "new/one", Section: "NetConnection", Title: "Only Beta", Severity: conformance.Required},
		Verdict: conformance.Works,
	})
	var text bytes.Buffer
	if err := Compare(&text, Markdown, a, b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"| case | Alpha 1 | Beta 2 |", "| Connect.Success | ≠ differs | – |", "| Connect.Rejected | ✗ fails | ✗ fails |",
		"| Only Beta | – | ✓ works |", "| required that work | 0 of 2 | 1 of 2 |",
		"Connect.Success: A good connect is answered.\n\n* Alpha 1: ≠ differs. tcp amf3: level error\n\nConnect.Rejected: A refused connect is told.\n\n* Alpha 1: ✗ fails. nothing",
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no %q in\n%s", want, &text)
		}
	}
	text.Reset()
	if err := Compare(&text, Terminal, a, b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"[1] Alpha 1", "[2] Beta 2", "netconnection/connect-success", "≠ differs"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no %q in\n%s", want, &text)
		}
	}
}

func TestNineCodes(t *testing.T) {
	r := sample()
	r.Subject = "Alpha"
	later := r.Results[0] // another case about the same code does not speak for it
	later.ID, later.Verdict = "commands/connect-again", conformance.Fails
	r.Results = append(r.Results, later)
	var b bytes.Buffer
	if err := NineCodes(&b, []Column{{r, "docs/conformance/alpha.md"}}); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(b.String()), "\n")
	want := []string{"Connect.Success", "Connect.Rejected", "Connect.InvalidApp", "Connect.AppShutdown", "Connect.Closed", "Connect.Failed",
		"Call.Failed", "Call.BadVersion", "Call.Prohibited"}
	if len(lines) != 2+len(want) {
		t.Fatalf("%d lines:\n%s", len(lines), &b)
	}
	for i, code := range want {
		if !strings.HasPrefix(lines[i+2], "| `NetConnection."+code+"` |") {
			t.Errorf("row %d is %s", i, lines[i+2])
		}
	}
	if want := "| `NetConnection.Connect.Success` | [≠ differs](docs/conformance/alpha.md#netconnection-connect-success) |"; lines[2] != want {
		t.Errorf("got  %s\nwant %s", lines[2], want)
	}
	if !strings.HasSuffix(lines[4], "| – |") {
		t.Errorf("a code without a case: %s", lines[4])
	}
}

func TestFormats(t *testing.T) {
	for _, f := range Formats() {
		if err := Write(io.Discard, f, sample()); err != nil {
			t.Errorf("%s: %v", f, err)
		}
		if err := Write(io.Discard, f, &conformance.Report{Role: conformance.RoleClient}); err != nil {
			t.Errorf("%s of an empty report: %v", f, err)
		}
	}
	for _, f := range CompareFormats() {
		if err := Compare(io.Discard, f); err != nil {
			t.Errorf("%s of nothing: %v", f, err)
		}
	}
	if err := Write(io.Discard, "pdf", sample()); !errors.Is(err, ErrFormat) {
		t.Errorf("pdf: %v", err)
	}
	if err := Compare(io.Discard, "pdf", sample()); !errors.Is(err, ErrFormat) {
		t.Errorf("compare pdf: %v", err)
	}
}

var (
	blocks  = regexp.MustCompile(`(?s)<(script|style)([^>]*)>(.*?)</(?:script|style)>`)
	allowed = regexp.MustCompile(`'(sha256-[^']+)'`)
)

// The page needs nothing else, runs nothing but its own script, and has nothing of what a peer said as markup.
func TestHTML(t *testing.T) {
	for name, text := range map[string]string{"one": write(t, HTML, sample()), "two": compared(t, sample(), sample())} {
		hashes := make(map[string]bool)
		for _, m := range allowed.FindAllStringSubmatch(strings.ReplaceAll(text, "&#43;", "+"), -1) {
			hashes[m[1]] = true
		}
		var data pageData
		scripts := 0
		for _, b := range blocks.FindAllStringSubmatch(text, -1) {
			if strings.Contains(b[2], `id="data"`) {
				if strings.ContainsAny(b[3], "<>&") {
					t.Errorf("%s: data with angle brackets", name)
				}
				z, err := gzip.NewReader(base64.NewDecoder(base64.StdEncoding, strings.NewReader(b[3])))
				if err == nil {
					err = json.NewDecoder(z).Decode(&data)
				}
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				continue
			}
			scripts++
			if sum := sha256.Sum256([]byte(b[3])); !hashes["sha256-"+base64.StdEncoding.EncodeToString(sum[:])] {
				t.Errorf("%s: a %s is not allowed by the page's policy", name, b[1])
			}
		}
		if scripts != 2 || len(hashes) != 2 || !strings.Contains(text, "default-src 'none'") {
			t.Errorf("%s: %d elements, %d hashes", name, scripts, len(hashes))
		}
		outside := blocks.ReplaceAllString(text, "")
		for _, bad := range []string{"<script", "<img", "onerror=alert", "javascript:x)<", "http://", "https://", " style=", " src="} {
			if strings.Contains(strings.ReplaceAll(outside, "&lt;img src=x onerror=alert(1)&gt;", ""), bad) {
				t.Errorf("%s has %q", name, bad)
			}
		}
		if strings.ContainsFunc(text, func(r rune) bool { return r != '\n' && r != '\t' && unfit(r) }) {
			t.Errorf("%s has characters that do something", name)
		}
		if len(data.Cases) != 3 || len(data.Cases[0].Cells) != len(data.Reports) || len(data.Cases[0].Cells[0]) != 4 {
			t.Fatalf("%s: data %+v", name, data)
		}
		if got := data.Cases[1].Cells[0][0]; got.Verdict != conformance.Fails || !strings.Contains(got.Got, "</script><img src=x onerror=alert(1)>") {
			t.Errorf("%s: %+v", name, got)
		}
		for _, want := range []string{`href="#netconnection-connect-success"`, "0 of 2 required cases work.", `class="cell differs"`, `class="cell not-reproduced"`} {
			if !strings.Contains(outside, want) {
				t.Errorf("%s has no %s", name, want)
			}
		}
	}
}

// A file whose name ends in .gz is compressed, and read all the same; what it becomes is bounded.
func TestCompressed(t *testing.T) {
	dir := t.TempDir()
	plain, packed := filepath.Join(dir, "a.json"), filepath.Join(dir, "a.json.gz")
	var sizes []int64
	var said []string
	for _, name := range []string{plain, packed} {
		if err := WriteFile(name, JSON, sample()); err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Read(f)
		_ = f.Close()
		if err != nil {
			t.Fatal(err)
		}
		said = append(said, write(t, JSON, got))
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		sizes = append(sizes, info.Size())
	}
	if sizes[1] >= sizes[0] || said[0] != said[1] {
		t.Errorf("%d bytes, compressed %d, that say the same: %t", sizes[0], sizes[1], said[0] == said[1])
	}
	if err := WriteFile(filepath.Join(dir, "no", "a.json"), JSON, sample()); err == nil {
		t.Error("written into a folder that does not exist")
	}
	if err := WriteFile(packed, "pdf", sample()); !errors.Is(err, ErrFormat) {
		t.Errorf("pdf: %v", err)
	}
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	_, _ = z.Write([]byte(`{"role":"client","subject":"` + strings.Repeat(" ", 1<<20) + `"}`))
	_ = z.Close()
	if _, err := read(&bomb, 1<<18); err == nil || !strings.Contains(err.Error(), "at most 262144 bytes") {
		t.Errorf("a bomb: %v", err)
	}
	if _, err := Read(strings.NewReader("\x1f\x8bno")); err == nil || !strings.Contains(err.Error(), "no conformance report") {
		t.Errorf("no gzip: %v", err)
	}
}

func compared(t *testing.T, rs ...*conformance.Report) string {
	t.Helper()
	var b bytes.Buffer
	if err := Compare(&b, HTML, rs...); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
