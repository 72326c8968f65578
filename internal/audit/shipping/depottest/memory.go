// Package depottest is for tests: the suite that every depot passes, and a depot in memory whose way can be cut and whose pieces can be
// altered. It belongs into no program.
package depottest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"time"

	"countersign.dev/internal/audit/shipping"
)

// ErrAway is the error of a Memory that was cut off.
var ErrAway = errors.New("the depot is away")

// Memory is a depot in memory. The zero value is empty and ready. Safe for concurrent use.
type Memory struct {
	mu     sync.Mutex
	pieces map[shipping.Stream]map[shipping.Place][]byte
	away   bool
	forget int // answers to Put that are still lost
	puts   int
	asked  int // for the last piece
}

var _ shipping.Depot = (*Memory)(nil)

// Cut cuts the depot off, or brings it back.
func (m *Memory) Cut(away bool) { m.mu.Lock(); m.away = away; m.mu.Unlock() }

// LoseAnswers makes the next n pieces arrive without an answer.
func (m *Memory) LoseAnswers(n int) { m.mu.Lock(); m.forget = n; m.mu.Unlock() }

// Puts is how often a piece was brought.
func (m *Memory) Puts() int { m.mu.Lock(); defer m.mu.Unlock(); return m.puts }

// Asked is how often the last piece of a stream was asked for.
func (m *Memory) Asked() int { m.mu.Lock(); defer m.mu.Unlock(); return m.asked }

// Alter exchanges the bytes of a piece as whoever has the depot can; nil removes it.
func (m *Memory) Alter(s shipping.Stream, at shipping.Place, change func(text []byte) []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if text := change(slices.Clone(m.pieces[s][at])); text == nil {
		delete(m.pieces[s], at)
	} else {
		m.pieces[s][at] = text
	}
}

// Put implements shipping.Depot.
func (m *Memory) Put(_ context.Context, p *shipping.Piece) error {
	text, err := p.Encode()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.puts++
	if m.away {
		return ErrAway
	}
	if err != nil {
		return err
	}
	if there, ok := m.pieces[p.Stream][p.Place]; ok {
		if h, _, err := shipping.ParseHead(there); err != nil || !h.Same(&p.Head) {
			return fmt.Errorf("%w: segment %d, byte %d", shipping.ErrContradiction, p.Segment, p.Offset)
		}
		return nil
	}
	if m.pieces == nil {
		m.pieces = map[shipping.Stream]map[shipping.Place][]byte{}
	}
	if m.pieces[p.Stream] == nil {
		m.pieces[p.Stream] = map[shipping.Place][]byte{}
	}
	m.pieces[p.Stream][p.Place] = text
	if m.forget > 0 {
		m.forget--
		return ErrAway
	}
	return nil
}

// Streams implements shipping.Depot.
func (m *Memory) Streams(context.Context) (all []shipping.Stream, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.away {
		return nil, ErrAway
	}
	for s := range m.pieces {
		all = append(all, s)
	}
	return all, nil
}

func (m *Memory) places(s shipping.Stream) []shipping.Place {
	var all []shipping.Place
	for at := range m.pieces[s] {
		all = append(all, at)
	}
	slices.SortFunc(all, func(a, b shipping.Place) int {
		if a.Less(b) {
			return -1
		}
		return 1
	})
	return all
}

// Last implements shipping.Depot.
func (m *Memory) Last(_ context.Context, s shipping.Stream) (h shipping.Head, ok bool, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked++
	if m.away {
		return h, false, ErrAway
	}
	all := m.places(s)
	if len(all) == 0 {
		return h, false, nil
	}
	h, _, err = shipping.ParseHead(m.pieces[s][all[len(all)-1]])
	return h, err == nil, err
}

// List implements shipping.Depot.
func (m *Memory) List(_ context.Context, s shipping.Stream, from shipping.Place, limit int) ([]shipping.Place, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.away {
		return nil, ErrAway
	}
	all := slices.DeleteFunc(m.places(s), func(at shipping.Place) bool { return at.Less(from) })
	return all[:min(len(all), limit)], nil
}

// Get implements shipping.Depot.
func (m *Memory) Get(_ context.Context, s shipping.Stream, at shipping.Place) (*shipping.Piece, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.away {
		return nil, ErrAway
	}
	text, ok := m.pieces[s][at]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return shipping.ParseAt(text, s, at)
}

// Drop implements shipping.Depot, by the times in the pieces.
func (m *Memory) Drop(_ context.Context, before time.Time) (n int, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, pieces := range m.pieces {
		for at, text := range pieces {
			if h, _, err := shipping.ParseHead(text); err == nil && h.At.Before(before) {
				delete(pieces, at)
				n++
			}
		}
	}
	return n, nil
}

// Close implements shipping.Depot.
func (m *Memory) Close() error { return nil }
