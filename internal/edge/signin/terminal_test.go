package signin_test

import (
	"crypto/sha256"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/operator"
	"countersign.dev/internal/registry"
)

const verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"

var challenge = func() string { sum := sha256.Sum256([]byte(verifier)); return b64(sum[:]) }()

const state = "0123456789abcdef"

// asks is what a terminal opens.
func asks(port string) string {
	return "/sign-in/cli?challenge=" + challenge + "&port=" + port + "&state=" + state
}

// bearer is a request of the admin API with a token.
func bearer(token string) *http.Request {
	r := httptest.NewRequest("GET", "/v1/me", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	return r
}

// program is what is not a browser: it has no cookies and says nothing of origins.
func (w *world) program() *browser {
	b := w.browser()
	b.site, b.origin = "", ""
	return b
}

func TestATerminalIsLetIn(t *testing.T) {
	w := newWorld(t)
	b, _, _ := w.admin()
	page := b.get(asks("5000")).want(t, http.StatusOK, "")
	if !strings.Contains(page.Header.Get("Content-Security-Policy"), "form-action 'self' http://127.0.0.1:5000;") {
		t.Error(page.Header.Get("Content-Security-Policy"))
	}
	if !strings.Contains(page.body, challenge[:8]) || !strings.Contains(page.body, "root@example.com") {
		t.Error(page.body)
	}
	no := b.form("/sign-in/cli", "challenge", challenge, "port", "5000", "state", state, "answer", "no")
	no.want(t, http.StatusSeeOther, "http://127.0.0.1:5000/?error=access_denied&state="+state)
	yes := b.form("/sign-in/cli", "challenge", challenge, "port", "5000", "state", state, "answer", "yes")
	to, err := url.Parse(yes.Header.Get("Location"))
	w.must(err)
	if to.Host != "127.0.0.1:5000" || to.Query().Get("state") != state {
		t.Fatal(to)
	}
	body := map[string]string{"code": to.Query().Get("code"), "verifier": verifier}
	var got struct{ Token, Kind, Name, Session, Expires_at string }
	w.program().json("/sign-in/cli/token", body).want(t, http.StatusOK, "").read(t, &got)
	if end, err := time.Parse(time.RFC3339, got.Expires_at); err != nil || end.Sub(w.clock.now()) != registry.MaxTerminal {
		t.Errorf("it ends at %s: %v", got.Expires_at, err)
	}
	p, err := w.handler.Authenticate(bearer(got.Token))
	if err != nil || p.Name != "root@example.com" || p.Kind != operator.KindAccount || p.SessionID != got.Session || got.Kind != "operator" || got.Name != p.Name {
		t.Errorf("%+v, %v; %+v", p, err, got)
	}
	w.program().json("/sign-in/cli/token", body).want(t, http.StatusBadRequest, "")
	out := httptest.NewRequest("DELETE", "/sign-in/cli/token", nil)
	out.Host = b.host
	out.Header.Set("Authorization", "Bearer "+got.Token)
	for range 2 {
		rec := httptest.NewRecorder()
		w.handler.ServeHTTP(rec, out)
		if rec.Code != http.StatusNoContent {
			t.Error(rec.Code)
		}
	}
	if _, err := w.handler.Authenticate(bearer(got.Token)); err == nil {
		t.Error("it counts after the sign-out")
	}
	b.is("root@example.com")
}

func TestATerminalsRequestIsReadStrictly(t *testing.T) {
	w := newWorld(t)
	b, _, _ := w.admin()
	for _, bad := range []string{
		"", "?challenge=" + challenge, "?challenge=" + challenge + "&port=5000", asks("80")[len("/sign-in/cli"):], asks("65536")[12:], asks("05000")[12:],
		asks("+5000")[12:], asks("5000%2F%2Fevil.example")[12:], asks("5000")[12:] + "&port=5001", asks("5000")[12:] + "%0d%0a",
		"?challenge=short&port=5000&state=" + state, "?challenge=" + challenge + "&port=5000&state=short", "?challenge=" + challenge + "&port=5000&state=" + strings.Repeat("a", 201),
	} {
		b.get("/sign-in/cli"+bad).want(t, http.StatusBadRequest, "")
	}
	b.form("/sign-in/cli", "challenge", challenge, "port", "evil.example", "state", state, "answer", "yes").want(t, http.StatusBadRequest, "")
	stranger := w.browser()
	stranger.form("/sign-in/cli", "challenge", challenge, "port", "5000", "state", state, "answer", "yes").want(t, http.StatusForbidden, "")
}

func TestATerminalNeedsThePersonsYes(t *testing.T) {
	w := newWorld(t)
	b, _, _ := w.admin()
	evil := *b
	evil.site, evil.origin = "cross-site", "https://evil.example"
	evil.form("/sign-in/cli", "challenge", challenge, "port", "5000", "state", state, "answer", "yes").want(t, http.StatusForbidden, "")
	b.get(asks("5000")).want(t, http.StatusOK, "") // a page that was opened lets nothing in
	if list, err := w.register.Sessions(ctx, ""); err != nil || len(list) != 1 {
		t.Errorf("%+v, %v", list, err)
	}
}

func TestATerminalLetsNoTerminalIn(t *testing.T) {
	w := newWorld(t)
	b, _, _ := w.admin()
	code, err := w.register.TerminalCode(ctx, b.is("root@example.com"), challenge)
	w.must(err)
	_, token, err := w.register.TerminalToken(ctx, code, verifier)
	w.must(err)
	form := url.Values{"challenge": {challenge}, "port": {"5000"}, "state": {state}, "answer": {"yes"}}
	r := httptest.NewRequest("POST", "/sign-in/cli", strings.NewReader(form.Encode()))
	r.Host = b.host
	r.Header = http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Sec-Fetch-Site": {"same-origin"}, "Origin": {public},
		"Authorization": {"Bearer " + string(token.Bytes())}}
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, r)
	if rec.Code != http.StatusForbidden {
		t.Errorf("%d, Location %q", rec.Code, rec.Header().Get("Location"))
	}
}

func TestBreakGlassThroughThePages(t *testing.T) {
	w := newWorld(t)
	_, code, err := w.register.MakeBreakGlass(ctx, local, registry.BreakGlassMake{Name: "safe"})
	w.must(err)
	b := w.browser()
	b.get("/sign-in/break-glass?next=/v1/me").want(t, http.StatusOK, "")
	b.form("/sign-in/break-glass", "code", string(code.Bytes()), "why", "short").want(t, http.StatusUnprocessableEntity, "")
	b.form("/sign-in/break-glass", "code", "csbg_wrong", "why", "the house is on fire").want(t, http.StatusForbidden, "")
	b.form("/sign-in/break-glass", "code", string(code.Bytes()), "why", "the house is on fire", "next", "//evil.example").want(t, http.StatusSeeOther, "/sign-in/")
	p := b.is("safe")
	if !p.BreakGlass() || w.count(audit.BreakGlassOpened) != 1 {
		t.Errorf("%+v", p)
	}
	if page := b.get("/sign-in/"); !strings.Contains(page.body, "without a second person") {
		t.Error(page.body)
	}
	w.browser().form("/sign-in/break-glass", "code", string(code.Bytes()), "why", "the house is on fire").want(t, http.StatusForbidden, "")
	b.form("/sign-in/out").want(t, http.StatusSeeOther, "/sign-in/")
	b.is("")
}

func TestADemonstrationsLinkLetsItsAccountInAndNoOther(t *testing.T) {
	w := newWorld(t)
	demo, err := w.register.DemoAccount(ctx, registry.Actor{Kind: registry.System, Name: "dev"}, "demo@localhost", []operator.Role{operator.Operator})
	w.must(err)
	token, cfg := demoToken(t), w.cfg
	cfg.Demo, cfg.Home = token, "/console/"
	w.handler = mustNew(t, cfg)
	b := w.browser()
	b.form("/sign-in/link", "token", string(token.Token.Bytes())).want(t, http.StatusSeeOther, "/console/")
	if p := b.is("demo@localhost"); p.ID != demo.ID {
		t.Errorf("%+v", p)
	}
	w.browser().form("/sign-in/link", "token", "").want(t, http.StatusForbidden, "")
	again := w.browser().form("/sign-in/link", "token", string(token.Token.Bytes())).want(t, http.StatusForbidden, "") // it counts once
	if !strings.Contains(again.body, "the log of this server") {
		t.Errorf("whoever comes again is not told where the next link is: %s", again.body)
	}
	w.handler = mustNew(t, cfg)
	w.browser().form("/sign-in/link", "token", string(token.Token.Bytes())).want(t, http.StatusForbidden, "") // also after a change of the configuration
	cfg.Demo = nil
	w.handler = mustNew(t, cfg)
	w.browser().form("/sign-in/link", "token", string(token.Token.Bytes())).want(t, http.StatusForbidden, "")
}

// Whoever is there to read it is told the next link, and of many visitors with one link one is let in.
func TestADemonstrationsNextLink(t *testing.T) {
	w := newWorld(t)
	_, err := w.register.DemoAccount(ctx, registry.Actor{Kind: registry.System, Name: "dev"}, "demo@localhost", []operator.Role{operator.Operator})
	w.must(err)
	token, cfg := demoToken(t), w.cfg
	next := make(chan string, 10)
	token.Renewed = func(text string) { next <- text }
	cfg.Demo, cfg.Failed = token, nil
	w.handler = mustNew(t, cfg)
	link := string(token.Token.Bytes())
	for range 3 {
		let := make(chan int, 8)
		for range cap(let) {
			b := w.browser()
			go func() { let <- b.form("/sign-in/link", "token", link).StatusCode }()
		}
		in := 0
		for range cap(let) {
			if <-let == http.StatusSeeOther {
				in++
			}
		}
		if in != 1 || len(next) != 1 {
			t.Fatalf("one link lets %d in, and there are %d next ones", in, len(next))
		}
		link = <-next
		w.clock.pass(time.Hour) // what failed is forgotten
	}
}
