package nodes_test

import (
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// heldUp is a stop of this process that its nodes notice: their networks are in it, and so is the balancer, which has less time than a
// node's lame duck to see it.
const heldUp = time.Second

// pulse tells whether this process was held up, by a machine that had none of its time for it.
type pulse struct {
	begun      time.Time
	last, held atomic.Int64 // nanoseconds since begun: of the last beat, and of the last one that came late
}

var heart = sync.OnceValue(func() *pulse {
	p := &pulse{begun: time.Now()}
	p.held.Store(math.MinInt64 / 2)
	go p.beat()
	return p
})

func (p *pulse) beat() {
	tick := time.NewTicker(20 * time.Millisecond)
	for ; ; <-tick.C {
		now := int64(time.Since(p.begun))
		if now-p.last.Load() > int64(heldUp) {
			p.held.Store(now)
		}
		p.last.Store(now)
	}
}

// stood reports whether it stands now, or has stood while a request could be under way that is answered now.
func (p *pulse) stood() bool {
	now := int64(time.Since(p.begun))
	return now-p.last.Load() > int64(heldUp) || now-p.held.Load() < int64(answerLimit)
}

// unheard is what a caller of a process that stood may hear although nothing is wrong.
func unheard(c cell) bool {
	return slices.Contains([]string{notReached, cutOff, noAnswer}, c.answer) || unjudged(c)
}
