package portal_test

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
)

// TestTheSameRotationALittleLater: the end of the overlap moves with the clock, and the form is the same all the same: it says that
// the secret was shown, or that the request waits, and never that something else was sent.
func TestTheSameRotationALittleLater(t *testing.T) {
	w := newWorld(t)
	id := w.partner("Acme", "ann")
	w.approve(id, "sandbox")
	at := "/portal/credentials/" + w.credential(id, "sandbox").ID + "/rotate"
	form := key("overlap", "7")
	secret := secretIn(w.post("ann", at, form).is(http.StatusOK))
	w.clock.pass(3 * time.Second)
	w.post("ann", at, form).is(http.StatusConflict, "It was shown already").lacks(secret)
	if n := len(w.view(id).Credentials[0].Versions); n != 2 {
		t.Errorf("%d versions", n)
	}

	_, err := w.SetApprovals(ctx, alice, registry.Approvals{Environments: []registry.EnvironmentApprovals{{Environment: "sandbox", Approvals: 1}}}, "test")
	w.must(err)
	form = key("overlap", "7")
	w.post("ann", at, form).leads("/portal/requests?done=asked")
	w.clock.pass(3 * time.Second)
	w.post("ann", at, form).leads("/portal/requests?done=asked")
	if n := len(w.view(id).Proposals); n != 1 {
		t.Errorf("%d requests", n)
	}
}

// TestALongFileNameKeepsItsEnd, which says what opens the file; in a script of four bytes a character the register takes it as well.
func TestALongFileNameKeepsItsEnd(t *testing.T) {
	w := newWorld(t)
	id := w.partner("Acme", "ann")
	w.post("ann", "/portal/start/sandbox/review", key()).leads("/portal/start/sandbox?done=review")
	for _, name := range []string{strings.Repeat("x", 150) + ".pdf", strings.Repeat("𝔸", 90) + ".pdf"} {
		w.attach("ann", "sandbox", key(), name, []byte("%PDF-1.7")).leads("/portal/start/sandbox?done=evidence")
	}
	w.attach("ann", "sandbox", key("url", "https://example.org/@acme/report"), "", nil).leads("/portal/start/sandbox?done=evidence")
	for _, r := range w.view(id).Reviews {
		for _, e := range r.Evidence {
			if e.URL == "" && !strings.HasSuffix(e.Name, "….pdf") {
				t.Errorf("the name is %q", e.Name)
			}
		}
	}
}

var chosenKey = regexp.MustCompile(`<option value="([0-9a-f]{32})" selected`)

// TestTheTesterBeginsWithWhatFits: the credential that is chosen first is one that the API takes, whichever API it is.
func TestTheTesterBeginsWithWhatFits(t *testing.T) {
	g, signing := furnished(t)
	app, err := g.IssueApp(ctx, alice, g.people["ann"].PartnerID, "sandbox")
	g.must(err)
	for link, want := range map[string]string{"": signing, "?environment=sandbox&api=finci": signing, "?environment=sandbox&api=aggregation": app.Credential.KeyID} {
		m := chosenKey.FindStringSubmatch(g.get("ann", "/portal/tester"+link).is(http.StatusOK).Body.String())
		if m == nil || m[1] != want {
			t.Errorf("%q begins with %q, want %s", link, m, want)
		}
	}
}

// TestWhatWasLetInIsNotExplained: an API that answers 404 has nothing against the signature.
func TestWhatWasLetInIsNotExplained(t *testing.T) {
	g, keyID := furnished(t)
	g.post("ann", "/portal/tester/send", g.prepared("ann", keyID, "target", "/api/v1/nothing")).is(http.StatusOK, "404 Not Found", "let in", "The decision about this call").lacks("Explain its signature")
	form := g.prepared("ann", keyID)
	form.Set("signature", strings.Repeat("00", 32))
	g.post("ann", "/portal/tester/send", form).is(http.StatusOK, "Explain its signature", "The decision about this call")
}

// TestACallThatIsNobodysIsSaidToBe: what was refused before its key was looked at is in no list, and no button leads to nothing.
func TestACallThatIsNobodysIsSaidToBe(t *testing.T) {
	g, keyID := furnished(t)
	g.post("ann", "/portal/tester/send", g.prepared("ann", keyID, "target", "/api/v1/a%2fb")).is(http.StatusOK, "400 Bad Request", "not among your calls").lacks("The decision about this call")
}

// TestAnEndedSessionKeepsALongBody: the longest form that there is comes back whole.
func TestAnEndedSessionKeepsALongBody(t *testing.T) {
	w := newWorld(t)
	long := strings.Repeat("ä%", 30<<10) // five times as long in a form
	form := url.Values{"idempotency_key": {"k"}, "target": {"/card/v1/payments"}, "body": {long}, "headers": {"Authorization: secret-of-mine"}}
	w.post("", "/portal/tester/send", form).is(http.StatusUnauthorized, "Nothing was done", "/card/v1/payments", long).lacks("secret-of-mine")
}

// TestOnePageIsOneAnswer also where nothing random can be had for several forms of it.
func TestOnePageIsOneAnswer(t *testing.T) {
	w := newWorld(t)
	id := w.partner("Acme", "ann")
	w.approve(id, "sandbox")
	c := w.credential(id, "sandbox")
	w.random.fail = true
	a := w.get("ann", "/portal/credentials/"+c.ID).is(http.StatusServiceUnavailable)
	if n := strings.Count(a.Body.String(), "<!doctype"); n != 1 {
		t.Errorf("%d pages in one answer", n)
	}
}

// countedBody counts what is read of a body.
type countedBody struct {
	io.Reader
	n int
}

func (c *countedBody) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	c.n += n
	return n, err
}

// TestAnEndedSessionReadsTheFileToItsEnd: a server that answers before it closes its end of what is still being sent is not heard; a
// browser would show an error of the connection in the place of the page.
func TestAnEndedSessionReadsTheFileToItsEnd(t *testing.T) {
	w := newWorld(t)
	content, kind := multipartOf(w, key("note", "typed with a long file"), "film.mp4", make([]byte, 3*partner.MaxBlob))
	body := &countedBody{Reader: content}
	w.send("", "POST", "/portal/start/sandbox/evidence", body, kind).is(http.StatusUnauthorized, "Nothing was done", "typed with a long file")
	if body.n < 3*partner.MaxBlob {
		t.Errorf("only %d bytes were read", body.n)
	}
}

// TestTheAddressOfAFormLeadsToItsPage: it stands in the address bar above the answer of the form, and is opened from there.
func TestTheAddressOfAFormLeadsToItsPage(t *testing.T) {
	w := newWorld(t)
	w.partner("Acme", "ann")
	for path, page := range map[string]string{"/credentials/x/rotate": "/credentials/x", "/start/sandbox/evidence": "/start/sandbox", "/tester/send": "/tester",
		"/requests/x/take": "/requests", "/start/%2Fevil.example/comment": "/start/%2Fevil.example"} {
		w.get("ann", "/portal"+path).leads("/portal" + page)
		w.get("", "/portal"+path).leads("/sign-in/?next=" + url.QueryEscape("/portal"+page))
	}
	for _, pattern := range w.server.Patterns() {
		if path, form := strings.CutPrefix(pattern, "POST "); form {
			if a := w.get("ann", "/portal"+strings.NewReplacer("{", "", "}", "").Replace(path)); a.Code != http.StatusSeeOther && a.Code != http.StatusOK {
				t.Errorf("%s: %d", path, a.Code)
			}
		}
	}
}

var nextPage = regexp.MustCompile(`/portal/calls\?after=([^"&]*)`)

// TestAPageOfCallsDoesNotCountTheCallsOfOthers: where the next page begins is said by a call of one's own. A place in the record would
// tell how much everybody else calls meanwhile.
func TestAPageOfCallsDoesNotCountTheCallsOfOthers(t *testing.T) {
	w := newWorld(t)
	ann, bob := w.partner("Acme", "ann"), w.partner("Bolt", "bob")
	for n := range 120 {
		who, credential := ann, "crd_a"
		if n%2 == 1 {
			who, credential = bob, "crd_b"
		}
		w.lines = append(w.lines, aCall(n+1, who, credential, "allowed"))
	}
	w.write()
	m := nextPage.FindStringSubmatch(w.get("ann", "/portal/calls").is(http.StatusOK).Body.String())
	if m == nil || m[1] != fmt.Sprintf("%032x", 21) { // sixty calls of hers, the odd ones; the fiftieth from the end
		t.Fatalf("the next page is behind %q", m)
	}
	a := w.get("ann", "/portal/calls?after="+m[1]).is(http.StatusOK)
	if n := strings.Count(a.Body.String(), `href="/portal/calls/0`); n != 10 {
		t.Errorf("%d calls on the second page", n)
	}
	w.get("bob", "/portal/calls?after="+m[1]).is(http.StatusNotFound)
}
