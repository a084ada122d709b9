package script

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"github.com/dop251/goja"

	"penstock/amf"
	"penstock/app"
	"penstock/media"
	"penstock/status"
)

// stream is a script's Stream: a name under which the instance publishes what it plays.
type stream struct {
	in   *instance
	name string
	this *goja.Object
	pub  *media.Publication // (loop) nil until the name is taken
	stop context.CancelFunc // (loop) ends what it plays; nil: nothing
}

// maxStreams is how many streams an instance may publish by itself.
const maxStreams = 64

// setStream makes Stream.get(name). (loop)
func (in *instance) setStream() error {
	vm := in.vm
	in.streams = make(map[string]*stream)
	proto := vm.NewObject()
	for name, m := range map[string]func(*stream, goja.FunctionCall) bool{"play": (*stream).play, "send": (*stream).send} {
		if err := proto.Set(name, func(call goja.FunctionCall) goja.Value {
			st, ok := in.attached(call.This).(*stream)
			if !ok {
				panic(vm.NewTypeError("that is no Stream"))
			}
			return vm.ToValue(m(st, call))
		}); err != nil {
			return err
		}
	}
	class := vm.NewObject()
	if err := class.Set("get", func(f goja.FunctionCall) goja.Value {
		name := f.Argument(0).String()
		if st := in.streams[name]; st != nil {
			return st.this
		}
		if in.app.o.Registry == nil || name == "" || len(name) > maxStreamName {
			panic(vm.NewTypeError("there can be no stream of that name"))
		}
		st := &stream{in: in, name: name, this: vm.CreateObject(proto)}
		_ = st.this.Set("name", name)
		in.attach(st.this, st)
		if !st.hold() {
			panic(vm.NewTypeError(fmt.Sprintf("%d streams are published, which is the most", len(in.streams))))
		}
		return st.this
	}); err != nil {
		return err
	}
	if err := class.Set("prototype", proto); err != nil {
		return err
	}
	return vm.Set("Stream", class)
}

const maxStreamName = 256

func (st *stream) key(name string) string { return app.StreamKey(st.in.app.name, st.in.name, name) }

// hold makes this the object that Stream.get gives for the name. It reports false when there is another, or there are too many. (loop)
func (st *stream) hold() bool {
	in := st.in
	if known := in.streams[st.name]; known != nil {
		return known == st
	}
	if len(in.streams) >= maxStreams { // those that were only looked at go
		maps.DeleteFunc(in.streams, func(_ string, old *stream) bool { return old.pub == nil })
	}
	if len(in.streams) >= maxStreams {
		return false
	}
	in.streams[st.name] = st
	return true
}

// publish takes the name, and tells onStatus when it cannot. (loop)
func (st *stream) publish() bool {
	if st.pub != nil && st.pub.Err() == nil {
		return true
	}
	if !st.hold() {
		st.in.log.Warn("a stream of the script's cannot be published", "stream", st.name, "published", len(st.in.streams), "max", maxStreams)
		return false
	}
	pub, err := st.in.app.o.Registry.Publish(st.key(st.name), "script")
	if err != nil {
		st.in.log.Warn("a stream of the script's cannot be published", "stream", st.name, "error", err)
		st.tell(status.New(status.PublishBadName, st.name+" has a publisher."))
		return false
	}
	st.pub = pub
	st.tell(status.New(status.PublishStart, st.name+" is now published."))
	return true
}

// tell calls onStatus after the event that is being executed. (loop)
func (st *stream) tell(s *status.Status) {
	st.in.helpers.Go(func() { st.in.deliver(func() { st.told(s) }) })
}

func (st *stream) told(s *status.Status) {
	_ = st.in.enter("Stream.onStatus", func() error {
		if f, ok := goja.AssertFunction(st.this.Get("onStatus")); ok {
			_, err := f(st.this, st.in.toScript(s.Object()))
			return err
		}
		return nil
	})
}

// play is play(name): a live stream of the instance, now or as soon as there is one, in place of what it played before; play(false)
// ends that and the publication.
func (st *stream) play(f goja.FunctionCall) bool {
	if isFalse(f.Argument(0)) {
		st.close()
		if st.in.streams[st.name] == st {
			delete(st.in.streams, st.name)
		}
		return true
	}
	name := f.Argument(0).String()
	r := &route{st.key(st.name), st.key(name)}
	if name == "" || len(name) > maxStreamName || !st.in.app.addRoute(r) {
		st.in.log.Warn("a stream of the script's cannot play itself", "stream", st.name, "plays", name)
		return false
	}
	if st.stop != nil {
		st.stop()
		st.stop = nil
	}
	if !st.publish() {
		st.in.app.endRoute(r)
		return false
	}
	ctx, cancel := context.WithCancel(st.in.context)
	st.stop = cancel
	pub := st.pub
	st.in.helpers.Go(func() {
		defer st.in.app.endRoute(r)
		if err := relay(ctx, st.in.app.o.Registry, r.from, pub); err != nil && ctx.Err() == nil {
			st.in.log.Warn("a stream of the script's ended", "stream", st.name, "plays", name, "error", err)
			st.in.deliver(func() { st.told(status.New(status.PlayFailed, err.Error())) })
		}
	})
	return true
}

// relay publishes what a stream has, until ctx ends or the publication does.
func relay(ctx context.Context, registry *media.Registry, key string, pub *media.Publication) error {
	wake := make(chan struct{}, 1)
	queue := media.NewQueue(media.QueueLimits{}, func() {
		select {
		case wake <- struct{}{}:
		default:
		}
	})
	defer queue.Close()
	sub := registry.Subscribe(key, queue)
	defer sub.Close()
	var frames []*media.Frame
	for {
		select {
		case <-wake:
		case <-pub.Done():
			return pub.Err()
		case <-ctx.Done():
			return nil
		}
		for {
			if frames = queue.Take(frames[:0], 1<<20); len(frames) == 0 {
				break
			}
			for _, f := range frames {
				if err := pass(pub, f); err != nil {
					return err
				}
			}
			clear(frames)
		}
		if err := queue.Err(); err != nil {
			return err
		}
	}
}

func pass(pub *media.Publication, f *media.Frame) error {
	switch f.Kind {
	case media.Audio:
		return pub.Audio(uint32(f.Time), f.Payload)
	case media.Video:
		return pub.Video(uint32(f.Time), f.Payload)
	case media.Data:
		if f.Name == media.MetadataName {
			return pub.SetMetadata(f.Payload)
		}
		return pub.Data(uint32(f.Time), f.Name, f.Payload)
	}
	return nil
}

// send is send(handler, …): a data message to everyone who plays the stream.
func (st *stream) send(f goja.FunctionCall) bool {
	if !st.publish() {
		return false
	}
	list, err := st.in.fromAll(f.Arguments)
	if err == nil && len(list) == 0 {
		err = errors.New("send needs the name of a handler")
	}
	var payload []byte
	for _, v := range list {
		if err == nil {
			payload, err = amf.Append0(payload, v)
		}
	}
	if err != nil {
		panic(st.in.vm.NewTypeError(err.Error()))
	}
	return st.pub.Data(0, f.Argument(0).String(), payload) == nil
}

// close ends the publication. (loop)
func (st *stream) close() {
	if st.stop != nil {
		st.stop()
		st.stop = nil
	}
	if st.pub != nil {
		st.pub.Close()
		st.pub = nil
	}
}

// route is what a stream is made of: registry keys.
type route struct{ to, from string }

// addRoute notes what a stream is made of. It reports false when that would make a circle.
func (a *Application) addRoute(r *route) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	for at := r.from; ; {
		if at == r.to {
			return false
		}
		next := a.routes[at]
		if next == nil {
			break
		}
		at = next.from
	}
	a.routes[r.to] = r
	return true
}

func (a *Application) endRoute(r *route) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.routes[r.to] == r {
		delete(a.routes, r.to)
	}
}
