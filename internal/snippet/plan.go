package snippet

import (
	"errors"
	"maps"
	"net/textproto"
	"slices"
	"strings"
	"time"

	"countersign.dev/profile"
	"countersign.dev/scheme"
)

// plan is a program that signs, before it is written in any language.
type plan struct {
	Title  string
	Module string // the profile's name

	at       *Request
	alg      string // md5 to sha512
	keyed    bool   // HMAC; otherwise a plain hash of a message that holds the secret
	message  []node
	key      []node
	sig      []node
	wire     []out
	headers  []out // set by the caller, with the value as the only literal
	signed   []string
	vars     []variable
	time     string
	ahead    int // seconds that the time on the wire lies ahead
	nonce    int // random bytes; each becomes two digits
	hasKeyID bool
	webhook  bool
}

// out is one header that is set.
type out struct {
	name  string
	value []node
}

// variable is a value that the program takes from the environment.
type variable struct {
	name     string
	fallback *string
}

// planOf turns a profile's definition into a program for one request. It returns a *BeyondError for what a program cannot do.
func planOf(p *profile.Profile, alternative string, at *Request) (*plan, error) {
	d, err := p.Definition(alternative)
	if err != nil {
		return nil, err
	}
	out, err := planned(p, &d, at)
	if b := (*BeyondError)(nil); errors.As(err, &b) {
		b.Profile = d.Name
	}
	if err != nil {
		return nil, err
	}
	return out, out.admissible(p, alternative, &d)
}

// admissible refuses a request that every verifier would refuse for its form, such as a body that could be read as the end of the
// target. Where the profile needs values that the program has yet to make, nobody can tell.
func (p *plan) admissible(of *profile.Profile, alternative string, d *scheme.Definition) error {
	s, err := of.Alternative(alternative)
	if err != nil || len(d.Vars) > 0 || len(d.Checks) > 0 {
		return err
	}
	r := &scheme.Request{Method: p.at.Method, Target: p.at.target, Scheme: p.at.scheme, Host: p.at.host, Header: p.at.Header, Body: p.at.Body}
	claims := scheme.Claims{KeyID: strings.Repeat("0", 32), Time: time.Unix(1763625600, 0), Nonce: strings.Repeat("0", 2*p.nonce)}
	var presented scheme.Presented
	err = s.Present(r, claims, &presented)
	if err == nil {
		_, err = s.Canonical(r, &presented)
	}
	if err != nil {
		return refused("%v", err)
	}
	return nil
}

func planned(p *profile.Profile, d *scheme.Definition, at *Request) (*plan, error) {
	if err := outside(d); err != nil {
		return nil, err
	}
	l := &lowering{d: d, at: at}
	alg, keyed := strings.CutPrefix(d.Algorithm, "hmac-")
	out := &plan{Title: p.Title(), Module: d.Name, at: at, alg: alg, keyed: keyed, webhook: d.Webhook}
	if out.Title == "" {
		out.Title = d.Name
	}
	var err error
	if out.message, err = l.list(d.Message); err != nil {
		return nil, err
	}
	if out.key, err = l.orDefault(d.Key, node{kind: name, text: "secret"}); err != nil {
		return nil, err
	}
	if out.sig, err = l.orDefault(d.Signature, node{kind: hex, args: []node{{kind: name, text: "mac"}}}); err != nil {
		return nil, err
	}
	if err := out.onWire(l); err != nil {
		return nil, err
	}
	if err := out.freshness(d); err != nil {
		return nil, err
	}
	return out, out.fromCaller(l)
}

func (l *lowering) orDefault(e scheme.Expr, def node) ([]node, error) {
	if e.Kind == 0 {
		return []node{def}, nil
	}
	return l.list(e)
}

// outside names what a whole definition has beyond a program.
func outside(d *scheme.Definition) error {
	switch {
	case len(d.WireQuery) > 0:
		return beyond("wire_query: the parameter %s in the query", d.WireQuery[0].Name)
	case len(d.WireForm) > 0:
		return beyond("wire_form: the field %s in the body", d.WireForm[0].Name)
	case len(d.WireJSON) > 0:
		return beyond("wire_json: the member %s in the body", d.WireJSON[0].Name)
	case len(d.Secrets) > 0:
		return beyond("secrets: a secret of several parts")
	case !strings.HasPrefix(d.Algorithm, "hmac-") && d.Key.Kind != 0:
		return beyond("a key for a plain hash")
	}
	return nil
}

// onWire makes the headers: those of the profile, the header that holds the time alone, and those that a check demands.
func (p *plan) onWire(l *lowering) error {
	for _, w := range l.d.Wire {
		value, err := l.template(w.Template)
		if err != nil {
			return err
		}
		p.wire = append(p.wire, out{w.Name, value})
	}
	if t := l.d.Time; t != nil && t.Header != "" && !p.sets(t.Header) {
		p.wire = append(p.wire, out{textproto.CanonicalMIMEHeaderKey(t.Header), []node{{kind: name, text: "ts"}}})
	}
	for _, check := range l.d.Checks {
		text := profile.FormatExpression(check.Left) + " == " + profile.FormatExpression(check.Right)
		if check.Left.Kind != scheme.Header || p.sets(check.Left.Text) {
			return beyond("the check %s", text)
		}
		value, err := l.list(check.Right)
		if err != nil {
			return err
		}
		key := textproto.CanonicalMIMEHeaderKey(check.Left.Text)
		p.message = replaced(p.message, key, value)
		l.headers = slices.DeleteFunc(l.headers, func(h string) bool { return h == key })
		p.wire = append(p.wire, out{key, value})
	}
	for _, w := range p.wire {
		p.hasKeyID = p.hasKeyID || uses("key_id", w.value)
	}
	return nil
}

func (p *plan) sets(header string) bool {
	return slices.ContainsFunc(p.wire, func(w out) bool { return strings.EqualFold(w.name, header) })
}

// replaced puts the value that a header will have where the header is named.
func replaced(list []node, key string, value []node) []node {
	var out []node
	for _, n := range list {
		if n.kind == field && n.text == key {
			out = append(out, value...)
			continue
		}
		n.args, n.other = replaced(n.args, key, value), replaced(n.other, key, value)
		out = append(out, n)
	}
	return merged(out)
}

// freshness takes over time and nonce.
func (p *plan) freshness(d *scheme.Definition) error {
	if t := d.Time; t != nil {
		if p.time = t.Format; p.time == "" {
			p.time = "unix"
		}
		if !slices.Contains(timeForms, p.time) || t.Zone != "" {
			return beyond("the time format %s", p.time)
		}
		if t.Expiry {
			if p.time != "unix" && p.time != "unix_ms" {
				return beyond("an expiry in the format %s", p.time)
			}
			p.ahead = max(1, int(t.Window/(2*time.Second))) // half: a slow clock at the other end still takes it
		}
	}
	if !p.names("nonce") {
		return nil
	}
	least, most, chars := 16, 128, ""
	if n := d.Nonce; n != nil {
		chars = n.Chars
		if n.Min != 0 {
			least = n.Min
		}
		if n.Max != 0 {
			most = n.Max
		}
	}
	if p.nonce = (max(least, min(32, most)) + 1) / 2; 2*p.nonce > most || !takesHex(chars) {
		return beyond("a nonce of %d to %d of %s", least, most, chars)
	}
	return nil
}

// takesHex says whether a class of characters has the lower-case hexadecimal digits.
func takesHex(chars string) bool {
	return chars == "" || strings.Contains(chars, "0-9") && (strings.Contains(chars, "a-z") || strings.Contains(chars, "a-f"))
}

// fromCaller collects what the user of the program has to supply.
func (p *plan) fromCaller(l *lowering) error {
	p.signed = l.headers
	for _, key := range slices.Sorted(maps.Keys(l.at.Header)) {
		if p.sets(key) {
			return refused("%s is what the program makes", key)
		}
		p.headers = append(p.headers, out{key, []node{{kind: lit, text: l.at.Header.Get(key)}}})
	}
	for _, key := range l.headers {
		if l.at.Header.Get(key) == "" {
			return refused("the profile signs %s; give it with -H '%s: VALUE'", key, key)
		}
	}
	for _, name := range l.vars {
		i := slices.IndexFunc(l.d.Vars, func(v scheme.Var) bool { return v.Name == name })
		p.vars = append(p.vars, variable{name, l.d.Vars[i].Default})
	}
	return nil
}

// names says whether a value occurs anywhere in what the program computes.
func (p *plan) names(value string) bool {
	lists := [][]node{p.message, p.key, p.sig}
	for _, w := range p.wire {
		lists = append(lists, w.value)
	}
	return uses(value, lists...)
}

// does says whether a kind of node occurs; alg and the other details are not looked at.
func (p *plan) does(k kind) bool {
	found := false
	lists := [][]node{p.message, p.key, p.sig}
	for _, w := range p.wire {
		lists = append(lists, w.value)
	}
	for _, list := range lists {
		walk(list, func(n node) { found = found || n.kind == k })
	}
	return found
}
