//go:build linux

package main

import (
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"time"
)

// wrk sends the same request again and again: the lightest caller there is, so that the peer has the processors.
func (s *site) wrk(ctx context.Context, p *peer, f *form, l load) (outcome, error) {
	args := []string{"-t1", "-c" + strconv.Itoa(l.conns), "-d" + strconv.Itoa(max(1, int(l.length.Seconds()))) + "s"}
	for _, h := range f.headers() {
		args = append(args, "-H", h)
	}
	start := time.Now()
	cmd := exec.CommandContext(ctx, "wrk", append(args, "-H", "Host: localhost", "https://"+p.address+f.target)...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return outcome{}, fmt.Errorf("wrk: %w\n%s", err, out)
	}
	n, err := counted(out, `(\d+) requests in`)
	if err == nil && regexp.MustCompile(`Non-2xx|Socket errors: .*(connect|read|write|timeout) [1-9]`).Match(out) {
		err = fmt.Errorf("wrk: not every request was answered well\n%s", out)
	}
	return outcome{requests: n, elapsed: time.Since(start), caller: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()}, err
}

// h2load does the same over HTTP/2, ten streams at once on each connection.
func (s *site) h2load(ctx context.Context, p *peer, f *form, l load) (outcome, error) {
	args := []string{"-D", strconv.Itoa(max(1, int(l.length.Seconds()))), "-t1", "-c" + strconv.Itoa(l.conns), "-m10"}
	for _, h := range f.headers() {
		args = append(args, "-H", h)
	}
	start := time.Now()
	cmd := exec.CommandContext(ctx, "h2load", append(args, "--connect-to="+p.address, "https://localhost"+f.target)...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return outcome{}, fmt.Errorf("h2load: %w\n%s", err, out)
	}
	n, err := counted(out, `status codes: (\d+) 2xx, 0 3xx, 0 4xx, 0 5xx`)
	if err != nil {
		return outcome{}, fmt.Errorf("h2load: not every request was answered well\n%s", out)
	}
	return outcome{requests: n, elapsed: time.Since(start), caller: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()}, nil
}

func counted(out []byte, pattern string) (int64, error) {
	found := regexp.MustCompile(pattern).FindSubmatch(out)
	if found == nil {
		return 0, fmt.Errorf("no count in\n%s", out)
	}
	return strconv.ParseInt(string(found[1]), 10, 64)
}
