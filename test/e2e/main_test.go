package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"penstock/test/process"
)

// workDir holds what is made once for all tests: the binary and the media.
var workDir string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "penstock-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	workDir = dir
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// needs is process.Needs, and wants what npm installs.
func needs(t *testing.T, programs ...string) {
	t.Helper()
	process.Needs(t, programs...)
	if _, err := os.Stat(filepath.Join(process.Root(), "test", "node_modules", "rtmp-client")); err != nil {
		t.Fatal("test/node_modules is missing; scripts/setup installs it")
	}
}

// binary returns the path of the penstock binary under test.
func binary(t *testing.T) string {
	t.Helper()
	path, err := buildBinary()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

var buildBinary = sync.OnceValues(func() (string, error) { return process.Penstock(workDir) })
