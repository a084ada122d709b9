package config

import (
	"os"
	"reflect"
	"strings"
	"testing"
)

// parse reads the keys of application live.
func parseApp(t *testing.T, keys string) (App, error) {
	t.Helper()
	c, err := Parse("c.yml", []byte("apps:\n  live:\n    "+strings.ReplaceAll(keys, "\n", "\n    ")+"\n"))
	if err != nil {
		return App{}, err
	}
	return c.Apps["live"], nil
}

func TestHooksAndLimits(t *testing.T) {
	for name, tc := range map[string]struct {
		keys string
		want string // part of the error, "" for none
	}{
		"all":                     {"hooks: {url: 'https://joe:pw@a.example/x', secret: 0123456789abcdef, format: json, on: [connect, call], timeout: 1s, when_down: allow}", ""},
		"address of one event":    {"hooks:\n  urls: {publish: 'http://a/p', done: 'http://a/d'}\n  format: nginx-rtmp", ""},
		"no HTTP":                 {"hooks: {url: 'ftp://a/'}", "hooks.url: is not an HTTP URL"},
		"password in the address": {"hooks: {url: '//joe:secret@a/'}", "hooks.url: is not an HTTP URL"},
		"no such event":           {"hooks: {url: 'http://a/', on: [record]}", `hooks.on: "record" is not connect, publish`},
		"no such event's address": {"hooks:\n  urls: {record: 'http://a/'}", `hooks.urls: "record" is not`},
		"event without address":   {"hooks: {on: [connect]}", "connect has no address, neither url nor urls.connect"},
		"done is nginx-rtmp's":    {"hooks: {url: 'http://a/', on: [done]}", "done is an event of the format nginx-rtmp"},
		"no such format":          {"hooks: {url: 'http://a/', format: xml}", `"xml" is not json, nginx-rtmp or srs`},
		"short secret":            {"hooks: {url: 'http://a/', secret: short}", "shorter than 16 bytes"},
		"no time":                 {"hooks: {url: 'http://a/', timeout: 0s}", "must be above 0"},
		"too much time":           {"hooks: {url: 'http://a/', timeout: 30s}", "30s is not below limits.handler_timeout, 30s"},
		"no such policy":          {"hooks: {url: 'http://a/', when_down: ask}", `"ask" is not refuse or allow`},
		"limits":                  {"limits: {publishers: 3, bitrate: 6M, bitrate_total: 1.5G, connect_rate_per_user: 0.5}", ""},
		"below 0":                 {"limits: {players_per_ip: -1}", "limits.players_per_ip: must not be below 0"},
		"no bit rate":             {"limits: {bitrate: fast}", `"fast" is not a bit rate, such as 800k`},
		"bit rate below 0":        {"limits: {bitrate: -1M}", "is not a bit rate"},
		"call":                    {"call: {allow_networks: [private], jwt: {secret: short}}", "call.jwt.secret: is shorter"},
		"words":                   {"refusals:\n  publish.keys: {code: NetStream.Publish.BadName, text: Ask Joe.}\n  limits: {text: Full.}\n  busy-name: {code: Acme.Busy}", ""},
		"words for no rule":       {"refusals:\n  publish.key: {text: x}", `"publish.key" is no rule, such as publish.keys`},
		"words for log-ins":       {"refusals:\n  encoder_auth: {text: x}", `"encoder_auth" is no rule`},
		"code of a success":       {"refusals:\n  publish: {code: NetStream.Publish.Start}", "is no code of a refusal"},
		"two lines":               {"refusals:\n  publish: {text: \"a\\nb\"}", "must be one line"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parseApp(t, tc.keys)
			switch {
			case tc.want == "" && err != nil:
				t.Error(err)
			case tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "secret@")):
				t.Errorf("got %v, want … %s", err, tc.want)
			}
		})
	}
}

func TestHookAddresses(t *testing.T) {
	for name, tc := range map[string]struct {
		hooks Hooks
		want  map[string]string
	}{
		"none":          {Hooks{}, map[string]string{}},
		"one for all":   {Hooks{URL: "u"}, map[string]string{"connect": "u", "publish": "u", "play": "u", "unpublish": "u", "stop": "u", "disconnect": "u"}},
		"single ones":   {Hooks{URLs: map[string]string{"publish": "p", "done": "d"}}, map[string]string{"publish": "p", "done": "d"}},
		"one elsewhere": {Hooks{URL: "u", URLs: map[string]string{"publish": "p"}, On: []string{"publish", "play"}}, map[string]string{"publish": "p", "play": "u"}},
	} {
		if got := tc.hooks.Addresses(); !reflect.DeepEqual(got, tc.want) {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestBitrate(t *testing.T) {
	for text, want := range map[string]Bitrate{"0": 0, "800k": 800e3, "6M": 6e6, "1.5M": 1.5e6, "2G": 2e9, "6000000": 6e6} {
		got, err := ParseBitrate(text)
		if err != nil || got != want {
			t.Errorf("%s: %v %v", text, got, err)
		}
	}
	for _, text := range []string{"", "M", "6MB", "NaN", "Inf", "1e300", "-1"} {
		if got, err := ParseBitrate(text); err == nil {
			t.Errorf("%q is %v", text, got)
		}
	}
	for rate, want := range map[Bitrate]string{0: "0", 6e6: "6M", 1500e3: "1500k", 6000001: "6000001"} {
		if got := rate.String(); got != want {
			t.Errorf("%d is written %s", int(rate), got)
		}
	}
}

// The names of rules for which there can be words are those that refusals have.
func TestRefusalRules(t *testing.T) {
	rules := strings.Join(refusalRules(), " ")
	for _, want := range []string{"hooks", "limits.bitrate_per_user", "call.jwt", "publish", "connect.deny_networks"} {
		if !strings.Contains(rules, want) {
			t.Errorf("%s is missing: %s", want, rules)
		}
	}
}

// The examples of docs/hooks.md are configurations.
func TestHookExamples(t *testing.T) {
	doc, err := os.ReadFile("../../docs/hooks.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(doc), "```yaml\n")[1:]
	for _, block := range blocks {
		yaml, _, _ := strings.Cut(block, "```")
		if !strings.HasPrefix(yaml, "apps:") { // a section of an application
			yaml = "apps:\n  live:\n    " + strings.ReplaceAll(strings.TrimSpace(yaml), "\n", "\n    ") + "\n"
		}
		if _, err := Parse("hooks.md", []byte(yaml)); err != nil {
			t.Errorf("%v in\n%s", err, yaml)
		}
	}
	if len(blocks) < 3 {
		t.Errorf("%d examples", len(blocks))
	}
}
