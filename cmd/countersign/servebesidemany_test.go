package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/audit/search"
)

// listedRecord is a record of which the lines have these seconds; its cursor is how many were given.
type listedRecord []int

func (l listedRecord) Find(_ context.Context, q search.Query) (search.Page, error) {
	all := slices.Clone(l)
	if !q.OldestFirst {
		slices.Reverse(all)
	}
	from, err := 0, error(nil)
	if q.Cursor != "" {
		var number string
		number, _, _ = strings.Cut(q.Cursor, ".")
		if from, err = strconv.Atoi(number); err != nil {
			return search.Page{}, fmt.Errorf("%w: %s", search.ErrQuery, q.Cursor)
		}
	}
	limit := q.Limit
	if limit == 0 {
		limit = search.DefaultLimit
	}
	var page search.Page
	for i := from; i < len(all) && i < from+limit; i++ {
		page.Found = append(page.Found, search.Found{Segment: uint64(i + 1), Line: search.Line{Time: time.Unix(int64(all[i]), 0)}})
	}
	if from+limit < len(all) {
		page.Next = fmt.Sprint(from + limit)
	}
	return page, nil
}

func (l listedRecord) Export(_ context.Context, w io.Writer, _ search.Query, f search.Format) (search.Exported, error) {
	if f == search.CSV {
		fmt.Fprint(w, "head\n")
	}
	for _, second := range l {
		fmt.Fprintf(w, "%d\n", second)
	}
	return search.Exported{Lines: uint64(len(l))}, nil
}

// countedRecord has the cursor of a line as listedRecord reads it: search has its own form.
type countedRecord struct{ listedRecord }

func (c countedRecord) Find(ctx context.Context, q search.Query) (search.Page, error) {
	if q.Cursor != "" { // a cursor of search.Found.Cursor, of which the segment is how many lines were given
		for n := range 1000 {
			if (&search.Found{Segment: uint64(n)}).Cursor() == q.Cursor {
				q.Cursor = strconv.Itoa(n)
				break
			}
		}
	}
	return c.listedRecord.Find(ctx, q)
}

// TestManyRecordsAreSearchedAsOne: every line of all of them once, in the order of their times, whatever the size of a page.
func TestManyRecordsAreSearchedAsOne(t *testing.T) {
	records := []listedRecord{{1, 4, 5, 9, 12}, {2, 3, 6, 7, 8, 10, 11}, {}, {5, 5, 5}}
	var all []namedRecord
	var want []int
	for i, one := range records {
		all = append(all, namedRecord{fmt.Sprint("r", i), "", countedRecord{one}})
		want = append(want, one...)
	}
	slices.Sort(want)
	many := &manyRecords{all: func() []namedRecord { return all }}
	for _, oldest := range []bool{true, false} {
		for _, limit := range []int{1, 2, 3, 5, 100} {
			var got []int
			q := search.Query{OldestFirst: oldest, Limit: limit}
			for pages := 0; ; pages++ {
				page, err := many.Find(t.Context(), q)
				if err != nil || pages > 50 || len(page.Found) > limit {
					t.Fatalf("%d lines, %v", len(page.Found), err)
				}
				for _, found := range page.Found {
					got = append(got, int(found.Line.Time.Unix()))
				}
				if q.Cursor = page.Next; q.Cursor == "" {
					break
				}
			}
			if !oldest {
				slices.Reverse(got)
			}
			if !slices.Equal(got, want) {
				t.Errorf("oldest first %v, %d a page: %v, want %v", oldest, limit, got, want)
			}
		}
	}
	for _, bad := range []string{"5", "m.", "m.!", "m.e30x", "x"} {
		if _, err := many.Find(t.Context(), search.Query{Cursor: bad}); !errors.Is(err, search.ErrQuery) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// TestOneRecordUnderTwoNamesHidesNothing: a node that got another name, or somebody who copies its pieces, ships one record id twice; the
// shorter one must not end the longer one's pages.
func TestOneRecordUnderTwoNamesHidesNothing(t *testing.T) {
	record := "/_/" + strings.Repeat("ab", 16) + "/decisions"
	all := []namedRecord{{"own", "", countedRecord{listedRecord{4}}}, {cursorName("/c/former" + record), "", countedRecord{listedRecord{1, 2, 3, 5, 6, 7}}}, {cursorName("/c/gateway-2" + record), "", countedRecord{listedRecord{1}}},
		{cursorName("/c/gateway-2" + strings.Replace(record, "_", "sandbox", 1)), "", countedRecord{listedRecord{8, 9}}}}
	many, lines := &manyRecords{all: func() []namedRecord { return all }}, 0
	for q, pages := (search.Query{OldestFirst: true, Limit: 2}), 0; pages < 20; pages++ {
		page, err := many.Find(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		lines += len(page.Found)
		if q.Cursor = page.Next; q.Cursor == "" {
			break
		}
	}
	if lines != 10 {
		t.Errorf("%d lines of 10 were found", lines)
	}
}

// TestOneRecordAnswersByItself, with its own cursors: nothing changes for whoever has one node.
func TestOneRecordAnswersByItself(t *testing.T) {
	many := &manyRecords{all: func() []namedRecord { return []namedRecord{{"own", "", listedRecord{1, 2, 3}}} }}
	page, err := many.Find(t.Context(), search.Query{Limit: 1})
	if err != nil || page.Next != "1" {
		t.Errorf("%+v, %v", page, err)
	}
	if page, err = many.Find(t.Context(), search.Query{Limit: 1, Cursor: page.Next}); err != nil || page.Next != "2" {
		t.Errorf("%+v, %v", page, err)
	}
}

// TestTheExportOfEverythingIsThisNodesOwn, which a verification can prove; a question is answered by all, as one table.
func TestTheExportOfEverythingIsThisNodesOwn(t *testing.T) {
	many := &manyRecords{all: func() []namedRecord {
		return []namedRecord{{"own", "", listedRecord{1, 2}}, {"b", "", listedRecord{3}}, {"c", "", listedRecord{4}}}
	}}
	for _, c := range []struct {
		q    search.Query
		f    search.Format
		want string
	}{
		{search.Query{OldestFirst: true}, search.JSONL, "1\n2\n"},
		{search.Query{OldestFirst: true, Partner: "x"}, search.JSONL, "1\n2\n3\n4\n"},
		{search.Query{OldestFirst: true}, search.CSV, "head\n1\n2\n3\n4\n"},
	} {
		var b bytes.Buffer
		if _, err := many.Export(t.Context(), &b, c.q, c.f); err != nil || b.String() != c.want {
			t.Errorf("%+v as %s: %q, %v", c.q, c.f, b.String(), err)
		}
	}
}

// FuzzCursorOfManyRecords: a cursor comes from whoever asks.
func FuzzCursorOfManyRecords(f *testing.F) {
	f.Add("m.eyJvd24iOiItIn0")
	f.Add("m.")
	f.Fuzz(func(t *testing.T, cursor string) {
		if places, err := parseMany(cursor); err != nil && (places != nil || !errors.Is(err, search.ErrQuery)) {
			t.Fatal(places, err)
		}
	})
}
