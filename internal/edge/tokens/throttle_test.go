package tokens

import (
	"net/netip"
	"testing"
	"time"
)

func at(seconds float64) time.Time {
	return time.Unix(1763625600, 0).Add(time.Duration(seconds * float64(time.Second)))
}

func mustThrottle(t *testing.T, c Throttle) *throttle {
	t.Helper()
	th, err := newThrottle(c)
	if err != nil {
		t.Fatal(err)
	}
	return th
}

func TestSources(t *testing.T) {
	for addr, want := range map[string]string{
		"192.0.2.1":           "192.0.2.1/32",
		"::ffff:192.0.2.1":    "192.0.2.1/32",
		"2001:db8:1:2:3::9":   "2001:db8:1:2::/64",
		"2001:db8:1:2:ffff::": "2001:db8:1:2::/64",
		"2001:db8:1:3::":      "2001:db8:1:3::/64",
		"fe80::1%eth0":        "fe80::/64",
	} {
		if got := sourceOf("production", netip.MustParseAddr(addr)); got != (source{"production", netip.MustParsePrefix(want)}) {
			t.Errorf("%s: %v", addr, got)
		}
	}
	if sourceOf("", netip.Addr{}) != (source{}) {
		t.Error("unknown addresses are not one source")
	}
}

func TestBucketRefillsAndOwes(t *testing.T) {
	th, from := mustThrottle(t, Throttle{Burst: 2, PerSecond: 1}), sourceOf("production", netip.MustParseAddr("192.0.2.1"))
	wait := func(now time.Time, want time.Duration) {
		t.Helper()
		if got := th.wait(from, now); got != want {
			t.Errorf("at %s: wait %s, want %s", now.Sub(at(0)), got, want)
		}
	}
	wait(at(0), 0)
	th.charge(from, failure, at(0))
	wait(at(0), 0)
	th.charge(from, failure, at(0))
	wait(at(0), time.Second)
	wait(at(0.5), 500*time.Millisecond)
	wait(at(1), 0)
	for range 9 { // let through side by side
		th.charge(from, failure, at(1))
	}
	wait(at(1), 3*time.Second) // owed, but never more than a burst
	wait(at(0), 3*time.Second) // a clock set back refills nothing
	th.charge(from, failure, at(-100))
	wait(at(1), 3*time.Second)
	if th.wait(sourceOf("sandbox", netip.MustParseAddr("192.0.2.1")), at(1)) != 0 {
		t.Error("one environment's failures count in another")
	}
	wait(at(4), 0)
	wait(at(100), 0)
	if len(th.buckets) != 0 {
		t.Error("a full bucket is kept")
	}
}

func TestTableIsBoundedAndKeepsTheWorst(t *testing.T) {
	th := mustThrottle(t, Throttle{Burst: 3, PerSecond: 1, Sources: 4})
	worst := sourceOf("production", netip.MustParseAddr("192.0.2.255"))
	for range 3 {
		th.charge(worst, failure, at(0))
	}
	for i := range byte(200) {
		th.charge(sourceOf("production", netip.AddrFrom4([4]byte{192, 0, 2, i})), failure, at(0))
		if len(th.buckets) > 4 {
			t.Fatalf("%d buckets", len(th.buckets))
		}
	}
	if th.wait(worst, at(0)) == 0 {
		t.Error("the worst source was forgotten")
	}
}
