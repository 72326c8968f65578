package e2e_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// disk is a file system of its own in a file, which can fail as a real one does: after a fault the kernel lets nobody write to it
// any more, those included who have files open.
type disk struct{ image, dir string }

// newDisk mounts one; ok is false where this machine or this user cannot.
func newDisk(t *testing.T) (d disk, ok bool) {
	t.Helper()
	d = disk{filepath.Join(t.TempDir(), "image"), t.TempDir()}
	if os.Getuid() != 0 || os.WriteFile(d.image, nil, 0o600) != nil || os.Truncate(d.image, 64<<20) != nil {
		return d, false
	}
	if exec.Command("mkfs.ext4", "-q", "-F", d.image).Run() != nil || d.mount() != nil {
		return d, false
	}
	t.Cleanup(d.unmount)
	if d.trigger() == "" {
		d.unmount()
		return d, false
	}
	return d, true
}

func (d disk) mount() error {
	return exec.Command("mount", "-o", "loop,errors=remount-ro", d.image, d.dir).Run()
}

func (d disk) unmount() { _ = exec.Command("umount", "-l", d.dir).Run() }

// trigger is the file through which the kernel is told that the disk has a fault; empty: there is none.
func (d disk) trigger() string {
	device, err := exec.Command("findmnt", "-n", "-o", "SOURCE", d.dir).Output()
	if err != nil {
		return ""
	}
	path := "/sys/fs/ext4/" + filepath.Base(strings.TrimSpace(string(device))) + "/trigger_fs_error"
	if _, err := os.Stat(path); err != nil {
		return ""
	}
	return path
}

// TestReadOnlyDisk: the disk of the data folder turns read-only under a server at work. Nothing that the record might not show is
// forwarded, no write goes through without its claim; /readyz tells which parts are concerned; commands say what is wrong; the server
// still ends in order. When the disk is repaired everything goes on, and the record verifies.
//
// Where no disk can be made, a limit on the size of files stands for it: files that are there can then be written over, but
// not grow.
func TestReadOnlyDisk(t *testing.T) {
	dir, real := newDisk(t)
	if !real {
		dir.dir = t.TempDir()
	}
	s := newSiteIn(t, filepath.Join(dir.dir, "site"))
	s.cert, s.key = certificate(t) // not on that disk
	s.settings["DECISIONS"] = "{when_full: refuse}"
	d := s.serve(t)
	once := patch("once").raw(d.Environments[sandbox])
	d.ask(t, sandbox, once).want(t, 200)
	token := d.token(t, sandbox)
	var before uint64
	if real {
		// The journal is not synced for each claim (SECURITY.md), and such a fault takes what was not.
		if out, err := exec.Command("sync", "-f", dir.dir).CombinedOutput(); err != nil {
			t.Fatal(string(out), err)
		}
		if err := os.WriteFile(dir.trigger(), []byte("1"), 0); err != nil {
			t.Fatal(err)
		}
	} else {
		before = d.rlimit(t, syscall.RLIMIT_FSIZE, 1)
	}
	requests, bytes := s.upstream.mark()
	d.signed(t, sandbox, patch("unclaimed")).want(t, 503)
	d.until(t, "/readyz", 503, `"name":"records","state":"failing"`)
	if real {
		d.until(t, "/readyz", 503, `"name":"disk","state":"failing"`)
		said, code := s.operate(t, "partner", "add", "Nobody")
		if code != 2 || !strings.Contains(said, "hint: ") {
			t.Errorf("a change on a read-only disk: exit code %d\n%s", code, said)
		}
	}
	mark, length := s.upstream.mark()
	d.signed(t, sandbox, get("unrecorded")).want(t, 503)
	if seen, _ := s.upstream.since(mark, length); len(seen) > 0 {
		t.Error("a request was forwarded that the record might not show")
	}
	for _, seen := range first(s.upstream.since(requests, bytes)) {
		if seen.method == "PATCH" {
			t.Error("a write went through without its claim")
		}
	}
	if a := d.called(t, sandbox, authentication(d.Environments[sandbox], "wrong-secret-9")); a.status/100 == 2 {
		t.Errorf("a wrong secret that cannot be counted: %s", a)
	}

	if real {
		mustStop(t, d)
		dir.unmount()
		_ = exec.Command("e2fsck", "-fy", dir.image).Run() // it says with its exit code that it repaired something
		if err := dir.mount(); err != nil {
			t.Fatal(err)
		}
		d = s.serve(t)
	} else {
		d.rlimit(t, syscall.RLIMIT_FSIZE, before)
	}
	d.until(t, "/readyz", 200, `"ready":true`)
	d.ask(t, sandbox, once).want(t, 409)
	d.signed(t, sandbox, patch("again")).want(t, 200)
	d.called(t, sandbox, tokenCall{method: "GET", path: "/v1/customers", token: token}).want(t, 200)
	s.must(t, "audit", "verify")
}

// first is the requests of what a recorder has seen.
func first(seen []*seen, _ string) []*seen { return seen }
