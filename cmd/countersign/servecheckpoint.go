package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"sync/atomic"
	"time"

	"countersign.dev/internal/audit/checkpoint"
	"countersign.dev/internal/audit/segment"
)

// checkpoints anchors both records in another place, from time to time and at the end. A record that contradicts its last
// checkpoint was rolled back or replaced: that is told, loudly and in /readyz, and nothing more is signed for it; requests are
// served on, because whoever can roll a record back must not gain a way to stop the server.
type checkpoints struct {
	s     *server
	books []anchored

	mu      sync.Mutex // one round at a time
	failing atomic.Pointer[error]
	signed  atomic.Int64 // Unix seconds of the last round without a failure
}

// anchored is one record and its book.
type anchored struct {
	book *checkpoint.Book
	head func() (checkpoint.Anchor, error)
}

// openCheckpoints opens the books that the configuration names, and asks the records whether they still say what was signed.
func (s *server) openCheckpoints(ctx context.Context) error {
	cfg := s.cfg.Records.Checkpoints
	if cfg == nil {
		return nil
	}
	c := &checkpoints{s: s}
	signer, err := checkpoint.LoadKey(nil, cfg.KeyFile)
	if err != nil {
		return err
	}
	changes, err := c.open(cfg.Dir, checkpoint.Changes, signer, c.changesHead, func(seq uint64) ([32]byte, error) { return s.changeAt(ctx, seq) })
	if err != nil {
		return err
	}
	record := s.recordConfig().Dir
	decisions, err := c.open(s.decisionBook(cfg.Dir), checkpoint.Decisions, signer, c.decisionsHead,
		func(seq uint64) ([32]byte, error) { return segment.ChainAt(nil, record, seq) })
	if err != nil {
		return err
	}
	c.books = []anchored{changes, decisions}
	s.checkpoints = c
	s.expect("checkpoints", false, c.trouble)
	if err := s.openCouriers(cfg); err != nil {
		return err
	}
	return s.metrics.Gauge("countersign_checkpoint_seconds", "Unix time of the last round in which both records were anchored; 0: none since the start.",
		func() float64 { return float64(c.signed.Load()) })
}

func (c *checkpoints) open(dir, record string, signer *checkpoint.Signer, head func() (checkpoint.Anchor, error), lookup func(uint64) ([32]byte, error)) (anchored, error) {
	book, err := checkpoint.OpenBook(checkpoint.BookConfig{Dir: dir, Record: record, Signer: signer, Log: c.s.log})
	if err != nil {
		return anchored{}, fmt.Errorf("open the checkpoints of %s: %w", record, err)
	}
	if err := book.Confirm(lookup); err != nil {
		c.fail(fmt.Errorf("%s: %w", record, err))
		head = func() (checkpoint.Anchor, error) { return checkpoint.Anchor{}, err } // it may have grown beyond what was signed: nothing is signed for it
	}
	return anchored{book, head}, nil
}

// changesHead is the end of the state-change record.
func (c *checkpoints) changesHead() (checkpoint.Anchor, error) {
	head, err := c.s.register.Head(context.Background())
	return checkpoint.Anchor{Record: checkpoint.Changes, ID: head.Record, Seq: head.Seq, Hash: head.Hash, At: c.s.now().UTC()}, err
}

// decisionsHead is the end of what is durable of the decision record.
func (c *checkpoints) decisionsHead() (checkpoint.Anchor, error) {
	return c.s.records.writer.Head(), nil
}

// changeAt is the hash of one change.
func (s *server) changeAt(ctx context.Context, seq uint64) (hash [32]byte, err error) {
	changes, err := s.register.Changes(ctx, seq-1, 1)
	if err != nil {
		return hash, err
	}
	if len(changes) == 0 || changes[0].Seq != seq {
		return hash, fmt.Errorf("change %d: %w", seq, fs.ErrNotExist)
	}
	return changes[0].Hash, nil
}

// run anchors both records now and at every tick.
func (c *checkpoints) run(ctx context.Context, tick <-chan time.Time) {
	c.round()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick:
			c.round()
		}
	}
}

// round anchors both records, and each of them whatever becomes of the other.
func (c *checkpoints) round() {
	c.mu.Lock()
	defer c.mu.Unlock()
	var failures []error
	for _, one := range c.books {
		if err := one.anchor(); err != nil {
			failures = append(failures, err)
		}
	}
	if err := errors.Join(failures...); err != nil {
		c.fail(err)
		return
	}
	if c.failing.Swap(nil) != nil {
		c.s.log.Info("checkpoints are signed again")
	}
	c.signed.Store(c.s.now().Unix())
}

// anchor signs the record's end. A record without an entry, as a new register has, is nothing that could be vouched for; one that
// has become empty contradicts its book.
func (one anchored) anchor() error {
	if a, err := one.head(); err == nil && a.Seq == 0 {
		if _, signed, err := one.book.Last(); err != nil || !signed {
			return err
		}
	}
	return one.book.Add(one.head)
}

// fail keeps a failure and logs each new one once.
func (c *checkpoints) fail(err error) {
	if before := c.failing.Swap(&err); before == nil || (*before).Error() != err.Error() {
		c.s.log.Error("the records are not anchored", "cause", err.Error(), "contradiction", errors.Is(err, checkpoint.ErrContradiction))
	}
}

func (c *checkpoints) trouble() error {
	if p := c.failing.Load(); p != nil {
		return *p
	}
	return nil
}

// Close anchors what there is at the end. It is closed after the decision record and before the register.
func (c *checkpoints) Close() error {
	c.round()
	c.s.couriers.last()
	return nil
}

// lastCheckpoint is closed like checkpoints, if there are any.
type lastCheckpoint struct{ s *server }

// Close implements io.Closer.
func (l lastCheckpoint) Close() error {
	if l.s.checkpoints == nil {
		return nil
	}
	return l.s.checkpoints.Close()
}
