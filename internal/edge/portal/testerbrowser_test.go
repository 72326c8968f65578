package portal_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"countersign.dev/internal/browsertest"
	"countersign.dev/internal/sandbox"
	"countersign.dev/internal/tester"
	"countersign.dev/profile"
	"countersign.dev/profile/library"
	"countersign.dev/scheme"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// watched is all that went over the network: what the browser says of itself, and what the server got.
type watched struct {
	mu     sync.Mutex
	events []string
	urls   []string
	served []string
}

// listen has the browser tell every event of its network, with the bodies of what it posts, before it loads a first page.
func (s *watched) listen(p *browsertest.Page, first string) {
	p.Follow(chromedp.Steps(chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		ctx = context.WithoutCancel(ctx) // as long as the page, not as long as this step
		if err := chromedp.Listen(ctx, s.hear); err != nil {
			return err
		}
		most := int64(8 << 20)
		_, err := chromedp.Call(ctx, network.Enable, network.EnableParams{MaxPostDataSize: &most})
		return err
	}), chromedp.Navigate(first)))
}

func (s *watched) hear(event any) {
	text, err := json.Marshal(event)
	s.mu.Lock()
	defer s.mu.Unlock()
	name := fmt.Sprintf("%T ", event)
	if err != nil {
		text = []byte(fmt.Sprintf("%+v", event))
	}
	if strings.Contains(name, "network.") {
		s.events = append(s.events, name+string(text))
	}
	if r, ok := event.(*network.EventRequestWillBeSent); ok {
		s.urls = append(s.urls, r.Request.URL)
		for _, piece := range r.Request.PostDataEntries {
			s.events = append(s.events, name+r.Request.Method+" "+string(piece.Bytes))
		}
	}
}

// record keeps every request as it arrives.
func (s *watched) record(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		dump, _ := httputil.DumpRequest(r, false)
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		s.mu.Lock()
		s.served = append(s.served, string(dump)+string(body))
		s.mu.Unlock()
		next.ServeHTTP(w, r)
	})
}

// forms are the ways in which a secret could be written: as it is, in hexadecimal, in base64 of every alignment,
// percent-encoded and backwards.
func forms(secret string) []string {
	backwards := []byte(secret)
	for i, j := 0, len(backwards)-1; i < j; i, j = i+1, j-1 {
		backwards[i], backwards[j] = backwards[j], backwards[i]
	}
	out := []string{secret, hex.EncodeToString([]byte(secret)), strings.ToUpper(hex.EncodeToString([]byte(secret))),
		url.QueryEscape(secret), html.EscapeString(secret), string(backwards)}
	for shift := range 3 {
		for _, enc := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			text := enc.EncodeToString([]byte(strings.Repeat("x", shift) + secret))
			out = append(out, text[4:len(text)-4]) // what depends on the neighbours is left out
		}
	}
	return out
}

// holds says in which of the texts a secret stands, in any form.
func holds(secret string, texts []string) (found []string) {
	for _, text := range texts {
		for _, form := range forms(secret) {
			if strings.Contains(text, form) {
				found = append(found, text[:min(len(text), 300)])
			}
		}
	}
	return found
}

// traces is everything that a page keeps or shows: storage, cookies, history, the document with the values of its fields.
const traces = `(async () => JSON.stringify([
	{...localStorage}, {...sessionStorage}, document.cookie, history.state, location.href, document.title, window.name, document.documentElement.outerHTML,
	Array.from(document.querySelectorAll("input,textarea,select"), (e) => e.value), await caches.keys(), await indexedDB.databases(), performance.getEntries(),
]))()`

// TestRule33TheSecretNeverLeavesThePage: a call is built, signed and sent in a real browser, through a real gateway, to the model of
// the API; nothing that goes over the network, and nothing that is kept in the browser, holds the secret in any form.
func TestRule33TheSecretNeverLeavesThePage(t *testing.T) {
	b := browsertest.Open(t)
	g, keyID := furnished(t, loopback)
	g.rule(g.people["ann"].PartnerID, "sandbox", "127.0.0.0/8")
	g.load()
	seen := &watched{}
	server := httptest.NewServer(seen.record(g.server))
	t.Cleanup(server.Close)
	base := strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
	p := b.Page("")
	seen.listen(p, base+"/sign-in/")
	var none any
	p.Eval(`document.cookie = "who=ann; path=/"`, &none)
	secret := string(g.secrets[keyID])

	if status := p.Go(base + "/portal/tester"); status != http.StatusOK {
		t.Fatalf("status %d", status)
	}
	p.Accessible(t)
	p.Screenshot("portal-tester", 1280, false)
	p.Type("#target", "/api/v1/cards/"+sandbox.DemoCardTokenID)
	p.Submit(`form[action$="/build"] button`)
	p.Until(`!document.getElementById("signer").hidden`)
	p.Accessible(t)
	for _, width := range []int{1280, 390} {
		p.Screenshot("portal-tester-sign", width, width == 390)
	}
	p.Type("#secret", secret)
	p.Click("#sign")
	p.Until(`document.getElementById("signed").textContent.startsWith("Signed")`)
	var kept string
	p.Eval(traces, &kept)
	if found := holds(secret, []string{kept}); found != nil {
		t.Errorf("after signing the page holds the secret: %s", found)
	}
	p.Type("#secret", secret)
	if status := p.Submit("#sign-send"); status != http.StatusOK {
		t.Errorf("status %d", status)
	}
	if text := p.Text("main"); !strings.Contains(text, "200 OK") || !strings.Contains(text, "MODEL PERSON") {
		t.Errorf("the answer is %s", text)
	}
	p.Accessible(t)
	for _, width := range []int{1280, 390} {
		p.Screenshot("portal-tester-answer", width, width == 390)
	}
	p.Eval(traces, &kept)
	if found := holds(secret, []string{kept}); found != nil {
		t.Errorf("a page holds the secret: %s", found)
	}
	seen.judge(t, base, secret)
}

// judge looks through all that was heard. It must have heard the call itself, or it proves nothing.
func (s *watched) judge(t *testing.T, base, secret string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if found := append(holds(secret, s.events), holds(secret, s.served)...); found != nil {
		t.Errorf("the secret went over the network: %s", found)
	}
	for _, u := range s.urls {
		if !strings.HasPrefix(u, base+"/") && !strings.HasPrefix(u, "data:image/svg+xml") && u != "data:," {
			t.Errorf("the browser asked for %s", u)
		}
	}
	for what, list := range map[string][]string{"the browser": s.events, "the server": s.served} {
		if !strings.Contains(strings.Join(list, "\n"), "signature=") {
			t.Errorf("%s did not show the call that was sent, so that it proves nothing", what)
		}
	}
}

// signing is one plan with a secret, and what must come out.
type signing struct {
	name, secret, want string
	plan               *tester.Plan
	input              []byte
}

// custom are profiles for steps that no shipped one has.
var custom = map[string]string{
	"sha384":  "algorithm: hmac-sha384\nkey: unhex(secret)\nsignature: upper(hex(mac))",
	"sha512":  "algorithm: hmac-sha512\nkey: unb64url(secret)\nsignature: b64url(mac, pad=0)",
	"sha1":    "algorithm: hmac-sha1\nkey: sha256(secret)\nsignature: lower(hex(mac))",
	"derived": "algorithm: hmac-sha256\nkey: hex(hmac(b64(secret), 'é' + ts, alg='sha512'))\nsignature: hex(head(mac, 16))",
	"chained": "algorithm: hmac-sha256\nkey: chain(trim_prefix(secret, 'whsec_'), ts, key_id)\nsignature: pct(b64(mac))",
}

func signings(t *testing.T) (out []signing) {
	t.Helper()
	for name, text := range custom {
		p, err := profile.Parse(name+".yaml", []byte("profile: "+name+"\nlanguage: 2\n"+text+"\nmessage: join('\\n', method, "+
			"target, ts, key_id, hex(sha256(body)))\n"+
			"wire: {X-Key: \"{key_id}\", X-Time: \"{ts}\", X-Sig: \"{sig}\"}\ntime: {window: 300s}\n"))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, signingsOf(t, p)...)
	}
	if len(out) != len(custom) {
		t.Fatalf("only %d of the custom profiles are signed", len(out))
	}
	for _, name := range library.Names() {
		p, err := library.Profile(name)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, signingsOf(t, p)...)
	}
	return out
}

// signingsOf are those of one profile and its alternatives, with what the scheme itself comes to.
func signingsOf(t *testing.T, p *profile.Profile) (out []signing) {
	t.Helper()
	for _, alternative := range append([]string{""}, p.Names()...) {
		s, err := p.Alternative(alternative)
		if err != nil || !s.HasKeyID() || s.InBody() || s.Webhook() {
			continue
		}
		w := &tester.World{Environment: "sandbox", BaseURL: "https://bucket.s3.amazonaws.com", APIs: []tester.API{{Name: "a",
			BasePaths: []string{"/a"}, Profile: p, Alternative: alternative}}}
		nonce, err := w.APIs[0].Nonce(strings.NewReader(strings.Repeat("0123456789", 100)))
		if err != nil {
			t.Fatal(err)
		}
		form := tester.Form{API: "a", KeyID: strings.Repeat("0f", 16), Method: "POST", Target: "/a/b?x=1", Headers: "Content-Type: application/json", Body: `{"n":"Zoë"}`}
		claims := tester.Claims{At: signedAt, Nonce: nonce}
		c, err := tester.Build(w, form, claims)
		if err != nil || c.Plan == nil {
			if custom[p.Name()] != "" {
				t.Errorf("%s: %v %v", p.Name(), err, c)
			}
			continue // internal/tester says which and why
		}
		for _, secret := range []string{strings.Repeat("6b", 32), "whsec_" + strings.Repeat("6b", 32)} {
			key, err := s.NewKey([]byte(secret))
			if err != nil {
				continue
			}
			r := &scheme.Request{Method: "POST", Target: form.Target, Scheme: "https", Host: w.Host(),
				Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte(form.Body)}
			want, err := s.Signature(&key, r, scheme.Claims{KeyID: form.KeyID, Time: signedAt, Nonce: nonce})
			if err == nil {
				out = append(out, signing{s.Name(), secret, want, c.Plan, c.Canonical})
				break
			}
		}
	}
	return out
}

// bare is as much of the page as the script needs.
const bare = `<div id="signer" hidden></div><input id="secret" type="password"><button id="sign"></button><button id="sign-send"></button><p id="signed"></p>` +
	`<form id="send"><input id="signature" name="signature"></form>`

// TestThePageSignsAsTheSchemeDoes: the script comes to the signature of package scheme, for every algorithm, every step of a
// key, and every shipped profile that is signed in a page.
func TestThePageSignsAsTheSchemeDoes(t *testing.T) {
	b := browsertest.Open(t)
	script, err := os.ReadFile("assets/tester.js")
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/tester.js" {
			w.Header().Set("Content-Type", "text/javascript")
			_, _ = w.Write(script)
			return
		}
		_, _ = io.WriteString(w, `<!doctype html><html lang="en"><title>signing</title><link rel="icon" href="data:,"><body>`)
	}))
	t.Cleanup(server.Close)
	p := b.Page(server.URL + "/")
	n := 0
	sign := func(one signing) (signature, said, left string) {
		n++
		plan, _ := json.Marshal(one.plan)
		data, _ := json.Marshal(map[string]string{"bare": bare, "plan": string(plan),
			"input": base64.StdEncoding.EncodeToString(one.input), "secret": one.secret, "n": fmt.Sprint(n)})
		var got []string
		p.Eval(`(async (d) => {
			document.body.innerHTML = d.bare;
			Object.assign(document.getElementById("signer").dataset, {plan: d.plan, input: d.input});
			await import("/tester.js?" + d.n);
			const said = document.getElementById("signed");
			const done = new Promise((yes) => new MutationObserver(yes).observe(said, {childList: true}));
			document.getElementById("secret").value = d.secret;
			document.getElementById("sign").click();
			await done;
			await new Promise((yes) => setTimeout(yes));
			return [document.getElementById("signature").value, said.textContent, document.getElementById("secret").value];
		})(`+string(data)+`)`, &got)
		return got[0], got[1], got[2]
	}
	all := signings(t)
	hashes := map[tester.Hash]bool{}
	for _, one := range all {
		hashes[one.plan.Hash] = true
		if got, said, left := sign(one); got != one.want || left != "" {
			t.Errorf("%s: %q instead of %q; %s; left %q", one.name, got, one.want, said, left)
		}
	}
	if len(all) < 30 || len(hashes) != 4 {
		t.Errorf("only %d profiles, with %v", len(all), hashes)
	}
	t.Logf("%d profiles", len(all))
	for _, one := range all[:len(custom)] {
		if one.name == "sha384" || one.name == "sha512" || one.name == "chained" {
			one.secret = "no such <secret>"
			if got, said, left := sign(one); got != "" || left != "" || !strings.Contains(said, "does not have the form") {
				t.Errorf("%s: a secret that does not fit gives %q and %q", one.name, got, said)
			}
		}
	}
}

// TestWithoutScripts: the page shows what is signed and the command that signs it, takes the signature that was made elsewhere,
// and sends the call.
func TestWithoutScripts(t *testing.T) {
	b := browsertest.Open(t)
	g, keyID := furnished(t, loopback)
	g.rule(g.people["ann"].PartnerID, "sandbox", "127.0.0.0/8")
	g.load()
	p, base := serve(t, g.world, b)
	p.Scripts(false)
	p.Go(base + "/portal/tester")
	p.Type("#target", "/api/v1/cards/"+sandbox.DemoCardTokenID)
	p.Submit(`form[action$="/build"] button`)
	var page string
	p.Eval(`document.documentElement.outerHTML`, &page)
	var visible bool
	p.Eval(`!!document.getElementById("secret").offsetParent`, &visible)
	if visible || !strings.Contains(p.Text("main"), "Sign it yourself") {
		t.Error("without scripts a secret is asked for, or there is no other way")
	}
	a := answer{httptest.NewRecorder(), g.world}
	_, _ = a.WriteString(page)
	p.Type("#signature", g.sign(a, keyID))
	if status := p.Submit(`#send button`); status != http.StatusOK || !strings.Contains(p.Text("main"), "MODEL PERSON") {
		t.Errorf("status %d: %s", status, p.Text("main"))
	}
}

var signedAt = time.Unix(1763625600, 0).UTC()
