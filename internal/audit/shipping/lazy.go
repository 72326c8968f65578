package shipping

import (
	"context"
	"sync"
	"time"
)

// Lazy is a depot that is opened when it is first asked for, and again until that works: a server starts and serves while the depot is
// away. Safe for concurrent use; closed once.
type Lazy struct {
	open func(ctx context.Context) (Depot, error)

	mu    sync.Mutex
	depot Depot // nil: not open yet
}

var _ Depot = (*Lazy)(nil)

// NewLazy makes one that has opened nothing.
func NewLazy(open func(ctx context.Context) (Depot, error)) *Lazy { return &Lazy{open: open} }

func (l *Lazy) get(ctx context.Context) (Depot, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.depot != nil {
		return l.depot, nil
	}
	depot, err := l.open(ctx)
	if err == nil {
		l.depot = depot
	}
	return depot, err
}

// Put implements Depot.
func (l *Lazy) Put(ctx context.Context, p *Piece) error {
	d, err := l.get(ctx)
	if err != nil {
		return err
	}
	return d.Put(ctx, p)
}

// Streams implements Depot.
func (l *Lazy) Streams(ctx context.Context) ([]Stream, error) {
	d, err := l.get(ctx)
	if err != nil {
		return nil, err
	}
	return d.Streams(ctx)
}

// Last implements Depot.
func (l *Lazy) Last(ctx context.Context, s Stream) (Head, bool, error) {
	d, err := l.get(ctx)
	if err != nil {
		return Head{}, false, err
	}
	return d.Last(ctx, s)
}

// List implements Depot.
func (l *Lazy) List(ctx context.Context, s Stream, from Place, limit int) ([]Place, error) {
	d, err := l.get(ctx)
	if err != nil {
		return nil, err
	}
	return d.List(ctx, s, from, limit)
}

// Get implements Depot.
func (l *Lazy) Get(ctx context.Context, s Stream, at Place) (*Piece, error) {
	d, err := l.get(ctx)
	if err != nil {
		return nil, err
	}
	return d.Get(ctx, s, at)
}

// Drop implements Depot.
func (l *Lazy) Drop(ctx context.Context, before time.Time) (int, error) {
	d, err := l.get(ctx)
	if err != nil {
		return 0, err
	}
	return d.Drop(ctx, before)
}

// Close implements Depot.
func (l *Lazy) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.depot == nil {
		return nil
	}
	return l.depot.Close()
}
