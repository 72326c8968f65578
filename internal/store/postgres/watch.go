package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// How long a broken connection for listening rests before it is made anew.
const watchAgain = time.Second

// Watch calls told whenever some node has changed the register, until ctx ends. It has a connection of its own and makes it anew when it
// breaks; whenever it has one, told is called once, since something may have been missed. What it misses all the same, whoever asks for the
// Revision from time to time finds.
func (d *DB) Watch(ctx context.Context, told func()) {
	for ctx.Err() == nil {
		_ = d.listen(ctx, told) // a broken connection is no news: whoever asks for the revision hears of it
		pause := time.NewTimer(watchAgain)
		select {
		case <-ctx.Done():
			pause.Stop()
		case <-pause.C:
		}
	}
}

func (d *DB) listen(ctx context.Context, told func()) error {
	conn, err := pgx.ConnectConfig(ctx, d.conn.Copy())
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if _, err := conn.Exec(ctx, "LISTEN "+channel); err != nil {
		return err
	}
	for {
		told()
		if _, err := conn.WaitForNotification(ctx); err != nil {
			return err
		}
	}
}
