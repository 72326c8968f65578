package giveway_test

import (
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"countersign.dev/internal/giveway"
)

// TestAPauseLetsInAllWhoWait: on one processor, those who became ready while somebody paused go first, all of them, also where the timer of the
// pause was due before. The scheduler looks at its other queue now and then, so that one who pauses may come before some: not mostly.
func TestAPauseLetsInAllWhoWait(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	const tries, waiting = 20, 8
	served := 0
	for range tries {
		var done atomic.Int32
		go func() {
			for start := time.Now(); time.Since(start) < time.Millisecond; { // until the pause is over
			}
			for range waiting {
				go done.Add(1)
			}
		}()
		giveway.For(50 * time.Microsecond)
		if done.Load() == waiting {
			served++
		}
	}
	if served < tries/2 {
		t.Errorf("in %d of %d pauses all who waited came first", served, tries)
	}
}
