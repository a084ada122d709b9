package refusals

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"penstock/app"
)

// recorded are the refusals of an address that the API has, oldest first.
func (s *server) recorded(t *testing.T, ip string) []refusal {
	t.Helper()
	resp, err := http.Get(s.http + "/api/v1/refusals?limit=100&ip=" + url.QueryEscape(ip))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var answer struct {
		Refusals []struct {
			refusal
			Count int
		}
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("refusals of %s: %s, %v", ip, resp.Status, err)
	}
	var list []refusal
	for _, r := range answer.Refusals {
		if r.Count != 1 {
			t.Errorf("the API counts %d of %+v", r.Count, r.refusal)
		}
		list = append([]refusal{r.refusal}, list...)
	}
	return list
}

// sameInAPI compares what the API has with the log.
func sameInAPI(t *testing.T, at *place, o *outcome) {
	t.Helper()
	var got []refusal
	same := func() bool {
		if got = at.server.recorded(t, at.relay.ip); len(got) < at.begin {
			return false
		}
		got = got[at.begin:]
		return slices.Equal(got, o.refusals)
	}
	for deadline := time.Now().Add(10 * time.Second); !same(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Errorf("%s's refusals in the API are\n%+v\nand in the log\n%+v", o.client.name, got, o.refusals)
			return
		}
	}
}

// accessLines are the access log's lines by the names of the fields.
func (s *server) accessLines(t *testing.T) []map[string]string {
	t.Helper()
	b, err := os.ReadFile(s.access)
	if err != nil {
		t.Fatal(err)
	}
	var fields []string
	var lines []map[string]string
	for line := range strings.Lines(string(b)) {
		line = strings.TrimRight(line, "\n")
		if names, ok := strings.CutPrefix(line, "#Fields: "); ok {
			fields = strings.Split(names, "\t")
		}
		values := strings.Split(line, "\t")
		if strings.HasPrefix(line, "#") || len(values) != len(fields) { // a last one may not be whole
			continue
		}
		m := make(map[string]string, len(fields))
		for i, name := range fields {
			m[name] = values[i]
		}
		lines = append(lines, m)
	}
	return lines
}

// accessEvents are the events that the access log has for what is refused at a stage.
var accessEvents = map[string][]string{
	string(app.StageAccept): {"connect"}, string(app.StageConnect): {"connect"}, string(app.StagePlay): {"play"},
	string(app.StagePublish): {"publish", "unpublish"}, string(app.StageConnection): {"disconnect"},
	string(app.StageCall): {"call"},
}

// sameInAccessLog finds each refusal of the log in the access log: by session, with its x-status, its cause and its rule.
func sameInAccessLog(t *testing.T, at *place, o *outcome) {
	t.Helper()
	for _, r := range o.refusals {
		comment := r.Cause
		if r.Rule != "" {
			comment += ":" + r.Rule
		}
		var lines []map[string]string
		found := func() bool {
			lines = nil
			for _, m := range at.server.accessLines(t) {
				if m["c-ip"] == at.relay.ip && (m["x-sid"] == r.Session || r.Session == "") {
					lines = append(lines, m)
				}
			}
			return slices.ContainsFunc(lines, func(m map[string]string) bool {
				return m["x-status"] == strconv.Itoa(r.XStatus) && m["x-comment"] == comment && slices.Contains(accessEvents[r.Stage], m["x-event"])
			})
		}
		for deadline := time.Now().Add(25 * time.Second); !found(); time.Sleep(50 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Errorf("%s's refusal %+v is in the access log as\n%v", o.client.name, r, lines)
				break
			}
		}
	}
}

var refusalMetric = regexp.MustCompile(`(?m)^penstock_refusals_total\{app="([^"]*)",cause="([^"]*)",code="([^"]*)"\} (\d+)$`)

// sameInMetrics compares the counters with the number of refusals in the log, when no client is there any more.
func sameInMetrics(t *testing.T, s *server, apps []string) {
	t.Helper()
	var want, got map[string]int
	same := func() bool {
		want, got = make(map[string]int), make(map[string]int)
		for _, r := range s.log.everything() {
			name := r.App
			if name != "" && !slices.Contains(apps, name) {
				name = "other" // strangers cannot make labels
			}
			want[name+" "+r.Cause+" "+r.Code]++
		}
		resp, err := http.Get(s.http + "/metrics")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range refusalMetric.FindAllStringSubmatch(string(text), -1) {
			n, _ := strconv.Atoi(m[4])
			got[m[1]+" "+m[2]+" "+m[3]] = n
		}
		return maps.Equal(want, got)
	}
	for deadline := time.Now().Add(10 * time.Second); !same(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			for _, key := range slices.Sorted(maps.Keys(want)) {
				if want[key] != got[key] {
					t.Errorf("%s: %d in penstock_refusals_total, %d in the log", key, got[key], want[key])
				}
			}
			for key, n := range got {
				if want[key] == 0 {
					t.Errorf("%s: %d in penstock_refusals_total, none in the log", key, n)
				}
			}
			return
		}
	}
}
