package clientrun

import (
	"regexp"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

const (
	maxOutput = 32 << 10 // bytes of a client's output that are kept: the last ones
	maxLines  = 60
	maxLine   = 300 // characters
)

// output keeps the end of what a client prints. It never blocks and never fails, however much comes.
type output struct {
	mu  sync.Mutex
	buf []byte
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.buf = append(o.buf, b[max(0, len(b)-maxOutput):]...)
	if len(o.buf) > 2*maxOutput {
		o.buf = append([]byte(nil), o.buf[len(o.buf)-maxOutput:]...)
	}
	return len(b), nil
}

// sequences are what programs send to colour and move on a terminal.
var sequences = regexp.MustCompile("\x1b(\\[[0-9;?]*[ -/]*[@-~]|\\][^\x07\x1b]*(\x07|\x1b\\\\)?|[@-_])")

// lines are the last lines, as a person would see them: what was overwritten is gone, and so are empty lines and repetitions.
func (o *output) lines() []string {
	o.mu.Lock()
	text := string(o.buf[max(0, len(o.buf)-maxOutput):])
	o.mu.Unlock()
	var out []string
	for line := range strings.Lines(sequences.ReplaceAllString(text, "")) {
		line = strings.TrimRight(line, "\r\n")
		line = clean(line[strings.LastIndexByte(line, '\r')+1:])
		if line == "" || len(out) > 0 && out[len(out)-1] == line {
			continue
		}
		out = append(out, line)
	}
	return out[max(0, len(out)-maxLines):]
}

// clean makes a line of what can be shown, no longer than maxLine.
func clean(line string) string {
	line = strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return ' '
		case r == utf8.RuneError || !unicode.IsPrint(r):
			return -1
		}
		return r
	}, line)
	line = strings.TrimSpace(line)
	if r := []rune(line); len(r) > maxLine {
		return string(r[:maxLine]) + "…"
	}
	return line
}
