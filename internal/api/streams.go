package api

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"penstock/app"
	"penstock/internal/operator"
	"penstock/media"
	"penstock/status"
)

// Stream is a name that is published, or waited for.
type Stream struct {
	Key           string     `json:"key" doc:"What follows the host in the address: application, instance unless it is the default one, and name."`
	App           string     `json:"app"`
	Live          bool       `json:"live" doc:"Somebody publishes it; if not, players wait for it."`
	Since         *time.Time `json:"since,omitempty" doc:"When its publisher came."`
	Publisher     string     `json:"publisher,omitempty" doc:"Session that publishes it; absent when the server itself does."`
	PublisherPeer string     `json:"publisherPeer,omitempty" doc:"Address and port of that session."`
	VideoCodec    string     `json:"videoCodec,omitempty"`
	AudioCodec    string     `json:"audioCodec,omitempty"`
	Width         int        `json:"width,omitempty" doc:"As the publisher says."`
	Height        int        `json:"height,omitempty" doc:"As the publisher says."`
	FrameRate     float64    `json:"frameRate,omitempty" doc:"As the publisher says."`
	Bitrate       int        `json:"bitrate" doc:"Bits a second over the last three seconds."`
	BytesIn       uint64     `json:"bytesIn" doc:"Bytes of media from its publisher."`
	Players       int        `json:"players" doc:"Players, waiting ones and those over HTTP included."`
}

func newStream(i *media.StreamInfo, publisher *app.Client) Stream {
	name, _, _ := strings.Cut(i.Key, "/")
	s := Stream{
		Key: i.Key, App: name, Live: i.Live, VideoCodec: i.VideoCodec, AudioCodec: i.AudioCodec, Width: i.Width, Height: i.Height,
		FrameRate: i.FrameRate, Bitrate: i.Bitrate, BytesIn: i.BytesIn, Players: i.Players,
	}
	if i.Live {
		since := i.Since.UTC()
		s.Since = &since
	}
	if publisher != nil {
		s.Publisher = publisher.ID
		if publisher.Addr != nil {
			s.PublisherPeer = publisher.Addr.String()
		}
	}
	return s
}

type streamsInput struct {
	App  string `query:"app" maxLength:"128" doc:"Only those of this application."`
	Live bool   `query:"live" doc:"Only those that somebody publishes."`
}

type streamsOutput struct {
	Body struct {
		Streams []Stream `json:"streams" doc:"In the order of their keys."`
	}
}

type releaseInput struct {
	Body struct {
		Stream string `json:"stream" minLength:"1" maxLength:"1024" doc:"key of the stream." example:"live/camera"`
		Told
	}
}

func (h *handler) streams() {
	huma.Register(h.api, h.operation(http.MethodGet, "/streams", operator.Viewer, "What is live", "With whole names, for who may see this may watch."),
		func(_ context.Context, in *streamsInput) (*streamsOutput, error) {
			out := &streamsOutput{}
			out.Body.Streams = []Stream{}
			publishers := h.publishers()
			for _, i := range h.o.Server.Streams().Streams() {
				s := newStream(&i, publishers[i.Key])
				if (in.App == "" || s.App == in.App) && (s.Live || !in.Live) {
					out.Body.Streams = append(out.Body.Streams, s)
				}
			}
			return out, nil
		})
	huma.Register(h.api, h.operation(http.MethodPost, "/streams/release", operator.Operator, "Take a stream's name from its publisher",
		"The name is free at once; the publisher is told, by default NetStream.Publish.Denied, and its connection is closed. Players stay and wait."),
		h.release)
}

func (h *handler) publishers() map[string]*app.Client {
	by := make(map[string]*app.Client)
	for _, c := range h.o.Server.Clients() {
		for _, key := range c.Publishing() {
			by[key] = c
		}
	}
	return by
}

func (h *handler) release(ctx context.Context, in *releaseInput) (*struct{}, error) {
	err := h.o.Server.Release(in.Body.Stream, in.Body.status(status.PublishDenied))
	switch {
	case errors.Is(err, app.ErrNotPublished):
		return nil, huma.Error404NotFound("Nobody publishes that stream; its name is free.")
	case errors.Is(err, app.ErrOwnSource):
		return nil, huma.Error409Conflict("The server itself publishes that stream.")
	case err != nil:
		return nil, err
	}
	h.did(ctx, "release", "app", appOf(in.Body.Stream))
	return nil, nil
}

func appOf(key string) string {
	name, _, _ := strings.Cut(key, "/")
	return name
}

// App is an application.
type App struct {
	Name     string `json:"name"`
	Loaded   bool   `json:"loaded" doc:"false: it was unloaded, and takes no clients until it is loaded."`
	Redirect string `json:"redirect,omitempty" doc:"Where it sends its clients instead."`
	Sessions int    `json:"sessions"`
	Streams  int    `json:"streams" doc:"Streams that somebody publishes."`
	Players  int    `json:"players" doc:"Of all its streams."`
}

type appsOutput struct {
	Body struct {
		Apps []App `json:"apps" doc:"In the order of their names."`
	}
}

type appInput struct {
	App string `path:"app" maxLength:"128" doc:"Name of the application."`
}

func (h *handler) apps() {
	huma.Register(h.api, h.operation(http.MethodGet, "/apps", operator.Viewer, "The applications", "As configured."),
		func(context.Context, *struct{}) (*appsOutput, error) {
			out := &appsOutput{}
			out.Body.Apps = h.listApps()
			return out, nil
		})
	huma.Register(h.api, h.operation(http.MethodPost, "/apps/{app}/unload", operator.Admin, "Stop an application",
		"Its clients are told NetConnection.Connect.AppShutdown and leave; who connects is told the same, until it is loaded or the server starts anew."),
		h.forApp("unload", h.o.Server.Unload))
	huma.Register(h.api, h.operation(http.MethodPost, "/apps/{app}/load", operator.Admin, "Start an application that was unloaded", ""),
		h.forApp("load", h.o.Server.Load))
}

func (h *handler) listApps() []App {
	list := []App{}
	for name, redirect := range h.o.Apps {
		a := App{Name: name, Redirect: redirect, Loaded: !h.o.Server.Unloaded(name)}
		for _, c := range h.o.Server.Clients() {
			if c.App == name {
				a.Sessions++
			}
		}
		for _, i := range h.o.Server.Streams().Streams() {
			if appOf(i.Key) == name {
				a.Players += i.Players
				if i.Live {
					a.Streams++
				}
			}
		}
		list = append(list, a)
	}
	slices.SortFunc(list, func(a, b App) int { return strings.Compare(a.Name, b.Name) })
	return list
}

func (h *handler) forApp(what string, do func(string)) func(context.Context, *appInput) (*struct{}, error) {
	return func(ctx context.Context, in *appInput) (*struct{}, error) {
		if _, ok := h.o.Apps[in.App]; !ok {
			return nil, huma.Error404NotFound("There is no application of that name.")
		}
		do(in.App)
		h.did(ctx, what, "app", in.App)
		return nil, nil
	}
}
