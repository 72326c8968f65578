package stepcount

import (
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	// turns is how often a piece of code is counted in one process. Maps and pools let a few instructions more or less be needed.
	turns = 5
	// most bounds the instructions of a piece of code.
	most = 1_000_000
	// patience bounds one process, in which a step takes some microseconds.
	patience = 30 * time.Second
	// tries is how often it is begun anew: threads that are stopped may hold what the counted one waits for.
	tries = 2

	variable = "COUNTERSIGN_STEPCOUNT" // the name of the test that is to be counted
)

// godebug keeps the runtime from interrupting what is counted, and lets it take the same ways through memory on all machines.
const godebug = "asyncpreemptoff=1,cpu.avx2=off,cpu.avx512f=off,cpu.erms=off,cpu.fsrm=off"

// Least returns how many instructions run goes through, the least of several turns: what is more comes from maps, whose order
// differs from process to process. run is called some hundred times before, so that what is made once is made. It must
// come back without waiting for another goroutine, and must not call t.
//
// A test calls it once, after it has prepared everything and before it compares anything: the test is run in a second process as well,
// which ends within Least. Where counting is not permitted (a container without ptrace), t is skipped, and fails where CI is "true". Not
// for tests with the race detector or with coverage: they count what these add.
func Least(t testing.TB, run func()) int {
	t.Helper()
	if os.Getenv(variable) == t.Name() {
		beCounted(run)
	}
	var fault error
	for range tries {
		var all []int
		all, fault = count(t.Name())
		if fault == nil {
			return slices.Min(all)
		}
		t.Log(fault)
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("instructions cannot be counted here, and nothing may be skipped in CI: %v", fault)
	}
	t.Skipf("instructions cannot be counted here: %v", fault)
	return 0
}

// count lets another process of this binary run one test, and returns the figures of all turns.
func count(test string) ([]int, error) {
	runtime.LockOSThread() // a thread is traced by a thread
	defer runtime.UnlockOSThread()
	p, err := start(test)
	if err != nil {
		return nil, err
	}
	defer p.end()
	if err := p.hold(); err != nil {
		return nil, p.fault(err)
	}
	empty, err := p.section()
	if err != nil {
		return nil, p.fault(err)
	}
	all := make([]int, turns)
	for i := range all {
		n, err := p.section()
		if err != nil {
			return nil, p.fault(err)
		}
		all[i] = n - empty
	}
	return all, nil
}

// Bound is how many instructions a piece of code may go through. A processor that computes SHA-256 itself needs far fewer for
// anything that is signed or chained, so that there are two bounds. Neither may be zero.
type Bound struct {
	SHA   int // where it does
	NoSHA int // where it does not
}

// AtMost fails t where run goes through more instructions than it may; see Least.
func AtMost(t testing.TB, bound Bound, run func()) {
	t.Helper()
	n := Least(t, run)
	most, kind := bound.NoSHA, "without"
	if hasSHA() {
		most, kind = bound.SHA, "with"
	}
	t.Logf("%d instructions, at most %d %s SHA-256 in the processor", n, most, kind)
	if n > most {
		t.Errorf("%d instructions, at most %d are allowed: find the cause (perf, or the assembly of what changed), or raise the bound and say why", n, most)
	}
}

// hasSHA reports whether Go's implementation of SHA-256 finds the instructions that it needs.
func hasSHA() bool {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(text)) {
		if name, flags, _ := strings.Cut(line, ":"); strings.TrimSpace(name) == "flags" {
			has := strings.Fields(flags)
			return slices.Contains(has, "sha_ni") && slices.Contains(has, "avx") && slices.Contains(has, "sse4_1") && slices.Contains(has, "ssse3")
		}
	}
	return false
}
