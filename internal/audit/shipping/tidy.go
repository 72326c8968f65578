package shipping

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"countersign.dev/internal/audit/segment"
)

// settling is how long nothing is removed after the start: a machine whose clock is wrong sets it soon after it has booted.
const settling = 10 * time.Minute

// tidy removes what is old, once in a while. What fails is tried again.
func (c *Collector) tidy(ctx context.Context) error {
	if c.tidied.IsZero() {
		c.tidied = time.Now().Add(settling - tidyEvery)
	}
	if time.Since(c.tidied) < tidyEvery {
		return nil
	}
	c.tidied = time.Now()
	return c.Tidy(ctx)
}

// Tidy removes closed segments that were taken longer ago than Keep, here, and pieces that are older than DropAfter, in the depot. Round
// calls it by itself once an hour. It must not run beside a Round. The last segment of a record stays. Errors: the disk's, the depot's.
func (c *Collector) Tidy(ctx context.Context) error {
	var all []error
	if c.cfg.Keep > 0 {
		for _, a := range c.known {
			all = append(all, a.retire(c.cfg.Now().Add(-c.cfg.Keep)))
		}
	}
	if c.cfg.DropAfter > 0 {
		ctx, end := context.WithTimeout(ctx, 6*c.cfg.Patience)
		defer end()
		n, err := c.cfg.Depot.Drop(ctx, c.cfg.Now().Add(-c.cfg.DropAfter))
		if n > 0 {
			c.cfg.Log.Info("old pieces were dropped from the depot", "number", n)
		}
		all = append(all, err)
	}
	return errors.Join(all...)
}

// retire removes the segments that came before a moment, by the times of their files here: what a node says of times decides nothing.
func (a *arrival) retire(before time.Time) error {
	segments, err := segment.Segments(nil, a.dir)
	if err != nil {
		return err
	}
	for i, s := range segments {
		if i == len(segments)-1 {
			break
		}
		path := filepath.Join(a.dir, segment.Name(s.Number))
		info, err := os.Lstat(path)
		if errors.Is(err, fs.ErrNotExist) {
			path += ".gz"
			info, err = os.Lstat(path)
		}
		if err != nil {
			return err
		}
		if !info.ModTime().Before(before) {
			break
		}
		if err := os.Remove(path); err != nil {
			return fmt.Errorf("remove an old segment: %w", err)
		}
		a.c.cfg.Log.Info("an old segment of a collected record was removed", "node", a.state.Node, "record", a.state.Record, "segment", s.Number)
	}
	return nil
}
