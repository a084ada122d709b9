package script

import (
	"context"
	"strings"
	"time"

	"github.com/dop251/goja"

	"penstock/amf"
	"penstock/sharedobject"
)

// object is a shared object that the script holds.
type object struct {
	shared *sharedobject.Shared
	watch  *sharedobject.Watch
	cancel context.CancelFunc // ends the goroutine that watches
	ended  chan struct{}
	locks  int
}

// close lets the object go. (loop)
func (o *object) close() {
	o.cancel()
	<-o.ended
	o.watch.Close()
	for ; o.locks > 0; o.locks-- {
		o.shared.Unlock()
	}
	o.shared.Close()
}

// storeTime is how long the script may wait for the disk.
const storeTime = time.Second

// setSharedObject makes SharedObject.get(name, persistent). (loop)
func (in *instance) setSharedObject() error {
	vm := in.vm
	proto := vm.NewObject()
	held := make(map[string]*goja.Object) // the same object for the same name
	for name, f := range in.objectMethods() {
		if err := proto.Set(name, func(call goja.FunctionCall) goja.Value {
			this, _ := call.This.(*goja.Object)
			o := in.objects[this]
			if o == nil {
				panic(vm.NewTypeError("that is no shared object, or one that was closed"))
			}
			v := f(this, o, call)
			if in.objects[this] == nil { // it was closed
				delete(held, o.shared.Name())
			}
			return v
		}); err != nil {
			return err
		}
	}
	class := vm.NewObject()
	if err := class.Set("get", func(f goja.FunctionCall) goja.Value {
		name, persistent := f.Argument(0).String(), f.Argument(1).ToBoolean()
		if this := held[name]; this != nil && in.objects[this] != nil {
			return this
		}
		if in.app.o.Hub == nil {
			panic(vm.NewTypeError("this application has no shared objects"))
		}
		ctx, cancel := context.WithTimeout(context.Background(), storeTime)
		defer cancel()
		shared, err := in.app.o.Hub.Get(ctx, in.name, name, persistent)
		if err != nil {
			panic(in.thrown(err))
		}
		this := vm.CreateObject(proto)
		_ = this.Set("name", name)
		if err := in.describe(this, shared); err != nil {
			panic(in.thrown(err))
		}
		held[name] = this
		in.objects[this] = in.newObject(this, shared)
		return this
	}); err != nil {
		return err
	}
	if err := class.Set("prototype", proto); err != nil {
		return err
	}
	return vm.Set("SharedObject", class)
}

func (in *instance) newObject(this *goja.Object, shared *sharedobject.Shared) *object {
	ctx, cancel := context.WithCancel(context.Background())
	o := &object{shared: shared, watch: shared.Watch(), cancel: cancel, ended: make(chan struct{})}
	go func() {
		defer close(o.ended)
		for {
			notices, err := o.watch.Next(ctx)
			if err != nil {
				return
			}
			select { // what happens meanwhile is gathered by the watch
			case in.events <- func() { in.synced(this, o, notices) }:
			case <-ctx.Done():
				return
			}
		}
	}()
	return o
}

// synced calls onSync with what happened, and the handlers of messages. (loop)
func (in *instance) synced(this *goja.Object, o *object, notices []sharedobject.Notice) {
	if in.objects[this] != o {
		return // closed meanwhile
	}
	var list []any
	for _, n := range notices {
		if n.Code == sharedobject.Called {
			_ = in.enter("message "+n.Key, func() error { return in.messaged(this, n) })
			continue
		}
		info := in.vm.NewObject()
		_ = info.Set("code", string(n.Code))
		if n.Key != "" {
			_ = info.Set("name", n.Key)
		}
		list = append(list, info)
	}
	if len(list) == 0 {
		return
	}
	_ = in.enter("onSync", func() error {
		f, ok := goja.AssertFunction(this.Get("onSync"))
		if !ok {
			return nil
		}
		_, err := f(this, in.vm.NewArray(list...))
		return err
	})
}

// messaged calls the handler of a message. (loop)
func (in *instance) messaged(this *goja.Object, n sharedobject.Notice) error {
	if f, ok := goja.AssertFunction(this.Get(n.Key)); ok {
		_, err := f(this, in.values(n.Args)...)
		return err
	}
	return nil
}

// describe gives an object's version and resyncDepth. (loop)
func (in *instance) describe(this *goja.Object, shared *sharedobject.Shared) error {
	vm := in.vm
	version := vm.ToValue(func(goja.FunctionCall) goja.Value { return vm.ToValue(shared.Version()) })
	if err := this.DefineAccessorProperty("version", version, nil, goja.FLAG_FALSE, goja.FLAG_FALSE); err != nil {
		return err
	}
	depth := int64(-1) // as many as the server allows
	get := vm.ToValue(func(goja.FunctionCall) goja.Value { return vm.ToValue(depth) })
	set := vm.ToValue(func(f goja.FunctionCall) goja.Value {
		const most = 65_536
		if depth = f.Argument(0).ToInteger(); depth >= 0 {
			shared.SetResyncDepth(int(min(depth, most)))
		}
		return goja.Undefined()
	})
	return this.DefineAccessorProperty("resyncDepth", get, set, goja.FLAG_FALSE, goja.FLAG_FALSE)
}

type objectMethod = func(this *goja.Object, o *object, f goja.FunctionCall) goja.Value

// flush stores an object now. (loop)
func (in *instance) flush(_ *goja.Object, o *object, _ goja.FunctionCall) goja.Value {
	ctx, cancel := context.WithTimeout(context.Background(), storeTime)
	defer cancel()
	return in.vm.ToValue(o.shared.Flush(ctx) == nil)
}

// objectMethods are what a SharedObject of server-side ActionScript can do.
func (in *instance) objectMethods() map[string]objectMethod {
	vm := in.vm
	fail := func(err error) {
		if err != nil {
			panic(in.thrown(err))
		}
	}
	send := func(_ *goja.Object, o *object, f goja.FunctionCall) goja.Value {
		var rest []goja.Value
		if len(f.Arguments) > 1 {
			rest = f.Arguments[1:]
		}
		args, err := in.fromAll(rest)
		fail(err)
		fail(o.shared.Send(f.Argument(0).String(), args...))
		return vm.ToValue(true)
	}
	return map[string]objectMethod{
		"getProperty": func(_ *goja.Object, o *object, f goja.FunctionCall) goja.Value {
			v, ok := o.shared.Get(f.Argument(0).String())
			if !ok {
				return goja.Undefined()
			}
			return in.toScript(v)
		},
		"setProperty": func(_ *goja.Object, o *object, f goja.FunctionCall) goja.Value {
			v, err := in.fromScript(f.Argument(1))
			fail(err)
			if v == nil || v == amf.Undefined {
				fail(o.shared.Remove(f.Argument(0).String()))
			} else {
				fail(o.shared.Set(f.Argument(0).String(), v))
			}
			return goja.Undefined()
		},
		"getPropertyNames": func(_ *goja.Object, o *object, _ goja.FunctionCall) goja.Value {
			slots, _ := o.shared.Slots()
			names := make([]any, len(slots))
			for i, s := range slots {
				names[i] = s.Key
			}
			return vm.NewArray(names...)
		},
		"size": func(_ *goja.Object, o *object, _ goja.FunctionCall) goja.Value {
			slots, _ := o.shared.Slots()
			return vm.ToValue(len(slots))
		},
		"send": send, "mark": send, // what was changed before comes before it
		"clear": func(_ *goja.Object, o *object, _ goja.FunctionCall) goja.Value {
			fail(o.shared.Clear())
			return vm.ToValue(true)
		},
		"flush": in.flush, "commit": in.flush,
		"lock": func(_ *goja.Object, o *object, _ goja.FunctionCall) goja.Value {
			o.locks++
			o.shared.Lock()
			return goja.Undefined()
		},
		"unlock": func(_ *goja.Object, o *object, _ goja.FunctionCall) goja.Value {
			if o.locks > 0 {
				o.locks--
				o.shared.Unlock()
			}
			return goja.Undefined()
		},
		"isDirty": func(_ *goja.Object, o *object, f goja.FunctionCall) goja.Value {
			return vm.ToValue(o.shared.ChangedSince(uint32(f.Argument(0).ToInteger())))
		},
		"purge": func(_ *goja.Object, o *object, f goja.FunctionCall) goja.Value {
			o.shared.Purge(uint32(f.Argument(0).ToInteger()))
			return goja.Undefined()
		},
		"close": func(this *goja.Object, o *object, _ goja.FunctionCall) goja.Value {
			delete(in.objects, this)
			o.close()
			return goja.Undefined()
		},
	}
}

// clearSharedObjects is application.clearSharedObjects(path), whose path may hold * and ?.
func (in *instance) clearSharedObjects(f goja.FunctionCall) goja.Value {
	if in.app.o.Hub == nil {
		return in.vm.ToValue(false)
	}
	pattern := strings.TrimPrefix(f.Argument(0).String(), "/") // "" is all
	ctx, cancel := context.WithTimeout(context.Background(), storeTime)
	defer cancel()
	_, err := in.app.o.Hub.Clear(ctx, in.name, pattern)
	return in.vm.ToValue(err == nil)
}
