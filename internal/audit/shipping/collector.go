package shipping

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"countersign.dev/internal/audit/checkpoint"
	"countersign.dev/internal/faultfile"
)

const (
	// MaxCollected bounds the records of other nodes that one collector takes.
	MaxCollected = 1000
	// turnPieces is how many pieces of one record are taken before the next record has its turn.
	turnPieces = 32
	// faultAgain is how long a record that did not verify is left alone before it is looked at again: the depot may have been mended.
	faultAgain = time.Minute
	// tidyEvery is how often what is old is removed.
	tidyEvery = time.Hour
)

// CollectorConfig makes a Collector. Required: Depot, Dir, Now, Log.
type CollectorConfig struct {
	Depot Depot
	Dir   string            // the root of what is collected, made with mode 0700; one that others can write into is refused
	Own   func(Stream) bool // what need not be taken, because it was written here; nil: everything is taken
	// Keys are the checkpoint keys of a node that somebody has confirmed; none: the first one that the node itself names counts, which is
	// logged, kept, and told in every Status. nil: there are none.
	Keys      func(node string) []checkpoint.Public
	KnownOnly bool             // nodes without a confirmed key are not taken
	Keep      time.Duration    // closed segments that were taken longer ago are removed; 0: never
	DropAfter time.Duration    // pieces that came to the depot longer ago are removed there; 0: never
	Opened    func(Collected)  // hears of each record once it has a line; called from Round; nil: nobody
	Now       func() time.Time // required
	Log       *slog.Logger     // hears of every fault once

	Patience time.Duration // bounds one call to the depot; 0: DefaultPatience
}

// Collector takes the records of other nodes out of a depot and makes ordinary record folders of what it has proven. One at a time may
// have a folder. Run one in the background; Close it after Run has returned. Its questions are safe for concurrent use.
type Collector struct {
	cfg  CollectorConfig
	lock io.Closer

	turn   sync.Mutex // one round at a time; guards the next ones
	known  map[Stream]*arrival
	tidied time.Time // of this process
	told   map[string]bool

	mu      sync.Mutex
	all     map[Stream]Status
	at      time.Time // of the last round that went through
	problem error
	left    []string // nodes that are not taken, and why
}

// OpenCollector takes the folder, and what was collected before. Errors: the disk's; one that wraps faultfile.ErrLocked where another
// process collects there.
func OpenCollector(cfg CollectorConfig) (*Collector, error) {
	if cfg.Depot == nil || cfg.Dir == "" || cfg.Now == nil || cfg.Log == nil {
		return nil, errors.New("a collector needs a depot, a folder, a clock and a log")
	}
	if cfg.Patience <= 0 {
		cfg.Patience = DefaultPatience
	}
	if err := faultfile.MakeFolder(faultfile.OS{}, cfg.Dir); err != nil {
		return nil, fmt.Errorf("open the folder of collected records: %w", err)
	}
	lock, err := faultfile.OS{}.Lock(filepath.Join(cfg.Dir, "lock"))
	if err != nil {
		return nil, fmt.Errorf("open the folder of collected records: %w", err)
	}
	c := &Collector{cfg: cfg, lock: lock, known: map[Stream]*arrival{}, all: map[Stream]Status{}, told: map[string]bool{}}
	before, err := ReadCollected(cfg.Dir)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open the folder of collected records: %w", err), lock.Close())
	}
	for _, one := range before {
		c.known[one.Stream()] = c.arrival(one)
	}
	return c, nil
}

// Close gives the folder back.
func (c *Collector) Close() error { return c.lock.Close() }

// Run collects at once, and whenever tick gives something, until ctx ends or tick is closed.
func (c *Collector) Run(ctx context.Context, tick <-chan time.Time) {
	for {
		_ = c.Round(ctx) // noted, logged, and tried again
		select {
		case <-ctx.Done():
			return
		case _, ok := <-tick:
			if !ok {
				return
			}
		}
	}
}

// Round takes everything that is there. The error is the depot's or the disk's: what does not verify is none, but stands in the Status
// of its record.
func (c *Collector) Round(ctx context.Context) error {
	c.turn.Lock()
	defer c.turn.Unlock()
	err := c.round(ctx)
	if err == nil {
		if fault := c.tidy(ctx); fault != nil && ctx.Err() == nil {
			c.cfg.Log.Warn("what is old of the records of other nodes cannot be removed", "cause", fault.Error())
		}
	}
	c.mu.Lock()
	before := c.problem
	if c.problem = err; err == nil {
		c.at = c.cfg.Now()
	}
	c.mu.Unlock()
	switch {
	case err != nil && ctx.Err() == nil && fmt.Sprint(before) != err.Error():
		c.cfg.Log.Error("the records of other nodes are not collected", "cause", err.Error())
	case err == nil && before != nil:
		c.cfg.Log.Info("the records of other nodes are collected again")
	}
	return err
}

func (c *Collector) round(ctx context.Context) error {
	for _, a := range c.known {
		c.publish(a) // also where the depot does not answer
	}
	streams, err := c.streams(ctx)
	if err != nil {
		return err
	}
	due, err := c.due(streams)
	for more := true; more && ctx.Err() == nil; {
		more = false
		for _, a := range due {
			taken, fault := a.take(ctx)
			if fault != nil && !errors.Is(fault, errLater) {
				err = errors.Join(err, fmt.Errorf("node %s: %w", a.state.Stream(), fault))
			}
			c.publish(a)
			more = more || taken && fault == nil
		}
	}
	return errors.Join(err, ctx.Err())
}

func (c *Collector) streams(ctx context.Context) ([]Stream, error) {
	ctx, end := context.WithTimeout(ctx, c.cfg.Patience)
	defer end()
	return c.cfg.Depot.Streams(ctx)
}

// due are the records to be taken. What is new gets its folder. A node of which there are only checkpoints has none yet.
func (c *Collector) due(streams []Stream) (due []*arrival, err error) {
	var left []string
	if len(streams) >= MaxStreams {
		left = append(left, fmt.Sprintf("the depot lists %d records and more: what comes behind these is not collected", MaxStreams))
	}
	for _, s := range streams {
		if s.Part != Lines || s.Check() != nil || c.cfg.Own != nil && c.cfg.Own(s) {
			continue
		}
		if c.cfg.KnownOnly && len(c.keys(s.Node)) == 0 {
			left = append(left, "node "+s.Node+" has no confirmed key, and is not collected")
			continue
		}
		a := c.known[s]
		if a == nil && len(c.known) >= MaxCollected {
			left = append(left, "node "+s.Node+" is not collected: there are too many records")
			continue
		}
		if a == nil {
			st := Status{Version: 1, Node: s.Node, Scope: s.Scope, Record: s.Record, Gaps: []Gap{}}
			a = c.arrival(collected(c.cfg.Dir, st))
			if fault := a.make(); fault != nil {
				err = errors.Join(err, fault)
				continue
			}
			c.cfg.Log.Info("the record of another node is collected", "node", s.Node, "scope", s.Scope, "record", s.Record)
			c.known[s] = a
		}
		due = append(due, a)
	}
	slices.SortFunc(due, func(a, b *arrival) int { return strings.Compare(a.folder, b.folder) })
	left = slices.Compact(slices.Sorted(slices.Values(left)))
	for _, text := range left {
		if !c.told[text] {
			c.told[text] = true
			c.cfg.Log.Warn(text)
		}
	}
	c.mu.Lock()
	c.left = left
	c.mu.Unlock()
	return due, err
}

func (c *Collector) keys(node string) []checkpoint.Public {
	if c.cfg.Keys == nil {
		return nil
	}
	return c.cfg.Keys(node)
}

// publish shows how it stands with a record.
func (c *Collector) publish(a *arrival) {
	st := a.state
	st.Gaps = slices.Clone(st.Gaps)
	st.Confirmed = a.confirmed(st.SealedBy)
	c.mu.Lock()
	c.all[st.Stream()] = st
	c.mu.Unlock()
	if !a.opened && st.Segment > 0 && c.cfg.Opened != nil {
		a.opened = true
		c.cfg.Opened(collected(c.cfg.Dir, st))
	}
}

// All says how it stands with every record of other nodes, by node, scope and record.
func (c *Collector) All() []Collected {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []Collected
	for _, st := range c.all {
		all = append(all, collected(c.cfg.Dir, st))
	}
	slices.SortFunc(all, func(a, b Collected) int { return strings.Compare(a.Dir, b.Dir) })
	return all
}

// At is when a round last went through, and why the last one did not; nil: it did.
func (c *Collector) At() (at time.Time, problem error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at, c.problem
}

// Trouble says what is wrong: the depot, and each record that does not verify, with node, segment and line; nil: nothing.
func (c *Collector) Trouble() error {
	at, err := c.At()
	if err != nil {
		err = fmt.Errorf("nothing is collected since %s: %w", orNever(at), err)
	}
	c.mu.Lock()
	left := slices.Clone(c.left)
	c.mu.Unlock()
	for _, one := range c.All() {
		if text := one.Trouble(); text != "" {
			left = append(left, text)
		}
	}
	if n := len(left); n > maxTold {
		left = append(left[:maxTold], fmt.Sprintf("and %d more", n-maxTold))
	}
	for _, text := range left {
		err = errors.Join(err, errors.New(text))
	}
	return err
}

// maxTold bounds how many troubles one answer names.
const maxTold = 10

func orNever(t time.Time) string {
	if t.IsZero() {
		return "the start"
	}
	return t.UTC().Format(timeLayout)
}
