//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

// process is a program that runs beside the measurement, with its children.
type process struct {
	cmd  *exec.Cmd
	log  string
	done chan struct{}
}

// start starts a program in a process group of its own.
func (s *site) start(name string, env []string, program string, args ...string) (*process, error) {
	p := &process{cmd: exec.Command(program, args...), log: s.path(name + ".out"), done: make(chan struct{})}
	out, err := os.Create(p.log)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	p.cmd.Env, p.cmd.Stdout, p.cmd.Stderr, p.cmd.Dir = append(os.Environ(), env...), out, out, s.dir
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { _ = p.cmd.Wait(); close(p.done) }()
	s.running = append(s.running, p)
	return p, nil
}

// listening waits until something accepts at address, or the process has ended.
func (p *process) listening(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		conn, err := net.DialTimeout("tcp", address, time.Second)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-p.done:
			text, _ := os.ReadFile(p.log)
			return fmt.Errorf("it ended: %v\n%.3000s", p.cmd.ProcessState, text)
		case <-ctx.Done():
			text, _ := os.ReadFile(p.log)
			return fmt.Errorf("it does not listen on %s\n%.3000s", address, text)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// stop ends the process with its children.
func (p *process) stop() {
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(5 * time.Second):
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
		<-p.done
	}
}

// usage is what a group of processes has used.
type usage struct {
	cpu time.Duration // user and system, of all that are alive
	memory
}

// usage adds up the processes of the group (proc(5): stat field 5; status VmHWM, VmRSS, RssFile).
func (p *process) usage() (u usage, err error) {
	members, err := p.members()
	if err != nil {
		return u, err
	}
	for _, pid := range members {
		cpu, err := processorTime(pid)
		if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ESRCH) {
			continue // it has just ended
		}
		if err != nil {
			return u, err
		}
		u.cpu += cpu
		u.memory = u.memory.plus(memoryOf(pid))
	}
	return u, nil
}

// members are the ids of the group's processes. It is an error where there are none.
func (p *process) members() (all []int, err error) {
	entries, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		text, err := os.ReadFile(entry)
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
			continue
		}
		if err != nil {
			return nil, err
		}
		fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:])) // from the third on: a name may hold anything
		if len(fields) < 3 || fields[5-3] != strconv.Itoa(p.cmd.Process.Pid) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(entry)))
		if err != nil {
			return nil, err
		}
		all = append(all, pid)
	}
	if len(all) == 0 {
		return nil, errors.New("the process is gone")
	}
	return all, nil
}

// processorTime is what all threads of a process have used, those that have ended included, in nanoseconds and not in ticks: the kernel has a clock for each
// process, whose number is made of the process id (clock_getcpuclockid(3)).
func processorTime(pid int) (time.Duration, error) {
	const scheduled = 2 // CPUCLOCK_SCHED
	return clock(^pid<<3 | scheduled)
}

// threadTime is what the calling thread has used; the caller must have locked it.
func threadTime() (time.Duration, error) { return clock(unixThreadClock) }

const unixThreadClock = 3 // CLOCK_THREAD_CPUTIME_ID

func clock(number int) (time.Duration, error) {
	var t syscall.Timespec
	if _, _, e := syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, uintptr(number), uintptr(unsafe.Pointer(&t)), 0); e != 0 {
		return 0, fmt.Errorf("clock_gettime: %w", e)
	}
	return time.Duration(t.Nano()), nil
}

// memory is where a group of processes is, in bytes.
type memory struct {
	peak     int64 // resident at most
	resident int64
	mapped   int64 // of resident: pages of files, the program's own among them, which the kernel can take back
}

func (m memory) plus(n memory) memory {
	return memory{m.peak + n.peak, m.resident + n.resident, m.mapped + n.mapped}
}

func memoryOf(pid int) (m memory) {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		kib, _ := strconv.ParseInt(fields[1], 10, 64)
		switch fields[0] {
		case "VmHWM:":
			m.peak = kib << 10
		case "VmRSS:":
			m.resident = kib << 10
		case "RssFile:":
			m.mapped = kib << 10
		}
	}
	return m
}
