//go:build !race

package stepcount_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"countersign.dev/internal/stepcount"
)

var sink int

//go:noinline
func loop(n int) {
	for i := range n {
		sink += i
	}
}

// TestInstructionsOfALoop: two loops differ by what they do, to the instruction, and the same one costs the same each time.
func TestInstructionsOfALoop(t *testing.T) {
	counts := map[string]int{}
	for name, n := range map[string]int{"none": 0, "hundred": 100, "thousand": 1000} {
		t.Run(name, func(t *testing.T) { counts[name] = stepcount.Least(t, func() { loop(n) }) })
	}
	t.Log(counts)
	each := counts["thousand"] - counts["hundred"]
	if each%900 != 0 || each < 900 || each > 9000 || counts["none"] < 1 {
		t.Errorf("%v: 900 times more are %d instructions more", counts, each)
	}
}

// judged is a test whose failure is looked at.
type judged struct {
	testing.TB
	failed bool
}

func (j *judged) Errorf(string, ...any) { j.failed = true }

// TestInstructionsBeyondTheBoundFail, and those within it do not.
func TestInstructionsBeyondTheBoundFail(t *testing.T) {
	for name, c := range map[string]struct {
		bound int
		fails bool
	}{"at it": {2014, false}, "beyond it": {2013, true}} {
		t.Run(name, func(t *testing.T) {
			j := &judged{TB: t}
			stepcount.AtMost(j, stepcount.Bound{SHA: c.bound, NoSHA: c.bound}, func() { loop(500) })
			if j.failed != c.fails {
				t.Errorf("failed %t", j.failed)
			}
		})
	}
}

// TestInstructionsThatCannotBeCountedAreNoPass: what ends, or never ends, is told with what it printed, and fails in CI.
func TestInstructionsThatCannotBeCountedAreNoPass(t *testing.T) {
	t.Setenv("CI", "true")
	j := &fatal{TB: t}
	func() {
		defer func() { _ = recover() }()
		stepcount.Least(j, func() {
			fmt.Println("broken on purpose")
			os.Exit(7)
		})
	}()
	if !strings.Contains(j.said, "broken on purpose") {
		t.Errorf("said %q", j.said)
	}
}

// fatal is a test whose end is looked at.
type fatal struct {
	testing.TB
	said string
}

func (f *fatal) Fatalf(format string, args ...any) {
	f.said = fmt.Sprintf(format, args...)
	panic("ended")
}
