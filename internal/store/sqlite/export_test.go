package sqlite

import "context"

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
