package main

import (
	"net/http"
	"sync/atomic"

	"countersign.dev/internal/edge/ops"
)

// share is one listener's part of a generation.
type share struct {
	generation *generation
	level      ops.Level // of running requests
}

// shared is the share itself, of whatever has one.
func (s *share) shared() *share { return s }

// seat holds what stands behind an open listener, T, which each generation exchanges. A request has one from its beginning to its end.
type seat[T any, P interface {
	*T
	shared() *share
}] struct {
	now     atomic.Pointer[T]
	leaving atomic.Bool // answers ask callers to come back on another connection
	running atomic.Int64
}

// use counts the caller in as a user of the generation in force, which it leaves when it is done; nil: the listener has ended, and
// nobody stands behind it any more.
func (s *seat[T, P]) use() *T {
	for {
		at := s.now.Load()
		if P(at).shared().generation.enter() {
			return at
		}
		if s.now.Load() == at {
			return nil
		}
	}
}

// enter is use for one request, which is counted and told at metrics until exit.
func (s *seat[T, P]) enter() *T {
	at := s.use()
	if at != nil {
		P(at).shared().level.Add(1)
		s.running.Add(1)
	}
	return at
}

// exit ends the request that entered at.
func (s *seat[T, P]) exit(at *T) {
	to := P(at).shared()
	s.running.Add(-1)
	to.level.Add(-1)
	to.generation.leave()
}

// open is enter for a request over HTTP. nil: it is answered already, for nobody stands here any more.
func (s *seat[T, P]) open(w http.ResponseWriter, draining bool) *T {
	at := s.enter()
	if at == nil || draining || s.leaving.Load() {
		w.Header().Set("Connection", "close") // over HTTP/2 net/http sends GOAWAY for it
	}
	if at == nil {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	return at
}
