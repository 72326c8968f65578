package signin_test

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/edge/signin"
	"countersign.dev/internal/operator"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
	"countersign.dev/internal/secret"
)

// atPortal is the portal's sign-in, over the same register and on another port of the same host.
const atPortal = "https://admin.example.com:9903"

// portal is a world like w at the portal.
func (w *world) portal(change ...func(*signin.Config)) *world {
	w.t.Helper()
	p := &world{t: w.t, register: w.register, clock: w.clock, failed: map[string]int{}, cfg: w.cfg}
	p.cfg.Register, p.cfg.Members, p.cfg.PublicURL, p.cfg.Home = nil, w.register.MemberSignIns(), atPortal, "/start"
	p.cfg.Failed = func(way string) { p.failed[way]++ }
	for _, c := range change {
		c(&p.cfg)
	}
	var err error
	p.handler, err = signin.New(p.cfg)
	w.must(err)
	return p
}

// acme is a partner with an invited member.
func (w *world) acme(login string) (partner.Partner, registry.Invitation) {
	w.t.Helper()
	p, err := w.register.CreatePartner(ctx, local, "Acme")
	w.must(err)
	return p, w.invite(p, login)
}

func (w *world) invite(p partner.Partner, login string) registry.Invitation {
	w.t.Helper()
	op, err := registry.NewOperation(registry.OpMemberInvite, p.ID, "", registry.MemberInvite{Login: login})
	w.must(err)
	done, err := w.register.Do(ctx, local, op, registry.Intent{})
	w.must(err)
	return registry.Invitation{Account: *done.Member, Token: secret.NewValue([]byte(done.Secret))}
}

// at lets a browser's next requests go to another sign-in of the same host: with the same cookies, as browsers do it.
func (b *browser) at(w *world) *browser {
	other := *b
	other.w, other.host, other.origin = w, strings.TrimPrefix(w.cfg.PublicURL, "https://"), w.cfg.PublicURL
	return &other
}

func portalKey(t *testing.T) *authenticator {
	key := newAuthenticator(t)
	key.origin = atPortal
	return key
}

// A member comes by a link, registers a passkey, signs out and in, and comes back with a recovery code.
func TestAMemberRegistersSignsInAndRecovers(t *testing.T) {
	w := newWorld(t)
	p := w.portal()
	acme, link := w.acme("eve@acme.example")
	b, key := p.browser(), portalKey(t)
	if page := b.openLink(link); !strings.Contains(page.body, "eve@acme.example") || strings.Contains(page.body, "first admin") || strings.Contains(page.body, "oidc") {
		t.Errorf("%s", page.body)
	}
	var done struct {
		Next     string   `json:"next"`
		Recovery []string `json:"recovery"`
	}
	got := b.register(key, map[string]any{"link": true, "key": "laptop"}).want(t, http.StatusOK, "")
	got.read(t, &done)
	if done.Next != "/start" || len(done.Recovery) != operator.RecoveryCodes {
		t.Errorf("%+v", done)
	}
	if cookies := strings.Join(got.Header.Values("Set-Cookie"), "\n"); !strings.Contains(cookies, "__Host-countersign-portal=csms_") || strings.Contains(cookies, "__Host-countersign=") {
		t.Errorf("cookies: %s", cookies)
	}
	who := b.is("eve@acme.example")
	if who.Kind != operator.KindMember || who.PartnerID != acme.ID || len(who.Permissions) != 0 {
		t.Errorf("%+v", who)
	}
	page := b.get("/sign-in/").want(t, http.StatusOK, "").body
	if strings.Contains(page, "Roles") || strings.Contains(page, "Environments") || !strings.Contains(page, "eve@acme.example") {
		t.Errorf("the page of one's own account: %s", page)
	}
	if !strings.Contains(page, `href="/start"`) {
		t.Errorf("from one's own account nothing leads back to the portal: %s", page)
	}
	b.form("/sign-in/out").want(t, http.StatusSeeOther, "/sign-in/")
	b.is("")
	if page := b.get("/sign-in/").body; strings.Contains(page, "break-glass") || strings.Contains(page, "oidc") || !strings.Contains(page, "Sign in with a passkey") {
		t.Errorf("the sign-in page: %s", page)
	}
	b.signIn(key).want(t, http.StatusOK, "")
	b.is("eve@acme.example")
	lost := p.browser()
	lost.form("/sign-in/recovery", "login", "eve@acme.example", "code", done.Recovery[0]).want(t, http.StatusSeeOther, "/sign-in/")
	lost.is("") // it registers a passkey, and nothing else
	another := portalKey(t)
	lost.register(another, map[string]any{"key": "new"}).want(t, http.StatusOK, "")
	lost.signIn(another).want(t, http.StatusOK, "")
	lost.is("eve@acme.example")
	if w.count(audit.MemberSignedIn) != 3 || w.count(audit.MemberRecovered) != 1 || w.count(audit.AccountSignedIn) != 0 {
		t.Errorf("%+v", w.rows())
	}
}

// Cookies are shared between the ports of one host: both sign-ins stay, and neither counts at the other one.
func TestRule11OneBrowserIsAnOperatorHereAndAMemberThere(t *testing.T) {
	w := newWorld(t)
	p := w.portal()
	console, key, codes := w.admin()
	_, link := w.acme("root@example.com") // the very login of the admin
	portal := console.at(p)
	portal.is("")
	portal.openLink(link)
	member := portalKey(t)
	portal.register(member, map[string]any{"link": true, "key": "laptop"}).want(t, http.StatusOK, "")
	if console.is("root@example.com").Kind != operator.KindAccount || portal.is("root@example.com").Kind != operator.KindMember {
		t.Error("one sign-in took the other one's place")
	}
	// The session of one under the cookie's name of the other.
	for name, at := range map[string]*browser{"__Host-countersign-portal": portal, "__Host-countersign": console} {
		for _, c := range at.request().Cookies() {
			r := at.w.browser().request()
			r.AddCookie(&http.Cookie{Name: name, Value: c.Value})
			got, err := at.w.handler.Authenticate(r)
			if own := strings.HasPrefix(c.Value, "csms_") == (at == portal); c.Name == "__Host-countersign" || c.Name == "__Host-countersign-portal" {
				if (err == nil) != own {
					t.Errorf("the session of %s as %s: %+v, %v", c.Name, name, got, err)
				}
			}
		}
	}
	// Passkeys, codes and links of one at the other.
	key.origin, member.origin = atPortal, public
	p.browser().signIn(key).want(t, http.StatusForbidden, "")
	w.browser().signIn(member).want(t, http.StatusForbidden, "")
	p.browser().form("/sign-in/recovery", "login", "root@example.com", "code", codes[0]).want(t, http.StatusForbidden, "")
	_, fresh := w.acme("new@acme.example")
	w.browser().form("/sign-in/link", "token", string(fresh.Token.Bytes())).want(t, http.StatusForbidden, "")
	account, err := w.register.InviteAccount(ctx, local, registry.AccountInvite{Login: "x@example.com", Roles: []operator.Role{operator.Viewer}})
	w.must(err)
	p.browser().form("/sign-in/link", "token", string(account.Token.Bytes())).want(t, http.StatusForbidden, "")
	// Signing out of one leaves the other.
	portal.form("/sign-in/out").want(t, http.StatusSeeOther, "/sign-in/")
	portal.is("")
	console.is("root@example.com")
}

// A ceremony that was begun at one sign-in is not finished at the other.
func TestRule11ACeremonyIsOfOneRealm(t *testing.T) {
	w := newWorld(t)
	p := w.portal()
	console, key, _ := w.admin()
	challenge := console.challenge()
	key.origin = atPortal
	r := console.at(p)
	for _, c := range console.request().Cookies() { // under the names of the portal
		r.jar.SetCookies(mustURL(t, atPortal), []*http.Cookie{{Name: strings.Replace(c.Name, "countersign", "countersign-portal", 1), Value: c.Value, Path: "/", Secure: true}})
	}
	r.json("/sign-in/passkey/finish", map[string]any{"credential": key.get(challenge), "next": "/"}).want(t, http.StatusForbidden, "")
	if p.failed["passkey"] != 1 {
		t.Errorf("%v", p.failed)
	}
}

// What operators have beside passkeys, members do not: no provider, no break-glass, no terminals, no tokens in a header.
func TestMembersHavePasskeysAndNothingElse(t *testing.T) {
	w := newWorld(t)
	p := w.portal()
	_, link := w.acme("eve@acme.example")
	b, key := p.browser(), portalKey(t)
	b.openLink(link)
	b.register(key, map[string]any{"link": true, "key": "laptop"}).want(t, http.StatusOK, "")
	for _, path := range []string{"/sign-in/oidc", "/sign-in/oidc/callback?code=a&state=b", "/sign-in/break-glass",
		"/sign-in/cli?challenge=" + strings.Repeat("a", 43) + "&port=5000&state=" + strings.Repeat("s", 16)} {
		b.get(path).want(t, http.StatusNotFound, "")
	}
	b.form("/sign-in/break-glass", "code", "x", "why", "because it burns").want(t, http.StatusNotFound, "")
	b.form("/sign-in/cli", "answer", "yes").want(t, http.StatusNotFound, "")
	b.json("/sign-in/cli/token", map[string]string{"code": "a", "verifier": "b"}).want(t, http.StatusNotFound, "")
	for _, c := range b.request().Cookies() {
		r := p.browser().request()
		r.Header.Set("Authorization", "Bearer "+c.Value)
		if _, err := p.handler.Authenticate(r); err == nil {
			t.Error("a session counts in a header")
		}
	}
	cfg := p.cfg
	cfg.OIDC = &signin.OIDC{Issuer: "https://id.example.com", ClientID: "countersign"}
	if _, err := signin.New(cfg); err == nil {
		t.Error("a provider of operators is taken for members")
	}
	cfg.OIDC, cfg.Register = nil, w.register
	if _, err := signin.New(cfg); err == nil {
		t.Error("a sign-in of both realms is taken")
	}
}

// The user handle that an authenticator keeps is the member's own row identity, which no operator has.
func TestRule11UserHandlesAreOfTheirRealm(t *testing.T) {
	w := newWorld(t)
	p := w.portal()
	_, link := w.acme("eve@acme.example")
	b := p.browser()
	b.openLink(link)
	var o options
	b.json("/sign-in/passkey/new", map[string]any{"link": true, "key": "laptop"}).want(t, http.StatusOK, "").read(t, &o)
	handle, err := base64.RawURLEncoding.DecodeString(o.PublicKey.User.ID)
	if err != nil || string(handle) != link.Account.ID || !strings.HasPrefix(string(handle), "mbr_") {
		t.Errorf("%s, %v", handle, err)
	}
}

// Sessions of members end as those of operators do, and with their partner.
func TestRule36AMembersSessionEnds(t *testing.T) {
	w := newWorld(t)
	p := w.portal(func(c *signin.Config) { c.Terms = registry.SessionTerms{Idle: 10 * time.Minute, Absolute: time.Hour} })
	acme, link := w.acme("eve@acme.example")
	b, key := p.browser(), portalKey(t)
	b.openLink(link)
	b.register(key, map[string]any{"link": true, "key": "laptop"}).want(t, http.StatusOK, "")
	w.clock.pass(10*time.Minute + time.Microsecond)
	b.is("")
	b.signIn(key).want(t, http.StatusOK, "")
	for range 6 {
		b.is("eve@acme.example")
		w.clock.pass(10 * time.Minute)
	}
	b.is("eve@acme.example") // in its very last moment
	w.clock.pass(time.Microsecond)
	b.is("")
	b.signIn(key).want(t, http.StatusOK, "")
	w.must(w.register.ClosePartner(ctx, local, acme.ID, "contract ended"))
	b.is("")
	b.signIn(key).want(t, http.StatusForbidden, "")
}

// The link that dev prints lets the demonstration's member in, at the portal alone.
func TestADemonstrationsMemberIsLetInByItsLink(t *testing.T) {
	w := newWorld(t)
	acme, _ := w.acme("eve@acme.example")
	demo, err := w.register.DemoMember(ctx, registry.Actor{Kind: registry.System, Name: "dev"}, acme.ID, "demo@partner.localhost")
	w.must(err)
	text, err := operator.NewToken(randomOnes{}, operator.MemberLinkToken, "")
	w.must(err)
	p := w.portal(func(c *signin.Config) {
		c.Demo = &signin.Demo{Token: secret.NewValue([]byte(text)), Login: "demo@partner.localhost"}
	})
	b := p.browser()
	b.form("/sign-in/link", "token", text).want(t, http.StatusSeeOther, "/start")
	if who := b.is("demo@partner.localhost"); who.ID != demo.ID || who.PartnerID != acme.ID {
		t.Errorf("%+v", who)
	}
	w.browser().form("/sign-in/link", "token", text).want(t, http.StatusForbidden, "")
}

// Refused sign-ins of the portal are in the record like those of operators.
func TestRefusedSignInsOfMembersAreRecorded(t *testing.T) {
	w := newWorld(t)
	p := w.portal()
	p.browser().form("/sign-in/link", "token", "csml_nothing").want(t, http.StatusForbidden, "")
	rows := w.rows()
	if last := rows[len(rows)-1]; last.Action != audit.AttemptRefused || last.Subject != "sign_in.link" || last.Actor != "anonymous:192.0.2.1" {
		t.Errorf("%+v", last)
	}
}

// randomOnes is a source that a test can repeat.
type randomOnes struct{}

func (randomOnes) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = 1
	}
	return len(b), nil
}

func mustURL(t *testing.T, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// A code that does not fit leaves the login in its place, as text and nothing else.
func TestARefusedRecoveryKeepsTheLogin(t *testing.T) {
	p := newWorld(t).portal()
	got := p.browser().form("/sign-in/recovery", "login", `eve"><b>@acme.example`, "code", "aaaa-aaaa-aaaa-aaaa").want(t, http.StatusForbidden, "")
	if !strings.Contains(got.body, `value="eve&#34;&gt;&lt;b&gt;@acme.example"`) || strings.Contains(got.body, "aaaa-aaaa") {
		t.Errorf("%s", got.body)
	}
	if page := p.browser().get("/sign-in/recovery").body; strings.Contains(page, "value=") {
		t.Errorf("%s", page)
	}
}
