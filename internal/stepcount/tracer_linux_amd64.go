package stepcount

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Requests that package syscall has no names for: ptrace(2).
const (
	seize      = 0x4206
	interrupt  = 0x4207
	allThreads = 0x40000000 // __WALL of wait4(2)
)

// traced is the second process. All its methods are called on the thread that made it.
type traced struct {
	cmd  *exec.Cmd
	out  *os.File // what it prints
	told *os.File
	goOn *os.File
	late *time.Timer // ends it after patience

	begun time.Time
	tid   int          // of the thread that is counted
	held  map[int]bool // all threads that are traced
}

// start starts this binary again, to run one test.
func start(test string) (*traced, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	out, err := os.CreateTemp("", "stepcount")
	if err != nil {
		return nil, err
	}
	told, tell, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	wait, goOn, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer tell.Close()
	defer wait.Close()
	cmd := exec.Command(self, "-test.run="+only(test), "-test.count=1")
	cmd.Env = append(os.Environ(), variable+"="+test, "GODEBUG="+godebug, "GOGC=off", "GOMAXPROCS=1")
	cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = out, out, []*os.File{tell, wait}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	p := &traced{cmd: cmd, out: out, told: told, goOn: goOn, begun: time.Now(), held: map[int]bool{}}
	if err := cmd.Start(); err != nil {
		_ = os.Remove(out.Name())
		return nil, err
	}
	p.late = time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
	return p, nil
}

// only is the pattern of one test, or subtest.
func only(test string) string {
	var parts []string
	for part := range strings.SplitSeq(test, "/") {
		parts = append(parts, "^"+regexp.QuoteMeta(part)+"$")
	}
	return strings.Join(parts, "/")
}

// hold stops all threads of the process but the one that is counted: one of them would interrupt it after ten milliseconds.
func (p *traced) hold() error {
	var line [16]byte
	n, err := p.told.Read(line[:])
	if err != nil {
		return fmt.Errorf("the counted process did not come to it: %w", err)
	}
	if p.tid, err = strconv.Atoi(strings.TrimSpace(string(line[:n]))); err != nil {
		return err
	}
	for fresh := true; fresh; { // a thread may begin another one until it is stopped
		fresh = false
		tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", p.cmd.Process.Pid))
		if err != nil {
			return err
		}
		for _, task := range tasks {
			tid, _ := strconv.Atoi(filepath.Base(task))
			if p.held[tid] {
				continue
			}
			fresh = true
			if err := p.stop(tid); err != nil {
				return err
			}
		}
	}
	if _, err := p.goOn.Write([]byte{1}); err != nil {
		return err
	}
	_, err = p.wait(p.tid)
	return err
}

// stop traces a thread, and stops it unless it is the one.
func (p *traced) stop(tid int) error {
	if err := ptrace(seize, tid); err != nil {
		return fmt.Errorf("ptrace is not permitted here: %w", err)
	}
	p.held[tid] = true
	if tid == p.tid {
		return nil
	}
	if err := ptrace(interrupt, tid); err != nil {
		return err
	}
	_, err := p.wait(tid)
	return err
}

// section lets the process run into the next section, and counts the steps to its end.
func (p *traced) section() (int, error) {
	if err := p.until(func() error { return ptrace(syscall.PTRACE_CONT, p.tid) }); err != nil {
		return 0, err
	}
	n := 0
	err := p.until(func() error {
		if n++; n > most {
			return errors.New("it goes on and on")
		}
		return ptrace(syscall.PTRACE_SINGLESTEP, p.tid)
	})
	return n, err
}

// until moves the thread again and again until it marks.
func (p *traced) until(move func() error) error {
	for {
		if err := move(); err != nil {
			return err
		}
		signal, err := p.wait(p.tid)
		if err != nil || signal == syscall.SIGSTOP {
			return err
		}
	}
}

func ptrace(request, tid int) error {
	if _, _, errno := syscall.RawSyscall6(syscall.SYS_PTRACE, uintptr(request), uintptr(tid), 0, 0, 0, 0); errno != 0 {
		return errno
	}
	return nil
}

// wait waits until a thread stops. If it ends instead, it is not traced any more. Of the first thread of a process no end is seen before that of
// all others, so that it is asked for now and then.
func (p *traced) wait(tid int) (syscall.Signal, error) {
	var status syscall.WaitStatus
	options := allThreads
	if tid == p.cmd.Process.Pid {
		options |= syscall.WNOHANG
	}
	for {
		got, err := syscall.Wait4(tid, &status, options, nil)
		switch {
		case err == syscall.EINTR:
		case err != nil:
			return 0, err
		case got == tid && status.Stopped():
			return status.StopSignal(), nil
		case got == tid || time.Since(p.begun) > patience:
			delete(p.held, tid)
			return 0, errors.New("the counted process has ended, or took too long")
		default:
			time.Sleep(time.Millisecond)
		}
	}
}

// end ends the process, and takes notice of the end of all of its threads.
func (p *traced) end() {
	p.late.Stop()
	_ = p.cmd.Process.Kill()
	for tid := range p.held {
		for tid != p.cmd.Process.Pid && p.held[tid] { // it may tell of a stop before
			if _, err := p.wait(tid); err != nil {
				break
			}
		}
	}
	_ = p.cmd.Wait()
	for _, f := range []*os.File{p.told, p.goOn, p.out} {
		_ = f.Close()
	}
	_ = os.Remove(p.out.Name())
}

// fault adds what the process has printed.
func (p *traced) fault(err error) error {
	text := make([]byte, 4096)
	n, readErr := p.out.ReadAt(text, 0)
	if readErr != nil && !errors.Is(readErr, io.EOF) {
		err = errors.Join(err, readErr)
	}
	return fmt.Errorf("count instructions: %w; it printed: %s", err, text[:n])
}
