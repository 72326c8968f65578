// Package postgres keeps the register in a PostgreSQL database, for many nodes: every one of them reads and writes the same rows, one
// writer at a time over all machines, and hears of each change by LISTEN.
//
// It refuses: a database of another program or of a version that cannot share it with this one, one whose guards of the record are
// missing or others than ours, a change without its change row. It never repairs anything by itself. It knows no secret; sealed values
// pass through it as bytes. An answer to a commit that was lost on the way is looked for, so that a change that was made is not told to
// have failed.
//
// The attack it answers is the one on the data: whoever may write into the database can change rows; the chain of changes, which has a
// digest of every row, shows that to whoever verifies it, and signed checkpoints outside of the database show the rest.
package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

// Defaults of Config.
const (
	DefaultLockTimeout = 5 * time.Second
	DefaultConns       = 8
	maxSilence         = 20 * time.Second // of a transaction that writes, between two of its statements
	commitPatience     = 10 * time.Second // for what became of a commit whose answer was lost
	commitAgain        = 100 * time.Millisecond
	channel            = "countersign_change"
)

// Config says where the register is.
type Config struct {
	URL         string        // postgres://USER@HOST:PORT/DATABASE?sslmode=verify-full…, or keywords and values; must be set; of several hosts the primary counts
	LockTimeout time.Duration // how long a write waits for another writer; 0: DefaultLockTimeout; at least 1 ms
	Conns       int           // connections at most, half of them for those who write; 0: DefaultConns; at least 2
	Silence     time.Duration // how long the database may say nothing to a question before the connection counts as broken; 0: DefaultSilence
	Existing    bool          // makes no register: an empty database is store.ErrMissing

	// Convert is asked before the tables of an older version are brought up to date. Its error is Open's, and nothing is changed then.
	// nil: they are.
	Convert func() error

	Rand io.Reader // for the id of a new record; must be set
}

// DB is an open register. Safe for concurrent use. Close it once, after the last call has returned.
type DB struct {
	pool *sql.DB
	conn *pgx.ConnConfig // for listening, which takes a connection of its own
	lock time.Duration
	turn chan struct{} // of the connections that writers may have at one time: some are left for who reads, and for nodes that tell of themselves
	name string        // host and database, for people; never a password
}

// Open connects, makes the tables in an empty database, brings older ones up to date and checks the guards of the record. Several
// nodes may open one database at once; one of them makes it. Errors wrap the sentinels of internal/store.
func Open(ctx context.Context, cfg Config) (*DB, error) {
	if cfg.URL == "" || cfg.Rand == nil || cfg.LockTimeout < 0 || cfg.Silence < 0 || cfg.Conns < 0 || cfg.Conns == 1 {
		return nil, errors.New("open store: URL and Rand must be set, no number negative, and there are at least two connections")
	}
	conn, err := pgx.ParseConfig(cfg.URL)
	if err != nil {
		return nil, errors.New("open store: the URL of the database cannot be read; it is like postgres://countersign@db.example.com/countersign?sslmode=verify-full") // pgx's text may hold the password
	}
	if cfg.LockTimeout == 0 {
		cfg.LockTimeout = DefaultLockTimeout
	}
	if cfg.Conns == 0 {
		cfg.Conns = DefaultConns
	}
	if cfg.Silence == 0 {
		cfg.Silence = max(DefaultSilence, 2*cfg.LockTimeout)
	}
	conn.RuntimeParams["application_name"] = "countersign"
	conn.RuntimeParams["synchronous_commit"] = "on" // when Update returns nil, it is on the disk, whatever the database's own default
	conn.RuntimeParams["standard_conforming_strings"] = "on"
	conn.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsPrimary // a standby tells what the register was, and may tell it for ever
	asking := conn.Copy()                                                  // the connection that listens hears nothing for hours, rightly
	asking.DialFunc = impatiently(asking.DialFunc, cfg.Silence)
	db := &DB{pool: stdlib.OpenDB(*asking), conn: conn, lock: cfg.LockTimeout, turn: make(chan struct{}, cfg.Conns/2), name: fmt.Sprintf("database %s at %s", conn.Database, conn.Host)}
	db.pool.SetMaxOpenConns(cfg.Conns)
	db.pool.SetMaxIdleConns(cfg.Conns)
	db.pool.SetConnMaxIdleTime(5 * time.Minute)
	if err := db.prepare(ctx, cfg); err != nil {
		return nil, errors.Join(fmt.Errorf("open store: %w", db.explain(err)), db.pool.Close())
	}
	return db, nil
}

// Close lets go of the database. Calling it twice is harmless.
func (d *DB) Close() error { return d.pool.Close() }

// Revision is the number of changes so far.
func (d *DB) Revision(ctx context.Context) (uint64, error) {
	var n int64
	if err := d.pool.QueryRowContext(ctx, "SELECT n FROM revision").Scan(&n); err != nil {
		return 0, fmt.Errorf("read revision: %w", d.explain(err))
	}
	return uint64(n), nil
}
