package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"countersign.dev/internal/store"
)

// DefaultSilence is how long the database may say nothing to a question unless Config says otherwise.
const DefaultSilence = 30 * time.Second

// dialPatience is how long the making of a connection may take.
const dialPatience = 5 * time.Second

// line is a connection for a transaction that writes; done gives it back. The waiting for one ends with ctx, and soon in any case: where the
// database is paused, every one that there is hangs, and whoever asks has to hear that. Those who write have half of the connections: there
// is one writer at a time anyway, and many who wait for that must not keep a revocation from being read here.
func (d *DB) line(ctx context.Context) (line *sql.Conn, done func(), err error) {
	waiting, cancel := context.WithTimeout(ctx, d.lock+dialPatience)
	defer cancel()
	select {
	case d.turn <- struct{}{}:
	case <-waiting.Done():
		return nil, nil, d.unheard(ctx, waiting.Err())
	}
	if line, err = d.pool.Conn(waiting); err != nil {
		<-d.turn
		return nil, nil, d.unheard(ctx, err)
	}
	return line, func() {
		_ = line.Close() // gives it back to the pool
		<-d.turn
	}, nil
}

// unheard is why there is no connection.
func (d *DB) unheard(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%s: %w; it has not answered for %s: %w", d.name, store.ErrUnreachable, d.lock+dialPatience, err)
	}
	return d.explain(err)
}

// impatiently makes connections that fail when the other side says nothing for so long: one that is paused, or gone without a word, would
// hold a transaction that must not be torn for as long as the system's own patience, which is minutes or none.
func impatiently(dial pgconn.DialFunc, silence time.Duration) pgconn.DialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(ctx, dialPatience)
		defer cancel()
		c, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &impatient{Conn: c, silence: silence}, nil
	}
}

// impatient is a connection each of whose reads and writes has an end. One that its user has set counts where it is earlier.
type impatient struct {
	net.Conn
	silence time.Duration

	mu          sync.Mutex
	read, write time.Time // that the user has set; zero: none
}

// Read implements net.Conn.
func (c *impatient) Read(p []byte) (int, error) {
	if err := c.until(&c.read, c.Conn.SetReadDeadline); err != nil {
		return 0, err
	}
	return c.Conn.Read(p)
}

// Write implements net.Conn.
func (c *impatient) Write(p []byte) (int, error) {
	if err := c.until(&c.write, c.Conn.SetWriteDeadline); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

// until sets the end of what comes next. The lock keeps it from undoing an end that the user sets in the same moment.
func (c *impatient) until(asked *time.Time, set func(time.Time) error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	end := time.Now().Add(c.silence)
	if !asked.IsZero() && asked.Before(end) {
		end = *asked
	}
	return set(end)
}

// SetDeadline implements net.Conn.
func (c *impatient) SetDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.read, c.write = t, t
	return c.Conn.SetDeadline(t)
}

// SetReadDeadline implements net.Conn.
func (c *impatient) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.read = t
	return c.Conn.SetReadDeadline(t)
}

// SetWriteDeadline implements net.Conn.
func (c *impatient) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.write = t
	return c.Conn.SetWriteDeadline(t)
}
