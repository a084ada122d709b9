package e2e

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"penstock/internal/conformance"
	"penstock/internal/conformance/report"
)

// hostileReport is a report about a peer that tries to be markup.
func hostileReport(subject string) *conformance.Report {
	const evil = `</script><img src=x onerror="window.hurt=1"><svg onload="window.hurt=1">`
	r := &conformance.Report{Role: conformance.RoleServer, Subject: subject + evil, Started: time.Now(), Finished: time.Now().Add(time.Second)}
	for i, v := range []conformance.Verdict{conformance.Works, conformance.Differs, conformance.Fails, conformance.NotReproduced} {
		r.Results = append(r.Results, conformance.Result{
			Case: conformance.Case{ID: fmt.Sprintf("section/case-%d", i), Section: fmt.Sprintf("Section %d", i/2), Title: "Case " + evil,
				Requirement: "Something " + evil, Source: evil, Severity: conformance.Required},
			Verdict: v, Expected: evil, Got: fmt.Sprintf("word%d %s", i, evil), Duration: time.Second,
			Transcript: []conformance.Event{{From: "tester", Offset: 3073, Text: "connect " + evil, Bytes: "0300", Length: 2}, {From: "peer", Offset: 3073, Text: evil}, {From: "note", Offset: -1, Text: "► " + evil}},
		})
	}
	return r
}

// The page of a report works in a browser: nothing that a peer said runs, filters filter, a cell opens its conversation, and
// nothing is wider than a telephone.
func TestReportPage(t *testing.T) {
	needs(t)
	ctx := browse(t)
	a, b := hostileReport("alpha"), hostileReport("beta")
	b.Results[0].Verdict = conformance.Fails
	one, two := new(bytes.Buffer), new(bytes.Buffer)
	if err := report.Write(one, report.HTML, a); err != nil {
		t.Fatal(err)
	}
	if err := report.Compare(two, report.HTML, a, b); err != nil {
		t.Fatal(err)
	}
	for name, page := range map[string]*bytes.Buffer{"one": one, "two": two} {
		file := filepath.Join(t.TempDir(), "report.html")
		if err := os.WriteFile(file, page.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := chromedp.Do(ctx, chromedp.EmulateViewport(1280, 900)); err != nil {
			t.Fatal(err)
		}
		navigate(ctx, t, "file://"+file)
		until(t, 20*time.Second, "the conversations are unpacked", func() bool {
			return evaluate[string](ctx, t, `document.getElementById("shown").textContent`) != ""
		})
		shown := `[...document.querySelectorAll("tr.case")].filter(r => r.getClientRects().length).length`
		for _, step := range []struct {
			do   string
			want float64
		}{
			{`0`, 4},
			{`document.querySelector(".chip.fails").click()`, map[string]float64{"one": 1, "two": 2}[name]},
			{`document.querySelector(".chip.fails").click()`, 4},
			{`(e => { e.value = "word2"; e.dispatchEvent(new Event("input")) })(document.getElementById("text"))`, 1},
			{`(e => { e.value = ""; e.dispatchEvent(new Event("input")) })(document.getElementById("text"))`, 4},
			{`(e => { e.value = "Section 1"; e.dispatchEvent(new Event("input")) })(document.getElementById("section"))`, 2},
			{`document.getElementById("reset").click()`, 4},
		} {
			if got := evaluate[float64](ctx, t, step.do+`; `+shown); got != step.want {
				t.Errorf("%s: %v rows after %s, want %v", name, got, step.do, step.want)
			}
		}
		got := evaluate[string](ctx, t, `document.querySelectorAll("button.cell.fails")[0].click(); document.getElementById("detail").innerText`)
		for _, want := range []string{"</script><img src=x", "Expected", "3073", "→"} {
			if !bytes.Contains([]byte(got), []byte(want)) {
				t.Errorf("%s: no %q in\n%s", name, want, got)
			}
		}
		screenshot(ctx, t, "", "report-"+name)
		if evaluate[float64](ctx, t, `window.hurt || document.querySelectorAll("main img, #detail img, #detail svg").length`) != 0 {
			t.Errorf("%s: what the peer said became part of the page", name)
		}
		evaluate[string](ctx, t, `document.getElementById("detail").close(); ""`)
		for _, width := range []int64{1280, 390} {
			if err := chromedp.Do(ctx, chromedp.EmulateViewport(width, 900)); err != nil {
				t.Fatal(err)
			}
			if w := evaluate[float64](ctx, t, `document.documentElement.scrollWidth`); w > float64(width) {
				screenshot(ctx, t, "", "too-wide")
				t.Errorf("%s: at %d the page is %v wide", name, width, w)
			}
		}
	}
}
