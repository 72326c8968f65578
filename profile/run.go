package profile

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"net/textproto"
	"strings"
	"time"

	"countersign.dev/scheme"
)

// Result is what came of one vector. OK means that signing gave the published values, that a verifier accepts them, and that it refuses them once changed.
type Result struct {
	ID string
	OK bool
	// Problem says what went wrong, in one line; empty when OK. It never holds a secret or a signature.
	Problem string
	// Canonical is the text that was signed, and Want the published one; nil when they could not be computed or are not given. They may hold the secret of a keyed plain hash.
	Canonical, Want []byte
	// Diff is the index of the first byte in which these two differ; -1 when they do not, or one of them is not known. A text that differs under a signature that does not
	// is one that the page prints otherwise, and no problem.
	Diff int
	// Fields are the values that signing put on the wire.
	Fields []scheme.Field
}

// Run holds a profile against a vector: it signs the vector's request, compares canonical input, signature and wire with what is published, and verifies. It reads no
// clock: freshness is not part of a vector. It never panics, whatever the vector holds.
func Run(p *Profile, v *Vector) Result {
	out := Result{ID: v.ID, Diff: -1, Want: v.Canonical}
	if err := out.run(p, v); err != nil {
		out.Problem = err.Error()
	}
	out.OK = out.Problem == ""
	return out
}

func (out *Result) run(p *Profile, v *Vector) error {
	s, err := p.Alternative(v.Alternative)
	if err != nil {
		return err
	}
	key, err := s.NewKeyParts(v.Secret, v.parts(s))
	if err != nil {
		return err
	}
	r, err := v.Request()
	if err != nil {
		return err
	}
	claims := v.claims(s, &r)
	if err := out.compareCanonical(s, &key, &r, claims); err != nil {
		return v.missing(err)
	}
	if out.Fields, err = s.Sign(&key, &r, claims); err != nil {
		return fmt.Errorf("sign: %w", err)
	}
	signature, err := s.Signature(&key, &r, claims)
	if err != nil {
		return fmt.Errorf("sign: %w", err)
	}
	if v.Signature != "" && !out.isSignature(signature, v.Signature) {
		return fmt.Errorf("the signature differs from the published one%s", out.why())
	}
	if v.Wire != "" && !out.hasWire(s, &key, &r, v.Wire) {
		return fmt.Errorf("no value on the wire is the published one%s", out.nearest(v.Wire))
	}
	if out.Diff >= 0 && v.Signature == "" {
		return fmt.Errorf("the canonical input differs from byte %d on", out.Diff)
	}
	return verifyBoth(s, &key, &r, out.Fields, signature)
}

// why points at the canonical input when that is where the signatures part.
func (out *Result) why() string {
	switch {
	case out.Diff >= 0:
		return fmt.Sprintf(": the canonical input differs from byte %d on", out.Diff)
	case out.Want != nil:
		return ": the canonical input is the published one, so look at key, algorithm and signature"
	}
	return ""
}

// compareCanonical leaves the index of the first byte in which the canonical input and the published one differ.
func (out *Result) compareCanonical(s *scheme.Scheme, key *scheme.Key, r *scheme.Request, claims scheme.Claims) error {
	var presented scheme.Presented
	if err := s.Present(r, claims, &presented); err != nil {
		return fmt.Errorf("sign: %w", err)
	}
	var err error
	if out.Canonical, err = s.CanonicalWith(key, r, &presented); err != nil {
		return fmt.Errorf("sign: %w", err)
	}
	if out.Want == nil || bytes.Equal(out.Want, out.Canonical) {
		return nil
	}
	for out.Diff = 0; out.Diff < len(out.Want) && out.Diff < len(out.Canonical) && out.Want[out.Diff] == out.Canonical[out.Diff]; {
		out.Diff++
	}
	return nil
}

// verifyBoth shows the signed request to a verifier, as it is and with another signature.
func verifyBoth(s *scheme.Scheme, key *scheme.Key, r *scheme.Request, fields []scheme.Field, signature string) error {
	signed, err := scheme.Apply(r, fields)
	if err != nil {
		return fmt.Errorf("apply: %w", err)
	}
	var p scheme.Presented
	if f := s.Parse(&signed, &p); f != nil {
		return fmt.Errorf("verify: %w", f)
	}
	var digest [sha256.Size]byte
	if f := s.Verify(key, &signed, &p, &digest); f != nil {
		return fmt.Errorf("verify: %w", f)
	}
	other, err := s.NewKeyParts([]byte("another secret of the same kind"), map[string][]byte{})
	if err != nil { // secrets that must be decoded: change one byte of the signature instead
		return verifyChanged(s, key, r, fields, signature)
	}
	if f := s.Verify(&other, &signed, &p, nil); f == nil {
		return fmt.Errorf("verify: another secret is accepted")
	}
	return verifyChanged(s, key, r, fields, signature)
}

// verifyChanged replaces the first character of the signature by another one that can stand there.
func verifyChanged(s *scheme.Scheme, key *scheme.Key, r *scheme.Request, fields []scheme.Field, signature string) error {
	to := "0"
	if signature[0] == '0' {
		to = "1"
	}
	changed := append([]scheme.Field(nil), fields...)
	for i := range changed {
		changed[i].Value = strings.Replace(changed[i].Value, signature, to+signature[1:], 1)
	}
	forged, err := scheme.Apply(r, changed)
	if err != nil {
		return fmt.Errorf("apply: %w", err)
	}
	var p scheme.Presented
	same := true
	for i := range fields {
		same = same && fields[i] == changed[i]
	}
	if same || s.Parse(&forged, &p) != nil {
		return nil // the signature is encoded once more on the wire
	}
	if f := s.Verify(key, &forged, &p, nil); f == nil {
		return fmt.Errorf("verify: a changed signature is accepted")
	}
	return nil
}

// Request is the vector's request as it would be on the wire but for the signature. A URL that is only a path is one at receiver.example, unless there is a Host header. It
// returns an error for any other without a scheme and a host.
func (v *Vector) Request() (scheme.Request, error) {
	name, rest, ok := strings.Cut(v.URL, "://")
	if !ok && strings.HasPrefix(v.URL, "/") {
		name, rest, ok = "https", "receiver.example"+v.URL, true
	}
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	if !ok || end == 0 {
		return scheme.Request{}, fmt.Errorf("the URL has no scheme and host")
	}
	r := scheme.Request{Method: v.Method, Target: rest[end:], Scheme: name, Host: rest[:end], Header: map[string][]string{}, Body: v.Body, Vars: v.Vars}
	if !strings.HasPrefix(r.Target, "/") {
		r.Target = "/" + r.Target
	}
	for header, value := range v.Headers {
		key := textproto.CanonicalMIMEHeaderKey(header)
		if key == "Host" {
			r.Host = value
			continue
		}
		r.Header[key] = append(r.Header[key], value)
	}
	return r, nil
}

// claimAliases are the names under which examples give key id, time, nonce and token: OAuth has its own.
var claimAliases = [][2]string{{"oauth_consumer_key", "key_id"}, {"oauth_timestamp", "ts"}, {"oauth_nonce", "nonce"}, {"oauth_token", "token"}, {"oauth_version", "version"}}

// claims takes what the signer says from the variables and from what the request already carries. What an example does not give, because it is not signed, is made up.
func (v *Vector) claims(s *scheme.Scheme, r *scheme.Request) scheme.Claims {
	given := map[string]string{}
	for name, value := range v.Vars {
		given[name] = value
	}
	for _, alias := range claimAliases {
		if given[alias[1]] == "" {
			given[alias[1]] = given[alias[0]]
		}
	}
	c := scheme.Claims{KeyID: given["key_id"], Nonce: given["nonce"], TimeText: given["ts"]}
	found := s.Adopt(r, &c)
	for name, value := range given {
		if value != "" {
			found[name] = value
		}
	}
	r.Vars = found
	if c.KeyID == "" {
		c.KeyID = "key"
	}
	if c.TimeText == "" {
		c.Time = time.Unix(1600000000, 0)
	}
	for _, made := range []string{"0123456789abcdef", "0123456789012345", strings.Repeat("0123456789abcdef", 4), "01234567", "0"} {
		var p scheme.Presented
		if c.Nonce != "" || !s.HasNonce() {
			break
		}
		with := c
		if with.Nonce = made; s.Present(r, with, &p) == nil {
			c = with
		}
	}
	return c
}
