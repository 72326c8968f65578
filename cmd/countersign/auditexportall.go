package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"countersign.dev/api"
	"countersign.dev/internal/audit"
	"countersign.dev/internal/audit/checkpoint"
	"countersign.dev/internal/audit/search"
	"countersign.dev/internal/audit/segment"
	"countersign.dev/internal/remote"
)

// changesAsked is what of the record of changes is exported; zero times: all of it.
type changesAsked struct {
	format   audit.ExportFormat
	from, to time.Time
}

// exportChanges writes changes of this disk's register, or of a server's.
func (s *session) exportChanges(ctx context.Context, w io.Writer, asked changesAsked) error {
	if s.remote != nil {
		params := api.ChangeExportParams{Format: api.ChangeExportParamsFormat(asked.format), From: asked.from, To: asked.to}
		return copyStream(w)(remote.Stream(s.remote.API.ChangeExport(ctx, params)))
	}
	what := audit.ChangeExport{Format: asked.format}
	if !asked.from.IsZero() || !asked.to.IsZero() {
		what.Keep = func(c audit.Change) bool {
			return (asked.from.IsZero() || !c.At.Before(asked.from)) && (asked.to.IsZero() || c.At.Before(asked.to))
		}
	}
	_, err := audit.ExportChanges(ctx, s.disk, w, what)
	return err
}

// exportDecisions writes decisions of a server.
func (s *session) exportDecisions(ctx context.Context, w io.Writer, q api.DecisionListParams, format search.Format) error {
	params := api.DecisionExportParams{Format: api.DecisionExportParamsFormat(format), Environment: q.Environment, Partner: q.Partner, Credential: q.Credential,
		API: q.API, Reason: q.Reason, Warning: q.Warning, Shadow: q.Shadow, Decision: api.DecisionExportParamsDecision(q.Decision), Address: q.Address, From: q.From, To: q.To}
	return copyStream(w)(remote.Stream(s.remote.API.DecisionExport(ctx, params)))
}

// copyStream copies a body to its end. One that is cut off is an error.
func copyStream(w io.Writer) func(api.Stream, error) error {
	return func(body api.Stream, err error) error {
		if err != nil {
			return err
		}
		_, err = io.Copy(w, body)
		return errors.Join(err, body.Close())
	}
}

// exportFile is one file of an export of everything.
type exportFile struct {
	name  string
	write func(ctx context.Context, w io.Writer) error
	maybe bool // nothing is there: no file
}

// all writes both records and their books into a new folder. The books come first: a server goes on writing and signing, so that
// what they say is never newer than the records that are read after them.
func (e *exportOptions) all(s *session, scope string) error {
	var bad []string
	files, err := e.files(s, scope, &bad)
	if err != nil {
		return err
	}
	if err := os.Mkdir(e.out, 0o700); err != nil {
		return hinted{fmt.Errorf("make the export's folder: %w", err), "name a folder that is not there yet, in one that is"}
	}
	written := []string{}
	for _, file := range files {
		_, err := intoFile(s.ctx, filepath.Join(e.out, file.name), file.write)
		if errors.Is(err, errNothing) && file.maybe {
			continue
		}
		if err != nil {
			return errors.Join(err, os.RemoveAll(e.out))
		}
		written = append(written, file.name)
	}
	text := e.out + ":"
	for _, name := range written {
		text += " " + name
	}
	view := map[string]any{"dir": e.out, "files": written, "unread": append([]string{}, bad...)}
	if err := s.out.show(view, "%s\nprove it with: countersign audit verify --export %s --checkpoint-key FILE", text, e.out); err != nil {
		return err
	}
	return unread(bad)
}

// errNothing says that there is nothing to be written.
var errNothing = errors.New("there is none")

// files are what an export of everything holds. What cannot be read on this disk is added to bad.
func (e *exportOptions) files(s *session, scope string, bad *[]string) ([]exportFile, error) {
	changes := exportFile{name: exportedChanges, write: func(ctx context.Context, w io.Writer) error {
		return s.exportChanges(ctx, w, changesAsked{format: audit.ExportJSONL})
	}}
	if s.remote != nil {
		return []exportFile{s.remoteBook(checkpoint.Changes), s.remoteBook(checkpoint.Decisions), changes,
			{name: exportedDecisions(""), write: func(ctx context.Context, w io.Writer) error {
				return s.exportDecisions(ctx, w, api.DecisionListParams{}, search.JSONL)
			}}}, nil
	}
	records, err := s.at.records()
	if err != nil {
		return nil, err
	}
	if scope != "" {
		record, err := s.at.record(scope)
		if err != nil {
			return nil, err
		}
		records = []recordPlace{record}
	}
	files := []exportFile{s.localBook(checkpoint.Changes, "")}
	for _, record := range records {
		files = append(files, s.localBook(checkpoint.Decisions, record.scope))
	}
	files = append(files, changes)
	for _, record := range records {
		files = append(files, exportFile{name: exportedDecisions(record.scope), write: func(ctx context.Context, w io.Writer) error {
			copied, err := segment.CopyLines(ctx, nil, record.dir, w, segment.Extent{})
			*bad = append(*bad, copied.Bad...)
			return err
		}})
	}
	return files, nil
}

// The names of an export's files.
const exportedChanges = "changes.jsonl"

func exportedDecisions(scope string) string { return withScope("decisions", scope) + ".jsonl" }

func exportedBook(record, scope string) string { return withScope(record, scope) + ".checkpoints" }

func withScope(name, scope string) string {
	if scope == "" {
		return name
	}
	return name + "-" + scope
}

// remoteBook fetches a book; a server that signs no checkpoints has none.
func (s *session) remoteBook(record string) exportFile {
	return exportFile{name: exportedBook(record, ""), maybe: true, write: func(ctx context.Context, w io.Writer) error {
		body, err := remote.Stream(s.remote.API.CheckpointList(ctx, api.CheckpointListParams{Record: api.CheckpointListParamsRecord(record)}))
		if isProblem(err, api.Unavailable) {
			return errNothing
		}
		return copyStream(w)(body, err)
	}}
}

// isProblem tells a problem by its type.
func isProblem(err error, kind api.ProblemType) bool {
	var problem *remote.Problem
	return errors.As(err, &problem) && problem.Type == kind.URI()
}

// localBook copies a book of the configuration.
func (s *session) localBook(record, scope string) exportFile {
	return exportFile{name: exportedBook(record, scope), maybe: true, write: func(_ context.Context, w io.Writer) error {
		if s.at.config == nil || s.at.config.Records.Checkpoints == nil {
			return errNothing
		}
		f, err := os.Open(filepath.Join(s.at.config.Records.Checkpoints.Dir, scope, checkpoint.FileName(record)))
		if errors.Is(err, fs.ErrNotExist) {
			return errNothing
		}
		if err != nil {
			return err
		}
		_, err = io.Copy(w, f)
		return errors.Join(err, f.Close())
	}}
}
