package valkey

import (
	"errors"
	"fmt"
	"time"

	"countersign.dev/internal/valkeylink"
)

const (
	// DefaultMaxDrift is how far a node's clock and the server's may be apart unless Config says otherwise.
	DefaultMaxDrift = 5 * time.Second
	// MaxMaxDrift bounds Config.MaxDrift.
	MaxMaxDrift = time.Minute
	// MaxAhead is how far a claim's expires may lie ahead of now, in seconds, as with the guard of one node.
	MaxAhead = 6 * 60 * 60
	// MaxReplicas bounds Config.WaitReplicas.
	MaxReplicas = 8
	// maxPrefix bounds Config.Prefix.
	maxPrefix = 64
)

// WhenUnreachable says what becomes of a request whose claim the server does not answer.
type WhenUnreachable uint8

const (
	// Refuse answers replay.ErrUnavailable; the default.
	Refuse WhenUnreachable = iota
	// Allow answers replay.ErrUnavailable too, but the error says Admit() == true (see Unjudged): whoever decides may let the
	// request in, and then has to write a warning into its line of the record. Everybody else refuses.
	Allow
)

// Config says what Open needs. Link must be set.
type Config struct {
	// Link leads to the server. The guard does not close it: a limiter may share it.
	Link *valkeylink.Link

	// Prefix begins every key, so that several installations can share a server; at most 64 of a-z, A-Z, 0-9, "-", "_", ".",
	// ":". Empty: "countersign:". All nodes of an installation need the same.
	Prefix string

	// MaxDrift is how far a node's clock and the server's may be apart before claims are replay.ErrUnavailable: whole seconds
	// from 1 s to MaxMaxDrift; 0: DefaultMaxDrift. No node's may be more than twice another's.
	MaxDrift time.Duration

	// WaitReplicas is how many replicas must have a claim before it is fresh; 0: none, and a failover may forget the last
	// claims. At most MaxReplicas.
	WaitReplicas int

	WhenUnreachable WhenUnreachable
}

func (c *Config) check() error {
	if c.Prefix == "" {
		c.Prefix = "countersign:"
	}
	if c.MaxDrift == 0 {
		c.MaxDrift = DefaultMaxDrift
	}
	switch {
	case c.Link == nil:
		return errors.New("no link to a server is given")
	case !valkeylink.ValidPrefix(c.Prefix) || len(c.Prefix) > maxPrefix:
		return fmt.Errorf("the prefix %q: give at most %d letters, digits and -_.:", c.Prefix, maxPrefix)
	case c.MaxDrift < time.Second || c.MaxDrift > MaxMaxDrift || c.MaxDrift%time.Second != 0:
		return fmt.Errorf("a drift of %s: give whole seconds from 1s to %s", c.MaxDrift, MaxMaxDrift)
	case c.WaitReplicas < 0 || c.WaitReplicas > MaxReplicas:
		return fmt.Errorf("waiting for %d replicas: give 0 to %d", c.WaitReplicas, MaxReplicas)
	case c.WhenUnreachable > Allow:
		return errors.New("an unknown choice for an unreachable server")
	}
	return nil
}
