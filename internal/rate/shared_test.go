package rate_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"countersign.dev/internal/rate"
)

// TestPartsStayFarBelow53Bits: of the smallest, the largest and random paces, so that sums of two are exact where numbers
// are floating point; and the parts are the pace.
func TestPartsStayFarBelow53Bits(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for n := range 2000 {
		count, per, burst := random.Int64N(1<<random.IntN(31))+1, time.Duration(random.Int64N(1<<random.IntN(61))+1), random.Int64N(1<<random.IntN(63))+1
		switch n {
		case 0:
			count, per, burst = 1, rate.MaxSpan, 1<<63-1
		case 1:
			count, per, burst = rate.MaxRate, 1, 1<<63-1
		case 2:
			count, per, burst = 1, 1, 1
		}
		pace, err := rate.NewPace(count, per, burst)
		if err != nil {
			t.Fatal(err)
		}
		p := pace.Parts()
		for _, m := range []rate.Moment{p.Step, p.Span} {
			if m.Seconds < 0 || m.Seconds >= 1<<32 || m.Nanos < 0 || m.Nanos >= 1e9 || m.Rest < 0 || m.Rest >= p.Rate || p.Rate > rate.MaxRate {
				t.Errorf("%d in %s, burst %d: %+v", count, per, burst, p)
			}
		}
		up := time.Duration(p.Span.Seconds)*time.Second + time.Duration(p.Span.Nanos)
		if p.Span.Rest > 0 {
			up++
		}
		if p.Rate != count || up != pace.Span() {
			t.Errorf("%d in %s, burst %d: %+v, want a span of %s", count, per, burst, p, pace.Span())
		}
	}
}

// TestOwed: what no engine of ours has written is refused, and the rest says what the state did that owes as much.
func TestOwed(t *testing.T) {
	century := int64(rate.MaxSpan / time.Second)
	for _, m := range []rate.Moment{{Seconds: -1}, {Nanos: -1}, {Rest: -1}, {Seconds: century + 1}, {Nanos: 1e9}, {Rest: rate.MaxRate}} {
		if _, ok := rate.Owed(m, 0, 0); ok {
			t.Errorf("%+v is taken", m)
		}
	}
	if _, ok := rate.Owed(rate.Moment{}, 0, -1); ok {
		t.Error("a negative count is taken")
	}
	pace, err := rate.NewPace(3, time.Second, 4)
	if err != nil {
		t.Fatal(err)
	}
	b := rate.Bucket{Pace: pace, Daily: 9}
	s, ok := rate.Owed(pace.Parts().Step, rate.DayOf(noon), 7) // one of four was taken, and seven today
	if s.Ask(&b, 0, noon); !ok || b.Outcome != rate.Room || b.Left != 2 || b.DayLeft != 1 {
		t.Errorf("%v, %+v", ok, b)
	}
}
