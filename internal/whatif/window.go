package whatif

import (
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/scheme"
)

// late is what the time window of an API says of a call's timestamp: Allowed, StaleTimestamp or FutureTimestamp. The scheme that
// verifies says it, with a moment that is as far from the timestamp as the record says. A window of 0 is the profile's own.
func late(s *scheme.Scheme, skew, window time.Duration) access.Reason {
	theirs := time.Unix(1_000_000_000, 0)
	fault := s.Fresh(&scheme.Presented{Unix: theirs.Unix(), TimeText: "-"}, theirs.Add(-skew), window)
	switch {
	case fault == nil:
		return access.Allowed
	case fault.Kind == scheme.FaultFuture:
		return access.FutureTimestamp
	}
	return access.StaleTimestamp
}
