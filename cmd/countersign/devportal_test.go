package main

import (
	"bufio"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/netip"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/audit/search"
	"countersign.dev/internal/explain"
	"countersign.dev/internal/registry"
	"countersign.dev/internal/tester"
)

// visitor is a browser on this machine, without its scripts.
type visitor struct {
	t *testing.T
	http.Client
	url string
}

// enters opens one of the links that dev prints.
func enters(t *testing.T, link string) *visitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	page, token, ok := strings.Cut(link, "#")
	at, err := url.Parse(page)
	if !ok || err != nil {
		t.Fatalf("the link is %q", link)
	}
	v := &visitor{t: t, Client: http.Client{Jar: jar}, url: at.Scheme + "://" + at.Host}
	if status, body := v.ask("POST", at.Path, url.Values{"token": {token}}.Encode(), ""); status != http.StatusOK {
		t.Fatalf("the sign-in answers %d: %s", status, body)
	}
	return v
}

// ask sends a request, with another Host if one is given, and follows where it leads.
func (v *visitor) ask(method, path, form, host string) (int, string) {
	v.t.Helper()
	r, err := http.NewRequestWithContext(v.t.Context(), method, v.url+path, strings.NewReader(form))
	if err != nil {
		v.t.Fatal(err)
	}
	if r.Host = host; method == "POST" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", v.url)
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	answer, err := v.Do(r)
	if err != nil {
		v.t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return answer.StatusCode, string(body)
}

// sees asks for a page and checks what stands on it.
func (v *visitor) sees(path string, texts ...string) {
	v.t.Helper()
	status, body := v.ask("GET", path, "", "")
	if status != http.StatusOK {
		v.t.Fatalf("%s answers %d: %s", path, status, body)
	}
	for _, text := range texts {
		if !strings.Contains(body, text) {
			v.t.Errorf("%s does not say %q:\n%s", path, text, body)
		}
	}
}

// TestDevOpensBothSurfaces: one link leads into the console, the other one into the portal, and neither into the other.
func TestDevOpensBothSurfaces(t *testing.T) {
	out := new(lockedBuffer)
	d := startDevOn(t, filepath.Join(t.TempDir(), "data"), out, io.Discard)
	if d.ready.Admin.URL == d.ready.Portal.URL {
		t.Fatalf("both are at %s", d.ready.Portal.URL)
	}
	operator, member := enters(t, d.ready.Admin.SignInLink), enters(t, d.ready.Portal.SignInLink)
	operator.sees("/", "demo@localhost", "Live tail")
	operator.sees("/console/tail", "Live tail")
	member.sees("/", demoMember, "sandbox", "production")
	member.sees("/portal/start/sandbox", d.ready.Environments["sandbox"].BaseURL)
	stranger := &visitor{t: t, url: d.ready.Portal.URL}
	if _, body := stranger.ask("GET", "/portal/start", "", ""); strings.Contains(body, demoMember) {
		t.Error("the portal is open to whoever is not signed in")
	}
	// The two run on one host: a browser sends the cookies of one to the other, where they mean nothing.
	member.url = d.ready.Admin.URL
	if status, body := member.ask("GET", "/v1/me", "", ""); status != http.StatusUnauthorized {
		t.Errorf("a member at the operators' API: %d %s", status, body)
	}
	operator.url = d.ready.Portal.URL
	if _, body := operator.ask("GET", "/portal/start", "", ""); strings.Contains(body, demoMember) || strings.Contains(body, "demo@localhost") {
		t.Error("an operator is signed in at the portal")
	}
	for _, link := range []string{d.ready.Admin.SignInLink, d.ready.Portal.SignInLink} {
		until(t, link+" is printed", func() bool { return strings.Contains(out.String(), link) })
	}
}

// TestDemoOperatorDecidesWhatTheDemoMemberAsks: what waits for an operator can be approved by the one whom dev has.
func TestDemoOperatorDecidesWhatTheDemoMemberAsks(t *testing.T) {
	d := openDev(t)
	operator, member := enters(t, d.signInLink()), enters(t, d.portalLink())
	form := url.Values{"idempotency_key": {"k"}, "environment": {"sandbox"}, "prefix": {"198.51.100.7"}}
	if status, body := member.ask("POST", "/portal/addresses", form.Encode(), ""); status != http.StatusOK || !strings.Contains(body, "Waits for an operator") {
		t.Fatalf("the request: %d %s", status, body)
	}
	view, err := d.register.MemberView(t.Context(), d.state.PartnerID)
	if err != nil || len(view.Proposals) != 1 {
		t.Fatalf("%+v, %v", view.Proposals, err)
	}
	at := "/console/proposals/" + view.Proposals[0].ID
	operator.sees(at, at+"/approve")
	waits, err := d.register.Proposal(t.Context(), view.Proposals[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	digest := waits.Digest()
	approval := url.Values{"idempotency_key": {"k"}, "digest": {hex.EncodeToString(digest[:])}}
	if status, body := operator.ask("POST", at+"/approve", approval.Encode(), ""); status != http.StatusOK {
		t.Fatalf("the approval: %d %s", status, body)
	}
	member.sees("/portal/addresses", "198.51.100.7/32")
	member.sees("/portal/requests", "Nothing waits for an operator")
}

// TestRule31DevAnswersForThisMachineAlone: a name elsewhere that is made to point at this machine (DNS rebinding) reaches neither.
func TestRule31DevAnswersForThisMachineAlone(t *testing.T) {
	d := startDev(t, filepath.Join(t.TempDir(), "data"))
	for _, link := range []string{d.ready.Admin.SignInLink, d.ready.Portal.SignInLink} {
		v := enters(t, link)
		for _, host := range []string{"evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "192.0.2.1", "evil.example:80", "[2001:db8::1]"} {
			for _, path := range []string{"/", "/portal/start", "/console/", "/sign-in/", "/v1/me", "/console/assets/style.css"} {
				if status, body := v.ask("GET", path, "", host); status != http.StatusMisdirectedRequest || strings.Contains(body, "emo@") {
					t.Errorf("%s%s as %s answers %d: %s", v.url, path, host, status, body)
				}
			}
		}
	}
	for _, flags := range [][]string{{"--listen-portal", "0.0.0.0:0"}, {"--listen-portal", "192.0.2.1:0"}, {"--listen-portal", ":0"}, {"--listen-admin", "0.0.0.0:0", "--allow-remote"}} {
		said := new(lockedBuffer)
		if code := run(t.Context(), append([]string{"dev", "--data", filepath.Join(t.TempDir(), "d")}, flags...), strings.NewReader(""), io.Discard, said); code == exitOK || !strings.Contains(said.String(), "not a loopback address") {
			t.Errorf("%v: exit code %d, said %s", flags, code, said)
		}
	}
}

// openDev is a dev server in this process whose parts a test can reach.
func openDev(t *testing.T) *devServer {
	t.Helper()
	o := &devOptions{listenSandbox: "127.0.0.1:0", listenProduction: "127.0.0.1:0", listenOps: "127.0.0.1:0", listenAdmin: "127.0.0.1:0", listenPortal: "127.0.0.1:0",
		tokenLifetime: time.Hour, upstreamTimeout: 10 * time.Second, quiet: true, allowNetworks: []string{"203.0.113.0/24"}}
	dir := filepath.Join(t.TempDir(), "data")
	if err := openFolder(dir); err != nil {
		t.Fatal(err)
	}
	d := newDevServer(o, dir, io.Discard, io.Discard)
	if err := d.lock(); err != nil {
		t.Fatal(err)
	}
	if err := d.open(t.Context()); err != nil {
		t.Fatal(err)
	}
	b, err := d.blueprint()
	if err != nil {
		t.Fatal(err)
	}
	if err := d.put(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.drain(d.models...); err != nil {
			t.Error(err)
		}
		d.close()
	})
	return d
}

// relayed sends one signed GET of the card API over the relay, and returns the answer and the line of the record.
func relayed(t *testing.T, d *devServer, from string, more string) (*http.Response, search.Found) {
	t.Helper()
	c, err := d.relay([]string{"sandbox"})(t.Context(), "sandbox", netip.MustParseAddrPort(from))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	key := d.state.Environments["sandbox"].Signing
	ts, target := strconv.FormatInt(time.Now().Unix(), 10), cardPath+"/cards/1?a=%2e&b"
	mac := hmac.New(sha256.New, []byte(key.Secret))
	mac.Write([]byte(ts + "GET" + target))
	_, err = fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: localhost\r\nX-Auth-Token: %s\r\nX-Auth-Timestamp: %s\r\nX-Auth-Signature: %s\r\n%sConnection: close\r\n\r\n",
		target, key.KeyID, ts, hex.EncodeToString(mac.Sum(nil)), more)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(answer.Body); err != nil {
		t.Fatal(err)
	}
	return answer, lineOf(t, d, answer.Header.Get("Countersign-Request-Id"))
}

// lineOf waits for the line of a request: it is written behind the answer.
func lineOf(t *testing.T, d *devServer, id string) search.Found {
	t.Helper()
	for {
		page, err := d.recall.archive.Find(t.Context(), search.Query{RequestID: id, Decision: "final"})
		if err != nil {
			t.Fatal(err)
		}
		if len(page.Found) == 1 {
			return page.Found[0]
		}
	}
}

// TestTheTesterCallsWithTheVisitorsAddress: the gateway decides by it and records it, whatever the request says of it.
func TestTheTesterCallsWithTheVisitorsAddress(t *testing.T) {
	d := openDev(t)
	answer, found := relayed(t, d, "203.0.113.7:1234", "X-Forwarded-For: 127.0.0.1\r\n")
	if answer.StatusCode != http.StatusNotFound { // of the model: there is no such card
		t.Errorf("from a listed address: %d", answer.StatusCode)
	}
	if string(found.Line.Address) != "203.0.113.7" || string(found.Line.Peer) != "203.0.113.7" || found.Line.Kind != search.Allow {
		t.Errorf("recorded %s", found.Text)
	}
	answer, found = relayed(t, d, "198.51.100.9:1234", "X-Forwarded-For: 203.0.113.7\r\nForwarded: for=203.0.113.7\r\n")
	if answer.StatusCode != http.StatusForbidden || string(found.Line.Reason) != "address_not_listed" || string(found.Line.Address) != "198.51.100.9" {
		t.Errorf("from an address that is not listed: %d, %s", answer.StatusCode, found.Text)
	}
}

// TestTheTesterReachesNothingElse: no environment that the configuration does not name, and nothing once the server is ending.
func TestTheTesterReachesNothingElse(t *testing.T) {
	d := openDev(t)
	relay := d.relay([]string{"sandbox"})
	from := netip.MustParseAddrPort("127.0.0.1:1")
	for _, environment := range []string{"production", "", "sandbox ", "SANDBOX", "127.0.0.1:80"} {
		if c, err := relay(t.Context(), environment, from); err == nil {
			_ = c.Close()
			t.Errorf("%q is reached", environment)
		}
	}
	if c, err := relay(t.Context(), "sandbox", netip.AddrPort{}); err == nil {
		_ = c.Close()
		t.Error("a call without an address is let in")
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if c, err := relay(ended, "sandbox", from); err == nil {
		_ = c.Close()
		t.Error("a call that was given up is made")
	}
	d.draining.Store(true)
	if c, err := relay(t.Context(), "sandbox", from); err == nil {
		_ = c.Close()
		t.Error("a call is let in while the server ends")
	}
}

// TestAMembersOwnRefusalIsExplained: to the partner whose it is, and to operators.
func TestAMembersOwnRefusalIsExplained(t *testing.T) {
	d := openDev(t)
	key := d.state.Environments["sandbox"].Signing
	c, err := d.relay([]string{"sandbox"})(t.Context(), "sandbox", netip.MustParseAddrPort("203.0.113.7:1"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ts, target := strconv.FormatInt(time.Now().Unix(), 10), cardPath+"/cards/1"
	mac := hmac.New(sha256.New, []byte(key.Secret+"\n"))
	mac.Write([]byte(ts + "GET" + target))
	_, _ = fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: localhost\r\nX-Auth-Token: %s\r\nX-Auth-Timestamp: %s\r\nX-Auth-Signature: %s\r\nConnection: close\r\n\r\n",
		target, key.KeyID, ts, hex.EncodeToString(mac.Sum(nil)))
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil || answer.StatusCode != http.StatusUnauthorized {
		t.Fatalf("%v, %v", answer, err)
	}
	id := answer.Header.Get("Countersign-Request-Id")
	for poll := time.NewTicker(time.Millisecond); d.captures.kept.Load() == 0; <-poll.C { // it is sealed behind the answer
	}
	own := ownExplainer{d.assembly}
	report, err := own.ExplainCaptured(t.Context(), d.state.PartnerID, "sandbox", "card", id)
	if err != nil || !report.Verdict.Known() || len(report.Findings) == 0 {
		t.Fatalf("to its owner: %+v, %v", report, err)
	}
	text, err := d.captures.Explain(t.Context(), "sandbox", "card", key.CredentialID, id)
	if err != nil || !json.Valid(text) || !strings.Contains(string(text), report.Findings[0].Steps[0].Name) {
		t.Errorf("to an operator: %s, %v", text, err)
	}
	if strings.Contains(string(text), key.Secret) {
		t.Error("the secret stands in the report")
	}
	stranger := another(t, d.register)
	_, hers := own.ExplainCaptured(t.Context(), stranger, "sandbox", "card", id)
	_, nobodys := own.ExplainCaptured(t.Context(), stranger, "sandbox", "card", strings.Repeat("0", 32))
	_, elsewhere := own.ExplainCaptured(t.Context(), d.state.PartnerID, "production", "card", id)
	if hers == nil || hers != nobodys || elsewhere != nobodys {
		t.Errorf("to another partner: %v; of no request: %v; of another environment: %v", hers, nobodys, elsewhere)
	}
}

func another(t *testing.T, r *registry.Registry) (id string) {
	t.Helper()
	p, err := r.CreatePartner(t.Context(), devApprover, "Other Partner")
	if err != nil {
		t.Fatal(err)
	}
	return p.ID
}

// TestRule9ThePastedRequestTellsNobodysKey: with a key id that is not the partner's own the answer is the one for a key id that is
// not there; with one's own it is explained.
func TestRule9ThePastedRequestTellsNobodysKey(t *testing.T) {
	d := openDev(t)
	own, stranger := ownExplainer{d.assembly}, another(t, d.register)
	sandbox, production := d.state.Environments["sandbox"], d.state.Environments["production"]
	profile, err := finci("")
	if err != nil {
		t.Fatal(err)
	}
	request := "GET /x HTTP/1.1\r\nHost: a\r\nX-Auth-Token: " + sandbox.Signing.KeyID + "\r\nX-Auth-Timestamp: 1763625600\r\nX-Auth-Signature: " +
		strings.Repeat("0", 64) + "\r\n\r\n"
	observed, err := explain.ParseRaw([]byte(request))
	if err != nil {
		t.Fatal(err)
	}
	q := explain.Question{Observed: observed, Profile: profile.profile, Tries: 1000, Bytes: 1 << 20}
	if report, err := own.ExplainOwn(t.Context(), d.state.PartnerID, "sandbox", sandbox.Signing.KeyID, q); err != nil || report.Input == nil {
		t.Errorf("one's own: %+v, %v", report, err)
	}
	for _, c := range []struct{ name, partner, environment, key string }{
		{"another partner's", stranger, "sandbox", sandbox.Signing.KeyID},
		{"nobody's", stranger, "sandbox", strings.Repeat("0", 32)},
		{"of another environment", d.state.PartnerID, "sandbox", production.Signing.KeyID},
		{"where nothing is explained", d.state.PartnerID, "production", production.Signing.KeyID},
		{"of an app", d.state.PartnerID, "sandbox", sandbox.App.KeyID},
		{"a row's id", d.state.PartnerID, "sandbox", sandbox.Signing.CredentialID},
		{"nothing", d.state.PartnerID, "sandbox", ""},
		{"without a partner", "", "sandbox", sandbox.Signing.KeyID},
	} {
		if report, err := own.ExplainOwn(t.Context(), c.partner, c.environment, c.key, q); report != nil || err != tester.ErrNoSecret {
			t.Errorf("%s: %+v, %v", c.name, report, err)
		}
	}
}

// TestALinkOfDevCountsOnce: the next one stands in the log, for whoever sits before this machine.
func TestALinkOfDevCountsOnce(t *testing.T) {
	log := new(lockedBuffer)
	d := startDevOn(t, filepath.Join(t.TempDir(), "data"), new(lockedBuffer), log)
	for _, link := range []string{d.ready.Admin.SignInLink, d.ready.Portal.SignInLink} {
		page, token, _ := strings.Cut(link, "#")
		enters(t, link)
		again := &visitor{t: t, url: strings.TrimSuffix(page, "/sign-in/link")}
		if status, _ := again.ask("POST", "/sign-in/link", url.Values{"token": {token}}.Encode(), ""); status != http.StatusForbidden {
			t.Errorf("%s counts twice: %d", page, status)
		}
		next := ""
		until(t, "the next link is told", func() bool {
			_, next, _ = strings.Cut(log.String(), page+"#")
			next, _, _ = strings.Cut(next, `"`)
			return next != ""
		})
		if next == token {
			t.Fatalf("the former link is told:\n%s", log)
		}
		enters(t, page+"#"+next)
	}
}
