package process

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Needs skips the test unless tests with real clients are wanted (PENSTOCK_E2E), and fails it when a program is missing.
func Needs(t testing.TB, programs ...string) {
	t.Helper()
	if os.Getenv("PENSTOCK_E2E") == "" {
		t.Skip("SKIPPED: real clients are asked only with PENSTOCK_E2E=1 (make e2e)")
	}
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			t.Fatalf("%v; scripts/setup installs what these tests need", err)
		}
	}
}

// Root is the folder of the module, for tests two folders below it: tests run in their package's folder.
func Root() string {
	dir, err := filepath.Abs("../..")
	if err != nil {
		panic(err)
	}
	return dir
}

// Penstock returns the path of the binary under test: PENSTOCK_BIN, or else one that it builds in dir, with the race detector when
// PENSTOCK_E2E_RACE is set. Building takes a while: call it once for all tests.
func Penstock(dir string) (string, error) {
	if path := os.Getenv("PENSTOCK_BIN"); path != "" {
		return path, nil
	}
	path := filepath.Join(dir, "penstock")
	args := []string{"build", "-o", path}
	if os.Getenv("PENSTOCK_E2E_RACE") != "" {
		args = append(args, "-race")
	}
	cmd := exec.Command("go", append(args, "./cmd/penstock")...)
	cmd.Dir = Root()
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", errors.New("building penstock: " + string(out))
	}
	return path, nil
}
