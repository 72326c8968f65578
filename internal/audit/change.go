package audit

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// ErrChange is wrapped by every error of Change.Validate.
var ErrChange = errors.New("invalid change row")

// Limits of the texts in a change row, in bytes.
const (
	MaxActor   = 220
	MaxSubject = 200
	MaxDetail  = 1000
)

// Change is one row of the state-change record (design decision 6). Rows are only ever added. It never holds a secret, a
// hash of one or a token. The store fills in Seq, Prev, Hash and Touched when the transaction ends; whatever they hold
// before is ignored.
type Change struct {
	Seq     uint64    // 1, 2, 3… without gaps; 0 before it is written
	At      time.Time // UTC
	Actor   string    // "operator:alice", "partner:2445581234567", "system:tokens"
	Action  Action
	Subject string // the row identity that was changed: "ptn_…", "crd_…", "net_…", "lim_…", an environment's name, or "register"
	Detail  string // one line for people; empty: nothing to add

	Touched []Touch  // the rows of the register that this change wrote or removed, as its transaction left them; in the order of Row
	Prev    [32]byte // Hash of the row before; of the first one: Genesis
	Hash    [32]byte // ChangeHash of this row
}

// Validate reports what is wrong with c, or nil. What the store fills in is not looked at. Every text is one line of valid
// UTF-8 within its limit, so that a row can neither forge a second one in a listing nor grow without bound.
func (c Change) Validate() error {
	switch {
	case c.At.IsZero():
		return fmt.Errorf("%w: without a time", ErrChange)
	case !c.Action.Known():
		return fmt.Errorf("%w: unknown action %q", ErrChange, string(c.Action))
	case c.Actor == "" || !oneLine(c.Actor, MaxActor):
		return fmt.Errorf("%w: an actor is one line of 1 to %d bytes", ErrChange, MaxActor)
	case c.Subject == "" || !oneLine(c.Subject, MaxSubject):
		return fmt.Errorf("%w: a subject is one line of 1 to %d bytes", ErrChange, MaxSubject)
	case !oneLine(c.Detail, MaxDetail):
		return fmt.Errorf("%w: a detail is one line of at most %d bytes", ErrChange, MaxDetail)
	}
	return nil
}

// oneLine refuses control characters, and the separators and direction marks with which a listing can be disguised.
func oneLine(s string, limit int) bool {
	return len(s) <= limit && utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool {
		return r < 0x20 || r == 0x7f || (r >= 0x80 && r < 0xa0) || (r >= 0x2028 && r <= 0x202e) || (r >= 0x2066 && r <= 0x2069)
	})
}
