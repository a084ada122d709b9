package server

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"strings"
)

// pagesPath is where the operator's own pages are served.
const pagesPath = "/pages/"

// newPages serves a folder of files, and nothing outside it, also where links lead out. Folders are not listed, and what begins with a dot is
// not there. nil without a folder.
func newPages(dir string) (http.Handler, error) {
	if dir == "" {
		return nil, nil
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("http.pages: %w", err)
	}
	files := http.StripPrefix(strings.TrimSuffix(pagesPath, "/"), http.FileServerFS(listed{root.FS()}))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "no-cache")
		files.ServeHTTP(w, r)
	}), nil
}

// listed is a file system without what should not be found in it.
type listed struct{ fs.FS }

// Open implements fs.FS.
func (l listed) Open(name string) (fs.File, error) {
	for part := range strings.SplitSeq(name, "/") {
		if strings.HasPrefix(part, ".") && part != "." {
			return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
		}
	}
	f, err := l.FS.Open(name)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		index, missing := fs.Stat(l.FS, strings.TrimPrefix(name+"/index.html", "./"))
		if missing != nil || index.IsDir() {
			err = &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
		}
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
