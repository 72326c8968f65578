package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/audit/search"
	"github.com/spf13/cobra"
)

// exportOptions are the flags of `audit export` beside those that choose decisions.
type exportOptions struct {
	decisionFilter
	record, format, out string
}

func newAuditExport(o *operator) *cobra.Command {
	e := new(exportOptions)
	c := &cobra.Command{
		Use:   "export --out FILE | --record all --out DIR",
		Short: "Write decisions, changes or both records out, as JSON Lines or CSV",
		Long: `Write every decision that fits into a new file of mode 0600, the oldest first; with --record changes the record of changes instead.
JSON Lines are the very lines of the decision record, and of changes all that their chain needs: "countersign audit verify
--export" proves both offline. In CSV a cell that a spreadsheet could run as a formula has a quotation mark in front. "-" writes
to standard output.

With --record all, which --server stands for unless another one is named, DIR is a new folder: changes.jsonl, decisions.jsonl and
the books of signed checkpoints, as far as there are some.`,
		Example: `  countersign audit export --format csv --partner "Example Bank" --since 2026-11-01 --until 2026-12-01 --out november.csv
  countersign audit export --record changes --format csv --out changes.csv
  countersign audit export --server https://countersign.example.com --out export-2026-11`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			plane, scope, err := o.asked(e.server)
			if err != nil {
				return err
			}
			if e.record == "" {
				e.record = "decisions"
				if plane != "" && !c.Flags().Changed("format") && !e.chosen(c) && e.out != "-" {
					e.record = "all"
				}
			}
			if err := e.check(c); err != nil {
				return err
			}
			if e.record != "decisions" || plane != "" {
				return o.read(c, func(s *session) error { return e.run(s, scope) })
			}
			return o.onRecord(c, scope, func(r *recordSession) error {
				e.oldestFirst = true
				q, err := e.query(clock(), r.partnerID)
				if err != nil {
					return err
				}
				return r.export(q, search.Format(e.format), e.out)
			})
		},
	}
	e.flags(o, c, "any")
	flags := c.Flags()
	flags.StringVar(&e.record, "record", "", "`WHICH`: decisions, changes or all; decisions unless given, and with --server all")
	flags.StringVar(&e.format, "format", "jsonl", "`FORM`: jsonl or csv")
	flags.StringVar(&e.out, "out", "", "new `FILE`, or - for standard output; with --record all a new folder")
	flags.BoolVar(&e.scan, "scan", false, "read every line, and no index")
	_ = c.MarkFlagRequired("out")
	_ = c.RegisterFlagCompletionFunc("format", cobra.FixedCompletions([]cobra.Completion{"jsonl", "csv"}, cobra.ShellCompDirectiveNoFileComp))
	_ = c.RegisterFlagCompletionFunc("record", cobra.FixedCompletions(exportRecords, cobra.ShellCompDirectiveNoFileComp))
	return c
}

var exportRecords = []string{"decisions", "changes", "all"}

// decisionFlags are those that choose decisions, and nothing else.
var decisionFlags = []string{"request-id", "partner", "credential", "environment", "api", "reason", "warning", "shadow", "decision", "address", "scan"}

// chosen reports whether a part of the decisions is asked for.
func (e *exportOptions) chosen(c *cobra.Command) bool {
	return slices.ContainsFunc(append(decisionFlags, "since", "until"), c.Flags().Changed)
}

func (e *exportOptions) check(c *cobra.Command) error {
	if e.format != string(search.JSONL) && e.format != string(search.CSV) {
		return hinted{fmt.Errorf("--format %s: unknown", e.format), "jsonl or csv"}
	}
	switch e.record {
	case "decisions":
		return nil
	case "changes":
		if slices.ContainsFunc(decisionFlags, c.Flags().Changed) {
			return hinted{errors.New("changes are chosen by --since and --until alone"), "countersign audit changes finds them by partner, actor and action"}
		}
		return nil
	case "all":
		if e.chosen(c) || e.format != string(search.JSONL) || e.out == "-" {
			return hinted{errors.New("--record all is the whole of both records, as JSON Lines, in a folder"), "leave filters and --format out, and name a new folder with --out"}
		}
		return nil
	}
	return hinted{fmt.Errorf("--record %s: unknown", e.record), "decisions, changes or all"}
}

// run exports what is no plain choice of decisions on this disk.
func (e *exportOptions) run(s *session, scope string) error {
	if e.record == "all" {
		return e.all(s, scope)
	}
	var write func(ctx context.Context, w io.Writer) error
	switch {
	case e.record == "changes":
		what, err := e.changes()
		if err != nil {
			return err
		}
		write = func(ctx context.Context, w io.Writer) error { return s.exportChanges(ctx, w, what) }
	default:
		params, err := e.atServer(s)
		if err != nil {
			return err
		}
		write = func(ctx context.Context, w io.Writer) error {
			return s.exportDecisions(ctx, w, params, search.Format(e.format))
		}
	}
	if e.out == "-" {
		return write(s.ctx, s.out.out)
	}
	size, err := intoFile(s.ctx, e.out, write)
	if err != nil {
		return err
	}
	return s.out.show(map[string]any{"file": e.out, "bytes": size}, "%s: %d bytes", e.out, size)
}

// changes is what of the record of changes is asked for.
func (e *exportOptions) changes() (asked changesAsked, err error) {
	now := clock()
	asked.format = audit.ExportFormat(e.format)
	if asked.from, err = parsePast(e.since, now); err != nil {
		return asked, fmt.Errorf("--since %s: %w", e.since, err)
	}
	if asked.to, err = parsePast(e.until, now); err != nil {
		return asked, fmt.Errorf("--until %s: %w", e.until, err)
	}
	return asked, nil
}

// intoFile fills a new file of mode 0600; one that could not be filled is taken away, so that no part passes for the whole.
func intoFile(ctx context.Context, path string, write func(ctx context.Context, w io.Writer) error) (size int64, err error) {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return 0, hinted{err, "name a file that is not there yet"}
	}
	err = write(ctx, file)
	if info, statErr := file.Stat(); statErr == nil {
		size = info.Size()
	}
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return 0, errors.Join(fmt.Errorf("%s was not written: %w", path, err), os.Remove(path))
	}
	return size, nil
}

func (r *recordSession) export(q search.Query, kind search.Format, path string) error {
	searcher, err := r.searcher()
	if err != nil {
		return err
	}
	if path == "-" {
		done, err := searcher.Export(r.ctx, r.out.out, q, kind)
		return errors.Join(err, unread(done.Unread))
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return hinted{err, "name a file that is not there yet"}
	}
	done, err := searcher.Export(r.ctx, io.Writer(file), q, kind)
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return fmt.Errorf("%s is not whole: %w", path, err)
	}
	view := struct {
		File   string   `json:"file"`
		Lines  uint64   `json:"lines"`
		Unread []string `json:"unread"`
	}{path, done.Lines, append([]string{}, done.Unread...)}
	if err := r.out.show(view, "%s: %d lines", path, done.Lines); err != nil {
		return err
	}
	return unread(done.Unread)
}
