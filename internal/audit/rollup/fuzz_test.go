package rollup_test

import (
	"errors"
	"math"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"countersign.dev/internal/audit/rollup"
	"countersign.dev/internal/audit/search"
)

// FuzzRead: whatever stands in a day file, it is read within bounds or called damaged, and what was read can be drawn.
func FuzzRead(f *testing.F) {
	dir := f.TempDir()
	w, err := rollup.Open(config(dir))
	if err != nil {
		f.Fatal(err)
	}
	var l search.Line
	if err := l.Parse([]byte(`{"time":"2026-11-20T08:00:00.000000Z","environment":"e","api":"a","decision":"allow","reason":"allowed","partner":"p","credential":"c","version":2,"proved":true,"address":"2001:db8::1","duration_us":1234,"bytes_in":1,"bytes_out":2,"seq":1}`)); err != nil {
		f.Fatal(err)
	}
	if err := errors.Join(w.Add(&l), w.Close()); err != nil {
		f.Fatal(err)
	}
	name := filepath.Join(dir, "2026-11-20.roll")
	whole, err := os.ReadFile(name)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(append(whole[:len(whole):len(whole)], whole...))
	f.Add(whole[:len(whole)-3])
	f.Add([]byte{})
	day := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := rollup.Read(dir, day, day.Add(24*time.Hour), time.Hour)
		if err != nil || len(s.Points) != 24 {
			t.Fatalf("%d points, %v", len(s.Points), err)
		}
		for _, p := range s.Points {
			for _, v := range p.Traffic {
				_ = v.Latency.Quantile(0.99)
			}
			for _, u := range p.Versions {
				if len(u.Addresses.List) > rollup.MaxAddresses {
					t.Errorf("%d addresses", len(u.Addresses.List))
				}
			}
		}
	})
}

// FuzzHistogram: what is read back is right to 5 %, and merging is adding.
func FuzzHistogram(f *testing.F) {
	for _, d := range []int64{0, -5, 1, 15, 16, 17, 1000, 999_999, 3_600_000_000, 68_719_476_735, math.MaxInt64} {
		f.Add(d)
	}
	f.Fuzz(func(t *testing.T, micros int64) {
		d := time.Duration(min(max(micros, -1000), 1<<36-1)) * time.Microsecond
		var one, two rollup.Histogram
		one.Add(d)
		two.Merge(&one)
		two.Merge(&one)
		got, want := two.Quantile(0.5), max(d, 0)
		if off := (got - want).Abs(); off > want/20 || two.Count() != 2 {
			t.Errorf("%s became %s, counted %d", want, got, two.Count())
		}
	})
}

func TestQuantiles(t *testing.T) {
	var h rollup.Histogram
	if h.Quantile(0.5) != 0 {
		t.Error("nothing has a median")
	}
	for i := range 1000 {
		h.Add(time.Duration(i+1) * time.Millisecond)
	}
	for q, want := range map[float64]time.Duration{0: time.Millisecond, 0.5: 500 * time.Millisecond, 0.95: 950 * time.Millisecond, 0.99: 990 * time.Millisecond, 1: time.Second, 7: time.Second} {
		if got := h.Quantile(q); (got - want).Abs() > want/20 {
			t.Errorf("quantile %v is %s, want about %s", q, got, want)
		}
	}
}

// TestASetOfAddressesHasABound, which does not depend on the order, and is told.
func TestASetOfAddressesHasABound(t *testing.T) {
	var up, down, merged rollup.Addresses
	for i := range 100 {
		up.Add(netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}))
		down.Add(netip.AddrFrom4([4]byte{10, 0, 0, byte(99 - i)}))
	}
	merged.Merge(down)
	merged.Merge(up)
	for _, a := range []rollup.Addresses{up, down, merged} {
		if len(a.List) != rollup.MaxAddresses || !a.Cut || a.List[0] != netip.MustParseAddr("10.0.0.0") || a.List[31] != netip.MustParseAddr("10.0.0.31") {
			t.Errorf("%d, cut %t: %v", len(a.List), a.Cut, a.List)
		}
	}
}

// TestOnlyProofIsUse: a request that named a credential and did not prove it is no use of a version, and a line that tells of
// being let in is not counted beside the final one.
func TestOnlyProofIsUse(t *testing.T) {
	var total rollup.Totals
	for _, text := range []string{
		`{"time":"2026-11-20T08:00:00.000000Z","environment":"e","decision":"refuse","reason":"bad_signature","partner":"p","credential":"c","version":1,"proved":false,"duration_us":5}`,
		`{"time":"2026-11-20T08:00:01.000000Z","environment":"e","decision":"admit","reason":"allowed","partner":"p","credential":"c","version":2,"proved":true,"duration_us":5}`,
		`{"time":"2026-11-20T08:00:02.900000Z","environment":"e","decision":"allow","reason":"allowed","partner":"p","credential":"c","version":2,"proved":true,"address":"::ffff:192.0.2.1","duration_us":5}`,
		`{"time":"2026-11-20T08:00:01.000000Z","environment":"e","decision":"refuse","reason":"replayed","partner":"p","credential":"c","version":2,"proved":true,"address":"192.0.2.1","duration_us":5}`,
	} {
		var l search.Line
		if err := l.Parse([]byte(text)); err != nil {
			t.Fatal(err)
		}
		total.Add(&l)
	}
	use := total.Versions[rollup.VersionKey{Environment: "e", Credential: "c", Version: 2}]
	if len(total.Versions) != 1 || use == nil || use.Allowed != 1 || use.Refused != 1 || len(use.Addresses.List) != 1 || !use.Last.Equal(time.Date(2026, 11, 20, 8, 0, 2, 0, time.UTC)) {
		t.Errorf("%+v", total.Versions)
	}
	if n := total.Partners[rollup.PartnerKey{Environment: "e", Partner: "p", Decision: "refuse"}]; n != 2 {
		t.Errorf("%d refusals", n)
	}
}

// TestWhoWritesAndForHowLong: one writer; old days go, the newest stays; impossible spans are refused.
func TestWhoWritesAndForHowLong(t *testing.T) {
	dir := t.TempDir()
	c := config(dir)
	c.Keep = 72 * time.Hour
	w, err := rollup.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := rollup.Open(c); !errors.Is(err, rollup.ErrLocked) {
		t.Errorf("a second writer: %v", err)
	}
	if _, err := rollup.Rebuild(t.Context(), c, t.TempDir()); !errors.Is(err, rollup.ErrLocked) {
		t.Errorf("a rebuild beside it: %v", err)
	}
	for seq, day := range []string{"2026-11-10", "2026-11-18", "2026-11-20"} {
		var l search.Line
		text := `{"time":"` + day + `T08:00:00.000000Z","decision":"allow","reason":"allowed","seq":` + string(rune('1'+seq)) + `}`
		if err := errors.Join(l.Parse([]byte(text)), w.Add(&l)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	removed, err := w.Retain() // the clock shows the morning of the 21st
	if err != nil || len(removed) != 1 || removed[0] != "2026-11-10.roll" {
		t.Errorf("removed %v, %v", removed, err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	c.Keep = time.Hour
	if _, err := rollup.Open(c); err == nil {
		t.Error("a retention of an hour is taken")
	}
	now := time.Now()
	for name, err := range map[string]error{
		"no step":   read(dir, now, now.Add(time.Hour), 0),
		"odd step":  read(dir, now, now.Add(time.Hour), 90*time.Second),
		"backwards": read(dir, now, now, time.Minute),
		"too many":  read(dir, now, now.Add(10_000*24*time.Hour), time.Minute),
		"too early": read(dir, time.Unix(-5, 0), now, time.Hour),
	} {
		if !errors.Is(err, rollup.ErrSpan) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func read(dir string, from, to time.Time, step time.Duration) error {
	_, err := rollup.Read(dir, from, to, step)
	return err
}
