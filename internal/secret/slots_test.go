package secret

import (
	"container/list"
	"context"
	"errors"
	"testing"
)

// A caller may give up in the very moment in which its turn comes. Then the turn is the next one's, or the place is free.
func TestATurnThatComesTooLateIsPassedOn(t *testing.T) {
	s := &slots{free: 1, room: 2}
	stand := func() *list.Element {
		t.Helper()
		turn, err := s.come()
		if err != nil {
			t.Fatal(err)
		}
		return turn
	}
	came := func(turn *list.Element) bool {
		select {
		case <-turn.Value.(chan struct{}):
			return true
		default:
			return false
		}
	}
	if stand() != nil {
		t.Fatal("the free place was not taken")
	}
	second, third := stand(), stand()
	if _, err := s.come(); !errors.Is(err, ErrBusy) {
		t.Errorf("beyond the room: %v", err)
	}
	s.give()
	if !came(second) || came(third) {
		t.Fatal("the turn is not the second one's")
	}
	s.leave(second)
	if !came(third) {
		t.Fatal("the turn was lost")
	}
	s.leave(third)
	if s.free != 1 || s.queue.Len() != 0 {
		t.Errorf("%d places are free, %d wait", s.free, s.queue.Len())
	}
	if err := s.take(context.Background()); err != nil {
		t.Error(err)
	}
}
