package refusals

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// workDir holds the binary under test.
var workDir string

// atOnce is how many clients run at the same time: they mostly wait for answers, not for the processor.
const atOnce = "6"

func TestMain(m *testing.M) {
	flag.Parse()
	dir, err := os.MkdirTemp("", "penstock-refusals-")
	if err == nil {
		err = flag.Set("test.parallel", atOnce)
	}
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
}

// root is the folder of the module; tests run in their package's folder.
func root() string {
	dir, err := filepath.Abs("../..")
	if err != nil {
		panic(err)
	}
	return dir
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
