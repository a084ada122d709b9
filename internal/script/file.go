package script

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/dop251/goja"
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
	writable bool
	dirty    bool
	text     []byte
	position int
}

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
	for name, m := range fileMethods {
		if err := proto.Set(name, func(call goja.FunctionCall) goja.Value {
			f, ok := in.attached(call.This).(*file)
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
			v, err := m(f, root, call.Arguments)
			if f.open && !was {
				open++
			} else if !f.open && was {
				open--
			}
			if err != nil {
				in.log.Warn("a file of the script's", "file", f.name, "method", name, "error", err)
			}
			if list, ok := v.([]any); ok {
				return vm.NewArray(list...)
			}
			return vm.ToValue(v)
		}); err != nil {
			return err
		}
	}
	return vm.Set("File", constructor)
}

type fileMethod = func(f *file, root *os.Root, args []goja.Value) (any, error)

// fileMethods are File's; an error is logged, and the value says to the script that it did not work.
var fileMethods = map[string]fileMethod{
	"open": func(f *file, root *os.Root, args []goja.Value) (any, error) {
		err := f.start(root, text(args, 1))
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
	"isOpen": func(f *file, _ *os.Root, _ []goja.Value) (any, error) { return f.open, nil },
	"eof": func(f *file, _ *os.Root, _ []goja.Value) (any, error) {
		return !f.open || f.position >= len(f.text), nil
	},
	"read": func(f *file, _ *os.Root, args []goja.Value) (any, error) {
		n := len(f.text)
		if len(args) > 0 {
			n = int(max(0, min(args[0].ToInteger(), maxFileBytes)))
		}
		return f.take(n)
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
	"remove": func(f *file, root *os.Root, _ []goja.Value) (any, error) {
		err := root.Remove(f.name)
		return err == nil, err
	},
	"mkdir": func(f *file, root *os.Root, _ []goja.Value) (any, error) {
		err := root.MkdirAll(f.name, 0o750)
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
	"size": func(f *file, root *os.Root, _ []goja.Value) (any, error) {
		i, err := root.Stat(f.name)
		if err != nil {
			return -1, err
		}
		return i.Size(), nil
	},
	"list": func(f *file, root *os.Root, _ []goja.Value) (any, error) { return listed(root, f.name) },
}

// text is an argument as text, "" when it is missing.
func text(args []goja.Value, i int) string {
	if i >= len(args) || goja.IsUndefined(args[i]) || goja.IsNull(args[i]) {
		return ""
	}
	return args[i].String()
}

// start opens: "read" what there is, "create" an empty file, "append" and "readWrite" to what there is or nothing.
func (f *file) start(root *os.Root, mode string) error {
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
	f.open, f.writable = true, mode != "read"
	if mode == "append" || mode == "create" {
		f.position = len(f.text)
	}
	return nil
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
	if !f.open {
		return "", errNotOpen
	}
	from := min(f.position, len(f.text))
	f.position = min(from+n, len(f.text))
	return string(f.text[from:f.position]), nil
}

// put writes at the end.
func (f *file) put(args []goja.Value, end string) (any, error) {
	if !f.open || !f.writable {
		return false, errNotOpen
	}
	for i := range args {
		s := text(args, i)
		if len(f.text)+len(s)+len(end) > maxFileBytes {
			return false, fmt.Errorf("the file would have more than %d bytes", maxFileBytes)
		}
		f.text = append(f.text, s...)
	}
	f.text = append(f.text, end...)
	f.dirty = true
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

func listed(root *os.Root, name string) (any, error) {
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
