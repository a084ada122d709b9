// Package page is the web page at the server's HTTP address: what is live, a player, how to
// publish and play, who is connected and who was refused and why.
package page

import (
	"net/http"

	"penstock/app"
)

// Options configure the page. Server is required.
type Options struct {
	Server *app.Server
	// Recent remembers refusals and ended sessions. The server's OnRefusal and OnSession must
	// be given to it by whoever wires them. nil shows none.
	Recent *Recent
	// Version is shown at the foot of the page.
	Version string
	// RTMPPort tells the port of the RTMP listener, for the addresses that the page shows;
	// the host in them is the one the browser used. nil, or an answer of "", means 1935.
	RTMPPort func(r *http.Request) string
	// App is the application that the examples name, "live" when empty.
	App string
	// Demo tells that App/demo is the server's own test picture.
	Demo bool
	// Public shows the state to visitors from everywhere, with the names of streams redacted.
	// Without it only loopback and private networks see it.
	Public bool
	// Hosts are further host names under which visitors of loopback and private networks may
	// open the page, see the rule in access.go.
	Hosts []string
}

// New makes the page's handler, for the path "/".
func New(o Options) http.Handler { return http.NewServeMux() }
