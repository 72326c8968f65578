package signin_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/edge/signin"
	"countersign.dev/internal/registry"
)

// closedBook is a register that cannot take a refusal down.
type closedBook struct {
	signin.Register
	closed bool
}

func (b *closedBook) NoteRefused(ctx context.Context, actor registry.Actor, operation, why string) error {
	if b.closed {
		return errors.New("the disk is full")
	}
	return b.Register.NoteRefused(ctx, actor, operation, why)
}

// TestAnAttackThatStopsIsInTheRecordWhole: the attempts behind the first of a minute are written when the minute is over, or when the
// server ends, and not only when the same stranger comes again.
func TestAnAttackThatStopsIsInTheRecordWhole(t *testing.T) {
	w := newWorld(t)
	book := &closedBook{Register: w.register}
	cfg := w.cfg
	cfg.Register = book
	w.handler = mustNew(t, cfg)
	bad := func(peer string, times int) {
		for range times {
			b := w.browser()
			b.peer = peer
			b.form("/sign-in/link", "token", "csln_x")
		}
	}
	maintain := func() {
		tick := make(chan time.Time, 1)
		tick <- w.clock.now()
		close(tick)
		w.handler.Maintain(ctx, tick)
	}
	last := func(suffix string, rows int) {
		t.Helper()
		list := w.rows()
		row := list[len(list)-1]
		if w.count(audit.AttemptRefused) != rows || row.Actor != "anonymous:203.0.113.1" || row.Subject != "sign_in.link" || !strings.HasSuffix(row.Detail, suffix) {
			t.Errorf("%d rows, the last is %+v", w.count(audit.AttemptRefused), row)
		}
	}
	bad("203.0.113.1:1", 5)
	maintain()
	if n := w.count(audit.AttemptRefused); n != 1 {
		t.Errorf("%d rows while the minute goes on", n)
	}
	w.clock.pass(time.Minute)
	book.closed = true
	maintain()
	book.closed = false
	maintain()
	last("; 4 times more", 2)
	maintain()
	last("; 4 times more", 2)
	bad("203.0.113.1:1", 3)
	w.must(w.handler.Close(ctx))
	last("; 2 times more", 4)
}
