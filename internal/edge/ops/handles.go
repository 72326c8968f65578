package ops

import (
	"maps"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// maxHandles bounds what is kept; labels are bounded far below it, and what goes beyond is counted all the same.
const maxHandles = 4096

// outcome is what decisions are counted by.
type outcome struct{ environment, api, decision, reason string }

// handle is where one outcome is counted.
type handle struct {
	count    prometheus.Counter
	duration prometheus.Observer
}

// handles keeps the counters of outcomes that came before, so that the next one needs neither a lock nor the labels put together
// once more. Reading is free of both; a new outcome copies the map.
type handles struct {
	known atomic.Pointer[map[outcome]handle]
	mu    sync.Mutex
}

// of is where an outcome is counted; made finds it the first time.
func (h *handles) of(o outcome, made func() handle) handle {
	if known := h.known.Load(); known != nil {
		if one, ok := (*known)[o]; ok {
			return one
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	one, next := made(), map[outcome]handle{}
	if known := h.known.Load(); known != nil {
		if len(*known) >= maxHandles {
			return one
		}
		next = maps.Clone(*known)
	}
	next[o] = one
	h.known.Store(&next)
	return one
}
