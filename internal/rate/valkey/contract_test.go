package valkey_test

import (
	"encoding/hex"
	"io"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"countersign.dev/internal/rate"
	"countersign.dev/internal/rate/memory"
	"countersign.dev/internal/rate/ratetest"
	"countersign.dev/internal/rate/valkey"
	"countersign.dev/internal/redistest"
	"countersign.dev/internal/valkeylink"
)

// link opens a link with so much time that a busy machine does not matter.
func link(t testing.TB, cfg valkeylink.Config) *valkeylink.Link {
	t.Helper()
	cfg.Log, cfg.Now = slog.New(slog.NewTextHandler(io.Discard, nil)), time.Now
	if cfg.Timeout == 0 {
		cfg.Timeout = valkeylink.MaxTimeout
	}
	l, err := valkeylink.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func open(t testing.TB, cfg valkey.Config) *valkey.Limiter {
	t.Helper()
	l, err := valkey.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// clocked is a limiter whose script reads the clock of the test.
type clocked struct {
	*valkey.Limiter
	link  *valkeylink.Link
	set   *valkeylink.Script
	clock *ratetest.Clock
	mu    *sync.Mutex
	last  *time.Time
}

func openClocked(t testing.TB, s *redistest.Server, prefix string, clock *ratetest.Clock) clocked {
	l := link(t, valkeylink.Config{Addresses: []string{s.Address}})
	c := clocked{open(t, valkey.Config{Link: l, Prefix: prefix}), l, valkeylink.NewScript("redis.call('HSET', KEYS[1], 's', ARGV[1], 'n', ARGV[2]) return {}"), clock, new(sync.Mutex), new(time.Time)}
	c.UseClock()
	return c
}

func (c clocked) Take(buckets []rate.Bucket) (bool, error) {
	c.mu.Lock()
	if now := c.clock.Now(); now != *c.last {
		*c.last = now
		if _, err := c.link.Run(0, c.set, []string{"clock"}, []string{strconv.FormatInt(now.Unix(), 10), strconv.Itoa(now.Nanosecond())}); err != nil {
			c.mu.Unlock()
			return false, err
		}
	}
	c.mu.Unlock()
	return c.Limiter.Take(buckets)
}

// TestContract: on a real server. Each test has keys of its own.
func TestContract(t *testing.T) {
	s, n := redistest.Start(t), 0
	prefixes := map[*valkey.Limiter]string{}
	start := func(t *testing.T, prefix string, clock *ratetest.Clock) rate.Limiter {
		c := openClocked(t, s, prefix, clock)
		prefixes[c.Limiter] = prefix
		return c
	}
	ratetest.Run(t, ratetest.Harness{
		Open: func(t *testing.T, clock *ratetest.Clock) rate.Limiter {
			n++
			return start(t, "test"+strconv.Itoa(n)+":", clock)
		},
		Restart: func(t *testing.T, l rate.Limiter, clock *ratetest.Clock) rate.Limiter {
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			return start(t, prefixes[l.(clocked).Limiter], clock)
		},
		Node: func(t *testing.T, l rate.Limiter, clock *ratetest.Clock) rate.Limiter {
			return start(t, prefixes[l.(clocked).Limiter], clock)
		},
	})
}

// TestSameAnswersAsMemory: over random traffic with random limits, each word of each answer is that of the limiter of one
// process, to the nanosecond; limits change on the way.
func TestSameAnswersAsMemory(t *testing.T) {
	s := redistest.Start(t)
	for seed := range uint64(30) {
		random, clock := rand.New(rand.NewPCG(seed, 7)), ratetest.NewClock()
		one, err := memory.Open(memory.Config{Now: clock.Now, Every: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		shared := openClocked(t, s, "seed"+strconv.FormatUint(seed, 10)+":", clock)
		limits := make([]rate.Bucket, 8)
		for step := range 250 {
			if step%60 == 0 {
				renew(t, random, limits)
			}
			buckets := pick(random, limits)
			mine, theirs := append([]rate.Bucket(nil), buckets...), append([]rate.Bucket(nil), buckets...)
			got, err := shared.Take(mine)
			if err != nil {
				t.Fatal(err)
			}
			want, err := one.Take(theirs)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(theirs, mine, cmpopts.IgnoreFields(rate.Bucket{}, "Pace")); diff != "" || got != want {
				t.Fatalf("seed %d, step %d: let in %v, in memory %v; memory against shared: %s", seed, step, got, want, diff)
			}
			clock.Move(time.Duration(random.Int64N(1 << random.IntN(45))))
		}
		_ = one.Close()
	}
}

// renew draws other limits for the same keys, from a few a century to a billion a moment.
func renew(t *testing.T, random *rand.Rand, limits []rate.Bucket) {
	for i := range limits {
		limits[i] = rate.Bucket{Key: ratetest.Key(i)}
		if random.IntN(4) > 0 {
			pace, err := rate.NewPace(random.Int64N(1<<random.IntN(31))+1, time.Duration(random.Int64N(1<<random.IntN(61))+1), random.Int64N(1<<random.IntN(40))+1)
			if err != nil {
				t.Fatal(err)
			}
			limits[i].Pace = pace
		}
		if random.IntN(2) > 0 {
			limits[i].Daily = random.Int64N(40) + 1
		}
	}
}

// pick is one to five of the limits.
func pick(random *rand.Rand, limits []rate.Bucket) []rate.Bucket {
	out := make([]rate.Bucket, 0, rate.Max)
	for _, i := range random.Perm(len(limits))[:1+random.IntN(rate.Max)] {
		out = append(out, limits[i])
	}
	return out
}

func hexKey(n int) string {
	key := ratetest.Key(n)
	return hex.EncodeToString(key[:])
}
