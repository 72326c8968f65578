package memory_test

import (
	"errors"
	"testing"
	"time"

	"countersign.dev/internal/replay"
	"countersign.dev/internal/replay/memory"
	"countersign.dev/internal/replay/replaytest"
	"pgregory.net/rapid"
)

// Whatever the clock does and however often the process starts again: a key is
// never fresh twice unless some clock reading in between had passed the latest
// expiry that it was ever claimed with.
func TestRule8NoKeyIsFreshTwice(t *testing.T) {
	dir := t.TempDir() // for the lock: the files are in memory, where flushing costs nothing
	rapid.Check(t, func(t *rapid.T) {
		d := newDisk()
		second := int64(now)
		read := func() time.Time { return time.Unix(second, 0) }
		g := mustOpen(t, memory.Config{Dir: dir, Files: d, Now: read, Shards: 2})
		defer func() { g.Close() }()
		latest := map[int]int64{} // the latest expiry of every live key
		forget := func() {
			for key, expires := range latest {
				if expires < second {
					delete(latest, key)
				}
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"claim": func(t *rapid.T) {
				n := rapid.IntRange(0, 5).Draw(t, "key")
				expires := second + rapid.Int64Range(-60, 700).Draw(t, "ahead")
				fresh, err := g.Claim(replaytest.Key(n), expires, second)
				if err != nil && (fresh || !errors.Is(err, replay.ErrUnavailable)) {
					t.Fatal(err)
				}
				if _, live := latest[n]; live && fresh {
					t.Fatalf("key %d is fresh a second time", n)
				}
				if expires < second && fresh {
					t.Fatal("an expired claim is fresh")
				}
				if _, live := latest[n]; fresh || live && expires >= second {
					latest[n] = max(latest[n], expires)
				}
			},
			"clock": func(t *rapid.T) {
				second += rapid.Int64Range(-900, 900).Draw(t, "step")
				forget()
			},
			"restart": func(t *rapid.T) {
				if err := g.Close(); err != nil {
					t.Fatal(err)
				}
				g = mustOpen(t, memory.Config{Dir: dir, Files: d, Now: read, Shards: 2})
			},
		})
	})
}

func mustOpen(t *rapid.T, config memory.Config) *memory.Guard {
	g, err := memory.Open(config)
	if err != nil {
		t.Fatal(err)
	}
	return g
}
