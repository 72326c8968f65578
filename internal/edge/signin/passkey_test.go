package signin_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/operator"
	"countersign.dev/internal/registry"
)

func TestTheFirstAdminRegistersAndSignsIn(t *testing.T) {
	w := newWorld(t)
	b, key, codes := w.admin()
	if len(codes) != operator.RecoveryCodes {
		t.Errorf("recovery codes: %v", codes)
	}
	p := b.is("root@example.com")
	if !p.May(operator.SettingsWrite, "") {
		t.Errorf("%+v", p)
	}
	other := w.browser()
	other.is("")
	var done struct{ Next string }
	other.signIn(key).want(t, http.StatusOK, "").read(t, &done)
	if done.Next != "/console/" {
		t.Error(done.Next)
	}
	if again := other.is("root@example.com"); again.SessionID == p.SessionID {
		t.Error("two sign-ins, one session")
	}
	other.form("/sign-in/out").want(t, http.StatusSeeOther, "/sign-in/")
	other.is("")
	b.is("root@example.com")
	for _, row := range w.rows() {
		if strings.Contains(row.Detail, codes[0]) {
			t.Error("a code is in the record")
		}
	}
}

func TestALinkThatIsUsedLateOrUnknownIsRefusedAlike(t *testing.T) {
	w := newWorld(t)
	link, err := w.register.InviteFirst(ctx, local)
	w.must(err)
	token := string(link.Token.Bytes())
	early, key := w.browser(), newAuthenticator(t)
	early.openLink(link)
	early.register(key, map[string]any{"link": true, "login": "root@example.com"}).want(t, http.StatusOK, "")
	used := w.browser().form("/sign-in/link", "token", token).want(t, http.StatusForbidden, "")
	unknown := w.browser().form("/sign-in/link", "token", "csln_nothing").want(t, http.StatusForbidden, "")
	late, err := w.register.InviteAccount(ctx, local, registry.AccountInvite{Login: "bob@example.com", Roles: []operator.Role{operator.Viewer}})
	w.must(err)
	slow := w.browser()
	slow.openLink(late)
	w.clock.pass(registry.LinkLife + time.Second)
	slow.register(newAuthenticator(t), map[string]any{"link": true}).want(t, http.StatusForbidden, "")
	ended := w.browser().form("/sign-in/link", "token", string(late.Token.Bytes())).want(t, http.StatusForbidden, "")
	if used.body != unknown.body || used.body != ended.body {
		t.Error("the answers tell links apart")
	}
	if w.failed["link"] != 4 || w.count(audit.AttemptRefused) == 0 {
		t.Errorf("failed %v, recorded %d", w.failed, w.count(audit.AttemptRefused))
	}
}

func TestPasskeysThatDoNotCount(t *testing.T) {
	w := newWorld(t)
	_, key, _ := w.admin()
	_, others := w.person("bob@example.com", operator.Viewer)
	for name, lie := range map[string]func(*authenticator, *browser) map[string]any{
		"another origin": func(a *authenticator, b *browser) map[string]any {
			a.origin = "https://admin.example.com.evil.example"
			return a.get(b.challenge())
		},
		"the origin with a port": func(a *authenticator, b *browser) map[string]any {
			a.origin = public + ":8443"
			return a.get(b.challenge())
		},
		"plain http": func(a *authenticator, b *browser) map[string]any {
			a.origin = "http://admin.example.com"
			return a.get(b.challenge())
		},
		"another party":             func(a *authenticator, b *browser) map[string]any { a.rpID = "example.com"; return a.get(b.challenge()) },
		"the user was not verified": func(a *authenticator, b *browser) map[string]any { a.flags = 0x01; return a.get(b.challenge()) },
		"nobody was present":        func(a *authenticator, b *browser) map[string]any { a.flags = 0x04; return a.get(b.challenge()) },
		"another challenge": func(a *authenticator, b *browser) map[string]any {
			b.challenge()
			return a.get("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
		},
		"an earlier challenge":        func(a *authenticator, b *browser) map[string]any { c := b.challenge(); b.challenge(); return a.get(c) },
		"another browser's challenge": func(a *authenticator, b *browser) map[string]any { return a.get(w.browser().challenge()) },
		"another key":                 func(a *authenticator, b *browser) map[string]any { a.key = others.key; return a.get(b.challenge()) },
		"another account's handle": func(a *authenticator, b *browser) map[string]any {
			a.handle = others.handle
			return a.get(b.challenge())
		},
		"a handle of nobody": func(a *authenticator, b *browser) map[string]any {
			a.handle = []byte("opr_nobody")
			return a.get(b.challenge())
		},
		"a login for a handle": func(a *authenticator, b *browser) map[string]any {
			a.handle = []byte("root@example.com")
			return a.get(b.challenge())
		},
		"no handle":                         func(a *authenticator, b *browser) map[string]any { a.handle = nil; return a.get(b.challenge()) },
		"a key that is not the account's":   func(a *authenticator, b *browser) map[string]any { a.id = others.id; return a.get(b.challenge()) },
		"a registration in its place":       func(a *authenticator, b *browser) map[string]any { return a.create(b.challenge(), a.handle) },
		"a counter that went back to zero":  func(a *authenticator, b *browser) map[string]any { a.counter = 0; return a.get(b.challenge()) },
		"nothing":                           func(a *authenticator, b *browser) map[string]any { b.challenge(); return nil },
		"a counter that is the one of last": func(a *authenticator, b *browser) map[string]any { a.counter--; return a.get(b.challenge()) },
	} {
		b, liar := w.browser(), *key
		b.peer = "203.0.113.1:1" // its failures are counted for itself
		w.clock.pass(time.Hour)
		got := b.json("/sign-in/passkey/finish", map[string]any{"credential": lie(&liar, b), "next": "/"})
		if got.StatusCode != http.StatusForbidden {
			t.Errorf("%s: %s %s", name, got.Status, got.body)
		}
		b.is("")
	}
	w.browser().signIn(key).want(t, http.StatusOK, "")
	if w.count(audit.AttemptRefused) < 15 {
		t.Errorf("%d refusals are in the record", w.count(audit.AttemptRefused))
	}
}

func TestACounterThatWentBackIsRecorded(t *testing.T) {
	w := newWorld(t)
	_, key, _ := w.admin()
	w.browser().signIn(key).want(t, http.StatusOK, "")
	clone := *key
	key.counter += 5
	w.browser().signIn(key).want(t, http.StatusOK, "")
	w.browser().signIn(&clone).want(t, http.StatusForbidden, "")
	rows := w.rows()
	last := rows[len(rows)-1]
	if last.Action != audit.AttemptRefused || !strings.Contains(last.Detail, "root@example.com: the counter of the passkey went back") {
		t.Errorf("%+v", last)
	}
	w.browser().signIn(key).want(t, http.StatusOK, "")
}

func TestAnAssertionCountsOnce(t *testing.T) {
	w := newWorld(t)
	_, key, _ := w.admin()
	key.counter = 0
	b := w.browser()
	body := map[string]any{"credential": key.get(b.challenge()), "next": "https://evil.example/"}
	var done struct{ Next string }
	b.json("/sign-in/passkey/finish", body).want(t, http.StatusForbidden, "") // the counter went back
	key.counter = 10
	body["credential"] = key.get(b.challenge())
	thief := b.copied()
	b.json("/sign-in/passkey/finish", body).want(t, http.StatusOK, "").read(t, &done)
	if done.Next != "/sign-in/" {
		t.Errorf("it leads to %s", done.Next)
	}
	b.json("/sign-in/passkey/finish", body).want(t, http.StatusForbidden, "")
	thief.json("/sign-in/passkey/finish", body).want(t, http.StatusForbidden, "") // with the cookie of the ceremony
	thief.is("")
}

func TestARegistrationIsNoSignInAndTheOtherWayRound(t *testing.T) {
	w := newWorld(t)
	b, key, _ := w.admin()
	var o options
	b.json("/sign-in/passkey/new", map[string]any{"key": "second"}).want(t, http.StatusOK, "").read(t, &o)
	if o.PublicKey.AuthenticatorSelection.UserVerification != "required" || o.PublicKey.AuthenticatorSelection.ResidentKey != "required" {
		t.Errorf("%+v", o)
	}
	b.json("/sign-in/passkey/finish", map[string]any{"credential": key.get(o.PublicKey.Challenge), "next": "/"}).want(t, http.StatusForbidden, "")
	second := newAuthenticator(t)
	b.json("/sign-in/passkey/add", map[string]any{"credential": second.create(b.challenge(), key.handle)}).want(t, http.StatusForbidden, "")
	a, err := w.register.Account(ctx, "root@example.com")
	w.must(err)
	if len(a.Passkeys) != 1 {
		t.Errorf("%d passkeys", len(a.Passkeys))
	}
}

func TestPasskeysAreAddedAndRemovedAfterAFreshSignIn(t *testing.T) {
	w := newWorld(t)
	b, key, codes := w.admin()
	second := newAuthenticator(t)
	second.flags = 0x01
	b.register(second, map[string]any{"key": "phone"}).want(t, http.StatusForbidden, "") // its user was not verified
	second.flags = 0x05
	b.register(second, map[string]any{"key": "phone"}).want(t, http.StatusOK, "")
	b.register(second, map[string]any{"key": "phone"}).want(t, http.StatusUnprocessableEntity, "")
	b.register(newAuthenticator(t), map[string]any{"key": "two\nlines"}).want(t, http.StatusUnprocessableEntity, "")
	w.browser().signIn(second).want(t, http.StatusOK, "")
	page := b.get("/sign-in/").want(t, http.StatusOK, "")
	if !strings.Contains(page.body, "phone") || !strings.Contains(page.body, "10 are left") || strings.Contains(page.body, codes[0]) {
		t.Error(page.body)
	}
	w.clock.pass(11 * time.Minute)
	b.is("root@example.com")
	b.register(newAuthenticator(t), map[string]any{"key": "third"}).want(t, http.StatusForbidden, "")
	b.form("/sign-in/passkey/remove", "key", b64(key.id)).want(t, http.StatusForbidden, "")
	b.form("/sign-in/recovery/codes").want(t, http.StatusForbidden, "")
	b.signIn(second).want(t, http.StatusOK, "")
	b.form("/sign-in/passkey/remove", "key", b64(key.id)).want(t, http.StatusSeeOther, "/sign-in/")
	w.browser().signIn(key).want(t, http.StatusForbidden, "")
	fresh := b.form("/sign-in/recovery/codes").want(t, http.StatusOK, "")
	if strings.Count(fresh.body, "<code>") != operator.RecoveryCodes {
		t.Error(fresh.body)
	}
	b.form("/sign-in/passkey/remove", "key", "unknown").want(t, http.StatusUnprocessableEntity, "")
}

func TestARecoveryCodeLeadsToANewPasskeyOnly(t *testing.T) {
	w := newWorld(t)
	_, _, codes := w.admin()
	b := w.browser()
	b.form("/sign-in/recovery", "login", "root@example.com", "code", "aaaa-aaaa-aaaa-aaaa").want(t, http.StatusForbidden, "")
	b.form("/sign-in/recovery", "login", "root@example.com", "code", codes[3]).want(t, http.StatusSeeOther, "/sign-in/")
	b.is("")
	b.get("/sign-in/").want(t, http.StatusOK, "")
	b.form("/sign-in/recovery/codes").want(t, http.StatusForbidden, "")
	b.get("/sign-in/cli?challenge="+challenge+"&port=5000&state=0123456789abcdef").want(t, http.StatusSeeOther,
		"/sign-in/?next=%2Fsign-in%2Fcli%3Fchallenge%3D"+challenge+"%26port%3D5000%26state%3D0123456789abcdef")
	key := newAuthenticator(t)
	b.register(key, map[string]any{"key": "new laptop"}).want(t, http.StatusOK, "")
	b.is("")
	b.signIn(key).want(t, http.StatusOK, "")
	b.is("root@example.com")
	w.browser().form("/sign-in/recovery", "login", "root@example.com", "code", codes[3]).want(t, http.StatusForbidden, "")
}

func TestRolesThatAreTakenAwayCountAtTheNextRequest(t *testing.T) {
	w := newWorld(t)
	w.admin()
	b, key := w.person("bob@example.com", operator.Operator)
	if !b.is("bob@example.com").May(operator.NetworksWrite, "production") {
		t.Error("he may not yet")
	}
	_, err := w.register.ChangeAccount(ctx, local, registry.AccountChange{Account: "bob@example.com", Roles: []operator.Role{operator.Viewer}})
	w.must(err)
	b.is("")
	b.signIn(key).want(t, http.StatusOK, "")
	if b.is("bob@example.com").May(operator.NetworksWrite, "production") {
		t.Error("he may still")
	}
	_, err = w.register.DisableAccount(ctx, local, "bob@example.com", "")
	w.must(err)
	b.is("")
	b.signIn(key).want(t, http.StatusForbidden, "")
}
