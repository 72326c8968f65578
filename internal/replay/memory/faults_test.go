package memory_test

import (
	"errors"
	"slices"
	"syscall"
	"testing"

	"countersign.dev/internal/replay"
	"countersign.dev/internal/replay/memory"
	"countersign.dev/internal/replay/replaytest"
)

// on fails the named operations with err.
func on(err error, ops ...string) func(op, name string) error {
	return func(op, _ string) error {
		if slices.Contains(ops, op) {
			return err
		}
		return nil
	}
}

func unavailable(t *testing.T, g *memory.Guard, key replay.Key, expires, second int64, cause error) {
	t.Helper()
	fresh, err := g.Claim(key, expires, second)
	if fresh || !errors.Is(err, replay.ErrUnavailable) || !errors.Is(err, cause) {
		t.Fatalf("fresh %v, error %v; want ErrUnavailable because of %v", fresh, err, cause)
	}
}

// A disk that is full, read-only or failing: no claim is fresh, whatever part of
// the record it took; when it works again, the same keys can be claimed, and the
// torn parts do no harm to the next start.
func TestRule8FailingDiskRefuses(t *testing.T) {
	for _, c := range []struct {
		name    string
		cause   error
		ops     []string
		durable bool
	}{
		{"full", syscall.ENOSPC, []string{"write", "create"}, false},
		{"full while writing", syscall.ENOSPC, []string{"write"}, false},
		{"read-only", syscall.EROFS, []string{"create", "write", "remove", "rename"}, false},
		{"failing", syscall.EIO, []string{"write", "fsync"}, false},
		{"too many files", syscall.EMFILE, []string{"create"}, true},
		{"quota", syscall.EDQUOT, []string{"write"}, true},
	} {
		for _, partly := range []int{0, 1, 31, 43, 44} {
			t.Run(c.name, func(t *testing.T) {
				d := newDisk()
				dir := t.TempDir()
				g := open(t, memory.Config{Dir: dir, Files: d, Sync: c.durable})
				if !slices.Contains(c.ops, "write") { // else a segment stands already
					replaytest.Fresh(t, g, replaytest.Key(0), now+60, now)
				} else {
					replaytest.Fresh(t, g, replaytest.Key(0), now+300, now)
				}
				d.fail, d.partly = on(c.cause, c.ops...), partly
				for n := 1; n < 5; n++ {
					unavailable(t, g, replaytest.Key(n), now+300, now, c.cause)
					unavailable(t, g, replaytest.Key(n), now+420, now, c.cause)
				}
				d.fail = nil
				for n := 1; n < 5; n++ {
					replaytest.Fresh(t, g, replaytest.Key(n), now+300, now)
					replaytest.Refused(t, g, replaytest.Key(n), now+420, now)
				}
				if g.Len() != 5 {
					t.Errorf("%d keys, want 5: a failed claim keeps no place", g.Len())
				}
				after := open(t, memory.Config{Dir: t.TempDir(), Files: d.copy()})
				for n := 1; n < 5; n++ {
					replaytest.Refused(t, after, replaytest.Key(n), now+420, now)
				}
			})
		}
	}
}

// A process that is killed after a failed write finds the torn part at the end
// and cuts it.
func TestRule8TornWriteOfAFullDiskIsCut(t *testing.T) {
	for partly := range 45 {
		d := newDisk()
		g := open(t, memory.Config{Dir: t.TempDir(), Files: d})
		replaytest.Fresh(t, g, replaytest.Key(1), now+300, now)
		d.fail, d.partly = on(syscall.ENOSPC, "write"), partly
		unavailable(t, g, replaytest.Key(2), now+300, now, syscall.ENOSPC)
		d.fail = nil
		after := open(t, memory.Config{Dir: t.TempDir(), Files: d.copy()})
		replaytest.Refused(t, after, replaytest.Key(1), now+300, now)
		if cut := after.Recovery().CutBytes; partly < 44 && cut != int64(partly) {
			t.Errorf("%d bytes were cut, want %d", cut, partly)
		}
	}
}

// After a failed fsync the kernel may have dropped the pages: the segment is not
// believed again. Other minutes are not affected.
func TestRule8FailedFlushIsNotForgiven(t *testing.T) {
	d := newDisk()
	g := open(t, memory.Config{Dir: t.TempDir(), Files: d, Sync: true})
	replaytest.Fresh(t, g, replaytest.Key(1), now+300, now)
	d.fail = on(syscall.EIO, "fsync")
	unavailable(t, g, replaytest.Key(2), now+300, now, syscall.EIO)
	d.fail = nil
	unavailable(t, g, replaytest.Key(2), now+300, now, syscall.EIO)
	unavailable(t, g, replaytest.Key(3), now+300, now, syscall.EIO)
	replaytest.Refused(t, g, replaytest.Key(1), now+300, now)
	replaytest.Fresh(t, g, replaytest.Key(2), now+360, now)
}

// With Sync a claim is fresh only after fsync of the file and, the first time, of
// the folder.
func TestSyncFlushesBeforeAClaimIsFresh(t *testing.T) {
	d := newDisk()
	g := open(t, memory.Config{Dir: t.TempDir(), Files: d, Sync: true})
	for n, want := range [][]string{
		{"create 0029393765.seg", "write 0029393765.seg", "write 0029393765.seg", "fsync 0029393765.seg", "sync "},
		{"write 0029393765.seg", "fsync 0029393765.seg"},
	} {
		d.log = nil
		replaytest.Fresh(t, g, replaytest.Key(n), now+300, now)
		if !slices.Equal(d.log, want) {
			t.Errorf("claim %d: %q, want %q", n, d.log, want)
		}
	}
}

// Nothing is forgotten, in memory or on disk, before the mark that outlaws it is
// durable.
func TestRule8MarkIsDurableBeforeAnythingIsForgotten(t *testing.T) {
	for _, op := range []string{"write", "fsync"} {
		d := newDisk()
		g := open(t, memory.Config{Dir: t.TempDir(), Files: d})
		replaytest.Fresh(t, g, replaytest.Key(1), now+300, now)
		d.fail = func(o, name string) error {
			if o == op && name == "pruned" {
				return syscall.EIO
			}
			return nil
		}
		replaytest.Fresh(t, g, replaytest.Key(2), now+900, now+600)
		replaytest.Refused(t, g, replaytest.Key(1), now+300, now)
		if _, kept := d.files["0029393765.seg"]; !kept {
			t.Fatal("the segment was deleted although the mark was not saved")
		}
		d.fail, d.log = nil, nil
		replaytest.Fresh(t, g, replaytest.Key(3), now+900, now+601)
		want := []string{"write pruned", "fsync pruned", "write pruned", "fsync pruned", "remove 0029393765.seg", "write 0029393775.seg"}
		if !slices.Equal(d.log, want) {
			t.Errorf("forgetting went %q, want %q", d.log, want)
		}
		after := open(t, memory.Config{Dir: t.TempDir(), Files: d.copy()})
		replaytest.Unknown(t, after, replaytest.Key(1), now+300, now)
	}
}

// A file that cannot be deleted stays behind and revives nothing.
func TestUndeletableSegmentRevivesNothing(t *testing.T) {
	d := newDisk()
	g := open(t, memory.Config{Dir: t.TempDir(), Files: d})
	replaytest.Fresh(t, g, replaytest.Key(1), now+300, now)
	d.fail = on(syscall.EPERM, "remove")
	replaytest.Fresh(t, g, replaytest.Key(2), now+900, now+600)
	d.fail = nil
	replaytest.Unknown(t, g, replaytest.Key(1), now+300, now)
	after := open(t, memory.Config{Dir: t.TempDir(), Files: d})
	if _, kept := d.files["0029393765.seg"]; kept {
		t.Error("the next start did not delete it")
	}
	replaytest.Unknown(t, after, replaytest.Key(1), now+300, now)
}

// Rule 28: what cannot be read at the start is an error, never an empty guard.
func TestRule28UnreadableJournalDoesNotOpen(t *testing.T) {
	d := newDisk()
	g := open(t, memory.Config{Dir: t.TempDir(), Files: d})
	replaytest.Fresh(t, g, replaytest.Key(1), now+300, now)
	for _, op := range []string{"list", "open", "read", "size"} {
		broken := d.copy()
		broken.fail = on(syscall.EIO, op)
		refuses(t, memory.Config{Dir: t.TempDir(), Files: broken}, syscall.EIO)
	}
	torn := d.copy()
	torn.files["0029393765.seg"] = append(torn.files["0029393765.seg"], 1)
	torn.fail = on(syscall.EIO, "truncate")
	refuses(t, memory.Config{Dir: t.TempDir(), Files: torn}, syscall.EIO)
	expired := d.copy()
	expired.fail = on(syscall.EROFS, "write")
	refuses(t, memory.Config{Dir: t.TempDir(), Files: expired, Now: at(now + 600)}, syscall.EROFS)
	refuses(t, memory.Config{Dir: t.TempDir(), Files: &disk{files: map[string][]byte{}, fail: on(syscall.EROFS, "create")}}, syscall.EROFS)
}
