package operator

import (
	"encoding/json"
	"mime"
	"net/http"
)

// maxLogin bounds what is read of a log-in.
const maxLogin = 8 << 10

// credentials are what is entered to log in: user and password, or a token.
type credentials struct {
	User, Password, Token string
}

// who is what the console is told about the one who looks at it.
type who struct {
	Name   string `json:"name"`
	Role   Role   `json:"role"`
	By     Proof  `json:"by,omitempty"`
	Detail string `json:"detail,omitempty"` // why the role is nobody
	// With what one can log in.
	Users  bool `json:"users"`
	Tokens bool `json:"tokens"`
}

// Sessions answers who asks (GET), logs in (POST with a JSON object of user and password, or token) and out (DELETE). It belongs
// at /console/session.
func (a *Authority) Sessions() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /", a.whoAsks)
	mux.HandleFunc("POST /", a.logIn)
	mux.HandleFunc("DELETE /", a.logOut)
	return mux
}

func (a *Authority) whoAsks(w http.ResponseWriter, r *http.Request) {
	id, d := a.Identify(r)
	answer := who{Name: id.Name, Role: id.Role, By: id.By, Users: len(a.users) > 0, Tokens: len(a.tokens) > 0}
	if d != nil {
		answer.Detail = d.Detail
	}
	sendJSON(w, answer)
}

func (a *Authority) logIn(w http.ResponseWriter, r *http.Request) {
	var c credentials
	d := a.forged(r, Identity{})
	if d == nil {
		c, d = readCredentials(w, r)
	}
	var id Identity
	switch {
	case d != nil:
	case !a.Configured():
		d = denied(http.StatusForbidden, "No users and no tokens are configured (%s): there is nothing to log in with.", a.path)
	case c.Token != "":
		id, d = a.byToken(r.Context(), r.RemoteAddr, c.Token)
	default:
		id, d = a.byPassword(r.Context(), r.RemoteAddr, c.User, c.Password)
	}
	if d != nil {
		d.Write(w)
		return
	}
	a.sessions.finish(r)
	http.SetCookie(w, cookie(r, a.sessions.start(id), a.sessions.ttl))
	a.log.Info("console: logged in", "user", id.Name, "role", id.Role.String(), "peer", r.RemoteAddr)
	sendJSON(w, who{Name: id.Name, Role: id.Role, By: BySession, Users: len(a.users) > 0, Tokens: len(a.tokens) > 0})
}

// readCredentials takes JSON only, which another site's page cannot send without being asked about it.
func readCredentials(w http.ResponseWriter, r *http.Request) (c credentials, d *Denied) {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return c, denied(http.StatusUnsupportedMediaType, "A log-in is application/json: {\"user\": …, \"password\": …} or {\"token\": …}.")
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxLogin)).Decode(&c); err != nil {
		return c, denied(http.StatusBadRequest, "The log-in is not a JSON object of up to %d bytes.", maxLogin)
	}
	return c, nil
}

func (a *Authority) logOut(w http.ResponseWriter, r *http.Request) {
	if d := a.forged(r, Identity{By: BySession}); d != nil {
		d.Write(w)
		return
	}
	a.sessions.finish(r)
	http.SetCookie(w, cookie(r, "", 0))
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusNoContent)
}

func sendJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_ = json.NewEncoder(w).Encode(v) // a visitor who left needs no answer
}
