package memory_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/replay"
	"countersign.dev/internal/replay/memory"
	"countersign.dev/internal/replay/replaytest"
)

// What a consumer declares for itself: no import of package replay is needed.
var _ interface {
	Claim(key [32]byte, expires, now int64) (fresh bool, err error)
	Close() error
} = (*memory.Guard)(nil)

const now = replaytest.Now

func clock() time.Time { return time.Unix(now, 0) }

func at(second int64) func() time.Time {
	return func() time.Time { return time.Unix(second, 0) }
}

// open opens a guard and closes it at the end of the test.
func open(t testing.TB, config memory.Config) *memory.Guard {
	t.Helper()
	if config.Now == nil {
		config.Now = clock
	}
	g, err := memory.Open(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return g
}

// refuses opens and expects a refusal that wraps want, if any, and names words.
func refuses(t *testing.T, config memory.Config, want error, words ...string) {
	t.Helper()
	if config.Now == nil {
		config.Now = clock
	}
	g, err := memory.Open(config)
	if err == nil {
		g.Close()
		t.Fatal("it opened")
	}
	if want != nil && !errors.Is(err, want) {
		t.Fatalf("error %q does not wrap %q", err, want)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("error %q does not say %q", err, word)
		}
	}
}

func harness(durable bool) replaytest.Harness {
	dirs := map[replay.Guard]string{}
	start := func(t *testing.T, dir string) replay.Guard {
		g := open(t, memory.Config{Dir: dir, Sync: durable})
		dirs[g] = dir
		return g
	}
	return replaytest.Harness{
		Open: func(t *testing.T) replay.Guard { return start(t, t.TempDir()+"/replay") },
		// The files are copied while the guard still runs: that is what a
		// process finds that comes after one that was killed.
		Restart: func(t *testing.T, g replay.Guard) replay.Guard {
			copied := filepath.Join(t.TempDir(), "copy")
			copyDir(t, dirs[g], copied)
			return start(t, copied)
		},
	}
}

func copyDir(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Mkdir(to, 0o700); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(from)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		data, err := os.ReadFile(filepath.Join(from, entry.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(to, entry.Name()), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestConformance(t *testing.T)     { replaytest.Run(t, harness(false)) }
func TestConformanceSync(t *testing.T) { replaytest.Run(t, harness(true)) }

func TestConfigIsChecked(t *testing.T) {
	dir := t.TempDir() + "/replay"
	refuses(t, memory.Config{}, nil, "folder")
	if _, err := memory.Open(memory.Config{Dir: dir}); err == nil || !strings.Contains(err.Error(), "clock") {
		t.Errorf("no clock: %v", err)
	}
	refuses(t, memory.Config{Dir: dir, MaxEntries: -1}, nil, "negative")
	refuses(t, memory.Config{Dir: dir, Shards: 3}, nil, "power of two")
	refuses(t, memory.Config{Dir: dir, Shards: 512}, nil, "power of two")
	refuses(t, memory.Config{Dir: dir, Shards: -2}, nil, "power of two")
}

func TestRule8FullGuardRefusesAndForgetsNothing(t *testing.T) {
	g := open(t, memory.Config{Dir: t.TempDir() + "/replay", MaxEntries: 100})
	for n := range 100 {
		replaytest.Fresh(t, g, replaytest.Key(n), now+300, now)
	}
	for n := 100; n < 110; n++ {
		if fresh, err := g.Claim(replaytest.Key(n), now+300, now); fresh || !errors.Is(err, replay.ErrFull) {
			t.Fatalf("claim beyond the bound: fresh %v, error %v", fresh, err)
		}
	}
	for n := range 100 {
		replaytest.Refused(t, g, replaytest.Key(n), now+300, now)
	}
	if g.Len() != 100 {
		t.Errorf("%d keys, want 100", g.Len())
	}
	replaytest.Fresh(t, g, replaytest.Key(1000), now+900, now+400)
	replaytest.Unknown(t, g, replaytest.Key(0), now+300, now) // forgotten and outlawed, with room or without
	for n := range 99 {                                       // a minute after the expiry there is room for as many again
		replaytest.Fresh(t, g, replaytest.Key(n), now+700, now+400)
	}
	replaytest.Unknown(t, g, replaytest.Key(200), now+300, now)
	if _, err := g.Claim(replaytest.Key(200), now+700, now+400); !errors.Is(err, replay.ErrFull) {
		t.Errorf("error %v, want ErrFull", err)
	}
}

func TestLoweredBoundKeepsWhatIsKnown(t *testing.T) {
	dir := t.TempDir() + "/replay"
	g := open(t, memory.Config{Dir: dir})
	for n := range 50 {
		replaytest.Fresh(t, g, replaytest.Key(n), now+300, now)
	}
	g.Close()
	g = open(t, memory.Config{Dir: dir, MaxEntries: 10})
	for n := range 50 {
		replaytest.Refused(t, g, replaytest.Key(n), now+300, now)
	}
	if _, err := g.Claim(replaytest.Key(99), now+300, now); !errors.Is(err, replay.ErrFull) {
		t.Errorf("error %v, want ErrFull", err)
	}
}

func TestClaimFarAheadIsRefused(t *testing.T) {
	g := open(t, memory.Config{Dir: t.TempDir() + "/replay"})
	replaytest.Fresh(t, g, replaytest.Key(1), now+memory.MaxAhead, now)
	for _, c := range []struct{ expires, now int64 }{
		{now + memory.MaxAhead + 1, now}, {1<<63 - 1, now}, {1<<63 - 1, 1<<63 - 2}, {253402300800, 253402300700},
	} {
		if fresh, err := g.Claim(replaytest.Key(2), c.expires, c.now); fresh || !errors.Is(err, replay.ErrUnavailable) {
			t.Errorf("claim until %d at %d: fresh %v, error %v", c.expires, c.now, fresh, err)
		}
	}
	replaytest.Refused(t, g, replaytest.Key(2), -1<<63, -1<<63)
	replaytest.Refused(t, g, replaytest.Key(2), now, -1)
}

func TestExpiryDeletesSegments(t *testing.T) {
	dir := t.TempDir() + "/replay"
	g := open(t, memory.Config{Dir: dir})
	for minute := range int64(10) {
		replaytest.Fresh(t, g, replaytest.Key(int(minute)), now+60*minute, now)
	}
	if n := len(segments(t, dir)); n != 10 {
		t.Fatalf("%d segments, want 10", n)
	}
	replaytest.Fresh(t, g, replaytest.Key(99), now+600, now+300) // the minutes 0 to 4 have ended
	if n := len(segments(t, dir)); n != 6 {
		t.Fatalf("%d segments, want 6", n)
	}
	g.Close()
	g = open(t, memory.Config{Dir: dir, Now: at(now + 360)})
	if got := g.Recovery(); got.Segments != 5 || got.Entries != 5 || got.CutBytes != 0 {
		t.Errorf("recovery %+v, want 5 segments with 5 entries", got)
	}
}

func segments(t *testing.T, dir string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.seg"))
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// A clock that ran ahead once must not shut everybody out after it was put
// right: only what was forgotten is refused.
func TestClockThatRanAheadRecovers(t *testing.T) {
	dir := t.TempDir() + "/replay"
	g := open(t, memory.Config{Dir: dir})
	replaytest.Fresh(t, g, replaytest.Key(1), now+300, now)
	const year = 365 * 86400
	replaytest.Fresh(t, g, replaytest.Key(2), now+year+300, now+year)
	replaytest.Unknown(t, g, replaytest.Key(1), now+300, now)
	replaytest.Unknown(t, g, replaytest.Key(3), now+300, now) // in the minute that was forgotten
	replaytest.Fresh(t, g, replaytest.Key(3), now+360, now)
}

func TestClockFarBehindTheJournalIsToldAtTheStart(t *testing.T) {
	dir := t.TempDir() + "/replay"
	g := open(t, memory.Config{Dir: dir})
	replaytest.Fresh(t, g, replaytest.Key(1), now, now)
	replaytest.Fresh(t, g, replaytest.Key(2), now+300, now+60)
	g.Close()
	refuses(t, memory.Config{Dir: dir, Now: at(now - 86400)}, memory.ErrClock, dir, "put the clock right")
	open(t, memory.Config{Dir: dir, Now: at(now - 3600)})
}

func TestSecondProcessIsLockedOut(t *testing.T) {
	dir := t.TempDir() + "/replay"
	g := open(t, memory.Config{Dir: dir})
	refuses(t, memory.Config{Dir: dir}, memory.ErrLocked, dir, "another process")
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), childDir+"="+dir)
	if out, err := command.CombinedOutput(); err == nil || !strings.Contains(string(out), memory.ErrLocked.Error()) {
		t.Errorf("second process: %v, %s", err, out)
	}
	g.Close()
	open(t, memory.Config{Dir: dir})
}
