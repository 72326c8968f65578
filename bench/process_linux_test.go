package bench_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// clockTick is how the kernel counts in /proc/PID/stat: 100 a second on every Linux that Go runs on.
const clockTick = 10 * time.Millisecond

// process is a peer that runs beside the benchmark.
type process struct {
	cmd *exec.Cmd
	out *bufio.Reader
}

// run starts a program and ends it with the benchmark.
func run(tb testing.TB, env []string, name string, args ...string) *process {
	tb.Helper()
	p := &process{cmd: exec.Command(name, args...)}
	p.cmd.Env = append(os.Environ(), env...)
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	log, err := os.Create(filepath.Join(tb.TempDir(), "stderr"))
	if err != nil {
		tb.Fatal(err)
	}
	defer log.Close()
	p.cmd.Stderr, p.out = log, bufio.NewReader(out)
	if err := p.cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		_ = p.cmd.Process.Signal(os.Interrupt)
		_ = p.cmd.Wait() // the bare proxy ends by the signal itself
		if text, _ := os.ReadFile(log.Name()); tb.Failed() {
			tb.Logf("%s: %v\n%.2000s", name, p.cmd.ProcessState, text)
		}
	})
	return p
}

// url is the last word of the first line that a process prints.
func (p *process) url(tb testing.TB) string {
	tb.Helper()
	line, err := p.out.ReadString('\n')
	words := strings.Fields(line)
	if err != nil || len(words) == 0 {
		tb.Fatalf("%s said %q: %v", p.cmd.Path, line, err)
	}
	return words[len(words)-1]
}

// cpu is the time that a process has spent on a processor, its own and the kernel's (proc(5), fields 14 and 15).
func (p *process) cpu(tb testing.TB) time.Duration {
	tb.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		tb.Fatal(err)
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:])) // from the third on: a name may hold anything
	var ticks time.Duration
	for _, i := range []int{14 - 3, 15 - 3} {
		n, err := strconv.Atoi(fields[i])
		if err != nil {
			tb.Fatal(err)
		}
		ticks += time.Duration(n)
	}
	return ticks * clockTick
}

// built is the binary, made once in a run. TestMain removes it.
var built struct {
	once sync.Once
	dir  string
	err  error
}

// countersign builds the binary.
func countersign(tb testing.TB) string {
	tb.Helper()
	built.once.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "countersign-bench"); built.err != nil {
			return
		}
		build := exec.Command("go", "build", "-trimpath", "-o", filepath.Join(built.dir, "countersign"), "./cmd/countersign")
		build.Dir, build.Env = "..", append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			built.err = fmt.Errorf("%w\n%s", err, out)
		}
	})
	if built.err != nil {
		tb.Fatalf("build: %v", built.err)
	}
	return filepath.Join(built.dir, "countersign")
}
