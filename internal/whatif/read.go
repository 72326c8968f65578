package whatif

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"countersign.dev/internal/audit/search"
)

// errEnough ends a reading at its bound.
var errEnough = errors.New("enough lines were read")

// reading says how far a reading has come.
type reading struct {
	left      int // lines that may still be read
	read      uint64
	truncated bool
	until     time.Time // arrival of the last line
	unread    []string
}

// each gives every final line that fits q, record by record, until there are none, or left are read. The line is valid until
// take returns.
func (e *Engine) each(ctx context.Context, q search.Query, r *reading, take func(l *search.Line) error) error {
	q.Limit = 0
	for _, record := range e.records() {
		w := &splitter{reading: r, take: take}
		done, err := record.Export(ctx, w, q, search.JSONL)
		r.unread = append(r.unread, done.Unread...)
		switch {
		case errors.Is(err, errEnough):
			r.truncated = true
		case err != nil:
			return fmt.Errorf("read the decision record: %w", err)
		}
		if r.truncated {
			return nil
		}
	}
	return nil
}

// splitter takes an export apart into lines: nothing of it is kept but the line at hand.
type splitter struct {
	*reading
	take func(l *search.Line) error
	rest []byte // the beginning of a line whose end has not come yet
	line search.Line
}

// Write implements io.Writer.
func (s *splitter) Write(b []byte) (int, error) {
	all := len(b)
	for {
		end := bytes.IndexByte(b, '\n')
		if end < 0 {
			if len(s.rest)+len(b) > search.MaxLine {
				return 0, fmt.Errorf("%w: longer than %d bytes", search.ErrLine, search.MaxLine)
			}
			s.rest = append(s.rest, b...)
			return all, nil
		}
		text := b[:end]
		if len(s.rest) > 0 {
			text = append(s.rest, text...)
		}
		b = b[end+1:]
		if err := s.give(text); err != nil {
			return 0, err
		}
		s.rest = s.rest[:0]
	}
}

// give passes one line on. One that is none is passed over: the record's own verification names it.
func (s *splitter) give(text []byte) error {
	if s.line.Parse(text) != nil || !s.line.Kind.Final() {
		return nil
	}
	if s.left <= 0 {
		return errEnough
	}
	s.left--
	s.read++
	s.until = s.line.Time
	return s.take(&s.line)
}

// lost is how many lines the records themselves say are missing in a span.
func (e *Engine) lost(ctx context.Context, span Span) (n uint64, err error) {
	for _, record := range e.records() {
		page, err := record.Find(ctx, search.Query{Decision: "gap", From: span.From, To: span.To, Limit: search.MaxLimit})
		if err != nil {
			return n, fmt.Errorf("read the decision record: %w", err)
		}
		for i := range page.Found {
			n += page.Found[i].Line.Lost
		}
	}
	return n, nil
}

// one is the first line of all records that fits q, by its time: the earliest or, unless q says oldest first, the latest.
func (e *Engine) one(ctx context.Context, q search.Query) (found *search.Found, err error) {
	q.Limit = 1
	for _, record := range e.records() {
		page, err := record.Find(ctx, q)
		if err != nil {
			return nil, fmt.Errorf("read the decision record: %w", err)
		}
		if len(page.Found) == 0 {
			continue
		}
		next := &page.Found[0]
		if found == nil || next.Line.Time.Before(found.Line.Time) == q.OldestFirst {
			found = next
		}
	}
	return found, nil
}

// listed is a list that is never nil, so that it is [] in JSON.
func listed[T any](list []T) []T { return append([]T{}, slices.Clip(list)...) }

// moment is t, or nothing where it is zero.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
