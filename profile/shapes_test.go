package profile_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strings"
	"testing"

	"countersign.dev/profile"
)

func mac256(key, message string) []byte {
	h := hmac.New(sha256.New, []byte(key))
	h.Write([]byte(message))
	return h.Sum(nil)
}

func b64(raw []byte) string { return base64.StdEncoding.EncodeToString(raw) }

// TestShapesBeyondTheExamples has shapes of schemes that none of the published examples has, each held against a few lines of Go.
func TestShapesBeyondTheExamples(t *testing.T) {
	sorted := []string{"sec", "1494968239", "abc"}
	slices.Sort(sorted)
	token := sha1.Sum([]byte(strings.Join(sorted, "")))
	for _, c := range []struct {
		name, text string
		v          profile.Vector
	}{
		{"the secret in the message of an HMAC", `algorithm: hmac-sha256
message: secret + path + body + nonce
signature: b64(mac)
wire: {X-Key: '{key_id}', X-Nonce: '{nonce}', X-Sig: '{sig}'}
uncovered: [method, query, time]
ambiguous: accept`, profile.Vector{Method: "POST", URL: "https://h/v3/x", Body: []byte("{}"), Vars: map[string]string{"nonce": "0123456789abcdef"},
			Signature: b64(mac256("sec", "sec/v3/x{}0123456789abcdef"))}},
		{"the key made of time and secret, an empty message", `algorithm: hmac-sha256
message: "''"
key: ts + '\n' + secret
signature: b64(mac)
wire_json: {timestamp: '{ts}', sign: '{sig}'}
time: {}
uncovered: [method, path, query, body]`, profile.Vector{Method: "POST", URL: "https://h/hook", Body: []byte(`{"timestamp":"1494968239","sign":"x","msg":1}`),
			Signature: b64(mac256("1494968239\nsec", ""))}},
		{"values sorted with the secret among them", `algorithm: sha1
kind: webhook
message: params('', param('a', secret), param('b', ts), param('c', nonce), sort='value', show='values', sep='')
wire_query: {timestamp: '{ts}', nonce: '{nonce}', signature: '{sig}'}
nonce: {min: 1}
time: {}
uncovered: [body]
ambiguous: accept`, profile.Vector{Method: "GET", URL: "https://h/?timestamp=1494968239&nonce=abc", Signature: hex.EncodeToString(token[:])}},
		{"a JSON Web Token", `algorithm: hmac-sha256
message: v.head + '.' + v.claims
signature: b64url(mac, pad=0)
vars: {head: {chars: A-Za-z0-9_-, max: 200}, claims: {chars: A-Za-z0-9_-, max: 4000}}
wire: {Authorization: 'Bearer {head}.{claims}.{sig}'}
uncovered: [method, path, query, body, time]`, profile.Vector{Method: "GET", URL: "https://h/", Vars: map[string]string{"head": "eyJh", "claims": "eyJi"},
			Signature: base64.RawURLEncoding.EncodeToString(mac256("sec", "eyJh.eyJi"))}},
		{"a second signature in another header", `algorithm: hmac-sha256
kind: webhook
message: body + ts
signature: b64(mac)
wire: {T: '{ts}', P: '{sig}'}
several: {also: [S]}
time: {format: rfc3339}
ambiguous: accept`, profile.Vector{Method: "POST", URL: "https://h/", Body: []byte("x"), Vars: map[string]string{"ts": "2020-01-01T00:00:00-07:00"},
			Signature: b64(mac256("sec", "x2020-01-01T00:00:00-07:00"))}},
		{"a payload and its signature in one field", `algorithm: hmac-sha256
message: v.payload
signature: b64url(mac, pad=0)
vars: {payload: {chars: A-Za-z0-9_-, max: 4000}}
wire_form: {signed_request: '{sig}.{payload}'}
uncovered: [method, path, query, body, time]`, profile.Vector{Method: "POST", URL: "https://h/", Vars: map[string]string{"payload": "eyJi"},
			Signature: base64.RawURLEncoding.EncodeToString(mac256("sec", "eyJi"))}},
		{"a list in the header with places, cut short, an account of the host", `algorithm: hmac-sha256
message: join('\n', method, '/' + v.bucket + path, when(query, params('query', only='acl,x-*', sort='key', bare=1)), tail(body, 3))
signature: hex(head(mac, 16))
vars: {bucket: {from: host, match: '{bucket}.s.example'}}
wire: {Sig: '{ts},{sig}'}
several: {sep: ','}
time: {format: '%Y-%m-%d %H:%M:%S', zone: '+08:00'}
uncovered: [query, body, time]
ambiguous: accept`, profile.Vector{Method: "PUT", URL: "https://b1.s.example/o?x-b=2&acl&z=1", Body: []byte("abcdef"), Vars: map[string]string{"ts": "2020-01-01 08:00:00"},
			Signature: hex.EncodeToString(mac256("sec", "PUT\n/b1/o\nacl&x-b=2\ndef")[:16])}},
	} {
		p, err := profile.Parse("shape.yaml", []byte("profile: shape\nlanguage: 2\n"+c.text))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		c.v.Secret = []byte("sec")
		if r := profile.Run(p, &c.v); !r.OK {
			t.Errorf("%s: %s %q %q", c.name, r.Problem, r.Canonical, r.Fields)
		}
	}
}
