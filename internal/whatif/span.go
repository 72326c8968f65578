package whatif

import (
	"fmt"
	"time"
)

// Span is the time whose decisions are looked at.
type Span struct {
	From time.Time `json:"from"` // at or after; zero: so long before To as the question is usually asked for
	To   time.Time `json:"to"`   // before; zero: now
}

// fill sets what was left out and checks the rest.
func (s Span) fill(now time.Time, usual time.Duration) (Span, error) {
	if s.To.IsZero() {
		s.To = now
	}
	if s.From.IsZero() {
		s.From = s.To.Add(-usual)
	}
	s.From, s.To = s.From.UTC(), s.To.UTC()
	if !s.From.Before(s.To) {
		return s, fmt.Errorf("%w: it ends at %s, before it begins at %s", ErrSpan, s.To.Format(time.RFC3339), s.From.Format(time.RFC3339))
	}
	if s.To.Sub(s.From) > MaxSpan {
		return s, fmt.Errorf("%w: it is longer than %d days", ErrSpan, MaxSpan/(24*time.Hour))
	}
	return s, nil
}
