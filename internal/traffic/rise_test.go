package traffic_test

import (
	"testing"
	"time"

	"countersign.dev/internal/audit/search"
	"countersign.dev/internal/traffic"
)

// burst adds refusals for a reason, all in one minute.
func (w *world) burst(number int, when time.Time, reason string) {
	w.Helper()
	for range number {
		w.add(0, at(when, refused(reason)))
	}
}

// TestASuddenRise: the rule, case by case.
func TestASuddenRise(t *testing.T) {
	hours := func(w *world, each int) { // every hour of a week
		for i := range 7 * 24 {
			w.burst(each, noon.Add(-time.Duration(i+1)*time.Hour), "bad_signature")
		}
	}
	for _, test := range []struct {
		name string
		past func(w *world)
		now  int
		rise bool
	}{
		{"below the floor", func(*world) {}, traffic.RiseFloor - 1, false},
		{"the floor, with nothing before", func(*world) {}, traffic.RiseFloor, true},
		{"the floor, after a silent week", func(w *world) { w.add(0, at(noon.Add(-7*24*time.Hour))) }, traffic.RiseFloor, true},
		{"four times a steady rate", func(w *world) { hours(w, 20) }, 80, true},
		{"below four times a steady rate", func(w *world) { hours(w, 20) }, 19, false},
		{"it happens every day at this time", func(w *world) {
			for d := 1; d <= 7; d++ {
				w.burst(60, noon.AddDate(0, 0, -d), "bad_signature")
			}
		}, 100, false},
		{"it happened once at this time", func(w *world) {
			w.burst(60, noon.AddDate(0, 0, -3), "bad_signature")
			w.add(0, at(noon.AddDate(0, 0, -8)))
		}, 100, true},
		{"it has gone on for hours", func(w *world) {
			for i := range 8 * 4 {
				w.burst(100, noon.Add(-time.Duration(i+1)*15*time.Minute), "bad_signature")
			}
			w.add(0, at(noon.AddDate(0, 0, -8)))
		}, 100, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, 1)
			test.past(w)
			w.burst(test.now, noon.Add(-2*time.Minute), "bad_signature")
			w.flush()
			w.Poll(ctx)
			list := w.Rises(nil)
			if (len(list) == 1) != test.rise {
				t.Fatalf("%+v", list)
			}
			if test.rise && (list[0].Count != uint64(test.now) || list[0].Reason != "bad_signature" || list[0].Environment != "production" || list[0].API != "card") {
				t.Errorf("%+v", list[0])
			}
		})
	}
}

// TestRisesAreScopedAndCompared with what was let in at the same time.
func TestRisesAreScopedAndCompared(t *testing.T) {
	w := newWorld(t, 1)
	w.burst(30, noon, "replayed")
	for range 7 {
		w.add(0, at(noon.Add(-time.Minute)))
	}
	w.add(0, at(noon.Add(-20*time.Minute)))
	w.flush()
	if list := w.Rises(nil); list != nil {
		t.Errorf("before the counts are read: %+v", list)
	}
	w.Poll(ctx)
	if list := w.Rises(nil); len(list) != 1 || list[0].Allowed != 7 || list[0].Days != 0 {
		t.Errorf("%+v", list)
	}
	if list := w.Rises(func(environment string) bool { return environment != "production" }); list != nil {
		t.Errorf("of an environment that may not be seen: %+v", list)
	}
}

// TestLostLinesAreSummedUp from the quarter of an hour in which the moment lies.
func TestLostLinesAreSummedUp(t *testing.T) {
	w := newWorld(t, 1)
	for _, hours := range []int{0, 5, 30} {
		w.add(0, search.Line{Kind: search.Gap, Time: noon.Add(-time.Duration(hours) * time.Hour), Lost: 3})
	}
	w.flush()
	w.Poll(ctx)
	if n, faults := w.Lost(noon.Add(-24 * time.Hour)); n != 6 || faults != nil {
		t.Errorf("%d %v", n, faults)
	}
}
