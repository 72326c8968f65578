package signin_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/operator"
	"countersign.dev/internal/registry"
)

func TestARecoverySessionTakesNoPasskeyAway(t *testing.T) {
	w := newWorld(t)
	_, key, codes := w.admin()
	thief := w.browser()
	thief.form("/sign-in/recovery", "login", "root@example.com", "code", codes[0]).want(t, http.StatusSeeOther, "/sign-in/")
	thief.form("/sign-in/passkey/remove", "key", b64(key.id)).want(t, http.StatusForbidden, "")
	w.browser().signIn(key).want(t, http.StatusOK, "")
}

// A ceremony that began for one account's link must use up no other one's.
func TestALinkIsUsedUpByItsOwnCeremonyOnly(t *testing.T) {
	w := newWorld(t)
	w.admin()
	_, bobs := w.person("bob@example.com", operator.Viewer)
	carol, err := w.register.InviteAccount(ctx, local, registry.AccountInvite{Login: "carol@example.com", Roles: []operator.Role{operator.Viewer}})
	w.must(err)
	again, err := w.register.InviteAccount(ctx, local, registry.AccountInvite{Account: "bob@example.com"})
	w.must(err)
	b, key := w.browser(), newAuthenticator(t)
	b.openLink(carol)
	var o options
	b.json("/sign-in/passkey/new", map[string]any{"link": true, "key": "laptop"}).read(t, &o)
	b.openLink(again) // in another tab
	b.json("/sign-in/passkey/add", map[string]any{"credential": key.create(o.PublicKey.Challenge, []byte("any"))}).want(t, http.StatusForbidden, "")
	w.browser().signIn(bobs).want(t, http.StatusOK, "")
	if _, err := w.register.LinkAccount(ctx, string(again.Token.Bytes())); err != nil {
		t.Errorf("bob's link was used up by carol's ceremony: %v", err)
	}
	if w.log.Len() > 0 {
		t.Errorf("the log has %s", w.log.String())
	}
}

// A page of another site can make a browser ask for the callback as often as it likes. That proves nothing and tries nothing, and
// must not keep whoever sits behind the same address from signing in (the spirit of security rule 30).
func TestRule30AnotherSitesCallbacksStopNobody(t *testing.T) {
	w, p := oidcWorld(t)
	b := w.browser()
	b.site = "cross-site"
	for range 40 {
		b.get("/sign-in/oidc/callback?state=a&code=b").want(t, http.StatusForbidden, "")
	}
	b.site = "same-origin"
	b.through(p, carol("ops")).want(t, http.StatusSeeOther, "/console/")
	if n := w.failed["oidc"]; n != 40 {
		t.Errorf("%d are counted", n)
	}
}

func TestAClockThatIsSetBackLocksNobodyOut(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	w.clock.pass(48 * time.Hour)
	for b.form("/sign-in/link", "token", "x").StatusCode != http.StatusTooManyRequests {
	}
	w.clock.pass(-48 * time.Hour)
	b.form("/sign-in/link", "token", "x").want(t, http.StatusTooManyRequests, "") // it counts from here now
	w.clock.pass(time.Hour)
	b.form("/sign-in/link", "token", "x").want(t, http.StatusForbidden, "")
}

func TestNothingStandsBehindABody(t *testing.T) {
	w := newWorld(t)
	for _, body := range []string{`{}]`, `{}}`, `{} x`} {
		w.browser().send("POST", "/sign-in/passkey/begin", "application/json", []byte(body)).want(t, http.StatusBadRequest, "")
	}
}

// Whatever a stranger writes into a login or a next, the pages hold it as text.
func TestPagesEscapeWhatTheyShow(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	const evil = `/"><script>alert(1)</script>`
	for _, path := range []string{"/sign-in/?next=" + url.QueryEscape(evil), "/sign-in/break-glass?next=" + url.QueryEscape(evil)} {
		if body := b.get(path).body; strings.Contains(body, "<script>alert") {
			t.Errorf("%s: %s", path, body)
		}
	}
}
