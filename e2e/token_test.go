package e2e_test

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
)

const (
	authPath = "/v2/partners/authentication"
	jsonType = "application/json"
	xmlType  = "application/xml"
	xmlHead  = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>`
)

// tokenCall is a request of the aggregation API before it is spelt out.
type tokenCall struct {
	method, path  string // path without the base path
	kind, accept  string // Content-Type and Accept; "": none
	body          string
	key, token    string // "-": no such header; key "": that of the environment; token "": no such header
	extra         []string
	withoutLength bool
	target        string // instead of base path + path
}

func (c tokenCall) raw(e environment) string {
	target := e.Aggregation.BasePath + c.path
	if c.target != "" {
		target = c.target
	}
	lines := []string{c.method + " " + target + " HTTP/1.1", "Host: " + e.address()}
	if c.key == "" {
		c.key = e.Aggregation.AppKey
	}
	for _, h := range [][2]string{{"Finicity-App-Key", c.key}, {"Finicity-App-Token", c.token}, {"Content-Type", c.kind}, {"Accept", c.accept}} {
		if h[1] != "" && h[1] != "-" {
			lines = append(lines, h[0]+": "+h[1])
		}
	}
	if (c.body != "" || c.method == "POST" || c.method == "PUT") && !c.withoutLength {
		lines = append(lines, "Content-Length: "+strconv.Itoa(len(c.body)))
	}
	return strings.Join(append(lines, c.extra...), "\r\n") + "\r\n\r\n" + c.body
}

func (d *dev) called(t testing.TB, env string, c tokenCall) *answer {
	t.Helper()
	return d.ask(t, env, c.raw(d.Environments[env]))
}

// credentialsJSON and credentialsXML are the two bodies of Partner Authentication.
func credentialsJSON(id, secret string) string {
	text, _ := json.Marshal(map[string]string{"partnerId": id, "partnerSecret": secret}) // strings do not fail
	return string(text)
}

func credentialsXML(id, secret string) string {
	return "<credentials><partnerId>" + id + "</partnerId><partnerSecret>" + xmlText.Replace(secret) + "</partnerSecret></credentials>"
}

var xmlText = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// authentication is Partner Authentication in JSON with an own secret; "" is the right one.
func authentication(e environment, secret string) tokenCall {
	if secret == "" {
		secret = e.Aggregation.PartnerSecret
	}
	return tokenCall{method: "POST", path: authPath, kind: jsonType, accept: jsonType, body: credentialsJSON(e.Aggregation.PartnerID, secret)}
}

// token authenticates.
func (d *dev) token(t testing.TB, env string) string {
	t.Helper()
	var got struct{ Token string }
	d.called(t, env, authentication(d.Environments[env], "")).want(t, 200).decode(t, &got)
	tell(got.Token)
	return got.Token
}

// code is the numeric code of a refusal in JSON; a code that is a string fails.
func (a *answer) code(t testing.TB) int {
	t.Helper()
	var got struct {
		Code    *int   `json:"code"`
		Message string `json:"message"`
	}
	if err := json.Unmarshal(a.body, &got); err != nil || got.Code == nil || got.Message == "" {
		t.Fatalf("not a refusal of the token family (%v): %v", err, a)
	}
	return *got.Code
}

// refusalJSON and refusalXML are the exact bodies of a refusal of the token family.
func refusalJSON(code int, message string) string {
	return fmt.Sprintf(`{"code":%d,"message":"%s"}`, code, message)
}

func refusalXML(code int, message string) string {
	return fmt.Sprintf(`%s<error><code>%d</code><message>%s</message></error>`, xmlHead, code, message)
}
