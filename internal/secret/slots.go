package secret

import (
	"container/list"
	"context"
	"fmt"
	"sync"
)

// slots is a bounded number of places with a bounded queue in front. The queue is strictly first come, first served: a
// newcomer never takes the place that the longest waiting caller is due.
type slots struct {
	room int // callers that may wait

	mu    sync.Mutex
	free  int
	queue list.List // of chan struct{}, each closed when its caller's turn has come; empty while a place is free
}

// take waits for a place. An error wraps ErrBusy, and then there is nothing to give back.
func (s *slots) take(ctx context.Context) error {
	turn, err := s.come()
	if err != nil || turn == nil {
		return err
	}
	select {
	case <-turn.Value.(chan struct{}):
		return nil
	case <-ctx.Done():
		s.leave(turn)
		return fmt.Errorf("%w: %w", ErrBusy, context.Cause(ctx))
	}
}

// come takes a free place (nil), or stands in the queue, or finds no room there.
func (s *slots) come() (turn *list.Element, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.free > 0:
		s.free--
		return nil, nil
	case s.queue.Len() >= s.room:
		return nil, ErrBusy
	}
	return s.queue.PushBack(make(chan struct{})), nil
}

// leave ends the waiting of somebody whose turn may have come at the same moment: then it goes to the next.
func (s *slots) leave(turn *list.Element) {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-turn.Value.(chan struct{}):
		s.pass()
	default:
		s.queue.Remove(turn)
	}
}

// give hands the place to whoever has waited longest.
func (s *slots) give() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pass()
}

func (s *slots) pass() {
	next := s.queue.Front()
	if next == nil {
		s.free++
		return
	}
	close(s.queue.Remove(next).(chan struct{}))
}
