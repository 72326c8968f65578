package e2e_test

import (
	"strings"
	"testing"
)

// refusedToken says what a caller of the aggregation API does and how it is refused. JSON and XML must agree.
type refusedToken struct {
	name         string
	call         tokenCall
	status, code int
	message      string // exact; "": not fixed by the vendor
	reason       string
}

func (r *rig) tokenRefusals(t *testing.T) []refusedToken {
	e, other := r.Environments[production], r.Environments[sandbox]
	list := func(key, token string) tokenCall {
		return tokenCall{method: "GET", path: "/v1/customers", key: key, token: token}
	}
	auth := func(body string) tokenCall {
		return tokenCall{method: "POST", path: authPath, body: body}
	}
	modify := func(fresh string) tokenCall {
		body := strings.TrimSuffix(credentialsJSON(e.Aggregation.PartnerID, e.Aggregation.PartnerSecret), "}") + `,"newPartnerSecret":"` + fresh + `"}`
		return tokenCall{method: "PUT", path: authPath, body: body}
	}
	id, secret := e.Aggregation.PartnerID, e.Aggregation.PartnerSecret
	good := r.token(t, production)
	return []refusedToken{
		{"no key", list("-", good), 401, 10026, "Missing parameter (Finicity-App-Key)", "missing_header"},
		{"unknown key", list(strings.Repeat("0", 32), good), 401, 10027, "Invalid (Finicity-App-Key)", "unknown_credential"},
		{"key of the other environment", list(other.Aggregation.AppKey, good), 401, 10027, "Invalid (Finicity-App-Key)", "wrong_environment"},
		{"no token", list("", ""), 401, 10024, "Missing parameter (Finicity-App-Token)", "missing_header"},
		{"no token at all", list("", "abc"), 401, 10022, "Invalid (Finicity-App-Token)", "invalid_token"},
		{"token changed at its end", list("", flipped(good)), 401, 10022, "Invalid (Finicity-App-Token)", "invalid_token"},
		{"token of the other environment", list("", r.token(t, sandbox)), 401, 10022, "Invalid (Finicity-App-Token)", "invalid_token"},
		{"no id", auth(`{"partnerSecret":"` + secret + `"}`), 400, 10005, "Missing parameter (partnerId)", "missing_parameter"},
		{"blank secret", auth(credentialsJSON(id, " ")), 400, 10005, "Missing parameter (partnerSecret)", "missing_parameter"},
		{"wrong secret", auth(credentialsJSON(id, "wrong-secret-1")), 401, 10001, "Invalid credentials", "bad_secret"},
		{"unknown partner", auth(credentialsJSON("2445580000001", secret)), 401, 10001, "Invalid credentials", "bad_secret"},
		{"weak new secret", modify("short1"), 400, 24437, "New password is not as per policy", "secret_policy"},
		{"new secret without a digit", modify("onlyletterslonger"), 400, 24437, "New password is not as per policy", "secret_policy"},
		{"no new secret", modify(""), 400, 10005, "Missing parameter (newPartnerSecret)", "missing_parameter"},
		{"doubled name", auth(`{"partnerId":"1",` + credentialsJSON(id, secret)[1:]), 400, 14020, "", "malformed_body"},
		{"two documents", auth(credentialsJSON(id, secret) + "{}"), 400, 14020, "", "malformed_body"},
		{"not JSON", auth("partnerId=1"), 400, 14020, "", "malformed_body"},
		{"too long", auth(credentialsJSON(id, strings.Repeat("s", 17<<10))), 413, 14020, "", "body_too_large"},
		{"GET of the token endpoint", tokenCall{method: "GET", path: authPath}, 405, 14020, "", "method_not_allowed"},
	}
}

// flipped is a token whose last character but one is another.
func flipped(token string) string {
	at, other := len(token)-2, "A"
	if token[at] == 'A' {
		other = "B"
	}
	return token[:at] + other + token[at+1:]
}

// TestTokenRefusals holds the gateway to the vendor's table: status, numeric code, message, and the same in XML.
func TestTokenRefusals(t *testing.T) {
	r := onRecorder(t)
	for _, c := range r.tokenRefusals(t) {
		t.Run(c.name, func(t *testing.T) {
			r.untouched(t, func() {
				c.call.kind, c.call.accept = jsonType, jsonType
				a := r.called(t, production, c.call).want(t, c.status)
				if got := a.code(t); got != c.code {
					t.Errorf("code %d instead of %d: %v", got, c.code, a)
				}
				if c.message != "" && string(a.body) != refusalJSON(c.code, c.message) {
					t.Errorf("JSON: %s instead of %s", a.body, refusalJSON(c.code, c.message))
				}
				r.decided(t, a, c.reason)
				c.call.accept = xmlType
				a = r.called(t, production, c.call).want(t, c.status)
				if a.header.Get("Content-Type") != xmlType || !strings.HasPrefix(string(a.body), xmlHead+"<error><code>") {
					t.Errorf("not an XML refusal: %v", a)
				}
				if c.message != "" && string(a.body) != refusalXML(c.code, c.message) {
					t.Errorf("XML: %s instead of %s", a.body, refusalXML(c.code, c.message))
				}
			})
		})
	}
	r.token(t, production) // a success: the wrong secrets above count no longer
}

// TestRule27HostileXML: what XML can do to a parser is refused; the same credentials in plain form are good.
func TestRule27HostileXML(t *testing.T) {
	r := onRecorder(t)
	e := r.Environments[production]
	id, secret := e.Aggregation.PartnerID, e.Aggregation.PartnerSecret
	good := credentialsXML(id, secret)
	send := func(body string) *answer {
		return r.called(t, production, tokenCall{method: "POST", path: authPath, kind: xmlType, body: body})
	}
	if a := send(good).want(t, 200); !strings.HasPrefix(string(a.body), xmlHead+"<access><token>") {
		t.Errorf("%v", a)
	}
	send(xmlHead+"\n"+good).want(t, 200)
	inner := strings.TrimSuffix(strings.TrimPrefix(good, "<credentials>"), "</credentials>")
	for name, body := range map[string]string{
		"entity":          `<!DOCTYPE c [<!ENTITY e "` + id + `">]>` + strings.Replace(good, id, "&e;", 1),
		"external entity": `<!DOCTYPE c SYSTEM "file:///etc/passwd">` + good,
		"doubled element": strings.Replace(good, "<partnerId>", "<partnerId>1</partnerId><partnerId>", 1),
		"two roots":       good + good,
		"junk behind":     good + "x",
		"depth":           "<credentials>" + strings.Repeat("<a>", 9) + strings.Repeat("</a>", 9) + inner + "</credentials>",
		"prefixed":        strings.ReplaceAll(good, "partnerId>", "x:partnerId>"),
		"other root":      "<login>" + inner + "</login>",
		"unclosed":        strings.TrimSuffix(good, "</credentials>"),
		"other encoding":  `<?xml version="1.0" encoding="ISO-8859-1"?>` + good,
	} {
		t.Run(name, func(t *testing.T) {
			r.untouched(t, func() {
				a := send(body).want(t, 400)
				if !strings.HasPrefix(string(a.body), xmlHead+"<error><code>1") {
					t.Errorf("not a refusal in XML: %v", a)
				}
				if reason := r.line(t, a).text("reason"); reason != "malformed_body" && (name != "prefixed" || reason != "missing_parameter") {
					t.Errorf("reason %s", reason)
				}
			})
		})
	}
}

// TestFormatOfRefusals: the vendor's rule for choosing between JSON and XML.
func TestFormatOfRefusals(t *testing.T) {
	r := onRecorder(t)
	for _, c := range []struct{ accept, kind, want string }{
		{jsonType, xmlType, jsonType},
		{xmlType, jsonType, xmlType},
		{"text/xml", jsonType, xmlType},
		{"", jsonType, jsonType},
		{"*/*", jsonType, jsonType},
		{"text/html, image/gif, image/jpeg, */*; q=0.2", jsonType, jsonType},
		{"text/html, image/gif, image/jpeg, */*; q=0.2", xmlType, xmlType},
		{"", "", xmlType},
		{"text/csv", jsonType, xmlType},
		{"APPLICATION/JSON; charset=utf-8", "", jsonType},
		{"application/xml, application/json", "", jsonType},
		{"application/json;q=0, application/xml", "", xmlType},
	} {
		a := r.called(t, sandbox, tokenCall{method: "GET", path: "/v1/customers", accept: c.accept, kind: c.kind, token: "none"})
		if got := a.want(t, 401).header.Get("Content-Type"); got != c.want {
			t.Errorf("Accept %q, Content-Type %q: answered in %s instead of %s", c.accept, c.kind, got, c.want)
		}
	}
}

// TestTokenIsIgnoredWhereItIsNotNeeded: clients do send an old token on Partner Authentication.
func TestTokenIsIgnoredWhereItIsNotNeeded(t *testing.T) {
	r := onRecorder(t)
	c := authentication(r.Environments[sandbox], "")
	c.token = "an old token"
	r.untouched(t, func() { r.called(t, sandbox, c).want(t, 200) })
}
