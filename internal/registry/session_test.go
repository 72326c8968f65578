package registry_test

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"sync"
	"testing"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/operator"
	"countersign.dev/internal/registry"
)

// again signs somebody in with their passkey once more.
func (w *world) again(in registry.SignIn, terms registry.SessionTerms) registry.SignIn {
	w.t.Helper()
	a, err := w.Account(ctx, in.Account.ID)
	w.must(err)
	key := a.Passkeys[0]
	next, err := w.SignInPasskey(ctx, a.ID, key.ID, key.Credential, key.Credential, "192.0.2.9", terms)
	w.must(err)
	return next
}

func TestRule36SessionsEndIdleAndAbsolutely(t *testing.T) {
	w := newWorld(t)
	in := w.again(w.first(), registry.SessionTerms{Idle: 10 * time.Minute, Absolute: 30 * time.Minute})
	for range 2 {
		w.clock.pass(10 * time.Minute)
		if _, err := w.acts(in); err != nil {
			t.Fatalf("in its last moment: %v", err)
		}
	}
	w.clock.pass(10 * time.Minute) // 30 minutes after the sign-in
	if _, err := w.acts(in); err != nil {
		t.Errorf("in its very last moment: %v", err)
	}
	w.clock.pass(time.Microsecond)
	w.gone("after its absolute end", operator.SessionToken, string(in.Token.Bytes()))

	idle := w.again(in, registry.SessionTerms{Idle: 10 * time.Minute})
	w.clock.pass(10*time.Minute + time.Microsecond)
	w.gone("after a pause", operator.SessionToken, string(idle.Token.Bytes()))
	if list, err := w.Sessions(ctx, ""); err != nil || len(list) != 0 {
		t.Errorf("%+v, %v", list, err)
	}
}

func TestEverySignInHasAFreshToken(t *testing.T) {
	w := newWorld(t)
	one := w.first()
	two := w.again(one, registry.SessionTerms{})
	if one.Token.Equal(two.Token) || one.Session.ID == two.Session.ID {
		t.Error("a token was used again")
	}
	w.must(w.SignOut(ctx, operator.SessionToken, string(one.Token.Bytes())))
	w.last(registry.Actor{Kind: registry.Operator, Name: "root@example.com"}, audit.AccountSignedOut, one.Account.ID)
	w.gone("signed out", operator.SessionToken, string(one.Token.Bytes()))
	if _, err := w.acts(two); err != nil {
		t.Errorf("the other session ended as well: %v", err)
	}
	before, _ := w.Revision(ctx)
	w.must(w.SignOut(ctx, operator.SessionToken, string(one.Token.Bytes())))
	w.must(w.SignOut(ctx, operator.SessionToken, "nothing"))
	if after, _ := w.Revision(ctx); after != before {
		t.Error("signing out again is in the record")
	}
}

func TestSessionsAreListedBoundedAndEnded(t *testing.T) {
	w := newWorld(t)
	first := w.first()
	for range registry.MaxSessions {
		w.clock.pass(time.Second)
		w.again(first, registry.SessionTerms{})
	}
	w.gone("the oldest of too many", operator.SessionToken, string(first.Token.Bytes()))
	list, err := w.Sessions(ctx, first.Account.ID)
	w.must(err)
	if len(list) != registry.MaxSessions || list[0].Name != "root@example.com" || list[0].Kind != registry.BrowserSession {
		t.Fatalf("%d sessions: %+v", len(list), list[0])
	}
	w.must(w.EndSession(ctx, alice, list[3].ID))
	w.last(alice, audit.AccountSignedOut, first.Account.ID)
	w.refuse(registry.ErrNotFound, func() error { return w.EndSession(ctx, alice, list[3].ID) })
	if rest, _ := w.Sessions(ctx, ""); len(rest) != registry.MaxSessions-1 {
		t.Errorf("%d are left", len(rest))
	}
}

func TestRule11ATokenIsTakenAtItsOwnPlaceOnly(t *testing.T) {
	w := newWorld(t)
	in := w.first()
	p, err := w.acts(in)
	w.must(err)
	code, err := w.TerminalCode(ctx, p, challenge("verifier"))
	w.must(err)
	_, terminal, err := w.TerminalToken(ctx, code, "verifier")
	w.must(err)
	_, service, err := w.CreateService(ctx, alice, deployer(w))
	w.must(err)
	tokens := map[operator.Prefix]string{operator.SessionToken: string(in.Token.Bytes()), operator.TerminalToken: string(terminal.Bytes()),
		operator.ServiceToken: string(service.Bytes())}
	for place := range tokens {
		for kind, token := range tokens {
			_, err := w.Principal(ctx, place, token)
			if (err == nil) != (place == kind) {
				t.Errorf("%s at the place of %s: %v", kind, place, err)
			}
		}
	}
	w.must(w.SignOut(ctx, operator.TerminalToken, string(terminal.Bytes())))
	w.gone("a terminal that signed out", operator.TerminalToken, string(terminal.Bytes()))
}

func challenge(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func TestATerminalsCodeCountsOnceForItsTerminal(t *testing.T) {
	w := newWorld(t)
	p, err := w.acts(w.first())
	w.must(err)
	code := func() string {
		code, err := w.TerminalCode(ctx, p, challenge("verifier"))
		w.must(err)
		return code
	}
	late := code()
	w.clock.pass(2*time.Minute + time.Microsecond)
	stolen := code()
	for what, try := range map[string][2]string{"late": {late, "verifier"}, "stolen": {stolen, "guess"}, "stolen, again": {stolen, "verifier"}, "unknown": {challenge("x"), "verifier"}, "none": {"", ""}} {
		if what == "stolen, again" {
			continue // below, since the order counts
		}
		if _, token, err := w.TerminalToken(ctx, try[0], try[1]); !errors.Is(err, operator.ErrNotSignedIn) || !token.IsZero() {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, _, err := w.TerminalToken(ctx, stolen, "verifier"); !errors.Is(err, operator.ErrNotSignedIn) {
		t.Errorf("a code with which somebody guessed still counts: %v", err)
	}
	once := code()
	got, token, err := w.TerminalToken(ctx, once, "verifier")
	w.must(err)
	if got.Name != "root@example.com" || got.ExpiresAt.Sub(w.clock.now()) > registry.MaxTerminal {
		t.Errorf("%+v", got)
	}
	if _, _, err := w.TerminalToken(ctx, once, "verifier"); !errors.Is(err, operator.ErrNotSignedIn) {
		t.Errorf("twice: %v", err)
	}
	w.clock.pass(registry.MaxTerminal + time.Microsecond)
	w.gone("after twelve hours", operator.TerminalToken, string(token.Bytes()))
	for _, bad := range []string{"", "short", challenge("v") + "x", "!" + challenge("v")[1:]} {
		if _, err := w.TerminalCode(ctx, p, bad); !errors.Is(err, registry.ErrArgument) {
			t.Errorf("challenge %q: %v", bad, err)
		}
	}
	if _, err := w.TerminalCode(ctx, operator.Principal{Kind: operator.KindService, ID: "svc_x"}, challenge("v")); !errors.Is(err, registry.ErrActor) {
		t.Errorf("a service account lets a terminal in: %v", err)
	}
}

func TestADisabledAccountsCodeGivesNoToken(t *testing.T) {
	w := newWorld(t)
	w.first()
	in := w.person("bob@example.com", operator.Operator)
	p, err := w.acts(in)
	w.must(err)
	code, err := w.TerminalCode(ctx, p, challenge("verifier"))
	w.must(err)
	_, err = w.DisableAccount(ctx, alice, in.Account.ID, "")
	w.must(err)
	if _, token, err := w.TerminalToken(ctx, code, "verifier"); !errors.Is(err, operator.ErrNotSignedIn) || !token.IsZero() {
		t.Error(err)
	}
}

func TestATicketIsTakenOnceAlsoInParallel(t *testing.T) {
	w := newWorld(t)
	name, err := w.KeepTicket(ctx, registry.OIDCTicket, []byte("state"), time.Minute)
	w.must(err)
	if _, err := w.TakeTicket(ctx, registry.PasskeyTicket, name); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("as another kind: %v", err)
	}
	var wg sync.WaitGroup
	taken := make(chan string, 8)
	for range 8 {
		wg.Go(func() {
			if body, err := w.TakeTicket(ctx, registry.OIDCTicket, name); err == nil {
				taken <- string(body)
			}
		})
	}
	wg.Wait()
	if len(taken) != 1 || <-taken != "state" {
		t.Errorf("taken %d times more", len(taken))
	}
	late, err := w.KeepTicket(ctx, registry.OIDCTicket, nil, time.Minute)
	w.must(err)
	w.clock.pass(time.Minute + time.Microsecond)
	if _, err := w.TakeTicket(ctx, registry.OIDCTicket, late); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("late: %v", err)
	}
	if _, err := w.KeepTicket(ctx, registry.OIDCTicket, nil, time.Hour); !errors.Is(err, registry.ErrArgument) {
		t.Errorf("for an hour: %v", err)
	}
}

func TestRule12AFaultNeverYieldsAPrincipal(t *testing.T) {
	for _, committed := range []bool{false, true} {
		for at := 1; at <= 2; at++ {
			w := newWorld(t)
			in := w.first()
			w.clock.pass(5 * time.Minute) // so that it is noted
			f := &faulty{Store: w.cfg.Store, at: at, committed: committed}
			w.cfg.Store = f
			var err error
			w.Registry, err = registry.New(w.cfg)
			w.must(err)
			p, err := w.acts(in)
			if at == 1 && (!errors.Is(err, errInjected) || p.ID != "") {
				t.Errorf("the reading fails: %+v, %v", p, err)
			}
			if at == 2 && (err != nil || p.ID == "") {
				t.Errorf("that the use was not noted stops the request: %v", err)
			}
		}
	}
}
