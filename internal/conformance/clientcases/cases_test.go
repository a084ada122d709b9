package clientcases

import (
	"strings"
	"testing"
	"time"

	"penstock/flv"
	"penstock/internal/conformance"
	"penstock/internal/conformance/scripted"
)

// Cases say what they are, and each has what it needs to be run.
func TestCasesAreWhole(t *testing.T) {
	seen := make(map[string]bool)
	all := All()
	if all[0].ID != Ordinary {
		t.Errorf("the first case is %s", all[0].ID)
	}
	roles := make(map[scripted.Role]int)
	for _, c := range all {
		if seen[c.ID] {
			t.Errorf("%s is there twice", c.ID)
		}
		seen[c.ID] = true
		roles[c.Role]++
		if c.Script == nil || c.Judge == nil || c.Script() == nil {
			t.Errorf("%s cannot be run", c.ID)
		}
		if c.Section == "" || c.Title == "" || c.Source == "" || !strings.HasSuffix(c.Requirement, ".") || c.Severity == "" {
			t.Errorf("%s does not say what it is: %+v", c.ID, c.Case)
		}
		if f := c.Judge(&Observation{Command: true, Ended: time.Now()}); f.Verdict != conformance.NotReproduced {
			t.Errorf("%s: a client that never came is %s", c.ID, f.Verdict)
		}
	}
	for _, r := range []scripted.Role{scripted.Unknown, scripted.Publisher, scripted.Player} {
		if roles[r] == 0 {
			t.Errorf("no case for role %q", r)
		}
	}
}

func frames(times ...uint32) []scripted.Frame {
	var out []scripted.Frame
	for i, at := range times {
		out = append(out, scripted.Frame{Type: flv.TagVideo, Time: at, Sum: [8]byte{byte(i), byte(i >> 8)}, Len: 10})
	}
	return out
}

func row(n int) []uint32 {
	out := make([]uint32, n)
	for i := range out {
		out[i] = uint32(40 * i)
	}
	return out
}

func TestCompare(t *testing.T) {
	sent := frames(row(100)...)
	shifted := frames(row(100)...)
	for i := range shifted {
		shifted[i].Time += 0xFFFFFF00
	}
	without := func(from, to int) []scripted.Frame {
		return append(append([]scripted.Frame(nil), sent[:from]...), sent[to:]...)
	}
	strange := append([]scripted.Frame(nil), sent...)
	strange[50].Sum[7] = 1
	jumped := append([]scripted.Frame(nil), sent...)
	for i := 50; i < 100; i++ {
		jumped[i].Time += 6
	}
	twice := append(append([]scripted.Frame(nil), sent[:51]...), sent[50:]...)
	for name, c := range map[string]struct {
		came          []scripted.Frame
		lost, foreign int
		drift         bool
	}{
		"all":              {sent, 0, 0, false},
		"other zero":       {shifted, 0, 0, false},
		"none":             {nil, 100, 0, false},
		"one missing":      {without(50, 51), 1, 0, false},
		"end missing":      {sent[:90], 0, 0, false},
		"much of the end":  {sent[:80], 20, 0, false},
		"start missing":    {sent[10:], 0, 0, false},
		"much of a start":  {sent[20:], 20, 0, false},
		"one is another's": {strange, 1, 1, false},
		"time jumps":       {jumped, 0, 0, true},
		"one comes twice":  {twice, 0, 1, false},
	} {
		got := compare(sent, c.came)
		if got.lost != c.lost || got.foreign != c.foreign || (got.drift != "") != c.drift {
			t.Errorf("%s: lost %d, foreign %d, drift %q", name, got.lost, got.foreign, got.drift)
		}
	}
}

// The verdicts on a refused client, by what was seen of it.
func TestGaveUp(t *testing.T) {
	at := time.Now()
	acted := scripted.Facts{Began: at, Stage: scripted.StageConnect, Acted: at.Add(time.Second), Ended: at.Add(2 * time.Second)}
	open := acted
	open.Ended = time.Time{}
	active := acted
	active.Role, active.After = scripted.Publisher, 40
	exit := func(code int) *Exit { return &Exit{Code: code, At: at.Add(3 * time.Second)} }
	said := []string{"Server error: go away", "bye"}
	for name, c := range map[string]struct {
		o    Observation
		want conformance.Verdict
		got  string
	}{
		"good":            {Observation{Command: true, Exit: exit(1), Said: said, Connections: []scripted.Facts{acted}}, conformance.Works, "exit code 1 after 2.0 s; it said: Server error: go away"},
		"its code":        {Observation{Command: true, Exit: exit(1), Said: []string{"A.Code"}, Connections: []scripted.Facts{acted}}, conformance.Works, "A.Code"},
		"silent":          {Observation{Command: true, Exit: exit(1), Said: []string{"error"}, Connections: []scripted.Facts{acted}}, conformance.Differs, "it said: error"},
		"success":         {Observation{Command: true, Exit: exit(0), Said: said, Connections: []scripted.Facts{acted}}, conformance.Differs, "exit code 0"},
		"still there":     {Observation{Command: true, Said: said, Connections: []scripted.Facts{open}}, conformance.Fails, "hung: it was still there after 9.0 s"},
		"goes on":         {Observation{Command: true, Said: said, Connections: []scripted.Facts{active}}, conformance.Fails, "went on: it sent 40 more frames"},
		"three times":     {Observation{Command: true, Exit: exit(1), Said: said, Connections: []scripted.Facts{acted, acted, acted}}, conformance.Works, "with 3 connections"},
		"loops":           {Observation{Command: true, Exit: exit(1), Said: said, Connections: []scripted.Facts{acted, acted, acted, acted}}, conformance.Fails, "looped: 4 connections"},
		"crashes":         {Observation{Command: true, Exit: &Exit{Signal: "segmentation fault"}, Said: said, Connections: []scripted.Facts{acted}}, conformance.Fails, "crashed: it died of segmentation fault"},
		"not that far":    {Observation{Command: true, Exit: exit(1), Connections: []scripted.Facts{{Began: at, Stage: scripted.StageTCP}}}, conformance.NotReproduced, "it opened a TCP connection"},
		"nobody to exit":  {Observation{Connections: []scripted.Facts{acted}}, conformance.Works, "it closed the connection after 1.0 s"},
		"nobody to leave": {Observation{Connections: []scripted.Facts{open}}, conformance.Fails, "hung"},
	} {
		c.o.Ended = at.Add(10 * time.Second)
		f := gaveUp("A.Code", "go away")(&c.o)
		if f.Verdict != c.want || !strings.Contains(f.Got, c.got) {
			t.Errorf("%s: %s, %s", name, f.Verdict, f.Got)
		}
	}
}
