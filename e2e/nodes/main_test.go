// Package nodes_test drives three processes of the real binary on three loopback addresses, with one PostgreSQL and one Redis behind them,
// while these are killed, paused, cut off and restarted, and while one of the three has another time. It owns the proof that nodes
// together keep what one node promises: nothing that was acknowledged is lost, no write is let in twice, and nothing forged passes.
// It refuses to take the nodes' word for that: what got through is counted where it arrives, at an upstream of its own. The attack is a
// captured request that is sent to another node, at once, in the middle of a fault, or behind it.
package nodes_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"countersign.dev/internal/store/postgrestest"
)

// patience is how long anything may take that has to happen; only what is broken takes it.
const patience = 60 * time.Second

var (
	scratch  string               // the folder of one run: programs, data of the nodes
	database *postgrestest.Server // nil where there is none
	watched  *watch               // ends what a run leaves behind that is killed
)

func TestMain(m *testing.M) {
	if os.Getenv(watchVariable) != "" {
		guard(os.Stdin)
		return
	}
	os.Exit(runAll(m))
}

func runAll(m *testing.M) int {
	var err error
	if watched, err = startWatch(); err != nil {
		fmt.Fprintln(os.Stderr, "start the process that cleans up:", err)
		return 1
	}
	defer watched.end()
	if scratch, err = os.MkdirTemp("", "cs-nodes-"); err != nil {
		fmt.Fprintln(os.Stderr, "make the scratch folder:", err)
		return 1
	}
	watched.over(scratch)
	defer os.RemoveAll(scratch)
	// Everything that is started works below this folder; PostgreSQL, which is not started by root, passes through it.
	if err := errors.Join(os.Chmod(scratch, 0o711), os.Setenv("TMPDIR", scratch)); err != nil {
		fmt.Fprintln(os.Stderr, "prepare the scratch folder:", err)
		return 1
	}
	return postgrestest.Run(m, func(server *postgrestest.Server) { database = server })
}

// program builds the binary as it is shipped, without cgo, once for all tests.
var program = sync.OnceValues(func() (string, error) { return compile("countersign") })

// successor builds the next version of it: its register has one more version, with a table and a column that the present one does not
// know. It has a clock that tests can set, too.
var successor = sync.OnceValues(func() (string, error) {
	overlay, err := nextSchema()
	if err != nil {
		return "", err
	}
	return compile("countersign-next", "-tags", "testclock", "-overlay", overlay)
})

func compile(name string, flags ...string) (string, error) {
	path := filepath.Join(scratch, name)
	cmd := exec.Command("go", append(append([]string{"build"}, flags...), "-o", path, "./cmd/countersign")...)
	cmd.Dir = filepath.Join("..", "..")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build %v ./cmd/countersign: %w\n%s", flags, err, out)
	}
	return path, nil
}

func built(t testing.TB, build func() (string, error)) string {
	t.Helper()
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// eventually waits until something is so. What it waits for is looked at every few milliseconds.
func eventually(t testing.TB, what string, so func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for begun := time.Now(); !so(); <-tick.C {
		if time.Since(begun) > patience {
			t.Fatalf("%s: not within %s", what, patience)
		}
	}
}
