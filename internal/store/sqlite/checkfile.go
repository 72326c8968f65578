package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync/atomic"

	"countersign.dev/internal/atonce"
	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/store"
)

// FileInfo is what CheckFile found in a file.
type FileInfo struct {
	Version int                // of its tables; Open brings an older one up to date
	Report  audit.ChangeReport // of its record of changes; for version 1, which has no chain, only Last is set
	Head    audit.Head         // the end of that record; zero for version 1
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
	pool, feed, err := connectFed(path, DefaultBusyTimeout, checkers()+1, map[string]string{"mode": "ro", "immutable": "1"})
	if err != nil {
		return info, err
	}
	d := &DB{path: path, writer: pool, reader: pool, feed: feed}
	defer func() { err = explain(path, errors.Join(err, pool.Close())) }()
	fresh, version, err := d.identify(ctx)
	if err == nil && fresh {
		err = fmt.Errorf("%w: it is empty", store.ErrForeign)
	}
	if err != nil {
		return info, err
	}
	info.Version = version
	return info, atonce.Do(ctx, d.intact, func(ctx context.Context) error { return d.whole(ctx, &info) })
}

// whole looks at what stands in the file: triggers, references, and its record of changes against every row.
func (d *DB) whole(ctx context.Context, info *FileInfo) error {
	if err := d.referred(ctx); err != nil {
		return err
	}
	if info.Version < 2 {
		return d.checkVersion1(ctx, info)
	}
	if err := d.checkTriggers(ctx); err != nil {
		return err
	}
	if info.Version < 3 {
		if err := d.checkUndocumented(ctx, info.Version); err != nil {
			return err
		}
	}
	err := d.View(ctx, func(tx *Tx) (err error) {
		if info.Head, err = tx.Head(); err == nil {
			info.Report, err = audit.VerifyChanges(source(tx, info.Version), nil)
		}
		return err
	})
	if err == nil && !info.Report.OK() {
		err = fmt.Errorf("%w: %s", store.ErrCorrupt, info.Report.Faults[0].Text)
	}
	return err
}

// checkers is on how many connections a file is checked, beside the one that reads its rows.
func checkers() int { return min(max(runtime.GOMAXPROCS(0), 1), 4) }

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

// intact is check and more: indexes against tables, one table beside another, since that is most of the work of a whole check.
func (d *DB) intact(ctx context.Context) error {
	rows, err := d.writer.QueryContext(ctx, "SELECT name FROM sqlite_schema WHERE type = 'table'")
	if err != nil {
		return err
	}
	defer rows.Close()
	checks := []string{"quick_check(1)"} // every page of the file, each once; then each table with its indexes
	for rows.Next() {
		var table string
		if err := rows.Scan(&table); err != nil {
			return err
		}
		checks = append(checks, "integrity_check('"+strings.ReplaceAll(table, "'", "''")+"')")
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return err
	}
	work, next := make([]func(context.Context) error, d.writer.Stats().MaxOpenConnections-1), atomic.Int64{}
	for i := range work {
		work[i] = func(ctx context.Context) error {
			for {
				n := int(next.Add(1)) - 1
				if n >= len(checks) {
					return nil
				}
				if err := d.sound(ctx, checks[n]); err != nil {
					return err
				}
			}
		}
	}
	return atonce.Do(ctx, work...)
}

// sound asks the engine for one of its checks.
func (d *DB) sound(ctx context.Context, check string) error {
	var first string
	if err := d.writer.QueryRowContext(ctx, "PRAGMA "+check).Scan(&first); err != nil {
		return err
	}
	if first != "ok" {
		return fmt.Errorf("%w: %s", store.ErrCorrupt, first)
	}
	return nil
}

// referred looks whether each row belongs to one that is there.
func (d *DB) referred(ctx context.Context) error {
	var orphans int
	if err := d.writer.QueryRowContext(ctx, "SELECT count(*) FROM pragma_foreign_key_check").Scan(&orphans); err != nil {
		return err
	}
	if orphans > 0 {
		return fmt.Errorf("%w: %d rows belong to nothing", store.ErrCorrupt, orphans)
	}
	return nil
}
