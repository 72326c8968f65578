package admin

import (
	"errors"
	"slices"
	"sync"
	"time"

	"countersign.dev/internal/operator"
)

// How many streams one principal may have open, and all together. They are no questions to the record: they hold none of its places.
const (
	tailsEach = 4
	tailsAll  = 64
)

// tailPlaces counts the streams that are open and ends them. Safe for concurrent use.
type tailPlaces struct {
	tick   func(time.Duration) (<-chan time.Time, func()) // a ticker, and its end
	ending chan struct{}
	once   sync.Once

	mu   sync.Mutex
	open map[string]int // by principal
	all  int
}

func newTailPlaces() *tailPlaces {
	return &tailPlaces{ending: make(chan struct{}), open: map[string]int{}, tick: func(d time.Duration) (<-chan time.Time, func()) {
		t := time.NewTicker(d)
		return t.C, t.Stop
	}}
}

// come takes a place; only if both are true it was taken.
func (t *tailPlaces) come(key string) (mine, all bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	mine, all = t.open[key] < tailsEach, t.all < tailsAll
	if mine && all {
		t.open[key]++
		t.all++
	}
	return mine, all
}

func (t *tailPlaces) leave(key string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.all--
	if t.open[key]--; t.open[key] == 0 {
		delete(t.open, key)
	}
}

func (t *tailPlaces) over() bool {
	select {
	case <-t.ending:
		return true
	default:
		return false
	}
}

// EndTails ends every stream, each with a last event, and lets no further one begin: browsers come back by themselves, to whatever
// serves then. For the begin of a shutdown, and for a server that another one takes the place of. It does not wait.
func (s *Server) EndTails() { s.tails.once.Do(func() { close(s.tails.ending) }) }

func isNotSignedIn(err error) bool { return errors.Is(err, operator.ErrNotSignedIn) }

// sameRights reports whether two principals are one, who may the same in the same environments.
func sameRights(a, b operator.Principal) bool {
	return a.Kind == b.Kind && a.ID == b.ID && a.SessionID == b.SessionID && slices.Equal(a.Permissions, b.Permissions) &&
		(a.Environments == nil) == (b.Environments == nil) && slices.Equal(a.Environments, b.Environments)
}
