package postgres

import (
	"context"
	"database/sql"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/store"
)

// The tables have a number, and beside it stands the lowest one that a program may know to share them. A new version of the program first
// only adds (expand): then both numbers differ, and programs of both versions run side by side on one database. What the older one needs
// is taken away by a later version, when the lowest number has been raised (contract).
const (
	schemaVersion = 2              // of the tables that this program makes and needs
	openLock      = 0x43534f50454e // of the advisory lock under which tables are made
)

//go:embed schema/1.sql
var tablesOf1 string

//go:embed schema/2.sql
var addedBy2 string

// added is what each version adds to the one before it, from version 2 on. Programs of the version before go on beside it.
var added = []string{addedBy2}

//go:embed schema/guard.sql
var guardBody string

//go:embed schema/triggers.sql
var guardTriggers string

// prepare finds out what the database is before it changes anything in it, then brings it up to date.
func (d *DB) prepare(ctx context.Context, cfg Config) error {
	tx, err := d.pool.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // does nothing after a commit
	if _, err := tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock($1)", int64(openLock)); err != nil {
		return err
	}
	version, err := d.identify(ctx, tx)
	if err != nil {
		return err
	}
	if version == 0 && cfg.Existing {
		return fmt.Errorf("%w in %s", store.ErrMissing, d.name)
	}
	if version > 0 && version < schemaVersion && cfg.Convert != nil {
		if err := cfg.Convert(); err != nil {
			return err
		}
	}
	if version == 0 {
		if err := makeTables(ctx, tx, cfg.Rand); err != nil {
			return err
		}
		version = 1
	}
	if err := expand(ctx, tx, version); err != nil {
		return err
	}
	if err := d.checkGuards(ctx, tx); err != nil {
		return err
	}
	return tx.Commit()
}

// identify is the number of the tables; 0 in an empty database. It refuses another program's and those that this one cannot share.
func (d *DB) identify(ctx context.Context, tx *sql.Tx) (version int, err error) {
	var tables, ours int
	err = tx.QueryRowContext(ctx, `SELECT count(*), count(*) FILTER (WHERE table_name = 'countersign_schema')
		FROM information_schema.tables WHERE table_schema = current_schema()`).Scan(&tables, &ours)
	switch {
	case err != nil:
		return 0, err
	case tables == 0:
		return 0, nil
	case ours == 0:
		return 0, fmt.Errorf("%w: %s has tables of another program; give Countersign a database or a schema of its own", store.ErrForeign, d.name)
	}
	var least int
	if err := tx.QueryRowContext(ctx, "SELECT version, least FROM countersign_schema").Scan(&version, &least); err != nil {
		return 0, err
	}
	if least > schemaVersion {
		return 0, fmt.Errorf("%w: %s was brought to version %d by a newer program, which programs below %d cannot share; this one knows %d; use a newer one",
			store.ErrForeign, d.name, version, least, schemaVersion)
	}
	return version, nil
}

// makeTables makes an empty register with the id of its record.
func makeTables(ctx context.Context, tx *sql.Tx, random io.Reader) error {
	var id [16]byte
	if _, err := io.ReadFull(random, id[:]); err != nil {
		return fmt.Errorf("draw the id of the record: %w", err)
	}
	record := hex.EncodeToString(id[:])
	genesis := audit.Genesis(record)
	for _, statement := range []string{tablesOf1, "CREATE FUNCTION change_guard() RETURNS trigger LANGUAGE plpgsql AS $guard$" + guardBody + "$guard$",
		"CREATE TABLE countersign_schema (version INTEGER NOT NULL, least INTEGER NOT NULL)", "INSERT INTO countersign_schema VALUES (1, 1)"} {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("make tables: %w", err)
		}
	}
	if _, err := tx.ExecContext(ctx, "INSERT INTO revision (one, n, record, hash) VALUES (1, 0, $1, $2)", record, genesis[:]); err != nil {
		return fmt.Errorf("make tables: %w", err)
	}
	_, err := tx.ExecContext(ctx, guardTriggers)
	return err
}

// expand adds what tables of a version lack. It takes nothing away and locks no table that is there, so that nodes of the older version
// serve and write meanwhile and afterwards; the lowest version that may share the tables stays what it is.
func expand(ctx context.Context, tx *sql.Tx, version int) error {
	for ; version < schemaVersion; version++ {
		if _, err := tx.ExecContext(ctx, added[version-1]); err != nil {
			return fmt.Errorf("add what version %d of the tables has: %w", version+1, err)
		}
		if _, err := tx.ExecContext(ctx, "UPDATE countersign_schema SET version = $1", version+1); err != nil {
			return fmt.Errorf("add what version %d of the tables has: %w", version+1, err)
		}
	}
	return nil
}

// checkGuards refuses a register with a trigger or rule that is not its own, or without one that is: a planted one would change rows in the
// transactions of honest changes, whose digests would vouch for it.
func (d *DB) checkGuards(ctx context.Context, tx *sql.Tx) error {
	var body string
	err := tx.QueryRowContext(ctx, `SELECT prosrc FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
		WHERE proname = 'change_guard' AND nspname = current_schema()`).Scan(&body)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	if body != guardBody {
		return fmt.Errorf("%w: %s has another change_guard than the register's own; restore a backup", store.ErrCorrupt, d.name)
	}
	var role string
	if err := tx.QueryRowContext(ctx, "SELECT current_setting('session_replication_role')").Scan(&role); err != nil {
		return err
	}
	if role != "origin" {
		return fmt.Errorf("%w: %s has session_replication_role %s for this user, under which no guard is in force; set it to origin", store.ErrCorrupt, d.name, role)
	}
	names, err := d.guards(ctx, tx)
	if err != nil {
		return err
	}
	if want := []string{"change_is_final", "change_is_next", "change_stays"}; !slices.Equal(names, want) {
		return fmt.Errorf("%w: %s has the triggers and rules %s; the register has %s; restore a backup", store.ErrCorrupt, d.name,
			strings.Join(names, ", "), strings.Join(want, ", "))
	}
	return nil
}

// guards are the names of all triggers and rules in force on the tables of the register, those that were switched off left out. A trigger
// of ours is called by its name alone where it is on its table, calls our function, and does so always when it should.
func (d *DB) guards(ctx context.Context, tx *sql.Tx) (names []string, err error) {
	rows, err := tx.QueryContext(ctx, `SELECT t.tgname || CASE WHEN c.relname = 'change' AND p.proname = 'change_guard' AND p.prosrc = $1 AND p.pronamespace = n.oid
				AND t.tgqual IS NULL AND t.tgattr = ''::int2vector AND (t.tgname, t.tgtype) IN (('change_is_next', 7), ('change_is_final', 27), ('change_stays', 34))
				THEN '' ELSE ' of ' || c.relname END
			FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_proc p ON p.oid = t.tgfoid
			WHERE n.nspname = current_schema() AND NOT t.tgisinternal AND t.tgenabled IN ('O', 'A')
		UNION ALL SELECT r.rulename FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class JOIN pg_namespace n ON n.oid = c.relnamespace
			WHERE n.nspname = current_schema() AND r.rulename <> '_RETURN'
		ORDER BY 1`, guardBody) // tgtype: the events and the moment, as bits (PostgreSQL, pg_trigger.h)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, rows.Err()
}
