package valkey_test

import (
	"errors"
	"testing"
	"time"

	"countersign.dev/internal/rate"
	"countersign.dev/internal/rate/ratetest"
	"countersign.dev/internal/rate/valkey"
	"countersign.dev/internal/redistest"
	"countersign.dev/internal/valkeylink"
)

// eventually asks until it is so; only a broken limiter takes the whole time.
func eventually(t testing.TB, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !so(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it never came to this: %s", what)
		}
	}
}

func take(t testing.TB, l *valkey.Limiter, in bool, times int, buckets ...rate.Bucket) {
	t.Helper()
	for n := range times {
		if ok, err := l.Take(buckets); ok != in || err != nil {
			t.Fatalf("request %d: let in %v, error %v; want %v", n, ok, err, in)
		}
	}
}

// TestServerTime: by the real clock of a real server; a limit of one an hour does not depend on speed.
func TestServerTime(t *testing.T) {
	s := redistest.Start(t)
	l := open(t, valkey.Config{Link: link(t, valkeylink.Config{Addresses: []string{s.Address}})})
	b := []rate.Bucket{{Key: ratetest.Key(1), Pace: ratetest.Pace(1, time.Hour, 3), Daily: 100}}
	take(t, l, true, 3, b...)
	if ok, err := l.Take(b); ok || err != nil || b[0].Outcome != rate.RateUsed || b[0].Wait <= 0 || b[0].Wait > time.Hour || b[0].DayEnds <= 0 || b[0].DayEnds > 24*time.Hour {
		t.Errorf("%v, %v: %+v", ok, err, b[0])
	}
	if ttl := s.Do(t, "EXISTS", "countersign:"+valkeylink.Tag(int(ratetest.Key(1)[0]))+"l:"+hexKey(1)); ttl != "1" {
		t.Errorf("%s keys", ttl)
	}
	if ttl := s.Do(t, "TTL", "countersign:"+valkeylink.Tag(int(ratetest.Key(1)[0]))+"l:"+hexKey(1)); ttl == "-1" || ttl == "-2" {
		t.Errorf("a bucket that never expires: %s", ttl)
	}
}

// TestEvictionIsToldOf: limits are no reason to refuse, and people should know.
func TestEvictionIsToldOf(t *testing.T) {
	for policy, want := range map[string]int{"noeviction": 0, "allkeys-lru": 1} {
		s := redistest.Start(t, "--maxmemory-policy", policy)
		l := open(t, valkey.Config{Link: link(t, valkeylink.Config{Addresses: []string{s.Address}})})
		if w := l.Warnings(); len(w) != want {
			t.Errorf("%s: %q", policy, w)
		}
	}
}

// TestUnreachable: refused, or let in and counted as such; a full server is rate.ErrFull.
func TestUnreachable(t *testing.T) {
	s := redistest.Start(t)
	to := link(t, valkeylink.Config{Addresses: []string{s.Address}})
	strict, lenient := open(t, valkey.Config{Link: to}), open(t, valkey.Config{Link: to, WhenUnreachable: valkey.Allow})
	b := []rate.Bucket{ratetest.Bucket(1, 1, 5, 10)}
	take(t, strict, true, 1, b...)
	s.Do(t, "CONFIG", "SET", "maxmemory", "1")
	for _, l := range []*valkey.Limiter{strict, lenient} {
		if ok, err := l.Take(b); ok || !errors.Is(err, rate.ErrFull) {
			t.Errorf("full: %v, %v", ok, err)
		}
	}
	s.Kill(t)
	eventually(t, "it is away", func() bool { _, err := strict.Take(b); return errors.Is(err, rate.ErrUnavailable) && to.Ready() != nil })
	take(t, lenient, true, 20, b...)
	if n := lenient.Uncounted(); n != 20 || b[0].Left != 4 || b[0].DayLeft != 9 {
		t.Errorf("%d uncounted, %+v", n, b[0])
	}
	s.Run(t)
	eventually(t, "it is there again", func() bool { return to.Ready() == nil })
	take(t, strict, true, 1, b...)
}

// TestAClusterGivesBack: a partner's bucket and the API's lie on different servers. What the API's refuses is not taken from
// the partner's, and the other way round; the waits are those of both.
func TestAClusterGivesBack(t *testing.T) {
	nodes := redistest.StartCluster(t, 3)
	l := open(t, valkey.Config{Link: link(t, valkeylink.Config{Addresses: []string{nodes[1].Address}, Mode: valkeylink.Cluster})})
	for n := range 6 { // partners in several lanes
		group := rate.Key{byte(n), 1}
		api := rate.Bucket{Key: ratetest.Key(100 + n), Pace: ratetest.Pace(1, time.Hour, 3)}
		own := rate.Bucket{Key: ratetest.Key(n), Group: group, Pace: ratetest.Pace(1, 2*time.Hour, 7), Daily: 50}
		more := rate.Bucket{Key: ratetest.Key(200 + n), Group: group, Daily: 5}
		take(t, l, true, 3, api, own, more)
		refused := []rate.Bucket{api, own, more}
		take(t, l, false, 10, refused...)
		take(t, l, true, 2, own, more) // 3 + 2 of the quota of 5: the ten took nothing
		if ok, err := l.Take(refused); ok || err != nil || refused[0].Outcome != rate.RateUsed || refused[1].Outcome != rate.Room || refused[2].Outcome != rate.QuotaUsed {
			t.Errorf("partner %d: %v, %v, %+v", n, ok, err, refused)
		}
		take(t, l, true, 2, own)
		take(t, l, false, 1, own)
	}
}

func BenchmarkTake(b *testing.B) {
	s := redistest.Start(b)
	l := open(b, valkey.Config{Link: link(b, valkeylink.Config{Addresses: []string{s.Address}})})
	bucket := []rate.Bucket{ratetest.Bucket(1, 1_000_000, 1_000_000, 0), ratetest.Bucket(2, 1_000_000, 1_000_000, 1<<40)}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := l.Take(bucket); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkTakeParallel(b *testing.B) {
	s := redistest.Start(b)
	l := open(b, valkey.Config{Link: link(b, valkeylink.Config{Addresses: []string{s.Address}})})
	b.ReportAllocs()
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		bucket := []rate.Bucket{ratetest.Bucket(1, 1_000_000, 1_000_000, 0)}
		for pb.Next() {
			if _, err := l.Take(bucket); err != nil {
				b.Fatal(err)
			}
		}
	})
}
