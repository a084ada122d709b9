package config

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"penstock/status"
)

// Hooks is a program of yours that is told over HTTP what clients do, and may refuse it: see docs/hooks.md. It is asked when the
// other rules have let the client pass. Without an address nobody is asked. Redirects of its answers are not followed.
type Hooks struct {
	// URL is where events are posted: http or https, which it should be when the program is on another machine.
	URL string `yaml:"url"`
	// URLs are addresses of single events, by event, in place of `url`.
	URLs map[string]string `yaml:"urls"`
	// Secret signs every request (HMAC-SHA256), so that the program knows who asks; at least 16 bytes.
	Secret string `yaml:"secret"`
	// Format is json, or that of a program made for another server: nginx-rtmp or srs.
	Format string `yaml:"format"`
	// On are the events that are posted: connect, publish, play and call wait for the answer and may be refused; unpublish, stop
	// and disconnect tell of ends; done is unpublish and stop as nginx-rtmp's on_done. Without any, all but call and done, or
	// those that have an address when there is no `url`.
	On []string `yaml:"on"`
	// Timeout is how long an answer may take, the wait for the events before it included.
	Timeout Duration `yaml:"timeout"`
	// WhenDown is what happens to the client when there is no answer, or none that makes sense: refuse or allow.
	WhenDown string `yaml:"when_down"`
}

// Words are what clients are told in place of the usual words, for a rule or a cause.
type Words struct {
	// Code is the code, such as NetStream.Publish.Denied; without it, the usual one. Encoders act on few: see docs/refusals.md.
	Code string `yaml:"code"`
	Text string `yaml:"text"` // the description; without it, the usual one
}

// HookEvents are the events of hooks, in the order of a session's life.
func HookEvents() []string {
	return []string{"connect", "publish", "play", "call", "unpublish", "stop", "done", "disconnect"}
}

// Used reports whether anything is posted anywhere.
func (h *Hooks) Used() bool { return h.URL != "" || len(h.URLs) > 0 }

// Addresses are where each event is posted.
func (h *Hooks) Addresses() map[string]string {
	on := h.On
	if len(on) == 0 {
		on = sortedKeys(h.URLs)
		if h.URL != "" {
			on = append(on, "connect", "publish", "play", "unpublish", "stop", "disconnect")
		}
	}
	at := make(map[string]string)
	for _, event := range on {
		if at[event] = h.URLs[event]; at[event] == "" {
			at[event] = h.URL
		}
	}
	return at
}

// Validate checks the section at path.
func (h *Hooks) Validate(path string) error {
	if !h.Used() && len(h.On) == 0 {
		return nil
	}
	if h.URL != "" {
		if err := checkHTTPURL(path+".url", h.URL); err != nil {
			return err
		}
	}
	for _, event := range sortedKeys(h.URLs) {
		if err := oneOf(path+".urls", event, HookEvents()...); err != nil {
			return err
		}
		if err := checkHTTPURL(path+".urls."+event, h.URLs[event]); err != nil {
			return err
		}
	}
	for _, event := range h.On {
		if err := oneOf(path+".on", event, HookEvents()...); err != nil {
			return err
		}
		if h.URL == "" && h.URLs[event] == "" {
			return fieldErrorf(path+".on", "%s has no address, neither url nor urls.%s", event, event)
		}
		if event == "done" && h.Format != "nginx-rtmp" {
			return fieldErrorf(path+".on", "done is an event of the format nginx-rtmp")
		}
	}
	if err := oneOf(path+".format", h.Format, "json", "nginx-rtmp", "srs"); err != nil {
		return err
	}
	if h.Secret != "" && len(h.Secret) < 16 {
		return fieldErrorf(path+".secret", "is shorter than 16 bytes")
	}
	if h.Timeout <= 0 {
		return fieldErrorf(path+".timeout", "must be above 0")
	}
	return oneOf(path+".when_down", h.WhenDown, "refuse", "allow")
}

func checkHTTPURL(path, raw string) error {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" { // not shown: it may have a password
		return fieldErrorf(path, "is not an HTTP URL, such as https://example.com/penstock")
	}
	return nil
}

func defaultHooks() Hooks {
	return Hooks{Format: "json", Timeout: Duration(2 * time.Second), WhenDown: "refuse"}
}

// refusalCauses are the causes for which an application can have words of its own.
func refusalCauses() []string {
	return []string{"bad-name", "busy-name", "not-found", "policy", "limit", "hook", "hook-timeout", "hook-down", "timeout", "failed", "shutdown"}
}

// refusalRules are the rules for which an application can have words of its own; of what ends in a dot, all.
func refusalRules() []string {
	rules := []string{"hooks", "limits"}
	for _, action := range []string{"connect", "publish", "play", "call"} {
		rules = append(rules, action)
		for _, rule := range []string{"allow_networks", "deny_networks", "origins", "keys", "users", "jwt", "signed_urls"} {
			rules = append(rules, action+"."+rule)
		}
	}
	for _, key := range appLimitKeys() {
		rules = append(rules, "limits."+key)
	}
	return rules
}

// validateRefusals checks words by rule or cause.
func validateRefusals(path string, refusals map[string]Words) error {
	for _, what := range sortedKeys(refusals) {
		w, at := refusals[what], path+"."+what
		if !slices.Contains(refusalCauses(), what) && !slices.Contains(refusalRules(), what) {
			return fieldErrorf(path, "%q is no rule, such as publish.keys, limits.publishers or hooks, and none of the causes %s", what,
				strings.Join(refusalCauses(), ", "))
		}
		if w.Code != "" && !status.Code(w.Code).Refuses() {
			return fieldErrorf(at+".code", "%q is no code of a refusal, such as NetStream.Publish.Denied", w.Code)
		}
		if strings.ContainsFunc(w.Text, func(r rune) bool { return r < ' ' || r == 0x7f }) || len(w.Text) > maxWords {
			return fieldErrorf(at+".text", "must be one line of up to %d bytes", maxWords)
		}
	}
	return nil
}

// maxWords is the longest text of a refusal in bytes: what encoders show of it is far less.
const maxWords = 512
