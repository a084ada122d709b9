package webclient

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"math"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"penstock/amf"
)

// node prepares a run of Node.js in the package's folder; without it the test is skipped.
func node(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	path, err := exec.LookPath("node")
	if err != nil {
		t.Skip("no Node.js; scripts/setup installs it")
	}
	version, err := exec.Command(path, "--version").Output()
	major, _, _ := strings.Cut(strings.TrimPrefix(string(version), "v"), ".")
	if n, _ := strconv.Atoi(major); err != nil || n < 20 {
		t.Skipf("Node.js 20 or later is needed, this is %s", version)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Dir = "npm"
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// The tests of the module itself, which are npm/test/*.test.js, against the file that is served.
func TestModule(t *testing.T) {
	files, err := filepath.Glob("npm/test/*.test.js")
	if err != nil || len(files) < 6 {
		t.Fatalf("%d files of tests: %v", len(files), err)
	}
	args := []string{"--test"}
	for _, f := range files {
		args = append(args, strings.TrimPrefix(f, "npm/"))
	}
	out, err := node(t, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for line := range strings.Lines(string(out)) {
		if strings.HasPrefix(line, "# ") && !strings.HasPrefix(line, "# Subtest") || strings.HasPrefix(line, "ℹ ") {
			t.Log(strings.TrimSpace(line))
		}
	}
}

// values makes values by chance that JavaScript has all the words for.
type values struct {
	*rand.Rand
	amf3  bool
	known []amf.Value // to be met again
}

func (r *values) key() string {
	return []string{"a", "__proto__", "ä€😀", "k" + strconv.Itoa(r.IntN(30))}[r.IntN(4)]
}

func (r *values) props(n, deep int) []amf.Prop {
	o := amf.NewObject()
	for range n {
		o.Set(r.key(), r.value(deep))
	}
	return o.Props
}

func (r *values) list(n, deep int) []amf.Value {
	list := make([]amf.Value, n)
	for i := range list {
		list[i] = r.value(deep)
	}
	return list
}

func (r *values) number() amf.Value {
	if !r.amf3 || r.IntN(2) == 0 {
		return []float64{0.5, math.Inf(1), math.NaN(), 1 << 28, -1<<28 - 1, 1e300, math.Copysign(0, -1)}[r.IntN(7)]
	}
	return []int32{0, 1, -1, 127, 128, 1 << 14, 1 << 21, 1<<28 - 1, -1 << 28}[r.IntN(9)]
}

// value makes a value with at most deep levels below it.
func (r *values) value(deep int) amf.Value {
	kinds := 6
	if deep > 0 {
		kinds = 12
	}
	if r.amf3 && deep > 0 {
		kinds = 20
	}
	var v amf.Value
	switch r.IntN(kinds) {
	case 0:
		return []amf.Value{nil, amf.Undefined, true, false}[r.IntN(4)]
	case 1, 2:
		return r.number()
	case 3:
		return []string{"", "a", "\ufeffbom", "ä€😀", strings.Repeat("x", r.IntN(70000))}[r.IntN(5)]
	case 4:
		return amf.Date{Millis: float64(r.IntN(1 << 40))}
	case 5:
		return amf.XMLDocument("<a/>")
	case 6, 7:
		v = &amf.Array{Dense: r.list(r.IntN(4), deep-1)}
	case 8, 9:
		v = &amf.Object{Props: r.props(r.IntN(4), deep-1)}
	case 10:
		v = &amf.Object{Class: "a.B", Props: r.props(r.IntN(4), deep-1)}
	case 11:
		if len(r.known) == 0 || !r.amf3 { // in AMF0 the module writes it again
			return "nothing to be met again"
		}
		return r.known[r.IntN(len(r.known))]
	default:
		v = r.value3(deep - 1)
	}
	r.known = append(r.known, v)
	return v
}

// value3 makes what AMF0 has no words for.
func (r *values) value3(deep int) amf.Value {
	switch r.IntN(11) {
	case 0:
		return amf.XML("<b/>")
	case 1:
		return &amf.ByteArray{Data: []byte(strconv.Itoa(r.IntN(1 << 20)))}
	case 2:
		return &amf.VectorInt{Data: []int32{-1, math.MaxInt32}}
	case 3:
		return &amf.VectorUint{Data: []uint32{math.MaxUint32}}
	case 4:
		return &amf.VectorDouble{Data: []float64{0.1, math.NaN()}}
	case 5:
		return &amf.VectorObject{Type: "a.B", Fixed: r.IntN(2) == 0, Data: r.list(r.IntN(3), deep)}
	case 6:
		return &amf.Dictionary{Entries: []amf.Entry{{Key: "k", Value: r.value(deep)}, {Key: amf.NewObject(), Value: r.value(deep)}}}
	case 7:
		return &amf.Externalizable{Class: "flex.messaging.io.ArrayCollection", Props: []amf.Prop{{Key: "source", Value: amf.NewArray(r.list(2, deep)...)}}}
	case 8:
		return &amf.Externalizable{Class: "DSK", Props: []amf.Prop{{Key: "body", Value: r.value(deep)}, {Key: "clientIdBytes", Value: true}, {Key: "correlationId", Value: "c"}}}
	case 9:
		return &amf.Array{Dense: r.list(r.IntN(3), deep), Assoc: r.props(2, deep), ECMA: true}
	}
	props := r.props(3, deep)
	return &amf.Object{Class: "a.Sealed", Props: props, Sealed: len(props), Static: true}
}

// What package amf writes, the module reads and writes, and package amf reads the same values again: AMF0, AMF3, and AMF0 with
// AMF3 in it.
func TestModuleAgainstAMF(t *testing.T) {
	modes := map[string]amf.Encoder{"0": {}, "3": {Version: amf.AMF3, References: true}, "+": {Avmplus: true, References: true}}
	type message struct {
		mode string
		want []amf.Value
		hex  string
	}
	var sent []message
	var in bytes.Buffer
	for mode, enc := range modes {
		r := &values{Rand: rand.New(rand.NewPCG(1, 2)), amf3: mode != "0"}
		for i := range 1500 {
			r.known = nil
			want := []amf.Value{r.value(4)}
			if n, ok := want[0].(int32); ok && mode == "+" { // a number alone needs no switch
				want[0] = float64(n)
			}
			if o, ok := want[0].(*amf.Object); ok && i%5 == 0 && !o.Static {
				o.Set("itself", o)
			}
			r.known = nil // after the first value, references are no more than the same again
			if mode != "3" {
				want = append(want, "between", []amf.Value{true, "text"}[i%2])
			}
			b, err := enc.Append(nil, want...)
			if err != nil {
				t.Fatalf("%s: %v", amf.Format(amf.NewArray(want...)), err)
			}
			sent = append(sent, message{mode, want, hex.EncodeToString(b)})
			fmt.Fprintln(&in, mode, sent[len(sent)-1].hex)
		}
	}
	cmd := node(t, "test/echo.js")
	cmd.Stdin = &in
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, errs.Bytes())
	}
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, 64<<20)
	wide := amf.Limits{Depth: 128, Nodes: 1 << 20, Bytes: 64 << 20, LongString: 1 << 20, String: 1 << 20}
	n := 0
	for ; lines.Scan() && n < len(sent); n++ {
		m := sent[n]
		b, err := hex.DecodeString(lines.Text())
		if err != nil {
			t.Fatalf("%s %s is %s for the module", m.mode, m.hex, lines.Text())
		}
		got, err := amf.NewDecoderLimits(b, modes[m.mode].Version, wide).DecodeAll()
		if err != nil || !amf.Equal(amf.NewArray(got...), amf.NewArray(m.want...)) {
			t.Fatalf("%s %s\nwant %s\ngot  %s (%v)\n%x", m.mode, m.hex, amf.Format(amf.NewArray(m.want...)), amf.Format(amf.NewArray(got...)), err, b)
		}
	}
	if n != len(sent) {
		t.Errorf("%d answers to %d messages", n, len(sent))
	}
}
