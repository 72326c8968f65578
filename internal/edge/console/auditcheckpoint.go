package console

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"countersign.dev/api"
	"countersign.dev/internal/edge/page"
)

// Bounds of what is read of a book of checkpoints for a page, and how many of its statements are shown.
const (
	maxCheckpointBytes = 64 << 20
	maxCheckpointLine  = 4 << 10
	checkpointsShown   = 50
)

// statement is one line of a book; its signature is for countersign audit verify.
type statement struct {
	Number uint64    `json:"checkpoint"`
	Record string    `json:"record"`
	ID     string    `json:"id"`
	Seq    uint64    `json:"seq"`
	Hash   string    `json:"hash"`
	At     time.Time `json:"at"`
	Key    string    `json:"key"`
}

// checkpointPage is the end of one book.
type checkpointPage struct {
	Record     string
	Books      []page.Item
	Statements []statement // the newest first
	All        uint64      // in the book
	Cut        bool        // the book is longer than a page reads
	Fault      string      // why there is none to be shown
	Download   string
}

// auditCheckpoints shows the newest checkpoints of a record.
func (v *visit) auditCheckpoints(w http.ResponseWriter, r *http.Request) {
	record := api.CheckpointListParamsRecordChanges
	if r.URL.Query().Get("record") == string(api.CheckpointListParamsRecordDecisions) {
		record = api.CheckpointListParamsRecordDecisions
	}
	data := checkpointPage{Record: string(record), Download: page.Link("/v1/checkpoints", "record", string(record))}
	for _, one := range []api.CheckpointListParamsRecord{api.CheckpointListParamsRecordChanges, api.CheckpointListParamsRecordDecisions} {
		data.Books = append(data.Books, page.Item{Text: "Of " + string(one), Href: page.Link(checkpointsPath, "record", string(one)), Here: one == record})
	}
	book, err := v.api.CheckpointList(r.Context(), api.CheckpointListParams{Record: record})
	switch {
	case errors.Is(err, api.Unavailable):
		data.Fault = "This server signs no checkpoints, or their book cannot be read. Without them nobody can tell whether the end of a record was cut off."
	case err != nil:
		v.fail(w, r, err)
		return
	default:
		data.read(io.LimitReader(book, maxCheckpointBytes))
		_ = book.Close() // it was only read
	}
	v.show(w, r, "checkpoints", page.View{Title: "Checkpoints", Section: "audit", Tabs: v.auditTabs(checkpointsPath), Data: data,
		Lead: "Signed statements of what the records were, kept in another place than the records."})
}

// read keeps the end of a book. A line that is none is passed over here: the verification names it.
func (p *checkpointPage) read(book io.Reader) {
	lines := bufio.NewScanner(book)
	lines.Buffer(nil, maxCheckpointLine)
	read := 0
	for lines.Scan() {
		read += len(lines.Bytes()) + 1
		var st statement
		if json.Unmarshal(lines.Bytes(), &st) != nil || st.Number == 0 {
			continue
		}
		p.All = max(p.All, st.Number)
		p.Statements = append(p.Statements, st)
		if len(p.Statements) > 2*checkpointsShown {
			p.Statements = append(p.Statements[:0], p.Statements[len(p.Statements)-checkpointsShown:]...)
		}
	}
	p.Cut = lines.Err() != nil || read >= maxCheckpointBytes-maxCheckpointLine
	p.Statements = p.Statements[max(0, len(p.Statements)-checkpointsShown):]
	for i, j := 0, len(p.Statements)-1; i < j; i, j = i+1, j-1 {
		p.Statements[i], p.Statements[j] = p.Statements[j], p.Statements[i]
	}
}
