package rollup

import (
	"errors"
	"fmt"
	"os"
	"time"
)

// maxPoints bounds the points of a series.
const maxPoints = 50_000

// ErrSpan is wrapped when a span of time or a step makes no series.
var ErrSpan = errors.New("invalid time span")

// Point is the sums of one step.
type Point struct {
	At time.Time // its begin
	Totals
}

// Series is what charts are drawn from.
type Series struct {
	Step   time.Duration
	Points []Point  // one for each step from the begin to the end, also where nothing happened
	Faults []string // day files of which not all could be read: their numbers are too low until a rebuild
}

// Read sums up the minutes from from up to, but without, to, in steps of whole minutes. Both ends are brought to a whole step,
// outwards, counted from midnight UTC where the step divides a day. What a server counts appears within about a minute. A
// folder that is not there is empty. The error wraps ErrSpan for an impossible span, or is the disk's.
func Read(dir string, from, to time.Time, step time.Duration) (Series, error) {
	if step < time.Minute || step%time.Minute != 0 || !from.Before(to) || from.Unix() < 0 || to.Sub(from)/step >= maxPoints {
		return Series{}, fmt.Errorf("%w: whole minutes, the begin before the end, at most %d points", ErrSpan, maxPoints)
	}
	minutes := int64(step / time.Minute)
	first := from.Unix() / 60 / minutes
	end := (to.Unix() + 59) / 60
	end = (end + minutes - 1) / minutes
	s := Series{Step: step, Points: make([]Point, end-first)}
	for i := range s.Points {
		s.Points[i].At = time.Unix((first+int64(i))*minutes*60, 0).UTC()
	}
	var err error
	s.Faults, err = walk(dir, first*minutes, end*minutes, func(minute int64, t *Totals) {
		s.Points[minute/minutes-first].Merge(t)
	})
	return s, err
}

// Sum adds up all minutes from from up to, but without, to: what a table shows, when a version of a credential was used last,
// the quantiles of a day. A zero from means from the first day there is, a zero to, to the last.
func Sum(dir string, from, to time.Time) (Totals, []string, error) {
	var sum Totals
	first, end := int64(0), int64(1<<40)
	if !from.IsZero() {
		first = from.Unix() / 60
	}
	if !to.IsZero() {
		end = (to.Unix() + 59) / 60
	}
	faults, err := walk(dir, first, end, func(_ int64, t *Totals) { sum.Merge(t) })
	return sum, faults, err
}

// walk gives the sums of every minute from first up to, but without, end; one minute may come several times.
func walk(dir string, first, end int64, take func(int64, *Totals)) (faults []string, err error) {
	names, err := days(dir)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		at, ok := begins(name)
		day := at.Unix() / 60
		if !ok || day >= end || day+secondsOfDay/60 <= first {
			continue
		}
		_, err := walkDay(dir, name, func(f *frame) {
			for minute, t := range f.minutes {
				if minute >= first && minute < end {
					take(minute, t)
				}
			}
		})
		switch {
		case errors.Is(err, errCut), errors.Is(err, os.ErrNotExist): // it is being written, or was just retired
		case errors.Is(err, ErrDamaged):
			faults = append(faults, err.Error())
		case err != nil:
			return faults, err
		}
	}
	return faults, nil
}
