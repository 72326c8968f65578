package search

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
)

// maxAgain is how often a walk begins again because an index did not fit, or a segment was compressed meanwhile.
const maxAgain = 3

// Found is one line of the record.
type Found struct {
	Segment uint64
	Row     uint64 // in the segment, from 0: the header
	Text    []byte // the line as it stands there, without the line feed
	Line    Line   // what it says; its texts are parts of Text
	Node    string // whose record it stands in, where several are searched as one; empty: in the one that was asked
}

// Cursor is the Query.Cursor for what follows f. It counts the lines of everybody: who may read only some of them is not given it.
func (f *Found) Cursor() string { return place{f.Segment, f.Row}.String() }

// Page is what a Find found.
type Page struct {
	Found  []Found
	Next   string   // Query.Cursor for what follows; empty: nothing does
	Unread []string // segments of which not all could be read, and why: the answer lacks what they hold
}

// Find answers q. Every line is read from the record and compared with q again. The error wraps ErrQuery when q is wrong,
// ErrSource when the record cannot be read, or is that of the context.
func (s *Searcher) Find(ctx context.Context, q Query) (Page, error) {
	var page Page
	limit := q.limit()
	unread, err := s.walk(ctx, q, func(p place, text []byte, _ *Line) (bool, error) {
		if len(page.Found) == limit {
			return false, nil
		}
		found := Found{Segment: p.segment, Row: p.row, Text: slices.Clone(text)}
		err := found.Line.Parse(found.Text)
		page.Found = append(page.Found, found)
		if len(page.Found) == limit {
			page.Next = p.String()
			return false, err
		}
		return true, err
	})
	page.Unread = unread
	if err != nil {
		return Page{}, err
	}
	return page, nil
}

// yield takes a line, which is valid until it returns, and says whether there shall be more.
type yield func(p place, text []byte, l *Line) (more bool, err error)

// walk gives every line that fits q, in its order, from its cursor on, and as many as take wants: the limit of q is Find's.
func (s *Searcher) walk(ctx context.Context, q Query, take yield) (unread []string, err error) {
	if err := q.Validate(); err != nil {
		return nil, err
	}
	w := walker{ctx: ctx, query: &q, take: take}
	if q.Cursor != "" {
		w.last, _ = parsePlace(q.Cursor)
		w.begun = true
	}
	for again := 0; ; again++ {
		volumes, err := s.volumesFor(ctx, &q)
		if err != nil {
			return nil, err
		}
		bad, err := w.all(volumes)
		if err == nil || bad == nil || again == maxAgain || !errors.Is(err, errIndex) && !errors.Is(err, os.ErrNotExist) {
			return unreadOf(volumes), err
		}
		if errors.Is(err, errIndex) { // else its name has changed meanwhile: it was compressed, or retired
			s.forget(bad.file.number, err)
		}
	}
}

// volumesFor is the index as it is, or, for a Scan, only the list of segments.
func (s *Searcher) volumesFor(ctx context.Context, q *Query) ([]volume, error) {
	if !q.Scan {
		return s.current(ctx)
	}
	list, err := segments(s.cfg.Dir)
	volumes := make([]volume, len(list))
	for i, f := range list {
		volumes[i] = volume{file: f}
	}
	return volumes, err
}

func unreadOf(volumes []volume) (list []string) {
	for _, v := range volumes {
		if v.fault != nil {
			list = append(list, v.fault.Error())
		}
	}
	return list
}

// walker goes through volumes. It remembers the last line that it gave, so that it can go on when it has to begin again.
type walker struct {
	ctx   context.Context
	query *Query
	take  yield
	last  place
	begun bool // last is one

	set     rowSet
	rows    []uint32
	get     fetcher
	scratch []byte
	pass    pass // of a Scan
	line    Line
	done    bool
}

// all returns the volume at which it failed.
func (w *walker) all(volumes []volume) (bad *volume, err error) {
	for i := range volumes {
		v := &volumes[i]
		if !w.query.OldestFirst {
			v = &volumes[len(volumes)-1-i]
		}
		if w.begun && (w.query.OldestFirst && v.file.number < w.last.segment || !w.query.OldestFirst && v.file.number > w.last.segment) {
			continue
		}
		if err := w.volume(v); err != nil {
			return v, err
		}
		if w.done {
			return nil, nil
		}
	}
	return nil, nil
}

func (w *walker) volume(v *volume) error {
	if w.query.Scan {
		if err := v.extend(w.ctx, v.file, true, &w.pass); err != nil {
			return err
		}
	}
	segment, err := openRegular(v.file.path)
	if err != nil {
		return err
	}
	defer segment.Close()
	var index *os.File
	if v.saved > 0 {
		if index, err = openRegular(v.index); err != nil {
			return fmt.Errorf("%w: %w", errIndex, err)
		}
		defer index.Close()
	}
	for i := range v.parts {
		p := v.parts[i]
		if !w.query.OldestFirst {
			p = v.parts[len(v.parts)-1-i]
		}
		if err := w.part(asked{p, index, &w.scratch}, v, segment); err != nil || w.done {
			v.parts = nil // of a Scan: no longer needed
			return err
		}
	}
	if w.query.Scan {
		v.parts = nil
	}
	return nil
}

// bounds are the rows of p that the walk has not passed.
func (w *walker) bounds(p *part, number uint64) (low, high uint32) {
	low, high = 0, p.rows
	if !w.begun || number != w.last.segment {
		return low, high
	}
	passed := int64(w.last.row) - int64(p.first)
	if w.query.OldestFirst {
		return uint32(max(0, min(passed+1, int64(high)))), high
	}
	return low, uint32(max(0, min(passed, int64(high))))
}

func (w *walker) part(p asked, v *volume, segment *os.File) error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	if n := int(p.rows+63) / 64; cap(w.set) < n {
		w.set = make(rowSet, partRows/64)
	}
	w.set = w.set[:int(p.rows+63)/64]
	low, high := w.bounds(p.part, v.file.number)
	some, err := p.choose(w.set, w.query, low, high)
	if err != nil || !some {
		return err
	}
	chunks, err := p.chunks()
	if err != nil {
		return err
	}
	w.get.open(segment, v.file.gz, chunks)
	w.rows = w.set.list(w.rows, w.query.OldestFirst)
	for _, row := range w.rows {
		if err := w.give(place{v.file.number, p.first + uint64(row)}, row); err != nil || w.done {
			return err
		}
	}
	return nil
}

// give reads a line and passes it on if it is what was asked for. Where it is not, the index does not fit the segment.
func (w *walker) give(at place, row uint32) error {
	text, err := w.get.line(row)
	if err != nil {
		return err
	}
	if n := len(text); n > 0 && text[n-1] == '\n' {
		text = text[:n-1]
	}
	if err := w.line.Parse(text); err != nil || !w.query.matchFields(&w.line) {
		return fmt.Errorf("%w: row %d holds another line", errIndex, at.row)
	}
	if !w.query.matchRest(&w.line) {
		return nil
	}
	more, err := w.take(at, text, &w.line)
	w.last, w.begun, w.done = at, true, !more
	return err
}
