package api

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"path"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"penstock/app"
	"penstock/internal/operator"
	"penstock/sharedobject"
)

// Object is a shared object.
type Object struct {
	Name       string `json:"name"`
	Persistent bool   `json:"persistent" doc:"It outlives its use, and the server."`
	InMemory   bool   `json:"inMemory" doc:"false: it is only stored; what follows is then known for a single object alone."`
	Version    uint32 `json:"version,omitempty"`
	Slots      int    `json:"slots"`
	Bytes      int    `json:"bytes" doc:"Of the names of all slots, and of their values in AMF0."`
	Members    int    `json:"members" doc:"Who uses it: sessions, and programs and scripts of the server."`
}

func newObject(i *sharedobject.Info, inMemory bool) Object {
	return Object{Name: i.Name, Persistent: i.Persistent, InMemory: inMemory, Version: i.Version, Slots: i.Slots, Bytes: i.Bytes, Members: i.Members}
}

// Within is the instance that is asked for.
type Within struct {
	App      string `query:"app" required:"true" maxLength:"128" doc:"Application."`
	Instance string `query:"instance" default:"_definst_" maxLength:"128" doc:"Its instance."`
}

type listObjectsInput struct {
	Within
	After string `query:"after" maxLength:"1024" doc:"next of the page before."`
	Limit int    `query:"limit" minimum:"1" maximum:"500" default:"100" doc:"How many at the most."`
}

type listObjectsOutput struct {
	Body struct {
		Objects []Object `json:"objects" doc:"In the order of their names."`
		Next    string   `json:"next,omitempty" doc:"after of the next page; absent on the last."`
	}
}

type clearInput struct {
	Body struct {
		App      string `json:"app" minLength:"1" maxLength:"128"`
		Instance string `json:"instance,omitempty" maxLength:"128" doc:"The default one when it is left out."`
		Name     string `json:"name,omitempty" maxLength:"1024" doc:"Of one object."`
		Pattern  string `json:"pattern,omitempty" maxLength:"1024" doc:"Of the names of many, with * and ? for anything but /."`
		All      bool   `json:"all,omitempty" doc:"All objects of the instance."`
	}
}

type clearOutput struct {
	Body struct {
		Objects int `json:"objects" doc:"How many there were."`
	}
}

type deleteInput struct {
	Within
	Name string `query:"name" required:"true" maxLength:"1024" doc:"Name of the object."`
}

type deleteOutput struct {
	Body struct {
		Gone bool `json:"gone" doc:"false: somebody uses it; it was emptied."`
	}
}

func (h *handler) objects() {
	huma.Register(h.api, h.operation(http.MethodGet, "/objects", operator.Viewer, "The shared objects of an instance",
		"Those in memory, and the persistent ones that are only stored."), h.listObjects)
	huma.Register(h.api, h.operation(http.MethodGet, "/objects/slots", operator.Viewer, "A shared object's slots, with their values",
		"As they are now. Looking at an object does not use it: it is not loaded by that, and not kept."), h.listSlots)
	op := h.operation(http.MethodPost, "/objects/clear", operator.Operator, "Empty shared objects",
		"All slots are removed, and who uses the objects is told. Those that are only stored are gone.")
	op.DefaultStatus = http.StatusOK
	huma.Register(h.api, op, h.clearObjects)
	op = h.operation(http.MethodDelete, "/objects", operator.Operator, "Delete a shared object",
		"What is stored of a persistent one is gone when this is answered. One that is in use is emptied, and who uses it is told.")
	op.DefaultStatus = http.StatusOK
	huma.Register(h.api, op, h.deleteObject)
}

// hub is the hub of an application; the error says that it has none.
func (h *handler) hub(name string) (*sharedobject.Hub, error) {
	if _, ok := h.o.Apps[name]; !ok {
		return nil, huma.Error404NotFound("There is no application of that name.")
	}
	if hub := h.o.Hubs[name]; hub != nil {
		return hub, nil
	}
	return nil, huma.Error404NotFound("The application has no shared objects.")
}

// objectError is what is answered when a hub cannot do it.
func objectError(err error) error {
	var name *sharedobject.NameError
	var limit *sharedobject.LimitError
	switch {
	case errors.Is(err, sharedobject.ErrNoObject), errors.As(err, &name):
		return huma.Error404NotFound("There is no shared object of that name; it may have gone with its last user.")
	case errors.Is(err, sharedobject.ErrHubClosed):
		return huma.Error503ServiceUnavailable("The server is stopping.")
	case errors.Is(err, path.ErrBadPattern):
		return huma.Error422UnprocessableEntity("validation failed", &huma.ErrorDetail{Message: "is no pattern", Location: "body.pattern"})
	case errors.As(err, &limit):
		return huma.Error409Conflict(limit.Error())
	}
	return huma.Error500InternalServerError("The shared objects cannot be read or written: " + err.Error())
}

func (h *handler) listObjects(ctx context.Context, in *listObjectsInput) (*listObjectsOutput, error) {
	out := &listObjectsOutput{}
	out.Body.Objects = []Object{}
	if _, ok := h.o.Apps[in.App]; ok && h.o.Hubs[in.App] == nil {
		return out, nil
	}
	hub, err := h.hub(in.App)
	if err != nil {
		return nil, err
	}
	list, err := objectsOf(ctx, hub, in.Instance)
	if err != nil {
		return nil, objectError(err)
	}
	list = slices.DeleteFunc(list, func(o Object) bool { return o.Name <= in.After })
	if len(list) > in.Limit {
		list = list[:in.Limit]
		out.Body.Next = list[in.Limit-1].Name
	}
	out.Body.Objects = append(out.Body.Objects, list...)
	return out, nil
}

// place is where an object is.
type place struct{ instance, name string }

// placesOf is where a hub has objects, in memory or stored.
func placesOf(ctx context.Context, hub *sharedobject.Hub) (map[place]bool, error) {
	places := make(map[place]bool)
	for _, i := range hub.Objects() {
		places[place{i.Instance, i.Name}] = true
	}
	keys, err := hub.Stored(ctx, "")
	for _, k := range keys {
		places[place{k.Instance, k.Name}] = true
	}
	return places, err
}

// objectsOf lists what there is of an instance, in the order of the names.
func objectsOf(ctx context.Context, hub *sharedobject.Hub, instance string) ([]Object, error) {
	var list []Object
	known := make(map[string]bool)
	for _, i := range hub.Objects() {
		if i.Instance == instance {
			known[i.Name] = true
			list = append(list, newObject(&i, true))
		}
	}
	keys, err := hub.Stored(ctx, instance)
	if err != nil {
		return nil, err
	}
	for _, k := range keys {
		if !known[k.Name] {
			list = append(list, Object{Name: k.Name, Persistent: true})
		}
	}
	slices.SortFunc(list, func(a, b Object) int { return cmp.Compare(a.Name, b.Name) })
	return list, nil
}

func (h *handler) clearObjects(ctx context.Context, in *clearInput) (*clearOutput, error) {
	b := &in.Body
	hub, err := h.hub(b.App)
	if err != nil {
		return nil, err
	}
	if b.Instance == "" {
		b.Instance = app.DefaultInstance
	}
	pattern := b.Pattern
	switch {
	case b.Name != "" && pattern == "" && !b.All:
		pattern = literal(b.Name)
	case b.Name == "" && (pattern != "") != b.All:
	default:
		return nil, huma.Error422UnprocessableEntity("validation failed", &huma.ErrorDetail{Message: "needs one of name, pattern and all", Location: "body"})
	}
	out := &clearOutput{}
	if out.Body.Objects, err = hub.Clear(ctx, b.Instance, pattern); err != nil {
		return nil, objectError(err)
	}
	if out.Body.Objects == 0 && b.Name != "" {
		return nil, objectError(sharedobject.ErrNoObject)
	}
	h.did(ctx, "clear shared objects", "app", b.App, "instance", b.Instance, "pattern", pattern, "objects", out.Body.Objects)
	return out, nil
}

// literal is the pattern that a name alone matches.
func literal(name string) string {
	var p []byte
	for i := range len(name) {
		switch name[i] {
		case '*', '?', '[', '\\':
			p = append(p, '\\')
		}
		p = append(p, name[i])
	}
	return string(p)
}

func (h *handler) deleteObject(ctx context.Context, in *deleteInput) (*deleteOutput, error) {
	hub, err := h.hub(in.App)
	if err != nil {
		return nil, err
	}
	out := &deleteOutput{}
	if out.Body.Gone, err = hub.Delete(ctx, in.Instance, in.Name); err != nil {
		return nil, objectError(err)
	}
	h.did(ctx, "delete shared object", "app", in.App, "instance", in.Instance, "object", in.Name, "gone", out.Body.Gone)
	return out, nil
}
