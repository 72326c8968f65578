package faultfile_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"countersign.dev/internal/faultfile"
)

func create(t *testing.T, fsys faultfile.FS, name, text string) faultfile.File {
	t.Helper()
	f, err := fsys.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	writeAt(t, f, text, 0)
	return f
}

func writeAt(t *testing.T, f faultfile.File, text string, at int64) {
	t.Helper()
	if n, err := f.WriteAt([]byte(text), at); n != len(text) || err != nil {
		t.Fatalf("wrote %d, %v", n, err)
	}
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// text is what is in a file; "-" where there is none.
func text(t *testing.T, fsys faultfile.FS, name string) string {
	t.Helper()
	f, err := fsys.OpenFile(name, os.O_RDONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return "-"
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	all, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return string(all)
}

// TestBothFileSystemsBehaveAlike: what is proven on a disk in memory holds on the real one.
func TestBothFileSystemsBehaveAlike(t *testing.T) {
	for name, fsys := range map[string]faultfile.FS{"disk": faultfile.NewDisk(), "operating system": faultfile.OS{}} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "a", "b")
			must(t, fsys.MkdirAll(dir, 0o700))
			a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
			f := create(t, fsys, a, "hello")
			writeAt(t, f, "LO there", 3)
			writeAt(t, f, "!", 13)
			if got := text(t, fsys, a); got != "helLO there\x00\x00!" {
				t.Errorf("read %q", got)
			}
			must(t, f.Truncate(3), f.Truncate(5), f.Sync(), fsys.SyncDir(dir))
			if got := text(t, fsys, a); got != "hel\x00\x00" {
				t.Errorf("cut, then lengthened: %q", got)
			}
			if info, err := f.Stat(); err != nil || info.Size() != 5 || !info.Mode().IsRegular() || info.Mode().Perm() != 0o600 || info.Name() != "a" || info.IsDir() {
				t.Errorf("%+v, %v", info, err)
			}
			if n, err := f.ReadAt(make([]byte, 9), 3); n != 2 || !errors.Is(err, io.EOF) {
				t.Errorf("read %d, %v", n, err)
			}
			if _, err := fsys.OpenFile(a, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600); !errors.Is(err, fs.ErrExist) {
				t.Errorf("made twice: %v", err)
			}
			if _, err := fsys.OpenFile(b, os.O_RDWR|os.O_CREATE, 0o600); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("made without O_EXCL: %v", err)
			}
			must(t, fsys.MkdirAll(filepath.Join(dir, "folder"), 0o700), fsys.Rename(a, b))
			entries, err := fsys.ReadDir(dir)
			if err != nil || len(entries) != 2 || entries[0].Name() != "b" || !entries[1].IsDir() {
				t.Errorf("%v, %v", entries, err)
			}
			if info, err := fsys.Lstat(dir); err != nil || !info.IsDir() {
				t.Errorf("%v, %v", info, err)
			}
			must(t, fsys.Remove(b))
			writeAt(t, f, "x", 0) // what is open stays open
			for what, err := range map[string]error{"remove": fsys.Remove(b), "rename": fsys.Rename(b, a)} {
				if !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("%s: %v", what, err)
				}
			}
			must(t, f.Close())
			if again, synced := f.Close(), f.Sync(); !errors.Is(again, fs.ErrClosed) || !errors.Is(synced, fs.ErrClosed) {
				t.Errorf("a file that was closed: %v, %v", again, synced)
			}
			lock, err := fsys.Lock(filepath.Join(dir, "lock"))
			must(t, err)
			if _, err := fsys.Lock(filepath.Join(dir, "lock")); !errors.Is(err, faultfile.ErrLocked) {
				t.Errorf("locked twice: %v", err)
			}
			must(t, lock.Close())
			lock, err = fsys.Lock(filepath.Join(dir, "lock"))
			must(t, err, lock.Close())
		})
	}
}

// TestRule39OnlyPlainFilesAreOpened.
func TestRule39OnlyPlainFilesAreOpened(t *testing.T) {
	dir := t.TempDir()
	target := filepath.Join(dir, "target")
	must(t, os.WriteFile(target, nil, 0o600), os.Symlink(target, filepath.Join(dir, "link")), os.Mkdir(filepath.Join(dir, "folder"), 0o700))
	for _, name := range []string{"link", "folder"} {
		if _, err := (faultfile.OS{}).OpenFile(filepath.Join(dir, name), os.O_RDONLY, 0); !errors.Is(err, faultfile.ErrNotRegular) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := (faultfile.OS{}).Lock(filepath.Join(dir, name)); !errors.Is(err, faultfile.ErrNotRegular) {
			t.Errorf("lock of a %s: %v", name, err)
		}
	}
	if _, err := (faultfile.OS{}).OpenFile(filepath.Join(dir, "link"), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a link was written through: %v", err)
	}
}

// TestALossOfPowerLeavesWhatWasSynced, file and folder apart, and nothing else unless it is told to.
func TestALossOfPowerLeavesWhatWasSynced(t *testing.T) {
	d := faultfile.NewDisk()
	must(t, d.MkdirAll("/d", 0o700))
	both := create(t, d, "/d/both", "synced")
	create(t, d, "/d/named", "written")
	must(t, both.Sync(), d.SyncDir("/d"))
	writeAt(t, both, " and more", 6)
	unnamed := create(t, d, "/d/unnamed", "synced")
	must(t, unnamed.Sync(), d.Rename("/d/named", "/d/renamed"))
	if got := text(t, d, "/d/both") + text(t, d, "/d/unnamed") + text(t, d, "/d/renamed"); got != "synced and moresyncedwritten" {
		t.Errorf("before: %s", got)
	}
	d.Restore(faultfile.Loss{})
	for name, want := range map[string]string{"both": "synced", "named": "", "unnamed": "-", "renamed": "-"} {
		if got := text(t, d, "/d/"+name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if _, err := both.WriteAt([]byte("x"), 0); !errors.Is(err, faultfile.ErrPowerLost) {
		t.Errorf("a file that was open before: %v", err)
	}
}

// TestALossOfPowerCanTear: a part of what was not synced is there, zeros stand for the rest, and names come in any order.
func TestALossOfPowerCanTear(t *testing.T) {
	d := faultfile.NewDisk()
	must(t, d.MkdirAll("/d", 0o700))
	f := create(t, d, "/d/a", "synced")
	must(t, f.Sync(), d.SyncDir("/d"))
	writeAt(t, f, "0123456789", 6)
	create(t, d, "/d/first", "")
	create(t, d, "/d/second", "")
	d.Restore(faultfile.Loss{
		Bytes: func(unsynced int) (int, int) { return 3, unsynced - 5 },
		Names: func(change int) bool { return change == 1 },
	})
	if got := text(t, d, "/d/a"); got != "synced012\x00\x00\x00\x00\x00" {
		t.Errorf("torn: %q", got)
	}
	if got := text(t, d, "/d/first") + text(t, d, "/d/second"); got != "-" {
		t.Errorf("names: %q", got)
	}
}

// TestASyncThatFailedIsNotMadeUpForByTheNext: the bytes have to be written again.
func TestASyncThatFailedIsNotMadeUpForByTheNext(t *testing.T) {
	for _, again := range []bool{false, true} {
		d := faultfile.NewDisk()
		must(t, d.MkdirAll("/d", 0o700))
		f := create(t, d, "/d/a", "one ")
		must(t, f.Sync(), d.SyncDir("/d"))
		writeAt(t, f, "two ", 4)
		d.FailSync(syscall.EIO)
		if err := f.Sync(); !errors.Is(err, syscall.EIO) {
			t.Errorf("sync: %v", err)
		}
		d.FailSync(nil)
		want := "one \x00\x00\x00\x00three"
		if again {
			writeAt(t, f, "two ", 4)
			want = "one two three"
		}
		writeAt(t, f, "three", 8)
		must(t, f.Sync())
		d.Restore(faultfile.Loss{})
		if got := text(t, d, "/d/a"); got != want {
			t.Errorf("written again: %v: %q, want %q", again, got, want)
		}
	}
}

// TestFaults are what the operating system would say.
func TestFaults(t *testing.T) {
	d := faultfile.NewDisk()
	must(t, d.MkdirAll("/d", 0o700))
	f := create(t, d, "/d/a", "")
	d.SetRoom(5)
	if n, err := f.WriteAt([]byte("0123456789"), 0); n != 5 || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("wrote %d, %v", n, err)
	}
	d.SetRoom(-1)
	d.SetReadOnly(true)
	_, locked := d.Lock("/d/lock")
	_, made := d.OpenFile("/d/b", os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	_, opened := d.OpenFile("/d/a", os.O_RDWR, 0)
	_, wrote := f.WriteAt([]byte("x"), 0)
	for what, err := range map[string]error{"lock": locked, "make": made, "open": opened, "write": wrote, "remove": d.Remove("/d/a"), "folder": d.MkdirAll("/e", 0o700)} {
		if !errors.Is(err, syscall.EROFS) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if got := text(t, d, "/d/a"); got != "01234" {
		t.Errorf("read %q", got)
	}
	d.SetReadOnly(false)
	d.CutPowerAfter(1)
	writeAt(t, f, "x", 0)
	if _, err := f.WriteAt([]byte("y"), 0); !errors.Is(err, faultfile.ErrPowerLost) || !d.Dark() {
		t.Errorf("write: %v", err)
	}
	if _, err := d.ReadDir("/d"); !errors.Is(err, faultfile.ErrPowerLost) {
		t.Errorf("read: %v", err)
	}
}

// TestAKilledProgramLosesNothingYet: what it wrote is seen, and lost only with the power.
func TestAKilledProgramLosesNothingYet(t *testing.T) {
	d := faultfile.NewDisk()
	must(t, d.MkdirAll("/d", 0o700))
	f := create(t, d, "/d/a", "written")
	must(t, d.SyncDir("/d"))
	_, err := d.Lock("/d/lock")
	must(t, err)
	d.Kill()
	if _, err := f.Stat(); err == nil {
		t.Error("an open file outlives its program")
	}
	_, err = d.Lock("/d/lock")
	must(t, err)
	if got := text(t, d, "/d/a"); got != "written" {
		t.Errorf("read %q", got)
	}
	d.Restore(faultfile.Loss{})
	if got := text(t, d, "/d/a"); got != "" {
		t.Errorf("after a loss of power %q", got)
	}
}

// TestADiskThatHangs lets go when it is released.
func TestADiskThatHangs(t *testing.T) {
	d := faultfile.NewDisk()
	must(t, d.MkdirAll("/d", 0o700))
	f := create(t, d, "/d/a", "")
	release := d.Hang()
	done := make(chan error)
	go func() {
		_, err := f.WriteAt(bytes.Repeat([]byte("x"), 3), 0)
		done <- err
	}()
	if got := text(t, d, "/d/a"); strings.Contains(got, "x") {
		t.Errorf("read %q while the disk hangs", got)
	}
	release()
	must(t, <-done)
	if got := text(t, d, "/d/a"); got != "xxx" {
		t.Errorf("read %q", got)
	}
}
