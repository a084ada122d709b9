package hook

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"penstock/app"
	"penstock/status"
)

// format is how events are written and answers are read.
type format interface {
	encode(m *Message) (contentType string, body []byte)
	// read understands an answer with a status below 500. Its error wraps errNonsense.
	read(m *Message, resp *http.Response, body []byte) (answer, error)
}

// answer is what the program says.
type answer struct {
	allow    bool
	code     string // of a refusal; "" the usual one
	text     string // of a refusal; "" the usual one
	redirect string // URL to go to instead
	stream   string // name that the stream gets, "" as it is
	fault    string // what is wrong with a refusal that is one all the same; for the log
}

// maxText is the longest text of a refusal in bytes, and maxURL that of a redirect.
const (
	maxText = 512
	maxURL  = 2048
)

func nonsense(format string, a ...any) error {
	return fmt.Errorf("%w: %s", errNonsense, fmt.Sprintf(format, a...))
}

// usable is a refusal without what no client could be told. It stays a refusal.
func (a answer) usable() answer {
	if a.redirect != "" {
		u, err := url.Parse(a.redirect)
		if err != nil || !strings.HasPrefix(u.Scheme, "rtmp") || u.Host == "" || len(a.redirect) > maxURL {
			a.redirect, a.fault = "", "the redirect is no RTMP URL"
		}
	}
	if a.code != "" && !status.Code(a.code).Refuses() {
		a.code, a.fault = "", fmt.Sprintf("%.64q is no code of a refusal", a.code)
	}
	return a
}

// verdict is nil, or the refusal that an answer means.
func (h *Hooks) verdict(m *Message, a answer) error {
	if a.allow {
		return nil
	}
	if a = a.usable(); a.fault != "" {
		h.warn("hook refused, but not as it can be told", m, errors.New(a.fault))
	}
	stage := m.Event.stage()
	if a.redirect != "" {
		st := app.Redirect(a.redirect)
		if stage != app.StageConnect {
			st.Code, st.Description = app.Code(stage, app.CauseRedirect), fmt.Sprintf("This stream is at %s: use that address.", a.redirect)
		}
		if text := clean(a.text); text != "" {
			st.Description = text
		}
		return &app.Refusal{Cause: app.CauseRedirect, Rule: h.o.Path, Status: st}
	}
	st := status.New(app.Code(stage, app.CauseHook), clean(a.text))
	if a.code != "" {
		st.Code, st.Level = status.Code(a.code), status.LevelError
	}
	if st.Description == "" {
		st.Description = h.subject(m.Event) + " is not allowed here: check the address, the stream's name and the key, or ask the operator."
	}
	return &app.Refusal{Cause: app.CauseHook, Rule: h.o.Path, Status: st}
}

// noAnswer is the refusal of a client about whom there is no answer.
func (h *Hooks) noAnswer(e Event, err error) error {
	cause, why := app.CauseHookDown, "cannot be asked"
	if errors.Is(err, errLate) {
		cause, why = app.CauseHookLate, "did not answer in time"
	}
	return &app.Refusal{Cause: cause, Rule: h.o.Path, Err: err, Status: status.Newf(app.Code(e.stage(), cause),
		"%s could not be checked, because the program that decides %s: try again, and tell the operator if it stays so.", h.subject(e), why)}
}

// subject begins a sentence about what a client wants.
func (h *Hooks) subject(e Event) string {
	return map[Event]string{Connect: "Connecting to ", Publish: "Publishing to ", Play: "Playing from ", Call: "Calling methods of "}[e] + h.o.App
}

// clean bounds what goes to a client, and takes out what would break its log.
func clean(text string) string {
	text = strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case r == utf8.RuneError, r != '\n' && unicode.IsControl(r), r == '\u2028', r == '\u2029', unicode.Is(unicode.Bidi_Control, r):
			return -1
		case r == '\n':
			return ' '
		}
		return r
	}, text))
	if len(text) <= maxText {
		return text
	}
	n := maxText
	for !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n]
}
