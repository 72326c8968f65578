package valkey

import (
	"errors"
	"fmt"

	"countersign.dev/internal/valkeylink"
)

// maxPrefix bounds Config.Prefix.
const maxPrefix = 64

// WhenUnreachable says what becomes of a request that the server does not count.
type WhenUnreachable uint8

const (
	// Refuse answers rate.ErrUnavailable; the default.
	Refuse WhenUnreachable = iota
	// Allow lets the request in uncounted; Uncounted tells how many.
	Allow
)

// Config says what Open needs. Link must be set.
type Config struct {
	// Link leads to the server. The limiter does not close it: a replay guard may share it.
	Link *valkeylink.Link

	// Prefix begins every key, as for the replay guard. Empty: "countersign:".
	Prefix string

	WhenUnreachable WhenUnreachable
}

func (c *Config) check() error {
	if c.Prefix == "" {
		c.Prefix = "countersign:"
	}
	switch {
	case c.Link == nil:
		return errors.New("no link to a server is given")
	case !valkeylink.ValidPrefix(c.Prefix) || len(c.Prefix) > maxPrefix:
		return fmt.Errorf("the prefix %q: give at most %d letters, digits and -_.:", c.Prefix, maxPrefix)
	case c.WhenUnreachable > Allow:
		return errors.New("an unknown choice for an unreachable server")
	}
	return nil
}
