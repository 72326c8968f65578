package signin_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/edge/signin"
	"countersign.dev/internal/operator"
	"countersign.dev/internal/registry"
	"countersign.dev/internal/secret"
)

// oidcWorld has a stub provider whose groups have roles.
func oidcWorld(t *testing.T, change ...func(*signin.OIDC)) (*world, *stubProvider) {
	t.Helper()
	var p *stubProvider
	w := newWorld(t, func(c *signin.Config) {
		p = newStubProvider(t, c.Now)
		o := signin.OIDC{Issuer: p.issuer(), ClientID: "countersign", ClientSecret: secret.NewValue([]byte("s3cret")),
			Roles: map[string][]operator.Role{"ops": {operator.Operator}, "approvers": {operator.Approver, operator.Viewer}, "admins": {operator.Admin}}}
		for _, f := range change {
			f(&o)
		}
		c.OIDC = &o
	})
	return w, p
}

func carol(groups ...string) claimsMap {
	return claimsMap{"sub": "c-1", "email": "Carol@example.com", "email_verified": true, "name": "Carol", "groups": groups}
}

// leave begins a sign-in and returns where the browser is sent.
func (b *browser) leave(query string) string {
	b.w.t.Helper()
	got := b.get("/sign-in/oidc" + query)
	if got.StatusCode != http.StatusFound {
		b.w.t.Fatalf("%s: %s", got.Status, got.body)
	}
	return got.Header.Get("Location")
}

// back is the way back from the provider, which is another site's doing.
func (b *browser) back(q url.Values) answer {
	b.w.t.Helper()
	site := b.site
	b.site = "cross-site"
	defer func() { b.site = site }()
	return b.get("/sign-in/oidc/callback?" + q.Encode())
}

// through signs in with the provider.
func (b *browser) through(p *stubProvider, claims claimsMap) answer {
	b.w.t.Helper()
	return b.back(p.authorize(b.leave("?next=/console/"), claims))
}

func TestGroupsBecomeRolesAtEverySignIn(t *testing.T) {
	w, p := oidcWorld(t)
	b := w.browser()
	b.through(p, carol("ops", "staff")).want(t, http.StatusSeeOther, "/console/")
	first := b.is("carol@example.com")
	if !first.May(operator.NetworksWrite, "production") || first.May(operator.ProposalsApprove, "production") {
		t.Errorf("%+v", first)
	}
	other := w.browser()
	other.through(p, carol("approvers")).want(t, http.StatusSeeOther, "/console/")
	b.is("")
	if now := other.is("carol@example.com"); now.May(operator.NetworksWrite, "production") || !now.May(operator.ProposalsApprove, "production") || now.ID != first.ID {
		t.Errorf("%+v", now)
	}
	for _, alg := range []string{"RS256", "EdDSA", "ES256"} {
		p.alg = alg
		other.through(p, carol("approvers")).want(t, http.StatusSeeOther, "/console/")
	}
	if w.count(audit.AccountSignedIn) != 5 || w.count(audit.AccountChanged) != 1 {
		t.Errorf("%d sign-ins, %d changes", w.count(audit.AccountSignedIn), w.count(audit.AccountChanged))
	}
	other.through(p, carol("staff")).want(t, http.StatusForbidden, "")
	other.through(p, carol()).want(t, http.StatusForbidden, "")
	rows := w.rows()
	if last := rows[len(rows)-1]; last.Action != audit.AttemptRefused || !strings.Contains(last.Detail, "carol@example.com") {
		t.Errorf("%+v", last)
	}
}

func TestIDTokensThatDoNotCount(t *testing.T) {
	w, p := oidcWorld(t)
	for name, change := range map[string]func(claimsMap){
		"another issuer":              func(c claimsMap) { c["iss"] = "https://evil.example" },
		"the issuer with a slash":     func(c claimsMap) { c["iss"] = p.issuer() + "/" },
		"another client":              func(c claimsMap) { c["aud"] = "other" },
		"no audience":                 func(c claimsMap) { delete(c, "aud") },
		"two audiences without a azp": func(c claimsMap) { c["aud"] = []string{"countersign", "other"} },
		"issued to another client":    func(c claimsMap) { c["azp"] = "other" },
		"expired":                     func(c claimsMap) { c["exp"] = w.clock.now().Add(-time.Second).Unix() },
		"not valid yet":               func(c claimsMap) { c["nbf"] = w.clock.now().Add(time.Hour).Unix() },
		"no nonce":                    func(c claimsMap) { delete(c, "nonce") },
		"another nonce":               func(c claimsMap) { c["nonce"] = "another" },
		"nobody":                      func(c claimsMap) { delete(c, "sub") },
		"an address nobody verified":  func(c claimsMap) { c["email_verified"] = false },
		"no word about the address":   func(c claimsMap) { delete(c, "email_verified") },
		"no address":                  func(c claimsMap) { delete(c, "email") },
		"an address of two lines":     func(c claimsMap) { c["email"] = "a@b\r\nx" },
		"another access token's":      func(c claimsMap) { c["at_hash"] = "AAAAAAAAAAAAAAAAAAAAAA" },
		"groups that are no list":     func(c claimsMap) { c["groups"] = claimsMap{"ops": true} },
		"groups that are a number":    func(c claimsMap) { c["groups"] = 5 },
		"a group in other letters":    func(c claimsMap) { c["groups"] = []string{"OPS"} },
		"a token beyond all bounds":   func(c claimsMap) { c["x"] = strings.Repeat("x", 200<<10) },
	} {
		p.change = change
		b := w.browser()
		w.clock.pass(time.Hour)
		if got := b.through(p, carol("ops")); got.StatusCode != http.StatusForbidden {
			t.Errorf("%s: %s, Location %q", name, got.Status, got.Header.Get("Location"))
		}
		b.is("")
	}
	p.change = nil
	for _, alg := range []string{"none", "HS256", "PS256"} {
		p.alg = alg
		b := w.browser()
		w.clock.pass(time.Hour)
		if got := b.through(p, carol("ops")); got.StatusCode != http.StatusForbidden {
			t.Errorf("alg %s: %s", alg, got.Status)
		}
		b.is("")
	}
	p.alg = "ES256"
	w.browser().through(p, carol("ops")).want(t, http.StatusSeeOther, "/console/")
	if all, err := w.register.Accounts(ctx); err != nil || len(all) != 1 {
		t.Errorf("%d accounts, %v", len(all), err)
	}
}

func TestAnAnswerCountsOnceInItsOwnBrowser(t *testing.T) {
	w, p := oidcWorld(t)
	victim, attacker := w.browser(), w.browser()
	stolen := p.authorize(attacker.leave(""), carol("ops"))
	victim.back(stolen).want(t, http.StatusForbidden, "") // login CSRF: no ticket in this browser
	if p.tokens != 0 {
		t.Error("the code was sent to the provider")
	}
	victim.leave("")
	victim.back(stolen).want(t, http.StatusForbidden, "") // another state
	if p.tokens != 0 {
		t.Error("a code with another state was sent to the provider")
	}
	good := p.authorize(victim.leave(""), carol("ops"))
	replayed := victim.copied()
	victim.back(good).want(t, http.StatusSeeOther, "/sign-in/")
	replayed.back(good).want(t, http.StatusForbidden, "")
	late := p.authorize(victim.leave(""), carol("ops"))
	w.clock.pass(11 * time.Minute)
	victim.back(late).want(t, http.StatusForbidden, "")

	for name, change := range map[string]func(url.Values){
		"no state":      func(q url.Values) { q.Del("state") },
		"two states":    func(q url.Values) { q.Add("state", q.Get("state")) },
		"no code":       func(q url.Values) { q.Del("code") },
		"two codes":     func(q url.Values) { q.Add("code", "x") },
		"a wrong code":  func(q url.Values) { q.Set("code", "x") },
		"an error too":  func(q url.Values) { q.Set("error", "access_denied") },
		"the person no": func(q url.Values) { q.Del("code"); q.Set("error", "access_denied") },
		"another iss":   func(q url.Values) { q.Set("iss", "https://evil.example") },
	} {
		w.clock.pass(time.Hour)
		b := w.browser()
		q := p.authorize(b.leave(""), carol("ops"))
		change(q)
		if got := b.back(q); got.StatusCode != http.StatusForbidden {
			t.Errorf("%s: %s", name, got.Status)
		}
		b.is("")
	}
	b := w.browser()
	q := p.authorize(b.leave(""), carol("ops"))
	q.Set("iss", p.issuer())
	b.back(q).want(t, http.StatusSeeOther, "/sign-in/")
	if v := p.lastForm.Get("code_verifier"); len(v) < 43 {
		t.Errorf("the verifier is %q", v)
	}
}

func TestADeadProviderStopsNobodyElse(t *testing.T) {
	w, p := oidcWorld(t)
	p.dead = true
	b, key, _ := w.admin()
	got := b.get("/sign-in/oidc")
	if got.StatusCode != http.StatusServiceUnavailable || got.Header.Get("Retry-After") == "" || strings.Contains(got.body, "502 Bad Gateway") {
		t.Errorf("%s: %s", got.Status, got.body)
	}
	w.browser().signIn(key).want(t, http.StatusOK, "")
	p.dead = false
	b.get("/sign-in/oidc").want(t, http.StatusServiceUnavailable, "") // asked again after a pause only
	w.clock.pass(6 * time.Second)
	b.through(p, carol("ops")).want(t, http.StatusSeeOther, "/console/")
	p.dead = true
	w.clock.pass(25 * time.Hour)
	w.browser().through(p, carol("ops")).want(t, http.StatusSeeOther, "/console/") // what is known still counts
}

func TestAProvidersAnswersAreBoundedAndFollowedNowhere(t *testing.T) {
	w, p := oidcWorld(t)
	elsewhere := newStubProvider(t, w.clock.now)
	for name, answer := range map[string]func(http.ResponseWriter) bool{
		"a redirect": func(w http.ResponseWriter) bool {
			w.Header().Set("Location", elsewhere.issuer()+"/token")
			w.WriteHeader(http.StatusTemporaryRedirect)
			return true
		},
		"an endless one": func(w http.ResponseWriter) bool {
			w.Header().Set("Content-Type", "application/json")
			for range 1 << 8 {
				if _, err := w.Write([]byte(strings.Repeat(" ", 16<<10))); err != nil {
					break
				}
			}
			return true
		},
		"an error of its own": func(w http.ResponseWriter) bool {
			http.Error(w, "secret detail", http.StatusInternalServerError)
			return true
		},
		"what is no JSON": func(w http.ResponseWriter) bool { _, _ = w.Write([]byte("<html>")); return true },
	} {
		p.answer = answer
		b := w.browser()
		w.clock.pass(time.Minute)
		got := b.through(p, carol("ops"))
		if got.StatusCode != http.StatusServiceUnavailable || strings.Contains(got.body, "secret detail") {
			t.Errorf("%s: %s %s", name, got.Status, got.body)
		}
		b.is("")
	}
	if elsewhere.tokens != 0 {
		t.Error("code and secret went elsewhere")
	}
	if strings.Contains(w.log.String(), "s3cret") {
		t.Error("the client's secret is in the log")
	}
}

func TestADiscoveryThatNamesPlainHTTPOrAnotherIssuerIsRefused(t *testing.T) {
	for name, metadata := range map[string]map[string]any{
		"another issuer": {"issuer": "https://evil.example"},
		"a plain token":  {"token_endpoint": "http://evil.example/token"},
		"plain keys":     {"jwks_uri": "http://evil.example/keys"},
		"a script":       {"authorization_endpoint": "javascript:alert(1)"},
	} {
		w, p := oidcWorld(t)
		p.metadata = metadata
		if got := w.browser().get("/sign-in/oidc"); got.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("%s: %s, Location %q", name, got.Status, got.Header.Get("Location"))
		}
	}
}

func TestALinkBindsTheIdentityThatSignsIn(t *testing.T) {
	w, p := oidcWorld(t)
	link, err := w.register.InviteFirst(ctx, local)
	w.must(err)
	b := w.browser()
	b.openLink(link)
	b.back(p.authorize(b.leave("?link=1"), carol())).want(t, http.StatusSeeOther, "/sign-in/")
	if who := b.is("carol@example.com"); !who.May(operator.AccountsWrite, "") {
		t.Errorf("%+v", who)
	}
	w.browser().through(p, carol("ops")).want(t, http.StatusSeeOther, "/console/") // groups do not take it away
	a, err := w.register.Account(ctx, "carol@example.com")
	w.must(err)
	if !a.Is(operator.Admin) || a.Is(operator.Operator) {
		t.Errorf("%+v", a)
	}
	second := w.browser()
	second.form("/sign-in/link", "token", string(link.Token.Bytes())).want(t, http.StatusForbidden, "")
	none := w.browser()
	none.back(p.authorize(none.leave("?link=1"), carol("ops"))).want(t, http.StatusForbidden, "") // without a link
	forBob, err := w.register.InviteAccount(ctx, local, registry.AccountInvite{Login: "bob@example.com", Roles: []operator.Role{operator.Viewer}})
	w.must(err)
	b = w.browser()
	b.openLink(forBob)
	dave := claimsMap{"sub": "d", "email": "dave@example.com", "email_verified": true}
	b.back(p.authorize(b.leave("?link=1"), dave)).want(t, http.StatusForbidden, "")
	b.is("")
}

func TestAnotherClaimCanBeTheLogin(t *testing.T) {
	w, p := oidcWorld(t, func(o *signin.OIDC) { o.LoginClaim, o.GroupsClaim = "upn", "roles" })
	b := w.browser()
	claims := claimsMap{"sub": "e", "upn": "erin@corp.example", "roles": "ops"}
	b.through(p, claims).want(t, http.StatusSeeOther, "/console/")
	b.is("erin@corp.example")
	b = w.browser()
	b.through(p, claimsMap{"sub": "f", "roles": "ops", "email": "f@example.com", "email_verified": true}).want(t, http.StatusForbidden, "")
}

// TestWhoIsNotLetInIsToldWhy, in one sentence.
func TestWhoIsNotLetInIsToldWhy(t *testing.T) {
	w, p := oidcWorld(t)
	got := w.browser().through(p, carol("cooks"))
	got.want(t, http.StatusForbidden, "")
	if !strings.Contains(got.body, ">You are not let in: none of the groups of carol@example.com has a role here.<") {
		t.Error(got.body)
	}
}

// TestSomebodyInManyGroupsSignsIn: companies name groups by 36 letters, and put people into a thousand of them.
func TestSomebodyInManyGroupsSignsIn(t *testing.T) {
	w, p := oidcWorld(t)
	groups := make([]string, 999, 1000)
	for i := range groups {
		groups[i] = fmt.Sprintf("5f0c0000-0000-4000-8000-%012d", i)
	}
	w.browser().through(p, carol(append(groups, "ops")...)).want(t, http.StatusSeeOther, "/console/")
	claims := carol("ops")
	claims["x"] = strings.Repeat("x", 200<<10)
	got := w.browser().through(p, claims)
	got.want(t, http.StatusForbidden, "")
	if !strings.Contains(got.body, "longer than 128 KiB") {
		t.Errorf("the page does not say why: %s", got.body)
	}
}

func TestAnotherSiteBeginsNoSignIn(t *testing.T) {
	w, _ := oidcWorld(t)
	b := w.browser()
	b.site = "cross-site"
	b.get("/sign-in/oidc").want(t, http.StatusSeeOther, "/sign-in/")
}
