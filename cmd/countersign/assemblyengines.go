package main

import (
	"errors"

	"countersign.dev/internal/access"
	"countersign.dev/internal/config"
	"countersign.dev/internal/engines"
)

// limiter counts requests: this node's own, or that of all nodes.
type limiter interface {
	access.Limiter
	// Ready is nil, or why requests are not counted, or their counts not kept, now.
	Ready() error
}

// openCache opens what the configuration keeps on a server that nodes share: the replay guard, the limiter, or both over one link.
func (a *assembly) openCache(cfg *config.Config) error {
	cache, err := engines.OpenShared(engines.SharedConfig{Config: cfg, Now: a.now, Log: a.log})
	if cache == nil || err != nil {
		return err
	}
	a.atEnd(cache)
	a.cache = cache
	if cache.Guard != nil {
		a.replay = &watchedReplay{guard: cache.Guard, now: a.now, shared: cache.Guard.Ready}
	}
	if cache.Limiter != nil {
		a.limiter = cache.Limiter
	}
	for _, text := range cache.Warnings() {
		a.log.Warn("the shared cache should be set otherwise", "cause", text)
	}
	a.log.Info("replay or limits are shared with other nodes", "replay", cache.Guard != nil, "limits", cache.Limiter != nil)
	return a.publishCache(cache)
}

// publishCache publishes how the link stands. No metric has the name of a server.
func (a *assembly) publishCache(s *engines.Shared) error {
	failures := []error{
		a.metrics.Gauge("countersign_shared_up", "1 while the shared cache answers every part of the calls.", func() float64 {
			if s.Link.Ready() != nil {
				return 0
			}
			return 1
		}),
		a.metrics.Gauge("countersign_shared_circuits_open", "Parts of the calls to the shared cache that fail at once, since one of them got no answer.",
			func() float64 { return float64(s.Link.Counters().Open) }),
		a.metrics.Counter("countersign_shared_calls_total", "Calls to the shared cache that were begun.", func() float64 { return float64(s.Link.Counters().Calls) }),
		a.metrics.Counter("countersign_shared_failures_total", "Calls to the shared cache without a usable answer.", func() float64 { return float64(s.Link.Counters().Failures) }),
	}
	if s.Limiter != nil {
		failures = append(failures, a.metrics.Counter("countersign_shared_uncounted_total", "Requests that were let in without being counted, because the shared cache did not answer and the configuration allows it.",
			func() float64 { return float64(s.Limiter.Uncounted()) }))
	}
	return errors.Join(failures...)
}
