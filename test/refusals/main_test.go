package refusals

import (
	"flag"
	"fmt"
	"os"
	"sync"
	"testing"

	"penstock/test/process"
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

var buildBinary = sync.OnceValues(func() (string, error) { return process.Penstock(workDir) })
