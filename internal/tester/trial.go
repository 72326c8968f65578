package tester

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"maps"
	"net/textproto"
	"net/url"
	"slices"
	"strings"

	"countersign.dev/scheme"
)

// trial is one signing with a secret that is made up: what it says about the request is true of every secret, or the plan is
// not used.
type trial struct {
	secret    []byte
	key       scheme.Key
	fields    []scheme.Field
	signature string
	canonical []byte
}

// try signs with the first form of a secret that fits. The error is that of the last one: where a request cannot be signed,
// none fits.
func (c *Call) try(s *scheme.Scheme, def scheme.Definition) (t *trial, err error) {
	var random [32]byte
	if _, err := rand.Read(random[:]); err != nil {
		return nil, err
	}
	for _, form := range madeUp(hex.EncodeToString(random[:]), def.Key, nil) {
		if t, err = c.tryWith(s, []byte(form)); err == nil {
			return t, nil
		}
	}
	if errors.Is(err, scheme.ErrSecret) {
		err = beyond("its secret has a form that the tester does not know")
	}
	return nil, err
}

func (c *Call) tryWith(s *scheme.Scheme, secret []byte) (*trial, error) {
	key, err := s.NewKey(secret)
	if err != nil {
		return nil, err
	}
	t := &trial{secret: secret, key: key}
	claims := c.claims()
	if t.fields, err = s.Sign(&t.key, c.request, claims); err != nil {
		return nil, err
	}
	if t.signature, err = s.Signature(&t.key, c.request, claims); err != nil {
		return nil, err
	}
	var p scheme.Presented
	if err := s.Present(c.request, claims, &p); err != nil {
		return nil, err
	}
	t.canonical, err = s.CanonicalWith(&t.key, c.request, &p)
	return t, err
}

// madeUp are forms of a secret, of which one is right for nearly every profile: 64 hexadecimal digits are base64, base64url and
// hexadecimal alike, and a prefix that the key expression takes off has to be there.
func madeUp(digits string, key scheme.Expr, out []string) []string {
	if key.Kind == scheme.Call && key.Text == "trim_prefix" && len(key.Args) == 2 {
		out = append(out, key.Args[1].Text+digits)
	}
	for _, a := range key.Args {
		out = madeUp(digits, a, out)
	}
	return append(out, digits, digits[:43])
}

func (c *Call) claims() scheme.Claims {
	return scheme.Claims{KeyID: c.Form.KeyID, Time: c.Claims.At, Nonce: c.Claims.Nonce}
}

// prepare signs twice with made-up secrets. What differs between the two depends on the secret: that must be the signature alone.
func (c *Call) prepare(s *scheme.Scheme, def scheme.Definition) error {
	if len(s.Secrets()) > 0 || len(s.Vars()) > 0 || s.InBody() {
		return beyond("it needs more than one secret, values that the tester does not ask for, or a signature in the body")
	}
	hash, ok := hashes[strings.TrimPrefix(def.Algorithm, "hmac-")]
	switch {
	case !strings.HasPrefix(def.Algorithm, "hmac-"):
		return beyond("the secret is a part of the text that is hashed, and that text would have to leave the page")
	case !ok:
		return beyond("browsers have no " + def.Algorithm)
	}
	c.digests(def)
	one, err := c.try(s, def)
	if err != nil {
		return err
	}
	two, err := c.try(s, def)
	if err != nil {
		return err
	}
	if string(one.canonical) != string(two.canonical) {
		return beyond("the secret is a part of what is signed, and that would have to leave the page")
	}
	if err := c.mark(one, two); err != nil {
		return err
	}
	c.Canonical = one.canonical
	if c.Plan, err = c.plan(def, hash, one); err != nil {
		return err
	}
	c.parts(def, one)
	return errors.Join(c.holds(s, one), c.holds(s, two))
}

// mark takes over the fields of the first trial, if the signature stands in exactly one of them and nothing else depends on the
// secret.
func (c *Call) mark(one, two *trial) error {
	first, second := one.signature, two.signature
	if c.escape = count(one.fields, first) == 0; c.escape {
		first, second = percent(first), percent(second)
	}
	if c.marker = first; count(one.fields, c.marker) != 1 || len(two.fields) != len(one.fields) {
		return beyond("the signature is written inside of another encoding, or in several places")
	}
	for i, f := range one.fields {
		if strings.Replace(f.Value, first, second, 1) != two.fields[i].Value {
			return beyond("more than the signature depends on the secret")
		}
	}
	c.fields = one.fields
	return nil
}

func count(fields []scheme.Field, text string) (n int) {
	for _, f := range fields {
		n += strings.Count(f.Value, text)
	}
	return n
}

func percent(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// plan lowers key and signature. Expressions without the secret are computed here, for this request.
func (c *Call) plan(def scheme.Definition, hash Hash, t *trial) (*Plan, error) {
	signed, err := scheme.Apply(c.request, t.fields)
	if err != nil {
		return nil, err
	}
	l := &lowering{def: def, hash: hash, value: func(e scheme.Expr) ([]byte, error) { return evaluate(def, e, &signed) }}
	key, signature := def.Key, def.Signature
	if key.Kind == 0 {
		key = scheme.Expr{Kind: scheme.Name, Text: "secret"}
	}
	if signature.Kind == 0 {
		signature = scheme.Expr{Kind: scheme.Call, Text: "hex", Args: []scheme.Expr{{Kind: scheme.Name, Text: "mac"}}}
	}
	p := &Plan{Hash: hash}
	if p.Key, err = l.step(key); err == nil {
		p.Signature, err = l.step(signature)
	}
	return p, err
}

// evaluate is the value of an expression that does not depend on the secret, for a request that is complete: what a message of
// that expression alone would sign.
func evaluate(def scheme.Definition, e scheme.Expr, r *scheme.Request) ([]byte, error) {
	if e.Kind == scheme.Literal || e.Kind == scheme.Number {
		return []byte(e.Text), nil
	}
	def.Message, def.Checks = e, nil
	guess, err := scheme.Suppose(def)
	if err != nil {
		return nil, beyond("a part of its key cannot be computed apart from the rest")
	}
	var p scheme.Presented
	if fault := guess.Parse(r, &p); fault != nil {
		return nil, fault
	}
	text, ok := guess.Input(r, &p)
	if !ok {
		return nil, beyond("a part of its key cannot be computed apart from the rest")
	}
	return text, nil
}

// digests adds the headers that the profile holds against the rest of the request, such as the digest of the body, where they
// were not typed.
func (c *Call) digests(def scheme.Definition) {
	for _, check := range def.Checks {
		key := textproto.CanonicalMIMEHeaderKey(check.Left.Text)
		if check.Left.Kind != scheme.Header || c.request.Header[key] != nil {
			continue
		}
		const place = "X-Tester-Value" // of a signature that nobody made: without one nothing can be read
		r := *c.request
		r.Header = maps.Clone(r.Header)
		r.Header[place] = []string{strings.Repeat("0", 64)}
		text, err := evaluate(scheme.Definition{Name: "value", Language: 2, Algorithm: "hmac-sha256",
			Wire: []scheme.WireHeader{{Name: place, Template: "{sig}"}}},
			check.Right, &r)
		if err != nil || headerFault(key, string(text)) != "" {
			continue // signing says what is missing
		}
		c.request.Header[key] = []string{string(text)}
		c.lines = append(c.lines, line{check.Left.Text, string(text)})
	}
}

// parts says where the bytes of the canonical input come from, as far as it is known.
func (c *Call) parts(def scheme.Definition, t *trial) {
	signed, err := scheme.Apply(c.request, t.fields)
	if err != nil {
		return
	}
	guess, err := scheme.Suppose(def)
	if err != nil {
		return
	}
	var p scheme.Presented
	if guess.Parse(&signed, &p) != nil {
		return
	}
	input, ok := guess.Input(&signed, &p)
	parts, known := guess.Parts(&signed, &p)
	if ok && known && string(input) == string(c.Canonical) {
		c.Parts = slices.Clone(parts)
	}
}

// holds checks plan and fields from end to end: the plan comes to the signature of the scheme, and a verifier takes the request
// that is made with it.
func (c *Call) holds(s *scheme.Scheme, t *trial) error {
	text, err := c.Plan.Sign(t.secret, c.Canonical)
	if err != nil || text != t.signature {
		return beyond("the steps of its key or signature are more than the tester knows")
	}
	r, err := c.complete(text)
	if err != nil {
		return err
	}
	values := len(r.Vars) > 0
	r.Vars = nil // a gateway has what is on the wire, and the profile's defaults
	var p scheme.Presented
	if fault := s.Parse(r, &p); fault != nil {
		return fault
	}
	if fault := s.Verify(&t.key, r, &p, nil); fault != nil {
		if values {
			return Problems{{FieldValues, "With these values a gateway does not come to the same text: it knows those that stand " +
				"in the request, and no others."}}
		}
		return beyond("a verifier does not take what the tester makes of it")
	}
	return nil
}
