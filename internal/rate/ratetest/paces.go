package ratetest

import (
	"testing"
	"time"

	"countersign.dev/internal/rate"
)

// hammered: 64 callers at one moment get the burst, and from then on the rate.
func (h Harness) hammered(t *testing.T) {
	clock := NewClock()
	l, b := h.Open(t, clock), Bucket(1, 50, 100, 0)
	if in := hammer(t, l, 50, b); in != 100 {
		t.Errorf("at one moment %d were let in, want the burst of 100", in)
	}
	for span := range 5 {
		clock.Move(time.Second)
		if in := hammer(t, l, 20, b); in != 50 {
			t.Errorf("second %d: %d were let in, want the rate of 50", span, in)
		}
	}
	clock.Move(time.Hour)
	if in := hammer(t, l, 20, b); in != 100 {
		t.Errorf("after an hour %d were let in, want the burst of 100", in)
	}
}

// paced: in steps of a millisecond, each span has exactly its rate, and each is let in as early as it may.
func (h Harness) paced(t *testing.T) {
	clock := NewClock()
	l, b := h.Open(t, clock), Bucket(1, 50, 1, 0)
	total := 0
	for ms := range 10_000 {
		in := admitted(t, l, 2, b)
		if wanted := ms % 20; (wanted == 0) != (in == 1) {
			t.Fatalf("millisecond %d: %d were let in", ms, in)
		}
		total += in
		clock.Move(time.Millisecond)
	}
	if total != 500 {
		t.Errorf("%d in ten seconds, want 500", total)
	}
}

// uneven: 7 in each 3 seconds are exactly 7,000 in 3,000 seconds, and 7 in each span of 3 s behind the burst.
func (h Harness) uneven(t *testing.T) {
	clock := NewClock()
	l := h.Open(t, clock)
	b := rate.Bucket{Key: Key(1), Pace: Pace(7, 3*time.Second, 7)}
	want(t, l, 7, 20, "the burst", b)
	for span := range 1000 {
		clock.Move(3 * time.Second)
		if in := admitted(t, l, 9, b); in != 7 {
			t.Fatalf("span %d: %d were let in, want 7", span, in)
		}
	}
	clock.Move(3*time.Second/7 - 1)
	want(t, l, 0, 1, "a moment before a seventh of the span", b)
	clock.Move(2)
	want(t, l, 1, 2, "a moment behind it", b)
}

// together: what one of two refuses takes from neither.
func (h Harness) together(t *testing.T) {
	clock := NewClock()
	l := h.Open(t, clock)
	wide, narrow := Bucket(1, 10, 20, 0), Bucket(2, 1, 3, 0)
	want(t, l, 3, 10, "both", wide, narrow)
	want(t, l, 17, 30, "what the seven that were refused left of the wide one", wide)
	clock.Move(2 * time.Second)
	want(t, l, 2, 10, "both, two seconds later", wide, narrow)
	want(t, l, 18, 30, "the wide one then", wide)
	quota := Bucket(3, 0, 0, 5)
	want(t, l, 0, 10, "a quota beside a rate that is used up", quota, wide)
	want(t, l, 5, 10, "the quota alone", quota)
}

func (h Harness) hammeredTwice(t *testing.T) {
	clock := NewClock()
	l := h.Open(t, clock)
	shared, own := Bucket(1, 40, 90, 0), Bucket(2, 30, 60, 0)
	if in := hammer(t, l, 20, shared, own); in != 60 {
		t.Errorf("%d were let in, want the smaller burst of 60", in)
	}
	if in := hammer(t, l, 20, own, shared); in != 0 {
		t.Errorf("%d more were let in, in another order", in)
	}
	if in := hammer(t, l, 20, shared); in != 30 {
		t.Errorf("%d were let in by the wider one, want the 30 that are left", in)
	}
	clock.Move(time.Second)
	if in := hammer(t, l, 20, shared, own); in != 30 {
		t.Errorf("a second later %d were let in, want 30", in)
	}
	if in := hammer(t, l, 20, shared); in != 10 {
		t.Errorf("%d were let in by the wider one, want 10", in)
	}
}

func (h Harness) apart(t *testing.T) {
	l := h.Open(t, NewClock())
	for n := range 1000 {
		want(t, l, 2, 3, "each", Bucket(n, 1, 2, 0))
	}
	for bit := range 128 {
		b := Bucket(5000, 1, 1, 0)
		b.Key[bit/8] ^= 1 << (bit % 8)
		want(t, l, 1, 2, "each bit counts", b)
	}
}

// left: what the buckets say of the moment after.
func (h Harness) left(t *testing.T) {
	clock := NewClock()
	l := h.Open(t, clock)
	b := []rate.Bucket{Bucket(1, 2, 4, 10)}
	say := func(what string, left, dayLeft int64, next, full, wait time.Duration, outcome rate.Outcome) {
		t.Helper()
		if _, err := l.Take(b); err != nil {
			t.Fatal(err)
		}
		got := b[0]
		if got.Left != left || got.DayLeft != dayLeft || got.Next != next || got.Full != full || got.Wait != wait || got.Outcome != outcome || got.DayEnds != 12*time.Hour-clock.Now().Sub(Noon) {
			t.Errorf("%s: %+v", what, got)
		}
	}
	const half = time.Second / 2
	say("the first", 3, 9, 0, half, 0, rate.Room)
	say("the second", 2, 8, 0, 2*half, 0, rate.Room)
	say("the third", 1, 7, 0, 3*half, 0, rate.Room)
	say("the last of the burst", 0, 6, half, 4*half, 0, rate.Room)
	say("one too many", 0, 5, half, 4*half, half, rate.RateUsed) // the quota says what it would have left
	clock.Move(half / 2)
	say("still", 0, 5, half/2, 7*half/2, half/2, rate.RateUsed)
	clock.Move(half / 2)
	say("in time", 0, 5, half, 4*half, 0, rate.Room)
	clock.Move(time.Minute)
	for range 4 {
		admitted(t, l, 1, b...)
	}
	clock.Move(time.Minute)
	say("the last of the day", 3, 0, 0, half, 0, rate.Room)
	say("a day's quota that is used up", 2, 0, 0, 2*half, 12*time.Hour-clock.Now().Sub(Noon), rate.QuotaUsed)
}
