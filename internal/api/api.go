// Package api is the HTTP interface for programs: what is live, who is connected, who was refused and why, and what an operator
// can do about it. It is described by OpenAPI 3.1, made of the code, under /api/v1/openapi.json; its errors are problem details
// (RFC 9457).
package api

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"penstock/app"
	"penstock/app/instance"
	"penstock/internal/instancelog"
	"penstock/internal/journal"
	"penstock/internal/operator"
	"penstock/sharedobject"
)

// Prefix begins the path of everything here.
const Prefix = "/api/v1"

// Options configure the interface. Server, Journal and Guard are required.
type Options struct {
	Server  *app.Server
	Journal *journal.Journal
	// Apps are the configured applications by name, with the URL that one redirects its clients to, or "".
	Apps map[string]string
	// Instances are those of all applications. Required.
	Instances *instance.Directory
	// Hubs are the shared objects of the applications that have any, by name.
	Hubs map[string]*sharedobject.Hub
	// InstanceLog remembers what the log said of instances; nil: nothing is remembered.
	InstanceLog *instancelog.Log
	// Guard lets in those who have a role and answers the others; see operator.Authority.Require.
	Guard   func(least operator.Role, next http.Handler) http.Handler
	Version string
	Log     *slog.Logger
}

// maxBody is what a request's body may have, in bytes.
const maxBody = 16 << 10

type handler struct {
	o   Options
	api huma.API
	mux guarded
}

// New makes the handler for everything under Prefix. It is safe for concurrent use.
func New(o Options) (http.Handler, error) {
	h := &handler{o: o, mux: guarded{mux: http.NewServeMux(), guard: o.Guard, roles: make(map[string]operator.Role)}}
	c := huma.DefaultConfig("Penstock", o.Version)
	c.Info.Description = "Sessions, streams, instances, shared objects and refusals of this server, and what an operator can do about them. Reading needs the " +
		"role viewer. Without configured users and tokens only requests from the machine itself are answered."
	// The document is served below; pages that load scripts from elsewhere are not.
	c.OpenAPIPath, c.DocsPath, c.SchemasPath, c.CreateHooks = "", "", "", nil
	c.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"token":    {Type: "http", Scheme: "bearer", Description: "A token of console.tokens."},
		"password": {Type: "http", Scheme: "basic", Description: "A user of console.users."},
		"session":  {Type: "apiKey", In: "cookie", Name: "penstock_session", Description: "A log-in to the console; changes also need the header " + operator.Header + "."},
	}
	c.Security = []map[string][]string{{"token": {}}, {"password": {}}, {"session": {}}}
	h.api = humago.New(&h.mux, c)
	h.refusals()
	h.sessions()
	h.streams()
	h.apps()
	h.instances()
	h.objects()
	h.blocks()
	document, err := json.MarshalIndent(h.api.OpenAPI(), "", "  ")
	if err != nil {
		return nil, fmt.Errorf("api: %w", err)
	}
	h.mux.handle("GET "+Prefix+"/openapi.json", operator.Viewer, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/openapi+json")
		_, _ = w.Write(document)
	})
	h.mux.handle("/", operator.Viewer, func(w http.ResponseWriter, r *http.Request) {
		problem := huma.NewError(http.StatusNotFound, "There is nothing at "+r.Method+" "+r.URL.Path+"; see "+Prefix+"/openapi.json.")
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusNotFound)
		_ = json.NewEncoder(w).Encode(problem)
	})
	return hardened(h.mux.mux), nil
}

// hardened keeps answers out of caches and out of other sites' pages.
func hardened(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		next.ServeHTTP(w, r)
	})
}

// guarded is a mux behind which every operation has the role it was registered with; one without is for administrators.
type guarded struct {
	mux   *http.ServeMux
	guard func(operator.Role, http.Handler) http.Handler
	roles map[string]operator.Role // by pattern, set before the operation is registered
}

// HandleFunc implements humago.Mux.
func (g *guarded) HandleFunc(pattern string, f func(http.ResponseWriter, *http.Request)) {
	role, ok := g.roles[pattern]
	if !ok {
		role = operator.Admin
	}
	g.mux.Handle(pattern, g.guard(role, http.HandlerFunc(f)))
}

// ServeHTTP implements humago.Mux.
func (g *guarded) ServeHTTP(w http.ResponseWriter, r *http.Request) { g.mux.ServeHTTP(w, r) }

func (g *guarded) handle(pattern string, role operator.Role, f func(http.ResponseWriter, *http.Request)) {
	g.roles[pattern] = role
	g.HandleFunc(pattern, f)
}

// operation describes an operation and sets the role that it needs.
func (h *handler) operation(method, path string, role operator.Role, summary, description string) huma.Operation {
	h.mux.roles[method+" "+Prefix+path] = role
	if description != "" {
		description += " "
	}
	op := huma.Operation{
		Method: method, Path: Prefix + path, Summary: summary, Description: description + "Needs the role " + role.String() + ".",
		OperationID: huma.GenerateOperationID(method, path, struct{}{}), MaxBodyBytes: maxBody, RejectUnknownQueryParameters: true,
		Errors: []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusUnprocessableEntity},
	}
	if method != http.MethodGet {
		op.DefaultStatus = http.StatusNoContent
		op.Errors = append(op.Errors, http.StatusNotFound)
	}
	return op
}

// did writes to the log what somebody did.
func (h *handler) did(ctx context.Context, what string, args ...any) {
	id := operator.From(ctx)
	h.o.Log.Info("operator: "+what, append(args, "by", id.Name, "role", id.Role.String(), "proof", string(id.By))...)
}
