package e2e_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// near makes another request out of one by moving the borders between the parts that are signed, or by changing what a
// careless reader takes for the same.
func near(t *rapid.T, c call) call {
	o := c
	switch rapid.SampledFrom([]string{"to body", "to target", "method", "case", "query", "escape", "slash", "order", "body", "verb"}).Draw(t, "how") {
	case "to body":
		at := rapid.IntRange(1, len(c.target)).Draw(t, "at")
		o.target, o.body = c.target[:at], c.target[at:]+c.body
	case "to target":
		at := rapid.IntRange(0, len(c.body)).Draw(t, "at")
		o.target, o.body = c.target+c.body[:at], c.body[at:]
	case "method":
		at := rapid.IntRange(1, len(c.method)).Draw(t, "at")
		o.method, o.target = c.method[:at], c.method[at:]+c.target
	case "case":
		o.target = strings.ToUpper(c.target[:1+len("/api/v1")]) + c.target[1+len("/api/v1"):]
	case "query":
		o.target += rapid.SampledFrom([]string{"?", "&", "&a=1", "%20", "/", "."}).Draw(t, "tail")
	case "escape":
		o.target = rapid.SampledFrom([]func(string) string{
			strings.ToLower, strings.ToUpper, func(s string) string { return strings.ReplaceAll(s, "%41", "A") },
			func(s string) string { return strings.ReplaceAll(s, "%20", "+") }, func(s string) string { return strings.ReplaceAll(s, "a", "%61") },
		}).Draw(t, "escape")(c.target)
	case "slash":
		o.target = strings.Replace(c.target, "/api/v1/", "/api/v1//", 1)
	case "order":
		path, query, _ := strings.Cut(c.target, "?")
		parts := strings.Split(query, "&")
		for i, j := 0, len(parts)-1; i < j; i, j = i+1, j-1 {
			parts[i], parts[j] = parts[j], parts[i]
		}
		o.target = path + "?" + strings.Join(parts, "&")
	case "body":
		o.body = rapid.SampledFrom([]string{c.body + "\n", " " + c.body, strings.TrimSpace(c.body), strings.ToLower(c.body), ""}).Draw(t, "body")
	case "verb":
		o.method = rapid.SampledFrom(methods).Draw(t, "verb")
	}
	return o
}

// TestRule3NoTwoRequestsShareASignature: whatever is made of a request by moving bytes between its parts, its signature is
// good for the request itself and for nothing else, and nothing else arrives.
func TestRule3NoTwoRequestsShareASignature(t *testing.T) {
	r := onRecorder(t)
	e := r.Environments[sandbox]
	l := &line{rig: r, env: sandbox}
	rapid.Check(t, func(t *rapid.T) {
		c := call{method: rapid.SampledFrom(methods).Draw(t, "method"), target: drawTarget(t, e.Card.BasePath), body: drawBody(t), ts: now()}
		c.signature = mac(e.Card.APISecret, c.ts, c.method, c.target, c.body)
		other := near(t, c)
		if other.method == c.method && other.target == c.target && other.body == c.body {
			t.Skip("the same request")
		}
		requests, size := r.upstream.mark()
		if a := l.send(t, other.raw(e)); a.status < 400 || a.status > 499 {
			t.Fatalf("the signature of\n%q\nis good for\n%q\n%v", c.raw(e), other.raw(e), a)
		}
		if got, raw := r.upstream.since(requests, size); len(got) != 0 || raw != "" {
			t.Fatalf("a request with another's signature arrived: %q", raw)
		}
		l.passed(t, c.raw(e), c.method, c.target, c.body)
	})
}
