package snippet

import (
	"slices"
	"strings"
)

// view is what a template sees: every value is already an expression or a literal of its language, but for Title and Usage, which
// stand in comments.
type view struct {
	Title, Usage string

	Plain                                 bool // http, on this machine
	Base, Host, Method, Target, URL, Body string
	HasBody                               bool
	Endpoint                              string // of access tokens
	Constants                             []pair // headers that are signed and set by the caller
	Headers                               []pair // headers that the caller sets
	Wire                                  []pair // those of the profile
	Vars                                  []taken
	Env                                   []string
	Defaults                              []pair // for the shell

	Alg                          string
	HMAC, KeyID, Secret          bool
	Path, Query                  bool
	Time, Nonce                  string
	Message, Key, Mac, Signature string
}

// Constructor is Go's word for the algorithm.
func (v *view) Constructor() string { return goHash[v.Alg] }

// HashName is Java's.
func (v *view) HashName() string { return javaHash[v.Alg] }

// HmacName is Java's.
func (v *view) HmacName() string { return "Hmac" + strings.ToUpper(v.Alg) }

// Digest is Ruby's and C#'s.
func (v *view) Digest() string { return strings.ToUpper(v.Alg) }

// BlockDigits is how many hexadecimal digits a block of the hash has.
func (v *view) BlockDigits() int {
	if v.Alg == "sha384" || v.Alg == "sha512" {
		return 256
	}
	return 128
}

// Choose says whether Go's program needs its helper of that name.
func (v *view) Choose() bool {
	return v.Needs("choose(") || slices.ContainsFunc(v.Vars, func(t taken) bool { return t.Fallback != "" })
}

// pair is a name and a value; the name of a header is a literal.
type pair struct{ Name, Value string }

// taken is a variable of the environment and the value of the program that holds it; Fallback is empty where there is none.
type taken struct{ Env, Name, Fallback string }

// Needs says whether an expression holds a token, so that its helper is written only then.
func (v *view) Needs(token string) bool {
	found := func(p pair) bool { return strings.Contains(p.Value, token) }
	return strings.Contains(v.Message+"\n"+v.Key+"\n"+v.Mac+"\n"+v.Signature+"\n"+v.Time+"\n"+v.Nonce, token) || slices.ContainsFunc(v.Wire, found)
}

// viewOf writes the parts of a plan in a language.
func viewOf(p *plan, d *dialect) *view {
	v := &view{
		Title: comment(p.Title), Plain: p.at.scheme == "http",
		Base: d.quote(p.at.base), Host: d.quote(p.at.host), Method: d.quote(p.at.Method), Target: d.quote(p.at.target), URL: d.quote(p.at.base + p.at.target),
		HasBody: len(p.at.Body) > 0, Body: d.quote(string(p.at.Body)),
		Alg: p.alg, HMAC: p.keyed, KeyID: p.hasKeyID, Secret: p.keyed || p.names("secret"), Path: p.names("path"), Query: p.names("query"),
		Message: d.bytes(p.message), Key: d.bytes(p.key), Signature: d.text(p.sig),
	}
	if p.webhook {
		v.Title += " (the program plays the sender of a webhook)"
	}
	v.KeyID = v.KeyID || p.names("key_id")
	if p.names("ts") {
		v.Time = d.clock(p.time, p.ahead)
	}
	if p.nonce > 0 {
		v.Nonce = d.random(p.nonce)
	}
	for _, h := range p.headers {
		value := d.text(h.value)
		if slices.Contains(p.signed, h.name) {
			v.Constants = append(v.Constants, pair{d.header(h.name), value})
			value = d.header(h.name)
		}
		v.Headers = append(v.Headers, pair{d.quote(h.name), value})
	}
	for _, w := range p.wire {
		v.Wire = append(v.Wire, pair{d.quote(w.name), d.text(w.value)})
	}
	v.environment(p, d)
	return v
}

// environment lists what the program takes from there.
func (v *view) environment(p *plan, d *dialect) {
	if v.KeyID {
		v.Env = append(v.Env, "API_TOKEN")
	}
	if v.Secret {
		v.Env = append(v.Env, "API_SECRET")
	}
	for _, x := range p.vars {
		t := taken{Env: Variable(x.name), Name: d.own(x.name)}
		if x.fallback == nil {
			v.Env = append(v.Env, t.Env)
		} else {
			t.Fallback = d.quote(*x.fallback)
		}
		v.Vars = append(v.Vars, t)
	}
	for i, name := range v.Env {
		if i > 0 {
			v.Usage += " "
		}
		v.Usage += name + "=..."
	}
}
