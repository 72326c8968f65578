package portal_test

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/edge/portal"
	"countersign.dev/internal/registry"
	"countersign.dev/internal/tester"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// ids are the names of what one partner has.
type ids struct {
	credential, keyID, network, evidence, proposal, call, member, partner string
}

// all are the texts that nobody else may ever read.
func (i ids) all() []string {
	return []string{i.credential, i.keyID, i.network, i.evidence, i.proposal, i.call, i.member, i.partner}
}

// nothing are ids that nobody has, of the form of real ones.
func nothing() ids {
	row := func(prefix string) string { return prefix + strings.Repeat("0", 26) }
	return ids{row("crd_"), strings.Repeat("7", 32), row("net_"), row("evd_"), row("prp_"), strings.Repeat("6", 32), row("mbr_"), row("ptn_")}
}

// request is one thing to send.
type request struct {
	path  string
	form  url.Values // nil: GET
	other bool       // the route names nothing of anybody: the answer is a page of the visitor's own
}

// walks is how each route is tried with somebody's ids. A route that is not here fails the test.
var walks = map[string]func(ids) []request{
	"GET /start":                       own("/start?partner={partner}"),
	"GET /start/{environment}":         own("/start/sandbox?partner={partner}&credential={credential}"),
	"POST /start/{environment}/review": own("/start/production/review", "partner", "{partner}", "reason", "walk"),
	"POST /start/{environment}/evidence": own("/start/sandbox/evidence", "item", "policy", "url", "https://example.org/walk", "name", "walk", "partner", "{partner}",
		"supersedes", "{evidence}"),
	"POST /start/{environment}/comment":      own("/start/sandbox/comment", "text", "walk", "partner", "{partner}"),
	"POST /start/{environment}/credential":   own("/start/production/credential", "kind", "signing_key", "partner", "{partner}"),
	"GET /start/{environment}/profile/{api}": own("/start/sandbox/profile/card?partner={partner}"),
	"GET /start/{environment}/caller/{api}":  own("/start/sandbox/caller/card?partner={partner}&credential={credential}"),
	"GET /evidence/{evidence}":               named("/evidence/{evidence}"),
	"GET /credentials":                       own("/credentials?partner={partner}"),
	"GET /credentials/{credential}":          named("/credentials/{credential}"),
	"POST /credentials/{credential}/rotate":  named("/credentials/{credential}/rotate", "overlap", "7"),
	"POST /credentials/{credential}/reveal":  named("/credentials/{credential}/reveal"),
	"POST /credentials/{credential}/retire":  named("/credentials/{credential}/retire", "version", "1"),
	"GET /requests":                          own("/requests?partner={partner}&request={proposal}"),
	"POST /requests/{request}/take":          named("/requests/{proposal}/take"),
	"POST /requests/{request}/withdraw":      named("/requests/{proposal}/withdraw"),
	"GET /calls":                             own("/calls?partner={partner}&credential={credential}"),
	"GET /calls/{request}":                   named("/calls/{call}"),
	"GET /addresses":                         own("/addresses?partner={partner}&network={network}"),
	"POST /addresses":                        own("/addresses", "environment", "sandbox", "prefix", "192.0.2.77", "partner", "{partner}"),
	"POST /addresses/{network}/remove":       named("/addresses/{network}/remove"),
	"GET /address":                           own("/address?partner={partner}"),
	"GET /account":                           own("/account?partner={partner}&member={member}"),
	"GET /tester":                            own("/tester?partner={partner}&key_id={key}&request={call}"),
	"POST /tester/build":                     named("/tester/build", "where", "sandbox/card", "key_id", "{key}", "method", "GET", "target", "/card/v1/x"),
	"POST /tester/send":                      named("/tester/send", "where", "sandbox/card", "key_id", "{key}", "method", "GET", "target", "/card/v1/x", "at", "2026-11-20T08:00:00Z", "nonce", "0123456789abcdef", "signature", strings.Repeat("e", 64)),
	"GET /debugger":                          named("/debugger?request={call}&key_id={key}&where=sandbox/card"),
	"POST /debugger":                         named("/debugger", "where", "sandbox/card", "key_id", "{key}", "request", "GET /card/v1/x HTTP/1.1\r\nHost: sandbox.example.com\r\nX-Api-Key: {key}\r\nX-Timestamp: 1763625600\r\nX-Nonce: 0123456789abcdef\r\nX-Signature: v1="+strings.Repeat("e", 64)+"\r\n\r\n"),
	"POST /debugger/kept":                    named("/debugger/kept", "where", "sandbox/card", "request", "{call}", "request_id", "{call}"),
}

// own is a route that names nothing: whatever is added to it, the visitor sees what is his own.
func own(path string, pairs ...string) func(ids) []request { return makes(true, path, pairs) }

// named is a route that names somebody's row.
func named(path string, pairs ...string) func(ids) []request { return makes(false, path, pairs) }

func makes(other bool, path string, pairs []string) func(ids) []request {
	return func(i ids) []request {
		fill := strings.NewReplacer("{credential}", i.credential, "{key}", i.keyID, "{network}", i.network, "{evidence}", i.evidence,
			"{proposal}", i.proposal, "{call}", i.call, "{member}", i.member, "{partner}", i.partner)
		r := request{path: portal.Base + fill.Replace(path), other: other}
		for n := 0; n+1 < len(pairs); n += 2 {
			if r.form == nil {
				r.form = url.Values{}
			}
			r.form.Set(pairs[n], fill.Replace(pairs[n+1]))
		}
		return []request{r}
	}
}

// TestNothingOfAnotherPartnerIsVisible walks every page and form of the portal as one partner with the ids of another one: the
// answer is, byte for byte, that to ids which do not exist, it holds nothing of the other, and changes nothing of the other.
func TestNothingOfAnotherPartnerIsVisible(t *testing.T) {
	shared, ownWorld := newWalk(t), newWalk(t)
	patterns := shared.w.server.Patterns()
	for _, pattern := range patterns {
		if walk, ok := walks[pattern]; ok {
			t.Run(strings.ReplaceAll(pattern, "/", " "), func(t *testing.T) { walkOne(t, pattern, walk, shared, ownWorld) })
		} else {
			t.Errorf("%s: no walk tries it with the ids of another partner", pattern)
		}
	}
	for pattern := range walks {
		if !slices.Contains(patterns, pattern) {
			t.Errorf("the walk has %s, which there is not", pattern)
		}
	}
}

// walked is a world with two partners. All of them are the same to the last id.
type walked struct {
	w      *world
	a, b   ids
	before registry.MemberView // of the first partner
}

func newWalk(t *testing.T) walked {
	t.Helper()
	w := newWorld(t, explains)
	a, b := w.twoPartners()
	return walked{w, a, b, w.view(a.partner)}
}

// try sends one request as the second partner, and looks that nothing of the first is shown or changed by it.
func (x walked) try(t *testing.T, pattern string, r request) answer {
	t.Helper()
	method, _, _ := strings.Cut(pattern, " ")
	got := x.w.walked(method, r)
	if diff := cmp.Diff(x.before, x.w.view(x.a.partner), cmpopts.EquateComparable(netip.Prefix{})); diff != "" {
		t.Errorf("the other partner was changed: %s", diff)
	}
	page := strings.ReplaceAll(got.Body.String(), "<wbr>", "") // a place to break hides nothing
	for _, text := range append(x.a.all(), x.before.Partner.Name, "pentest-of-a", "comment-of-a", "note-of-a", "192.0.2.0/24") {
		if !echoed(r, text) && strings.Contains(page, text) {
			t.Errorf("it shows %q of another partner", text)
		}
	}
	return got
}

// walkOne tries one route. A form that changes something of the visitor's own needs a world for each time.
func walkOne(t *testing.T, pattern string, walk func(ids) []request, shared, ownWorld walked) {
	first, second := shared, shared
	if r := walk(shared.a)[0]; r.other && strings.HasPrefix(pattern, "POST") {
		first, second = newWalk(t), newWalk(t)
	}
	r := walk(first.a)[0]
	foreign, none := first.try(t, pattern, r), second.try(t, pattern, walk(nothing())[0])
	if diff := cmp.Diff(scrub(none, nothing()), scrub(foreign, first.a)); diff != "" {
		t.Errorf("it tells the id of another partner from one that does not exist (-none +other):\n%s", diff)
	}
	if !r.other && strings.Contains(pattern, "{") && foreign.Code != http.StatusNotFound {
		t.Errorf("with the id of another partner: status %d, want 404", foreign.Code)
	}
	if foreign.Code >= 500 {
		t.Errorf("status %d: %s", foreign.Code, foreign.w.log)
	}
	if r.other || alike[pattern] {
		return
	}
	if own := ownWorld.try(t, pattern, walk(ownWorld.b)[0]); scrub(own, ownWorld.b) == scrub(none, nothing()) {
		t.Errorf("the partner's own ids are answered like those of nobody: the walk shows nothing\n%s", own.Body)
	}
}

// alike are the forms whose answer to one's own ids may look like that to none: what they show of a row is not in this world.
var alike = map[string]bool{"GET /debugger": true, "POST /debugger": true, "POST /debugger/kept": true, "POST /tester/send": true}

// echoed reports whether a text is in the answer because the visitor typed it.
func echoed(r request, text string) bool {
	for values := range maps.Values(r.form) {
		if strings.Contains(values[0], text) {
			return true
		}
	}
	u, err := url.Parse(r.path)
	return err == nil && strings.Contains(u.RawQuery, text)
}

// walked sends a request as the second partner, without randomness of the portal, so that equal pages are equal bytes.
func (w *world) walked(method string, r request) answer {
	w.Helper()
	w.random.fixed = true
	if method == "GET" {
		return w.get("ben", r.path)
	}
	form := url.Values{"idempotency_key": {"walk-" + hex.EncodeToString(random())}}
	maps.Copy(form, r.form)
	a := answer{}
	if strings.HasSuffix(r.path, "/evidence") {
		body, kind := multipartOf(w, form, "", nil)
		a = w.send("ben", "POST", r.path, body, kind)
	} else {
		a = w.post("ben", r.path, form)
	}
	text := strings.ReplaceAll(a.Body.String(), form.Get("idempotency_key"), "KEY")
	a.Body.Reset()
	a.Body.WriteString(text)
	return a
}

func random() []byte {
	b := make([]byte, 8)
	_, _ = rand.Read(b)
	return b
}

// scrub is an answer as text, with the ids that the visitor typed taken out of it.
func scrub(a answer, i ids) string {
	text := a.Body.String()
	for _, id := range i.all() {
		text = strings.ReplaceAll(text, id, "ID")
		text = strings.ReplaceAll(text, id[:min(len(id), 13)]+"…", "ID…")
	}
	header := fmt.Sprint(a.Header())
	for _, id := range i.all() {
		header = strings.ReplaceAll(header, id, "ID")
	}
	return fmt.Sprint(a.Code, "\n", header, "\n", text)
}

// twoPartners are two partners with one of everything: of the first one every id is known to the second, whose member is ben.
func (w *world) twoPartners() (a, b ids) {
	w.Helper()
	make := func(name, member, mark, prefix string, call int) ids {
		id := w.partner(name, member)
		w.post(member, "/portal/start/sandbox/review", key("reason", "note-of-"+mark)).leads("/portal/start/sandbox?done=review")
		w.attach(member, "sandbox", key("item", "pentest"), "pentest-of-"+mark+".txt", []byte("of "+mark)).leads("/portal/start/sandbox?done=evidence")
		w.post(member, "/portal/start/sandbox/comment", key("text", "comment-of-"+mark)).leads("/portal/start/sandbox?done=comment")
		w.approve(id, "sandbox")
		c := w.credential(id, "sandbox")
		n := w.rule(id, "sandbox", prefix)
		w.post(member, "/portal/addresses", key("environment", "sandbox", "prefix", "203.0.113."+hex.EncodeToString([]byte{byte(call)})[1:], "note", "note-of-"+mark)).leads("/portal/addresses?done=asked")
		w.called(aCall(call, id, c.ID, "bad_signature"))
		own := w.view(id)
		return ids{c.ID, c.KeyID, n.ID, own.Reviews[slices.IndexFunc(own.Reviews, inSandbox)].Evidence[0].ID, own.Proposals[0].ID,
			aCall(call, id, c.ID, "").RequestID, own.Members[0].ID, id}
	}
	return make("Partner of the first part", "ann", "a", "192.0.2.0/24", 5), make("Second partner", "ben", "b", "198.51.100.0/24", 6)
}

func inSandbox(r registry.MemberReview) bool { return r.Environment == "sandbox" }

// explains switches tester and debugger on; the tester reaches no gateway.
func explains(c *portal.Config) {
	relay := func(context.Context, string, netip.AddrPort) (net.Conn, error) {
		return nil, errors.New("no gateway in this test")
	}
	c.Tester.Sender, _ = tester.NewSender(tester.SenderConfig{Relay: relay, Now: c.Now})
	c.Debugger.Desk, _ = tester.NewDesk(tester.DeskConfig{Now: c.Now})
}

// TestAChangeOfAnothersRowIsInTheRecord: whoever has an id of another partner and tries it is written down, like every refused attempt.
func TestAChangeOfAnothersRowIsInTheRecord(t *testing.T) {
	w := newWorld(t)
	a, _ := w.twoPartners()
	attempts := func() (list []audit.Change) {
		rows, err := w.Changes(ctx, 0, 0)
		w.must(err)
		return slices.DeleteFunc(rows, func(c audit.Change) bool { return c.Action != audit.AttemptRefused })
	}
	for i, path := range []string{"/credentials/" + a.credential + "/rotate", "/addresses/" + a.network + "/remove", "/requests/" + a.proposal + "/withdraw"} {
		w.post("ben", portal.Base+path, key("overlap", "7")).is(http.StatusNotFound)
		rows := attempts()
		if len(rows) != i+1 {
			t.Fatalf("%s: %d refused attempts are in the record", path, len(rows))
		}
		if last := rows[i]; last.Actor != "member:ben@example.org" || !strings.HasPrefix(last.Subject, "POST "+portal.Base) || !strings.Contains(last.Detail, path) {
			t.Errorf("%s: %+v", path, last)
		}
	}
	w.get("ben", portal.Base+"/credentials/"+a.credential).is(http.StatusNotFound)
	if n := len(attempts()); n != 3 {
		t.Errorf("looking for a page is written down: %d", n)
	}
}
