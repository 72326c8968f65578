package profile_test

import (
	"fmt"
	"strings"
	"testing"

	"countersign.dev/profile"
)

// hookMAC is HMAC-SHA256 of "1763625600.{}" with the key "secret", computed with Python.
const hookMAC = "e85e7c42ccb2676d7d2bc4a0ea96b5227e64e27f43ec56927464807eca1241da"

const hookProfile = `profile: hook
language: 2
kind: webhook
algorithm: hmac-sha256
message: ts + '.' + body
wire: {X-Signature: "t={ts},v1={sig}"}
several: {sep: ","}
time: {}
`

// TestExamplesInEveryForm: pages print the same example in many ways. Each of these is the one above.
func TestExamplesInEveryForm(t *testing.T) {
	p, err := profile.Parse("hook.yaml", []byte(hookProfile))
	if err != nil {
		t.Fatal(err)
	}
	const plain = `"secret_hex":"736563726574","body":"{}"`
	const request = `"method":"POST","url":"https://h/hook",` + plain
	for _, c := range []struct{ entry, want string }{
		{`"kind":"webhook",` + plain + `,"vars":{"ts":"1763625600"},"expected_signature":"MAC"`, ""},
		{`"kind":"webhook",` + plain + `,"vars":{"ts":1763625600},"expected_signature":"MAC"`, ""},
		{`"method":"POST","url":"/hook","secret":"secret","body_base64":"e30=","vars":{"ts":"1763625600"},"expected_signature":"v1=MAC"`, ""},
		{request + `,"vars":{"ts":"1763625600"},"expected_wire":"t=1763625600,v1=MAC"`, ""},
		{request + `,"vars":{"ts":"1763625600"},"expected_wire":"X-Signature: t=1763625600,v1=MAC"`, ""},
		{request + `,"vars":{"ts":"1763625600"},"expected_wire":"v1=MAC, t=1763625600"`, ""},
		{request + `,"headers":{"x-signature":"t=1763625600,v0=00,v1=MAC"},"expected_signature":"MAC"`, ""},
		{request + `,"vars":{"ts":"1763625600"},"expected_wire":"t=1763625601,v1=MAC"`, "no value on the wire is the published one: X-Signature differs from byte 11 on"},
		{request + `,"vars":{"ts":"1763625600"},"expected_wire":"v1=00"`, "no value on the wire is the published one"},
		{`"method":"POST","url":"hook",` + plain + `,"vars":{"ts":"1763625600"},"expected_signature":"MAC"`, "the URL has no scheme and host"},
	} {
		list, err := profile.LoadVectors("v.json", []byte("[{"+strings.ReplaceAll(c.entry, "MAC", hookMAC)+"}]"))
		if err != nil {
			t.Errorf("%s: %v", c.entry, err)
			continue
		}
		if r := profile.Run(p, &list[0]); r.OK != (c.want == "") || !strings.Contains(r.Problem, c.want) {
			t.Errorf("%s: %q, want %q", c.entry, r.Problem, c.want)
		}
	}
}

// TestExamplesGivePartsOfTheSecret gives the second part in each way that examples do, and not at all.
func TestExamplesGivePartsOfTheSecret(t *testing.T) {
	p, err := profile.Parse("two.yaml", []byte(`profile: two
language: 2
kind: webhook
algorithm: hmac-sha256
message: body
key: secret + '&' + secret.token_secret
secrets: [token_secret]
wire: {X-Signature: "{sig}"}
uncovered: [time]
`))
	if err != nil {
		t.Fatal(err)
	}
	const sig = "6ccbfd3e3f52a3f3b6ba1b6f2faafabf987bc450ad8f13270c467dd76feb2a14" // HMAC-SHA256 of "{}" with "secret&part", computed with Python
	for _, part := range []string{`,"vars":{"token_secret_hex":"70617274"}`, `,"vars":{"token_secret":"part"}`, `,"token_secret_hex":"70617274"`, ``} {
		entry := fmt.Sprintf(`"kind":"webhook","secret":"secret","body":"{}","expected_signature":%q%s`, sig, part)
		list, err := profile.LoadVectors("v.json", []byte("[{"+entry+"}]"))
		if err != nil {
			t.Fatal(err)
		}
		if r := profile.Run(p, &list[0]); r.OK != (part != "") || part == "" && !strings.Contains(r.Problem, "the part token_secret is missing") {
			t.Errorf("%s: %q", part, r.Problem)
		}
	}
}
