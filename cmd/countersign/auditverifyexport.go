package main

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/audit/checkpoint"
	"countersign.dev/internal/audit/segment"
)

// exportView is the outcome of a verification of an export as JSON.
type exportView struct {
	OK          bool                      `json:"ok"`
	Export      string                    `json:"export"`
	Checkpoints []string                  `json:"checkpoints"` // books that were read
	Begun       []begunView               `json:"begun"`
	Faults      []string                  `json:"faults"` // of the checkpoints themselves
	Changes     *audit.ChangeExportReport `json:"changes,omitempty"`
	Decisions   []exportedView            `json:"decisions"`
}

// exportedView is the outcome for one file of decisions.
type exportedView struct {
	File string `json:"file"`
	segment.StreamReport
	Incomplete []string `json:"incomplete"` // why it is not the whole record; empty: it is, or --part
}

// exported proves an export, with nothing but its files, the books and their public key. It needs no register and no server.
func (v *verifyOptions) exported(out *output) error {
	view := &verifyView{OK: true, Checkpoints: []string{}, Begun: []begunView{}, Faults: []string{}}
	result := exportView{Export: v.export, Decisions: []exportedView{}}
	anchors, err := v.exportAnchors(view)
	if err != nil {
		return err
	}
	changes, files := false, 0
	if v.only != checkpoint.Decisions {
		if changes, err = v.exportedChanges(view, &result, anchors.changes); err != nil {
			return err
		}
	}
	if v.only != checkpoint.Changes {
		if files, err = v.exportedLines(view, &result, anchors.decisions); err != nil {
			return err
		}
	}
	if !changes && files == 0 {
		return hinted{fmt.Errorf("no export in %s", v.export), "it holds " + exportedChanges + " and " + exportedDecisions("") + ", as countersign audit export --record all makes them"}
	}
	v.lacking(view, &anchors, changes, files)
	v.unvouched(view, &result, &anchors)
	result.OK, result.Checkpoints, result.Begun, result.Faults = view.OK, view.Checkpoints, view.Begun, view.Faults
	if !out.json {
		return view.show(out)
	}
	if err := out.encode(result); err != nil || result.OK {
		return err
	}
	return errRefused
}

func (v *verifyOptions) exportedChanges(view *verifyView, result *exportView, anchors []audit.Anchor) (bool, error) {
	f, err := os.Open(filepath.Join(v.export, exportedChanges))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	report, err := audit.VerifyChangeExport(f, anchors)
	if errors.Is(err, audit.ErrExport) {
		view.OK = false
		view.lines = append(view.lines, "changes: WRONG: "+err.Error())
		return true, nil
	}
	if err != nil {
		return true, fmt.Errorf("read %s: %w", f.Name(), err)
	}
	result.Changes, view.OK = &report, view.OK && report.OK()
	for _, line := range report.Lines() {
		view.lines = append(view.lines, "changes: "+line)
	}
	if report.Selection && !v.part { // else whoever takes rows away need only write so into the first line
		view.OK = false
		view.lines = append(view.lines, "changes: WRONG: it is not the whole record, but a selection (if only some were asked for, say --part)")
	}
	return true, nil
}

// lacking names what checkpoints know and the export has no file of: somebody took it away, or did not put it in. A book of another
// server's decisions that was kept elsewhere may be of no interest here, and is only told.
func (v *verifyOptions) lacking(view *verifyView, anchors *anchorSet, changes bool, files int) {
	if last := len(anchors.changes); last > 0 && !changes && v.only != checkpoint.Decisions {
		view.fault("they know %d changes, but the export has no %s; prove the rest alone with --only decisions", anchors.changes[last-1].Seq, exportedChanges)
	}
	for _, scope := range slices.Sorted(maps.Keys(anchors.decisions)) {
		of := anchors.decisions[scope]
		_, err := os.Stat(filepath.Join(v.export, exportedDecisions(scope)))
		switch {
		case v.only == checkpoint.Changes || err == nil:
		case files == 0 || len(v.books) == 0:
			view.fault("they know %d lines of decisions, but the export has no %s; prove the rest alone with --only changes", of[len(of)-1].Seq, exportedDecisions(scope))
		default:
			view.lines = append(view.lines, fmt.Sprintf("checkpoints: they know %d lines of decisions, but the export has no %s, and nothing is said of them", of[len(of)-1].Seq,
				exportedDecisions(scope)))
		}
	}
}

// unvouched names what no checkpoint speaks of although a key was given: whoever gives one expects checkpoints, and without them all of
// a record could have been made anew, by whoever took them away.
func (v *verifyOptions) unvouched(view *verifyView, result *exportView, anchors *anchorSet) {
	if len(v.keys) == 0 {
		return
	}
	const why = "there is no checkpoint of %s, so all of it could have been made anew; without --checkpoint-key, or with --only, none is asked for"
	if result.Changes != nil && len(anchors.changes) == 0 {
		view.fault(why, exportedChanges)
	}
	for _, d := range result.Decisions {
		scope := strings.TrimPrefix(strings.TrimPrefix(strings.TrimSuffix(d.File, ".jsonl"), "decisions"), "-")
		if d.Lines > 0 && len(anchors.decisions[scope]) == 0 {
			view.fault(why, d.File)
		}
	}
}

func (v *verifyOptions) exportedLines(view *verifyView, result *exportView, anchors map[string][]checkpoint.Anchor) (files int, err error) {
	paths, err := filepath.Glob(filepath.Join(escapeGlob(v.export), "decisions*.jsonl"))
	if err != nil {
		return 0, err
	}
	for _, path := range paths {
		scope := strings.TrimPrefix(strings.TrimPrefix(strings.TrimSuffix(filepath.Base(path), ".jsonl"), "decisions"), "-")
		f, err := os.Open(path)
		if err != nil {
			return 0, err
		}
		report, err := segment.VerifyLines(f, anchors[scope])
		if err = errors.Join(err, f.Close()); err != nil {
			return 0, fmt.Errorf("read %s: %w", path, err)
		}
		head := "decisions: "
		if scope != "" {
			head = "decisions of " + scope + ": "
		}
		for _, line := range report.Text() {
			view.lines = append(view.lines, head+line)
		}
		missing := v.incomplete(report)
		for _, line := range missing {
			view.lines = append(view.lines, head+"WRONG: "+line)
		}
		result.Decisions = append(result.Decisions, exportedView{filepath.Base(path), report, missing})
		view.OK = view.OK && report.OK() && len(missing) == 0
	}
	return len(paths), nil
}

// incomplete says why lines are not the whole record that an export of everything has, with its headers, in one piece, up to the
// last checkpoint: the books are fetched before the record. With --part nothing has to be whole.
func (v *verifyOptions) incomplete(r segment.StreamReport) []string {
	list := []string{}
	if v.part {
		return list
	}
	if r.Lines > 0 && r.Record == "" {
		list = append(list, "the header of the record is not there (if only some lines were asked for, say --part)")
	}
	if r.Missing > 0 {
		list = append(list, fmt.Sprintf("%d lines were taken out from between the others (if only some were asked for, say --part)", r.Missing))
	}
	if r.Beyond > 0 {
		list = append(list, fmt.Sprintf("line %d, which a checkpoint has seen, is not there: the end was cut off, or the export is older than the checkpoint", r.Beyond))
	}
	return list
}

// exportAnchors reads the books: those of the export, or those that --checkpoint names, which were kept elsewhere.
func (v *verifyOptions) exportAnchors(view *verifyView) (anchorSet, error) {
	set := anchorSet{decisions: map[string][]checkpoint.Anchor{}}
	books, err := v.exportBooks()
	if err != nil {
		return set, err
	}
	if len(books) == 0 {
		view.lines = append(view.lines, "checkpoints: there are none")
		return set, nil
	}
	if len(v.keys) == 0 {
		return set, hinted{errors.New("checkpoints prove nothing without their public key"), "name it with --checkpoint-key: a copy that was made when the key was, never one out of the export"}
	}
	keys, err := publicKeys(v.keys)
	if err != nil {
		return set, err
	}
	return set, view.readBooks(&set, books, keys)
}

// exportBooks finds the books, each with whose it is.
func (v *verifyOptions) exportBooks() (books []bookPlace, err error) {
	places := v.books
	if len(places) == 0 {
		places = []string{v.export}
	}
	for _, path := range places {
		info, err := os.Stat(path)
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			books = append(books, bookPlace{path: path})
			continue
		}
		found, err := filepath.Glob(filepath.Join(escapeGlob(path), "*.checkpoints"))
		if err != nil {
			return nil, err
		}
		below, err := filepath.Glob(filepath.Join(escapeGlob(path), "*", checkpoint.FileName(checkpoint.Decisions)))
		if err != nil {
			return nil, err
		}
		for _, book := range found {
			name := strings.TrimSuffix(filepath.Base(book), ".checkpoints")
			_, scope, _ := strings.Cut(name, "-")
			books = append(books, bookPlace{book, scope})
		}
		for _, book := range below {
			books = append(books, bookPlace{book, filepath.Base(filepath.Dir(book))})
		}
		if len(found)+len(below) == 0 && len(v.books) > 0 {
			return nil, hinted{fmt.Errorf("no book of checkpoints in %s", path), "name the folder that the server appends to, or a copy of it"}
		}
	}
	slices.SortFunc(books, func(a, b bookPlace) int { return strings.Compare(a.path, b.path) })
	return books, nil
}
