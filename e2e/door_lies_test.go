package e2e_test

import (
	"net/http"
	"testing"
)

// TestDoorsAgainstLies: what a caller writes itself neither changes what is decided nor arrives (security rules 13, 19 and 21).
func TestDoorsAgainstLies(t *testing.T) {
	_, all := proxies(t)
	for _, name := range proxyNames {
		p := all[name]
		t.Run(name, func(t *testing.T) {
			truth, lie := get("truth"), unique("lie")
			for _, header := range []string{"X-Original-URI", "X-Original-Uri", "X-Original-URL", "X-Rewrite-URL", "X-Forwarded-Uri", "x-original-uri"} {
				c := call{method: "GET", target: truth.target, extra: []string{header + ": " + lie}}
				if got := p.sent(t, c.raw(p.Environments[sandbox]), "GET", truth.target, ""); got != "yes" {
					t.Errorf("%s: %s", header, got)
				}
				c.signature = mac(p.Environments[sandbox].Card.APISecret, now(), "GET", lie, "")
				if got := p.sent(t, c.raw(p.Environments[sandbox]), "GET", "", ""); got != "bad_signature" {
					t.Errorf("%s, with a signature over what it says: %s", header, got)
				}
			}
			for _, header := range []string{"X-Original-Method: DELETE", "X-Forwarded-Method: DELETE", "X-Original-Peer: 203.0.113.77", "X-Original-Body: HTTP/1.1 length= held=0 encoding=",
				"X-Forwarded-For: 203.0.113.77", "X-Original-Connection: close", "Countersign-Decision: allow", "X-Accel-Redirect: @countersign_allowed"} {
				c := get("claim")
				c.extra = []string{header}
				got := p.sent(t, c.raw(p.Environments[sandbox]), "GET", c.target, "")
				if got != "yes" && got != "malformed_header" {
					t.Errorf("%s: %s", header, got)
				}
			}
			for _, header := range []string{"Countersign-Partner: ptn_forged", "countersign-partner: ptn_forged", "Countersign-Credential: crd_forged", "Countersign-Client-Address: 203.0.113.77",
				"Countersign_Partner: ptn_forged", "Countersign-Role: admin", "Countersign-Door-Secret: a caller's own", "X-HTTP-Method-Override: DELETE"} {
				c := get("identity")
				c.extra = []string{header}
				if got := p.sent(t, c.raw(p.Environments[sandbox]), "GET", c.target, ""); got != "yes" && got != "malformed_header" {
					t.Errorf("%s: %s", header, got)
				}
			}
		})
	}
}

// TestDoorsNeverPassABodyThatWasNotSigned: one that is put behind an honest signature, in every way in which it can be sent.
func TestDoorsNeverPassABodyThatWasNotSigned(t *testing.T) {
	_, all := proxies(t)
	for _, name := range proxyNames {
		p := all[name]
		t.Run(name, func(t *testing.T) {
			for way, extra := range map[string][2]string{
				"with a length": {"Content-Length: 8", `{"a":12}`},
				"in chunks":     {"Transfer-Encoding: chunked", "8\r\n" + `{"a":12}` + "\r\n0\r\n\r\n"},
			} {
				for _, method := range []string{"GET", "POST", "DELETE"} {
					c := call{method: method, target: unique("added"), extra: []string{extra[0]}}
					if got := p.sent(t, c.raw(p.Environments[sandbox])+extra[1], method, "", ""); got != "bad_signature" && got != "body_not_seen" {
						t.Errorf("%s %s: %s", method, way, got)
					}
				}
			}
			if p.without2(t) {
				return
			}
			c := call{method: "POST", target: unique("h2")}
			req := c.request(t, p.Environments[sandbox])
			req.Body, req.ContentLength = http.NoBody, 0
			signed := req.Header.Clone()
			req = call{method: "POST", target: c.target, body: `{"a":1}`}.request(t, p.Environments[sandbox])
			req.Header, req.ContentLength = signed, -1 // no length is stated: over HTTP/2 frames alone say that there is a body
			requests, size := p.upstream.mark()
			resp, err := p.client(t).Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if got := p.outcome(t, &answer{status: resp.StatusCode, header: resp.Header}, requests, size, "", "", ""); got != "bad_signature" && got != "body_not_seen" {
				t.Errorf("over HTTP/2 without a length: %s", got)
			}
		})
	}
}
