package caller

import (
	"errors"
	"sync"
)

// ErrFull says that the bound on the number of callers is reached. Nothing is
// evicted to make room: another partner's state is never lost to a newcomer.
var ErrFull = errors.New("too many callers")

// States holds one T for each caller, made on first use and kept until the States
// itself is dropped. It is safe for concurrent use; T guards itself. There is
// nothing to close.
type States[T any] struct {
	max   int
	fresh func(Caller) *T

	mu sync.Mutex
	by map[Caller]*T
}

// NewStates returns an empty set for at most max callers. fresh makes the state of
// a caller that is seen for the first time; it runs under the lock, so it must be
// quick and must not call back. Both are required: max below 1 or a nil fresh is an
// error.
func NewStates[T any](max int, fresh func(Caller) *T) (*States[T], error) {
	if max < 1 {
		return nil, errors.New("states: max must be at least 1")
	}
	if fresh == nil {
		return nil, errors.New("states: fresh is missing")
	}
	return &States[T]{max: max, fresh: fresh, by: make(map[Caller]*T)}, nil
}

// Of returns the caller's state: the same pointer for the same caller, never one
// that another caller can reach. Error: ErrFull.
func (s *States[T]) Of(c Caller) (*T, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if state, ok := s.by[c]; ok {
		return state, nil
	}
	if len(s.by) >= s.max {
		return nil, ErrFull
	}
	state := s.fresh(c)
	s.by[c] = state
	return state, nil
}
