// Package postgres keeps the pieces of many nodes' records in a PostgreSQL database: tables in a schema of their own, apart from any
// register's, in partitions of one day each, which are made ahead and dropped whole when they are old.
//
// It refuses a schema of another program or of a version that cannot share it, and to put a piece in the place of another. It believes
// nothing that it reads: a row that is not the piece of its place is an error that names it. The attack it answers is the node that would
// write its history anew; whoever may write into the database itself is answered where pieces arrive.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"time"

	"countersign.dev/internal/audit/shipping"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// DefaultConns is how many connections a depot has at most, unless Config says otherwise.
const DefaultConns = 2

// Config says where the depot is.
type Config struct {
	URL   string // postgres://USER@HOST:PORT/DATABASE?sslmode=verify-full…; required
	Conns int    // at most; 0: DefaultConns; at most 100
}

// Depot is an open depot. Safe for concurrent use; close it once.
type Depot struct {
	pool *pgxpool.Pool

	mu    sync.Mutex
	ahead time.Time // when partitions were last made ahead, by the clock of this process
}

var _ shipping.Depot = (*Depot)(nil)

// Open connects, and makes the tables where there are none. Several nodes may open one database at once. Errors: shipping.ErrForeign,
// the database's, that of ctx.
func Open(ctx context.Context, cfg Config) (*Depot, error) {
	if cfg.Conns < 0 || cfg.Conns > 100 {
		return nil, errors.New("open the depot: 1 to 100 connections")
	}
	set, err := pgxpool.ParseConfig(cfg.URL)
	if err != nil {
		return nil, errors.New("open the depot: the URL is not one of a PostgreSQL database") // pgx's words can hold the password
	}
	set.MaxConns, set.MinConns = DefaultConns, 0
	if cfg.Conns > 0 {
		set.MaxConns = int32(cfg.Conns)
	}
	set.ConnConfig.RuntimeParams["application_name"] = "countersign records"
	set.ConnConfig.RuntimeParams["lock_timeout"] = "5000"
	set.ConnConfig.RuntimeParams["timezone"] = "UTC"
	pool, err := pgxpool.NewWithConfig(ctx, set)
	if err != nil {
		return nil, fmt.Errorf("open the depot: %w", err)
	}
	d := &Depot{pool: pool}
	if err := d.prepare(ctx); err != nil {
		pool.Close()
		return nil, fmt.Errorf("open the depot: %w", err)
	}
	return d, nil
}

// Close implements shipping.Depot.
func (d *Depot) Close() error {
	d.pool.Close()
	return nil
}

// Put implements shipping.Depot. Pieces of one stream are put one after another over all machines: whoever puts one holds the row of
// its stream.
func (d *Depot) Put(ctx context.Context, p *shipping.Piece) error {
	text, err := p.Encode()
	if err != nil {
		return err
	}
	if err := d.makeAhead(ctx); err != nil {
		return fmt.Errorf("make partitions of the depot: %w", err)
	}
	err = pgx.BeginFunc(ctx, d.pool, func(tx pgx.Tx) error { return put(ctx, tx, p, text) })
	if err != nil && !errors.Is(err, shipping.ErrContradiction) {
		err = fmt.Errorf("put a piece: %w", err)
	}
	return err
}

func put(ctx context.Context, tx pgx.Tx, p *shipping.Piece, text []byte) error {
	s := p.Stream
	if _, err := tx.Exec(ctx, `INSERT INTO countersign_records.stream (node, scope, record, part, segment, place, head, touched)
		VALUES ($1, $2, $3, $4, 0, -1, '', now()) ON CONFLICT DO NOTHING`, s.Node, s.Scope, s.Record, string(s.Part)); err != nil {
		return err
	}
	var last shipping.Place
	var number int64
	if err := tx.QueryRow(ctx, `SELECT segment, place FROM countersign_records.stream
		WHERE node = $1 AND scope = $2 AND record = $3 AND part = $4 FOR UPDATE`, s.Node, s.Scope, s.Record, string(s.Part)).Scan(&number, &last.Offset); err != nil {
		return err
	}
	last.Segment = uint64(number)
	if !last.Less(p.Place) {
		there, err := encoded(ctx, tx, s, p.Place)
		if !errors.Is(err, fs.ErrNotExist) {
			return compare(p, there, err)
		}
	}
	if _, err := tx.Exec(ctx, `INSERT INTO countersign_records.piece (day, node, scope, record, part, segment, place, encoded)
		VALUES ((now() AT TIME ZONE 'UTC')::date, $1, $2, $3, $4, $5, $6, $7)`,
		s.Node, s.Scope, s.Record, string(s.Part), int64(p.Segment), p.Offset, text); err != nil {
		return err
	}
	if !last.Less(p.Place) {
		return nil
	}
	_, err := tx.Exec(ctx, `UPDATE countersign_records.stream SET segment = $5, place = $6, head = $7, touched = now()
		WHERE node = $1 AND scope = $2 AND record = $3 AND part = $4`,
		s.Node, s.Scope, s.Record, string(s.Part), int64(p.Segment), p.Offset, p.HeadText())
	return err
}

// compare says whether what is there is the piece that was brought.
func compare(p *shipping.Piece, there []byte, err error) error {
	if err != nil {
		return err
	}
	h, _, err := shipping.ParseHead(there)
	if err != nil || !h.Same(&p.Head) {
		return fmt.Errorf("%w: segment %d, byte %d of %s", shipping.ErrContradiction, p.Segment, p.Offset, p.Stream)
	}
	return nil
}

// querier is what reads: the pool, or a transaction.
type querier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// encoded reads the row of a place, and no more of it than a piece can have.
func encoded(ctx context.Context, q querier, s shipping.Stream, at shipping.Place) (text []byte, err error) {
	err = q.QueryRow(ctx, `SELECT substring(encoded FROM 1 FOR $7) FROM countersign_records.piece
		WHERE node = $1 AND scope = $2 AND record = $3 AND part = $4 AND segment = $5 AND place = $6 ORDER BY day LIMIT 1`,
		s.Node, s.Scope, s.Record, string(s.Part), int64(at.Segment), at.Offset, shipping.MaxEncoded+1).Scan(&text)
	if errors.Is(err, pgx.ErrNoRows) {
		err = fmt.Errorf("segment %d, byte %d of %s: %w", at.Segment, at.Offset, s, fs.ErrNotExist)
	}
	return text, err
}

// Get implements shipping.Depot.
func (d *Depot) Get(ctx context.Context, s shipping.Stream, at shipping.Place) (*shipping.Piece, error) {
	text, err := encoded(ctx, d.pool, s, at)
	if err != nil {
		return nil, fmt.Errorf("get a piece: %w", err)
	}
	return shipping.ParseAt(text, s, at)
}

// List implements shipping.Depot.
func (d *Depot) List(ctx context.Context, s shipping.Stream, from shipping.Place, limit int) ([]shipping.Place, error) {
	rows, err := d.pool.Query(ctx, `SELECT segment, place FROM countersign_records.piece
		WHERE node = $1 AND scope = $2 AND record = $3 AND part = $4 AND (segment, place) >= ($5, $6) ORDER BY segment, place LIMIT $7`,
		s.Node, s.Scope, s.Record, string(s.Part), int64(from.Segment), from.Offset, min(max(limit, 1), 1000))
	if err != nil {
		return nil, fmt.Errorf("list pieces: %w", err)
	}
	places, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (at shipping.Place, err error) {
		var number int64
		err = row.Scan(&number, &at.Offset)
		at.Segment = uint64(number)
		return at, err
	})
	if err != nil {
		return nil, fmt.Errorf("list pieces: %w", err)
	}
	return places, nil
}

// Last implements shipping.Depot.
func (d *Depot) Last(ctx context.Context, s shipping.Stream) (h shipping.Head, ok bool, err error) {
	var text string
	err = d.pool.QueryRow(ctx, `SELECT left(head, 4096) FROM countersign_records.stream WHERE node = $1 AND scope = $2 AND record = $3 AND part = $4`,
		s.Node, s.Scope, s.Record, string(s.Part)).Scan(&text)
	switch {
	case errors.Is(err, pgx.ErrNoRows) || err == nil && text == "":
		return h, false, nil
	case err != nil:
		return h, false, fmt.Errorf("ask for the last piece: %w", err)
	}
	h, _, err = shipping.ParseHead([]byte(text))
	if err == nil && h.Stream != s {
		err = fmt.Errorf("%w: the last piece of %s is one of another stream", shipping.ErrMalformed, s)
	}
	return h, err == nil, err
}

// Streams implements shipping.Depot.
func (d *Depot) Streams(ctx context.Context) ([]shipping.Stream, error) {
	rows, err := d.pool.Query(ctx, `SELECT left(node, 100), left(scope, 1100), left(record, 40), left(part, 10)
		FROM countersign_records.stream ORDER BY node, scope, record, part LIMIT $1`, shipping.MaxStreams)
	if err != nil {
		return nil, fmt.Errorf("list streams: %w", err)
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (s shipping.Stream, err error) {
		err = row.Scan(&s.Node, &s.Scope, &s.Record, &s.Part)
		return s, err
	})
	if err != nil {
		return nil, fmt.Errorf("list streams: %w", err)
	}
	var good []shipping.Stream
	for _, s := range all {
		if s.Check() == nil {
			good = append(good, s)
		}
	}
	return good, nil
}
