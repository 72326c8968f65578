package e2e_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestRule20DoubledAuthenticationHeaders: each authentication header twice, equal or not, in any case.
func TestRule20DoubledAuthenticationHeaders(t *testing.T) {
	r := onRecorder(t)
	for _, name := range []string{"X-Auth-Token", "X-Auth-Timestamp", "X-Auth-Signature"} {
		for _, spelt := range []string{name, strings.ToLower(name), strings.ToUpper(name)} {
			for _, fresh := range []string{"", "0a", "same"} {
				raw := patch("doubled").raw(r.Environments[sandbox])
				if fresh == "same" {
					fresh = valueOf(raw, name)
				}
				raw = edit(raw, "\r\nHost:", "\r\n"+spelt+": "+fresh+"\r\nHost:")
				r.untouched(t, func() { r.refused(t, r.ask(t, sandbox, raw), 400, "duplicate_header", "duplicate_header") })
			}
		}
	}
}

func valueOf(raw, name string) string {
	_, rest, _ := strings.Cut(raw, "\r\n"+name+": ")
	value, _, _ := strings.Cut(rest, "\r\n")
	return value
}

// TestRule20DoubledTokenHeaders is the same for the other API.
func TestRule20DoubledTokenHeaders(t *testing.T) {
	r := onRecorder(t)
	token := r.token(t, sandbox)
	for _, line := range []string{
		"Finicity-App-Key: " + r.Environments[sandbox].Aggregation.AppKey, "finicity-app-key: ", "Finicity-App-Token: " + token, "FINICITY-APP-TOKEN: x",
	} {
		c := tokenCall{method: "GET", path: "/v1/customers", token: token, accept: jsonType, extra: []string{line}}
		r.untouched(t, func() {
			a := r.called(t, sandbox, c).want(t, 400)
			if a.code(t) != 14020 {
				t.Errorf("%v", a)
			}
			r.decided(t, a, "duplicate_header")
		})
	}
}

// TestRule17ConnectionNamesAHeader: a proxy that obeyed would drop what the decision rests on.
func TestRule17ConnectionNamesAHeader(t *testing.T) {
	r := onRecorder(t)
	for _, named := range []string{
		"X-Auth-Signature", "x-auth-token", "close, X-Auth-Timestamp", "keep-alive,X-AUTH-SIGNATURE", "Countersign-Partner",
		"countersign-client-address", "X-Forwarded-For", "Forwarded", "Finicity-App-Key", "X-Real-Ip", "Content-Length", "Host",
	} {
		c := patch("connection")
		c.extra = []string{"Connection: " + named}
		r.untouched(t, func() { r.refused(t, r.signed(t, sandbox, c), 400, "hop_by_hop_header", "hop_by_hop_header") })
	}
}

// TestRule18HeaderNames: names that another program folds into a trusted one.
func TestRule18HeaderNames(t *testing.T) {
	r := onRecorder(t)
	for _, name := range []string{"X_Auth_Token", "Countersign_Partner", "X.Forwarded.For", "X-Note~", "X!", "content_length"} {
		c := patch("names")
		c.extra = []string{name + ": 1"}
		r.untouched(t, func() { r.refused(t, r.signed(t, sandbox, c), 400, "malformed_header", "malformed_header") })
	}
}

// spoofs are what a caller might hope that somebody behind the gateway believes. None of their values may arrive.
var spoofs = []string{
	"X-Forwarded-For: 203.0.113.77", "X-Forwarded-For: 198.51.100.77", "X-Forwarded-Host: spoof.example", "X-Forwarded-Proto: spoof",
	"X-Forwarded-Port: 77", "X-Forwarded-Prefix: /spoof", "X-Real-IP: 203.0.113.77", "X-Client-IP: 203.0.113.77", "True-Client-IP: 203.0.113.77",
	"CF-Connecting-IP: 203.0.113.77", "Forwarded: for=203.0.113.77;host=spoof.example",
	"Countersign-Partner: spoof", "COUNTERSIGN-PARTNER: spoof", "Countersign-Credential: spoof", "Countersign-Environment: spoof",
	"Countersign-Api: spoof", "Countersign-Request-Id: spoof", "Countersign-Client-Address: 203.0.113.77", "Countersign-Anything-Else: spoof",
	"X-HTTP-Method-Override: SPOOF", "X-HTTP-Method: SPOOF", "X-Method-Override: SPOOF", "Proxy-Authorization: spoof", "Proxy-Connection: spoof",
	"TE: trailers, spoof", "Trailer: Spoof", "Keep-Alive: spoof",
}

// TestRules15And19And21SpoofedHeaders: they change no decision, no record and no forwarded byte.
func TestRules15And19And21SpoofedHeaders(t *testing.T) {
	r := onRecorder(t)
	e := r.Environments[sandbox]
	token := r.token(t, sandbox)
	c := patch("spoofed")
	c.extra = spoofs
	for name, raw := range map[string]string{
		"signed": c.raw(e),
		"token":  tokenCall{method: "POST", path: "/v1/customers/1/accounts", token: token, extra: spoofs}.raw(e),
	} {
		t.Run(name, func(t *testing.T) {
			requests, size := r.upstream.mark()
			got, a := r.forwarded(t, sandbox, raw)
			_, bytes := r.upstream.since(requests, size)
			for _, word := range []string{"spoof", "SPOOF", "203.0.113.77", "198.51.100.77"} {
				if strings.Contains(strings.ReplaceAll(bytes, c.target, ""), word) {
					t.Errorf("%q arrived: %q", word, bytes)
				}
			}
			l := r.line(t, a)
			if l.text("address") != "127.0.0.1" || strings.Contains(fmt.Sprint(l), "203.0.113.77") {
				t.Errorf("the record believes a header: %v", l)
			}
			r.identified(t, got, a, l)
		})
	}
}

// identified checks the identity headers that the upstream gets and that no credential came with them (rule 33).
func (r *rig) identified(t *testing.T, got *seen, a *answer, l decision) {
	t.Helper()
	want := map[string]string{
		"Countersign-Partner": l.text("partner"), "Countersign-Credential": l.text("credential"), "Countersign-Environment": sandbox,
		"Countersign-Api": l.text("api"), "Countersign-Request-Id": a.requestID(), "Countersign-Client-Address": "127.0.0.1",
	}
	for name, value := range want {
		if got.one(name) != value || value == "" {
			t.Errorf("%s: %s instead of %q", name, got.one(name), value)
		}
	}
	for _, h := range got.header {
		if strings.HasPrefix(strings.ToLower(h[0]), "countersign-") && want[h[0]] == "" {
			t.Errorf("an identity header that nobody documented: %q", h)
		}
	}
	for _, name := range []string{"X-Auth-Token", "X-Auth-Timestamp", "X-Auth-Signature", "Finicity-App-Key", "Finicity-App-Token", "Connection"} {
		if values := got.values(name); len(values) > 0 && (name != "Connection" || values[0] != "keep-alive") {
			t.Errorf("%s arrived: %q", name, values)
		}
	}
}

// TestRule1OtherTimeHeaders: only the signed timestamp counts.
func TestRule1OtherTimeHeaders(t *testing.T) {
	r := onRecorder(t)
	for _, lines := range [][]string{
		{"Date: Thu, 01 Jan 1970 00:00:00 GMT"}, {"X-Date: 19700101T000000Z", "X-Timestamp: 1"}, {"Timestamp: 1", "Timestamp: 2"},
	} {
		c := patch("time")
		c.extra = lines
		r.signed(t, sandbox, c).want(t, 200)
	}
}

// TestHarmlessHeadersArrive: what is neither credential nor identity nor about the connection passes as it came.
func TestHarmlessHeadersArrive(t *testing.T) {
	r := onRecorder(t)
	c := patch("headers")
	c.extra = []string{
		"Accept: application/json", "User-Agent: Stranger/1.0 (a, b; c)", "X-Note: one", "X-Note: two", "Idempotency-Key: 8e03978e",
		"Authorization: Bearer for-the-upstream", "Accept-Encoding: br",
	}
	got, _ := r.forwarded(t, sandbox, c.raw(r.Environments[sandbox]))
	for _, line := range c.extra {
		name, value, _ := strings.Cut(line, ": ")
		if values := got.values(name); !slices.Contains(values, value) {
			t.Errorf("%q arrived as %q", line, values)
		}
	}
	if len(got.values("Content-Length")) != 1 || len(got.values("Content-Type")) != 1 {
		t.Errorf("%q", got.header)
	}
}

// TestNothingIsAdded: the gateway adds its identity headers and no others.
func TestNothingIsAdded(t *testing.T) {
	r := onRecorder(t)
	got, _ := r.forwarded(t, sandbox, get("plain").raw(r.Environments[sandbox]))
	for _, h := range got.header {
		if name := strings.ToLower(h[0]); name != "host" && name != "connection" && !strings.HasPrefix(name, "countersign-") {
			t.Errorf("added: %q", h)
		}
	}
}
