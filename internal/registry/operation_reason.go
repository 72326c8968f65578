package registry

import (
	"strings"

	"countersign.dev/internal/audit"
)

// reasoned is a transaction of an operation: why it was asked for stands in every row that it becomes, also where the use case
// itself knows of no reason.
type reasoned struct {
	Tx
	reason      string // one line of at most maxReason bytes; empty: none was given
	environment string // of the operation; empty: a removal's own detail begins with it
}

// Record adds the reason.
func (t reasoned) Record(c audit.Change) error {
	said := c.Detail == t.reason || strings.Contains(c.Detail, ": "+t.reason)
	switch {
	case t.reason == "" || said:
	case strings.HasSuffix(string(c.Action), ".removed"):
		c.Detail = t.inside(c.Detail)
	default:
		c.Detail = withReason(clip(c.Detail, audit.MaxDetail-len(": ")-len(t.reason)), t.reason)
	}
	return t.Tx.Record(c)
}

// inside puts the reason in front of what was removed. The detail of a removal ends with whose it was, and a partner's changes are
// found by that: what people write never stands there.
func (t reasoned) inside(text string) string {
	reason := clip(t.reason, max(audit.MaxDetail-len(": ")-len(text), 0))
	environment := t.environment
	if environment == "" {
		environment, _, _ = strings.Cut(text, ": ")
	}
	if rest, ok := strings.CutPrefix(text, environment+": "); ok {
		return detail(environment, withReason(reason, rest))
	}
	return withReason(reason, text)
}
