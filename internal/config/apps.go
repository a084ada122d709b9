package config

import (
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode"

	"penstock/media"
)

// App is one application. Who may do what is said for each action: the networks and origins must let a client pass, and where
// there is anything by which a client can prove itself (keys, users, jwt, signed_urls) it must prove itself by one of them.
// Credentials are looked for in the query of the stream's name, of the application and of the server's URL.
type App struct {
	// Publish is who may publish; others get NetStream.Publish.Denied.
	Publish Access `yaml:"publish"`
	// Play is who may play, over HTTP too; others get NetStream.Play.Failed.
	Play Access `yaml:"play"`
	// Connect is who may connect; others get NetConnection.Connect.Rejected. It holds for players over HTTP too.
	Connect     Access      `yaml:"connect"`
	EncoderAuth EncoderAuth `yaml:"encoder_auth"`
	// Call is who may call the application's methods; others get NetConnection.Call.Prohibited. Credentials are those of the
	// connection; they are looked at again every minute.
	Call   Access    `yaml:"call"`
	Limits AppLimits `yaml:"limits"`
	Hooks  Hooks     `yaml:"hooks"`
	// Refusals are what clients are told in place of the usual words, by the rule that refuses them as it is called here
	// (`publish.keys`, `publish`, `limits.publishers`, `limits`, `hooks`) or by the cause (`busy-name`, `bad-name`, `not-found`, `policy`,
	// `limit`, `hook`, `hook-timeout`, `hook-down`, `timeout`, `failed`, `shutdown`). A rule goes before a cause.
	Refusals map[string]Words `yaml:"refusals"`
	// Redirect rejects every client and names the URL to connect to instead; nothing else of the application matters then.
	Redirect string `yaml:"redirect"`
	// Origins are the hosts (example.com, or .example.com for its subdomains too) whose pages may call the application's
	// methods; others get NetConnection.Call.Prohibited. Without any, everyone may. (A client can lie about its page.)
	Origins []string `yaml:"origins"`
	// MergeWindow is for how long frames are held so that RTMP players get several at once, at most 350ms. It saves CPU time
	// and costs as much latency. Without it video waits for nothing, and audio for the next video frame.
	MergeWindow   Duration      `yaml:"merge_window"`
	SharedObjects SharedObjects `yaml:"shared_objects"`
}

// SharedObjects is which remote shared objects (SharedObject.getRemote in Flash) clients may use. Objects are named by the beginnings
// of their names, segment by segment: room is room and room/x, not roomy; / is all. An instance of the application has its own.
type SharedObjects struct {
	// Read are the objects that clients may use; others get SharedObject.NoReadAccess. Without any there are none.
	Read []string `yaml:"read"`
	// Write are those that they may change too; others get SharedObject.NoWriteAccess and the present value.
	Write []string `yaml:"write"`
	// Create are those that they may make by using them; others get SharedObject.ObjectCreationFailed.
	Create []string `yaml:"create"`
	// Persistent are those that clients may make persistent: they are kept in the file sharedobjects.db in the folder of data.
	Persistent []string `yaml:"persistent"`
}

// Used reports whether the application has shared objects.
func (s *SharedObjects) Used() bool { return len(s.Read) > 0 }

// Validate checks the section at path.
func (s *SharedObjects) Validate(path string) error {
	for _, list := range []struct {
		key   string
		paths []string
	}{{"read", s.Read}, {"write", s.Write}, {"create", s.Create}, {"persistent", s.Persistent}} {
		for _, p := range list.paths {
			if p != "/" && (strings.Trim(p, "/") == "" || strings.ContainsAny(p, `\*;`) || strings.ContainsFunc(p, unicode.IsControl)) {
				return fieldErrorf(path+"."+list.key, "%q is not the beginning of a name, such as room or room/chat, or / for all", p)
			}
		}
	}
	return nil
}

// setDefaults is called for each application that is named.
func (a *App) setDefaults() { *a = DefaultApp() }

func validateApps(apps map[string]App) error {
	for _, name := range sortedKeys(apps) {
		app := apps[name]
		if err := app.Validate(name); err != nil {
			return err
		}
	}
	return nil
}

func sortedKeys[T any](m map[string]T) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Validate checks the application of that name.
func (a *App) Validate(name string) error {
	path := "apps." + name
	bad := func(r rune) bool {
		return unicode.IsControl(r) || unicode.IsSpace(r) || strings.ContainsRune(`\/?*`, r)
	}
	if name == "" || name == "." || name == ".." || len(name) > 128 || strings.ContainsFunc(name, bad) {
		return fieldErrorf(path, "%q cannot name an application: up to 128 bytes, no space, / \\ ? or *", name)
	}
	if a.Redirect != "" {
		if err := checkRTMPURL(path+".redirect", a.Redirect); err != nil {
			return err
		}
	}
	if err := checkOrigins(path+".origins", a.Origins); err != nil {
		return err
	}
	if d := time.Duration(a.MergeWindow); d < 0 || d > media.MaxMergeWindow {
		return fieldErrorf(path+".merge_window", "must be between 0s and %v", media.MaxMergeWindow)
	}
	if err := a.SharedObjects.Validate(path + ".shared_objects"); err != nil {
		return err
	}
	for _, access := range []struct {
		key string
		*Access
	}{{"publish", &a.Publish}, {"play", &a.Play}, {"connect", &a.Connect}, {"call", &a.Call}} {
		if err := access.Validate(path + "." + access.key); err != nil {
			return err
		}
	}
	if err := a.EncoderAuth.Validate(path + ".encoder_auth"); err != nil {
		return err
	}
	if err := a.Limits.Validate(path + ".limits"); err != nil {
		return err
	}
	if err := a.Hooks.Validate(path + ".hooks"); err != nil {
		return err
	}
	return validateRefusals(path+".refusals", a.Refusals)
}

func checkOrigins(path string, hosts []string) error {
	for _, host := range hosts {
		if host == "" || host == "." || strings.ContainsAny(host, "/: *") {
			return fieldErrorf(path, "%q is not a host, such as example.com or .example.com", host)
		}
	}
	return nil
}

// AppLimits bounds what the clients of one application can do together, from one address (one IPv4 address or IPv6 /64), and as
// one user: who the credential names, whether a user, a key's label or a token's subject. Who goes over one is told so, in the
// words `[ Resource.Limit.Exceeded ] : …`. 0 is no limit. exempt_networks are not counted by address.
type AppLimits struct {
	Connections        int `yaml:"connections"`          // connections at once
	ConnectionsPerIP   int `yaml:"connections_per_ip"`   // connections at once from one address
	ConnectionsPerUser int `yaml:"connections_per_user"` // connections at once of one user
	Publishers         int `yaml:"publishers"`           // streams published at once
	PublishersPerIP    int `yaml:"publishers_per_ip"`    // streams published at once from one address
	PublishersPerUser  int `yaml:"publishers_per_user"`  // streams published at once by one user
	Players            int `yaml:"players"`              // streams played at once, over HTTP too
	PlayersPerIP       int `yaml:"players_per_ip"`       // streams played at once from one address
	PlayersPerUser     int `yaml:"players_per_user"`     // streams played at once by one user

	ConnectRate        float64 `yaml:"connect_rate"`          // connects a second; twice as many at once
	ConnectRatePerIP   float64 `yaml:"connect_rate_per_ip"`   // connects a second from one address
	ConnectRatePerUser float64 `yaml:"connect_rate_per_user"` // connects a second of one user

	// Bitrate is what one stream may have, measured over five seconds; the publisher of more is told and ended.
	Bitrate        Bitrate `yaml:"bitrate"`
	BitrateTotal   Bitrate `yaml:"bitrate_total"`    // what all streams may have together; the newest is ended
	BitratePerIP   Bitrate `yaml:"bitrate_per_ip"`   // what the streams from one address may have together
	BitratePerUser Bitrate `yaml:"bitrate_per_user"` // what the streams of one user may have together
}

func appLimitKeys() []string { return keys(reflect.TypeFor[AppLimits]()) }

// Validate checks the section at path.
func (l *AppLimits) Validate(path string) error {
	v := reflect.ValueOf(l).Elem()
	for i, key := range appLimitKeys() {
		f := v.Field(i)
		if f.CanInt() && f.Int() < 0 || f.CanFloat() && !(f.Float() >= 0) {
			return fieldErrorf(path+"."+key, "must not be below 0")
		}
	}
	return nil
}
