package ratetest

import (
	"testing"
	"time"

	"countersign.dev/internal/rate"
)

func (h Harness) daily(t *testing.T) {
	clock := NewClock()
	l, b := h.Open(t, clock), Bucket(1, 0, 0, 1000)
	if in := hammer(t, l, 20, b); in != 1000 {
		t.Errorf("%d were let in on the first day, want 1000", in)
	}
	clock.Set(Noon.Add(12*time.Hour - 1))
	want(t, l, 0, 10, "right before midnight", b)
	clock.Move(1)
	want(t, l, 1000, 1010, "from midnight", b)
	clock.Move(3 * 24 * time.Hour)
	want(t, l, 1000, 1010, "three days later", b)
}

// clockBack: an hour back gives no room, and the rate goes on from there at once.
func (h Harness) clockBack(t *testing.T) {
	for _, step := range []time.Duration{time.Nanosecond, time.Second, time.Hour, 100 * 24 * time.Hour} {
		clock := NewClock()
		l, b := h.Open(t, clock), Bucket(1, 10, 20, 0)
		want(t, l, 20, 30, "the burst", b)
		clock.Move(-step)
		want(t, l, 0, 30, "after the step", b)
		clock.Move(time.Second)
		want(t, l, 10, 30, "a second later", b)
		clock.Move(2 * time.Second)
		want(t, l, 20, 30, "a whole burst later", b)
	}
}

// clockForward: the time that seems to have passed gives one burst; when the clock comes back, nothing.
func (h Harness) clockForward(t *testing.T) {
	clock := NewClock()
	l, b := h.Open(t, clock), Bucket(1, 10, 20, 100)
	want(t, l, 20, 30, "the burst", b)
	clock.Move(time.Hour)
	want(t, l, 20, 30, "an hour ahead", b)
	clock.Move(-time.Hour)
	want(t, l, 0, 30, "back again", b)
	clock.Move(time.Second)
	want(t, l, 10, 30, "a second later", b)
}

// dayTwice: a clock that goes back over midnight goes on counting the day that had begun.
func (h Harness) dayTwice(t *testing.T) {
	clock := NewClock()
	l, b := h.Open(t, clock), Bucket(1, 0, 0, 10)
	want(t, l, 10, 20, "the first day", b)
	clock.Set(Noon.Add(12*time.Hour + 30*time.Minute))
	want(t, l, 6, 6, "the next day", b)
	clock.Move(-time.Hour)
	want(t, l, 4, 20, "an hour back, before midnight", b)
	clock.Move(time.Hour)
	want(t, l, 0, 20, "over midnight again", b)
	clock.Move(24 * time.Hour)
	want(t, l, 10, 20, "the day after", b)
}

// dayAhead: a clock that was wrong by a year locks nobody out for a year.
func (h Harness) dayAhead(t *testing.T) {
	clock := NewClock()
	l, b := h.Open(t, clock), Bucket(1, 0, 0, 10)
	clock.Move(365 * 24 * time.Hour)
	want(t, l, 10, 20, "a year ahead", b)
	clock.Set(Noon)
	want(t, l, 0, 20, "back again", b)
	clock.Move(24 * time.Hour)
	want(t, l, 0, 20, "on the next day", b)
	clock.Move(24 * time.Hour)
	want(t, l, 10, 20, "on the day after", b)
}

// changed: a limit that is raised or lowered goes on with what was used.
func (h Harness) changed(t *testing.T) {
	clock := NewClock()
	l := h.Open(t, clock)
	want(t, l, 10, 10, "ten of a burst of 100 at 10 a second", Bucket(1, 10, 100, 0))
	want(t, l, 0, 20, "lowered to a burst of 5", Bucket(1, 10, 5, 0))
	clock.Move(time.Second / 2)
	want(t, l, 5, 20, "refilled from then on", Bucket(1, 10, 5, 0))
	want(t, l, 95, 200, "raised to 100 again", Bucket(1, 10, 100, 0))
	want(t, l, 3, 10, "a quota that is new counts from now", Bucket(2, 0, 0, 3))
	want(t, l, 2, 10, "and goes on when it is raised", Bucket(2, 0, 0, 5))
	slow := rate.Bucket{Key: Key(3), Pace: Pace(1, 24*time.Hour, 1_000_000)}
	want(t, l, 1000, 1000, "a burst that would take ages to refill", slow)
}

func (h Harness) restarted(t *testing.T) {
	clock := NewClock()
	l, b := h.Open(t, clock), Bucket(1, 0, 0, 10)
	want(t, l, 4, 4, "before", b)
	for n := range 500 {
		want(t, l, 1, 1, "others", Bucket(1000+n, 0, 0, 1))
	}
	l = h.Restart(t, l, clock)
	want(t, l, 6, 20, "after", b)
	for n := range 500 {
		want(t, l, 0, 1, "others", Bucket(1000+n, 0, 0, 1))
	}
	clock.Move(24 * time.Hour)
	l = h.Restart(t, l, clock)
	want(t, l, 10, 20, "on the next day", b)
	clock.Move(-24 * time.Hour)
	l = h.Restart(t, l, clock)
	want(t, l, 0, 20, "with a clock that was set back", b)
}
