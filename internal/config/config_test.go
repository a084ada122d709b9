package config

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"penstock/amf"
	"penstock/app"
	"penstock/media"
	"penstock/rtmp/chunk"
)

// One row is a file and what becomes of it: a configuration that differs from the default by change, or one line of error.
func files() []struct {
	name, file string
	change     func(c *Config)
	err        string
} {
	return []struct {
		name, file string
		change     func(c *Config)
		err        string
	}{
		{name: "empty", file: ""},
		{name: "comments only", file: "# nothing\n"},
		{name: "null leaves the default", file: "rtmp:\nlimits: ~\n"},
		{name: "one value keeps its neighbours", file: "log:\n  level: debug\n", change: func(c *Config) { c.Log.Level = "debug" }},
		{name: "flow style", file: "{log: {format: json}, on_bw_done: false}", change: func(c *Config) { c.Log.Format, c.OnBWDone = "json", false }},
		{name: "sizes", file: "limits: {message_bytes: 8MiB, command_bytes: 70000, gop_bytes: 0, property_bytes: 2 KB}", change: func(c *Config) {
			c.Limits.MessageBytes, c.Limits.CommandBytes, c.Limits.GOPBytes, c.Limits.PropertyBytes = 8<<20, 70000, 0, 2000
		}},
		{name: "durations", file: "shutdown: {grace: 1m30s}\nlimits:\n  write_timeout: 500ms\n", change: func(c *Config) {
			c.Shutdown.Grace, c.Limits.WriteTimeout = Duration(90*time.Second), Duration(500*time.Millisecond)
		}},
		{name: "numbers", file: "limits: {connections: 5, media_rate: 0.5}\nidentity: {capabilities: 31}", change: func(c *Config) {
			c.Limits.Connections, c.Limits.MediaRate, c.Identity.Capabilities = 5, 0.5, 31
		}},
		{name: "rules", file: "apps:\n  cam:\n    publish:\n      keys: {one: {key: 123, publish_as: a}}\n      users: {joe: $argon2id$x}\n      jwt: {jwks_url: https://x}\n" +
			"    encoder_auth: {mode: llnw, users: {ann: 007}, agents: [FMLE/]}\n", change: func(c *Config) {
			cam := DefaultApp()
			cam.Publish.Keys = map[string]StreamKey{"one": {Key: "123", PublishAs: "a"}}
			cam.Publish.Users = map[string]string{"joe": "$argon2id$x"}
			cam.Publish.JWT.JWKSURL = "https://x"
			cam.EncoderAuth = EncoderAuth{Mode: "llnw", Users: map[string]string{"ann": "007"}, Agents: []string{"FMLE/"}}
			c.Apps = map[string]App{"cam": cam}
		}},
		{name: "an application has defaults", file: "apps:\n  chat:\n  cam:\n    play: {allow_networks: loopback}\n", change: func(c *Config) {
			cam := DefaultApp()
			cam.Play.AllowNetworks = MustNetworks("loopback")
			c.Apps = map[string]App{"chat": DefaultApp(), "cam": cam}
		}},
		{name: "tls", file: "rtmp:\n  tls:\n    cert: c.pem\n    key: k.pem\n", change: func(c *Config) { c.RTMP.TLS = TLS{"c.pem", "k.pem"} }},
		{name: "http off", file: "http: {listen: \"off\", hosts: [a.example, b.example]}", change: func(c *Config) {
			c.HTTP.Listen, c.HTTP.Hosts = "off", []string{"a.example", "b.example"}
		}},
		{name: "off is a text, not a boolean", file: "http: {listen: off}", change: func(c *Config) { c.HTTP.Listen = "off" }},

		{name: "unknown key", file: "rtmp:\n  listen: :1935\n  tsl: {}\n",
			err: `f.yml:3: rtmp.tsl: no such key, did you mean rtmp.tls?`},
		{name: "misspelt limit", file: "limits:\n  conections: 5\n",
			err: `f.yml:2: limits.conections: no such key, did you mean limits.connections?`},
		{name: "key of another section", file: "write_timeout: 5s\n",
			err: `f.yml:1: write_timeout: no such key, did you mean limits.write_timeout?`},
		{name: "nothing near", file: "shutdown:\n  zzzzzzzzzzzzzzzzzz: 1\n",
			err: `f.yml:2: shutdown.zzzzzzzzzzzzzzzzzz: no such key, want one of grace, reconnect_url, reconnect_grace`},
		{name: "unknown key in an application", file: "apps:\n  live:\n    publish:\n      allow: any\n",
			err: `f.yml:4: apps.live.publish.allow: no such key, want one of allow_networks, deny_networks, origins, keys, users, jwt, signed_urls`},
		{name: "no hash", file: "apps:\n  live:\n    play:\n      users:\n        joe: pw\n",
			err: `f.yml:5: apps.live.play.users.joe: is not the hash of a password: make one with penstock hash-password`},
		{name: "two keys", file: "apps:\n  live:\n    publish:\n      keys:\n        a: {key: x, key_sha256: y}\n",
			err: `f.yml:5: apps.live.publish.keys.a: wants either key or key_sha256`},
		{name: "key hash", file: "apps:\n  live:\n    publish:\n      keys:\n        a: {key_sha256: y}\n",
			err: `f.yml:5: apps.live.publish.keys.a.key_sha256: is not 64 hexadecimal digits`},
		{name: "pattern to publish as", file: "apps:\n  live:\n    publish:\n      keys:\n        a: {key: x, publish_as: c*}\n",
			err: `f.yml:5: apps.live.publish.keys.a.publish_as: "c*" is not the name of one stream`},
		{name: "two token keys", file: "apps:\n  live:\n    connect:\n      jwt: {jwks_file: a, key_file: b}\n",
			err: `f.yml:4: apps.live.connect.jwt: wants only one of secret, key_file, jwks_file and jwks_url`},
		{name: "short token secret", file: "apps:\n  live:\n    connect:\n      jwt: {secret: b}\n",
			err: `f.yml:4: apps.live.connect.jwt.secret: is shorter than 32 bytes`},
		{name: "key set", file: "apps:\n  live:\n    connect:\n      jwt: {jwks_url: file:///x}\n",
			err: `f.yml:4: apps.live.connect.jwt.jwks_url: "file:///x" is not an HTTP URL`},
		{name: "key set is never fetched", file: "apps:\n  live:\n    connect:\n      jwt: {jwks_url: https://x, refresh: 0s}\n",
			err: `f.yml:4: apps.live.connect.jwt.refresh: must be above 0`},
		{name: "short secret of addresses", file: "apps:\n  live:\n    play:\n      signed_urls: {secret: x}\n",
			err: `f.yml:4: apps.live.play.signed_urls.secret: is shorter than 16 bytes`},
		{name: "merge window", file: "apps:\n  cam: {merge_window: 200ms}\n", change: func(c *Config) {
			cam := DefaultApp()
			cam.MergeWindow = Duration(200 * time.Millisecond)
			c.Apps = map[string]App{"cam": cam}
		}},
		{name: "merge window too long", file: "apps:\n  cam:\n    merge_window: 1s\n",
			err: `f.yml:3: apps.cam.merge_window: must be between 0s and 350ms`},
		{name: "origin of an action", file: "apps:\n  live:\n    play:\n      origins: [https://x]\n",
			err: `f.yml:4: apps.live.play.origins: "https://x" is not a host, such as example.com or .example.com`},
		{name: "log-in without mode", file: "apps:\n  live:\n    encoder_auth:\n      users: {a: b}\n",
			err: `f.yml:3: apps.live.encoder_auth.mode: is missing, want adobe or llnw`},
		{name: "log-in mode", file: "apps:\n  live:\n    encoder_auth:\n      mode: basic\n",
			err: `f.yml:4: apps.live.encoder_auth.mode: "basic" is not adobe or llnw`},
		{name: "log-in user", file: "apps:\n  live:\n    encoder_auth:\n      mode: llnw\n      users: {a/b: c}\n",
			err: `f.yml:5: apps.live.encoder_auth.users: "a/b" is no name that encoders can send: up to 128 bytes, no space, /, &, ?, = or #`},
		{name: "log-in password", file: "apps:\n  live:\n    encoder_auth:\n      mode: llnw\n      users: {a: \"\"}\n",
			err: `f.yml:5: apps.live.encoder_auth.users.a: has no password`},
		{name: "key twice", file: "log: {level: info}\nhttp: {}\nlog: {level: warn}\n", err: `f.yml:3: mapping key "log" already defined at [1:1]`},
		{name: "bad indent", file: "rtmp:\n a: 1\n  b: 2\n", err: `f.yml:2: mapping value is not allowed in this context`},
		{name: "list for a section", file: "rtmp: [1]\n", err: `f.yml:1: rtmp: is no list, but a mapping`},
		{name: "scalar for a section", file: "rtmp: 1935\n", err: `f.yml:1: rtmp: has keys of its own: listen, tls`},
		{name: "section for a scalar", file: "data: {dir: x}\n", err: `f.yml:1: data: has no keys, but a text`},
		{name: "section for networks", file: "exempt_networks: {any: 1}\n", err: `f.yml:1: exempt_networks: has no keys, but a list of networks`},
		{name: "list for the whole", file: "- rtmp\n", err: `f.yml: is no list, but a mapping`},
		{name: "alias", file: "log: &l {level: info}\n", err: `f.yml:1: log: anchors, aliases and tags are not understood, write the value itself`},
		{name: "two documents", file: "log: {}\n---\nlog: {}\n", err: `f.yml: has more than one document, want one`},
		{name: "nested list", file: "http: {hosts: [[a]]}\n", err: `f.yml:1: http.hosts: is not a plain list`},
		{name: "no number", file: "limits:\n  connections: many\n", err: `f.yml:2: limits.connections: "many" is not what is wanted: a whole number`},
		{name: "no boolean", file: "on_bw_done: yes\n", err: `f.yml:1: on_bw_done: "yes" is not what is wanted: true or false`},
		{name: "no size", file: "limits: {message_bytes: 4MeB}\n", err: `f.yml:1: limits.message_bytes: "4MeB" is not a size, such as 65536, 64KiB or 4MiB`},
		{name: "no unit of time", file: "limits: {write_timeout: 5}\n",
			err: `f.yml:1: limits.write_timeout: "5" is not a length of time with its unit, such as 500ms, 5s or 2m`},
		{name: "no network", file: "apps:\n  live:\n    publish:\n      allow_networks: [10.0.0.0/8, everyone]\n",
			err: `f.yml:4: apps.live.publish.allow_networks: "everyone" is no network, such as 192.168.0.0/16, and not any, loopback or private`},

		{name: "bad address", file: "rtmp: {listen: 1935}\n", err: `f.yml:1: rtmp.listen: "1935" is not ADDRESS:PORT, such as 127.0.0.1:1935 or :1935`},
		{name: "bad port", file: "http: {listen: \":80800\"}\n", err: `f.yml:1: http.listen: ":80800" has no port from 0 to 65535`},
		{name: "origin", file: "http: {origins: [\"https://a.example\"]}\n", err: `f.yml:1: http.origins: "https://a.example" is not a host, such as example.com or *.example.com`},
		{name: "policy domain", file: "http: {policy_domains: [\"a<b\"]}\n", err: `f.yml:1: http.policy_domains: "a<b" is not a host, such as example.com, *.example.com or *`},
		{name: "half of http.tls", file: "http:\n  tls: {key: a}\n", err: `f.yml:2: http.tls: cert and key belong together, set both or none`},
		{name: "half of tls", file: "rtmp:\n  tls: {cert: a}\n", err: `f.yml:2: rtmp.tls: cert and key belong together, set both or none`},
		{name: "level", file: "log: {level: loud}\n", err: `f.yml:1: log.level: "loud" is not debug, info, warn or error`},
		{name: "format", file: "log: {format: xml}\n", err: `f.yml:1: log.format: "xml" is not text or json`},
		{name: "no identity", file: "identity: {fms_version: \"\"}\n", err: `f.yml:1: identity.fms_version: is empty, clients expect one such as FMS/5,0,15,5004`},
		{name: "console", file: "console:\n  users: {ann: {password: $argon2id$x, role: viewer}}\n  tokens: {ci: {sha256: " + strings.Repeat("a1", 32) + ", role: admin}}\n",
			change: func(c *Config) {
				c.Console.Users = map[string]ConsoleUser{"ann": {"$argon2id$x", "viewer"}}
				c.Console.Tokens = map[string]ConsoleToken{"ci": {strings.Repeat("a1", 32), "admin"}}
			}},
		{name: "no session", file: "console: {session: 0s}\n", err: `f.yml:1: console.session: must be above 0`},
		{name: "plain password", file: "console:\n  users:\n    ann: {password: pw, role: viewer}\n",
			err: `f.yml:3: console.users.ann.password: is not the hash of a password: make one with penstock hash-password`},
		{name: "role", file: "console:\n  users:\n    ann: {password: $argon2id$x, role: root}\n",
			err: `f.yml:3: console.users.ann.role: "root" is not viewer, operator or admin`},
		{name: "user name", file: "console:\n  users:\n    \"a:b\": {password: $argon2id$x, role: viewer}\n",
			err: `f.yml:2: console.users: "a:b" is no user name: up to 128 bytes, no colon`},
		{name: "token", file: "console:\n  tokens:\n    ci: {sha256: secret, role: viewer}\n",
			err: `f.yml:3: console.tokens.ci.sha256: is not 64 hexadecimal digits: printf %s TOKEN | sha256sum`},
		{name: "no role of a token", file: "console:\n  tokens:\n    ci: {sha256: " + strings.Repeat("a1", 32) + "}\n",
			err: `f.yml:3: console.tokens.ci.role: "" is not viewer, operator or admin`},
		{name: "shared objects", file: "apps:\n  so:\n    shared_objects: {read: [/], write: [room/a], persistent: [kept]}\n", change: func(c *Config) {
			so := DefaultApp()
			so.SharedObjects.Read, so.SharedObjects.Write, so.SharedObjects.Persistent = []string{"/"}, []string{"room/a"}, []string{"kept"}
			c.Apps = map[string]App{"so": so}
		}},
		{name: "path of shared objects", file: "apps:\n  so:\n    shared_objects:\n      read: [\"room*\"]\n",
			err: `f.yml:4: apps.so.shared_objects.read: "room*" is not the beginning of a name, such as room or room/chat, or / for all`},
		{name: "empty path of shared objects", file: "apps:\n  so:\n    shared_objects:\n      create: [\"//\"]\n",
			err: `f.yml:4: apps.so.shared_objects.create: "//" is not the beginning of a name, such as room or room/chat, or / for all`},
		{name: "no data folder", file: "data: \"\"\n", err: `f.yml:1: data: is empty, name a folder`},
		{name: "no grace", file: "shutdown: {grace: 0s}\n", err: `f.yml:1: shutdown.grace: must be above 0`},
		{name: "reconnect grace", file: "shutdown: {reconnect_url: \"rtmp://x/y\", reconnect_grace: 10s}\n",
			err: `f.yml:1: shutdown.reconnect_grace: 10s leaves nothing of shutdown.grace, 10s, for the others`},
		{name: "reconnect url", file: "shutdown: {reconnect_url: \"http://x/y\"}\n",
			err: `f.yml:1: shutdown.reconnect_url: "http://x/y" is not an RTMP URL, such as rtmp://other.example/live`},
		{name: "application name", file: "apps: {\"a/b\": {}}\n", err: `f.yml:1: apps.a/b: "a/b" cannot name an application: up to 128 bytes, no space, / \ ? or *`},
		{name: "redirect", file: "apps:\n  old: {redirect: elsewhere}\n", err: `f.yml:2: apps.old.redirect: "elsewhere" is not an RTMP URL, such as rtmp://other.example/live`},
		{name: "origin", file: "apps:\n  a:\n    origins: [\"https://x\"]\n", err: `f.yml:3: apps.a.origins: "https://x" is not a host, such as example.com or .example.com`},
		{name: "limit of 0", file: "limits: {chunk_streams: 0}\n", err: `f.yml:1: limits.chunk_streams: must be above 0`},
		{name: "limit below 0", file: "limits: {connections: -1}\n", err: `f.yml:1: limits.connections: must be above 0`},
		{name: "rate of nan", file: "limits: {media_rate: nan}\n", err: `f.yml:1: limits.media_rate: must be above 0`},
		{name: "message too long", file: "limits: {message_bytes: 16MiB}\n", err: `f.yml:1: limits.message_bytes: must not be above 16777215, the most that RTMP can frame`},
		{name: "too deep", file: "limits: {amf_depth: 129}\n", err: `f.yml:1: limits.amf_depth: must not be above 128`},
		{name: "players", file: "limits: {players_per_stream: -1}\n", err: `f.yml:1: limits.players_per_stream: must not be below 0`},
		{name: "soft above hard", file: "limits:\n  player_queue: {soft_bytes: 64MiB}\n",
			err: `f.yml:2: limits.player_queue.soft_bytes: 64MiB is above hard_bytes, 32MiB`},
		{name: "soft delay above hard", file: "limits:\n  player_queue: {soft_delay: 20s}\n",
			err: `f.yml:2: limits.player_queue.soft_delay: 20s is above hard_delay, 10s`},
	}
}

func TestParse(t *testing.T) {
	for _, tc := range files() {
		t.Run(tc.name, func(t *testing.T) {
			got, err := Parse("f.yml", []byte(tc.file))
			if tc.err != "" {
				if err == nil || err.Error() != tc.err {
					t.Fatalf("error\n%v, want\n%s", err, tc.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			want := Default()
			if tc.change != nil {
				tc.change(want)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got\n%+v, want\n%+v", got, want)
			}
		})
	}
}

// Whatever a file holds, reading it ends with a configuration that is valid or with an error of one line.
func FuzzParse(f *testing.F) {
	for _, tc := range files() {
		f.Add([]byte(tc.file))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		c, err := Parse("f.yml", file)
		if err == nil {
			err = c.Validate()
			if err != nil {
				t.Errorf("accepted, but %v", err)
			}
			return
		}
		if !strings.HasPrefix(err.Error(), "f.yml:") {
			t.Errorf("error %q does not name the file", err)
		}
	})
}

func TestLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "penstock.yml")
	if _, err := Load(path); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("a file that is not there: %v", err)
	}
	if err := os.WriteFile(path, []byte("log: {level: warn}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(path)
	if err != nil || c.Log.Level != "warn" {
		t.Errorf("got %+v, %v", c, err)
	}
}

func TestDefaultIsValid(t *testing.T) {
	if err := Default().Validate(); err != nil {
		t.Error(err)
	}
	apps := Default().Applications()
	live, ok := apps["live"]
	if !ok || len(apps) != 1 || !live.Publish.AllowNetworks.Local() || live.Play.AllowNetworks.String() != "[any]" {
		t.Errorf("applications without a file: %+v", apps)
	}
	named := &Config{Apps: map[string]App{"chat": {}}}
	if _, ok := named.Applications()["live"]; ok {
		t.Error("naming an application does not replace the default")
	}
}

func TestApplyEnv(t *testing.T) {
	env := map[string]string{
		"PENSTOCK_RTMP_LISTEN": ":1936", "PENSTOCK_LIMITS_PLAYER_QUEUE_SOFT_DELAY": "2s", "PENSTOCK_ON_BW_DONE": "false",
		"PENSTOCK_EXEMPT_NETWORKS": "loopback,10.0.0.1", "PENSTOCK_VECTORS": "not ours", "PENSTOCK_LIMITS_MEDIA_RATE": "100",
	}
	lookup := func(name string) (string, bool) { v, ok := env[name]; return v, ok }
	c, want := Default(), Default()
	if err := c.ApplyEnv(lookup); err != nil {
		t.Fatal(err)
	}
	want.RTMP.Listen, want.OnBWDone, want.ExemptNetworks = ":1936", false, MustNetworks("loopback", "10.0.0.1")
	want.Limits.PlayerQueue.SoftDelay, want.Limits.MediaRate = Duration(2*time.Second), 100
	if !reflect.DeepEqual(c, want) {
		t.Errorf("got %+v, want %+v", c, want)
	}
	for name, value := range map[string]string{"PENSTOCK_LIMITS_CONNECTIONS": "many", "PENSTOCK_EXEMPT_NETWORKS": "x"} {
		err := Default().ApplyEnv(func(n string) (string, bool) { return value, n == name })
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s=%s: %v", name, value, err)
		}
	}
	if err := Default().ApplyEnv(func(n string) (string, bool) { return "loud", n == "PENSTOCK_LOG_LEVEL" }); err == nil {
		t.Error("the environment is not validated")
	}
}

func TestNetworks(t *testing.T) {
	for _, tc := range []struct {
		list []string
		addr string
		want bool
	}{
		{[]string{"loopback", "private"}, "127.0.0.1:5000", true},
		{[]string{"loopback", "private"}, "[::1]:5000", true},
		{[]string{"loopback", "private"}, "192.168.3.4:5000", true},
		{[]string{"loopback", "private"}, "172.31.0.1:1", true},
		{[]string{"loopback", "private"}, "172.32.0.1:1", false},
		{[]string{"loopback", "private"}, "[fd00::1]:1", true},
		{[]string{"loopback", "private"}, "[fe80::1%eth0]:1", true},
		{[]string{"loopback", "private"}, "[::ffff:10.1.2.3]:1", true},
		{[]string{"loopback", "private"}, "[::ffff:203.0.113.9]:1", false},
		{[]string{"loopback", "private"}, "203.0.113.9:1", false},
		{[]string{"loopback", "private"}, "[2001:db8::1]:1", false},
		{[]string{"any"}, "203.0.113.9:1", true},
		{[]string{"any"}, "[2001:db8::1]:1", true},
		{[]string{"any"}, "pipe", false},
		{nil, "127.0.0.1:1", false},
		{[]string{"203.0.113.9"}, "203.0.113.9:1", true},
		{[]string{"203.0.113.9"}, "203.0.113.10:1", false},
		{[]string{"203.0.113.77/24"}, "203.0.113.1:1", true},
		{[]string{"::ffff:10.0.0.0/104"}, "10.2.3.4:1", true},
		{[]string{"2001:db8::/32"}, "[2001:db8:1::2]:1", true},
	} {
		n, err := ParseNetworks(tc.list...)
		if err != nil {
			t.Fatal(err)
		}
		if got := n.Contains(addr(tc.addr)); got != tc.want {
			t.Errorf("%v contains %s: %v", n, tc.addr, got)
		}
	}
	if (Networks{}).Contains(nil) || MustNetworks().Prefixes() == nil {
		t.Error("nobody must be nobody, and no list must not mean the default of others")
	}
}

type addr string

func (addr) Network() string  { return "tcp" }
func (a addr) String() string { return string(a) }

var _ net.Addr = addr("")

func TestScalars(t *testing.T) {
	for text, want := range map[string]Size{"0": 0, "17": 17, "17B": 17, "3KiB": 3072, "1 GiB": 1 << 30, "5kB": 5000, "2MB": 2e6} {
		if got, err := ParseSize(text); got != want || err != nil {
			t.Errorf("size %q: %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "-1", "1.5MiB", "MiB", "9999999GiB", "99999999999999999999", "1TiB"} {
		if got, err := ParseSize(text); err == nil {
			t.Errorf("size %q: %d", text, got)
		}
	}
	for want, d := range map[string]time.Duration{"10s": 10 * time.Second, "1m": time.Minute, "2h": 2 * time.Hour, "1m30s": 90 * time.Second, "0s": 0, "10m": 10 * time.Minute} {
		if got := Duration(d).String(); got != want {
			t.Errorf("%v: %s", d, got)
		}
	}
	if _, err := ParseDuration("-5s"); err == nil {
		t.Error("a time before")
	}
}

// Each limit of each package can be set: with every key a value of its own, every field has one of these values, none twice.
func TestEveryLimitHasAKey(t *testing.T) {
	l := DefaultLimits()
	next := int64(1000)
	given := make(map[string]bool)
	number(reflect.ValueOf(&l).Elem(), &next, given)
	seen := make(map[string]string)
	for _, v := range []any{l.App(), l.Media()} {
		leaves(reflect.ValueOf(v), reflect.TypeOf(v).String(), func(path string, v reflect.Value) {
			value := fmt.Sprint(v.Interface())
			if v.CanInt() {
				value = fmt.Sprint(v.Int())
			}
			switch {
			case !given[value]:
				t.Errorf("%s has no key: it is %s", path, value)
			case seen[value] != "":
				t.Errorf("%s and %s have the same key", path, seen[value])
			}
			seen[value] = path
		})
	}
	if len(seen)+len([]string{"http_connections", "http_viewers", "tunnel_sessions", "tunnel_idle_timeout",
		"remoting_bytes", "remoting_headers", "remoting_calls", "remoting_name_bytes", "remoting_requests", "remoting_timeout",
		"remoting_sessions", "remoting_session_idle",
		"script_time", "script_queue", "script_depth", "script_idle", "script_memory"}) != len(given) {
		t.Errorf("%d keys set %d limits", len(given), len(seen))
	}
}

func number(v reflect.Value, next *int64, given map[string]bool) {
	for i := range v.NumField() {
		f := v.Field(i)
		*next++
		switch {
		case f.Kind() == reflect.Struct:
			number(f, next, given)
			continue
		case f.CanInt():
			f.SetInt(*next)
		default:
			f.SetFloat(float64(*next))
		}
		given[fmt.Sprint(*next)] = true
	}
}

func leaves(v reflect.Value, path string, fn func(path string, v reflect.Value)) {
	for i := range v.NumField() {
		f, at := v.Field(i), path+"."+v.Type().Field(i).Name
		switch f.Kind() {
		case reflect.Struct:
			leaves(f, at, fn)
		case reflect.Pointer:
		default:
			fn(at, f)
		}
	}
}

// The names by which limits are logged are those by which they are set.
func TestLimitsHaveTheirNames(t *testing.T) {
	known := make(map[string]bool)
	for _, k := range keys(reflect.TypeFor[Limits]()) {
		known[k] = true
	}
	names := []string{
		chunk.LimitMessage, chunk.LimitCommand, chunk.LimitControl, chunk.LimitSharedObject, chunk.LimitAggregate,
		chunk.LimitAggregateMessages, chunk.LimitChunkStreams, chunk.LimitPartial, chunk.LimitReassembly,
		chunk.LimitSetChunkSizes, chunk.LimitMinChunkSize,
	}
	bracketed := regexp.MustCompile(`// \[([a-z_]+)\]`)
	for _, file := range []string{"../../rtmp/limits.go", "../../app/server.go"} {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		found := bracketed.FindAllStringSubmatch(string(b), -1)
		if len(found) < 5 {
			t.Errorf("%s: only %d names", file, len(found))
		}
		for _, m := range found {
			names = append(names, m[1])
		}
	}
	for _, n := range names {
		if !known[n] {
			t.Errorf("limits.%s: a limit has this name, but no key", n)
		}
	}
}

// Without a file, every package works with its own documented defaults.
func TestDefaultLimitsAreThoseOfThePackages(t *testing.T) {
	l := DefaultLimits()
	want := app.Limits{}.WithDefaults()
	want.RTMP.Chunk, want.RTMP.AMF = chunk.DefaultLimits(), amf.DefaultLimits()
	want.PlayerQueue = media.QueueLimits{SoftBytes: 4 << 20, SoftDelay: 3 * time.Second, HardBytes: 32 << 20, HardDelay: 10 * time.Second}
	if got := l.App(); !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v, want\n%+v", got, want)
	}
}

func TestZeroMeansNoBound(t *testing.T) {
	l := DefaultLimits()
	l.PlayerQueue, l.GOPBytes = PlayerQueue{}, 0
	if err := l.Validate(); err != nil {
		t.Error(err)
	}
	if q := l.Queue(); q.SoftBytes >= 0 || q.SoftDelay >= 0 || q.HardBytes >= 0 || q.HardDelay >= 0 {
		t.Errorf("queue %+v: 0 would be the default there", q)
	}
	if m := l.Media(); m.GOPBytes >= 0 {
		t.Errorf("gop_bytes 0 became %d, the default", m.GOPBytes)
	}
}
