// Package sqlite keeps the register in one SQLite file: write-ahead log, every commit synced to the disk, one writing
// connection and several reading ones, safe beside other processes on the same file.
//
// It refuses: a file of another program or of a newer version, a damaged file, a file or folder that others can open or a
// symbolic link in its place (security rule 39), a change without its change row. It never repairs or replaces anything by
// itself: it names the file and says what to do. It knows no secret; sealed values pass through it as bytes.
//
// The attack it answers is the one on the disk: the exchanged, truncated or planted file. Whoever may write the file as
// this user can still change rows; the chain of changes, which has a digest of every row, shows that to whoever verifies it,
// and the signed checkpoints of the record show the rest: a tail that was cut, or a chain that was written anew.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// Defaults of Config.
const (
	DefaultBusyTimeout = 5 * time.Second
	DefaultReaders     = 4
	openPatience       = 30 * time.Second // for another process that is creating or converting the same file
)

// Config says where the register is.
type Config struct {
	Path        string        // the data file; its folder is made with mode 0700 if it is missing; must be set
	BusyTimeout time.Duration // how long a write waits for another process; 0: DefaultBusyTimeout; at least 1 ms
	Readers     int           // reading connections; 0: DefaultReaders

	// Convert is asked before an older version's register is brought up to date, which no older program reads afterwards. Its error
	// is Open's, and nothing is changed then. nil: it is converted.
	Convert func() error

	Now func() time.Time // for the one change row that the conversion of an older register writes; nil: time.Now
}

// DB is an open register. Safe for concurrent use. Close it once, after the last call has returned.
type DB struct {
	path   string
	writer *sql.DB // one connection, begins every transaction as a writer
	reader *sql.DB // refuses to write
	feed   *feeds  // of reader
	now    func() time.Time

	convert func() error // nil: yes
}

// Open opens the register, making it if the file is missing or empty, brings its tables up to date and checks the whole
// file. Several processes may open one file at once; one of them makes it. Errors wrap the sentinels of internal/store.
func Open(ctx context.Context, cfg Config) (*DB, error) {
	if cfg.Path == "" || cfg.Readers < 0 || cfg.BusyTimeout < 0 {
		return nil, errors.New("open store: Path must be set, and no number negative")
	}
	path, err := filepath.Abs(cfg.Path)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	if cfg.BusyTimeout == 0 {
		cfg.BusyTimeout = DefaultBusyTimeout
	}
	if cfg.Readers == 0 {
		cfg.Readers = DefaultReaders
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if err := prepareFiles(path); err != nil {
		return nil, fmt.Errorf("open store %s: %w", path, err)
	}
	db, err := openLocked(ctx, path, cfg)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", explain(path, err))
	}
	return db, nil
}

// openLocked does what must not happen twice at once under the lock beside the file.
func openLocked(ctx context.Context, path string, cfg Config) (db *DB, err error) {
	release, err := lock(ctx, path+lockSuffix)
	if err != nil {
		return nil, err
	}
	defer release()
	db = &DB{path: path, now: cfg.Now, convert: cfg.Convert}
	defer func() {
		if err != nil {
			err = errors.Join(err, db.Close())
			db = nil
		}
	}()
	if db.writer, err = connect(path, cfg.BusyTimeout, 1, map[string]string{"_txlock": "immediate"}); err != nil {
		return db, err
	}
	if err = db.prepare(ctx); err != nil {
		return db, err
	}
	db.reader, db.feed, err = connectFed(path, cfg.BusyTimeout, cfg.Readers, map[string]string{"_query_only": "1"})
	return db, err
}

// Close folds the log into the data file and lets go of it. Calling it twice is harmless.
func (d *DB) Close() error {
	var errs []error
	for _, pool := range []*sql.DB{d.reader, d.writer} {
		if pool != nil {
			errs = append(errs, pool.Close())
		}
	}
	return errors.Join(errs...)
}

// Revision is the number of changes so far, in a few microseconds and without a transaction.
func (d *DB) Revision(ctx context.Context) (uint64, error) {
	var n int64
	if err := d.reader.QueryRowContext(ctx, "SELECT n FROM revision").Scan(&n); err != nil {
		return 0, fmt.Errorf("read revision: %w", explain(d.path, err))
	}
	return uint64(n), nil
}
