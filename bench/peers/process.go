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
)

// clockTick is how the kernel counts in /proc/PID/stat: 100 a second on every Linux that Go runs on.
const clockTick = 10 * time.Millisecond

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
	cpu      time.Duration // user and system, of all that are alive
	peak     int64         // bytes resident at most, added up
	resident int64
}

// usage adds up the processes of the group (proc(5): stat fields 5, 14, 15; status VmHWM, VmRSS).
func (p *process) usage() (u usage, err error) {
	entries, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return u, err
	}
	found := false
	for _, entry := range entries {
		text, err := os.ReadFile(entry)
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
			continue
		}
		if err != nil {
			return u, err
		}
		fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:])) // from the third on: a name may hold anything
		if len(fields) < 13 || fields[5-3] != strconv.Itoa(p.cmd.Process.Pid) {
			continue
		}
		found = true
		for _, i := range []int{14 - 3, 15 - 3} {
			n, err := strconv.ParseInt(fields[i], 10, 64)
			if err != nil {
				return u, err
			}
			u.cpu += time.Duration(n) * clockTick
		}
		peak, resident := memory(filepath.Dir(entry))
		u.peak, u.resident = u.peak+peak, u.resident+resident
	}
	if !found {
		return u, errors.New("the process is gone")
	}
	return u, nil
}

func memory(dir string) (peak, resident int64) {
	text, _ := os.ReadFile(filepath.Join(dir, "status"))
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		kib, _ := strconv.ParseInt(fields[1], 10, 64)
		switch fields[0] {
		case "VmHWM:":
			peak = kib << 10
		case "VmRSS:":
			resident = kib << 10
		}
	}
	return peak, resident
}
