package whatif

import (
	"time"

	"countersign.dev/internal/audit/search"
)

// skewOf is the caller's clock minus ours, and whether the line says it: to the millisecond, or in lines of older programs, which
// tell it of refused timestamps alone, to the second.
func skewOf(l *search.Line) (time.Duration, bool) {
	if l.Timed {
		return l.Lead, true
	}
	return -l.Skew, l.Skew != 0
}
