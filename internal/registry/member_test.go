package registry_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/operator"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
)

// invited is the one-time link of a new member.
func (w *world) invited(by registry.Actor, partnerID, login string) registry.Done {
	w.t.Helper()
	return w.do(by, w.op(registry.OpMemberInvite, partnerID, "", registry.MemberInvite{Login: login}), registry.Intent{})
}

// joined uses a member's link up.
func (w *world) joined(link string) registry.SignIn {
	w.t.Helper()
	in, err := w.MemberSignIns().RedeemLink(ctx, link, registry.Redemption{Passkey: passkey("m" + link[len(link)-8:])}, "192.0.2.1", registry.SessionTerms{})
	w.must(err)
	return in
}

// member is a member of a partner, invited by the local user, and signed in.
func (w *world) member(partnerID, login string) operator.Principal {
	w.t.Helper()
	return w.principal(w.joined(w.invited(robot, partnerID, login).Secret))
}

func (w *world) principal(in registry.SignIn) operator.Principal {
	w.t.Helper()
	p, err := w.MemberSignIns().Principal(ctx, operator.MemberSessionToken, string(in.Token.Bytes()))
	w.must(err)
	return p
}

// out checks that a member's token counts no more.
func (w *world) out(what string, in registry.SignIn) {
	w.t.Helper()
	p, err := w.MemberSignIns().Principal(ctx, operator.MemberSessionToken, string(in.Token.Bytes()))
	if !errors.Is(err, operator.ErrNotSignedIn) || p.ID != "" {
		w.t.Errorf("%s: %+v, %v", what, p, err)
	}
	if _, _, err := w.MemberSignIns().SignedIn(ctx, string(in.Token.Bytes())); !errors.Is(err, operator.ErrNotSignedIn) {
		w.t.Errorf("%s: the pages of the account: %v", what, err)
	}
}

func TestRule11ASessionOfOneRealmIsNeverOneOfTheOther(t *testing.T) {
	w := newWorld(t)
	admin, p := w.first(), w.produced()
	invited := w.invited(ann, p.ID, "root@example.com") // the very login of the admin
	member := w.joined(invited.Secret)
	if got := w.principal(member); got.Kind != operator.KindMember || got.PartnerID != p.ID || len(got.Permissions)+len(got.Roles) != 0 ||
		registry.ActorOf(got).String() != "member:root@example.com" {
		t.Errorf("a member is %+v", got)
	}
	if got, err := w.acts(admin); err != nil || got.Kind != operator.KindAccount || got.PartnerID != "" {
		t.Errorf("an admin is %+v, %v", got, err)
	}
	tokens := map[string]string{"an operator's session": string(admin.Token.Bytes()), "a member's session": string(member.Token.Bytes())}
	prefixes := []operator.Prefix{operator.SessionToken, operator.TerminalToken, operator.ServiceToken, operator.LinkToken, operator.BreakToken,
		operator.MemberSessionToken, operator.MemberLinkToken}
	for what, token := range tokens {
		for _, prefix := range prefixes {
			_, own := w.Principal(ctx, prefix, token)
			if want := what == "an operator's session" && prefix == operator.SessionToken; (own == nil) != want {
				t.Errorf("%s as %s with the operators: %v", what, prefix, own)
			}
			_, portal := w.MemberSignIns().Principal(ctx, prefix, token)
			if want := what == "a member's session" && prefix == operator.MemberSessionToken; (portal == nil) != want {
				t.Errorf("%s as %s with the members: %v", what, prefix, portal)
			}
		}
	}
	w.must(w.SignOut(ctx, operator.MemberSessionToken, tokens["a member's session"]))
	w.must(w.MemberSignIns().SignOut(ctx, operator.SessionToken, tokens["an operator's session"]))
	w.principal(member)
	_, err := w.acts(admin)
	w.must(err)
}

func TestRule11LinksTicketsPasskeysAndCodesAreOfOneRealm(t *testing.T) {
	w := newWorld(t)
	w.first()
	p := w.produced()
	m := w.MemberSignIns()
	link := w.invited(ann, p.ID, "eve@acme.example").Secret
	account, err := w.InviteAccount(ctx, alice, registry.AccountInvite{Login: "eve@acme.example", Roles: []operator.Role{operator.Viewer}})
	w.must(err)
	for _, use := range map[string]func() error{
		"a member's link with the operators":  func() error { _, err := w.LinkAccount(ctx, link); return err },
		"an operator's link with the members": func() error { _, err := m.LinkAccount(ctx, string(account.Token.Bytes())); return err },
		"redeeming a member's link": func() error {
			_, err := w.RedeemLink(ctx, link, registry.Redemption{Passkey: passkey("x")}, "", registry.SessionTerms{})
			return err
		},
		"redeeming an operator's link": func() error {
			_, err := m.RedeemLink(ctx, string(account.Token.Bytes()), registry.Redemption{Passkey: passkey("x")}, "", registry.SessionTerms{})
			return err
		},
		"a member's link with an identity": func() error {
			_, err := w.RedeemLinkIdentity(ctx, link, registry.Identity{Issuer: "i", Subject: "s", Login: "eve@acme.example"}, "", registry.SessionTerms{})
			return err
		},
	} {
		w.refuse(operator.ErrNotSignedIn, use)
	}
	in := w.joined(link)
	w.refuse(operator.ErrNotSignedIn, func() error { _, err := w.UseRecovery(ctx, "eve@acme.example", in.Recovery[0], ""); return err })
	recovered, err := m.UseRecovery(ctx, "EVE@acme.example", in.Recovery[0], "192.0.2.1")
	w.must(err)
	w.refuse(operator.ErrNotSignedIn, func() error { // it registers a passkey, and nothing else
		_, err := m.Principal(ctx, operator.MemberSessionToken, string(recovered.Token.Bytes()))
		return err
	})
	if _, s, err := m.SignedIn(ctx, string(recovered.Token.Bytes())); err != nil || s.Kind != registry.RecoverySession {
		t.Errorf("%+v, %v", s, err)
	}
	name, err := m.KeepTicket(ctx, registry.PasskeyTicket, []byte("x"), time.Minute)
	w.must(err)
	w.refuse(registry.ErrNotFound, func() error { _, err := w.TakeTicket(ctx, registry.PasskeyTicket, name); return err })
	_, err = m.TakeTicket(ctx, registry.PasskeyTicket, name)
	w.must(err)
	key := in.Account.Passkeys[0]
	w.refuse(registry.ErrNotFound, func() error {
		_, err := w.SignInPasskey(ctx, in.Account.ID, key.ID, key.Credential, key.Credential, "", registry.SessionTerms{})
		return err
	})
	if _, err := w.Account(ctx, in.Account.ID); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("a member is an account of the operators: %v", err)
	}
	if list, _ := w.Sessions(ctx, ""); len(list) != 1 {
		t.Errorf("the operators' sessions show members: %+v", list)
	}
}

func TestMembersAreUniqueBoundedAndOfTheirPartner(t *testing.T) {
	w := newWorld(t)
	p, q := w.produced(), w.admitted()
	one := w.invited(ann, p.ID, "Eve@Acme.example").Member
	if one.Login != "eve@acme.example" || one.PartnerID != p.ID || one.State() != operator.Invited || one.ID[:4] != "mbr_" {
		t.Errorf("%+v", one)
	}
	w.last(ann, audit.MemberInvited, one.ID)
	invite := func(partnerID, login string) error {
		_, err := w.Do(ctx, ann, w.op(registry.OpMemberInvite, partnerID, "", registry.MemberInvite{Login: login}), registry.Intent{})
		return err
	}
	for _, login := range []string{"", "eve", "a@b@c", "eve @acme.example", strings.Repeat("e", 200) + "@acme.example"} {
		w.refuse(registry.ErrArgument, func() error { return invite(p.ID, login) })
	}
	w.refuse(registry.ErrState, func() error { return invite(p.ID, "eve@acme.example") })
	w.refuse(registry.ErrState, func() error { return invite(q.ID, "EVE@acme.example") }) // who works for two uses two addresses
	w.refuse(registry.ErrNotFound, func() error { return invite("ptn_nobody", "x@acme.example") })
	for _, name := range []registry.OperationName{registry.OpMemberReinvite, registry.OpMemberDisable, registry.OpMemberEnable} {
		for _, who := range []string{one.ID, one.Login, "mbr_nobody"} { // of another partner, and of none: alike
			op, err := registry.NewOperation(name, q.ID, "", map[string]string{"member": who})
			w.must(err)
			w.refuse(registry.ErrNotFound, func() error { _, err := w.Do(ctx, ann, op, registry.Intent{}); return err })
		}
	}
	for i := range registry.MaxMembers - 1 {
		w.must(invite(p.ID, fmt.Sprintf("m%d@acme.example", i)))
	}
	w.refuse(registry.ErrState, func() error { return invite(p.ID, "onemore@acme.example") })
	w.must(invite(q.ID, "other@acme.example"))
	list, err := w.Members(ctx, p.ID)
	if err != nil || len(list) != registry.MaxMembers {
		t.Errorf("%d, %v", len(list), err)
	}
	w.proved()
}

func TestANewLinkAndDisablingEndWhatAMemberHad(t *testing.T) {
	w := newWorld(t)
	p := w.produced()
	in := w.joined(w.invited(ann, p.ID, "eve@acme.example").Secret)
	w.last(registry.Actor{Kind: registry.Member, Name: "eve@acme.example"}, audit.MemberSignedIn, in.Account.ID)
	link := w.do(ben, w.op(registry.OpMemberReinvite, p.ID, "", registry.MemberReinvite{Member: in.Account.ID}), registry.Intent{}).Secret
	w.principal(in) // until it is used
	again := w.joined(link)
	w.out("after a new link was used", in)
	w.refuse(operator.ErrNotSignedIn, func() error {
		_, err := w.MemberSignIns().UseRecovery(ctx, "eve@acme.example", in.Recovery[1], "")
		return err
	})
	waiting := w.do(ann, w.op(registry.OpMemberReinvite, p.ID, "", registry.MemberReinvite{Member: in.Account.ID}), registry.Intent{}).Secret
	w.do(cat, w.op(registry.OpMemberDisable, p.ID, "", registry.MemberDisable{Member: in.Account.ID}), registry.Intent{Reason: "left"})
	w.last(cat, audit.MemberDisabled, in.Account.ID)
	w.out("a disabled member", again)
	w.refuse(operator.ErrNotSignedIn, func() error { _, err := w.MemberSignIns().LinkAccount(ctx, waiting); return err })
	w.refuse(operator.ErrNotSignedIn, func() error {
		_, err := w.MemberSignIns().UseRecovery(ctx, "eve@acme.example", again.Recovery[0], "")
		return err
	})
	w.do(cat, w.op(registry.OpMemberEnable, p.ID, "", registry.MemberEnable{Member: in.Account.ID}), registry.Intent{})
	w.out("the sessions of before do not come back", again)
	_, err := w.MemberSignIns().UseRecovery(ctx, "eve@acme.example", again.Recovery[0], "")
	w.must(err)
	w.proved()
}

func TestAClosedPartnersMembersAreSignedOutAndStayOut(t *testing.T) {
	for how, shut := range map[string]func(w *world, p partner.Partner) error{
		"closed": func(w *world, p partner.Partner) error { return w.ClosePartner(ctx, alice, p.ID, "") },
		"by a file": func(w *world, p partner.Partner) error {
			_, err := w.Apply(ctx, alice, registry.Desired{Partners: []registry.DesiredPartner{{Name: p.Name, Closed: true}}}, false)
			return err
		},
	} {
		t.Run(how, func(t *testing.T) {
			w := newWorld(t)
			p := w.produced()
			in := w.joined(w.invited(ann, p.ID, "eve@acme.example").Secret)
			link := w.invited(ann, p.ID, "new@acme.example").Secret
			m, who := w.MemberSignIns(), w.principal(in)
			w.must(shut(w, p))
			w.out("the member of a closed partner", in)
			if list, err := m.Sessions(ctx, in.Account.ID); err != nil || len(list) != 0 {
				t.Errorf("%+v, %v", list, err)
			}
			key := in.Account.Passkeys[0]
			w.refuse(registry.ErrSignIn, func() error {
				_, err := m.SignInPasskey(ctx, in.Account.ID, key.ID, key.Credential, key.Credential, "", registry.SessionTerms{})
				return err
			})
			w.refuse(operator.ErrNotSignedIn, func() error { _, err := m.LinkAccount(ctx, link); return err })
			w.refuse(operator.ErrNotSignedIn, func() error { _, err := m.UseRecovery(ctx, "eve@acme.example", in.Recovery[0], ""); return err })
			w.refuse(registry.ErrState, func() error { _, err := m.AddPasskey(ctx, in.Account.ID, passkey("z")); return err })
			if _, err := w.MemberView(ctx, p.ID); !errors.Is(err, registry.ErrNotFound) {
				t.Errorf("the view of a closed partner: %v", err)
			}
			if _, err := w.DoAsMember(ctx, who, w.mine(registry.OpCommentAdd, "sandbox", registry.CommentAdd{Text: "x"}), registry.Intent{}); !errors.Is(err, operator.ErrNotSignedIn) {
				t.Errorf("a member of a closed partner acts: %v", err)
			}
			w.proved()
		})
	}
}

func TestTheDemoMemberIsTheSystemsAndHasNoProof(t *testing.T) {
	w := newWorld(t)
	p, q := w.produced(), w.admitted()
	w.refuse(registry.ErrActor, func() error { _, err := w.DemoMember(ctx, ann, p.ID, "demo@acme.example"); return err })
	one, err := w.DemoMember(ctx, robot, p.ID, "demo@acme.example")
	w.must(err)
	two, err := w.DemoMember(ctx, robot, p.ID, "demo@acme.example")
	if err != nil || two.ID != one.ID {
		t.Errorf("%+v, %v", two, err)
	}
	w.refuse(registry.ErrState, func() error { _, err := w.DemoMember(ctx, robot, q.ID, "demo@acme.example"); return err })
	in, err := w.MemberSignIns().SignInDemo(ctx, "demo@acme.example", "127.0.0.1", registry.SessionTerms{})
	w.must(err)
	if got := w.principal(in); got.PartnerID != p.ID {
		t.Errorf("%+v", got)
	}
	w.refuse(registry.ErrSignIn, func() error {
		_, err := w.SignInDemo(ctx, "demo@acme.example", "", registry.SessionTerms{})
		return err
	})
	w.member(p.ID, "eve@acme.example")
	w.refuse(registry.ErrSignIn, func() error {
		_, err := w.MemberSignIns().SignInDemo(ctx, "eve@acme.example", "", registry.SessionTerms{})
		return err
	})
}
