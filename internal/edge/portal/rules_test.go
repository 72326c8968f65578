package portal_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"countersign.dev/internal/edge/portal"
	"countersign.dev/internal/operator"
	"countersign.dev/internal/registry"
)

// TestOnlyMembersAreSignedIn: an operator's principal, and a member without a partner, open nothing.
func TestOnlyMembersAreSignedIn(t *testing.T) {
	w := newWorld(t)
	w.partner("Acme", "ann")
	admin := operator.Principal{Kind: operator.KindAccount, ID: "opr_x", Name: "root@example.com", Permissions: operator.Permissions(),
		PartnerID: w.people["ann"].PartnerID, ExpiresAt: w.clock.now().Add(1e12)}
	w.people["admin"] = admin
	w.people["nobody"] = operator.Principal{Kind: operator.KindMember, ID: "mbr_x", Name: "x@example.com"}
	for _, who := range []string{"", "admin", "nobody"} {
		w.get(who, "/portal/credentials?x=1").leads("/sign-in/?next=%2Fportal%2Fcredentials%3Fx%3D1")
	}
	w.get("ann", "/portal/credentials").is(http.StatusOK)
}

// TestAnotherHostIsNotAnswered is security rule 31 against names that are made to lead here (DNS rebinding).
func TestAnotherHostIsNotAnswered(t *testing.T) {
	w := newWorld(t)
	for _, host := range []string{"evil.example.com", "partners.example.com.evil.com", "partners.example.com:8443", "127.0.0.1", "localhost", "", "[::1]"} {
		w.send("", "GET", "/sign-in/", nil, "", "Host", host).is(http.StatusMisdirectedRequest)
	}
	w.send("", "GET", "/sign-in/", nil, "", "Host", "PARTNERS.example.com:443").is(http.StatusOK)
	local := newWorld(t, loopback)
	for _, host := range []string{"127.0.0.1:9", "localhost:9", "[::1]:9", "LOCALHOST"} {
		local.send("", "GET", "/sign-in/", nil, "", "Host", host).is(http.StatusOK)
	}
	for _, host := range []string{"evil.example.com", "127.0.0.1.evil.com", "localhost.evil.com", "10.0.0.1", "a@localhost"} {
		local.send("", "GET", "/sign-in/", nil, "", "Host", host).is(http.StatusMisdirectedRequest)
	}
}

// TestAnotherSiteChangesNothing is security rule 31 against forms of other sites.
func TestAnotherSiteChangesNothing(t *testing.T) {
	w := newWorld(t)
	id := w.partner("Acme", "ann")
	for name, headers := range map[string][]string{
		"another site": {"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example.com"}, "a sister site": {"Sec-Fetch-Site", "same-site"},
		"says nothing": {"Sec-Fetch-Site", ""}, "an old browser on another site": {"Sec-Fetch-Site", "", "Origin", "https://evil.example.com"},
		"no origin": {"Sec-Fetch-Site", "", "Origin", "null"},
	} {
		body := strings.NewReader(key("reason", "evil").Encode())
		w.send("ann", "POST", "/portal/start/sandbox/review", body, "application/x-www-form-urlencoded", headers...).is(http.StatusForbidden, "Nothing was changed")
		if own := w.view(id); state(own, "sandbox") != "" {
			t.Fatalf("%s: the review is %q", name, state(own, "sandbox"))
		}
	}
	body := strings.NewReader(key("reason", "mine").Encode())
	w.send("ann", "POST", "/portal/start/sandbox/review", body, "application/x-www-form-urlencoded", "Sec-Fetch-Site", "", "Origin", public).leads("/portal/start/sandbox?done=review")
}

func state(own registry.MemberView, environment string) string {
	for _, r := range own.Reviews {
		if r.Environment == environment {
			return string(r.State)
		}
	}
	return ""
}

// TestEveryAnswerIsProtected: policy, frames, cache; also of errors.
func TestEveryAnswerIsProtected(t *testing.T) {
	w := newWorld(t)
	w.partner("Acme", "ann")
	for _, path := range []string{"/portal/start", "/portal/nothing", "/portal/credentials/x", "/", "/portal/start/sandbox/profile/card"} {
		h := w.get("ann", path).Header()
		if csp := h.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") || !strings.Contains(csp, "frame-ancestors 'none'") {
			t.Errorf("%s: policy %q", path, csp)
		}
		if h.Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(h.Get("Cache-Control"), "no-store") {
			t.Errorf("%s: %v", path, h)
		}
	}
}

// TestAnEndedSessionLosesNothing: whoever was signed out is told that nothing was done, and finds what was typed.
func TestAnEndedSessionLosesNothing(t *testing.T) {
	w := newWorld(t)
	id := w.partner("Acme", "ann")
	w.post("ann", "/portal/start/sandbox/review", key()).leads("/portal/start/sandbox?done=review")
	w.post("", "/portal/start/sandbox/comment", key("text", "Two lines\nof <b>mine</b>")).is(http.StatusUnauthorized, "Nothing was done", "Two lines\nof &lt;b&gt;mine&lt;/b&gt;",
		`href="/sign-in/?next=%2Fportal%2Fstart%2Fsandbox"`)
	w.attach("", "sandbox", key("note", "typed with a file"), "x.txt", []byte("content")).is(http.StatusUnauthorized, "typed with a file")
	if r := w.view(id).Reviews; len(r) > 0 && len(r[0].Comments)+len(r[0].Evidence) > 0 {
		t.Error("something was done")
	}
	w.get("", "//evil.example.com/portal").lacks("next=%2F%2Fevil")
}

// away is a register that does not answer.
type away struct{ portal.Register }

var errAway = errors.New("disk is gone at /var/lib/secret-place")

func (away) MemberView(context.Context, string) (registry.MemberView, error) {
	return registry.MemberView{}, errAway
}

func (away) DoAsMember(context.Context, operator.Principal, registry.Operation, registry.Intent) (registry.MemberDone, error) {
	return registry.MemberDone{}, errAway
}

// TestTheStoreAwayIsAPage: every page and form answers 503 with what to do, when to come again, and what was typed; the cause is in
// the log alone.
func TestTheStoreAwayIsAPage(t *testing.T) {
	w := newWorld(t, func(c *portal.Config) { c.Register = away{c.Register} })
	w.partner("Acme", "ann")
	for _, pattern := range []string{"/start", "/start/sandbox", "/credentials", "/credentials/x", "/requests", "/addresses", "/address", "/account"} {
		w.get("ann", "/portal"+pattern).is(http.StatusServiceUnavailable, "Not available at the moment").lacks("secret-place")
	}
	a := w.post("ann", "/portal/start/sandbox/comment", key("text", "a long comment")).is(http.StatusServiceUnavailable, "a long comment").lacks("secret-place")
	if a.Header().Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	w.post("ann", "/portal/addresses", key("environment", "sandbox", "prefix", "203.0.113.9", "note", "our new gateway")).is(http.StatusServiceUnavailable, "our new gateway")
	if !strings.Contains(w.log.String(), "secret-place") {
		t.Error("the log does not say why")
	}
	w.broken = errAway
	w.get("ann", "/portal/start").is(http.StatusServiceUnavailable, "Not available").lacks("secret-place")
}

// TestAFormWithoutItsKeyIsNoForm: what changes something carries the key of the page.
func TestAFormWithoutItsKeyIsNoForm(t *testing.T) {
	w := newWorld(t)
	w.partner("Acme", "ann")
	w.post("ann", "/portal/start/sandbox/review", url.Values{"reason": {"kept text"}}).is(http.StatusBadRequest, "Nothing was done", "kept text")
	w.post("ann", "/portal/start/sandbox/review", url.Values{"idempotency_key": {"has spaces in it"}}).is(http.StatusBadRequest)
	w.post("ann", "/portal/start/sandbox/review", key("reason", strings.Repeat("x", 70_000))).is(http.StatusBadRequest, "too long")
	w.send("ann", "POST", "/portal/start/sandbox/review", strings.NewReader("{}"), "application/json").is(http.StatusBadRequest)
}

// TestNoRandomnessIsNoForm: a page whose form could not have a key is not shown with one that everybody has.
func TestNoRandomnessIsNoForm(t *testing.T) {
	w := newWorld(t)
	w.partner("Acme", "ann")
	w.random.fail = true
	w.get("ann", "/portal/addresses").is(http.StatusServiceUnavailable)
}
