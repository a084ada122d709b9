package e2e

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
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

// needs skips the test unless end-to-end tests are wanted, and fails it when a program is missing.
func needs(t *testing.T, programs ...string) {
	t.Helper()
	if os.Getenv("PENSTOCK_E2E") == "" {
		t.Skip("SKIPPED: real clients are asked only with PENSTOCK_E2E=1 (make e2e)")
	}
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			t.Fatalf("%v; scripts/setup installs what these tests need", err)
		}
	}
	if _, err := os.Stat(filepath.Join(root(), "test", "node_modules", "rtmp-client")); err != nil {
		t.Fatal("test/node_modules is missing; scripts/setup installs it")
	}
}

// root is the folder of the module; tests run in their package's folder.
func root() string {
	dir, err := filepath.Abs("../..")
	if err != nil {
		panic(err)
	}
	return dir
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

var buildBinary = sync.OnceValues(func() (string, error) {
	if path := os.Getenv("PENSTOCK_BIN"); path != "" {
		return path, nil
	}
	path := filepath.Join(workDir, "penstock")
	args := []string{"build", "-o", path}
	if os.Getenv("PENSTOCK_E2E_RACE") != "" {
		args = append(args, "-race")
	}
	cmd := exec.Command("go", append(args, "./cmd/penstock")...)
	cmd.Dir = root()
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", errors.New("building penstock: " + string(out))
	}
	return path, nil
})
