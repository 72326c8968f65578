package tables

import (
	"bytes"
	"database/sql/driver"
	"fmt"
	"math"
	"reflect"
	"strings"

	"countersign.dev/internal/store"
)

// Feed is a shorter way from an engine's rows to the program, for readings of very many of them: the engine calls the program with each
// row, instead of being asked for each of its columns. It is nil where an engine has none. Implementations are safe for concurrent use.
type Feed interface {
	// Statement makes of a query whose result has n columns the one that feeds its rows, in their order. It takes the arguments of the query
	// and after them the number that Begin returns, and results in one row with one whole number: how many rows there were.
	Statement(query string, n int) string
	// Begin has row called with each row of the statement that is given the number; values are good until row returns. After an
	// error of row no further row is read; the statement fails, and end returns that error. end is called once, after the statement.
	Begin(row func(values []driver.Value) error) (number int64, end func() error)
}

// FedBy has readings of very many rows take a Feed from now on, and returns t.
func (t *Tx) FedBy(feed Feed) *Tx {
	t.feed = feed
	return t
}

// bulk gives each row of a query with n columns to visit, which may keep what it scans of it. With a Feed, visit runs in the middle of the
// statement: it must not use t.
func (t *Tx) bulk(what string, visit func(*fed) error, n int, query string, args ...any) error {
	if t.broken != nil {
		return t.broken
	}
	row := &fed{}
	if t.feed == nil {
		return t.fetch(what, row, visit, n, query, args)
	}
	row.keep = newKeeper(n)
	count := int64(0)
	number, end := t.feed.Begin(func(values []driver.Value) error {
		count++
		row.reset(values)
		return visit(row)
	})
	fed, err := list(t, what, func(row scanner) (n int64, err error) { return n, row.Scan(&n) }, t.feed.Statement(query, n), append(args, number)...)
	switch own := end(); {
	case own != nil:
		return t.failed(what, own) // the reason of the engine's error, which only says that there was one
	case err != nil:
		return err
	case len(fed) != 1 || fed[0] != count:
		return t.failed(what, fmt.Errorf("the engine counts %v rows, %d came", fed, count))
	}
	return nil
}

// fetch is bulk without a Feed.
func (t *Tx) fetch(what string, row *fed, visit func(*fed) error, n int, query string, args []any) error {
	rows, err := t.query(query, args)
	if err != nil {
		return t.failed(what, err)
	}
	defer rows.Close()
	found, places, values := make([]any, n), make([]any, n), make([]driver.Value, n)
	for i := range found {
		places[i] = &found[i]
	}
	for rows.Next() {
		if err := rows.Scan(places...); err != nil {
			return t.failed(what, err)
		}
		for i := range found {
			values[i] = found[i]
		}
		row.reset(values)
		if err := visit(row); err != nil {
			return t.failed(what, err)
		}
	}
	if err := rows.Err(); err != nil {
		return t.failed(what, err)
	}
	return nil
}

// listAll is list for tables that may be large. n is the number of columns.
func listAll[T any](t *Tx, what string, scan func(row scanner) (T, error), n int, query string, args ...any) (out []T, err error) {
	err = t.bulk(what, func(row *fed) error {
		v, err := scan(row)
		out = append(out, v)
		return err
	}, n, query, args...)
	if err != nil {
		return nil, err
	}
	return out, nil
}

// fed is one row that came at once. Its columns are taken one after another, by methods for those that are read a million times, or
// by Scan. A value of another kind than what is asked for is an error, which is kept until wrong is asked.
type fed struct {
	values []driver.Value
	next   int
	keep   *keeper // nil: values are ours already
	failed error
}

func (f *fed) reset(values []driver.Value) { f.values, f.next, f.failed = values, 0, nil }

func (f *fed) take() driver.Value {
	if f.next >= len(f.values) {
		f.mismatch(nil)
		return nil
	}
	f.next++
	return f.values[f.next-1]
}

func (f *fed) mismatch(v driver.Value) {
	if f.failed == nil {
		f.failed = fmt.Errorf("%w: what stands in column %d is of another kind (%T) or too large", store.ErrCorrupt, f.next, v)
	}
}

// wrong is the first column that was not of the kind asked for, or that not all columns were asked for.
func (f *fed) wrong() error {
	if f.failed == nil && f.next != len(f.values) {
		f.failed = fmt.Errorf("%d columns were asked for, %d came", f.next, len(f.values))
	}
	return f.failed
}

func (f *fed) number() int64 {
	v := f.take()
	n, ok := v.(int64)
	if !ok {
		f.mismatch(v)
	}
	return n
}

// within is a number that has to be one of a span: a narrower kind would hide the rest of it from a digest.
func (f *fed) within(least, most int64) int64 {
	n := f.number()
	if n < least || n > most {
		f.mismatch(n)
	}
	return n
}

func (f *fed) text() string {
	v := f.take()
	s, ok := v.(string)
	if !ok {
		f.mismatch(v)
		return ""
	}
	if f.keep == nil {
		return s
	}
	return f.keep.text(f.next-1, s)
}

// bytes are nil for NULL.
func (f *fed) bytes() []byte {
	b := f.view()
	if f.keep == nil || b == nil {
		return b
	}
	return f.keep.bytes(b)
}

// view is bytes for whoever keeps nothing of them.
func (f *fed) view() []byte {
	v := f.take()
	b, ok := v.([]byte)
	if !ok && v != nil {
		f.mismatch(v)
	}
	return b
}

// Scan implements scanner.
func (f *fed) Scan(places ...any) error {
	for _, place := range places {
		switch p := place.(type) {
		case *string:
			*p = f.text()
		case *int64:
			*p = f.number()
		case *int:
			*p = int(f.within(math.MinInt32, math.MaxInt32))
		case *bool:
			*p = f.within(0, 1) == 1
		case *[]byte:
			*p = f.bytes()
		default:
			v := reflect.ValueOf(place)
			if v.Kind() != reflect.Pointer || v.Elem().Kind() != reflect.String { // texts with a type of their own
				return fmt.Errorf("nothing is read into %T", place)
			}
			v.Elem().SetString(f.text())
		}
	}
	return f.wrong()
}

// keeper keeps what lasts only for one row otherwise: many texts stand in one piece of memory, and a text that is the one of the row
// before stands there once. A text that is kept keeps its piece.
type keeper struct {
	last  []string
	texts strings.Builder
	blobs []byte
}

const keptPiece = 32 << 10

func newKeeper(columns int) *keeper { return &keeper{last: make([]string, columns)} }

func (k *keeper) text(column int, s string) string {
	if s == k.last[column] {
		return k.last[column]
	}
	if len(s) > keptPiece/8 {
		return strings.Clone(s)
	}
	if k.texts.Cap()-k.texts.Len() < len(s) {
		k.texts = strings.Builder{}
		k.texts.Grow(keptPiece)
	}
	from := k.texts.Len()
	k.texts.WriteString(s)
	k.last[column] = k.texts.String()[from:]
	return k.last[column]
}

func (k *keeper) bytes(b []byte) []byte {
	if len(b) > keptPiece/8 {
		return bytes.Clone(b)
	}
	if cap(k.blobs)-len(k.blobs) < len(b) {
		k.blobs = make([]byte, 0, keptPiece)
	}
	from := len(k.blobs)
	k.blobs = append(k.blobs, b...)
	return k.blobs[from:len(k.blobs):len(k.blobs)]
}
