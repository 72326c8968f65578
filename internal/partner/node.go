package partner

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Bounds of nodes and leases.
const (
	MaxNodes        = 1000             // rows of nodes in one register
	MaxNodeName     = 200              // bytes of a name, a version
	MaxNodeTrouble  = 500              // bytes of why something is not in force
	MaxNodeWorlds   = 100              // environments that one node serves
	MaxLease        = 10 * time.Minute // how long a lease lasts at most without being taken again
	MaxLeaseName    = 200              // bytes
	nodeIDLength    = 30               // "nod_" and 26 characters
	nodeIDBeginning = "nod_"
)

// Node is one server process as it tells of itself in the register that many share. It is in no record of changes, and no backup brings
// it back. Every moment in it is one of the database's clock, so that a node whose own clock is wrong neither looks dead nor makes
// others look dead.
type Node struct {
	ID           string        // "nod_" and 26 characters, drawn at each start
	Name         string        // machine and process, for people; 1 to MaxNodeName bytes; not unique
	Version      string        // of its program; may be empty
	Environments []string      // that it serves, ascending; at least one
	Revision     uint64        // of the register, in force; 0: it is starting
	MaxStaleness time.Duration // how old its last reading of the register may be before it refuses everything; above 0
	Trouble      string        // what is not in force there and why, at most MaxNodeTrouble bytes; empty: nothing

	StartedAt time.Time     // of its first beat
	BeatAt    time.Time     // of its last beat
	ReadAt    time.Time     // of its last reading of the register that it has told of; zero: none
	InForceAt time.Time     // of when it first told of Revision
	Took      time.Duration // from the change that made Revision until the node told that it is in force; negative: not known
}

// Validate reports what is wrong with n, or nil.
func (n Node) Validate() error {
	switch {
	case !IsNodeID(n.ID):
		return invalid("the id of a node is nod_ and 26 characters")
	case !printable(n.Name, MaxNodeName) || n.Name == "":
		return invalid("the name of a node has 1 to %d printable bytes", MaxNodeName)
	case !printable(n.Version, MaxNodeName):
		return invalid("the version of a node has at most %d printable bytes", MaxNodeName)
	case !printable(n.Trouble, MaxNodeTrouble):
		return invalid("the trouble of a node has at most %d printable bytes", MaxNodeTrouble)
	case len(n.Environments) == 0 || len(n.Environments) > MaxNodeWorlds || !slices.IsSorted(n.Environments):
		return invalid("a node serves 1 to %d environments, told in their order", MaxNodeWorlds)
	case n.MaxStaleness <= 0:
		return invalid("a node says for how long it decides without a reading")
	case n.Revision > 1<<62:
		return invalid("no register has revision %d", n.Revision)
	}
	for i, e := range n.Environments {
		if e == "" || !printable(e, MaxNodeName) || strings.Contains(e, ",") || i > 0 && e == n.Environments[i-1] {
			return invalid("a node serves no environment %q", e)
		}
	}
	return nil
}

// Serves reports whether n serves an environment.
func (n Node) Serves(environment string) bool { return slices.Contains(n.Environments, environment) }

// IsNodeID reports whether s has the form of the id of a node.
func IsNodeID(s string) bool {
	if len(s) != nodeIDLength || !strings.HasPrefix(s, nodeIDBeginning) {
		return false
	}
	for i := len(nodeIDBeginning); i < len(s); i++ {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}

// printable reports whether s has at most so many bytes and none that a terminal would act on.
func printable(s string, most int) bool {
	return len(s) <= most && utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 })
}

// Lease is the right of one node to do something that only one may do, until a moment of the database's clock. It is in no record of
// changes.
type Lease struct {
	Name   string    // what it is for: 1 to MaxLeaseName printable bytes
	Holder string    // the id of a node
	Term   uint64    // how often it has been taken over; a term that has passed does not come back
	Until  time.Time // the last moment that counts
}

// Validate reports what is wrong with l, or nil.
func (l Lease) Validate() error {
	if l.Name == "" || !printable(l.Name, MaxLeaseName) || !IsNodeID(l.Holder) || l.Until.IsZero() || l.Term == 0 || l.Term > 1<<62 {
		return invalid("a lease has a name of 1 to 200 printable bytes, a node that holds it, a term and an end")
	}
	return nil
}
