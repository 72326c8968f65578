package sqlite

import (
	"context"

	"countersign.dev/internal/store/tables"
)

// Exec runs a statement on the writing connection, past the rules of Tx.
func (d *DB) Exec(statement string) error {
	_, err := d.writer.ExecContext(context.Background(), statement)
	return err
}

// Ask reads one text from the writing connection.
func (d *DB) Ask(query string) (answer string, err error) {
	err = d.writer.QueryRowContext(context.Background(), query).Scan(&answer)
	return answer, err
}

// AskReader reads one text from a reading connection.
func (d *DB) AskReader(ctx context.Context, query string) (answer string, err error) {
	err = d.reader.QueryRowContext(ctx, query).Scan(&answer)
	return answer, err
}

// Plan says how the file is read for a query, one step a line.
func (d *DB) Plan(query string, args []any) (steps []string, err error) {
	rows, err := d.reader.Query("EXPLAIN QUERY PLAN "+query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var id, parent, unused int
		var step string
		if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
			return nil, err
		}
		steps = append(steps, step)
	}
	return steps, rows.Err()
}

// The queries of pages.
var (
	PartnerPageQuery    = tables.PartnerPageQuery
	CredentialPageQuery = tables.CredentialPageQuery
	ChangePageQuery     = tables.ChangePageQuery
)
