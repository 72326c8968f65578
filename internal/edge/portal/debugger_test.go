package portal_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/browsertest"
	"countersign.dev/internal/edge/portal"
)

// refusedRequest is a raw request that names a key id.
func refusedRequest(keyID string) string {
	return "GET /api/v1/cards/1 HTTP/1.1\r\nHost: sandbox.example.com\r\nX-Auth-Token: " + keyID + "\r\nX-Auth-Timestamp: " +
		"1763625600\r\nX-Auth-Signature: " + strings.Repeat("00", 32) + "\r\n\r\n"
}

// signedWith is the same, signed with a line feed behind it.
func (g *gate) signedWith(keyID, input string) string {
	m := hmac.New(sha256.New, g.secrets[keyID])
	m.Write([]byte(input))
	return strings.Replace(refusedRequest(keyID), strings.Repeat("00", 32), hex.EncodeToString(m.Sum(nil)), 1)
}

func TestAPastedRequestIsExplained(t *testing.T) {
	g, keyID := furnished(t)
	g.get("ann", "/portal/debugger").is(http.StatusOK, "A request that you paste", keyID)
	mine := "1763625600GET/api/v1/cards/1\n"
	paste := func(pairs ...string) answer {
		v := key("where", "sandbox/finci", "request", g.signedWith(keyID, mine))
		for i := 0; i+1 < len(pairs); i += 2 {
			v.Set(pairs[i], pairs[i+1])
		}
		return g.post("ann", "/portal/debugger", v)
	}
	paste().is(http.StatusOK, "Explained: this reproduces the signature", "Cure:", "explained with the secret of your API "+
		"token").lacks(string(g.secrets[keyID]))
	paste("canonical", mine).is(http.StatusOK, "differ from byte 28 on")
	paste("at", "1763629200").is(http.StatusOK)
	paste("request", g.signedWith(keyID, "1763625600GET/api/v1/cards/1")).is(http.StatusOK, "The signature is good")
	paste("request", "curl https://sandbox.example.com/api/v1/cards/1 -H 'X-Auth-Token: "+keyID+"' -H 'X-Auth-Timestamp: "+
		"1763625600'").is(http.StatusOK, "X-Auth-Signature")
	paste("request", refusedRequest(strings.Repeat("ab", 16)), "key_id", keyID).is(http.StatusOK, "with the secret of your API "+
		"token "+keyID)
	g.clock.pass(time.Minute)
	for field, text := range map[string]string{"request": "cannot be read as a request", "where": "Choose one of these APIs",
		"at": "Write it as"} {
		paste(field, "nonsense").is(http.StatusUnprocessableEntity, text)
	}
	paste("canonical", "!", "canonical_form", "base64").is(http.StatusUnprocessableEntity, "no base64")
}

// TestRule9ForAForeignKeyNothingIsLookedUp: neither for another partner's key id nor for one that nobody has; what is said
// needs no secret.
func TestRule9ForAForeignKeyNothingIsLookedUp(t *testing.T) {
	g, _ := furnished(t)
	theirs := g.issue(g.people["bob"].PartnerID).KeyID
	for _, keyID := range []string{theirs, strings.Repeat("ab", 16)} {
		g.post("ann", "/portal/debugger", key("where", "sandbox/finci", "request", g.signedWith(theirs,
			"1763625600GET/api/v1/cards/1"), "key_id", keyID)).
			is(http.StatusOK, "No secret was used", "1763625600").lacks("The signature is good", "reproduces")
	}
	if len(g.asked) != 0 {
		t.Errorf("asked for %v", g.asked)
	}
}

// TestNoSecretWhereItIsNotAllowed: an environment that keeps no captures explains without one, and says so.
func TestNoSecretWhereItIsNotAllowed(t *testing.T) {
	g, keyID := furnished(t)
	g.places[0].Captures = false
	g.post("ann", "/portal/debugger", key("where", "sandbox/finci", "request", g.signedWith(keyID, "x"))).is(http.StatusOK,
		"signatures of sandbox are not explained with one")
	g.places[0].Captures = true
	g.must(g.RevokeCredential(ctx, alice, g.view(g.people["ann"].PartnerID).Credentials[0].ID, "test"))
	g.post("ann", "/portal/debugger", key("where", "sandbox/finci", "request", g.signedWith(keyID, "x"))).is(http.StatusOK, "has "+
		"none that counts")
	bare, bareKey := furnished(t, func(c *portal.Config) { c.Debugger.Explainer = nil })
	bare.post("ann", "/portal/debugger", key("where", "sandbox/finci", "request", bare.signedWith(bareKey,
		"x"))).is(http.StatusOK, "not explained with one")
}

// TestOnlyOnesOwnRefusalsAreExplained: another partner's request id is one that does not exist, and nobody is asked about it.
func TestOnlyOnesOwnRefusalsAreExplained(t *testing.T) {
	g, _ := furnished(t)
	ann, bob := g.people["ann"].PartnerID, g.people["bob"].PartnerID
	mine := aCall(2, ann, g.view(ann).Credentials[0].ID, "bad_signature")
	theirs := aCall(3, bob, "crd_x", "bad_signature")
	expired := aCall(4, ann, g.view(ann).Credentials[0].ID, "bad_signature")
	mine.API, theirs.API, expired.API = "finci", "finci", "finci"
	g.called(mine, theirs, expired)
	g.get("ann", "/portal/debugger").is(http.StatusOK, mine.RequestID, expired.RequestID).lacks(theirs.RequestID)
	g.get("ann", "/portal/debugger?request="+mine.RequestID).is(http.StatusOK, `value="`+mine.RequestID+`"`)
	g.post("ann", "/portal/debugger/kept", key("request_id", mine.RequestID)).is(http.StatusOK, "a line feed was signed behind "+
		"the body", "sign the bytes that are sent")
	if len(g.asked) != 1 || g.asked[0] != ann+" sandbox finci "+mine.RequestID {
		t.Errorf("asked for %v", g.asked)
	}
	g.random.fixed = true
	var pages []string
	for _, id := range []string{theirs.RequestID, strings.Repeat("f", 32), "../../x"} {
		v := key("request_id", id)
		v.Set("idempotency_key", "the-same")
		pages = append(pages, strings.ReplaceAll(g.post("ann", "/portal/debugger/kept", v).is(http.StatusNotFound, "No call of "+
			"yours is kept").Body.String(), id, "ID"))
	}
	for _, p := range pages[1:] {
		if p != pages[0] {
			t.Error("the answers tell them apart")
		}
	}
	if len(g.asked) != 1 {
		t.Errorf("asked for %v", g.asked)
	}
	g.post("ann", "/portal/debugger/kept", key("request_id", expired.RequestID)).is(http.StatusNotFound, "No call of yours is kept")
}

func TestQuestionsAreBounded(t *testing.T) {
	g, keyID := furnished(t)
	ask := func() answer {
		return g.post("ann", "/portal/debugger", key("where", "sandbox/finci", "request", refusedRequest(keyID)))
	}
	for range 10 {
		ask().is(http.StatusOK)
	}
	if a := ask().is(http.StatusTooManyRequests, "Wait a little", keyID); a.Header().Get("Retry-After") == "" {
		t.Error("nothing says when to come back")
	}
	g.clock.pass(time.Minute)
	ask().is(http.StatusOK)
	g.post("ann", "/portal/debugger", key("where", "sandbox/finci", "request", fmt.Sprintf("%0600000d", 1))).is(http.StatusBadRequest)
}

// TestTheDebuggerInABrowser looks at the form and at a report.
func TestTheDebuggerInABrowser(t *testing.T) {
	b := browsertest.Open(t)
	g, keyID := furnished(t, loopback)
	c := aCall(2, g.people["ann"].PartnerID, g.view(g.people["ann"].PartnerID).Credentials[0].ID, "bad_signature")
	c.API = "finci"
	g.called(c)
	p, base := serve(t, g.world, b)
	p.Go(base + "/portal/debugger")
	p.Accessible(t)
	p.Screenshot("portal-debugger", 1280, false)
	p.Screenshot("portal-debugger", 390, true)
	p.Type("#request", strings.ReplaceAll(g.signedWith(keyID, "1763625600GET/api/v1/cards/1\n"), "\r", ""))
	p.Type("#canonical", "1763625600GET/api/v1/cards/2")
	p.Submit(`form[action$="/debugger"] button`)
	if !strings.Contains(p.Text("main"), "Explained: this reproduces") {
		t.Errorf("%s", p.Text("main"))
	}
	p.Accessible(t)
	p.Screenshot("portal-debugger-report", 1280, false)
	p.Screenshot("portal-debugger-report", 390, true)
}
