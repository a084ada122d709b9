package script

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/dop251/goja"

	"penstock/app"
	"penstock/playout"
	"penstock/status"
)

// stream is a script's Stream: a name under which the instance publishes what it plays.
type stream struct {
	in   *instance
	name string
	this *goja.Object
	out  *playout.Channel // (loop) nil until the name is taken

	mu      sync.Mutex // guards what follows
	notices []*status.Status
	telling bool // a goroutine brings the notices to onStatus
}

// maxStreams is how many streams an instance may publish by itself.
const maxStreams = 64

// setStream makes Stream.get(name). (loop)
func (in *instance) setStream() error {
	vm := in.vm
	in.streams = make(map[string]*stream)
	if r := in.app.o.Registry; r != nil {
		in.channels = playout.NewChannels(r, playout.Options{Channels: maxStreams})
	}
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
		if in.channels == nil || name == "" || len(name) > maxStreamName {
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
		maps.DeleteFunc(in.streams, func(_ string, old *stream) bool { return old.out == nil })
	}
	if len(in.streams) >= maxStreams {
		return false
	}
	in.streams[st.name] = st
	return true
}

// publish takes the name, and tells onStatus when it cannot. (loop)
func (st *stream) publish() bool {
	if st.out != nil && st.out.Err() == nil {
		return true
	}
	if !st.hold() {
		st.in.log.Warn("a stream of the script's cannot be published", "stream", st.name, "published", len(st.in.streams), "max", maxStreams)
		return false
	}
	out, err := st.in.channels.Open(st.key(st.name), st.heard)
	if err != nil {
		st.in.log.Warn("a stream of the script's cannot be published", "stream", st.name, "error", err)
		st.tell(status.New(status.PublishBadName, st.name+" has a publisher."))
		return false
	}
	st.out = out
	st.tell(status.New(status.PublishStart, st.name+" is now published."))
	return true
}

// heard takes an event of the channel to onStatus. It is called by the channel's goroutine, which must not wait.
func (st *stream) heard(e playout.Event) {
	name := strings.TrimPrefix(e.Source, st.key(""))
	if e.Err != nil {
		st.in.log.Warn("a stream of the script's has lost something", "stream", st.name, "plays", name, "error", e.Err)
	}
	st.tell(status.For(e.Code, name).With("details", name))
}

// maxNotices is how many onStatus of one stream may wait; more are left out.
const maxNotices = 64

// tell calls onStatus after the event that is being executed, in order.
func (st *stream) tell(s *status.Status) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if len(st.notices) < maxNotices {
		st.notices = append(st.notices, s)
	}
	if !st.telling {
		st.telling = true
		st.in.helpers.Go(st.bring)
	}
}

// bring ends when there are no notices, or with the instance.
func (st *stream) bring() {
	for {
		st.mu.Lock()
		if len(st.notices) == 0 {
			st.telling = false
			st.mu.Unlock()
			return
		}
		s := st.notices[0]
		st.notices = st.notices[1:]
		st.mu.Unlock()
		st.in.deliver(func() { st.told(s) })
	}
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

// play is play(name, start, length, reset): a live stream of the instance, now or as soon as there is one, in place of what is played
// or after it; play(false) ends that and the publication.
func (st *stream) play(f goja.FunctionCall) bool {
	if isFalse(f.Argument(0)) {
		st.close()
		if st.in.streams[st.name] == st {
			delete(st.in.streams, st.name)
		}
		return true
	}
	name := f.Argument(0).String()
	refuse := func(why error) bool {
		st.in.log.Warn("a stream of the script's cannot play that", "stream", st.name, "plays", name, "error", why)
		return false
	}
	if name == "" || len(name) > maxStreamName {
		return refuse(errors.New("that is no name of a stream"))
	}
	if remote := f.Argument(4); !goja.IsUndefined(remote) && !goja.IsNull(remote) {
		return refuse(errors.New("streams of other servers are not played"))
	}
	if st.in.channels.Circle(st.key(name), st.key(st.name)) { // before the name is taken
		return refuse(playout.ErrCircle)
	}
	if !st.publish() {
		return false
	}
	item := playout.Item{Source: st.key(name), NoWait: number(f.Argument(1), -2) >= 0}
	if n := number(f.Argument(2), -1); n > 0 && n < 1e9 {
		item.Length = time.Duration(n * float64(time.Second))
	}
	order := st.out.Play
	if number(f.Argument(3), 1) == 0 || number(f.Argument(3), 1) == 2 {
		order = st.out.Append
	}
	if err := order(item); err != nil {
		return refuse(err)
	}
	return true
}

// number is an optional argument.
func number(v goja.Value, absent float64) float64 {
	if goja.IsUndefined(v) || goja.IsNull(v) {
		return absent
	}
	return v.ToFloat()
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
	if err != nil {
		panic(st.in.vm.NewTypeError(err.Error()))
	}
	return st.out.Send(f.Argument(0).String(), list[1:]...) == nil
}

// close ends the publication. (loop)
func (st *stream) close() {
	if st.out != nil {
		st.out.Close()
		st.out = nil
	}
}

// closeStreams ends what the streams have of goroutines, after the loop, for which some of them may have waited.
func (in *instance) closeStreams() {
	if in.channels != nil {
		in.channels.Close()
	}
}
