package signin_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/edge/signin"
	"countersign.dev/internal/operator"
	"countersign.dev/internal/registry"
	"countersign.dev/internal/secret"
)

func mustNew(t *testing.T, cfg signin.Config) *signin.Handler {
	t.Helper()
	h, err := signin.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func demoToken(t *testing.T) *signin.Demo {
	t.Helper()
	text, err := operator.NewToken(rand.Reader, operator.LinkToken, "")
	if err != nil {
		t.Fatal(err)
	}
	return &signin.Demo{Token: secret.NewValue([]byte(text)), Login: "demo@localhost"}
}

func TestNewRefuses(t *testing.T) {
	good := newWorld(t).cfg
	provider := signin.OIDC{Issuer: "https://id.example.com", ClientID: "countersign"}
	for name, change := range map[string]func(*signin.Config){
		"no register":          func(c *signin.Config) { c.Register = nil },
		"no clock":             func(c *signin.Config) { c.Now = nil },
		"no URL":               func(c *signin.Config) { c.PublicURL = "" },
		"plain http elsewhere": func(c *signin.Config) { c.PublicURL = "http://admin.example.com" },
		"a path":               func(c *signin.Config) { c.PublicURL = public + "/admin" },
		"a user":               func(c *signin.Config) { c.PublicURL = "https://a@admin.example.com" },
		"passkeys by address":  func(c *signin.Config) { c.PublicURL = "http://127.0.0.1:8443" },
		"a plain issuer": func(c *signin.Config) {
			c.OIDC = with(provider, func(o *signin.OIDC) { o.Issuer = "http://id.example.com" })
		},
		"no issuer": func(c *signin.Config) { c.OIDC = with(provider, func(o *signin.OIDC) { o.Issuer = "" }) },
		"no client": func(c *signin.Config) { c.OIDC = with(provider, func(o *signin.OIDC) { o.ClientID = "" }) },
		"an unknown role": func(c *signin.Config) {
			c.OIDC = with(provider, func(o *signin.OIDC) { o.Roles = map[string][]operator.Role{"g": {"root"}} })
		},
	} {
		cfg := good
		change(&cfg)
		if h, err := signin.New(cfg); err == nil || h != nil {
			t.Errorf("%s is taken", name)
		}
	}
	for _, fine := range []string{"https://admin.example.com:8443", "http://localhost:8443", "http://localhost", "https://ADMIN.example.com:443/"} {
		cfg := good
		cfg.PublicURL = fine
		mustNew(t, cfg)
	}
}

func with(o signin.OIDC, change func(*signin.OIDC)) *signin.OIDC { change(&o); return &o }

func TestRule31OnlyThePublicHostIsAnswered(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	for _, host := range []string{"evil.example", "admin.example.com.evil.example", "admin.example.com:8443", "127.0.0.1", "", "localhost"} {
		b.host = host
		for _, path := range []string{"/sign-in/", "/sign-in/style.css"} {
			if got := b.get(path); got.StatusCode != http.StatusMisdirectedRequest {
				t.Errorf("%q: %s", host, got.Status)
			}
		}
	}
	b.host = "ADMIN.example.com:443"
	b.get("/sign-in/").want(t, http.StatusOK, "")
	b.get("/").want(t, http.StatusSeeOther, "/sign-in/")

	cfg := w.cfg
	cfg.PublicURL = "http://localhost:8443"
	w.handler = mustNew(t, cfg)
	b.host = "127.0.0.1:8443"
	b.get("/sign-in/link").want(t, http.StatusFound, "http://localhost:8443/sign-in/link")
	b.form("/sign-in/link", "token", "x").want(t, http.StatusMisdirectedRequest, "")
	b.host = "evil.example"
	b.get("/sign-in/link").want(t, http.StatusMisdirectedRequest, "")
}

func TestRule31AnotherOriginChangesNothing(t *testing.T) {
	w := newWorld(t)
	b, _, _ := w.admin()
	ours := map[bool]string{true: "is let through", false: "is refused"}
	for _, row := range []struct {
		site, origin string
		ok           bool
	}{
		{"same-origin", public, true},
		{"same-origin", "null", true}, // with a referrer policy of the browser's own
		{"", public, true},            // a browser of before 2023
		{"", "", false},               // no browser posts without either
		{"", "null", false},
		{"", "https://evil.example", false},
		{"", "http://admin.example.com", false},
		{"", public + ":8443", false},
		{"cross-site", public, false},
		{"same-site", "https://other.example.com", false},
		{"same-origin", "https://evil.example", false},
		{"none", "", false},
	} {
		b.site, b.origin = row.site, row.origin
		got := b.form("/sign-in/passkey/remove", "key", "unknown")
		if (got.StatusCode != http.StatusForbidden) != row.ok {
			t.Errorf("Sec-Fetch-Site %q, Origin %q: %s, expected that it %s", row.site, row.origin, got.Status, ours[row.ok])
		}
	}
	b.site, b.origin = "cross-site", "https://evil.example"
	b.form("/sign-in/out").want(t, http.StatusForbidden, "")
	b.site, b.origin = "same-origin", public
	b.is("root@example.com")
	w.program().json("/sign-in/cli/token", map[string]string{"code": "x", "verifier": "y"}).want(t, http.StatusBadRequest, "")
	evil := w.browser()
	evil.site, evil.origin = "cross-site", "https://evil.example"
	evil.json("/sign-in/cli/token", map[string]string{"code": "x", "verifier": "y"}).want(t, http.StatusForbidden, "")
}

func TestASessionIsNeverTakenOverFromBefore(t *testing.T) {
	w := newWorld(t)
	admin, key, _ := w.admin()
	attacker := admin.is("root@example.com")
	victim := w.browser()
	victim.jar = admin.jar // the attacker has planted a session of the attacker's own
	_, other := w.person("bob@example.com", operator.Viewer)
	victim.signIn(other).want(t, http.StatusOK, "")
	if p := victim.is("bob@example.com"); p.SessionID == attacker.SessionID {
		t.Error("the session from before goes on")
	}
	victim.signIn(key).want(t, http.StatusOK, "")
	victim.is("root@example.com")
}

func TestCookiesAndHeadersGiveNothingAway(t *testing.T) {
	w := newWorld(t)
	_, key, _ := w.admin()
	got := w.browser().signIn(key).want(t, http.StatusOK, "")
	found := false
	for _, line := range got.Header.Values("Set-Cookie") {
		if !strings.HasPrefix(line, "__Host-countersign=csss_") {
			continue
		}
		found = true
		for _, part := range []string{"; Path=/", "; HttpOnly", "; Secure", "; SameSite=Lax"} {
			if !strings.Contains(line, part) {
				t.Errorf("%s lacks %s", line, part)
			}
		}
		if strings.Contains(line, "Domain") || strings.Contains(line, "Expires") {
			t.Error(line)
		}
	}
	if !found {
		t.Errorf("no session cookie: %v", got.Header)
	}
	b := w.browser()
	for _, path := range []string{"/sign-in/", "/sign-in/style.css", "/sign-in/passkey.js", "/sign-in/nothing", "/sign-in/link", "/sign-in/recovery"} {
		h := b.get(path).Header
		csp := h.Get("Content-Security-Policy")
		if !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "frame-ancestors 'none'") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: %s", path, csp)
		}
		if h.Get("Cache-Control") != "no-store" || h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") == "" || h.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: %v", path, h)
		}
	}
	if page := b.get("/sign-in/").body; strings.Contains(page, "<script>") || strings.Contains(page, "style=") || strings.Contains(page, "onclick") {
		t.Error("the policy would refuse what the page holds inline")
	}
}

func TestRule20TwoProofsAreNone(t *testing.T) {
	w := newWorld(t)
	b, _, _ := w.admin()
	_, token, err := w.register.CreateService(ctx, local, registry.ServiceCreate{Name: "robot", Roles: []operator.Role{operator.Viewer}, NotAfter: w.clock.now().Add(time.Hour)})
	w.must(err)
	service := "Bearer " + string(token.Bytes())
	session := b.request().Header.Get("Cookie")
	for name, row := range map[string]struct {
		bearer, cookie []string
		who            string
	}{
		"a session":               {nil, []string{session}, "root@example.com"},
		"a service account":       {[]string{service}, nil, "robot"},
		"both":                    {[]string{service}, []string{session}, ""},
		"two tokens":              {[]string{service, service}, nil, ""},
		"two cookies":             {nil, []string{session + "; " + session}, ""},
		"nothing":                 {nil, nil, ""},
		"another scheme":          {[]string{"Basic " + service[7:]}, nil, ""},
		"lower case":              {[]string{"bearer " + service[7:]}, nil, ""},
		"more behind it":          {[]string{service + " x"}, nil, ""},
		"a session as a token":    {[]string{"Bearer " + strings.TrimPrefix(session, "__Host-countersign=")}, nil, ""},
		"a token as a session":    {nil, []string{"__Host-countersign=" + service[7:]}, ""},
		"without the host prefix": {nil, []string{strings.TrimPrefix(session, "__Host-")}, ""},
	} {
		r := httptest.NewRequest("GET", "/v1/me", nil)
		r.Header["Authorization"], r.Header["Cookie"] = row.bearer, row.cookie
		p, err := w.handler.Authenticate(r)
		if p.Name != row.who || (row.who == "") != errors.Is(err, operator.ErrNotSignedIn) {
			t.Errorf("%s: %q, %v", name, p.Name, err)
		}
	}
}

func TestRule30StrangersDoNotLockAnAccount(t *testing.T) {
	w := newWorld(t)
	_, key, codes := w.admin()
	stranger := w.browser()
	stranger.peer = "203.0.113.9:1"
	wrong := func(b *browser) int {
		return b.form("/sign-in/recovery", "login", "root@example.com", "code", "aaaa-aaaa-aaaa-aaaa").StatusCode
	}
	tries := 0
	for wrong(stranger) == http.StatusForbidden {
		if tries++; tries > 100 {
			t.Fatal("nobody stops the stranger")
		}
	}
	if tries != 5 {
		t.Errorf("%d tries at one account's codes", tries)
	}
	again := stranger.form("/sign-in/recovery", "login", "root@example.com", "code", codes[0]).want(t, http.StatusTooManyRequests, "")
	if again.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	w.browser().form("/sign-in/recovery", "login", "root@example.com", "code", codes[0]).want(t, http.StatusSeeOther, "/sign-in/")
	w.browser().signIn(key).want(t, http.StatusOK, "")
	six := w.browser()
	for i := range 12 { // one host has a whole /64
		six.peer = fmt.Sprintf("[2001:db8::%x]:1", i+1)
		last := wrong(six)
		if want := map[bool]int{true: http.StatusForbidden, false: http.StatusTooManyRequests}[i < 5]; last != want {
			t.Errorf("try %d: %d", i+1, last)
		}
	}
	w.clock.pass(time.Hour)
	if wrong(stranger) != http.StatusForbidden {
		t.Error("it never ends")
	}
}

func TestWhatIsKeptBeforeAProofIsBoundedForEachSource(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	n := 0
	for b.json("/sign-in/passkey/begin", struct{}{}).StatusCode == http.StatusOK {
		if n++; n > 1000 {
			t.Fatal("one source may begin without end")
		}
	}
	other := w.browser()
	other.peer = "198.51.100.1:1"
	other.challenge()
	w.clock.pass(10 * time.Second)
	b.challenge()
	cfg := w.cfg
	cfg.Register = forgetful{w.register}
	w.handler = mustNew(t, cfg)
	all := 0
	for i := range 1500 { // however many addresses somebody has
		b.peer = fmt.Sprintf("[2001:db8:%x::1]:1", i)
		if b.json("/sign-in/passkey/begin", struct{}{}).StatusCode == http.StatusOK {
			all++
		}
	}
	if all > 1000 || all == 0 {
		t.Errorf("%d sign-ins were begun at once", all)
	}
}

func TestRefusedSignInsAreRecordedAndCannotFillTheRecord(t *testing.T) {
	w := newWorld(t)
	bad := func(peer string) {
		b := w.browser()
		b.peer = peer
		b.form("/sign-in/link", "token", "csln_x")
	}
	for range 6 {
		bad("203.0.113.1:1")
	}
	bad("203.0.113.2:1")
	if n := w.count(audit.AttemptRefused); n != 2 {
		t.Errorf("%d rows for two sources in one minute", n)
	}
	w.clock.pass(time.Minute)
	bad("203.0.113.1:1")
	rows := w.rows()
	last := rows[len(rows)-1]
	if last.Actor != "anonymous:203.0.113.1" || last.Subject != "sign_in.link" || !strings.HasSuffix(last.Detail, "; and 5 times more before") {
		t.Errorf("%+v", last)
	}
	for i := range 150 {
		bad(fmt.Sprintf("198.51.%d.%d:1", 100+i/250, i%250))
	}
	if n := w.count(audit.AttemptRefused); n > 3+61 {
		t.Errorf("%d rows", n)
	}
}

func TestBodiesAreReadStrictly(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	for _, row := range []struct {
		path, kind, body string
		status           int
	}{
		{"/sign-in/passkey/begin", "text/plain", "{}", http.StatusUnsupportedMediaType},
		{"/sign-in/passkey/begin", "application/json", `{"x":1}`, http.StatusBadRequest},
		{"/sign-in/passkey/begin", "application/json", `{} {}`, http.StatusBadRequest},
		{"/sign-in/passkey/begin", "application/json", `[]`, http.StatusBadRequest},
		{"/sign-in/passkey/begin", "application/json", ``, http.StatusBadRequest},
		{"/sign-in/passkey/finish", "application/json", `{"credential":"` + strings.Repeat("a", 70<<10) + `"}`, http.StatusBadRequest},
		{"/sign-in/link", "application/json", `{"token":"x"}`, http.StatusBadRequest},
		{"/sign-in/link", "application/x-www-form-urlencoded", "token=%zz", http.StatusBadRequest},
		{"/sign-in/link", "application/x-www-form-urlencoded", "token=" + strings.Repeat("a", 70<<10), http.StatusBadRequest},
		{"/sign-in/nothing", "application/json", "{}", http.StatusNotFound},
	} {
		if got := b.send("POST", row.path, row.kind, []byte(row.body)); got.StatusCode != row.status {
			t.Errorf("%s %s %.40s: %s", row.path, row.kind, row.body, got.Status)
		}
	}
	for _, path := range []string{"/sign-in/out", "/sign-in/passkey/begin", "/sign-in/cli/token"} {
		b.get(path).want(t, http.StatusNotFound, "")
	}
}

func TestWithoutPasskeysOrProviderNothingOfThemIsThere(t *testing.T) {
	w := newWorld(t, func(c *signin.Config) { c.Passkeys = false })
	b := w.browser()
	b.json("/sign-in/passkey/begin", struct{}{}).want(t, http.StatusNotFound, "")
	b.get("/sign-in/oidc").want(t, http.StatusNotFound, "")
	b.get("/sign-in/oidc/callback?code=a&state=b").want(t, http.StatusNotFound, "")
	if page := b.get("/sign-in/").body; strings.Contains(page, "data-passkey") || strings.Contains(page, "/sign-in/oidc") {
		t.Error(page)
	}
}

func TestAStoreThatFailsIs503AndLetsNobodyIn(t *testing.T) {
	w := newWorld(t)
	b, _, _ := w.admin()
	cfg := w.cfg
	cfg.Register = broken{w.register}
	w.handler = mustNew(t, cfg)
	if p, err := w.handler.Authenticate(b.request()); err == nil || errors.Is(err, operator.ErrNotSignedIn) || p.ID != "" {
		t.Errorf("%+v, %v", p, err)
	}
	got := b.get("/sign-in/cli?challenge="+challenge+"&port=5000&state="+state).want(t, http.StatusServiceUnavailable, "")
	if strings.Contains(got.body, "disk") || !strings.Contains(w.log.String(), "disk") {
		t.Errorf("told outside: %s; in the log: %s", got.body, w.log.String())
	}
}
