package library_test

import (
	"encoding/base64"
	"encoding/json"
	"net/textproto"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"countersign.dev/profile"
	"countersign.dev/scheme"
)

func canonical(name string) string { return textproto.CanonicalMIMEHeaderKey(name) }

// vendorExample is one worked example as its vendor published it, with the headers that our profile is to write.
type vendorExample struct {
	ID        string            `json:"id"`
	Vendor    string            `json:"vendor"`
	Profile   string            `json:"profile"`
	DocURL    string            `json:"doc_url"`
	Method    string            `json:"method"`
	URL       string            `json:"url"`
	Headers   map[string]string `json:"headers"`
	Body      string            `json:"body"`
	SecretHex string            `json:"secret_hex"`
	Claims    struct {
		KeyID string    `json:"key_id"`
		Time  time.Time `json:"time"`
		Nonce string    `json:"nonce"`
	} `json:"claims"`
	Canonical string            `json:"canonical_string"`
	Signature string            `json:"expected_signature"`
	Wire      map[string]string `json:"wire"`
}

func vendorExamples(t *testing.T) []vendorExample {
	t.Helper()
	raw, err := os.ReadFile("testdata/vendors.json")
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(strings.NewReader(string(raw)))
	d.DisallowUnknownFields()
	var out []vendorExample
	if err := d.Decode(&out); err != nil {
		t.Fatal(err)
	}
	return out
}

func (e *vendorExample) request(t *testing.T) scheme.Request {
	t.Helper()
	u, err := url.Parse(e.URL)
	if err != nil {
		t.Fatal(err)
	}
	target := strings.TrimPrefix(e.URL, u.Scheme+"://"+u.Host)
	if target == "" {
		target = "/"
	}
	return scheme.Request{Method: e.Method, Target: target, Scheme: u.Scheme, Host: u.Host, Header: headers(nil, e.Headers), Body: []byte(e.Body)}
}

func (e *vendorExample) canonical(t *testing.T) string {
	t.Helper()
	text, isBinary := strings.CutPrefix(e.Canonical, "base64:")
	if !isBinary {
		return text
	}
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// TestVendorsSignAndVerify holds our profiles against what the vendors themselves published: signing gives the published value, verifying accepts it, and one
// changed byte in any covered part does not pass.
func TestVendorsSignAndVerify(t *testing.T) {
	examples := vendorExamples(t)
	if len(examples) < 20 {
		t.Fatalf("%d examples, want at least 20", len(examples))
	}
	for _, e := range examples {
		t.Run(e.ID, func(t *testing.T) { e.test(t) })
	}
}

func (e *vendorExample) test(t *testing.T) {
	text, err := os.ReadFile("testdata/vendors/" + e.Profile + ".yaml")
	if err != nil {
		t.Fatal(err)
	}
	p, err := profile.Parse(e.Profile+".yaml", text)
	if err != nil {
		t.Fatal(err)
	}
	s, err := p.Compile()
	if err != nil {
		t.Fatal(err)
	}
	key, err := s.NewKey(unhex(t, e.SecretHex))
	if err != nil {
		t.Fatal(err)
	}
	r := e.request(t)
	claims := scheme.Claims{KeyID: e.Claims.KeyID, Time: e.Claims.Time, Nonce: e.Claims.Nonce}
	fields, err := s.Sign(&key, &r, claims)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, f := range fields {
		got[f.Name] = f.Value
	}
	if diff := cmp.Diff(e.Wire, got); diff != "" {
		t.Fatalf("signed headers (-published +ours):\n%s", diff)
	}
	published := r
	published.Header = headers(nil, e.Headers)
	for name, value := range e.Wire {
		published.Header[canonical(name)] = []string{value}
	}
	e.verify(t, s, &key, published)
	exercise(t, &signedRequest{s, key, published})
}

func (e *vendorExample) verify(t *testing.T, s *scheme.Scheme, key *scheme.Key, r scheme.Request) {
	t.Helper()
	var p scheme.Presented
	if f := s.Parse(&r, &p); f != nil {
		t.Fatal(f)
	}
	canonical, err := s.Canonical(&r, &p)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(e.canonical(t), string(canonical)); diff != "" {
		t.Fatalf("canonical input (-published +ours):\n%s", diff)
	}
	if f := s.Verify(key, &r, &p, nil); f != nil {
		t.Fatal(f)
	}
	if f := s.Fresh(&p, e.Claims.Time, 0); f != nil {
		t.Fatal(f)
	}
}
