package registry_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/operator"
	"countersign.dev/internal/registry"
)

// passkey is one that nobody verifies here: that is the edge's work.
func passkey(id string) operator.Passkey {
	return operator.Passkey{ID: id, Name: "laptop", Credential: []byte(`{"counter":0}`)}
}

// first makes the first admin with a link and a passkey.
func (w *world) first() registry.SignIn {
	w.t.Helper()
	link, err := w.InviteFirst(ctx, alice)
	w.must(err)
	in, err := w.RedeemLink(ctx, string(link.Token.Bytes()), registry.Redemption{Login: "root@example.com", Passkey: passkey("k1")}, "192.0.2.1", registry.SessionTerms{})
	w.must(err)
	return in
}

// person invites somebody and lets them in.
func (w *world) person(login string, roles ...operator.Role) registry.SignIn {
	w.t.Helper()
	link, err := w.InviteAccount(ctx, alice, registry.AccountInvite{Login: login, Roles: roles})
	w.must(err)
	in, err := w.RedeemLink(ctx, string(link.Token.Bytes()), registry.Redemption{Passkey: passkey("k-" + login)}, "192.0.2.1", registry.SessionTerms{})
	w.must(err)
	return in
}

// acts is whom a session's token stands for.
func (w *world) acts(in registry.SignIn) (operator.Principal, error) {
	return w.Principal(ctx, operator.SessionToken, string(in.Token.Bytes()))
}

// gone checks that a token counts no more.
func (w *world) gone(what string, prefix operator.Prefix, token string) {
	w.t.Helper()
	if p, err := w.Principal(ctx, prefix, token); !errors.Is(err, operator.ErrNotSignedIn) || p.ID != "" {
		w.t.Errorf("%s: %+v, %v", what, p, err)
	}
}

// proved checks that every row of the register is accounted for.
func (w *world) proved() {
	w.t.Helper()
	report, err := w.VerifyChanges(ctx, nil)
	w.must(err)
	if !report.OK() {
		w.t.Errorf("the record does not verify: %+v", report)
	}
}

func TestTheFirstAdminComesByALinkAndOnce(t *testing.T) {
	w := newWorld(t)
	earlier, err := w.InviteFirst(ctx, alice)
	w.must(err)
	w.last(alice, audit.AccountInvited, earlier.Account.ID)
	in := w.first()
	if in.Account.Login != "root@example.com" || !in.Account.Is(operator.Admin) || len(in.Recovery) != operator.RecoveryCodes {
		t.Errorf("%+v", in.Account)
	}
	if _, err := w.LinkAccount(ctx, string(earlier.Token.Bytes())); !errors.Is(err, operator.ErrNotSignedIn) {
		t.Errorf("an earlier link still counts: %v", err)
	}
	w.refuse(registry.ErrState, func() error { _, err := w.InviteFirst(ctx, alice); return err })
	p, err := w.acts(in)
	w.must(err)
	want := operator.Principal{Kind: operator.KindAccount, ID: in.Account.ID, Name: "root@example.com", Roles: []operator.Role{operator.Admin},
		Permissions: operator.Admin.Permissions(), ExpiresAt: w.clock.now().Truncate(time.Microsecond).Add(registry.DefaultIdle), SessionID: in.Session.ID}
	if diff := cmp.Diff(want, p); diff != "" {
		t.Error(diff)
	}
	if got := registry.ActorOf(p).String(); got != "operator:root@example.com" {
		t.Error(got)
	}
	w.proved()
}

func TestNothingOfALinkOrCodeIsKeptInClear(t *testing.T) {
	w := newWorld(t)
	in := w.first()
	link, err := w.InviteAccount(ctx, alice, registry.AccountInvite{Login: "bob@example.com", Roles: []operator.Role{operator.Viewer}})
	w.must(err)
	_, token, err := w.CreateService(ctx, alice, deployer(w))
	w.must(err)
	_, code, err := w.MakeBreakGlass(ctx, alice, registry.BreakGlassMake{Name: "safe"})
	w.must(err)
	w.must(w.db.Close())
	files := readAll(t, w.path)
	w.start()
	for what, text := range map[string]string{"link": string(link.Token.Bytes()), "session": string(in.Token.Bytes()), "service": string(token.Bytes()),
		"break-glass": string(code.Bytes()), "recovery": in.Recovery[0], "recovery without dashes": strings.ReplaceAll(in.Recovery[0], "-", "")} {
		if strings.Contains(files, text) {
			t.Errorf("the %s is in the files", what)
		}
	}
}

func TestALinkCountsOnceAlsoInParallel(t *testing.T) {
	w := newWorld(t)
	link, err := w.InviteFirst(ctx, alice)
	w.must(err)
	var wg sync.WaitGroup
	var mu sync.Mutex
	won := 0
	for range 8 {
		wg.Go(func() {
			_, err := w.RedeemLink(ctx, string(link.Token.Bytes()), registry.Redemption{Login: "root@example.com", Passkey: passkey("k")}, "", registry.SessionTerms{})
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				won++
			} else if !errors.Is(err, operator.ErrNotSignedIn) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if won != 1 {
		t.Errorf("the link was used %d times", won)
	}
	w.proved()
}

func TestRule36ALinkEndsAfterADay(t *testing.T) {
	w := newWorld(t)
	link, err := w.InviteFirst(ctx, alice)
	w.must(err)
	w.clock.pass(registry.LinkLife)
	if _, err := w.LinkAccount(ctx, string(link.Token.Bytes())); err != nil {
		t.Errorf("in its last moment: %v", err)
	}
	w.clock.pass(time.Microsecond)
	w.refuse(operator.ErrNotSignedIn, func() error {
		_, err := w.RedeemLink(ctx, string(link.Token.Bytes()), registry.Redemption{Login: "a@b", Passkey: passkey("k")}, "", registry.SessionTerms{})
		return err
	})
}

func TestALinkIsNotUsedUpByALoginThatIsTaken(t *testing.T) {
	w := newWorld(t)
	link, err := w.InviteFirst(ctx, alice)
	w.must(err)
	w.person("bob@example.com", operator.Viewer)
	redeem := func(login string) error {
		_, err := w.RedeemLink(ctx, string(link.Token.Bytes()), registry.Redemption{Login: login, Passkey: passkey("k")}, "", registry.SessionTerms{})
		return err
	}
	w.refuse(registry.ErrState, func() error { return redeem("Bob@example.com") })
	w.refuse(registry.ErrArgument, func() error { return redeem("bob") })
	w.must(redeem("carol@example.com"))
}

func TestANewLinkStartsAnAccountOver(t *testing.T) {
	w := newWorld(t)
	w.first()
	before := w.person("bob@example.com", operator.Operator)
	link, err := w.InviteAccount(ctx, alice, registry.AccountInvite{Account: "bob@example.com"})
	w.must(err)
	if _, err := w.acts(before); err != nil {
		t.Errorf("the link that was made ended the session already: %v", err)
	}
	after, err := w.RedeemLink(ctx, string(link.Token.Bytes()), registry.Redemption{Login: "mallory@example.com", Passkey: passkey("new")}, "", registry.SessionTerms{})
	w.must(err)
	w.gone("the session from before", operator.SessionToken, string(before.Token.Bytes()))
	if after.Account.Login != "bob@example.com" || len(after.Account.Passkeys) != 1 || after.Account.Passkeys[0].ID != "new" {
		t.Errorf("%+v", after.Account)
	}
	if _, err := w.UseRecovery(ctx, "bob@example.com", before.Recovery[0], ""); !errors.Is(err, operator.ErrNotSignedIn) {
		t.Errorf("a recovery code from before: %v", err)
	}
	w.refuse(registry.ErrArgument, func() error {
		_, err := w.InviteAccount(ctx, alice, registry.AccountInvite{Account: "bob@example.com", Roles: []operator.Role{operator.Admin}})
		return err
	})
}

func TestChangedRolesAndDisablingCountAtTheNextRequest(t *testing.T) {
	w := newWorld(t)
	w.first()
	for what, change := range map[string]func(login string) error{
		"other roles": func(login string) error {
			_, err := w.ChangeAccount(ctx, alice, registry.AccountChange{Account: login, Roles: []operator.Role{operator.Approver}})
			return err
		},
		"fewer environments": func(login string) error {
			_, err := w.ChangeAccount(ctx, alice, registry.AccountChange{Account: login, Environments: []string{"sandbox"}})
			return err
		},
		"disabled": func(login string) error { _, err := w.DisableAccount(ctx, alice, login, "left"); return err },
	} {
		login := strings.ReplaceAll(what, " ", "-") + "@example.com"
		in := w.person(login, operator.Operator)
		if _, err := w.acts(in); err != nil {
			t.Fatal(err)
		}
		w.must(change(login))
		w.gone(what, operator.SessionToken, string(in.Token.Bytes()))
	}
	name := "Bob"
	in := w.person("bob@example.com", operator.Operator)
	if _, err := w.ChangeAccount(ctx, alice, registry.AccountChange{Account: "bob@example.com", Name: &name}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.acts(in); err != nil {
		t.Errorf("a new name ended the session: %v", err)
	}
	w.proved()
}

func TestADisabledAccountHasNoWayIn(t *testing.T) {
	w := newWorld(t)
	w.first()
	in := w.person("bob@example.com", operator.Operator)
	link, err := w.InviteAccount(ctx, alice, registry.AccountInvite{Account: "bob@example.com"})
	w.must(err)
	_, err = w.DisableAccount(ctx, alice, "bob@example.com", "")
	w.must(err)
	key := in.Account.Passkeys[0]
	for what, try := range map[string]func() error{
		"passkey": func() error {
			_, err := w.SignInPasskey(ctx, in.Account.ID, key.ID, key.Credential, key.Credential, "", registry.SessionTerms{})
			return err
		},
		"recovery": func() error { _, err := w.UseRecovery(ctx, "bob@example.com", in.Recovery[0], ""); return err },
		"link": func() error {
			_, err := w.RedeemLink(ctx, string(link.Token.Bytes()), registry.Redemption{Passkey: key}, "", registry.SessionTerms{})
			return err
		},
		"new link": func() error {
			_, err := w.InviteAccount(ctx, alice, registry.AccountInvite{Account: "bob@example.com"})
			return err
		},
		"new passkey": func() error { _, err := w.AddPasskey(ctx, in.Account.ID, passkey("n")); return err },
	} {
		before, _ := w.Revision(ctx)
		if err := try(); err == nil {
			t.Errorf("%s: it worked", what)
		}
		if after, _ := w.Revision(ctx); after != before {
			t.Errorf("%s changed something", what)
		}
	}
	_, err = w.EnableAccount(ctx, alice, "bob@example.com", "back")
	w.must(err)
	w.gone("the session from before", operator.SessionToken, string(in.Token.Bytes()))
	_, err = w.SignInPasskey(ctx, in.Account.ID, key.ID, key.Credential, key.Credential, "", registry.SessionTerms{})
	w.must(err)
}

func TestSomebodyStaysAdmin(t *testing.T) {
	w := newWorld(t)
	root := w.first()
	for what, change := range map[string]func() error{
		"disabled": func() error { _, err := w.DisableAccount(ctx, alice, root.Account.ID, ""); return err },
		"other roles": func() error {
			_, err := w.ChangeAccount(ctx, alice, registry.AccountChange{Account: root.Account.ID, Roles: []operator.Role{operator.Viewer}})
			return err
		},
		"confined": func() error {
			_, err := w.ChangeAccount(ctx, alice, registry.AccountChange{Account: root.Account.ID, Environments: []string{"sandbox"}})
			return err
		},
	} {
		t.Log(what)
		w.refuse(registry.ErrState, change)
	}
	w.person("second@example.com", operator.Admin)
	if _, err := w.DisableAccount(ctx, alice, root.Account.ID, ""); err != nil {
		t.Error(err)
	}
}

func TestAccountsRefuse(t *testing.T) {
	w := newWorld(t)
	w.first()
	partnerActor := registry.Actor{Kind: registry.Partner, Name: "1234567890123"}
	invite := func(actor registry.Actor, in registry.AccountInvite) func() error {
		return func() error { _, err := w.InviteAccount(ctx, actor, in); return err }
	}
	viewer := []operator.Role{operator.Viewer}
	w.refuse(registry.ErrActor, invite(partnerActor, registry.AccountInvite{Login: "a@b", Roles: viewer}))
	w.refuse(registry.ErrActor, invite(registry.Actor{}, registry.AccountInvite{Login: "a@b", Roles: viewer}))
	w.refuse(registry.ErrArgument, invite(alice, registry.AccountInvite{Login: "a", Roles: viewer}))
	w.refuse(registry.ErrArgument, invite(alice, registry.AccountInvite{Roles: viewer}))
	w.refuse(registry.ErrArgument, invite(alice, registry.AccountInvite{Login: "a@b"}))
	w.refuse(registry.ErrArgument, invite(alice, registry.AccountInvite{Login: "a@b", Roles: []operator.Role{"root"}}))
	w.refuse(registry.ErrArgument, invite(alice, registry.AccountInvite{Login: "a@b", Roles: viewer, Environments: []string{}}))
	w.refuse(registry.ErrState, invite(alice, registry.AccountInvite{Login: "ROOT@example.com", Roles: viewer}))
	w.refuse(registry.ErrNotFound, invite(alice, registry.AccountInvite{Account: "nobody@example.com"}))
	w.refuse(registry.ErrNotFound, func() error { _, err := w.DisableAccount(ctx, alice, "opr_none", ""); return err })
	w.refuse(registry.ErrArgument, func() error { _, err := w.DisableAccount(ctx, alice, "", ""); return err })
	w.refuse(registry.ErrState, func() error { _, err := w.EnableAccount(ctx, alice, "root@example.com", ""); return err })
}
