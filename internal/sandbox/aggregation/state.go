package aggregation

import (
	"errors"
	"hash/fnv"
	"slices"
	"strconv"
	"sync"

	"countersign.dev/internal/sandbox/caller"
)

// errFull says that the bound on a caller's customers is reached.
var errFull = errors.New("too many customers")

// state is one caller's customers, in order of creation, which is also the order of
// their ids. It is safe for concurrent use. Values go in and out as copies, so
// nothing that is being written as an answer can change meanwhile.
type state struct {
	max int

	mu    sync.RWMutex
	next  uint64
	order []*customer
	by    map[string]*customer
}

// newState numbers customers from a place that depends on the caller, so that an id
// of one partner or environment is not by chance a valid one of another. Ids are
// not reused while the state lives. The same caller gets the same ids in each run.
func newState(max int, c caller.Caller) *state {
	h := fnv.New64a()
	// The separator cannot occur in a name, so no two callers hash the same bytes.
	_, _ = h.Write([]byte(c.Environment + "\x00" + c.Partner))
	const first, span, ranges = 1_000_000_000, 10_000, 800_000
	return &state{max: max, next: first + h.Sum64()%ranges*span, by: make(map[string]*customer)}
}

// add stores a customer under a new id.
func (s *state) add(c customer) (customer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.order) >= s.max {
		return customer{}, errFull
	}
	s.next++
	c.number = s.next
	s.order = append(s.order, &c)
	s.by[c.id()] = &c
	return c, nil
}

func (s *state) get(id string) (customer, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	c, ok := s.by[id]
	if !ok {
		return customer{}, false
	}
	return *c, true
}

// change applies a change to one customer and returns it as changed.
func (s *state) change(id string, with func(*customer)) (customer, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, ok := s.by[id]
	if !ok {
		return customer{}, false
	}
	with(c)
	return *c, true
}

func (s *state) remove(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	gone, ok := s.by[id]
	if !ok {
		return false
	}
	delete(s.by, id)
	s.order = slices.DeleteFunc(s.order, func(c *customer) bool { return c == gone })
	return true
}

// list returns the customers that match, as a consistent picture of one moment.
func (s *state) list(match func(customer) bool) []customerView {
	s.mu.RLock()
	defer s.mu.RUnlock()
	found := make([]customerView, 0)
	for _, c := range s.order {
		if match(*c) {
			found = append(found, c.view())
		}
	}
	return found
}

func (c customer) id() string { return strconv.FormatUint(c.number, 10) }
