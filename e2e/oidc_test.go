package e2e_test

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// oidcOffice is an office whose people sign in with a real provider.
type oidcOffice struct {
	*office
	provider *provider
}

// The groups of the provider and what their members are here.
const groupRoles = "[{group: ops, role: operator}, {group: reviewers, role: approver}, {group: reviewers, role: viewer}, {group: audit, role: auditor}]"

func newOIDCOffice(t *testing.T) *oidcOffice {
	t.Helper()
	p := startProvider(t)
	_, port, _ := net.SplitHostPort(freeAddress(t)) // the redirect URL is told to the provider before the server runs
	secret := filepath.Join(t.TempDir(), "client-secret")
	if err := os.WriteFile(secret, []byte("client-secret-of-the-office\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	at := "http://localhost:" + port
	// The provider sends no email_verified: the login is another claim, of which its word is taken.
	o := officeOf(t, binary(t), port, fmt.Sprintf(`public_url: %s
  oidc: {issuer: "%s", client_id: countersign, client_secret_file: %s, login_claim: login, roles: %s}`, at, p.issuer, secret, groupRoles))
	p.client(t, "countersign", "client-secret-of-the-office", at+"/sign-in/oidc/callback")
	o.open(t)
	if o.url != at {
		t.Fatalf("the plane is at %s, want %s", o.url, at)
	}
	return &oidcOffice{o, p}
}

// begin sends the person's browser off to the provider, and returns where to.
func (p *person) begin(t *testing.T) *url.URL {
	t.Helper()
	a := p.get(t, "/sign-in/oidc?next=/sign-in/").want(t, http.StatusFound)
	at, err := url.Parse(a.header.Get("Location"))
	if err != nil {
		t.Fatal(err)
	}
	q := at.Query()
	if q.Get("code_challenge_method") != "S256" || q.Get("code_challenge") == "" || q.Get("state") == "" ||
		q.Get("nonce") == "" || q.Get("response_type") != "code" {
		t.Errorf("the browser is sent to %s", at)
	}
	return at
}

// back is the browser's way back to the server.
func (p *person) back(t *testing.T, at *url.URL) *answer {
	t.Helper()
	if !strings.HasPrefix(at.String(), p.office.url+"/sign-in/oidc/callback?") {
		t.Fatalf("the provider sends the browser to %s", at)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, at.String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	return asked(t, p.browser, r)
}

// signs goes to the provider and comes back.
func (o *oidcOffice) signs(t *testing.T, p *person) *answer {
	t.Helper()
	name, _, _ := strings.Cut(p.login, "@")
	return p.back(t, o.provider.asks(t, p.browser, name, "countersign", p.begin(t)))
}

// enters signs in and lets the terminal in.
func (o *oidcOffice) enters(t *testing.T, login string) *person {
	t.Helper()
	p := o.person(t, login)
	if a := o.signs(t, p).want(t, http.StatusSeeOther); a.header.Get("Location") != "/sign-in/" {
		t.Errorf("signed in, and sent to %q", a.header.Get("Location"))
	}
	p.terminal(t)
	return p
}

// me is who the browser is; no roles: nobody.
func (p *person) me(t *testing.T) (actor string, roles []string) {
	t.Helper()
	a := p.get(t, "/v1/me")
	if a.status == http.StatusUnauthorized {
		return "", nil
	}
	var me struct {
		Actor string
		Roles []string
	}
	a.want(t, http.StatusOK).decode(t, &me)
	return me.Actor, me.Roles
}

// is fails unless the browser is somebody with these roles.
func (p *person) is(t *testing.T, actor string, roles ...string) {
	t.Helper()
	if a, r := p.me(t); a != actor || strings.Join(r, " ") != strings.Join(roles, " ") {
		t.Errorf("the browser is %q with %v, want %q with %v", a, r, actor, roles)
	}
}

// regroup changes somebody's groups at the provider.
func (p *provider) regroup(t *testing.T, name string, groups ...string) {
	t.Helper()
	p.call(t, "PUT", "/user/"+name, map[string]any{"username": name, "name": strings.ToUpper(name[:1]) + name[1:],
		"email": name + "@example.com",
		"scope": []string{"openid", "g_profile"}, "groups": groups, "enabled": true})
}

// refusals are the rows of refused attempts, as an auditor reads them.
func refusals(t *testing.T, auditor *person) []row {
	t.Helper()
	var rows []row
	auditor.read(t, &rows, "audit", "changes", "--action", "attempt.refused", "--limit", "10000")
	return rows
}

// noted fails unless a refused attempt of an operation is in the record, with all the texts.
func noted(t *testing.T, auditor *person, operation string, texts ...string) {
	t.Helper()
	rows := refusals(t, auditor)
	for _, r := range rows {
		fits := r.Subject == operation
		for _, text := range texts {
			fits = fits && strings.Contains(r.Actor+" "+r.Detail, text)
		}
		if fits {
			return
		}
	}
	t.Errorf("no refused %s with %q is in the record: %+v", operation, texts, rows)
}

// TestOIDCAgainstARealProvider: people sign in with Debian's glewlwyd, their groups are their roles, and what is tampered with on the
// way is refused and recorded.
func TestOIDCAgainstARealProvider(t *testing.T) {
	o := newOIDCOffice(t)
	o.provider.user(t, "alice", "ops")
	o.provider.user(t, "bob", "reviewers", "bowling")
	o.provider.user(t, "carol", "audit")
	o.provider.user(t, "eve", "guests")
	carol := o.enters(t, "carol@example.com")
	carol.is(t, "operator:carol@example.com", "auditor")
	alice := o.enters(t, "alice@example.com")
	alice.is(t, "operator:alice@example.com", "operator")
	if said := alice.must(t, "whoami"); !strings.Contains(said, "operator:alice@example.com") || !strings.Contains(said,
		"roles         operator") {
		t.Errorf("whoami says\n%s", said)
	}
	bob := o.enters(t, "bob@example.com")
	bob.is(t, "operator:bob@example.com", "viewer", "approver")

	eve := o.person(t, "eve@example.com")
	if a := o.signs(t, eve).want(t, http.StatusForbidden); !strings.Contains(string(a.body), "group") {
		t.Errorf("who is in no group with a role hears: %s", a.body)
	}
	eve.is(t, "")
	noted(t, carol, "sign_in.oidc", "eve@example.com")

	t.Run("tampered", func(t *testing.T) { o.tampered(t, carol) })

	// Two people who signed in so do the work of two.
	bank := o.admits(t, alice, bob)
	o.calls(t, bank).want(t, http.StatusOK)

	// What the provider says counts at the next sign-in, and ends what was signed in before.
	o.provider.regroup(t, "alice", "audit", "reviewers")
	alice.is(t, "operator:alice@example.com", "operator")
	o.signs(t, alice).want(t, http.StatusSeeOther)
	alice.is(t, "operator:alice@example.com", "viewer", "approver", "auditor")
	alice.refused(t, "countersign login", "partner", "add", "With the rights of yesterday")
	alice.terminal(t)
	alice.refused(t, "partners.write", "partner", "add", "Nobody's")
	noted(t, carol, "partner.create", "operator:alice@example.com", "partners.write")

	// Out is out: of the browser, and of the terminal.
	alice.form(t, "/sign-in/out").want(t, http.StatusSeeOther)
	alice.is(t, "")
	alice.must(t, "whoami")
	alice.must(t, "logout")
	alice.refused(t, "nobody is signed in", "whoami")
	t.Run("provider down", func(t *testing.T) { o.withoutProvider(t, bank) })
}

// tampered: an answer of the provider counts once, in its own browser, for the very sign-in that it was made for.
func (o *oidcOffice) tampered(t *testing.T, auditor *person) {
	with := func(u *url.URL, name, value string) *url.URL {
		q := u.Query()
		q.Set(name, value)
		changed := *u
		changed.RawQuery = q.Encode()
		return &changed
	}
	asks := func(p *person, at *url.URL) *url.URL {
		return o.provider.asks(t, p.browser, "alice", "countersign", at)
	}
	for name, play := range map[string]func(p *person) *url.URL{
		"another state":           func(p *person) *url.URL { return with(asks(p, p.begin(t)), "state", strings.Repeat("x", 43)) },
		"another nonce":           func(p *person) *url.URL { return asks(p, with(p.begin(t), "nonce", strings.Repeat("x", 43))) },
		"another challenge":       func(p *person) *url.URL { return asks(p, with(p.begin(t), "code_challenge", strings.Repeat("x", 43))) },
		"a code that nobody gave": func(p *person) *url.URL { return with(asks(p, p.begin(t)), "code", "nobody") },
		"another browser's": func(p *person) *url.URL {
			other := o.person(t, "alice@example.com")
			return asks(other, other.begin(t))
		},
		"an older one": func(p *person) *url.URL {
			first := asks(p, p.begin(t))
			p.begin(t)
			return first
		},
		"one that was used": func(p *person) *url.URL {
			used := asks(p, p.begin(t))
			p.back(t, used).want(t, http.StatusSeeOther)
			p.form(t, "/sign-in/out").want(t, http.StatusSeeOther)
			return used
		},
	} {
		p := o.person(t, "alice@example.com")
		if a := p.back(t, play(p)); a.status != http.StatusForbidden {
			t.Errorf("%s: %v", name, a)
		}
		p.is(t, "")
	}
	for _, why := range []string{"the state is not the one that was sent", "not made for this sign-in",
		"the provider did not take its code", "was not begun in this browser"} {
		noted(t, auditor, "sign_in.oidc", why)
	}
}

// withoutProvider: nobody can sign in with it, which is told plainly; everything else goes on, also after a restart.
func (o *oidcOffice) withoutProvider(t *testing.T, bank issued) {
	p := o.person(t, "bob@example.com")
	late := o.provider.asks(t, p.browser, "bob", "countersign", p.begin(t))
	o.provider.stop()
	told := func(a *answer) {
		t.Helper()
		a.want(t, http.StatusServiceUnavailable)
		if a.header.Get("Retry-After") == "" || !strings.Contains(string(a.body), "The identity provider does not answer") {
			t.Errorf("%v", a)
		}
	}
	told(p.back(t, late))
	o.calls(t, bank).want(t, http.StatusOK)
	mustStop(t, o.d)
	o.open(t)
	told(p.get(t, "/sign-in/oidc"))
	p.get(t, "/sign-in/").want(t, http.StatusOK)
	o.calls(t, bank).want(t, http.StatusOK)
	o.d.until(t, "/readyz", http.StatusOK, `"ready":true`)
}

// admits brings a partner into the sandbox, as two people do it, and returns a key of it.
func (o *office) admits(t *testing.T, asker, approver *person) (key issued) {
	t.Helper()
	asker.must(t, "partner", "add", "Example Bank")
	asker.must(t, "partner", "request-access", "Example Bank", "-e", sandbox)
	asker.must(t, "review", "start", "Example Bank", "-e", sandbox)
	asker.must(t, "review", "evidence", "add", "Example Bank", "--link", "https://contracts.example.com/17", "--name",
		"Agreement", "-e", sandbox, "--item", "agreement")
	asker.must(t, "review", "check", "Example Bank", "agreement", "-e", sandbox)
	asker.must(t, "review", "check", "Example Bank", "contact", "-e", sandbox)
	approver.must(t, "partner", "approve", "Example Bank", "-e", sandbox)
	asker.must(t, "network", "allow", "Example Bank", "-e", sandbox, "127.0.0.0/8")
	asker.read(t, &key, "credential", "issue", "Example Bank", "-e", sandbox, "--kind", "signing-key", "--wait")
	if key.Secret == "" {
		t.Fatalf("no secret: %+v", key)
	}
	tell(key.Secret)
	return key
}

// calls is a signed call of the sandbox.
func (o *office) calls(t *testing.T, key issued) *answer {
	t.Helper()
	c := get("office")
	c.token, c.secret, c.ts = key.KeyID, key.Secret, o.stamp()
	return o.d.signed(t, sandbox, c)
}
