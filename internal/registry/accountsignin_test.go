package registry_test

import (
	"testing"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/operator"
	"countersign.dev/internal/registry"
)

var carol = registry.Identity{Issuer: "https://id.example.com", Subject: "c-1", Login: "Carol@example.com", Name: "Carol", Roles: []operator.Role{operator.Operator}}

func (w *world) identify(who registry.Identity) (registry.SignIn, error) {
	return w.SignInIdentity(ctx, who, "192.0.2.1", registry.SessionTerms{})
}

func TestRolesComeFromTheProviderAtEverySignIn(t *testing.T) {
	w := newWorld(t)
	w.first()
	in, err := w.identify(carol)
	w.must(err)
	if in.Account.Login != "carol@example.com" || in.Account.OwnRoles || in.Account.Origin != operator.ByOIDC {
		t.Errorf("%+v", in.Account)
	}
	before, _ := w.Revision(ctx)
	again, err := w.identify(carol)
	w.must(err)
	if after, _ := w.Revision(ctx); after != before+1 || again.Account.ID != in.Account.ID {
		t.Errorf("a second sign-in is %d changes", after-before)
	}
	more := carol
	more.Roles = []operator.Role{operator.Approver, operator.Viewer}
	more.Login = "carol.new@example.com" // the identity is issuer and subject; the login stays
	promoted, err := w.identify(more)
	w.must(err)
	w.gone("a session with the former roles", operator.SessionToken, string(in.Token.Bytes()))
	p, err := w.acts(promoted)
	w.must(err)
	if p.Name != "carol@example.com" || p.May(operator.NetworksWrite, "sandbox") || !p.May(operator.ProposalsApprove, "sandbox") {
		t.Errorf("%+v", p)
	}
	rows := w.rows()
	if row := rows[len(rows)-2]; row.Action != audit.AccountChanged || row.Actor != "system:oidc" {
		t.Errorf("%+v", row)
	}
	w.refuse(registry.ErrState, func() error {
		_, err := w.ChangeAccount(ctx, alice, registry.AccountChange{Account: "carol@example.com", Roles: []operator.Role{operator.Admin}})
		return err
	})
	none := carol
	none.Roles = nil
	w.refuse(registry.ErrSignIn, func() error { _, err := w.identify(none); return err })
	w.proved()
}

// TestNoOtherLetterBecomesOneOfALogin: the Kelvin sign is a small k to Unicode, and another mailbox to everybody else. Whoever has that
// mailbox is not let in under the other name.
func TestNoOtherLetterBecomesOneOfALogin(t *testing.T) {
	w := newWorld(t)
	w.first()
	kelvin := carol
	kelvin.Login = "mar\u212A@example.com"
	w.refuse(registry.ErrSignIn, func() error { _, err := w.identify(kelvin); return err })
	w.refuse(registry.ErrArgument, func() error {
		_, err := w.InviteAccount(ctx, alice, registry.AccountInvite{Login: kelvin.Login, Roles: []operator.Role{operator.Viewer}})
		return err
	})
	w.person("mark@example.com", operator.Viewer)
	w.refuse(registry.ErrNotFound, func() error { _, err := w.Account(ctx, kelvin.Login); return err })
	if _, err := w.Account(ctx, "MARK@Example.com"); err != nil {
		t.Error(err)
	}
}

func TestAnIdentityNeverTakesAnothersAccount(t *testing.T) {
	w := newWorld(t)
	w.first()
	_, err := w.identify(carol)
	w.must(err)
	for what, change := range map[string]func(*registry.Identity){
		"another subject with her address":  func(i *registry.Identity) { i.Subject = "c-2" },
		"another issuer with her address":   func(i *registry.Identity) { i.Issuer = "https://evil.example.com" },
		"a boundary moved":                  func(i *registry.Identity) { i.Issuer, i.Subject = i.Issuer+"c", "-1" },
		"the address of a passkey account":  func(i *registry.Identity) { i.Subject, i.Login = "c-3", "root@example.com" },
		"no address":                        func(i *registry.Identity) { i.Subject, i.Login = "c-3", "" },
		"what is no login":                  func(i *registry.Identity) { i.Subject, i.Login = "c-3", "root" },
		"no group with a role, a newcomer":  func(i *registry.Identity) { i.Subject, i.Login, i.Roles = "c-3", "x@example.com", nil },
		"capitals of a passkey account too": func(i *registry.Identity) { i.Subject, i.Login = "c-3", "ROOT@EXAMPLE.COM" },
	} {
		who := carol
		change(&who)
		t.Log(what)
		w.refuse(registry.ErrSignIn, func() error { _, err := w.identify(who); return err })
	}
	_, err = w.DisableAccount(ctx, alice, "carol@example.com", "")
	w.must(err)
	w.refuse(registry.ErrSignIn, func() error { _, err := w.identify(carol); return err })
}

func TestALinkBindsAnIdentityWithTheRegistersRoles(t *testing.T) {
	w := newWorld(t)
	link, err := w.InviteFirst(ctx, alice)
	w.must(err)
	who := carol
	who.Roles = nil
	redeem := func(link registry.Invitation, who registry.Identity) (registry.SignIn, error) {
		return w.RedeemLinkIdentity(ctx, string(link.Token.Bytes()), who, "", registry.SessionTerms{})
	}
	in, err := redeem(link, who)
	w.must(err)
	if !in.Account.Is(operator.Admin) || in.Account.Login != "carol@example.com" {
		t.Errorf("%+v", in.Account)
	}
	w.refuse(operator.ErrNotSignedIn, func() error { _, err := redeem(link, who); return err })
	again, err := w.identify(carol) // groups do not take her roles away
	w.must(err)
	if !again.Account.Is(operator.Admin) || len(again.Account.Roles) != 1 {
		t.Errorf("%+v", again.Account)
	}
	forBob, err := w.InviteAccount(ctx, alice, registry.AccountInvite{Login: "bob@example.com", Roles: []operator.Role{operator.Viewer}})
	w.must(err)
	w.refuse(registry.ErrSignIn, func() error { _, err := redeem(forBob, carol); return err })
	dave := registry.Identity{Issuer: carol.Issuer, Subject: "d", Login: "dave@example.com"}
	w.refuse(registry.ErrSignIn, func() error { _, err := redeem(forBob, dave); return err })
	bobs := registry.Identity{Issuer: carol.Issuer, Subject: "b", Login: "Bob@example.com"}
	_, err = redeem(forBob, bobs)
	w.must(err)

	fresh, err := w.InviteAccount(ctx, alice, registry.AccountInvite{Account: "bob@example.com"})
	w.must(err)
	moved := registry.Identity{Issuer: "https://new.example.com", Subject: "b", Login: "bob@example.com"}
	_, err = redeem(fresh, moved)
	w.must(err)
	w.refuse(registry.ErrSignIn, func() error { _, err := w.identify(bobs); return err }) // the former identity is bound no more
	_, err = w.identify(moved)
	w.must(err)
	w.proved()
}

func TestADemoAccountIsTheSystemsAndSignsInAsNobodyElse(t *testing.T) {
	w := newWorld(t)
	w.first()
	roles := []operator.Role{operator.Operator}
	w.refuse(registry.ErrActor, func() error { _, err := w.DemoAccount(ctx, alice, "demo@localhost", roles); return err })
	w.refuse(registry.ErrState, func() error { _, err := w.DemoAccount(ctx, robot, "root@example.com", roles); return err })
	a, err := w.DemoAccount(ctx, robot, "demo@localhost", roles)
	w.must(err)
	if same, err := w.DemoAccount(ctx, robot, "demo@localhost", roles); err != nil || same.ID != a.ID {
		t.Errorf("%+v, %v", same, err)
	}
	in, err := w.SignInDemo(ctx, "demo@localhost", "127.0.0.1", registry.SessionTerms{})
	w.must(err)
	if p, err := w.acts(in); err != nil || p.Name != "demo@localhost" {
		t.Errorf("%+v, %v", p, err)
	}
	for _, login := range []string{"root@example.com", "nobody@example.com", ""} {
		w.refuse(registry.ErrSignIn, func() error { _, err := w.SignInDemo(ctx, login, "", registry.SessionTerms{}); return err })
	}
}
