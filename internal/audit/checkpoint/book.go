package checkpoint

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"countersign.dev/internal/faultfile"
)

// lockPatience is how long Add waits for another process that adds.
const lockPatience = 2 * time.Second

// ErrContradiction is wrapped by the error of an anchor that says something else than the one signed before it: the record
// was rolled back, replaced or written anew. Nothing is signed then.
var ErrContradiction = errors.New("the record contradicts its last checkpoint")

// BookConfig makes a Book.
type BookConfig struct {
	Dir    string       // a folder in another place than the record: another disk, machine or account; required, and made with mode 0700
	Record string       // Changes or Decisions; the file is this name and .checkpoints
	Signer *Signer      // required
	Log    *slog.Logger // hears of torn lines; required
	FS     faultfile.FS // nil: the operating system's
}

// Book is the list of an anchored record's signed statements: a file that is only added to, in another place than the record.
// Several processes may add to one book. Safe for concurrent use. It holds no file open: there is nothing to close.
type Book struct {
	cfg  BookConfig
	path string
	mu   sync.Mutex
}

// OpenBook opens a book or begins one. Its last statement must be signed with the key, or the error wraps ErrSignature.
func OpenBook(cfg BookConfig) (*Book, error) {
	if cfg.Dir == "" || cfg.Signer == nil || cfg.Log == nil || cfg.Record != Changes && cfg.Record != Decisions {
		return nil, errors.New("a checkpoint book needs a folder, a known record, a signer and a log")
	}
	cfg.FS = orOS(cfg.FS)
	b := &Book{cfg: cfg, path: filepath.Join(cfg.Dir, FileName(cfg.Record))}
	if err := faultfile.MakeFolder(cfg.FS, cfg.Dir); err != nil {
		return nil, fmt.Errorf("open the checkpoint book: %w", err)
	}
	_, _, err := b.Last()
	return b, err
}

// FileName is the name of a record's book in its folder.
func FileName(record string) string { return record + ".checkpoints" }

// Last is the last statement's anchor; ok is false where the book is empty.
func (b *Book) Last() (a Anchor, ok bool, err error) {
	err = b.with(os.O_RDONLY, func(f faultfile.File, last Statement, _ int64) error {
		a, ok = last.Anchor, last.Number > 0
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return a, ok, err
}

// Confirm asks the record for the hash at the seq that was signed last, and compares: what a server does when it starts, since
// a record that was rolled back may have grown beyond that seq when the next checkpoint is due. An empty book confirms
// anything. lookup fails with an error that wraps fs.ErrNotExist where there is no such entry; that is a contradiction.
func (b *Book) Confirm(lookup func(seq uint64) ([32]byte, error)) error {
	last, ok, err := b.Last()
	if err != nil || !ok {
		return err
	}
	hash, err := lookup(last.Seq)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: entry %d, signed on %s, is gone", ErrContradiction, last.Seq, last.At.Format(timeLayout))
	case err != nil:
		return fmt.Errorf("confirm the last checkpoint: %w", err)
	case hash != last.Hash:
		return fmt.Errorf("%w: entry %d is not what was signed on %s", ErrContradiction, last.Seq, last.At.Format(timeLayout))
	}
	return nil
}

// Add signs and writes down, durably, what head returns. head is called while no other process can add: so what it reads is
// never older than the last statement. Nothing is added where the record has not grown. An error of another record id, of a
// seq that goes back, or of another hash at the same seq wraps ErrContradiction; Confirm is asked at the start for the rest.
// Where another process has the book for two seconds, it wraps faultfile.ErrLocked.
func (b *Book) Add(head func() (Anchor, error)) error {
	err := b.with(os.O_RDWR, func(f faultfile.File, last Statement, end int64) error {
		a, err := head()
		if err != nil {
			return err
		}
		if a.Record != b.cfg.Record {
			return fmt.Errorf("%w: an anchor of %q in the book of %q", ErrMalformed, a.Record, b.cfg.Record)
		}
		if err := a.check(); err != nil {
			return err
		}
		if grown, err := follows(last, a); err != nil || !grown {
			return err
		}
		if last.Number == 0 && a.Seq > 1 {
			b.cfg.Log.Warn("a new book of checkpoints begins over a record that is not empty: what was in the record before is vouched for only from now on; if there was a book, somebody took it away",
				"book", b.path, "begun_at_seq", a.Seq)
		}
		line := append(b.cfg.Signer.sign(a, last.Number+1), '\n')
		if _, err := f.WriteAt(line, end); err != nil {
			return errors.Join(err, f.Truncate(end))
		}
		return errors.Join(f.Sync(), b.cfg.FS.SyncDir(b.cfg.Dir))
	})
	if err != nil {
		return fmt.Errorf("add a checkpoint: %w", err)
	}
	return nil
}

// follows reports whether a says more than the last statement, or why it cannot be said after it.
func follows(last Statement, a Anchor) (grown bool, err error) {
	switch {
	case last.Number == 0:
		return true, nil
	case a.ID != last.ID:
		return false, fmt.Errorf("%w: it is record %s, signed was %s; if it was begun anew on purpose, move its old book aside", ErrContradiction, a.ID, last.ID)
	case a.Seq < last.Seq:
		return false, fmt.Errorf("%w: it ends with entry %d, signed was %d", ErrContradiction, a.Seq, last.Seq)
	case a.Seq == last.Seq && a.Hash != last.Hash:
		return false, fmt.Errorf("%w: entry %d is not what was signed", ErrContradiction, a.Seq)
	}
	return a.Seq > last.Seq, nil
}

// with runs fn while nobody else has the book: with its last statement (Number 0: there is none) and where the next belongs.
func (b *Book) with(flag int, fn func(f faultfile.File, last Statement, end int64) error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if flag != os.O_RDONLY {
		lock, err := b.lock()
		if err != nil {
			return err
		}
		defer lock.Close()
	}
	f, err := b.cfg.FS.OpenFile(b.path, flag, 0)
	if errors.Is(err, fs.ErrNotExist) && flag != os.O_RDONLY {
		f, err = b.cfg.FS.OpenFile(b.path, flag|os.O_CREATE|os.O_EXCL, 0o600)
	}
	if err != nil {
		return err
	}
	defer f.Close()
	last, end, err := b.lastOf(f)
	if err != nil {
		return fmt.Errorf("%s: %w", b.path, err)
	}
	return fn(f, last, end)
}

// lock waits a little while another process adds: servers that were started together come back together.
func (b *Book) lock() (io.Closer, error) {
	for begun := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		lock, err := b.cfg.FS.Lock(b.path + ".lock")
		if !errors.Is(err, faultfile.ErrLocked) || time.Since(begun) > lockPatience {
			return lock, err
		}
	}
}

// lastOf finds the last whole line. What is behind it was being written when the machine stopped; it is written over.
func (b *Book) lastOf(f faultfile.File) (last Statement, end int64, err error) {
	info, err := f.Stat()
	if err != nil {
		return last, 0, err
	}
	if info.Mode().Perm()&0o022 != 0 {
		return last, 0, fmt.Errorf("others can write it (mode %04o): chmod 600 it", info.Mode().Perm())
	}
	from := max(0, info.Size()-3*MaxLine)
	tail, err := io.ReadAll(io.NewSectionReader(f, from, info.Size()-from))
	if err != nil {
		return last, 0, err
	}
	whole := tail[:bytes.LastIndexByte(tail, '\n')+1]
	if torn := len(tail) - len(whole); torn > 0 {
		b.cfg.Log.Warn("the last line of the checkpoint book is torn; it is written over", "book", b.path, "bytes", torn)
	}
	end = from + int64(len(whole))
	if len(whole) == 0 {
		if from > 0 {
			return last, 0, fmt.Errorf("%w: its last line is too long", ErrMalformed)
		}
		return last, 0, nil
	}
	line := whole[bytes.LastIndexByte(whole[:len(whole)-1], '\n')+1 : len(whole)-1]
	if last, err = Parse(line); err == nil {
		err = b.cfg.Signer.Public().Verify(last)
	}
	return last, end, err
}
