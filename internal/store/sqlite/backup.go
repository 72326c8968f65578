package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/store"
)

// FileInfo is what CheckFile found in a file.
type FileInfo struct {
	Version int                // of its tables; Open brings an older one up to date
	Report  audit.ChangeReport // of its record of changes; for version 1, which has no chain, only Last is set
}

// Backup writes the register as it is at one moment to a new file, while everything else goes on, and checks the result as
// CheckFile does before it gets its name. The file is one that Open opens, mode 0600, and on the disk when Backup returns; its
// secrets are sealed with the key ring, which belongs into another backup. An existing file is never replaced (fs.ErrExist).
// When it fails, or ctx ends, nothing is left behind; a killed process can leave an empty file and a draft beside it. Safe for
// concurrent use.
func (d *DB) Backup(ctx context.Context, path string) (FileInfo, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return FileInfo{}, fmt.Errorf("back up: %w", err)
	}
	taken, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) // keeps the name; also for file systems without links
	if err != nil {
		return FileInfo{}, fmt.Errorf("back up: %w", err)
	}
	var info FileInfo
	if err = taken.Close(); err == nil {
		info, err = d.backup(ctx, path)
	}
	if err != nil {
		return FileInfo{}, fmt.Errorf("back up: %w", errors.Join(err, os.Remove(path)))
	}
	return info, nil
}

// backup writes a draft beside path and puts it in the place of the empty file there.
func (d *DB) backup(ctx context.Context, path string) (info FileInfo, err error) {
	draft, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.part") // mode 0600, exclusively
	if err != nil {
		return info, err
	}
	defer func() {
		if gone := os.Remove(draft.Name()); !errors.Is(gone, fs.ErrNotExist) {
			err = errors.Join(err, gone)
		}
	}()
	defer draft.Close()
	if err := d.copyInto(ctx, draft.Name()); err != nil {
		return info, explain(draft.Name(), err)
	}
	if err := draft.Sync(); err != nil { // SQLite does not do this for a copy
		return info, err
	}
	if info, err = CheckFile(ctx, draft.Name()); err != nil {
		return info, err
	}
	if err := os.Rename(draft.Name(), path); err != nil {
		return info, err
	}
	return info, syncFolder(filepath.Dir(path))
}

// copyInto writes one moment of the register into an empty file. It has a connection of its own: the reading ones refuse to
// write anywhere, and the writing one must not wait.
func (d *DB) copyInto(ctx context.Context, empty string) error {
	pool, err := connect(d.path, DefaultBusyTimeout, 1, nil)
	if err != nil {
		return err
	}
	_, err = pool.ExecContext(ctx, "VACUUM INTO ?", empty)
	return errors.Join(err, pool.Close())
}

// CheckFile reads a whole backup and says whether it may be put in the place of a register: it is a register of a version
// that this program knows, private, undamaged, and its record of changes is one chain that fits every row. It changes
// nothing. A file with a write-ahead log beside it is a register in use and refused. Errors wrap the sentinels of
// internal/store; the report comes with ErrCorrupt, too, when the record is what is wrong.
func CheckFile(ctx context.Context, path string) (FileInfo, error) {
	info, err := checkFile(ctx, path)
	if err != nil {
		return info, fmt.Errorf("check %s: %w", path, err)
	}
	return info, nil
}

func checkFile(ctx context.Context, path string) (info FileInfo, err error) {
	if _, err := os.Lstat(path); err != nil {
		return info, err
	}
	if err := checkPrivate(path); err != nil {
		return info, err
	}
	if log, err := os.Stat(path + "-wal"); err == nil && log.Size() > 0 {
		return info, fmt.Errorf("%w: it is in use, part of it is in %s-wal; make a backup of it instead", store.ErrForeign, path)
	}
	pool, err := connect(path, DefaultBusyTimeout, 1, map[string]string{"mode": "ro", "immutable": "1"})
	if err != nil {
		return info, err
	}
	d := &DB{path: path, writer: pool, reader: pool}
	defer func() { err = explain(path, errors.Join(err, pool.Close())) }()
	fresh, version, err := d.identify(ctx)
	if err == nil && fresh {
		err = fmt.Errorf("%w: it is empty", store.ErrForeign)
	}
	if err != nil {
		return info, err
	}
	info.Version = version
	if err := d.intact(ctx); err != nil {
		return info, err
	}
	if version < 2 {
		return info, d.checkVersion1(ctx, &info)
	}
	if err := d.checkTriggers(ctx); err != nil {
		return info, err
	}
	if version < 3 {
		if err := d.checkUndocumented(ctx, version); err != nil {
			return info, err
		}
	}
	err = d.View(ctx, func(tx *Tx) error {
		info.Report, err = audit.VerifyChanges(source(tx, version), nil)
		return err
	})
	if err == nil && !info.Report.OK() {
		err = fmt.Errorf("%w: %s", store.ErrCorrupt, info.Report.Faults[0].Text)
	}
	return info, err
}

// source is what the record of a register is held against.
func source(tx *Tx, version int) audit.ChangeSource {
	if version < 3 {
		return undocumented{tx}
	}
	return tx
}

// undocumented reads a register of version 2, which has no documents yet.
type undocumented struct{ *Tx }

// Documents lists none.
func (undocumented) Documents(partner.DocumentQuery) ([]partner.Document, error) { return nil, nil }

// checkUndocumented refuses a file that only says that it is older than documents: nobody would look at them.
func (d *DB) checkUndocumented(ctx context.Context, version int) error {
	var tables int
	if err := d.writer.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema WHERE name = 'document'").Scan(&tables); err != nil {
		return err
	}
	if tables > 0 {
		return fmt.Errorf("%w: it calls itself version %d and has other tables", store.ErrForeign, version)
	}
	return nil
}

// checkVersion1 refuses a file that only says that it is older than the chain.
func (d *DB) checkVersion1(ctx context.Context, info *FileInfo) error {
	var chained int
	if err := d.writer.QueryRowContext(ctx, "SELECT count(*) FROM pragma_table_info('revision') WHERE name = 'record'").Scan(&chained); err != nil {
		return err
	}
	if chained > 0 {
		return fmt.Errorf("%w: it calls itself version %d and has other tables", store.ErrForeign, info.Version)
	}
	n, err := d.Revision(ctx)
	info.Report.Last = n
	return err
}

// intact is check and more: indexes against tables, and references.
func (d *DB) intact(ctx context.Context) error {
	var first string
	if err := d.writer.QueryRowContext(ctx, "PRAGMA integrity_check(1)").Scan(&first); err != nil {
		return err
	}
	if first != "ok" {
		return fmt.Errorf("%w: %s", store.ErrCorrupt, first)
	}
	var orphans int
	if err := d.writer.QueryRowContext(ctx, "SELECT count(*) FROM pragma_foreign_key_check").Scan(&orphans); err != nil {
		return err
	}
	if orphans > 0 {
		return fmt.Errorf("%w: %d rows belong to nothing", store.ErrCorrupt, orphans)
	}
	return nil
}

// syncFolder makes a new name in a folder survive a power cut. Systems that cannot open a folder for this keep names anyway.
func syncFolder(name string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	folder, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
