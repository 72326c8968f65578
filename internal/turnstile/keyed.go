package turnstile

import "sync"

// Keyed keeps one value for each key, which exists while somebody is at it, and lets a bounded number of callers come to
// each: attempts of one credential, of one address. What it holds is bounded by its callers. Safe for concurrent use.
type Keyed[K comparable, V any] struct {
	room  int
	fresh func() V

	mu   sync.Mutex
	open map[K]*shared[V]
}

type shared[V any] struct {
	value   V
	callers int
}

// NewKeyed makes a Keyed with room for so many callers of one key; fresh makes the value for the first of them.
func NewKeyed[K comparable, V any](room int, fresh func() V) *Keyed[K, V] {
	return &Keyed[K, V]{room: room, fresh: fresh, open: map[K]*shared[V]{}}
}

// Come returns the value of a key, or false when too many are there already. Only after true does the caller owe a Leave.
func (k *Keyed[K, V]) Come(key K) (value V, ok bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	at := k.open[key]
	switch {
	case at != nil && at.callers >= k.room, k.room < 1:
		return value, false
	case at == nil:
		at = &shared[V]{value: k.fresh()}
		k.open[key] = at
	}
	at.callers++
	return at.value, true
}

// Leave ends what Come began. The value of a key that its last caller leaves is forgotten.
func (k *Keyed[K, V]) Leave(key K) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if at := k.open[key]; at != nil {
		if at.callers--; at.callers == 0 {
			delete(k.open, key)
		}
	}
}

// Callers is how many are at a key, at this moment.
func (k *Keyed[K, V]) Callers(key K) int {
	k.mu.Lock()
	defer k.mu.Unlock()
	if at := k.open[key]; at != nil {
		return at.callers
	}
	return 0
}

// All is how many are at any key, at this moment.
func (k *Keyed[K, V]) All() (n int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, at := range k.open {
		n += at.callers
	}
	return n
}
