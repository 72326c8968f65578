package lint

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"strconv"

	"countersign.dev/profile"
	"countersign.dev/scheme"
)

// ownVector is an example in the form that our own profiles have: with the headers that are sent, and what a verifier answers.
type ownVector struct {
	ID              string `json:"id"`
	Alternative     string `json:"alternative"`
	CanonicalBase64 string `json:"canonical_base64"`
	Method          string `json:"method"`
	Target          string `json:"target"`
	Host            string `json:"host"`
	Body            string `json:"body"`
	BodyBase64      string `json:"body_base64"`
	SecretHex       string `json:"secret_hex"`
	KeyID           string `json:"key_id"`
	Nonce           string `json:"nonce"`
	TS              int64  `json:"ts"`
	Canonical       string `json:"canonical"`
	Signature       string `json:"signature"`
	Expect          string `json:"expect"`
}

// Vectors reads a file of examples: the form of profile.LoadVectors, or that of our own profiles, of which those that are to be
// refused are passed over. Its errors are those of profile.LoadVectors. The text is untrusted.
func Vectors(name string, text []byte) ([]profile.Vector, error) {
	list, err := profile.LoadVectors(name, text)
	if err == nil {
		return list, nil
	}
	var own struct {
		Profile string      `json:"profile"`
		Vectors []ownVector `json:"vectors"`
	}
	if len(text) > 16<<20 || json.Unmarshal(text, &own) != nil || own.Profile == "" || len(own.Vectors) == 0 {
		return nil, err
	}
	var out []profile.Vector
	for i := range own.Vectors {
		v, ok := own.Vectors[i].vector()
		if ok {
			out = append(out, v)
		}
	}
	if len(out) == 0 {
		return nil, err
	}
	return out, nil
}

func (o *ownVector) vector() (profile.Vector, bool) {
	secret, err := hex.DecodeString(o.SecretHex)
	body, bad := base64.StdEncoding.DecodeString(o.BodyBase64)
	if o.BodyBase64 == "" {
		body = []byte(o.Body)
	}
	if err != nil || bad != nil || o.Expect != "accept" || o.Signature == "" || len(secret) == 0 {
		return profile.Vector{}, false
	}
	host := o.Host
	if host == "" {
		host = "api.example.com"
	}
	v := profile.Vector{ID: o.ID, Alternative: o.Alternative, Method: o.Method, URL: "https://" + host + o.Target, Body: body, Secret: secret,
		Vars: map[string]string{"ts": strconv.FormatInt(o.TS, 10)}, Signature: o.Signature}
	if o.Canonical != "" {
		v.Canonical = []byte(o.Canonical)
	} else if raw, err := base64.StdEncoding.DecodeString(o.CanonicalBase64); err == nil && len(raw) > 0 {
		v.Canonical = raw
	}
	for name, value := range map[string]string{"key_id": o.KeyID, "nonce": o.Nonce} {
		if value != "" {
			v.Vars[name] = value
		}
	}
	return v, true
}

// newVector is an example as it is written to a file.
type newVector struct {
	ID        string            `json:"id"`
	Method    string            `json:"method"`
	URL       string            `json:"url"`
	Headers   map[string]string `json:"headers,omitempty"`
	Body      string            `json:"body,omitempty"`
	SecretHex string            `json:"secret_hex"`
	Vars      map[string]string `json:"vars"`
	Canonical string            `json:"canonical_string"`
	Signature string            `json:"expected_signature"`
}

// Invent makes examples of a profile's own scheme, signed by it, as the text of a file that Vectors reads. They show what the profile
// does, and that it stays the same; whether that is what a server does only the server's own examples can show.
func Invent(p *profile.Profile) ([]byte, error) {
	s, err := p.Alternative("")
	if err != nil {
		return nil, err
	}
	d, err := p.Definition("")
	if err != nil {
		return nil, err
	}
	made, err := invented(s, &d)
	if err != nil {
		return nil, err
	}
	secret, _ := inventedSecret(&d)
	var out []newVector
	for _, e := range made {
		v, err := e.write(secret)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	text, err := json.MarshalIndent(out, "", " ")
	return append(text, '\n'), err
}

// write signs the example's request once more for what a file says of it.
func (e *example) write(secret []byte) (newVector, error) {
	claims := inventedClaims(e.d)
	claims.TimeText = e.p.TimeText
	r := e.clone()
	v := newVector{ID: e.id, Method: r.Method, URL: r.Scheme + "://" + r.Host + r.Target, Headers: map[string]string{}, Body: string(r.Body), SecretHex: hex.EncodeToString(secret),
		Vars: map[string]string{"key_id": claims.KeyID}}
	if e.s.HasTime() {
		v.Vars["ts"] = e.p.TimeText
	}
	if e.s.HasNonce() {
		v.Vars["nonce"] = claims.Nonce
	}
	for _, name := range append(e.s.SignedHeaders(), "Content-Type") {
		if len(r.Header[name]) == 1 {
			v.Headers[name] = r.Header[name][0]
		}
	}
	input, err := e.s.Canonical(&e.r, &e.p)
	if err != nil {
		return v, err
	}
	v.Canonical = string(input)
	unsigned := scheme.Request{Method: r.Method, Target: r.Target, Scheme: r.Scheme, Host: r.Host, Header: map[string][]string{}, Body: r.Body, Vars: r.Vars}
	for name, value := range v.Headers {
		unsigned.Header[name] = []string{value}
	}
	v.Signature, err = e.s.Signature(&e.key, &unsigned, claims)
	return v, err
}
