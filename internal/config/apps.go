package config

import (
	"slices"
	"strings"
	"unicode"
)

// App is one application.
type App struct {
	Publish Publish `yaml:"publish"`
	Play    Play    `yaml:"play"`
	// Redirect rejects every client and names the URL to connect to instead; nothing else of the application matters then.
	Redirect string `yaml:"redirect"`
	// Origins are the hosts (example.com, or .example.com for its subdomains too) whose pages may call the application's
	// methods; others get NetConnection.Call.Prohibited. Without any, everyone may. (A client can lie about its page.)
	Origins []string `yaml:"origins"`
}

// Publish is about publishers.
type Publish struct {
	// AllowNetworks are the networks from which streams are taken; others get NetStream.Publish.Denied.
	AllowNetworks Networks `yaml:"allow_networks"`
}

// Play is about players.
type Play struct {
	// AllowNetworks are the networks to which streams are given; others get NetStream.Play.Failed.
	AllowNetworks Networks `yaml:"allow_networks"`
}

// DefaultApp is an application about which nothing is said.
func DefaultApp() App {
	return App{Publish: Publish{MustNetworks("loopback", "private")}, Play: Play{MustNetworks("any")}}
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
	for _, host := range a.Origins {
		if host == "" || host == "." || strings.ContainsAny(host, "/: *") {
			return fieldErrorf(path+".origins", "%q is not a host, such as example.com or .example.com", host)
		}
	}
	return nil
}
