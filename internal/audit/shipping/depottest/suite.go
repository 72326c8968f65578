package depottest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"countersign.dev/internal/audit/shipping"
)

// Record is the id of the records of the suite's pieces.
const Record = "0123456789abcdef0123456789abcdef"

var came = time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)

// PieceOf makes a piece of a node's segments with some lines, which are no lines of a record.
func PieceOf(node string, segment uint64, offset int64, text string) *shipping.Piece {
	p := &shipping.Piece{Head: shipping.Head{Stream: shipping.Stream{Node: node, Record: Record, Part: shipping.Lines},
		Place: shipping.Place{Segment: segment, Offset: offset}, Last: uint64(offset) + 1, Chain: sha256.Sum256([]byte(text)), At: came},
		Body: []byte(text)}
	p.Seal()
	return p
}

// Run runs the suite. open makes a depot without pieces; two calls with one t open the same one.
func Run(t *testing.T, open func(t *testing.T) shipping.Depot) {
	for name, test := range map[string]func(*testing.T, func(*testing.T) shipping.Depot){
		"a piece is what was put":               testWhole,
		"the same piece twice is one":           testTwice,
		"another piece in its place is refused": testContradiction,
		"pieces are listed in order":            testOrder,
		"the last piece is known":               testLast,
		"streams are apart":                     testStreams,
		"no piece is an error of its own":       testNone,
		"many nodes at once":                    testMany,
		"what is young stays":                   testDrop,
		"a context that ended":                  testEnded,
	} {
		t.Run(name, func(t *testing.T) { test(t, open) })
	}
}

func put(t *testing.T, d shipping.Depot, all ...*shipping.Piece) {
	t.Helper()
	for _, p := range all {
		if err := d.Put(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
}

func testWhole(t *testing.T, open func(*testing.T) shipping.Depot) {
	d := open(t)
	full := PieceOf("a", 1, 0, strings.Repeat("0123456789abcdef\n", shipping.PieceSize/17))
	closed := PieceOf("a", 1, full.Size, "")
	closed.Closed = true
	book := PieceOf("a", 0, 0, "a statement\n")
	book.Part = shipping.Book
	scoped := PieceOf("a", 3, 0, "x\n")
	scoped.Scope = "production+sandbox"
	for _, p := range []*shipping.Piece{full, closed, book, scoped} {
		put(t, d, p)
		got, err := open(t).Get(t.Context(), p.Stream, p.Place)
		if err != nil {
			t.Fatal(err)
		}
		if len(p.Body) == 0 {
			got.Body = p.Body
		}
		if !reflect.DeepEqual(p, got) {
			t.Errorf("what was put and what came differ:\n%+v\n%+v", p.Head, got.Head)
		}
	}
}

func testTwice(t *testing.T, open func(*testing.T) shipping.Depot) {
	d, p := open(t), PieceOf("a", 1, 0, "x\n")
	again := *p
	again.At = p.At.Add(time.Minute) // it is shipped once more, later
	put(t, d, p, &again, p)
	if places, err := d.List(t.Context(), p.Stream, shipping.Place{}, 10); err != nil || len(places) != 1 {
		t.Errorf("%v, %v", places, err)
	}
}

func testContradiction(t *testing.T, open func(*testing.T) shipping.Depot) {
	d, p := open(t), PieceOf("a", 1, 0, "x\n")
	put(t, d, p, PieceOf("a", 1, 2, "y\n"))
	for _, other := range []*shipping.Piece{PieceOf("a", 1, 0, "z\n"), PieceOf("a", 1, 0, "x\ny\n"), PieceOf("a", 1, 2, "z\n")} {
		if err := d.Put(t.Context(), other); !errors.Is(err, shipping.ErrContradiction) {
			t.Errorf("another piece at byte %d: %v", other.Offset, err)
		}
	}
	if got, err := d.Get(t.Context(), p.Stream, p.Place); err != nil || string(got.Body) != "x\n" {
		t.Errorf("what was there is now %v, %v", got, err)
	}
}

func testOrder(t *testing.T, open func(*testing.T) shipping.Depot) {
	d := open(t)
	places := []shipping.Place{{Segment: 1, Offset: 0}, {Segment: 1, Offset: 9}, {Segment: 1, Offset: 10}, {Segment: 1, Offset: 100}, {Segment: 2, Offset: 0}, {Segment: 10, Offset: 0}, {Segment: 10, Offset: 99}}
	for _, i := range []int{3, 0, 6, 1, 5, 2, 4} {
		put(t, d, PieceOf("a", places[i].Segment, places[i].Offset, fmt.Sprintln(i)))
	}
	s := PieceOf("a", 1, 0, "x\n").Stream
	for i, from := range append([]shipping.Place{{}}, places...) {
		want := places[max(0, i-1):]
		for _, limit := range []int{1, 3, 1000} {
			got, err := d.List(t.Context(), s, from, limit)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(want[:min(limit, len(want))], got) {
				t.Errorf("%d from %v: %v, want %v", limit, from, got, want)
			}
		}
	}
	got, err := d.List(t.Context(), s, shipping.Place{Segment: 1, Offset: 11}, 1)
	if err != nil || len(got) != 1 || got[0].Offset != 100 {
		t.Errorf("from between two pieces: %v, %v", got, err)
	}
	if got, err := d.List(t.Context(), s, shipping.Place{Segment: 11}, 1); err != nil || len(got) != 0 {
		t.Errorf("from behind the last piece: %v, %v", got, err)
	}
}

func testLast(t *testing.T, open func(*testing.T) shipping.Depot) {
	d := open(t)
	s := PieceOf("a", 1, 0, "x\n").Stream
	if _, ok, err := d.Last(t.Context(), s); ok || err != nil {
		t.Errorf("of nothing: %v, %v", ok, err)
	}
	for _, p := range []*shipping.Piece{PieceOf("a", 1, 0, "x\n"), PieceOf("a", 9, 0, "y\n"), PieceOf("a", 10, 0, "z\n"), PieceOf("a", 10, 2, "zz\n")} {
		put(t, d, p)
		got, ok, err := open(t).Last(t.Context(), s)
		if p.Head != got || !ok || err != nil {
			t.Errorf("%v, %v: %+v, want %+v", ok, err, got, p.Head)
		}
	}
}

func testStreams(t *testing.T, open func(*testing.T) shipping.Depot) {
	d := open(t)
	var want []shipping.Stream
	for _, c := range []struct{ node, scope string }{{"a", ""}, {"a", "production"}, {"a.b", ""}, {"a-b", "production+sandbox"}} {
		p := PieceOf(c.node, 1, 0, c.node+c.scope+"\n")
		p.Scope = c.scope
		book := *p
		book.Part, book.Segment = shipping.Book, 0
		put(t, d, p, &book)
		want = append(want, p.Stream, book.Stream)
	}
	got, err := d.Streams(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, list := range [][]shipping.Stream{want, got} {
		slices.SortFunc(list, func(a, b shipping.Stream) int { return strings.Compare(fmt.Sprint(a, a.Part), fmt.Sprint(b, b.Part)) })
	}
	if !slices.Equal(want, got) {
		t.Errorf("%v, want %v", got, want)
	}
	for _, s := range want {
		places, err := d.List(t.Context(), s, shipping.Place{}, 10)
		if err != nil || len(places) != 1 {
			t.Errorf("%s: %v, %v", s, places, err)
		}
		if p, err := d.Get(t.Context(), s, places[0]); err != nil || string(p.Body) != s.Node+s.Scope+"\n" {
			t.Errorf("%s: %v, %v", s, p, err)
		}
	}
}

func testNone(t *testing.T, open func(*testing.T) shipping.Depot) {
	d := open(t)
	p := PieceOf("a", 1, 0, "x\n")
	put(t, d, p)
	for _, at := range []shipping.Place{{Segment: 1, Offset: 2}, {Segment: 2}} {
		if _, err := d.Get(t.Context(), p.Stream, at); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%v: %v", at, err)
		}
	}
}

func testMany(t *testing.T, open func(*testing.T) shipping.Depot) {
	const nodes, pieces = 4, 10
	var all sync.WaitGroup
	for n := range nodes {
		d := open(t)
		all.Go(func() {
			for i := range pieces {
				if err := d.Put(t.Context(), PieceOf(fmt.Sprintf("n%d", n%2), 1, int64(2*i), fmt.Sprintf("%d\n", i))); err != nil {
					t.Errorf("node %d, piece %d: %v", n, i, err)
				}
			}
		})
	}
	all.Wait()
	for n := range 2 {
		places, err := open(t).List(t.Context(), PieceOf(fmt.Sprintf("n%d", n), 1, 0, "").Stream, shipping.Place{}, 1000)
		if err != nil || len(places) != pieces {
			t.Errorf("%v, %v", places, err)
		}
	}
}

func testDrop(t *testing.T, open func(*testing.T) shipping.Depot) {
	d := open(t)
	p := PieceOf("a", 1, 0, "x\n")
	p.At = time.Now().UTC().Truncate(time.Microsecond)
	put(t, d, p)
	if _, err := d.Drop(t.Context(), time.Now().Add(-48*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Get(t.Context(), p.Stream, p.Place); err != nil {
		t.Errorf("a young piece is gone: %v", err)
	}
}

func testEnded(t *testing.T, open func(*testing.T) shipping.Depot) {
	d, p := open(t), PieceOf("a", 1, 0, "x\n")
	if _, ok := d.(*Memory); ok {
		return // it never waits
	}
	ctx, end := context.WithCancel(t.Context())
	end()
	if err := d.Put(ctx, p); !errors.Is(err, context.Canceled) {
		t.Errorf("Put: %v", err)
	}
	if _, err := d.Streams(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Streams: %v", err)
	}
}
