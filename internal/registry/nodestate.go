package registry

import (
	"context"
	"slices"
	"strings"
	"time"

	"countersign.dev/internal/partner"
)

// NodeState is how a node stands, as the others see it.
type NodeState string

// The states of a node.
const (
	NodeStarting NodeState = "starting" // it has put nothing in force yet, and decides nothing
	NodeCurrent  NodeState = "current"  // it decides by the register's revision, or a later one
	NodeBehind   NodeState = "behind"   // it beats, and decides by an older one
	NodeSilent   NodeState = "silent"   // it has not beaten for SilentFrom: it may be gone, or cut off and still deciding
	NodeStopped  NodeState = "stopped"  // its last reading is too old: if it runs at all, it refuses everything as snapshot_stale
)

// Seen is a node as the register shows it to another one. All of it is by the database's clock.
type Seen struct {
	partner.Node
	State   NodeState
	Silence time.Duration // since its last beat
	ReadAge time.Duration // since its last reading that it told of; negative: it has told of none
	// StopsAt is when it refuses everything by itself, unless it reads the register again before: its last reading that
	// it told of, StopSlack, and its own MaxStaleness. Zero: it has read nothing yet.
	StopsAt time.Time
}

// Confirms reports whether nothing that changed up to a revision is decided otherwise by n: it has that revision in force, or it decides
// nothing.
func (s Seen) Confirms(revision uint64) bool {
	return s.State == NodeStopped || s.Revision >= revision && s.Revision > 0
}

// Awaited reports whether waiting for n makes sense: it does not confirm a revision yet, and it speaks.
func (s Seen) Awaited(revision uint64) bool { return !s.Confirms(revision) && s.State != NodeSilent }

// Nodes is what all nodes of a register tell at one moment.
type Nodes struct {
	At       time.Time // by the database's clock
	Revision uint64    // of the register
	All      []Seen    // by name and id
}

// Of are the nodes that serve an environment.
func (n Nodes) Of(environment string) []Seen {
	return slices.DeleteFunc(slices.Clone(n.All), func(s Seen) bool { return !s.Serves(environment) })
}

// Nodes lists every node that was heard of within DeadFrom. Errors: the store's.
func (r *Registry) Nodes(ctx context.Context) (Nodes, error) {
	return view(ctx, r.store, func(tx Tx) (all Nodes, err error) {
		if all.Revision, err = tx.Revision(); err != nil {
			return all, err
		}
		rows, err := tx.Nodes()
		if err != nil {
			return all, err
		}
		if all.At, err = tx.Now(); err != nil { // after the rows: none of them is younger
			return all, err
		}
		for _, n := range rows {
			if all.At.Sub(n.BeatAt) <= DeadFrom {
				all.All = append(all.All, SeeNode(n, all.Revision, all.At))
			}
		}
		return all, nil
	})
}

// SeeNode judges what a node told, at a moment of the same clock.
// Its texts are cleaned: they come from rows that another program may have written.
func SeeNode(n partner.Node, revision uint64, now time.Time) Seen {
	n.Name, n.Version, n.Trouble = clean(n.Name, partner.MaxNodeName), clean(n.Version, partner.MaxNodeName), clean(n.Trouble, partner.MaxNodeTrouble)
	n.Environments = slices.Clone(n.Environments)
	for i, e := range n.Environments {
		n.Environments[i] = clean(e, partner.MaxNodeName)
	}
	s := Seen{Node: n, Silence: now.Sub(n.BeatAt), ReadAge: -1}
	if !n.ReadAt.IsZero() {
		s.ReadAge = now.Sub(n.ReadAt)
		s.StopsAt = n.ReadAt.Add(n.MaxStaleness + StopSlack + n.MaxStaleness/clocksApart)
	}
	switch {
	case !s.StopsAt.IsZero() && now.After(s.StopsAt):
		s.State = NodeStopped
	case s.Silence > SilentFrom:
		s.State = NodeSilent
	case n.Revision == 0:
		s.State = NodeStarting
	case n.Revision < revision:
		s.State = NodeBehind
	default:
		s.State = NodeCurrent
	}
	return s
}

// Unconfirmed are those of nodes that do not confirm a revision, in their order.
func Unconfirmed(nodes []Seen, revision uint64) []Seen {
	return slices.DeleteFunc(slices.Clone(nodes), func(s Seen) bool { return s.Confirms(revision) })
}

// Why is what is told of s, behind its name, where it does not confirm: how it stands, how old its reading is, and when it stops by itself.
func (s Seen) Why() string {
	var parts []string
	switch s.State {
	case NodeStarting:
		return "is starting"
	case NodeStopped:
		return "has stopped by itself: its last reading of the register is " + rough(s.ReadAge) + " old"
	case NodeSilent:
		parts = append(parts, "has said nothing for "+rough(s.Silence))
	}
	if !s.StopsAt.IsZero() {
		parts = append(parts, "it last read the register "+rough(s.ReadAge)+" ago and stops by itself at "+s.StopsAt.UTC().Format(time.RFC3339))
	}
	if s.Trouble != "" {
		parts = append(parts, "it says: "+s.Trouble)
	}
	return strings.Join(parts, "; ")
}

func rough(d time.Duration) string {
	if d < 10*time.Second {
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}
