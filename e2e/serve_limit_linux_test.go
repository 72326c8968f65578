package e2e_test

import (
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"
)

// rlimit sets a soft limit of a running process (prlimit(2)) and returns what it was. The hard one stays.
func (d *dev) rlimit(t *testing.T, resource int, soft uint64) (before uint64) {
	t.Helper()
	var was syscall.Rlimit
	call := func(next *syscall.Rlimit) {
		t.Helper()
		_, _, errno := syscall.RawSyscall6(syscall.SYS_PRLIMIT64, uintptr(d.cmd.Process.Pid), uintptr(resource), uintptr(unsafe.Pointer(next)), uintptr(unsafe.Pointer(&was)), 0, 0)
		if errno != 0 {
			t.Fatalf("prlimit: %v", errno)
		}
	}
	call(nil)
	call(&syscall.Rlimit{Cur: min(soft, was.Max), Max: was.Max})
	return was.Cur
}

// TestFullDisk: while nothing can be written, no request is forwarded that the record might not show, no write without its claim in
// the journal, and no secret is tried without being counted; /readyz says so. When there is room again everything goes on by
// itself, the record is whole, and a write that was let in before is still refused.
//
// A limit on the size of files stands for the full disk: to whoever writes they look alike.
func TestFullDisk(t *testing.T) {
	for name, mode := range map[string]string{"refuse": "{when_full: refuse}", "gap": "{when_full: gap}", "sync": "{when_full: refuse, durability: sync}"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.settings["DECISIONS"] = mode
			d := s.serve(t)
			once := patch("once").raw(d.Environments[sandbox])
			d.ask(t, sandbox, once).want(t, 200)
			token := d.token(t, sandbox)
			before, unrecorded := d.rlimit(t, syscall.RLIMIT_FSIZE, 1), "none"
			d.signed(t, sandbox, patch("full")).want(t, 503)
			if !strings.Contains(mode, "gap") {
				d.until(t, "/readyz", 503, `"name":"records","state":"failing"`)
				requests, bytes := s.upstream.mark()
				d.signed(t, sandbox, get("full")).want(t, 503)
				if seen, _ := s.upstream.since(requests, bytes); len(seen) > 0 {
					t.Error("a request was forwarded without a record")
				}
			} else {
				unrecorded = d.signed(t, sandbox, get("full")).want(t, 200).requestID()
			}
			if a := d.called(t, sandbox, authentication(d.Environments[sandbox], "wrong-secret-9")); a.status/100 == 2 {
				t.Errorf("a wrong secret on a full disk: %s", a)
			}
			d.until(t, "/readyz", 503, `"state":"failing"`)

			d.rlimit(t, syscall.RLIMIT_FSIZE, before)
			d.until(t, "/readyz", 200, `"ready":true`)
			d.signed(t, sandbox, get("room")).want(t, 200)
			d.signed(t, sandbox, patch("room")).want(t, 200)
			d.called(t, sandbox, tokenCall{method: "GET", path: "/v1/customers", token: token}).want(t, 200)
			d.ask(t, sandbox, once).want(t, 409)
			mustStop(t, d)
			text, err := os.ReadFile(d.DecisionLog)
			if err != nil {
				t.Fatal(err)
			}
			if unrecorded != "none" && !strings.Contains(string(text), unrecorded) && !strings.Contains(string(text), `"gap"`) {
				t.Error("a line is missing, and no gap tells it")
			}
		})
	}
}

// descriptors is how many files the server has open.
func (d *dev) descriptors(t *testing.T) uint64 {
	t.Helper()
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", d.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	return uint64(len(entries))
}

// TestNoFileDescriptorsLeft: connections that are there go on; new ones wait, and come in when others have gone; the server neither
// ends nor spins.
func TestNoFileDescriptorsLeft(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	d := s.serve(t)
	kept := d.dial(t, sandbox, "http/1.1")
	ask := func() {
		t.Helper()
		kept.send(get("kept").raw(d.Environments[sandbox]))
		if a, err := kept.read("GET"); err != nil || a.status != 200 {
			t.Fatalf("the connection that was there: %v, %v", a, err)
		}
	}
	ask()
	before := d.rlimit(t, syscall.RLIMIT_NOFILE, d.descriptors(t)+4)
	var crowd []net.Conn
	for range 40 {
		c, err := net.Dial("tcp", d.Environments[sandbox].address())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		crowd = append(crowd, c)
	}
	for begun := time.Now(); !contains(d.stderr, "too many open files"); time.Sleep(10 * time.Millisecond) {
		if time.Since(begun) > startLimit {
			t.Fatalf("the limit was not met: %s", d.stderr)
		}
	}
	for range 20 {
		ask()
	}
	if n := strings.Count(d.stderr.String(), "too many open files"); n > 200 {
		t.Errorf("%d complaints within a moment: accepting does not back off", n)
	}
	for _, c := range crowd {
		_ = c.Close()
	}
	d.signed(t, sandbox, get("after")).want(t, 200)
	d.rlimit(t, syscall.RLIMIT_NOFILE, before)
	d.until(t, "/readyz", 200, `"ready":true`)
	ask()
}
