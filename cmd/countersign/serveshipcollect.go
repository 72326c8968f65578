package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"countersign.dev/internal/audit/checkpoint"
	"countersign.dev/internal/audit/inspect"
	"countersign.dev/internal/audit/rollup"
	"countersign.dev/internal/audit/search"
	"countersign.dev/internal/audit/segment"
	"countersign.dev/internal/audit/shipping"
	"countersign.dev/internal/faultfile"
	"countersign.dev/internal/whatif"
)

// collectLate is how long nothing may have come from the depot before uses at other nodes are no longer known here.
const collectLate = 5 * time.Minute

// collecting is the collector of a server, and the records that it has made, as they are searched and counted.
type collecting struct {
	*shipping.Collector
	a *assembly

	mu     sync.Mutex
	opened []*besideRecord
}

var _ whatif.Others = (*collecting)(nil)

// openCollecting opens the collector, where people look: on the server that has the operators' plane.
func (s *server) openCollecting(depot shipping.Depot, node string) error {
	cfg := &s.cfg.Records.Collect
	if cfg.Off || s.planeOf(s.cfg) == nil {
		return nil
	}
	keys := map[string][]checkpoint.Public{}
	for _, one := range cfg.Keys {
		for _, file := range one.Files {
			key, err := checkpoint.LoadPublic(nil, file)
			if err != nil {
				return fmt.Errorf("read the key of node %s: %w", one.Node, err)
			}
			keys[one.Node] = append(keys[one.Node], key)
		}
	}
	c := &collecting{a: s.assembly}
	var err error
	c.Collector, err = shipping.OpenCollector(shipping.CollectorConfig{
		Depot: depot, Dir: cfg.Dir, Own: func(one shipping.Stream) bool { return one.Node == node && s.wroteHere(one.Record) },
		Keys: func(name string) []checkpoint.Public { return keys[name] }, KnownOnly: cfg.KnownOnly, Keep: cfg.Keep, DropAfter: s.cfg.Records.Ship.Keep,
		Opened: func(one shipping.Collected) { c.take(one, s.cfg.Records.Rollups.Keep) }, Now: s.now, Log: s.log,
	})
	if errors.Is(err, faultfile.ErrLocked) {
		return hinted{err, "another server collects there; give this one records.collect.dir of its own, or records.collect.off: true"}
	}
	if err != nil {
		return err
	}
	s.shipments.collector, s.nodeRecords = c, c
	s.expect("records_collected", false, c.Trouble)
	return c.publish()
}

// wroteHere reports whether a record is one of this data folder.
func (s *server) wroteHere(record string) bool {
	there, err := place{config: s.cfg, data: s.dir}.records()
	if err != nil {
		return true // nothing is taken twice because a folder could not be listed
	}
	there = append(there, recordPlace{dir: s.recordConfig().Dir})
	return slices.ContainsFunc(there, func(one recordPlace) bool { return recordID(one.dir) == record })
}

// recordID is the id of the record in a folder, as its first segment says it; empty: it has none.
func recordID(dir string) string {
	segments, err := segment.Segments(nil, dir)
	if err != nil || len(segments) == 0 {
		return ""
	}
	r, err := segment.NewReader(segment.ReaderConfig{Dir: dir})
	if err != nil {
		return ""
	}
	defer r.Close()
	line, err := r.Next()
	if err != nil {
		return ""
	}
	h, err := segment.ParseHeader(line.Text)
	if err != nil {
		return ""
	}
	return h.Record
}

// take makes a collected record one that is indexed, counted and asked.
func (c *collecting) take(one shipping.Collected, keep time.Duration) {
	what := " of " + one.Stream().String()
	c.a.keepDerived("rollups"+what, rollupEvery, func() (following, error) {
		counts, err := rollup.Open(rollup.Config{Dir: one.Counts, Keep: keep, Now: c.a.now, Log: c.a.log})
		if err != nil {
			return nil, fmt.Errorf("open the per-minute counts: %w", err)
		}
		return func(ctx context.Context, tick <-chan time.Time) error {
			return errors.Join(counts.Follow(ctx, one.Dir, tick), counts.Close())
		}, nil
	})
	c.a.keepDerived("index"+what, indexEvery, func() (following, error) {
		index, err := search.Open(search.Config{Dir: one.Dir, Log: c.a.log})
		if err != nil {
			return nil, fmt.Errorf("open the index of a collected record: %w", err)
		}
		return func(ctx context.Context, tick <-chan time.Time) error {
			index.Maintain(ctx, tick)
			return nil
		}, nil
	})
	c.mu.Lock()
	defer c.mu.Unlock()
	c.opened = append(c.opened, &besideRecord{dir: one.Dir, node: one.Node, rollups: one.Counts, log: c.a.log})
}

// beside are the records of other nodes that can be asked now.
func (c *collecting) beside() []*besideRecord {
	if c == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.opened)
}

// collected is how it stands with the records of other nodes.
func (c *collecting) collected() []shipping.Collected {
	if c == nil {
		return nil
	}
	return c.All()
}

// Records implements whatif.Others.
func (c *collecting) Records() (all []whatif.Records) {
	for _, one := range c.beside() {
		all = append(all, one)
	}
	return all
}

// Rollups implements whatif.Others.
func (c *collecting) Rollups() (all []string) {
	for _, one := range c.beside() {
		all = append(all, one.rollups)
	}
	return all
}

// Faults implements whatif.Others.
func (c *collecting) Faults() (all []string) {
	if c == nil {
		return nil
	}
	at, err := c.At()
	if err != nil && c.a.now().Sub(at) > collectLate {
		all = append(all, "the records of other nodes are not collected: "+err.Error())
	}
	for _, one := range c.All() {
		if one.Fault != nil {
			all = append(all, one.Trouble())
		}
	}
	return all
}

// publish publishes how far the collector is. A node is a label: there are at most shipping.MaxCollected records.
func (c *collecting) publish() error {
	each := func(value func(one *shipping.Collected) float64) func(yield func(string, float64)) {
		return func(yield func(string, float64)) {
			sums := map[string]float64{}
			for _, one := range c.All() {
				sums[one.Node] += value(&one)
			}
			for node, sum := range sums {
				yield(node, sum)
			}
		}
	}
	began := c.a.now()
	return errors.Join(
		c.a.metrics.Gauges("countersign_collect_verified_lines", "Number of the last line of a node's decision record that was taken and verified here.", "node",
			each(func(one *shipping.Collected) float64 { return float64(one.Verified) })),
		c.a.metrics.Gauges("countersign_collect_faults", "Records of a node that do not verify; /readyz names segment and line.", "node", each(func(one *shipping.Collected) float64 {
			if one.Trouble() != "" {
				return 1
			}
			return 0
		})),
		c.a.metrics.Gauge("countersign_collect_age_seconds", "Seconds since a round went through in which everything was taken from the depot; none yet: since the start.", func() float64 {
			at, _ := c.At()
			if at.IsZero() {
				at = began // a depot that was away all the time is no young one
			}
			return max(0, c.a.now().Sub(at).Seconds())
		}),
	)
}

// nodeRecords are the records of this data folder and those of other nodes, as pages list them.
type nodeRecords struct {
	*inspect.Inspector
	others *collecting
}

// Records implements admin.Records.
func (n nodeRecords) Records(ctx context.Context) []inspect.Status {
	all := n.Inspector.Records(ctx)
	for _, one := range n.others.collected() {
		all = append(all, statusOf(&one))
	}
	return all
}

// Verify implements admin.Records. A record of another node was verified when it came.
func (n nodeRecords) Verify(ctx context.Context, name string) (inspect.Status, bool) {
	for _, one := range n.others.collected() {
		if st := statusOf(&one); st.Name == name {
			return st, true
		}
	}
	return n.Inspector.Verify(ctx, name)
}

// statusOf is how it stands with a record of another node, in the words of an inspection.
func statusOf(one *shipping.Collected) inspect.Status {
	st := inspect.Status{Name: collectedName(one), Kind: checkpoint.Decisions, State: inspect.Verified, Lines: one.Verified, Verified: one.Verified, VerifiedAt: one.Taken,
		Whole: one.Begun == 1 && len(one.Gaps) == 0, Sealed: one.Sealed, SealedAt: one.SealedAt, SealedBy: one.SealedBy, SealedIn: filepath.Base(one.Book)}
	if text := one.Trouble(); text != "" {
		st.State, st.Faults = inspect.Faulty, []string{text}
	}
	if one.Begun > 1 {
		st.Notes = append(st.Notes, fmt.Sprintf("It begins with segment %d: the depot had no earlier one.", one.Begun))
	}
	for _, gap := range one.Gaps {
		st.Notes = append(st.Notes, fmt.Sprintf("Lines %d to %d were never proven; somebody had it go on behind them on %s.", gap.After+1, gap.Before-1, gap.At.Format(time.RFC3339)))
	}
	switch {
	case one.Sealed == 0:
		st.Notes = append(st.Notes, "No checkpoint of this node has come: its chain is whole, and its node could have made all of it anew.")
	case !one.Confirmed:
		st.Notes = append(st.Notes, fmt.Sprintf("The key %s was believed when it was first seen; nobody has confirmed it (records.collect.keys).", one.SealedBy))
	}
	return st
}

// collectedName is what pages call it. The digest at its end tells apart what reads the same without points.
func collectedName(one *shipping.Collected) string {
	name := "decisions-of-" + strings.ReplaceAll(one.Node, ".", "-")
	if one.Scope != "" {
		name += "-" + strings.ReplaceAll(one.Scope, "+", "-")
	}
	digest := sha256.Sum256([]byte(one.Stream().Folder()))
	return name[:min(len(name), 56)] + "-" + one.Record[:8] + fmt.Sprintf("-%x", digest[:6])
}
