package config

import (
	"slices"
	"strings"
	"unicode"
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
	// Redirect rejects every client and names the URL to connect to instead; nothing else of the application matters then.
	Redirect string `yaml:"redirect"`
	// Origins are the hosts (example.com, or .example.com for its subdomains too) whose pages may call the application's
	// methods; others get NetConnection.Call.Prohibited. Without any, everyone may. (A client can lie about its page.)
	Origins []string `yaml:"origins"`
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
	for _, access := range []struct {
		key string
		*Access
	}{{"publish", &a.Publish}, {"play", &a.Play}, {"connect", &a.Connect}} {
		if err := access.Validate(path + "." + access.key); err != nil {
			return err
		}
	}
	return a.EncoderAuth.Validate(path + ".encoder_auth")
}

func checkOrigins(path string, hosts []string) error {
	for _, host := range hosts {
		if host == "" || host == "." || strings.ContainsAny(host, "/: *") {
			return fieldErrorf(path, "%q is not a host, such as example.com or .example.com", host)
		}
	}
	return nil
}
