package partner

import "time"

// Bounds of a Schedule.
const (
	// MinRotateEvery and MaxRotateEvery bound the time from one scheduled rotation to the next.
	MinRotateEvery = 7 * 24 * time.Hour
	MaxRotateEvery = 730 * 24 * time.Hour
	// MinRotateOverlap and MaxRotateOverlap bound how long the older versions count on.
	MinRotateOverlap = time.Hour
	MaxRotateOverlap = 90 * 24 * time.Hour
)

// Schedule says when the secret of a credential is replaced by itself. The zero value: never.
type Schedule struct {
	Every   time.Duration // whole seconds, MinRotateEvery to MaxRotateEvery; 0: no schedule
	Overlap time.Duration // whole seconds, MinRotateOverlap to MaxRotateOverlap and shorter than Every
	Next    time.Time     // of the next rotation, an absolute time
}

// Validate reports what is wrong with s, or nil.
func (s Schedule) Validate() error {
	switch {
	case s.Every < MinRotateEvery || s.Every > MaxRotateEvery || s.Every%time.Second != 0:
		return invalid("a schedule rotates every %d to %d days", MinRotateEvery/(24*time.Hour), MaxRotateEvery/(24*time.Hour))
	case s.Overlap < MinRotateOverlap || s.Overlap > MaxRotateOverlap || s.Overlap%time.Second != 0:
		return invalid("the overlap of a schedule is one hour to %d days", MaxRotateOverlap/(24*time.Hour))
	case s.Overlap >= s.Every:
		return invalid("the overlap of a schedule is shorter than the time to its next rotation")
	case s.Next.IsZero():
		return invalid("a schedule has the time of its next rotation")
	}
	return nil
}

// After is the first time of s that lies beyond now. Rotations that nobody could do meanwhile are left out, not made up for.
func (s Schedule) After(now time.Time) time.Time {
	if s.Next.After(now) {
		return s.Next
	}
	missed := now.Sub(s.Next)/s.Every + 1
	return s.Next.Add(missed * s.Every)
}

// Sunset is the moment after which v counts no more, and whether there is one: an absolute end (security rule 36), as a
// warning to callers may tell it (RFC 8594).
func (v Version) Sunset() (time.Time, bool) { return v.NotAfter, !v.NotAfter.IsZero() }
