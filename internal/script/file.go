package script

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/dop251/goja"

	"penstock/amf"
)

// Bounds of a script's files.
const (
	maxFileBytes = 4 << 20 // of one file, also of what is to be written
	maxOpenFiles = 64      // of one instance
	maxListed    = 10_000  // entries of a folder
)

// file is what new File(name) made. It is read as a whole when it is opened and written as a whole when it is flushed or closed, so that
// a reader never sees half of one. All of it belongs to the loop.
type file struct {
	name     string // within the application's folder
	open     bool
	mode     string
	binary   bool
	dirty    bool
	text     []byte
	position int
}

func (f *file) writable() bool { return f.open && f.mode != "read" }
func (f *file) appends() bool  { return f.open && (f.mode == "append" || f.mode == "readAppend") }
func (f *file) readable() bool { return f.open && f.mode != "append" }

var errNotOpen = errors.New("the file is not open for that")

// setFile makes File(name). (loop)
func (in *instance) setFile() error {
	vm := in.vm
	open := 0
	var proto *goja.Object
	constructor := vm.ToValue(func(f goja.ConstructorCall) *goja.Object {
		name := path.Clean("/" + filepath.ToSlash(f.Argument(0).String()))[1:]
		if name == "" {
			name = "."
		}
		_ = f.This.Set("name", path.Base(name))
		in.attach(f.This, &file{name: name})
		return nil
	}).ToObject(vm)
	proto = constructor.Get("prototype").ToObject(vm)
	call := func(this goja.Value, name string, m fileMethod, args []goja.Value) goja.Value {
		f, ok := in.attached(this).(*file)
		if !ok {
			panic(vm.NewTypeError("that is no File"))
		}
		root, err := os.OpenRoot(in.app.dir)
		if err != nil {
			panic(in.thrown(err))
		}
		defer root.Close()
		was := f.open
		if name == "open" && !was && open >= maxOpenFiles {
			panic(vm.NewTypeError(fmt.Sprintf("%d files are open, which is the most", open)))
		}
		v, err := m(f, root, args)
		if f.open && !was {
			open++
		} else if !f.open && was {
			open--
		}
		if err != nil {
			in.log.Warn("a file of the script's", "file", f.name, "method", name, "error", err)
		}
		if list, ok := v.([]any); ok {
			v = in.kept(list, name, args)
		}
		return in.fileValue(v)
	}
	for name, m := range fileMethods {
		if err := proto.Set(name, func(f goja.FunctionCall) goja.Value { return call(f.This, name, m, f.Arguments) }); err != nil {
			return err
		}
	}
	for name, m := range fileProperties {
		get := vm.ToValue(func(f goja.FunctionCall) goja.Value { return call(f.This, name, m, nil) })
		var set goja.Value
		if name == "position" {
			set = vm.ToValue(func(f goja.FunctionCall) goja.Value { return call(f.This, "seek", fileMethods["seek"], f.Arguments) })
		}
		if err := proto.DefineAccessorProperty(name, get, set, goja.FLAG_TRUE, goja.FLAG_TRUE); err != nil {
			return err
		}
	}
	return vm.Set("File", constructor)
}

// kept are the names of a list for which a filter, when there is one, says true. (loop)
func (in *instance) kept(list []any, method string, args []goja.Value) []any {
	filter, ok := goja.AssertFunction(argument(args, 0))
	if !ok || method != "list" {
		return list
	}
	kept := []any{}
	for _, name := range list {
		v, err := filter(goja.Undefined(), in.vm.ToValue(name))
		if err != nil {
			panic(err)
		}
		if v.ToBoolean() {
			kept = append(kept, name)
		}
	}
	return kept
}

// fileValue is what a method returned, as the script gets it. (loop)
func (in *instance) fileValue(v any) goja.Value {
	switch v := v.(type) {
	case []any:
		return in.vm.NewArray(v...)
	case []byte:
		return in.toScript(&amf.ByteArray{Data: append([]byte(nil), v...)})
	case time.Time:
		return in.toScript(amf.DateOf(v))
	}
	return in.vm.ToValue(v)
}

type fileMethod = func(f *file, root *os.Root, args []goja.Value) (any, error)

// fileMethods are File's; an error is logged, and the value says to the script that it did not work.
var fileMethods = map[string]fileMethod{
	"open": func(f *file, root *os.Root, args []goja.Value) (any, error) {
		err := f.start(root, text(args, 0), text(args, 1))
		return err == nil, err
	},
	"close": func(f *file, root *os.Root, _ []goja.Value) (any, error) {
		err := f.flush(root)
		f.open, f.text = false, nil
		return err == nil, err
	},
	"flush": func(f *file, root *os.Root, _ []goja.Value) (any, error) {
		err := f.flush(root)
		return err == nil, err
	},
	"eof": func(f *file, _ *os.Root, _ []goja.Value) (any, error) {
		return !f.open || f.position >= len(f.text), nil
	},
	"read": func(f *file, _ *os.Root, args []goja.Value) (any, error) {
		n := len(f.text)
		if len(args) > 0 {
			n = int(max(0, min(args[0].ToInteger(), maxFileBytes)))
		}
		if !f.binary {
			n = f.runes(n)
		}
		return f.take(n)
	},
	"readByte": func(f *file, _ *os.Root, _ []goja.Value) (any, error) {
		if !f.readable() || !f.binary {
			return -1, errNotOpen
		}
		if f.position >= len(f.text) {
			return -1, nil
		}
		f.position++
		return int(f.text[f.position-1]), nil
	},
	"readBytes": func(f *file, _ *os.Root, args []goja.Value) (any, error) {
		n := len(f.text)
		if len(args) > 0 {
			n = int(max(0, min(args[0].ToInteger(), maxFileBytes)))
		}
		s, err := f.take(n)
		return []byte(s), err
	},
	"seek": func(f *file, _ *os.Root, args []goja.Value) (any, error) {
		if !f.open || len(args) == 0 {
			return -1, errNotOpen
		}
		f.position = int(max(0, min(args[0].ToInteger(), int64(len(f.text)))))
		return f.position, nil
	},
	"readln": func(f *file, _ *os.Root, _ []goja.Value) (any, error) {
		rest := string(f.text[min(f.position, len(f.text)):])
		line, _, found := strings.Cut(rest, "\n")
		n := len(line)
		if found {
			n++
		}
		_, err := f.take(n)
		return strings.TrimSuffix(line, "\r"), err
	},
	"readAll": func(f *file, _ *os.Root, _ []goja.Value) (any, error) {
		all, err := f.take(len(f.text))
		list := []any{}
		for line := range strings.Lines(all) {
			list = append(list, strings.TrimRight(line, "\r\n"))
		}
		return list, err
	},
	"write":   func(f *file, _ *os.Root, args []goja.Value) (any, error) { return f.put(args, "") },
	"writeln": func(f *file, _ *os.Root, args []goja.Value) (any, error) { return f.put(args, "\n") },
	"writeAll": func(f *file, _ *os.Root, args []goja.Value) (any, error) {
		list, ok := argument(args, 0).(*goja.Object)
		if !ok {
			return false, errors.New("writeAll needs an array")
		}
		for i := range min(list.Get("length").ToInteger(), maxFileBytes) {
			if ok, err := f.put([]goja.Value{list.Get(strconv.FormatInt(i, 10))}, "\n"); err != nil {
				return ok, err
			}
		}
		return true, nil
	},
	"writeByte": func(f *file, _ *os.Root, args []goja.Value) (any, error) {
		if !f.binary {
			return false, errNotOpen
		}
		return f.insert([]byte{byte(argument(args, 0).ToInteger())})
	},
	"copyTo": func(f *file, root *os.Root, args []goja.Value) (any, error) {
		b, err := readBounded(root, f.name)
		if err == nil {
			err = root.WriteFile(path.Clean("/" + text(args, 0))[1:], b, 0o640)
		}
		return err == nil, err
	},
	"remove": func(f *file, root *os.Root, args []goja.Value) (any, error) {
		var err error
		if f.name == "." {
			err = errors.New("the application's folder stays")
		} else if argument(args, 0).ToBoolean() { // with what is in it
			err = root.RemoveAll(f.name)
		} else {
			err = root.Remove(f.name)
		}
		return err == nil, err
	},
	"mkdir": func(f *file, root *os.Root, args []goja.Value) (any, error) { // a folder in this one; without a name, this one
		err := root.MkdirAll(path.Clean("/" + f.name + "/" + text(args, 0))[1:], 0o750)
		return err == nil, err
	},
	"renameTo": func(f *file, root *os.Root, args []goja.Value) (any, error) {
		to := path.Clean("/" + text(args, 0))[1:]
		err := root.Rename(f.name, to)
		if err == nil {
			f.name = to
		}
		return err == nil, err
	},
	"size":     func(f *file, root *os.Root, _ []goja.Value) (any, error) { return f.length(root) },
	"toString": func(f *file, _ *os.Root, _ []goja.Value) (any, error) { return "/" + f.name, nil },
	"list":     func(f *file, root *os.Root, _ []goja.Value) (any, error) { return listed(root, f.name) },
}

// fileProperties are File's, read when they are asked for.
var fileProperties = map[string]fileMethod{
	"isOpen":     func(f *file, _ *os.Root, _ []goja.Value) (any, error) { return f.open, nil },
	"canRead":    func(f *file, _ *os.Root, _ []goja.Value) (any, error) { return f.readable(), nil },
	"canWrite":   func(f *file, _ *os.Root, _ []goja.Value) (any, error) { return f.writable(), nil },
	"canAppend":  func(f *file, _ *os.Root, _ []goja.Value) (any, error) { return f.appends(), nil },
	"canReplace": func(f *file, _ *os.Root, _ []goja.Value) (any, error) { return f.writable() && !f.appends(), nil },
	"mode":       func(f *file, _ *os.Root, _ []goja.Value) (any, error) { return f.mode, nil },
	"type": func(f *file, _ *os.Root, _ []goja.Value) (any, error) {
		if f.binary {
			return "binary", nil
		}
		return "text", nil
	},
	"position": func(f *file, _ *os.Root, _ []goja.Value) (any, error) { return f.position, nil },
	"length":   func(f *file, root *os.Root, _ []goja.Value) (any, error) { return f.length(root) },
	"exists": func(f *file, root *os.Root, _ []goja.Value) (any, error) {
		_, err := root.Stat(f.name)
		return err == nil, nil
	},
	"isDirectory": func(f *file, root *os.Root, _ []goja.Value) (any, error) {
		i, err := root.Stat(f.name)
		return err == nil && i.IsDir(), nil
	},
	"isFile": func(f *file, root *os.Root, _ []goja.Value) (any, error) {
		i, err := root.Stat(f.name)
		return err == nil && i.Mode().IsRegular(), nil
	},
	"lastModified": changedAt,
	"creationTime": changedAt, // what most file systems tell
}

func changedAt(f *file, root *os.Root, _ []goja.Value) (any, error) {
	i, err := root.Stat(f.name)
	if err != nil {
		return nil, err
	}
	return i.ModTime(), nil
}

// length is the number of bytes of a file, also of one that is being written, and of the entries of a folder.
func (f *file) length(root *os.Root) (any, error) {
	if f.open {
		return len(f.text), nil
	}
	i, err := root.Stat(f.name)
	if err != nil {
		return -1, err
	}
	if i.IsDir() {
		list, err := listed(root, f.name)
		return len(list), err
	}
	return i.Size(), nil
}

func argument(args []goja.Value, i int) goja.Value {
	if i >= len(args) {
		return goja.Undefined()
	}
	return args[i]
}

// text is an argument as text, "" when it is missing.
func text(args []goja.Value, i int) string {
	if i >= len(args) || goja.IsUndefined(args[i]) || goja.IsNull(args[i]) {
		return ""
	}
	return args[i].String()
}

// start opens: "read" what there is, "create" an empty file, "append" and "readWrite" to what there is or nothing. The kind is "binary",
// or else text in UTF-8.
func (f *file) start(root *os.Root, kind, mode string) error {
	if f.open {
		return errors.New("the file is open")
	}
	f.text, f.position, f.dirty = nil, 0, false
	switch mode {
	case "read", "append", "readAppend", "readWrite":
		was, err := readBounded(root, f.name)
		if err != nil && (mode == "read" || !errors.Is(err, fs.ErrNotExist)) {
			return err
		}
		f.text = was
	case "create":
		f.dirty = true
	default:
		return fmt.Errorf(`the mode %q is none of "read", "readWrite", "create", "append", "readAppend"`, mode)
	}
	f.open, f.mode, f.binary = true, mode, kind == "binary"
	if mode == "append" {
		f.position = len(f.text)
	}
	return nil
}

// runes is how many bytes the next n characters have.
func (f *file) runes(n int) int {
	rest := f.text[min(f.position, len(f.text)):]
	at := 0
	for ; n > 0 && at < len(rest); n-- {
		_, size := utf8.DecodeRune(rest[at:])
		at += size
	}
	return at
}

func readBounded(root *os.Root, name string) ([]byte, error) {
	info, err := root.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no regular file", name)
	}
	if info.Size() > maxFileBytes {
		return nil, fmt.Errorf("%s has %d bytes, more than %d are not read", name, info.Size(), maxFileBytes)
	}
	return root.ReadFile(name)
}

func (f *file) take(n int) (string, error) {
	if !f.readable() {
		return "", errNotOpen
	}
	from := min(f.position, len(f.text))
	f.position = min(from+n, len(f.text))
	return string(f.text[from:f.position]), nil
}

// put writes texts, and bytes as they are.
func (f *file) put(args []goja.Value, end string) (any, error) {
	for i, v := range args {
		b := []byte(text(args, i))
		if o, ok := v.(*goja.Object); ok && (o.ExportType() == typeOfBytes || o.ExportType() == typeOfBuffer) {
			switch x := o.Export().(type) {
			case []byte:
				b = x
			case goja.ArrayBuffer:
				b = x.Bytes()
			}
		}
		if ok, err := f.insert(b); err != nil {
			return ok, err
		}
	}
	return f.insert([]byte(end))
}

// insert writes at the position over what is there, or at the end of a file that is appended to.
func (f *file) insert(b []byte) (bool, error) {
	if !f.writable() {
		return false, errNotOpen
	}
	at := min(f.position, len(f.text))
	if f.appends() {
		at = len(f.text)
	}
	if max(len(f.text), at+len(b)) > maxFileBytes {
		return false, fmt.Errorf("the file would have more than %d bytes", maxFileBytes)
	}
	n := copy(f.text[at:], b)
	f.text = append(f.text, b[n:]...)
	f.position, f.dirty = at+len(b), true
	return true, nil
}

// flush replaces the file.
func (f *file) flush(root *os.Root) error {
	if !f.open {
		return errNotOpen
	}
	if !f.dirty {
		return nil
	}
	next := f.name + ".new"
	if err := root.WriteFile(next, f.text, 0o640); err != nil {
		return err
	}
	if err := root.Rename(next, f.name); err != nil {
		return err
	}
	f.dirty = false
	return nil
}

func listed(root *os.Root, name string) ([]any, error) {
	dir, err := root.Open(name)
	if err != nil {
		return []any{}, err
	}
	defer dir.Close()
	entries, err := dir.ReadDir(maxListed)
	list := []any{}
	for _, e := range entries {
		list = append(list, e.Name())
	}
	if len(entries) > 0 || err == nil {
		return list, nil
	}
	if info, serr := dir.Stat(); serr == nil && info.IsDir() {
		return list, nil // it is empty
	}
	return list, err
}
