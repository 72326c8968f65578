package search

import (
	"bufio"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"
)

// Format is a form of an export.
type Format string

// The formats.
const (
	JSONL Format = "jsonl" // the very lines of the record, which can still be verified one against another
	CSV   Format = "csv"   // a header and one row for each line; see Columns
)

// Exported says what an export holds.
type Exported struct {
	Lines  uint64
	Unread []string // as Page.Unread: what is missing in it
}

// Columns are the header of a CSV export, always all of them, in this order. New ones are only ever added at the end.
func Columns() []string {
	return []string{"time", "request_id", "environment", "api", "decision", "reason", "where", "status", "method", "path", "query",
		"query_digest", "protocol", "partner", "credential", "version", "proved", "address", "peer", "country", "derivation",
		"other_environment", "skew_s", "cause", "duration_us", "bytes_in", "bytes_out", "lost", "seq", "warnings",
		"skew_ms", "tried", "shadow", "shadow_profile"}
}

// Export writes every line that fits q to w, as it finds them: memory does not grow with their number. q.Limit 0 means all
// of them here. An error leaves w with a part of the export, which ends with a whole line or row. The error is that of w,
// of the context, or one of Find's.
func (s *Searcher) Export(ctx context.Context, w io.Writer, q Query, f Format) (Exported, error) {
	out := bufio.NewWriterSize(w, 1<<16)
	write := func(text []byte, _ *Line) error {
		_, _ = out.Write(text) // its error stays, and comes back here
		return out.WriteByte('\n')
	}
	flush := out.Flush
	switch f {
	case JSONL:
	case CSV:
		table := newTable(out)
		write, flush = table.row, table.flush
	default:
		return Exported{}, fmt.Errorf("%w: the format %.20q is neither jsonl nor csv", ErrQuery, string(f))
	}
	var done Exported
	unread, err := s.walk(ctx, q, func(_ place, text []byte, l *Line) (bool, error) {
		if err := write(text, l); err != nil {
			return false, fmt.Errorf("write export: %w", err)
		}
		done.Lines++
		return q.Limit == 0 || done.Lines < uint64(q.Limit), nil
	})
	done.Unread = unread
	if flushing := flush(); flushing != nil {
		err = errors.Join(err, fmt.Errorf("write export: %w", flushing))
	}
	return done, err
}

// table writes rows of CSV (RFC 4180, lines end with LF).
type table struct {
	out   *csv.Writer
	under *bufio.Writer
	cells []string
}

func newTable(out *bufio.Writer) *table {
	t := &table{out: csv.NewWriter(out), under: out}
	_ = t.out.Write(Columns()) // its error comes back at the flush
	return t
}

func (t *table) flush() error {
	t.out.Flush()
	return errors.Join(t.out.Error(), t.under.Flush())
}

func (t *table) row(_ []byte, l *Line) error {
	t.cells = t.cells[:0]
	moment := ""
	if !l.Time.IsZero() {
		moment = l.Time.Format("2006-01-02T15:04:05.000000Z")
	}
	t.cells = append(t.cells, moment)
	t.text(l.RequestID, l.Environment, l.API, []byte(l.Kind.String()), l.Reason, l.Where)
	t.number(int64(l.Status))
	t.text(l.Method, l.Path, l.Query, l.QueryDigest, l.Protocol, l.Partner, l.Credential)
	t.number(int64(l.Version))
	t.cells = append(t.cells, strconv.FormatBool(l.Proved))
	t.text(l.Address, l.Peer, l.Country, l.Derivation, l.Other)
	t.number(int64(l.Skew / time.Second))
	t.text(l.Cause)
	t.number(l.Duration.Microseconds(), l.BytesIn, l.BytesOut, int64(l.Lost), int64(l.Seq))
	t.text(l.Warnings)
	t.lead(l)
	t.text(l.Tried, l.Shadow, l.ShadowProfile)
	return t.out.Write(t.cells)
}

// lead is empty where the line does not say: 0 would be a clock that agrees.
func (t *table) lead(l *Line) {
	if !l.Timed {
		t.cells = append(t.cells, "")
		return
	}
	t.number(l.Lead.Milliseconds())
}

func (t *table) text(values ...[]byte) {
	for _, v := range values {
		t.cells = append(t.cells, Cell(string(v)))
	}
}

// number writes what is a number to every program that reads it, the minus included.
func (t *table) number(values ...int64) {
	for _, v := range values {
		t.cells = append(t.cells, strconv.FormatInt(v, 10))
	}
}

// Cell makes a text safe for a cell of a spreadsheet: what a program could take for a formula gets a quotation mark in
// front, which they show as text. Paths, causes and the like come from strangers.
func Cell(text string) string {
	for _, r := range text {
		switch r {
		case '=', '+', '-', '@', '\t', '\r', '\n', '|', '%', '＝', '＋', '－', '＠':
			return "'" + text
		case ' ', '\u00a0', '\ufeff', '\u200b', 0:
			continue // programs drop these, and look at what comes next
		}
		return text
	}
	return text
}
