package tokens_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"countersign.dev/internal/access"
	"countersign.dev/internal/edge/problem"
	"countersign.dev/internal/edge/tokens"
	"countersign.dev/internal/registry"
	"github.com/google/go-cmp/cmp"
)

// What the program wires in.
var (
	_ tokens.Registry = (*registry.Registry)(nil)
	_ tokens.Issuer   = (*access.Decider)(nil)
)

func TestNewNeedsItsParts(t *testing.T) {
	b := newBench(t)
	whole := tokens.Config{Registry: b.registry, Issuer: b.issuer, Now: b.clock.now}
	for name, spoil := range map[string]func(*tokens.Config){
		"registry": func(c *tokens.Config) { c.Registry = nil },
		"issuer":   func(c *tokens.Config) { c.Issuer = nil },
		"clock":    func(c *tokens.Config) { c.Now = nil },
		"burst":    func(c *tokens.Config) { c.Throttle.Burst = -1 },
		"at once":  func(c *tokens.Config) { c.Throttle.AtOnce = -1 },
		"waiting":  func(c *tokens.Config) { c.Throttle.Waiting = -1 },
	} {
		c := whole
		spoil(&c)
		if _, err := tokens.New(c); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

// The answers of the two calls, byte for byte, in both forms.
func TestGoldenAnswers(t *testing.T) {
	noStore := []problem.Field{{Name: "Cache-Control", Value: "no-store"}}
	const wrongXML = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?><error><code>10001</code><message>Invalid credentials</message></error>`
	challenged := append(noStore[:1:1], problem.Field{Name: "Www-Authenticate", Value: "Countersign-Token"})
	for _, c := range []struct {
		name, method, contentType, accept, body string
		want                                    problem.Answer
	}{
		{"POST JSON", "POST", jsonType, "", goodJSON, problem.Answer{Status: 200, ContentType: jsonType, Header: noStore, Body: []byte(`{"token":"AbC-_.~+/09="}`)}},
		{"POST XML", "POST", xmlType, "", goodXML, problem.Answer{Status: 200, ContentType: xmlType, Header: noStore,
			Body: []byte(`<?xml version="1.0" encoding="UTF-8" standalone="yes"?><access><token>AbC-_.~+/09=</token></access>`)}},
		{"POST XML, JSON wanted", "POST", "text/xml; charset=utf-8", jsonType, goodXML, problem.Answer{Status: 200, ContentType: jsonType, Header: noStore, Body: []byte(`{"token":"AbC-_.~+/09="}`)}},
		{"PUT JSON", "PUT", jsonType, "", putJSON, problem.Answer{Status: 204, Header: noStore}},
		{"PUT XML", "PUT", xmlType, "", putXML, problem.Answer{Status: 204, Header: noStore}},
		{"wrong JSON", "POST", jsonType, "", badJSON, problem.Answer{Status: 401, ContentType: jsonType, Header: challenged, Body: []byte(`{"code":10001,"message":"Invalid credentials"}`)}},
		{"wrong, XML wanted", "POST", jsonType, "text/xml", badJSON, problem.Answer{Status: 401, ContentType: xmlType, Header: challenged, Body: []byte(wrongXML)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			header := http.Header{"Content-Type": {c.contentType}}
			if c.accept != "" {
				header["Accept"] = []string{c.accept}
			}
			if diff := cmp.Diff(c.want, b.sendHeader(c.method, header, c.body)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// policy is one line of what the endpoint does with a call.
type policy struct {
	name, method, contentType, body string
	status                          int
	reason                          access.Reason
	where                           string
	answer                          string // part of the body
}

func TestPolicy(t *testing.T) {
	big := `{"partnerId":"1","partnerSecret":"` + strings.Repeat("x", tokens.MaxBody) + `"}`
	for _, c := range []policy{
		{"no content type, JSON", "POST", "", goodJSON, 200, access.Allowed, "", "<token>"},
		{"no content type, XML", "POST", "", " \n" + goodXML, 200, access.Allowed, "", "<token>"},
		{"no content type, XML with a mark", "POST", "", "\xef\xbb\xbf" + goodXML, 200, access.Allowed, "", "<token>"},
		{"form content type, JSON", "POST", "application/x-www-form-urlencoded", goodJSON, 200, access.Allowed, "", "<token>"},
		{"odd content type, XML", "POST", "text/plain", goodXML, 200, access.Allowed, "", "<token>"},
		{"latin content type", "POST", "application/json; charset=ISO-8859-1", goodJSON, 200, access.Allowed, "", `"token"`},
		{"unknown fields", "POST", jsonType, `{"immediate":"odd","newPartnerSecret":1,"x":null,` + goodJSON[1:], 200, access.Allowed, "", "token"},
		{"JSON that says XML", "POST", xmlType, goodJSON, 200, access.Allowed, "", "<token>"},
		{"XML that says JSON", "POST", jsonType, goodXML, 200, access.Allowed, "", `{"token"`},
		{"JSON behind a byte order mark", "POST", jsonType, "\ufeff" + goodJSON, 200, access.Allowed, "", "token"},
		{"XML behind a byte order mark", "POST", xmlType, "\ufeff" + goodXML, 200, access.Allowed, "", "token"},
		{"XML as a formatter leaves it", "POST", xmlType, "<credentials>\n  <partnerId>\n    " + login + "\n  </partnerId>\n" + goodXML[strings.Index(goodXML, "<partnerSecret>"):], 200, access.Allowed, "", "token"},
		{"GET", "GET", jsonType, goodJSON, 405, access.MethodNotAllowed, "", "14020"},
		{"PATCH", "PATCH", jsonType, goodJSON, 405, access.MethodNotAllowed, "", "14020"},
		{"post in lower case", "post", jsonType, goodJSON, 405, access.MethodNotAllowed, "", "14020"},
		{"too long", "POST", jsonType, big, 413, access.BodyTooLarge, "", "14020"},
		{"nothing", "POST", jsonType, "", 400, access.MissingParameter, "partnerId", "10005,\"message\":\"Missing parameter (partnerId)\""},
		{"nothing, XML", "POST", xmlType, " ", 400, access.MissingParameter, "partnerId", "<code>10005</code><message>Missing parameter (partnerId)</message>"},
		{"empty object", "POST", jsonType, "{}", 400, access.MissingParameter, "partnerId", "10005"},
		{"null", "POST", jsonType, "null", 400, access.MalformedBody, "", "14020"},
		{"no id", "POST", jsonType, `{"partnerSecret":"x"}`, 400, access.MissingParameter, "partnerId", "10005"},
		{"blank id", "POST", jsonType, `{"partnerId":" \t","partnerSecret":"x"}`, 400, access.MissingParameter, "partnerId", "10005"},
		{"no secret", "POST", jsonType, `{"partnerId":"1"}`, 400, access.MissingParameter, "partnerSecret", "Missing parameter (partnerSecret)"},
		{"null secret", "POST", jsonType, `{"partnerId":"1","partnerSecret":null}`, 400, access.MissingParameter, "partnerSecret", "10005"},
		{"empty secret", "POST", xmlType, `<credentials><partnerId>1</partnerId><partnerSecret/></credentials>`, 400, access.MissingParameter, "partnerSecret", "10005"},
		{"no new secret", "PUT", jsonType, goodJSON, 400, access.MissingParameter, "newPartnerSecret", "Missing parameter (newPartnerSecret)"},
		{"old missing before new", "PUT", jsonType, `{}`, 400, access.MissingParameter, "partnerId", "10005"},
		{"short new secret", "PUT", jsonType, strings.Replace(putJSON, newSecret, "short1", 1), 400, access.SecretPolicy, "newPartnerSecret", `24437,"message":"New password is not as per policy"`},
		{"new secret without a digit", "PUT", jsonType, strings.Replace(putJSON, newSecret, "abcdefghijklm", 1), 400, access.SecretPolicy, "newPartnerSecret", "24437"},
		{"policy before the old secret", "PUT", jsonType, `{"partnerId":"1","partnerSecret":"x","newPartnerSecret":"x"}`, 400, access.SecretPolicy, "newPartnerSecret", "24437"},
		{"odd immediate, XML", "PUT", xmlType, strings.Replace(putXML, "</credentials>", "<immediate>maybe</immediate></credentials>", 1), 400, access.MalformedBody, "immediate", "14020"},
		{"empty immediate", "PUT", xmlType, strings.Replace(putXML, "</credentials>", "<immediate/></credentials>", 1), 400, access.MalformedBody, "immediate", "14020"},
		{"blank immediate", "PUT", xmlType, strings.Replace(putXML, "</credentials>", "<immediate> </immediate></credentials>", 1), 400, access.MalformedBody, "immediate", "14020"},
		{"odd immediate, JSON", "PUT", jsonType, `{"immediate":"false",` + putJSON[1:], 400, access.MalformedBody, "immediate", "14020"},
		{"number for an id", "POST", jsonType, `{"partnerId":1,"partnerSecret":"x"}`, 400, access.MalformedBody, "partnerId", "partnerId is not a string"},
		{"unknown id", "POST", jsonType, strings.Replace(goodJSON, login, "1", 1), 401, access.BadSecret, "", "10001"},
		{"wrong old secret", "PUT", jsonType, strings.Replace(putJSON, oldSecret, "x", 1), 401, access.BadSecret, "", "10001"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			a := b.send(c.method, c.contentType, c.body)
			if a.Status != c.status || b.d.Reason != c.reason || b.d.Where != c.where || !strings.Contains(string(a.Body), c.answer) {
				t.Errorf("%d %s %q %s", a.Status, b.d.Reason, b.d.Where, a.Body)
			}
			if got := a.Get("Allow"); (a.Status == 405) != (got == "POST, PUT") {
				t.Errorf("Allow: %q", got)
			}
			if reached, counts := len(b.registry.calls) > 0, c.status == 200 || c.reason == access.BadSecret; reached != counts {
				t.Errorf("reached the registry: %v", b.registry.calls)
			}
			if b.d.Proved != (c.status == 200) {
				t.Errorf("proved: %v", b.d.Proved)
			}
		})
	}
}

func TestModifyPassesTheGraceOn(t *testing.T) {
	for body, want := range map[string]string{
		putJSON:                             " now",
		`{"immediate":true,` + putJSON[1:]:  " now",
		`{"immediate":null,` + putJSON[1:]:  " now",
		`{"immediate":false,` + putJSON[1:]: " grace",
		putXML:                              " now",
		strings.Replace(putXML, "</credentials>", "<immediate>true</immediate></credentials>", 1):  " now",
		strings.Replace(putXML, "</credentials>", "<immediate>false</immediate></credentials>", 1): " grace",
		strings.Replace(putXML, "</credentials>", "<immediate> 0\n</immediate></credentials>", 1):  " grace",
		strings.Replace(putXML, "</credentials>", "<immediate>1</immediate></credentials>", 1):     " now",
	} {
		b := newBench(t)
		a := b.send("PUT", "", body)
		want := []string{"change crd_1 " + login + " " + oldSecret + " " + newSecret + want}
		if diff := cmp.Diff(want, b.registry.calls); diff != "" || a.Status != 204 || b.issuer.issued != 0 {
			t.Errorf("%s: %d %s", body, a.Status, diff)
		}
	}
}

// An old token on these two calls changes nothing, not even one that comes twice.
func TestAppTokenIsIgnored(t *testing.T) {
	b := newBench(t)
	a := b.sendHeader("POST", http.Header{"Content-Type": {jsonType}, "Finicity-App-Token": {"old", "older"}}, goodJSON)
	if a.Status != 200 {
		t.Errorf("%d %s", a.Status, a.Body)
	}
}

// A partner that proved itself hears why it is refused; one that did not hears nothing; and no secret is changed.
func TestRefusedPartnersHearItAfterTheProof(t *testing.T) {
	for _, reason := range []access.Reason{access.Suspended, access.NotApproved} {
		for method, body := range map[string]string{"POST": goodJSON, "PUT": putJSON} {
			b := newBench(t)
			b.issuer.admitted = reason
			a := b.send(method, jsonType, body)
			if a.Status != 403 || b.d.Reason != reason || !strings.Contains(string(a.Body), `{"code":10021,"message":"You are not authorized. `) {
				t.Errorf("%s %s: %d %s", reason, method, a.Status, a.Body)
			}
			if len(b.registry.calls) != 1 || !strings.HasPrefix(b.registry.calls[0], "authenticate") || b.issuer.issued != 0 {
				t.Errorf("%s %s: %v", reason, method, b.registry.calls)
			}
			if a := b.send(method, jsonType, strings.Replace(body, oldSecret, "x", 1)); a.Status != 401 || b.d.Reason != access.BadSecret {
				t.Errorf("%s %s, wrong secret: %d %s", reason, method, a.Status, a.Body)
			}
		}
	}
}

func TestOutcomes(t *testing.T) {
	for _, c := range []struct {
		outcome registry.Outcome
		status  int
		reason  access.Reason
		answer  string
	}{
		{registry.Proved, 200, access.Allowed, `{"token":"` + token + `"}`},
		{registry.Wrong, 401, access.BadSecret, `{"code":10001,"message":"Invalid credentials"}`},
		{registry.Locked, 401, access.Locked, `{"code":24302,"message":"Bad credentials"}`},
		{registry.Busy, 503, access.Overloaded, `{"code":14020,"message":"Too much work at the moment."}`},
		{registry.Outcome(99), 503, access.Internal, `{"code":14020,"message":"The service failed."}`},
	} {
		b := newBench(t)
		b.registry.outcome = c.outcome
		if a := b.send("POST", jsonType, goodJSON); a.Status != c.status || b.d.Reason != c.reason || string(a.Body) != c.answer {
			t.Errorf("%s: %d %s", c.outcome, a.Status, a.Body)
		}
	}
}

func TestRule12NoFaultGivesAToken(t *testing.T) {
	broken := errors.New("disk on fire")
	for name, c := range map[string]struct {
		spoil  func(*bench)
		reason access.Reason
	}{
		"registry fails":                {func(b *bench) { b.registry.err = broken }, access.Unavailable},
		"registry fails and proves":     {func(b *bench) { b.registry.err, b.registry.outcome = broken, registry.Proved }, access.Unavailable},
		"issuer fails":                  {func(b *bench) { b.issuer.err = broken }, access.Internal},
		"issuer gives nothing":          {func(b *bench) { b.issuer.token = "" }, access.Internal},
		"issuer gives markup":           {func(b *bench) { b.issuer.token = `a"}<x>` }, access.Internal},
		"admission fails":               {func(b *bench) { b.issuer.admitted = access.Internal }, access.Internal},
		"admission was never decided":   {func(b *bench) { b.issuer.admitted = access.Unset }, access.Unset},
		"decision refuses":              {func(b *bench) { b.d.Reason = access.Unset }, access.Internal},
		"decision without a credential": {func(b *bench) { b.d.Credential = nil }, access.Internal},
		"decision without an API":       {func(b *bench) { b.d.API = nil }, access.Internal},
	} {
		b := newBench(t)
		c.spoil(b)
		header := http.Header{"Content-Type": {jsonType}}
		a := b.exchange.Serve(context.Background(), "POST", header, []byte(goodJSON), b.d, nil)
		if a.Status != 503 || b.d.Reason != c.reason || strings.Contains(string(a.Body), "token") || strings.Contains(string(a.Body), "fire") {
			t.Errorf("%s: %d %s %s", name, a.Status, b.d.Reason, a.Body)
		}
	}
}

func TestACallerThatLeftGetsNothing(t *testing.T) {
	b := newBench(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	b.registry.err = ctx.Err()
	a := b.exchange.Serve(ctx, "POST", http.Header{}, []byte(goodJSON), b.d, nil)
	if a.Status != 499 || a.Body != nil || b.d.Reason != access.ClientGone || !errors.Is(b.d.Cause, context.Canceled) {
		t.Errorf("%d %s %v", a.Status, b.d.Reason, b.d.Cause)
	}
}
