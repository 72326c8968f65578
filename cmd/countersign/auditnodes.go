package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"countersign.dev/internal/audit/checkpoint"
	"countersign.dev/internal/audit/search"
	"countersign.dev/internal/audit/shipping"
	"github.com/spf13/cobra"
)

// nodesOptions are the flags of `audit nodes`.
type nodesOptions struct {
	goOn   string
	verify bool
	local  bool
}

func newAuditNodes(o *operator) *cobra.Command {
	n := new(nodesOptions)
	c := &cobra.Command{
		Use:   "nodes",
		Short: "Show how far the decision records of all nodes were shipped, collected and verified",
		Long: `Show, for each node, the last line that it has shipped, the last one that was collected on this machine and verified, how old that is,
and what vouches for it. The depot is asked (records.ship); with --local only this machine's disk. What does not verify is named with
segment and line, and the exit code is 1.

With --verify every collected record is read again from its first line, and held against its chain and its checkpoints: a collector
does that once, when a line comes.

A record that does not verify is taken no further, and is looked at again every minute: put the true piece back, and it goes on by itself.
With --go-on it goes on behind the fault, with the next whole segment. What lies between is never searched, and the record says so for
ever. Look at the fault first; what did not verify is kept aside.`,
		Example: `  countersign audit nodes
  countersign audit nodes --verify
  countersign audit nodes --go-on gateway-2`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return advise(n.run(c, o)) },
	}
	f := c.Flags()
	f.BoolVar(&n.verify, "verify", false, "read and prove the collected records again")
	f.BoolVar(&n.local, "local", false, "do not ask the depot")
	f.StringVar(&n.goOn, "go-on", "", "have the record of this `NODE` go on behind its fault")
	return c
}

// nodeView is one record of one node.
type nodeView struct {
	Node     string          `json:"node"`
	Scope    string          `json:"scope,omitempty"`
	Record   string          `json:"record"`
	Own      bool            `json:"own"`                // it was written on this machine
	Shipped  uint64          `json:"shipped,omitempty"`  // seq of the last line in the depot
	At       *time.Time      `json:"at,omitempty"`       // when that was shipped, by the node's clock
	Verified uint64          `json:"verified,omitempty"` // seq of the last line that is here and proven; own: the last line
	Behind   uint64          `json:"behind"`             // lines that are shipped and not here; own: here and not shipped
	Begun    uint64          `json:"begun,omitempty"`
	Sealed   uint64          `json:"sealed,omitempty"`
	SealedAt *time.Time      `json:"sealed_at,omitempty"`
	Key      string          `json:"key,omitempty"`
	Since    *time.Time      `json:"key_since,omitempty"` // when that was first seen here
	Known    bool            `json:"key_confirmed"`
	Gaps     []shipping.Gap  `json:"gaps,omitempty"`
	Fault    *shipping.Fault `json:"fault,omitempty"`
	Wrong    string          `json:"wrong,omitempty"`
	collect  *shipping.Collected
}

func (n *nodesOptions) run(c *cobra.Command, o *operator) error {
	out, err := newOutput(c.OutOrStdout(), c.ErrOrStderr(), o.format)
	if err != nil {
		return err
	}
	at, err := o.locate()
	if err != nil {
		return err
	}
	if at.config == nil || at.config.Records.Ship == nil {
		return hinted{errors.New("this configuration ships no records"), "add records.ship, and name the configuration with --config"}
	}
	there, err := shipping.ReadCollected(at.collected())
	if err != nil {
		return err
	}
	if n.goOn != "" {
		return n.goOnWith(out, at, there)
	}
	views := map[shipping.Stream]*nodeView{}
	for i := range there {
		one := viewCollected(&there[i], at)
		views[there[i].Stream()] = one
	}
	var away error
	if !n.local {
		away = askDepot(c.Context(), at, views)
	}
	list := slices.SortedFunc(func(yield func(*nodeView) bool) {
		for _, one := range views {
			if !yield(one) {
				return
			}
		}
	}, func(a, b *nodeView) int {
		return cmp.Or(strings.Compare(a.Node, b.Node), strings.Compare(a.Scope, b.Scope), strings.Compare(a.Record, b.Record))
	})
	if n.verify {
		if err := proveAgain(list); err != nil {
			return err
		}
	}
	return errors.Join(showNodes(out, list), away)
}

// goOnWith has the records of a node go on that have a fault.
func (n *nodesOptions) goOnWith(out *output, at place, there []shipping.Collected) error {
	asked := false
	for _, one := range there {
		if one.Node != n.goOn || one.Fault == nil {
			continue
		}
		if err := shipping.GoOn(at.collected(), one.Stream()); err != nil {
			return err
		}
		asked = true
		out.note("asked: %s goes on behind segment %d, line %d, with the next whole segment that is in the depot; the server does it in its next round", one.Stream(), one.Fault.Segment, one.Fault.Line)
	}
	if !asked {
		return hinted{fmt.Errorf("no collected record of node %q has a fault", n.goOn), "countersign audit nodes lists them"}
	}
	return nil
}

// collected is the folder of the records of other nodes.
func (p place) collected() string {
	if p.config != nil {
		return p.config.Records.Collect.Dir
	}
	return filepath.Join(p.data, "collected")
}

func viewCollected(one *shipping.Collected, at place) *nodeView {
	view := &nodeView{Node: one.Node, Scope: one.Scope, Record: one.Record, Verified: one.Verified, Begun: one.Begun, Sealed: one.Sealed, SealedAt: known(one.SealedAt),
		At: known(one.Shipped), Gaps: one.Gaps, Fault: one.Fault, Wrong: one.Trouble(), collect: one}
	if one.Key != nil {
		view.Key, view.Since = one.Key.ID, known(one.Key.Since)
		for _, k := range at.config.Records.Collect.Keys {
			for _, file := range k.Files {
				if key, err := checkpoint.LoadPublic(nil, file); err == nil && k.Node == one.Node && key.ID() == one.Key.ID {
					view.Known = true
				}
			}
		}
	}
	return view
}

func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// depotTime bounds what a command asks of the depot.
const depotTime = 20 * time.Second

// askDepot adds what the depot has. What is written on this machine is compared with its own record.
func askDepot(ctx context.Context, at place, views map[shipping.Stream]*nodeView) error {
	depot, err := depotOf(at.config)
	if err != nil {
		return err
	}
	defer depot.Close()
	ctx, end := context.WithTimeout(ctx, depotTime)
	defer end()
	streams, err := depot.Streams(ctx)
	if err != nil {
		return fmt.Errorf("ask the depot: %w", err)
	}
	own, err := at.ownRecords()
	if err != nil {
		return err
	}
	for _, s := range streams {
		if s.Part != shipping.Lines {
			continue
		}
		h, ok, err := depot.Last(ctx, s)
		if err != nil {
			return fmt.Errorf("ask the depot: %w", err)
		}
		view := views[s]
		if view == nil {
			view = &nodeView{Node: s.Node, Scope: s.Scope, Record: s.Record}
			views[s] = view
		}
		if ok {
			view.Shipped, view.At = h.Last, known(h.At)
		}
		if last, here := own[s.Record]; here && view.collect == nil {
			view.Own, view.Verified = true, last
		}
		switch {
		case view.Own && view.Verified > view.Shipped:
			view.Behind = view.Verified - view.Shipped
		case !view.Own && view.Shipped > view.Verified:
			view.Behind = view.Shipped - view.Verified
		}
	}
	return nil
}

// ownRecords are the records of this data folder, with their last lines.
func (p place) ownRecords() (map[string]uint64, error) {
	found, err := p.records()
	if err != nil {
		return nil, err
	}
	own := map[string]uint64{}
	for _, one := range found {
		if id := recordID(one.dir); id != "" {
			last, err := lastLine(one.dir)
			if err != nil {
				return nil, err
			}
			own[id] = last
		}
	}
	return own, nil
}

// lastLine is the number of the last line of a record.
func lastLine(dir string) (uint64, error) {
	s, err := search.Open(search.Config{Dir: dir, ReadOnly: true, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return 0, err
	}
	page, err := s.Find(context.Background(), search.Query{Limit: 1})
	if err != nil || len(page.Found) == 0 {
		return 0, err
	}
	return page.Found[0].Line.Seq, nil
}
