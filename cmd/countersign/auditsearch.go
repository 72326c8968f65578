package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"

	"countersign.dev/internal/audit/search"
	"github.com/spf13/cobra"
)

func newAuditSearch(o *operator) *cobra.Command {
	f, limit, cursor := new(decisionFilter), 0, ""
	c := &cobra.Command{
		Use:   "search [REQUEST-ID]",
		Short: "Find decisions by request id, partner, reason, address or time",
		Long: `Find decisions among all that are recorded, the newest first. REQUEST-ID is what the refused caller was told. Every line that is
shown was read from the record itself; indexes beside the segments only say where to look, and are made when they are missing.
With --scan nothing but the record is read: slow, and proof against a forged index.`,
		Example: `  countersign audit search 68daff8340eefb1a601a62a056a3a088
  countersign audit search --partner "Example Bank" --decision refuse --since 24h --limit 20 -o json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 1 {
				f.requestID = args[0]
			}
			return o.onRecords(c, f.server, func(s *session) error { return f.searchAt(s, limit, cursor) }, func(r *recordSession) error {
				q, err := f.query(clock(), r.partnerID)
				if err != nil {
					return err
				}
				q.Limit, q.Cursor = limit, cursor
				return r.search(q)
			})
		},
	}
	f.flags(o, c, "final")
	flags := c.Flags()
	flags.IntVar(&limit, "limit", search.DefaultLimit, "at most `N` decisions, 1 to 10000")
	flags.StringVar(&cursor, "cursor", "", "go on after a page, with the `CURSOR` that it ended with")
	flags.BoolVar(&f.oldestFirst, "oldest-first", false, "the oldest first")
	flags.BoolVar(&f.scan, "scan", false, "read every line, and no index")
	return c
}

// pageView is a page as JSON: the lines are the record's own.
type pageView struct {
	Found  []json.RawMessage `json:"found"`
	Next   string            `json:"next,omitempty"`  // for --cursor
	Unread []string          `json:"unread"`          // segments that could not be read
	Nodes  []string          `json:"nodes,omitempty"` // of each of found, the node that has written it; empty: this one
}

func (r *recordSession) search(q search.Query) error {
	if q.Limit < 1 || q.Limit > search.MaxLimit {
		return fmt.Errorf("--limit is 1 to %d", search.MaxLimit)
	}
	searcher, err := r.everyRecord()
	if err != nil {
		return err
	}
	page, err := searcher.Find(r.ctx, q)
	if err != nil {
		return err
	}
	return r.out.decisions(page)
}

// decisions shows a page, and says where it is not whole.
func (o *output) decisions(page search.Page) error {
	var rows [][]string
	view := pageView{Found: []json.RawMessage{}, Next: page.Next, Unread: append([]string{}, page.Unread...)}
	head, several := decisionHead, slices.ContainsFunc(page.Found, func(f search.Found) bool { return f.Node != "" })
	if several {
		head = append(slices.Clone(head), "NODE")
	}
	for i := range page.Found {
		view.Found = append(view.Found, page.Found[i].Text)
		cells := decisionCells(&page.Found[i])
		if several {
			node := safeText([]byte(page.Found[i].Node))
			view.Nodes, cells = append(view.Nodes, node), append(cells, cmp.Or(node, "here"))
		}
		rows = append(rows, cells)
	}
	if err := o.table(view, "no decision", head, rows); err != nil {
		return err
	}
	if page.Next != "" && !o.json {
		o.note("there are more: --cursor %s", page.Next)
	}
	return unread(page.Unread)
}

// unread says that an answer is not whole, and ends the command so.
func unread(segments []string) error {
	if len(segments) == 0 {
		return nil
	}
	return hinted{fmt.Errorf("the answer lacks what could not be read: %s", segments[0]), "countersign audit verify says what is wrong with the record"}
}

func newAuditTail(o *operator) *cobra.Command {
	f, follow, lines := new(decisionFilter), false, 0
	c := &cobra.Command{
		Use:   "tail",
		Short: "Show the last decisions, and those to come",
		Long: `Show the last decisions, the newest last; with -f also those that are taken from now on, until it is interrupted. With -o json
each is a line of the record as it stands there.`,
		Example: "  countersign audit tail -f --decision refuse --environment production",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if lines < 0 || lines > search.MaxLimit {
				return fmt.Errorf("--lines is 0 to %d", search.MaxLimit)
			}
			return o.onRecord(c, f.server, func(r *recordSession) error {
				q, err := f.query(clock(), r.partnerID)
				if err != nil {
					return err
				}
				return r.tail(q, lines, follow)
			})
		},
	}
	f.flags(o, c, "any")
	c.Flags().BoolVarP(&follow, "follow", "f", false, "go on with what is written from now on")
	c.Flags().IntVarP(&lines, "lines", "n", 10, "the last `N` that are there")
	return c
}

func (r *recordSession) tail(q search.Query, lines int, follow bool) error {
	searcher, err := r.searcher()
	if err != nil {
		return err
	}
	newest, err := searcher.Find(r.ctx, search.Query{Limit: 1})
	if err != nil {
		return err
	}
	from := uint64(1)
	if len(newest.Found) > 0 {
		from = newest.Found[0].Line.Seq + 1
	}
	if lines > 0 {
		last := q
		last.Limit = lines
		page, err := searcher.Find(r.ctx, last)
		if err != nil {
			return err
		}
		slices.Reverse(page.Found)
		for _, found := range page.Found {
			if err := r.printLine(found, &from); err != nil {
				return err
			}
		}
	}
	if !follow {
		return nil
	}
	return search.Tail(r.ctx, r.record.dir, from, q, 0, func(found search.Found) error { return r.printLine(found, &from) })
}

// printLine shows one line and moves from behind it.
func (r *recordSession) printLine(found search.Found, from *uint64) error {
	*from = max(*from, found.Line.Seq+1)
	if r.out.json {
		_, err := r.out.out.Write(append(slices.Clip(found.Text), '\n'))
		return err
	}
	cells := decisionCells(&found)
	line := ""
	for i, cell := range cells {
		if cell == "" {
			cell = "-"
		}
		if i > 0 {
			line += " "
		}
		line += cell
	}
	_, err := fmt.Fprintln(r.out.out, line)
	return err
}
