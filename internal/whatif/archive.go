package whatif

import (
	"context"
	"io"

	"countersign.dev/internal/audit/search"
	"countersign.dev/internal/audit/segment"
)

// Archive is a decision record of which the export of everything can be proven to its last line. A search leaves the headers of
// segments out, and with them the links from one segment to the next: asked for every line as JSON Lines, oldest first, without
// any filter, it copies the record instead (segment.CopyLines, segment.VerifyLines). Every other question is the Searcher's. Safe
// for concurrent use.
type Archive struct {
	*search.Searcher
	Dir string // the folder of the record
}

// Export is that of the Searcher, but for the export of everything.
func (a Archive) Export(ctx context.Context, w io.Writer, q search.Query, f search.Format) (search.Exported, error) {
	if f != search.JSONL || q != (search.Query{OldestFirst: true, Scan: q.Scan}) {
		return a.Searcher.Export(ctx, w, q, f)
	}
	c, err := segment.CopyLines(ctx, nil, a.Dir, w, segment.Extent{})
	return search.Exported{Lines: c.Lines, Unread: c.Bad}, err
}
