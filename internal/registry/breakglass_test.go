package registry_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/operator"
	"countersign.dev/internal/registry"
)

const fire = "the provider is down and a key has leaked"

func (w *world) breakGlass() (registry.BreakGlassSession, string) {
	w.t.Helper()
	_, code, err := w.MakeBreakGlass(ctx, alice, registry.BreakGlassMake{Name: "safe"})
	w.must(err)
	opened, err := w.UseBreakGlass(ctx, string(code.Bytes()), fire, "192.0.2.7")
	w.must(err)
	return opened, string(code.Bytes())
}

func (w *world) open(want int) {
	w.t.Helper()
	if n, err := w.OpenBreakGlass(ctx); err != nil || n != want {
		w.t.Errorf("%d are open, expected %d; %v", n, want, err)
	}
}

func TestBreakGlassOpensOnceEndsByItselfAndIsLoud(t *testing.T) {
	w := newWorld(t)
	w.open(0)
	opened, code := w.breakGlass()
	actor := registry.Actor{Kind: registry.BreakGlass, Name: "safe"}
	row := w.last(actor, audit.BreakGlassOpened, opened.Code.ID)
	if want := "from 192.0.2.7, until 2026-11-20T11:00:00Z: " + fire; row.Detail != want {
		t.Errorf("the record says %q", row.Detail)
	}
	w.open(1)
	token := string(opened.Token.Bytes())
	p, err := w.Principal(ctx, operator.SessionToken, token)
	w.must(err)
	if !p.BreakGlass() || registry.ActorOf(p) != actor || len(p.Permissions) != len(operator.Permissions()) || p.Confined() {
		t.Errorf("%+v", p)
	}
	if p.ExpiresAt.Sub(w.clock.now()) > operator.MaxBreakGlass {
		t.Errorf("it lasts until %s", p.ExpiresAt)
	}
	if _, err := w.UseBreakGlass(ctx, code, fire, ""); !errors.Is(err, operator.ErrNotSignedIn) {
		t.Errorf("a second time: %v", err)
	}
	if n, err := w.ExpireBreakGlass(ctx, robot); err != nil || n != 0 {
		t.Errorf("ended before its time: %d, %v", n, err)
	}
	w.clock.pass(operator.MaxBreakGlass + time.Microsecond)
	w.gone("after an hour", operator.SessionToken, token)
	w.open(0)
	if n, err := w.ExpireBreakGlass(ctx, robot); err != nil || n != 1 {
		t.Errorf("%d, %v", n, err)
	}
	w.last(robot, audit.BreakGlassEnded, opened.Code.ID)
	if n, err := w.ExpireBreakGlass(ctx, robot); err != nil || n != 0 {
		t.Errorf("recorded again: %d, %v", n, err)
	}
	w.proved()
}

func TestBreakGlassIsEndedEarlyWithItsTerminals(t *testing.T) {
	w := newWorld(t)
	opened, _ := w.breakGlass()
	p, err := w.Principal(ctx, operator.SessionToken, string(opened.Token.Bytes()))
	w.must(err)
	w.clock.pass(20 * time.Minute)
	code, err := w.TerminalCode(ctx, p, challenge("v"))
	w.must(err)
	inTerminal, terminal, err := w.TerminalToken(ctx, code, "v")
	w.must(err)
	if inTerminal.ExpiresAt.After(opened.Code.EndsAt) || !inTerminal.BreakGlass() {
		t.Errorf("a terminal outlives it: %+v", inTerminal)
	}
	_, err = w.EndBreakGlass(ctx, bob, "safe", "it is over")
	w.must(err)
	w.last(bob, audit.BreakGlassEnded, opened.Code.ID)
	w.gone("the browser", operator.SessionToken, string(opened.Token.Bytes()))
	w.gone("the terminal", operator.TerminalToken, string(terminal.Bytes()))
	w.open(0)
	w.refuse(registry.ErrState, func() error { _, err := w.EndBreakGlass(ctx, bob, "safe", ""); return err })
}

func TestBreakGlassCodesEndAndAreRefused(t *testing.T) {
	w := newWorld(t)
	end := w.clock.now().Add(time.Hour)
	_, dated, err := w.MakeBreakGlass(ctx, alice, registry.BreakGlassMake{Name: "dated", NotAfter: end})
	w.must(err)
	_, ended, err := w.MakeBreakGlass(ctx, alice, registry.BreakGlassMake{Name: "ended"})
	w.must(err)
	_, err = w.EndBreakGlass(ctx, alice, "ended", "")
	w.must(err)
	w.refuse(registry.ErrArgument, func() error { _, err := w.UseBreakGlass(ctx, string(dated.Bytes()), "short", ""); return err })
	w.clock.pass(time.Hour + time.Microsecond)
	for what, code := range map[string]string{"dated": string(dated.Bytes()), "ended": string(ended.Bytes()), "nothing": ""} {
		t.Log(what)
		w.refuse(operator.ErrNotSignedIn, func() error { _, err := w.UseBreakGlass(ctx, code, fire, ""); return err })
	}
	for what, in := range map[string]registry.BreakGlassMake{"no name": {}, "a past end": {Name: "x", NotAfter: end}} {
		t.Log(what)
		w.refuse(registry.ErrArgument, func() error { _, _, err := w.MakeBreakGlass(ctx, alice, in); return err })
	}
	w.refuse(registry.ErrState, func() error {
		_, _, err := w.MakeBreakGlass(ctx, alice, registry.BreakGlassMake{Name: "dated"})
		return err
	})
}

func TestABreakGlassCodeOpensOnceAlsoInParallel(t *testing.T) {
	w := newWorld(t)
	_, code, err := w.MakeBreakGlass(ctx, alice, registry.BreakGlassMake{Name: "safe"})
	w.must(err)
	var wg sync.WaitGroup
	var mu sync.Mutex
	won := 0
	for range 8 {
		wg.Go(func() {
			if _, err := w.UseBreakGlass(ctx, string(code.Bytes()), fire, ""); err == nil {
				mu.Lock()
				won++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if won != 1 {
		t.Errorf("opened %d times", won)
	}
}
