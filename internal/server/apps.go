package server

import (
	"context"
	"strings"
	"time"

	"penstock/amf"
	"penstock/app"
	"penstock/app/rpc"
	"penstock/internal/admission"
	"penstock/internal/config"
	"penstock/media"
	"penstock/remoting"
)

// applications makes the handlers of the configured applications.
func applications(apps map[string]config.App, registry *media.Registry, ad *admission.Admission, so *objects, scripted scripts) *app.Mux {
	mux := app.NewMux()
	for name, a := range apps {
		if a.Redirect != "" {
			mux.HandleFunc(name, func(context.Context, *app.Client, []amf.Value) (app.Session, error) {
				return nil, app.Redirect(a.Redirect)
			})
			continue
		}
		if script := scripted[name]; script != nil {
			mux.Handle(name, scriptedApp(script, ad.App(name), so.share(name, a.SharedObjects)))
			continue
		}
		mux.Handle(name, liveApp(a, registry, ad.App(name), so.share(name, a.SharedObjects)))
	}
	return mux
}

// liveApp takes and gives streams and shares objects where the rules allow it, and has the methods of methodsFor.
func liveApp(a config.App, registry *media.Registry, rules *admission.Rules, share shareFunc) app.Handler {
	methods := methodsFor(a, registry)
	return app.HandlerFunc(func(ctx context.Context, c *app.Client, args []amf.Value) (app.Session, error) {
		r, err := rules.Connect(ctx, c, args)
		if err != nil {
			return nil, err
		}
		o := app.LiveOptions{Publish: r.Publish, Play: r.Play, Call: r.Call, Close: r.Close, Share: share, Methods: methods,
			MergeWindow: time.Duration(a.MergeWindow)}
		return app.Live(o).Connect(ctx, c, args)
	})
}

// described are the methods of methodsFor, for who asks the gateway.
func described() []remoting.Function {
	return []remoting.Function{
		{Name: "ping", Returns: "String", Description: "Returns pong."},
		{Name: "echo", Returns: "Object", Description: "Returns its argument, or an array of several.",
			Arguments: []remoting.Argument{{Name: "value", Type: "Object"}}},
		{Name: "streams", Returns: "Array", Description: "Returns the names of the streams that are live."},
	}
}

// methodsFor are the methods that every live application has, so that remote calls can be tried.
func methodsFor(a config.App, registry *media.Registry) *rpc.Methods {
	var options []rpc.Option
	if len(a.Origins) > 0 {
		options = append(options, rpc.Only(func(c *app.Client) error { return app.Origins(c, a.Origins...)() }))
	}
	m := rpc.New()
	m.Register("ping", func(...any) string { return "pong" }, options...)
	m.Register("echo", echo, options...)
	m.Register("streams", func(c *app.Client) *amf.Array { return liveNames(c, registry) }, options...)
	m.Register("DescribeService", func(ctx context.Context, c *app.Client, args ...amf.Value) (amf.Value, error) {
		return remoting.Described(remoting.Service{Version: "1", Address: c.App, Functions: described()})(ctx, args)
	}, options...)
	return m
}

// echo returns its argument, null without one, or an array of several.
func echo(args ...any) any {
	switch len(args) {
	case 0:
		return nil
	case 1:
		return args[0]
	}
	return amf.NewArray(args...)
}

// liveNames are the names of the streams that are live in the client's application instance.
func liveNames(c *app.Client, registry *media.Registry) *amf.Array {
	prefix := app.StreamKey(c.App, c.Instance, "")
	names := amf.NewArray()
	for _, s := range registry.Streams() {
		if name, ok := strings.CutPrefix(s.Key, prefix); ok && s.Live {
			names.Dense = append(names.Dense, name)
		}
	}
	return names
}
