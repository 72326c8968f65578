package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"strings"

	"github.com/pressly/goose/v3"

	"countersign.dev/internal/store"
)

//go:embed migrations/*.sql
var migrations embed.FS

//go:embed migrations/expand/nodes.sql
var nodesTables string // added to a file whose number stays as it is: older programs of the same number go on using it

const (
	applicationID = 0x4353474e // "CSGN" in the header of every register
	schemaVersion = 3          // the number of the newest migration; each one sets it as the file's user_version
)

// prepare finds out what the file is before it changes anything in it, then brings it up to date.
func (d *DB) prepare(ctx context.Context) error {
	fresh, version, err := d.identify(ctx)
	if err != nil {
		return err
	}
	if !fresh {
		if err := d.check(ctx); err != nil {
			return err
		}
	}
	if !fresh && version < schemaVersion && d.convert != nil {
		if err := d.convert(); err != nil {
			return err
		}
	}
	if fresh {
		if _, err := d.writer.ExecContext(ctx, fmt.Sprintf("PRAGMA application_id = %d", applicationID)); err != nil {
			return err
		}
	}
	var mode string
	if err := d.writer.QueryRowContext(ctx, "PRAGMA journal_mode = WAL").Scan(&mode); err != nil {
		return err
	}
	if mode != "wal" {
		return fmt.Errorf("%w: %s cannot have a write-ahead log (%s); is it on a network share?", store.ErrReadOnly, d.path, mode)
	}
	if version < schemaVersion {
		if err := d.migrate(ctx); err != nil {
			return err
		}
		if _, version, err = d.identify(ctx); err == nil && version != schemaVersion {
			err = fmt.Errorf("%w: %s calls itself version %d and has other tables; restore a backup", store.ErrForeign, d.path, version)
		}
		if err != nil {
			return err
		}
	}
	if _, err := d.writer.ExecContext(ctx, nodesTables); err != nil {
		return fmt.Errorf("add the tables of nodes: %w", err)
	}
	return d.checkTriggers(ctx)
}

// checkTriggers refuses a file with a trigger or view that is not the register's own, or without one that is: a planted one
// would change rows in the transactions of honest changes, whose digests would vouch for it.
func (d *DB) checkTriggers(ctx context.Context) error {
	const own = 3
	rows, err := d.writer.QueryContext(ctx, "SELECT name, ifnull(sql, '') FROM sqlite_schema WHERE type IN ('trigger', 'view')")
	if err != nil {
		return err
	}
	defer rows.Close()
	found := 0
	for ; rows.Next(); found++ {
		var name, text string
		if err := rows.Scan(&name, &text); err != nil {
			return err
		}
		if text == "" || !strings.Contains(chainTriggers, "\n"+text+";\n") {
			return fmt.Errorf("%w: %s has %q, which is not the register's own; restore a backup", store.ErrCorrupt, d.path, name)
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	if found != own {
		return fmt.Errorf("%w: %s has %d of the %d triggers that guard the record; restore a backup", store.ErrCorrupt, d.path, found, own)
	}
	return nil
}

// identify reports whether the file is new, and refuses one that is another program's or a newer version's.
func (d *DB) identify(ctx context.Context) (fresh bool, version int, err error) {
	var application, objects int
	row := d.writer.QueryRowContext(ctx, `SELECT (SELECT application_id FROM pragma_application_id),
		(SELECT user_version FROM pragma_user_version), (SELECT count(*) FROM sqlite_schema)`)
	if err := row.Scan(&application, &version, &objects); err != nil {
		return false, 0, err
	}
	switch {
	case application == 0 && version == 0 && objects == 0:
		return true, 0, nil
	case application != applicationID:
		return false, 0, fmt.Errorf("%w: %s belongs to another program (application id %#x); choose another file",
			store.ErrForeign, d.path, uint32(application))
	case version > schemaVersion:
		return false, 0, fmt.Errorf("%w: %s was written by a newer version (tables %d, this one knows %d); use that version",
			store.ErrForeign, d.path, version, schemaVersion)
	}
	return false, version, nil
}

// check reads the whole file (security rule 28: a store that is not sound is not used).
func (d *DB) check(ctx context.Context) error {
	var first string
	if err := d.writer.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&first); err != nil {
		return err
	}
	if first != "ok" {
		return fmt.Errorf("%w: %s: %s; keep a copy of it and restore a backup", store.ErrCorrupt, d.path, first)
	}
	return nil
}

func (d *DB) migrate(ctx context.Context) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, d.writer, files, goose.WithDisableGlobalRegistry(true),
		goose.WithGoMigrations(goose.NewGoMigration(2, &goose.GoFunc{RunTx: func(ctx context.Context, tx *sql.Tx) error {
			return chain(ctx, tx, d.now())
		}}, nil)))
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("migrate %s: %w", d.path, err)
	}
	return nil
}
