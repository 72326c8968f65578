package postgres

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"strings"
	"time"

	"countersign.dev/internal/audit/shipping"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// The tables have a number of their own, apart from the register's, and beside it stands the lowest one that a program may know to
// share them: a later version first only adds, so that programs of both versions ship to one database side by side.
const (
	schemaVersion = 1
	openLock      = 0x43535245434f // of the advisory lock under which tables and partitions are made and dropped
	daysAhead     = 7              // partitions that are made before their day
	aheadEvery    = time.Hour
	dayName       = "piece_20060102"
)

//go:embed schema.sql
var tables string

// prepare makes the tables where there are none, and refuses others.
func (d *Depot) prepare(ctx context.Context) error {
	err := pgx.BeginFunc(ctx, d.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", int64(openLock)); err != nil {
			return err
		}
		var there, ours bool
		if err := tx.QueryRow(ctx, `SELECT to_regnamespace('countersign_records') IS NOT NULL,
			to_regclass('countersign_records.version') IS NOT NULL`).Scan(&there, &ours); err != nil {
			return err
		}
		switch {
		case !there:
			_, err := tx.Exec(ctx, tables)
			return err
		case !ours:
			return fmt.Errorf("%w: the schema countersign_records is there, and holds no version", shipping.ErrForeign)
		}
		var version, least int
		if err := tx.QueryRow(ctx, "SELECT version, least FROM countersign_records.version").Scan(&version, &least); err != nil {
			return err
		}
		if least > schemaVersion {
			return fmt.Errorf("%w: a newer program brought it to version %d, which programs below %d cannot share; this one knows %d",
				shipping.ErrForeign, version, least, schemaVersion)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return d.makeAhead(ctx)
}

// makeAhead makes the partitions of today and the next days, by the database's clock, once in a while.
func (d *Depot) makeAhead(ctx context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.ahead.IsZero() && time.Since(d.ahead) < aheadEvery {
		return nil
	}
	err := pgx.BeginFunc(ctx, d.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", int64(openLock)); err != nil {
			return err
		}
		there, today, err := partitions(ctx, tx)
		if err != nil {
			return err
		}
		for i := range daysAhead + 1 {
			day := today.AddDate(0, 0, i)
			if _, ok := there[day.Format(dayName)]; ok {
				continue
			}
			if _, err := tx.Exec(ctx, fmt.Sprintf("CREATE TABLE countersign_records.%s PARTITION OF countersign_records.piece FOR VALUES FROM ('%s') TO ('%s')",
				day.Format(dayName), day.Format(time.DateOnly), day.AddDate(0, 0, 1).Format(time.DateOnly))); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		d.ahead = time.Now()
	}
	return err
}

// partitions are those that are there, by name, with their days; and today, by the database's clock.
func partitions(ctx context.Context, tx pgx.Tx) (there map[string]time.Time, today time.Time, err error) {
	if err := tx.QueryRow(ctx, "SELECT (now() AT TIME ZONE 'UTC')::date").Scan(&today); err != nil {
		return nil, today, err
	}
	rows, err := tx.Query(ctx, `SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
		WHERE i.inhparent = 'countersign_records.piece'::regclass`)
	if err != nil {
		return nil, today, err
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	there = map[string]time.Time{}
	for _, name := range names {
		if day, err := time.Parse(dayName, name); err == nil {
			there[name] = day
		}
	}
	return there, today, err
}

// Drop implements shipping.Depot: whole days, each in a moment. A stream that nobody has added to since then is forgotten, too.
func (d *Depot) Drop(ctx context.Context, before time.Time) (n int, err error) {
	err = pgx.BeginFunc(ctx, d.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", int64(openLock)); err != nil {
			return err
		}
		there, today, err := partitions(ctx, tx)
		if err != nil {
			return err
		}
		for name, day := range there {
			if day.AddDate(0, 0, 1).After(before) || !day.Before(today) {
				continue
			}
			if _, err := tx.Exec(ctx, "DROP TABLE countersign_records."+name); err != nil {
				return err
			}
			n++
		}
		_, err = tx.Exec(ctx, "DELETE FROM countersign_records.stream WHERE touched < $1 AND touched < now() - interval '1 day'", before)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("drop old pieces: %w", refined(err))
	}
	return n, nil
}

// refined says in words what an operator can do something about.
func refined(err error) error {
	var fault *pgconn.PgError
	if errors.As(err, &fault) && strings.HasPrefix(fault.Code, "42501") {
		return fmt.Errorf("%w: the database's user may not do that to the tables of the depot", err)
	}
	return err
}
