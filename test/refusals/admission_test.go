package refusals

import (
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"penstock/app"
	"penstock/internal/auth"
	"penstock/rtmp"
	"penstock/test/process"
)

const (
	tokenSecret = "0123456789abcdef0123456789abcdef"
	urlSecret   = "a secret of the operator"
)

// longAgo and farOff do not change from run to run.
var (
	longAgo = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	farOff  = time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)
)

func bearer(application string, expires time.Time) string {
	s, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"app": application, "stream": "*", "actions": "*", "exp": expires.Unix()}).SignedString([]byte(tokenSecret))
	if err != nil {
		panic(err)
	}
	return "token=" + s
}

// hashed is joe's password as the binary under test prints it.
var hashed = sync.OnceValue(func() string {
	if os.Getenv("PENSTOCK_E2E") == "" {
		return ""
	}
	bin, err := buildBinary()
	if err != nil {
		return "" // the server's start says why
	}
	cmd := exec.Command(bin, "hash-password")
	cmd.Stdin = strings.NewReader("secret\n")
	out, err := cmd.Output()
	if err != nil {
		panic(err)
	}
	return strings.TrimSpace(string(out))
})

// wrongAttempts tries a wrong credential five times from the client's address.
func wrongAttempts(query string) func(t *testing.T, at *place) {
	return func(t *testing.T, at *place) {
		for range 5 {
			c, err := rtmp.Dial(t.Context(), at.url(), nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := c.Publish(t.Context(), "cam?"+query); err == nil {
				t.Error("a wrong password was taken")
			}
			_ = c.Close()
		}
		until(t, 10*time.Second, "five refusals are in the log", func() bool { return len(at.server.log.of(at.relay.ip)) == 5 })
	}
}

// rules are the scenarios of networks, origins and credentials.
func rules() []*scenario {
	keys := `keys: {camera: {key: 3f1c0a5be2d94c7786a1f0e4b9d25c68}}`
	users := `users: {joe: "` + hashed() + `"}`
	tokens := `jwt: {secret: ` + tokenSecret + `}`
	signed := `signed_urls: {secret: ` + urlSecret + `}`
	return []*scenario{
		{title: "From a network that is denied", what: "The client's address is in `deny_networks` of the action.",
			cause: app.CausePolicy, xStatus: 403, rule: ".deny_networks", access: "deny_networks: [loopback]", stages: onAll, obs: true},
		{title: "From a network that is not allowed", what: "The client's address is not in `allow_networks` of the action.",
			cause: app.CausePolicy, xStatus: 403, rule: ".allow_networks", access: "allow_networks: [192.0.2.0/24]", stages: onAll},
		{title: "From a page of another site", what: "The client says that it is on no page of the `origins` (here it names none, or another).",
			cause: app.CausePolicy, xStatus: 403, rule: ".origins", access: "origins: [.example.com]", stages: onAll,
			ask: func(g *target) { g.page = "https://evil.test/player" }},

		{title: "Without a stream key", what: "There are stream keys, and the client brings none.",
			cause: app.CauseHandler, xStatus: 401, rule: ".keys", access: keys, stages: onBoth, obs: true},
		{title: "With a wrong stream key", what: "The client's key is none of those that open the stream.",
			cause: app.CauseHandler, xStatus: 401, rule: ".keys", access: keys, stages: onAll, query: "key=wrong"},
		{title: "Without a user", what: "There are users, and the client names none.",
			cause: app.CauseHandler, xStatus: 401, rule: ".users", access: users, stages: onAll},
		{title: "With a wrong password", what: "The user exists; the password is another.",
			cause: app.CauseHandler, xStatus: 401, rule: ".users", access: users, stages: onAll, query: "user=joe&pass=wrong"},
		{title: "As an unknown user", what: "There is no such user; the client cannot tell that from a wrong password.",
			cause: app.CauseHandler, xStatus: 401, rule: ".users", access: users, stages: onBoth, query: "user=ann&pass=secret"},
		{title: "After five wrong passwords within a minute", what: "The sixth attempt brings the right password, from the same address.",
			cause: app.CausePolicy, xStatus: 403, rule: ".users", access: users, stages: onPublish, query: "user=joe&pass=secret",
			before: wrongAttempts("user=joe&pass=wrong")},
		{title: "Without a token", what: "There are tokens (JWT), and the client brings none.",
			cause: app.CauseHandler, xStatus: 401, rule: ".jwt", access: tokens, stages: onBoth},
		{title: "With an expired token", what: "The token's `exp` is over.",
			cause: app.CauseHandler, xStatus: 401, rule: ".jwt", access: tokens, stages: onAll, query: bearer("*", longAgo)},
		{title: "With a token for another application", what: "The token's `app` is another's.",
			cause: app.CausePolicy, xStatus: 403, rule: ".jwt", access: tokens, stages: onBoth, query: bearer("other", farOff)},
		{title: "With a token of another's key", what: "The token's signature does not fit the secret.",
			cause: app.CauseHandler, xStatus: 401, rule: ".jwt", access: tokens, stages: onBoth, query: bearer("*", farOff) + "AA"},
		{title: "Without a signature", what: "There are signed URLs, and the client's address has no signature.",
			cause: app.CauseHandler, xStatus: 401, rule: ".signed_urls", access: signed, stages: onBoth},
		{title: "With the signature of another address", what: "The signature is good for another stream.",
			cause: app.CauseHandler, xStatus: 401, rule: ".signed_urls", access: signed, stages: onAll,
			query: auth.Sign(urlSecret, auth.Play, "other/cam", farOff)},
		{title: "With several rules and no credential", what: "Any of a stream key, a user, a token and a signed URL opens the action; the client brings none.",
			cause: app.CauseHandler, xStatus: 401, rule: "", access: strings.Join([]string{keys, users, tokens, signed}, "\n"), stages: onBoth},
	}
}

// encoders are the scenarios of the log-in that came with Flash Media Server. Its first two steps are a rejected connect each, but
// no refusal; a client that does not take the second is refused five seconds later, which tells the operator why it is not there.
func encoders() []*scenario {
	as := func(user, password string) func(g *target) {
		return func(g *target) { g.user, g.password = user, password }
	}
	one := func(title, what, mode string, s scenario) *scenario {
		s.title, s.what = title, what
		s.application = "encoder_auth: {mode: " + mode + ", users: {alice: secret}}"
		s.cause, s.xStatus, s.rule, s.stages = app.CauseHandler, 401, "apps.live.encoder_auth", onConnect
		if s.ask != nil {
			s.cannot = map[*client]string{rtmpdump: "logs in as a publisher only, and cannot publish"}
		}
		return &s
	}
	asks := map[*client]string{gstreamer: "no username for adobe authentication"}
	fails := map[*client]string{gstreamer: "authentication failed; wrong credentials?", obs: "The user name or the password is wrong."}
	unknown := map[*client]string{gstreamer: "unhandled authmod"} // 1.22 knows adobe only
	return []*scenario{
		one("Without the log-in of encoders (adobe)", "The client does not begin to log in within five seconds of being asked to.",
			"adobe", scenario{shows: asks}),
		one("With a wrong password in the log-in of encoders (adobe)", "The client connects three times: to be asked to log in, to be given the challenge, and to answer it. The last is refused. With the right password FFmpeg, GStreamer and OBS Studio are let in.",
			"adobe", scenario{ask: as("alice", "wrong"), shows: fails, obs: true, logsIn: true}),
		one("As an unknown user in the log-in of encoders (adobe)", "The same: whether there is such a user cannot be told from outside.",
			"adobe", scenario{ask: as("mallory", "secret"), shows: fails}),
		one("Without the log-in of encoders (llnw)", "The same with the method of Limelight, which GStreamer 1.22 does not know.", "llnw", scenario{shows: unknown}),
		one("With a wrong password in the log-in of encoders (llnw)", "Three connections, as above. With the right password FFmpeg and OBS Studio are let in.",
			"llnw", scenario{ask: as("alice", "wrong"), shows: unknown}),
		one("As an unknown user in the log-in of encoders (llnw)", "Three connections, as above.",
			"llnw", scenario{ask: as("mallory", "secret"), shows: unknown}),
	}
}

// Encoders that log in with the right password publish.
func TestEncodersLogIn(t *testing.T) {
	process.Needs(t, "ffmpeg", "gst-launch-1.0", "obs", "Xvfb")
	display := screen(t)
	t.Run("all", func(t *testing.T) {
		s := serve(t, "apps:\n  adobe: {encoder_auth: {mode: adobe, users: {alice: secret}}}\n  llnw: {encoder_auth: {mode: llnw, users: {alice: secret}}}\n")
		for _, tt := range []struct {
			mode    string
			encoder *client
		}{{"adobe", ffmpeg}, {"adobe", gstreamer}, {"adobe", obs}, {"llnw", ffmpeg}, {"llnw", obs}} {
			t.Run(tt.encoder.name+" "+tt.mode, func(t *testing.T) {
				t.Parallel()
				r := relayTo(t, s.rtmp)
				g := &target{addr: r.Addr, app: tt.mode, stream: strings.ReplaceAll(tt.encoder.name, " ", ""), user: "alice", password: "secret", length: "60"}
				if tt.encoder == obs {
					goLive(t, display, g)
				} else {
					start(t, nil, nil, tt.encoder.program, tt.encoder.can[publishing](g)...)
				}
				until(t, 60*time.Second, "the stream is live", func() bool { return s.live(t, tt.mode+"/"+g.stream) })
				if n := r.Connections(); n != 3 || len(s.log.of(r.ip)) != 0 {
					t.Errorf("%d connections; refused: %v", n, s.log.of(r.ip))
				}
			})
		}
	})
}
