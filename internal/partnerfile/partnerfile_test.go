package partnerfile_test

import (
	"net/url"
	"strings"
	"testing"

	"countersign.dev/internal/partnerfile"
	"github.com/google/go-cmp/cmp"
)

const good = `# ours
card:
  base: https://api.example.com
  profile: finci
  key_id: 00112233445566778899aabbccddeeff
  secret: "s3 #: cret"
agg:
  base: http://127.0.0.1:8080/
  token: {endpoint: /aggregation/v2/partners/authentication, xml: true}
  app_key: abc
  partner_id: "2445581234567"
  secret_file: /etc/secret
aws:
  base: https://x.example.com:8443
  profile: aws-sigv4
  key_id: AKIDEXAMPLE
  vars: {region: eu-west-1}
  ca_file: ca.pem
`

func TestParse(t *testing.T) {
	got, err := partnerfile.Parse("f.yaml", []byte(good))
	if err != nil {
		t.Fatal(err)
	}
	want := []partnerfile.Entry{
		{Name: "card", Base: &url.URL{Scheme: "https", Host: "api.example.com"}, Profile: "finci", KeyID: "00112233445566778899aabbccddeeff", Secret: []byte("s3 #: cret")},
		{Name: "agg", Base: &url.URL{Scheme: "http", Host: "127.0.0.1:8080"}, SecretFile: "/etc/secret", Secret: []byte{},
			Token: &partnerfile.Token{Endpoint: "/aggregation/v2/partners/authentication", AppKey: "abc", PartnerID: "2445581234567", XML: true}},
		{Name: "aws", Base: &url.URL{Scheme: "https", Host: "x.example.com:8443"}, Profile: "aws-sigv4", KeyID: "AKIDEXAMPLE", Vars: map[string]string{"region": "eu-west-1"}, CAFile: "ca.pem", Secret: []byte{}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestProblemsHaveAPlaceAndNoSecret(t *testing.T) {
	for text, want := range map[string]string{
		"- a\n": "f.yaml:1:", "card: 1\n": "f.yaml:1:7: card has no settings", "Card:\n  base: https://a\n  profile: x\n": "f.yaml:1:1: not a name",
		"card:\n  base: https://a\n  profil: x\n":                                                        `f.yaml:3:3: unknown key "profil" (did you mean "profile"?)`,
		"card:\n  base: https://a/path\n  profile: x\n":                                                  "more than scheme and host",
		"card:\n  base: http://api.example.com\n  profile: x\n":                                          "plain http beyond this machine",
		"card:\n  base: https://a\n":                                                                     "neither profile nor token",
		"card:\n  base: https://a\n  profile: x\n  secret: SENTINEL\n  secret_file: y\n":                 "exclude each other",
		"card:\n  base: https://a\n  profile: x\n  secret: SENTINEL\n  secret: SENTINEL\n":               "f.yaml:5:3:",
		"card:\n  base: https://a\n  profile: x\n  secret: {a: SENTINEL}\n":                              "secret is not a text",
		"card:\n  base: https://a\n  token: {endpoint: x}\n  app_key: a\n  partner_id: b\n":              "endpoint is not a path",
		"card:\n  base: https://a\n  token: {endpoint: /x, xml: maybe}\n  app_key: a\n  partner_id: b\n": "xml is true or false",
		"card:\n  base: https://a\n  token: {endpoint: /x}\n  profile: p\n":                              "one name for each protocol",
		"card:\n  base: https://a\n  profile: p\n  app_key: b\n":                                         "go with token",
		"card:\n  base: https://a\n  profile: p\n  vars: x\n":                                            "vars is not a mapping",
		"card:\n  base: https://a\n  token: 1\n":                                                         "token is not a mapping",
		"card:\n  base: https://a\n  token: {endpoint: /x}\n  app_key: a\n":                              "token needs app_key and partner_id",
	} {
		_, err := partnerfile.Parse("f.yaml", []byte(text))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "SENTINEL") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestAddAndRemove: what was written is read back, and comments of others stay.
func TestAddAndRemove(t *testing.T) {
	entries, err := partnerfile.Parse("f.yaml", []byte(good))
	if err != nil {
		t.Fatal(err)
	}
	e := entries[0]
	e.Name, e.Secret = "new", []byte("a\"b\\c\té: #x")
	text, err := partnerfile.Add("f.yaml", []byte(strings.TrimSuffix(good, "\n")), e)
	if err != nil {
		t.Fatal(err)
	}
	again, err := partnerfile.Parse("f.yaml", text)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(append(entries, e), again); diff != "" {
		t.Error(diff)
	}
	if _, err := partnerfile.Add("f.yaml", text, e); err == nil {
		t.Error("a name was given twice")
	}
	for _, name := range []string{"new", "agg"} {
		var ok bool
		if text, ok, err = partnerfile.Remove("f.yaml", text, name); !ok || err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	left, err := partnerfile.Parse("f.yaml", text)
	if diff := cmp.Diff([]partnerfile.Entry{entries[0], entries[2]}, left); diff != "" || err != nil || !strings.HasPrefix(string(text), "# ours") {
		t.Errorf("%v %s\n%s", err, diff, text)
	}
	if _, ok, err := partnerfile.Remove("f.yaml", text, "agg"); ok || err != nil {
		t.Error("removed what is not there")
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte("a: {b: [c, {d: e}]}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		entries, err := partnerfile.Parse("f", text)
		if err != nil {
			return
		}
		for _, e := range entries {
			if _, err := partnerfile.Add("f", nil, e); err != nil {
				t.Errorf("%q cannot be written again: %v", e.Name, err)
			}
		}
	})
}
