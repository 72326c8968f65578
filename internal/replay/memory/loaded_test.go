package memory_test

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"countersign.dev/internal/replay"
	"countersign.dev/internal/replay/memory"
)

// TestWhatIsReadBackIsTold: each key that lives, with an end that is not before its own, and none that has ended.
func TestWhatIsReadBackIsTold(t *testing.T) {
	const now = 1_800_000_000
	dir := filepath.Join(t.TempDir(), "journal")
	cfg := memory.Config{Dir: dir, Now: func() time.Time { return time.Unix(now, 0) }}
	g, err := memory.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	want := map[replay.Key]int64{{1}: now + 30, {2}: now + 300, {3}: now + 3000}
	for key, expires := range want {
		if fresh, err := g.Claim(key, expires, now); !fresh || err != nil {
			t.Fatal(fresh, err)
		}
	}
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	told := map[replay.Key]int64{}
	cfg.Now = func() time.Time { return time.Unix(now+200, 0) }
	cfg.Loaded = func(key replay.Key, until int64) error { told[key] = until; return nil }
	if g, err = memory.Open(cfg); err != nil {
		t.Fatal(err)
	}
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	delete(want, replay.Key{1})
	for key, expires := range want {
		if told[key] < expires || told[key] > expires+60 {
			t.Errorf("%v ends at %d, and %d was told", key[0], expires, told[key])
		}
	}
	if len(told) != len(want) {
		t.Errorf("%d were told, want %d", len(told), len(want))
	}
	full := errors.New("no room")
	cfg.Loaded = func(replay.Key, int64) error { return full }
	if _, err := memory.Open(cfg); !errors.Is(err, full) {
		t.Errorf("the refusal was not told: %v", err)
	}
}
