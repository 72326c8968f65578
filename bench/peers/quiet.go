//go:build linux

package main

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// What counts as quiet. A proxy that does a part of its work later (countersign compresses, indexes and counts what it has recorded, every 1 to 5 s) would look
// cheaper than it is if only the time of its turns were counted.
const (
	quietStep   = 500 * time.Millisecond
	quietWindow = 12                   // steps, 6 s: more than the longest interval after which countersign looks for such work, 5 s
	quietShare  = 0.025                // of a processor: more than this is work, however steady it is
	quietChange = 0.2                  // the halves of the window may differ by so much
	quietJitter = 5 * time.Millisecond // and by this
	quietBound  = time.Minute
)

// quiet waits until processes do nothing but what they do at rest.
type quiet struct {
	used  func() ([]time.Duration, error) // processor time of each process, always of the same ones
	pause func(ctx context.Context, d time.Duration) error
	now   func() time.Time
}

// rest is what was found.
type rest struct {
	calm bool            // false: it was still busy at the bound
	took time.Duration   // until then
	used []time.Duration // of each process, at the end
	idle []float64       // share of a processor that each takes at rest: of the last window
	at   time.Time       // the end
}

// wait returns when, over a whole window, every process has used little and in its second half as much as in its first.
func (q *quiet) wait(ctx context.Context) (r rest, err error) {
	begun := q.now()
	var marks [][]time.Duration
	var times []time.Time
	for {
		used, err := q.used()
		if err != nil {
			return r, err
		}
		marks, times = append(marks, used), append(times, q.now())
		if n := len(marks) - 1; n >= quietWindow {
			length := times[n].Sub(times[n-quietWindow])
			r = rest{calm: true, took: times[n].Sub(begun), used: used, at: times[n]}
			for i := range used {
				first, second := marks[n-quietWindow/2][i]-marks[n-quietWindow][i], used[i]-marks[n-quietWindow/2][i]
				r.idle = append(r.idle, float64(first+second)/float64(length))
				r.calm = r.calm && steady(first, second, length)
			}
			if r.calm || r.took >= quietBound {
				return r, nil
			}
		}
		if err := q.pause(ctx, quietStep); err != nil {
			return r, err
		}
	}
}

// between is the share of a processor that process i takes at rest, from the windows before and after its turn. Where one of them was not calm, work would be
// taken for rest: then it is the smaller one.
func between(before, after rest, i int) float64 {
	if before.calm && after.calm {
		return (before.idle[i] + after.idle[i]) / 2
	}
	return min(before.idle[i], after.idle[i])
}

// steady judges the two halves of a window.
func steady(first, second, length time.Duration) bool {
	if float64(first+second) > quietShare*float64(length) {
		return false
	}
	return (first - second).Abs() <= quietJitter+time.Duration(quietChange*float64(max(first, second)))
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// settle waits until all peers are quiet. The answer's slices follow peers.
func settle(ctx context.Context, peers []*peer) (rest, error) {
	q := &quiet{pause: pause, now: time.Now, used: func() (all []time.Duration, err error) {
		for _, p := range peers {
			u, err := p.process.usage()
			if err != nil {
				return nil, fmt.Errorf("%s: %w", p.name, err)
			}
			all = append(all, u.cpu)
		}
		return slices.Clip(all), nil
	}}
	return q.wait(ctx)
}
