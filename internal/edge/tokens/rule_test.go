package tokens_test

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/registry"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestRule9WrongIdSecretAndAddressAreOneAnswer(t *testing.T) {
	for _, method := range []string{"POST", "PUT"} {
		good := map[string]string{"POST": goodJSON, "PUT": putJSON}[method]
		b := newBench(t)
		want := b.send(method, jsonType, strings.Replace(good, oldSecret, "wrong", 1))
		otherID := b.send(method, jsonType, strings.Replace(good, login, "999", 1))
		b.d.Unproved = true
		right, wrong := b.send(method, jsonType, good), b.send(method, jsonType, strings.Replace(good, oldSecret, "wrong", 1))
		for name, got := range map[string]any{"other id": otherID, "right secret, wrong address": right, "wrong secret, wrong address": wrong} {
			if diff := cmp.Diff(any(want), got); diff != "" {
				t.Errorf("%s %s: %s", method, name, diff)
			}
		}
		if b.d.Reason != access.UnprovedAddress || b.d.Proved {
			t.Errorf("%s: %s", method, b.d.Reason)
		}
	}
}

// A parameter that comes twice leaves open which one is meant, as a doubled header does.
func TestRule20RefusesWhatComesTwice(t *testing.T) {
	b := newBench(t)
	for _, body := range []string{
		`{"partnerId":"` + login + `",` + goodJSON[1:],
		strings.Replace(goodXML, "<partnerId>", "<partnerId>1</partnerId><partnerId>", 1),
	} {
		if a := b.send("POST", "", body); a.Status != 400 || b.d.Reason != access.MalformedBody || b.d.Where != "partnerId" {
			t.Errorf("%s: %d %s %s", body, a.Status, b.d.Reason, a.Body)
		}
	}
	a := b.sendHeader("POST", http.Header{"Content-Type": {jsonType, xmlType}}, goodJSON)
	if a.Status != 400 || b.d.Reason != access.DuplicateHeader || b.d.Where != "Content-Type" {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	if len(b.registry.calls) != 0 {
		t.Errorf("reached the registry: %v", b.registry.calls)
	}
}

func TestRule30AStrangersAddressReachesNoCounter(t *testing.T) {
	b := newBench(t)
	b.d.Unproved = true
	for range 1000 {
		if a := b.send("POST", jsonType, badJSON); a.Status != 401 {
			t.Fatalf("%d %s", a.Status, a.Body)
		}
	}
	if len(b.registry.calls) != 0 {
		t.Errorf("%d calls reached the registry", len(b.registry.calls))
	}
	b.d.Unproved = false
	if a := b.send("POST", jsonType, goodJSON); a.Status != 200 {
		t.Errorf("%d %s", a.Status, a.Body)
	}
}

func TestRule30FailuresAreCountedPerSource(t *testing.T) {
	b := newBench(t)
	for i := range 300 {
		if b.registry.outcome = registry.Wrong; i%2 == 1 {
			b.registry.outcome = registry.Locked
		}
		if a := b.send("POST", jsonType, goodJSON); a.Status != 401 {
			t.Fatalf("failure %d: %d %s", i, a.Status, a.Body)
		}
	}
	b.registry.outcome, b.registry.calls = 0, nil
	a := b.send("POST", jsonType, goodJSON)
	if a.Status != 429 || b.d.Reason != access.Throttled || a.Get("Retry-After") != "1" || len(b.registry.calls) != 0 {
		t.Fatalf("%d %s, Retry-After %q, %v", a.Status, b.d.Reason, a.Get("Retry-After"), b.registry.calls)
	}
	b.d.Address = netip.MustParseAddr("192.0.2.2")
	if a := b.send("POST", jsonType, goodJSON); a.Status != 200 {
		t.Errorf("another source: %d", a.Status)
	}
	b.d.Address = netip.MustParseAddr("::ffff:192.0.2.1")
	if a := b.send("POST", jsonType, goodJSON); a.Status != 429 {
		t.Errorf("the same source, mapped: %d", a.Status)
	}
	b.clock.at = b.clock.at.Add(200 * time.Millisecond)
	if a := b.send("POST", jsonType, badJSON); a.Status != 401 {
		t.Errorf("after a refill of one: %d", a.Status)
	}
	if a := b.send("POST", jsonType, goodJSON); a.Status != 429 {
		t.Errorf("after that one was used: %d", a.Status)
	}
}

func TestRule30WhatIsNoGuessDoesNotFeedTheThrottle(t *testing.T) {
	b := newBench(t)
	for i := range 400 {
		if a := b.send("POST", jsonType, goodJSON); a.Status != 200 {
			t.Fatalf("success %d: %d", i, a.Status)
		}
	}
	b.registry.err = errors.New("broken")
	for range 400 {
		b.send("POST", jsonType, goodJSON)
	}
	b.registry.err = nil
	for range 400 {
		b.send("POST", jsonType, "{}")
	}
	if a := b.send("POST", jsonType, goodJSON); a.Status != 200 {
		t.Errorf("%d %s", a.Status, a.Body)
	}
}

// Being turned away for want of capacity costs a tenth of a failure: an honest client that comes again is not shut out, a
// flood is.
func TestRule30AFloodThatIsTurnedAwayIsThrottledInTheEnd(t *testing.T) {
	b := newBench(t)
	b.registry.outcome = registry.Busy
	for i := range 2900 {
		if a := b.send("POST", jsonType, goodJSON); a.Status != 503 {
			t.Fatalf("number %d: %d", i, a.Status)
		}
	}
	for range 200 {
		b.send("POST", jsonType, goodJSON)
	}
	before := len(b.registry.calls)
	if a := b.send("POST", jsonType, goodJSON); a.Status != 429 || b.d.Reason != access.Throttled || len(b.registry.calls) != before {
		t.Errorf("%d %s after %d calls", a.Status, b.d.Reason, before)
	}
	b.clock.at = b.clock.at.Add(time.Second)
	b.registry.outcome = 0
	if a := b.send("POST", jsonType, goodJSON); a.Status != 200 {
		t.Errorf("a second later: %d", a.Status)
	}
}

func TestRule33SecretsAreWipedAndNowhereElse(t *testing.T) {
	for _, outcome := range []registry.Outcome{registry.Proved, registry.Wrong, registry.Locked} {
		for contentType, good := range map[string]string{jsonType: putJSON, xmlType: putXML} {
			b := newBench(t)
			b.registry.outcome = outcome
			body := []byte(good)
			a := b.exchange.Serve(context.Background(), "PUT", http.Header{"Content-Type": {contentType}}, body, b.d, nil)
			if len(bytes.Trim(body, "\x00")) != 0 {
				t.Errorf("%s, %s: the body is left: %q", outcome, contentType, body)
			}
			for _, kept := range b.registry.kept {
				if len(kept) == 0 || len(bytes.Trim(kept, "\x00")) != 0 {
					t.Errorf("%s, %s: a secret is left: %q", outcome, contentType, kept)
				}
			}
			b.d.Credential, b.d.API = nil, nil
			if all := fmt.Sprintf("%+v %+v %s", a, *b.d, a.Body); strings.Contains(all, oldSecret) || strings.Contains(all, newSecret) {
				t.Errorf("%s, %s: %s", outcome, contentType, all)
			}
		}
	}
}

// What is refused is wiped too, and quoted nowhere.
func TestRule33RefusedBodiesAreWiped(t *testing.T) {
	const canary = "canary-4711"
	for _, body := range []string{
		`{"partnerId":"` + canary + `","partnerSecret":"` + canary + `"} x`,
		`{"` + canary + `":1,"` + canary + `":1}`,
		`<credentials><` + canary + `/><` + canary + `/></credentials>`,
		`<` + canary + `/>`,
		`<credentials><partnerSecret>&` + canary + `;</partnerSecret></credentials>`,
		`{"partnerId":"1","partnerSecret":"1","newPartnerSecret":"` + canary + `"}`,
	} {
		b := newBench(t)
		raw := []byte(body)
		a := b.exchange.Serve(context.Background(), "PUT", http.Header{"Content-Type": nil}, raw, b.d, nil)
		if all := fmt.Sprintf("%+v %s", *b.d, a.Body); a.Status != 400 || strings.Contains(all, canary) || len(bytes.Trim(raw, "\x00")) != 0 {
			t.Errorf("%s: %d %s", body, a.Status, all)
		}
	}
}

// pair is what a property test puts into both forms.
type pair struct {
	id, secret, newSecret string
	immediate             string // "", "true" or "false"
}

func drawPair(t *rapid.T) pair {
	text := rapid.OneOf(
		rapid.SampledFrom([]string{"", " ", "\t\n", login, oldSecret, newSecret, "]]>", "<!--x-->", "&amp;", `\u0041"`, "1"}),
		rapid.StringOfN(rapid.RuneFrom([]rune("ab1 &<>\"'\\]\n\té😀")), 0, 20, -1),
	)
	return pair{text.Draw(t, "id"), text.Draw(t, "secret"), text.Draw(t, "new"), rapid.SampledFrom([]string{"", "true", "false"}).Draw(t, "immediate")}
}

func (p pair) json(extra string) string {
	quote := func(s string) string { b, _ := json.Marshal(s); return string(b) }
	body := `{"partnerSecret":` + quote(p.secret) + `,"newPartnerSecret":` + quote(p.newSecret) + `,"partnerId":` + quote(p.id) + `,"x":` + quote(extra)
	if p.immediate != "" {
		body += `,"immediate":` + p.immediate
	}
	return body + "}"
}

func (p pair) xml(extra string, cdata bool) string {
	element := func(name, s string) string {
		var b bytes.Buffer
		if err := xml.EscapeText(&b, []byte(s)); err != nil {
			return ""
		}
		content := b.String()
		if cdata {
			content = "<![CDATA[" + strings.ReplaceAll(s, "]]>", "]]]]><![CDATA[>") + "]]>"
		}
		return "<" + name + ">" + content + "</" + name + ">"
	}
	body := "<credentials>" + element("partnerId", p.id) + element("x", extra) + element("partnerSecret", p.secret) + element("newPartnerSecret", p.newSecret)
	if p.immediate != "" {
		body += element("immediate", p.immediate)
	}
	return body + "</credentials>"
}

func TestRule27XMLAndJSONGiveTheSameDecision(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		p, method := drawPair(r), rapid.SampledFrom([]string{"POST", "PUT"}).Draw(r, "method")
		extra, cdata := rapid.StringOfN(rapid.RuneFrom([]rune("a<&]>")), 0, 9, -1).Draw(r, "extra"), rapid.Bool().Draw(r, "cdata")
		one, two := newBench(t), newBench(t)
		accept := http.Header{"Accept": {jsonType}}
		a, b := one.sendHeader(method, accept, p.json(extra)), two.sendHeader(method, accept, p.xml(extra, cdata))
		if diff := cmp.Diff(a, b); diff != "" {
			r.Fatalf("answers: %s", diff)
		}
		if diff := cmp.Diff(one.registry.calls, two.registry.calls); diff != "" {
			r.Fatalf("calls: %s", diff)
		}
		if one.d.Reason != two.d.Reason || one.d.Where != two.d.Where || one.d.Reason == access.Unset {
			r.Fatalf("decisions: %s %q, %s %q", one.d.Reason, one.d.Where, two.d.Reason, two.d.Where)
		}
	})
}

func TestRule27TheBoundIs16KiB(t *testing.T) {
	pad := func(n int) string { return goodJSON + strings.Repeat(" ", n-len(goodJSON)) }
	for n, want := range map[int]int{16 << 10: 200, 16<<10 + 1: 413} {
		if a := newBench(t).send("POST", jsonType, pad(n)); a.Status != want {
			t.Errorf("%s bytes: %d", strconv.Itoa(n), a.Status)
		}
	}
}

// TestASuspensionDuringTheHash: no token is issued any more; a secret that was changed was changed, and is not denied.
func TestASuspensionDuringTheHash(t *testing.T) {
	for method, status := range map[string]int{"POST": 403, "PUT": 204} {
		b := newBench(t)
		b.registry.during = func() { b.issuer.admitted = access.Suspended }
		body := map[string]string{"POST": goodJSON, "PUT": putJSON}[method]
		if a := b.send(method, jsonType, body); a.Status != status || b.issuer.issued != 0 {
			t.Errorf("%s: %d, %d tokens issued, want %d and none", method, a.Status, b.issuer.issued, status)
		}
	}
}
