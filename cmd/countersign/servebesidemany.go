package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"slices"

	"countersign.dev/internal/audit/search"
)

// oneRecord is a decision record that can be asked.
type oneRecord interface {
	Find(ctx context.Context, q search.Query) (search.Page, error)
	Export(ctx context.Context, w io.Writer, q search.Query, f search.Format) (search.Exported, error)
}

// namedRecord is one with a name that no other has, which stands in cursors.
type namedRecord struct {
	name string
	node string // that has written it; empty: this one
	oneRecord
}

// manyRecords are several records that are searched as one: the lines of all nodes in the order of their times. Where there is one
// alone, it answers by itself, with its own cursors. Safe for concurrent use.
type manyRecords struct {
	all func() []namedRecord // the first one is this node's own
}

// cursorName is the name of a collected record in cursors, by its folder below NODE/SCOPE/RECORD. The id of the record alone is none: a node
// that got another name ships the same record under both, and so can whoever writes into the depot.
func cursorName(dir string) string {
	record := filepath.Dir(dir)
	scope := filepath.Dir(record)
	digest := sha256.Sum256([]byte(filepath.Base(filepath.Dir(scope)) + "/" + filepath.Base(scope) + "/" + filepath.Base(record)))
	return base64.RawURLEncoding.EncodeToString(digest[:12])
}

// manyMark begins the cursor of several records, which is one for each of them.
const manyMark = "m."

// ended is the cursor of a record that has no more.
const ended = "-"

// Find implements admin.Decisions.
func (m *manyRecords) Find(ctx context.Context, q search.Query) (search.Page, error) {
	all := m.all()
	if len(all) == 1 && len(q.Cursor) < len(manyMark) || len(all) == 1 && q.Cursor[:len(manyMark)] != manyMark {
		return all[0].Find(ctx, q)
	}
	places, err := parseMany(q.Cursor)
	if err != nil {
		return search.Page{}, err
	}
	limit := cmp.Or(q.Limit, search.DefaultLimit)
	merged := &merging{places: places, oldest: q.OldestFirst}
	for _, one := range all {
		q.Cursor = places[one.name]
		if q.Cursor == ended {
			continue
		}
		page, err := one.Find(ctx, q)
		if err != nil {
			return search.Page{}, err
		}
		merged.add(one, page)
	}
	return merged.page(limit), nil
}

// Export implements admin.Decisions: one record after another. The export of everything as JSON Lines is this node's own record alone,
// since it is what a verification can prove to be whole; those of others are exported where they were written.
func (m *manyRecords) Export(ctx context.Context, w io.Writer, q search.Query, f search.Format) (sum search.Exported, err error) {
	all := m.all()
	if f == search.JSONL && q == (search.Query{OldestFirst: true, Scan: q.Scan}) {
		all = all[:1]
	}
	for i, one := range all {
		to := w
		if i > 0 && f == search.CSV {
			to = &headless{to: w}
		}
		done, err := one.Export(ctx, to, q, f)
		sum.Lines += done.Lines
		sum.Unread = append(sum.Unread, done.Unread...)
		if err != nil {
			return sum, err
		}
	}
	return sum, nil
}

// headless leaves the first line out: the head of a second table.
type headless struct {
	to   io.Writer
	past bool
}

// Write passes on what is behind it.
func (h *headless) Write(b []byte) (int, error) {
	if h.past {
		return h.to.Write(b)
	}
	cut := slices.Index(b, '\n') + 1
	if h.past = cut > 0; !h.past || cut == len(b) {
		return len(b), nil
	}
	n, err := h.to.Write(b[cut:])
	return cut + n, err
}

// parseMany reads the cursor of several records. One of a single record, from a time when there was but one, is no place in several.
func parseMany(cursor string) (map[string]string, error) {
	places := map[string]string{}
	if cursor == "" {
		return places, nil
	}
	if len(cursor) > 64<<10 || len(cursor) < len(manyMark) || cursor[:len(manyMark)] != manyMark {
		return nil, fmt.Errorf("%w: the cursor is of another number of records; begin without one", search.ErrQuery)
	}
	text, err := base64.RawURLEncoding.Strict().DecodeString(cursor[len(manyMark):])
	if err != nil || json.Unmarshal(text, &places) != nil {
		return nil, fmt.Errorf("%w: the cursor is none", search.ErrQuery)
	}
	return places, nil
}

// merging puts the pages of several records together.
type merging struct {
	places map[string]string // where each record goes on
	oldest bool
	lines  []search.Found
	of     []string // the record of each line
	next   map[string]string
	unread []string
}

func (m *merging) add(one namedRecord, page search.Page) {
	name := one.name
	for _, found := range page.Found {
		found.Node = one.node
		m.lines, m.of = append(m.lines, found), append(m.of, name)
	}
	if m.next == nil {
		m.next = map[string]string{}
	}
	m.next[name] = cmp.Or(page.Next, ended)
	m.unread = append(m.unread, page.Unread...)
}

// page is the first limit lines by time. A record of which all lines are in it goes on behind its own page; the others behind their last
// line in it, or where they were.
func (m *merging) page(limit int) search.Page {
	order := make([]int, len(m.lines))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		if m.of[a] == m.of[b] {
			return cmp.Compare(a, b) // a record keeps its order, also where a clock was set back
		}
		at := m.lines[a].Line.Time.Compare(m.lines[b].Line.Time)
		if m.oldest {
			return at
		}
		return -at
	})
	out := search.Page{Unread: m.unread}
	rest := map[string]int{}
	for _, name := range m.of {
		rest[name]++
	}
	for _, i := range order[:min(limit, len(order))] {
		out.Found = append(out.Found, m.lines[i])
		rest[m.of[i]]--
		m.places[m.of[i]] = m.lines[i].Cursor()
	}
	more := false
	for name, next := range m.next {
		if rest[name] == 0 {
			m.places[name] = next
		}
		more = more || m.places[name] != ended
	}
	if text, err := json.Marshal(m.places); err == nil && more {
		out.Next = manyMark + base64.RawURLEncoding.EncodeToString(text)
	}
	return out
}
