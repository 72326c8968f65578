package engines

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"countersign.dev/internal/store"
	"countersign.dev/internal/store/postgres"
	"countersign.dev/internal/store/sqlite"
	"countersign.dev/internal/store/tables"
)

// Tx is one transaction of any engine.
type Tx = tables.Tx

// FileInfo is what is found in a file of the engine SQLite.
type FileInfo = sqlite.FileInfo

// Store is an open register of either engine. Implementations are safe for concurrent use. Whoever opened it closes it, once, after
// the last call has returned. Errors of every method wrap the sentinels of internal/store.
type Store interface {
	// View calls read with one consistent moment of the register. Nothing can be written in it.
	View(ctx context.Context, read func(*Tx) error) error
	// Update calls change with the only writing transaction there is, and returns nil only when all of it is durable.
	Update(ctx context.Context, change func(*Tx) error) error
	// Aside calls write with a transaction for what is no change of the register: nodes and leases. The end of ctx takes it back.
	Aside(ctx context.Context, write func(*Tx) error) error
	// Revision is the number of changes so far.
	Revision(ctx context.Context) (uint64, error)
	// Backup writes the register as it is at one moment to a new SQLite file, mode 0600, and verifies that file before it gets its
	// name. An existing file is never replaced: fs.ErrExist.
	Backup(ctx context.Context, path string) (FileInfo, error)
	// Watch calls told whenever another process may have changed the register, until ctx ends. An engine that cannot tell, SQLite,
	// waits for the end of ctx: whoever asks for the Revision from time to time finds what nobody told.
	Watch(ctx context.Context, told func())
	// Shared reports whether other machines may use the register.
	Shared() bool
	// Close lets go of it. Calling it twice is harmless.
	Close() error
}

// StoreConfig says which register is opened, and how. Place must be set.
type StoreConfig struct {
	Place Place
	// Create makes a register where there is none. false: that is store.ErrMissing.
	Create bool
	// Convert is asked before the tables of an older version are brought up to date; its error is OpenStore's, and nothing is changed
	// then. nil: they are.
	Convert func() error
	// Now is for the change row that the conversion of an older SQLite file writes; nil: time.Now.
	Now func() time.Time
	// Rand is for the id of a new record; nil: crypto/rand.
	Rand io.Reader
}

// OpenStore opens a register. Errors: store.ErrMissing where there is none and none shall be made, ErrURLFile, those of the engines.
func OpenStore(ctx context.Context, cfg StoreConfig) (Store, error) {
	if cfg.Rand == nil {
		cfg.Rand = rand.Reader
	}
	switch p := cfg.Place; {
	case (p.File == "") == (p.URLFile == ""):
		return nil, errors.New("open store: one of a file and a database must be named")
	case p.Shared():
		return openPostgres(ctx, cfg)
	}
	if _, err := os.Lstat(cfg.Place.File); errors.Is(err, fs.ErrNotExist) && !cfg.Create {
		return nil, fmt.Errorf("%w: %w", store.ErrMissing, err)
	}
	db, err := sqlite.Open(ctx, sqlite.Config{Path: cfg.Place.File, Convert: cfg.Convert, Now: cfg.Now})
	if err != nil {
		return nil, err
	}
	return file{db}, nil
}

func openPostgres(ctx context.Context, cfg StoreConfig) (Store, error) {
	url, err := readURL(cfg.Place.URLFile)
	if err != nil {
		return nil, err
	}
	db, err := postgres.Open(ctx, postgres.Config{URL: url, Conns: cfg.Place.Connections, Existing: !cfg.Create, Convert: cfg.Convert, Rand: cfg.Rand})
	if err != nil {
		return nil, err
	}
	return database{db}, nil
}

// file is a register in SQLite.
type file struct{ *sqlite.DB }

// Shared implements Store.
func (file) Shared() bool { return false }

// Watch implements Store.
func (file) Watch(ctx context.Context, _ func()) { <-ctx.Done() }

// database is a register in PostgreSQL.
type database struct{ *postgres.DB }

// Shared implements Store.
func (database) Shared() bool { return true }
