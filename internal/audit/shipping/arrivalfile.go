package shipping

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"countersign.dev/internal/audit/segment"
	"countersign.dev/internal/faultfile"
)

// write puts proven lines into the record, durably. What stands behind the end was written before a crash, and not noted: it goes.
func (a *arrival) write(p *Piece) error {
	fsys, path := faultfile.OS{}, filepath.Join(a.dir, segment.Name(p.Segment))
	var f faultfile.File
	var err error
	if p.Offset == 0 {
		if err = fsys.Remove(path); err == nil || errors.Is(err, fs.ErrNotExist) {
			f, err = fsys.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
		}
	} else {
		f, err = fsys.OpenFile(path, os.O_RDWR, 0)
	}
	if err != nil {
		return fmt.Errorf("write a collected record: %w", err)
	}
	info, err := f.Stat()
	switch {
	case err != nil:
	case info.Size() < p.Offset:
		err = fmt.Errorf("%s has %d bytes, and %d were proven: somebody has cut it off here; remove the folder %s, and it is collected anew", path, info.Size(), p.Offset, a.folder)
	case info.Size() > p.Offset:
		err = f.Truncate(p.Offset)
	}
	if err == nil {
		_, err = f.WriteAt(p.Body, p.Offset)
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil && p.Offset == 0 {
		err = fsys.SyncDir(a.dir)
	}
	if err != nil {
		return fmt.Errorf("write a collected record: %w", err)
	}
	return nil
}

// fault stops a record where it is, and says so. text is what did not verify: it is kept aside. line 0: the one behind the last proven
// one. The error is the disk's, or errLater.
func (a *arrival) fault(line int, text []byte, what string) error {
	due := a.next()
	if a.anew {
		due = a.where
	}
	if line == 0 {
		line = 1
		if due.Offset > 0 {
			line = a.state.Line + 1
		}
	}
	f := Fault{Segment: due.Segment, Line: line, Offset: due.Offset, What: what, At: a.c.cfg.Now().UTC()}
	a.again = time.Now().Add(faultAgain)
	if b := a.state.Fault; b != nil && b.Segment == f.Segment && b.Line == f.Line && b.What == f.What {
		return errLater
	}
	if text != nil {
		name, err := a.putAside(due, text)
		if err != nil {
			return err
		}
		f.Aside = name
	}
	a.state.Fault = &f
	a.c.cfg.Log.Error("the record of another node does not verify; nothing more of it is taken", "node", a.state.Node, "scope", a.state.Scope,
		"record", a.state.Record, "segment", f.Segment, "line", f.Line, "cause", what)
	return orLater(a.state.save(a.folder))
}

// maxAside bounds the files that are kept of what did not verify.
const maxAside = 16

// putAside keeps what did not verify, for people. The oldest go where there are too many.
func (a *arrival) putAside(at Place, text []byte) (string, error) {
	dir := filepath.Join(a.folder, asideFolder)
	if err := faultfile.MakeFolder(faultfile.OS{}, dir); err != nil {
		return "", err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return modified(a).Compare(modified(b)) })
	for len(entries) >= maxAside {
		if err := os.Remove(filepath.Join(dir, entries[0].Name())); err != nil {
			return "", err
		}
		entries = entries[1:]
	}
	name := fmt.Sprintf("%08d-%d.piece", at.Segment, at.Offset)
	return filepath.Join(dir, name), writeFile(dir, name, text[:min(len(text), MaxEncoded)])
}

func modified(e fs.DirEntry) time.Time {
	info, err := e.Info()
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}
