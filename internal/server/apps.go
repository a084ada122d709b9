package server

import (
	"context"
	"strings"
	"time"

	"penstock/amf"
	"penstock/app"
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
	return app.HandlerFunc(func(ctx context.Context, c *app.Client, args []amf.Value) (app.Session, error) {
		r, err := rules.Connect(ctx, c, args)
		if err != nil {
			return nil, err
		}
		o := app.LiveOptions{Publish: r.Publish, Play: r.Play, Call: r.Call, Close: r.Close, Share: share, Methods: methodsFor(c, a, registry),
			MergeWindow: time.Duration(a.MergeWindow)}
		return app.Live(o).Connect(ctx, c, args)
	})
}

// methodsFor are the methods that every live application has, so that remote calls can be tried.
func methodsFor(c *app.Client, a config.App, registry *media.Registry) app.Methods {
	m := app.Methods{
		"ping":    func(context.Context, []amf.Value) (amf.Value, error) { return "pong", nil },
		"echo":    echo,
		"streams": func(context.Context, []amf.Value) (amf.Value, error) { return liveNames(c, registry), nil },
		"DescribeService": remoting.Described(remoting.Service{Version: "1", Address: c.App, Functions: []remoting.Function{
			{Name: "ping", Returns: "String", Description: "Returns pong."},
			{Name: "echo", Returns: "Object", Description: "Returns its argument, or an array of several.",
				Arguments: []remoting.Argument{{Name: "value", Type: "Object"}}},
			{Name: "streams", Returns: "Array", Description: "Returns the names of the streams that are live."},
		}}),
	}
	if len(a.Origins) > 0 {
		for name, f := range m {
			m[name] = app.Only(app.Origins(c, a.Origins...), f)
		}
	}
	return m
}

// echo returns its argument, null without one, or an array of several.
func echo(_ context.Context, args []amf.Value) (amf.Value, error) {
	switch len(args) {
	case 0:
		return nil, nil
	case 1:
		return args[0], nil
	}
	return amf.NewArray(args...), nil
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
