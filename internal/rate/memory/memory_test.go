package memory_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"countersign.dev/internal/rate"
	"countersign.dev/internal/rate/memory"
	"countersign.dev/internal/rate/ratetest"
)

// open opens a limiter that writes only when it is told to.
func open(t testing.TB, cfg memory.Config) *memory.Limiter {
	t.Helper()
	if cfg.Every == 0 {
		cfg.Every = time.Hour
	}
	l, err := memory.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func TestContract(t *testing.T) {
	path := ""
	ratetest.Run(t, ratetest.Harness{
		Open: func(t *testing.T, clock *ratetest.Clock) rate.Limiter {
			path = filepath.Join(t.TempDir(), "quota")
			return open(t, memory.Config{Path: path, Now: clock.Now})
		},
		Restart: func(t *testing.T, l rate.Limiter, clock *ratetest.Clock) rate.Limiter {
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			return open(t, memory.Config{Path: path, Now: clock.Now})
		},
	})
}

// TestACrashLosesWhatWasNotWritten: at most what was counted since the last second; here since the last Flush.
func TestACrashLosesWhatWasNotWritten(t *testing.T) {
	clock, path := ratetest.NewClock(), filepath.Join(t.TempDir(), "quota")
	l, b := open(t, memory.Config{Path: path, Now: clock.Now}), []rate.Bucket{ratetest.Bucket(1, 0, 0, 10)}
	take(t, l, b, true, 6)
	if err := l.Flush(); err != nil {
		t.Fatal(err)
	}
	take(t, l, b, true, 2)
	again := open(t, memory.Config{Path: path, Now: clock.Now}) // the first one is never closed
	take(t, again, b, true, 4)
	take(t, again, b, false, 1)
}

func take(t testing.TB, l *memory.Limiter, b []rate.Bucket, in bool, times int) {
	t.Helper()
	for n := range times {
		if ok, err := l.Take(b); ok != in || err != nil {
			t.Fatalf("request %d: let in %v, error %v", n, ok, err)
		}
	}
}

// TestWrittenEachSecond: the limiter writes by itself, and not again while nothing has changed.
func TestWrittenEachSecond(t *testing.T) {
	file := &fakeFile{wrote: make(chan struct{})}
	l := open(t, memory.Config{File: file, Now: ratetest.NewClock().Now, Every: time.Millisecond})
	take(t, l, []rate.Bucket{ratetest.Bucket(1, 0, 0, 10)}, true, 1)
	<-file.wrote
	before := file.count()
	take(t, l, []rate.Bucket{ratetest.Bucket(2, 1, 10, 0)}, true, 1) // a rate alone is not written
	if err := l.Flush(); err != nil || file.count() != before {
		t.Errorf("%d writes, error %v; want %d", file.count(), err, before)
	}
}

// TestABoundOnKeys: beyond it a new key is refused, or let in uncounted, as set; a bucket that is not whole is never
// forgotten for it; one that is makes room.
func TestABoundOnKeys(t *testing.T) {
	clock := ratetest.NewClock()
	l := open(t, memory.Config{Now: clock.Now, MaxKeys: 64 * 4})
	full := 0
	for n := range 2000 {
		if _, err := l.Take([]rate.Bucket{ratetest.Bucket(n, 1, 2, 0), ratetest.Bucket(100_000+n, 1, 2, 0)}); errors.Is(err, rate.ErrFull) {
			full++
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if l.Keys() > 64*4 || full == 0 || full == 2000 {
		t.Fatalf("%d keys, %d refused", l.Keys(), full)
	}
	remembered := 0
	for n := range 2000 {
		b := []rate.Bucket{ratetest.Bucket(n, 1, 2, 0)}
		if ok, err := l.Take(b); ok && err == nil && b[0].Left == 0 { // one of its two was used before
			remembered++
			take(t, l, b, false, 1)
		}
	}
	if remembered != 2000-full {
		t.Errorf("%d keys were remembered, want the %d that were let in", remembered, 2000-full)
	}
	clock.Move(time.Hour)
	for n := range 16 {
		take(t, l, []rate.Bucket{ratetest.Bucket(50_000+n, 1, 1, 0)}, true, 1)
	}
	if l.Keys() > 64*4 {
		t.Errorf("%d keys", l.Keys())
	}
}

// TestARefusalForWantOfRoomTakesFromNone: also not from the bucket that was there, and no key is left behind.
func TestARefusalForWantOfRoomTakesFromNone(t *testing.T) {
	clock := ratetest.NewClock()
	l := open(t, memory.Config{Now: clock.Now, MaxKeys: 64})
	known := ratetest.Bucket(1, 1, 5, 5)
	take(t, l, []rate.Bucket{known}, true, 1)
	blocked := ratetest.Bucket(2, 1, 5, 0)
	blocked.Key[15] = known.Key[15] // the same shard, which is full with one
	other := ratetest.Bucket(3, 1, 5, 0)
	other.Key[15] = known.Key[15] ^ 1
	if ok, err := l.Take([]rate.Bucket{known, other, blocked}); ok || !errors.Is(err, rate.ErrFull) {
		t.Fatalf("%v, %v", ok, err)
	}
	if l.Keys() != 1 {
		t.Errorf("%d keys, want 1", l.Keys())
	}
	take(t, l, []rate.Bucket{known}, true, 4)
	take(t, l, []rate.Bucket{known}, false, 1)
}

func TestAdmitWhenFull(t *testing.T) {
	l := open(t, memory.Config{Now: ratetest.NewClock().Now, MaxKeys: 64, WhenFull: memory.Admit})
	known, blocked := ratetest.Bucket(1, 1, 5, 0), ratetest.Bucket(2, 1, 1, 0)
	blocked.Key[15] = known.Key[15]
	take(t, l, []rate.Bucket{known}, true, 1)
	take(t, l, []rate.Bucket{known, blocked}, true, 4) // not counted in the one, counted in the other
	take(t, l, []rate.Bucket{known, blocked}, false, 1)
}

// TestIdleKeysAreForgotten: memory follows the keys that are in use, not those that ever were.
func TestIdleKeysAreForgotten(t *testing.T) {
	clock := ratetest.NewClock()
	l := open(t, memory.Config{Now: clock.Now})
	for n := range 200_000 {
		take(t, l, []rate.Bucket{ratetest.Bucket(n, 1000, 1, 0)}, true, 1)
		if n%100 == 0 {
			clock.Move(time.Second)
		}
	}
	if l.Keys() > 64*256 {
		t.Errorf("%d keys are remembered of 200,000 that are idle", l.Keys())
	}
}

func TestTakeAllocatesNothing(t *testing.T) {
	l := open(t, memory.Config{Now: time.Now})
	b := []rate.Bucket{ratetest.Bucket(1, 1_000_000, 1_000_000, 0), ratetest.Bucket(2, 1000, 1, 1<<40), ratetest.Bucket(3, 0, 0, 1<<40)}
	if n := testing.AllocsPerRun(1000, func() { _, _ = l.Take(b) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestOpenRefuses(t *testing.T) {
	clock := ratetest.NewClock().Now
	dir := t.TempDir()
	loose, link, folder := filepath.Join(dir, "loose"), filepath.Join(dir, "link"), filepath.Join(dir, "folder")
	for _, err := range []error{os.WriteFile(loose, nil, 0o644), os.Chmod(loose, 0o644), os.Symlink(loose, link), os.Mkdir(folder, 0o700)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for what, cfg := range map[string]memory.Config{
		"no clock": {}, "negative": {Now: clock, MaxKeys: -1}, "negative pause": {Now: clock, Every: -1},
		"others may write": {Now: clock, Path: loose}, "a link": {Now: clock, Path: link}, "a folder": {Now: clock, Path: folder},
	} {
		if l, err := memory.Open(cfg); err == nil {
			t.Errorf("%s: opened", what)
			_ = l.Close()
		}
	}
	l := open(t, memory.Config{Now: clock})
	if _, err := l.Take(make([]rate.Bucket, rate.Max+1)); !errors.Is(err, rate.ErrUnavailable) {
		t.Errorf("too many buckets: %v", err)
	}
}

// TestARequestIsCountedWhereRoomIsMadeForItsOtherBucket: an idle bucket of the same request is not forgotten with what it took.
func TestARequestIsCountedWhereRoomIsMadeForItsOtherBucket(t *testing.T) {
	clock := ratetest.NewClock()
	l := open(t, memory.Config{Now: clock.Now})
	of := func(n byte) rate.Bucket { // all of them in one shard
		b := ratetest.Bucket(1, 1, 5, 0)
		b.Key = rate.Key{n, 1}
		return b
	}
	take(t, l, []rate.Bucket{of(0)}, true, 1)
	clock.Move(time.Hour)
	for n := byte(1); n < 128; n++ {
		take(t, l, []rate.Bucket{of(n)}, true, 1)
	}
	take(t, l, []rate.Bucket{of(0), of(200)}, true, 5)
	take(t, l, []rate.Bucket{of(0), of(200)}, false, 1)
	take(t, l, []rate.Bucket{of(0)}, false, 1)
}
