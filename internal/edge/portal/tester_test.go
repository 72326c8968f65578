package portal_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"countersign.dev/internal/edge/portal"
	"countersign.dev/internal/operator"
	"countersign.dev/internal/sandbox"
	"countersign.dev/internal/tester"
)

// furnished is a gate with ann of one partner, who may call from 198.51.100.0/24, and bob of another one.
func furnished(t testing.TB, change ...func(*portal.Config)) (*gate, string) {
	t.Helper()
	g := newGate(t, change...)
	g.approve(g.partner("Bob's", "bob"), "sandbox")
	id := g.partner(hostile, "ann", "ben")
	g.approve(id, "sandbox")
	g.rule(id, "sandbox", "198.51.100.0/24")
	keyID := g.issue(id).KeyID
	g.load()
	return g, keyID
}

// typed is a form of the tester.
func typed(keyID string, pairs ...string) url.Values {
	v := key("where", "sandbox/finci", "key_id", keyID, "method", "GET", "target", "/api/v1/cards/"+sandbox.DemoCardTokenID,
		"headers", "Accept: application/json\r\n", "body_form", "text")
	for i := 0; i+1 < len(pairs); i += 2 {
		v.Set(pairs[i], pairs[i+1])
	}
	return v
}

var (
	hiddenField = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`)
	planData    = regexp.MustCompile(`data-plan="([^"]*)" data-input="([^"]*)"`)
)

// hidden are the fields of the form that sends.
func hidden(a answer) url.Values {
	a.w.Helper()
	_, form, ok := strings.Cut(a.Body.String(), `<form id="send"`)
	form, _, _ = strings.Cut(form, "</form>")
	if !ok {
		a.w.Fatalf("there is no form that sends:\n%s", cut(a.Body.String()))
	}
	v := url.Values{}
	for _, m := range hiddenField.FindAllStringSubmatch(form, -1) {
		v.Set(m[1], html.UnescapeString(m[2]))
	}
	return v
}

// sign does what the page does.
func (g *gate) sign(a answer, keyID string) string {
	g.Helper()
	m := planData.FindStringSubmatch(a.Body.String())
	if m == nil {
		g.Fatalf("there is no plan:\n%s", cut(a.Body.String()))
	}
	var plan tester.Plan
	g.must(json.Unmarshal([]byte(html.UnescapeString(m[1])), &plan))
	input, err := base64.StdEncoding.DecodeString(html.UnescapeString(m[2]))
	g.must(err)
	text, err := plan.Sign(g.secrets[keyID], input)
	g.must(err)
	return text
}

// prepared is the form of a call that is ready to be sent, signed.
func (g *gate) prepared(who, keyID string, pairs ...string) url.Values {
	g.Helper()
	a := g.post(who, "/portal/tester/build", typed(keyID, pairs...)).is(http.StatusOK)
	v := hidden(a)
	v.Set("signature", g.sign(a, keyID))
	return v
}

func TestACallFromFormToAnswer(t *testing.T) {
	g, keyID := furnished(t)
	g.get("ann", "/portal/tester").is(http.StatusOK, `value="sandbox/finci"`, keyID, "Show what is signed").lacks("production", "ZgotmplZ")
	a := g.post("ann", "/portal/tester/build", typed(keyID)).is(http.StatusOK, "Sign and send", "curl &#43; openssl", "C#",
		"openssl dgst", "API_TOKEN", keyID)
	form := hidden(a)
	form.Set("signature", g.sign(a, keyID))
	g.post("ann", "/portal/tester/send", form).is(http.StatusOK, "200 OK", "MODEL PERSON", `GET /api/v1/cards/10031000000000000001 HTTP/1.1\r\n`, "X-Auth-Signature: "+form.Get("signature"),
		"198.51.100.9", "Countersign-Request-Id", "/portal/calls/")
	if got := g.relayed; len(got) != 1 || got[0] != "sandbox from 198.51.100.9" {
		t.Errorf("connections: %v", got)
	}
	if g.log.Len() > 0 {
		t.Errorf("the log says %s", g.log)
	}
}

// TestTheDecisionIsShown beside the answer, and its story is one step away: for whom it concerns.
func TestTheDecisionIsShown(t *testing.T) {
	g, keyID := furnished(t)
	g.post("ann", "/portal/tester/send", g.prepared("ann", keyID)).is(http.StatusOK, "The decision", "Let in", "Address that counted")
	v := g.prepared("ann", keyID)
	v.Set("signature", strings.Repeat("00", 32))
	g.post("ann", "/portal/tester/send", v).is(http.StatusOK, "401 Unauthorized", "refused", "Bad signature")
	for _, d := range g.decided {
		g.get("ann", "/portal/calls/"+d.RequestID).is(http.StatusOK, d.RequestID)
		g.get("bob", "/portal/calls/"+d.RequestID).is(http.StatusNotFound)
	}
}

// TestADoubleSubmitSendsOnce: the gateway sees one call, and the page says so.
func TestADoubleSubmitSendsOnce(t *testing.T) {
	g, keyID := furnished(t)
	form := g.prepared("ann", keyID)
	g.post("ann", "/portal/tester/send", form).is(http.StatusOK)
	g.post("ann", "/portal/tester/send", form).is(http.StatusConflict, "was sent before", "Make another call of it")
	if n := g.connections(); n != 1 {
		t.Errorf("%d connections", n)
	}
	form.Del("idempotency_key")
	g.post("ann", "/portal/tester/send", form).is(http.StatusBadRequest, "not the form of this page")
}

// TestRule21TheVisitorsOwnAddressDecides: not the server's, and not one that the visitor claims.
func TestRule21TheVisitorsOwnAddressDecides(t *testing.T) {
	g, keyID := furnished(t)
	form := g.prepared("ann", keyID)
	a := g.send("ann", "POST", "/portal/tester/send", strings.NewReader(form.Encode()), "application/x-www-form-urlencoded",
		"X-Forwarded-For", "198.51.100.9").is(http.StatusOK, "200 OK")
	if !strings.Contains(a.Body.String(), "198.51.100.9") {
		t.Error("the address is not shown")
	}
	g.post("ann", "/portal/tester/build", typed(keyID, "headers", "X-Forwarded-For: "+
		"198.51.100.9")).is(http.StatusUnprocessableEntity, "X-Forwarded-For claims an address")

	other, otherKey := furnished(t, func(c *portal.Config) {
		c.Address = func(*http.Request) portal.Seen { return portal.Seen{} }
	})
	other.post("ann", "/portal/tester/send", other.prepared("ann", otherKey)).is(http.StatusConflict, "your own address cannot be "+
		"told")
	if n := other.connections(); n != 0 {
		t.Errorf("%d connections from nowhere", n)
	}
}

func TestAnAddressThatIsNotRegisteredIsRefusedAsAlways(t *testing.T) {
	g, keyID := furnished(t)
	for _, n := range g.view(g.people["ann"].PartnerID).Networks {
		g.must(g.RemoveNetwork(ctx, alice, n.ID))
	}
	g.load()
	g.post("ann", "/portal/tester/send", g.prepared("ann", keyID)).is(http.StatusOK, "403 Forbidden")
}

// TestRule9AKeyIDOfAnotherPartnerIsAnUnknownOne: the pages differ in the id that was typed and in keys alone, and nothing goes
// out.
func TestRule9AKeyIDOfAnotherPartnerIsAnUnknownOne(t *testing.T) {
	g, _ := furnished(t)
	g.random.fixed = true
	theirs := g.issue(g.people["bob"].PartnerID).KeyID
	g.load()
	nobodys := strings.Repeat("ab", 16)
	for _, path := range []string{"/portal/tester/build", "/portal/tester/send", "/portal/debugger"} {
		page := func(keyID string) string {
			v := typed(keyID, "at", "2026-01-01T00:00:00Z", "signature", "00")
			v.Set("idempotency_key", "the-same")
			v.Set("request", refusedRequest(keyID))
			a := g.post("ann", path, v)
			if a.Code != http.StatusUnprocessableEntity && path != "/portal/debugger" {
				t.Errorf("%s: status %d", path, a.Code)
			}
			return strings.ReplaceAll(a.Body.String(), keyID, nobodys)
		}
		if one, two := page(theirs), page(nobodys); one != two {
			t.Errorf("%s tells them apart:\n%s\n%s", path, cut(one), cut(two))
		}
	}
	if g.connections() != 0 || len(g.asked) != 0 {
		t.Errorf("connections %v, questions %v", g.relayed, g.asked)
	}
}

func TestOnlyASandboxIsCalled(t *testing.T) {
	g, keyID := furnished(t)
	g.approve(g.people["ann"].PartnerID, "production")
	for _, where := range []string{"production/finci", "other/finci", "sandbox/other", "sandbox", ""} {
		g.post("ann", "/portal/tester/build", typed(keyID, "where", where)).is(http.StatusUnprocessableEntity, "Choose one of "+
			"these APIs")
	}
	v := g.prepared("ann", keyID)
	v.Set("where", "production/finci")
	g.post("ann", "/portal/tester/send", v).is(http.StatusUnprocessableEntity)
	if n := g.connections(); n != 0 {
		t.Errorf("%d connections", n)
	}
}

func TestTypedThingsComeBackWithWhatIsWrong(t *testing.T) {
	g, keyID := furnished(t)
	for field, tc := range map[string]struct{ value, text string }{
		"target":  {"/elsewhere<b>", "No API of this environment has this path"},
		"headers": {"Host: evil.example", "is set by the tester"},
		"body":    {"0x", "could belong to the target"},
		"method":  {"get", "upper-case letters"},
	} {
		a := g.post("ann", "/portal/tester/build", typed(keyID, field, tc.value)).is(http.StatusUnprocessableEntity, tc.text)
		if field != "method" { // a choice has no other values
			a.is(http.StatusUnprocessableEntity, html.EscapeString(tc.value))
		}
	}
	v := g.prepared("ann", keyID)
	v.Set("signature", "a b")
	g.post("ann", "/portal/tester/send", v).is(http.StatusUnprocessableEntity, "visible ASCII without spaces", "Sign and send")
	v.Set("signature", strings.Repeat("00", 32)) // the same form again: nothing was sent before
	g.post("ann", "/portal/tester/send", v).is(http.StatusOK, "401 Unauthorized", "Explain its signature")
}

// TestAnswersAreText: what an API answers is shown, and is no part of the page.
func TestAnswersAreText(t *testing.T) {
	g, keyID := furnished(t)
	v := g.prepared("ann", keyID, "where", "sandbox/ftx", "target", "/ftx/v1/x?y=%3Cb%3E")
	g.post("ann", "/portal/tester/send", v).is(http.StatusOK, "200 OK", "&lt;script&gt;alert(&#39;from the "+
		"API&#39;)").lacks("<script>alert")
}

func TestProfilesThatAPageCannotSign(t *testing.T) {
	g, keyID := furnished(t)
	a := g.post("ann", "/portal/tester/build", typed(keyID, "where", "sandbox/iyzico", "target",
		"/iyzico/v1/x")).is(http.StatusOK, "cannot be signed in a page", "The same call as a program")
	a.lacks(`id="secret"`, `id="send"`)
}

func TestAccessTokensAreHadElsewhere(t *testing.T) {
	g, keyID := furnished(t)
	app, err := g.IssueApp(ctx, alice, g.people["ann"].PartnerID, "sandbox")
	g.must(err)
	g.load()
	form := typed(app.Credential.KeyID, "where", "sandbox/aggregation", "target", "/aggregation/v1/x")
	g.post("ann", "/portal/tester/build", form).is(http.StatusUnprocessableEntity, "Paste an access token", "must not pass "+
		"through this server", "PARTNER_SECRET", "Python")
	form.Set("token", "a-token")
	a := g.post("ann", "/portal/tester/build", form).is(http.StatusOK, ">Send</button>").lacks(`id="secret"`)
	g.post("ann", "/portal/tester/send", hidden(a)).is(http.StatusOK, "401 Unauthorized", "Finicity-App-Token: a-token")
	form.Set("target", "/aggregation/v2/partners/authentication")
	g.post("ann", "/portal/tester/build", form).is(http.StatusUnprocessableEntity, "The token endpoint is not called from here",
		"PARTNER_SECRET")
	form.Set("key_id", keyID)
	g.post("ann", "/portal/tester/build", form).is(http.StatusUnprocessableEntity, "Choose one of your own credentials")
}

func TestNothingToTryYet(t *testing.T) {
	g := newGate(t)
	id := g.partner("New", "new")
	g.get("new", "/portal/tester").is(http.StatusOK, "First ask for access").lacks("<textarea")
	g.post("new", "/portal/tester/build", typed("00")).is(http.StatusNotFound)
	g.approve(id, "sandbox")
	g.get("new", "/portal/tester").is(http.StatusOK, "You need a credential")
	off := newWorld(t)
	off.partner("Off", "off")
	off.get("off", "/portal/tester").is(http.StatusOK, "not switched on")
	off.get("off", "/portal/debugger").is(http.StatusOK, "not switched on")
	off.post("off", "/portal/tester/send", typed("00")).is(http.StatusNotFound)
	off.post("off", "/portal/debugger/kept", key("request_id", "x")).is(http.StatusNotFound)
}

// TestTheGatewayIsAway: the page says whether anything was sent, and keeps the call.
func TestTheGatewayIsAway(t *testing.T) {
	g, keyID := furnished(t)
	g.broken = errors.New("a cause that is nobody's business")
	form := g.prepared("ann", keyID)
	a := g.post("ann", "/portal/tester/send", form).is(http.StatusServiceUnavailable, "Nothing was sent", "Make another call of "+
		"it", sandbox.DemoCardTokenID).
		lacks("nobody&#39;s business")
	if a.Header().Get("Retry-After") == "" || !strings.Contains(g.log.String(), "relay a call") {
		t.Errorf("Retry-After %q, log %s", a.Header().Get("Retry-After"), g.log)
	}
	g.relayed, g.broken = nil, nil
	g.post("ann", "/portal/tester/send", form).is(http.StatusOK, "200 OK")
}

func TestThirtyCallsAMinute(t *testing.T) {
	g, keyID := furnished(t)
	for range 30 {
		g.post("ann", "/portal/tester/send", g.prepared("ann", keyID)).is(http.StatusOK)
	}
	g.post("ann", "/portal/tester/send", g.prepared("ann", keyID)).is(http.StatusTooManyRequests, "Nothing was sent")
	g.post("ben", "/portal/tester/send", g.prepared("ben", keyID)).is(http.StatusOK)
	if n := g.connections(); n != 31 {
		t.Errorf("%d connections", n)
	}
}

// TestOneCallAtATime of a member: a second one says that nothing was sent.
func TestOneCallAtATime(t *testing.T) {
	g, keyID := furnished(t)
	g.held, g.entered = make(chan struct{}), make(chan struct{}, 1)
	one, two := g.prepared("ann", keyID), g.prepared("ann", keyID)
	done := make(chan answer)
	go func() { done <- g.post("ann", "/portal/tester/send", one) }()
	<-g.entered
	g.post("ann", "/portal/tester/send", two).is(http.StatusTooManyRequests, "another call")
	close(g.held)
	(<-done).is(http.StatusOK, "200 OK")
	g.held = nil
	g.post("ann", "/portal/tester/send", two).is(http.StatusOK, "200 OK") // it was not used up
}

// TestThePageOfASecretMayConnectNowhere: its policy is stricter than that of other pages, and the secret's field is in no form.
func TestThePageOfASecretMayConnectNowhere(t *testing.T) {
	g, keyID := furnished(t)
	a := g.post("ann", "/portal/tester/build", typed(keyID))
	if policy := a.Header().Get("Content-Security-Policy"); !strings.Contains(policy, "connect-src "+
		"'none'") || !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
		t.Errorf("the policy is %s", policy)
	}
	if a.Header().Get("Cache-Control") != "no-store" {
		t.Error("the page may be kept")
	}
	before, _, _ := strings.Cut(a.Body.String(), `<input id="secret"`)
	if strings.Count(before, "<form") != strings.Count(before, "</form>") {
		t.Error("the secret's field is inside a form")
	}
	_, field, _ := strings.Cut(a.Body.String(), `<input id="secret"`)
	if field, _, _ = strings.Cut(field, ">"); strings.Contains(field, "name=") || strings.Contains(field, "form=") || !strings.Contains(field, `autocomplete="off"`) {
		t.Errorf("the field is <input%s>", field)
	}
}

// TestASessionThatEndedSendsNothing and says so.
func TestASessionThatEndedSendsNothing(t *testing.T) {
	g, keyID := furnished(t)
	form := g.prepared("ann", keyID)
	g.people["ann"] = operator.Principal{}
	g.post("ann", "/portal/tester/send", form).is(http.StatusUnauthorized, "Nothing was done")
	if n := g.connections(); n != 0 {
		t.Errorf("%d connections", n)
	}
}
