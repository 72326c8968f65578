package audit

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// ErrExport is wrapped when something is no export of changes, or none can be made as asked.
var ErrExport = errors.New("export of changes")

// ExportFormat is a form of an export of changes.
type ExportFormat string

// The formats.
const (
	// ExportJSONL is JSON Lines that carry everything the chain needs: VerifyChangeExport proves it without the register.
	ExportJSONL ExportFormat = "jsonl"
	// ExportCSV is a header and a row for each change, for spreadsheets. It proves nothing.
	ExportCSV ExportFormat = "csv"
)

// ChangePages is a state-change record that is read page by page. *registry.Registry is one.
type ChangePages interface {
	Head(ctx context.Context) (Head, error)
	// Changes returns up to limit rows with a Seq above after, the oldest first; it may return fewer, and none only at the end.
	Changes(ctx context.Context, after uint64, limit int) ([]Change, error)
}

// ChangeExport says what of the record is exported, and how.
type ChangeExport struct {
	Format ExportFormat
	// Keep chooses the rows; nil: all of them. An export of chosen rows says that it is one: each of its rows can be proven to be
	// what was hashed, but not that none was left out.
	Keep func(Change) bool
}

// exportLabel is the first thing that an export says of itself.
const exportLabel = "countersign changes 1"

// exportTime is the form of times in an export.
const exportTime = "2006-01-02T15:04:05.000000Z"

// exportHead is the first line of an export as JSON Lines.
type exportHead struct {
	Export    string `json:"export"`
	Record    string `json:"record"`    // id of the record
	Through   uint64 `json:"through"`   // number of the last change when it was made
	Hash      string `json:"hash"`      // of that change, hexadecimal; without changes, the record's beginning
	Selection bool   `json:"selection"` // rows were chosen
}

// exportRow is one change. The order of the fields is part of the form: a row has one spelling.
type exportRow struct {
	Seq     uint64        `json:"seq"`
	At      string        `json:"at"`
	Actor   string        `json:"actor"`
	Action  string        `json:"action"`
	Subject string        `json:"subject"`
	Detail  string        `json:"detail"`
	Touched []exportTouch `json:"touched"`
	Prev    string        `json:"prev"`
	Hash    string        `json:"hash"`
}

type exportTouch struct {
	Row    string `json:"row"`
	Digest string `json:"digest"` // hexadecimal; all zero: the row is gone
}

// exportEnd is the last line: without it the export was cut.
type exportEnd struct {
	End uint64 `json:"end"` // rows before it
}

// ExportChanges writes the changes of src to w, as it reads them: memory does not grow with their number. What is changed while it
// works is not in it. It returns how many rows it wrote. An error leaves w with a part, whose end is missing. Errors: ErrExport for
// a format that is none; those of src, of w and of ctx.
func ExportChanges(ctx context.Context, src ChangePages, w io.Writer, what ChangeExport) (rows uint64, err error) {
	head, err := src.Head(ctx)
	if err != nil {
		return 0, fmt.Errorf("export changes: %w", err)
	}
	out := bufio.NewWriterSize(w, 1<<16)
	var to exporter
	switch what.Format {
	case ExportJSONL:
		to = newLines(out)
	case ExportCSV:
		to = newSheet(out)
	default:
		return 0, fmt.Errorf("%w: the format %.20q is neither jsonl nor csv", ErrExport, string(what.Format))
	}
	err = to.begin(head, what.Keep != nil)
	for after := uint64(0); err == nil && after < head.Seq; {
		var page []Change
		if page, err = src.Changes(ctx, after, changePage); err != nil || len(page) == 0 || page[len(page)-1].Seq <= after {
			break // where the numbers lead back, what follows is missing, and a verification shows it
		}
		for i := 0; i < len(page) && err == nil && page[i].Seq <= head.Seq; i++ {
			if what.Keep == nil || what.Keep(page[i]) {
				err = to.row(page[i])
				rows++
			}
		}
		after = page[len(page)-1].Seq
	}
	if err == nil {
		err = to.end(rows)
	}
	if err = errors.Join(err, out.Flush()); err != nil {
		return rows, fmt.Errorf("export changes: %w", err)
	}
	return rows, nil
}

// exporter writes one form.
type exporter interface {
	begin(head Head, selection bool) error
	row(c Change) error
	end(rows uint64) error
}

// exportLines writes JSON Lines.
type exportLines struct{ to *json.Encoder }

func newLines(w io.Writer) exportLines {
	e := exportLines{json.NewEncoder(w)}
	e.to.SetEscapeHTML(false)
	return e
}

func (e exportLines) begin(head Head, selection bool) error {
	return e.to.Encode(exportHead{Export: exportLabel, Record: head.Record, Through: head.Seq, Hash: hex.EncodeToString(head.Hash[:]),
		Selection: selection})
}

func (e exportLines) row(c Change) error { return e.to.Encode(rowOf(c)) }

func (e exportLines) end(rows uint64) error { return e.to.Encode(exportEnd{rows}) }

func rowOf(c Change) exportRow {
	r := exportRow{Seq: c.Seq, At: c.At.UTC().Format(exportTime), Actor: c.Actor, Action: string(c.Action), Subject: c.Subject, Detail: c.Detail,
		Touched: make([]exportTouch, 0, len(c.Touched)), Prev: hex.EncodeToString(c.Prev[:]), Hash: hex.EncodeToString(c.Hash[:])}
	for _, t := range c.Touched {
		r.Touched = append(r.Touched, exportTouch{t.Row, hex.EncodeToString(t.Digest[:])})
	}
	return r
}

// exportSheet writes CSV (RFC 4180, lines end with LF).
type exportSheet struct{ to *csv.Writer }

func newSheet(w io.Writer) exportSheet { return exportSheet{csv.NewWriter(w)} }

// ChangeColumns are the header of a CSV export, always all of them, in this order. New ones are only ever added at the end.
func ChangeColumns() []string {
	return []string{"seq", "at", "actor", "action", "subject", "detail", "touched", "prev", "hash"}
}

func (e exportSheet) begin(Head, bool) error { return e.to.Write(ChangeColumns()) }

func (e exportSheet) row(c Change) error {
	names := make([]string, 0, len(c.Touched))
	for _, t := range c.Touched {
		names = append(names, t.Row)
	}
	return e.to.Write([]string{strconv.FormatUint(c.Seq, 10), c.At.UTC().Format(time.RFC3339Nano), Cell(c.Actor), Cell(string(c.Action)),
		Cell(c.Subject), Cell(c.Detail), Cell(strings.Join(names, " ")), hex.EncodeToString(c.Prev[:]), hex.EncodeToString(c.Hash[:])})
}

func (e exportSheet) end(uint64) error {
	e.to.Flush()
	return e.to.Error()
}

// Cell makes a text safe for a cell of a spreadsheet, as search.Cell does for decisions: what a program could take for a formula
// gets a quotation mark in front, which they show as text.
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
