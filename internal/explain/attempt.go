package explain

import (
	"bytes"
	"maps"
	"slices"

	"countersign.dev/scheme"
)

// attempt is one idea of what the signer did: from which request, values, secret and message the presented signature came.
type attempt struct {
	v      *variant
	r      scheme.Request
	p      scheme.Presented
	secret []byte
	owned  bool // r.Header is a copy
	layout func(parts []piece) []byte
	mac    func(secret, input []byte) []byte
	steps  []*change
}

// piece is a part of the message with its bytes; Name is empty for text of the profile.
type piece struct {
	name  string
	bytes []byte
}

// change turns one idea into another. It must not write to what it is given but through the methods of attempt.
type change struct {
	step Step
	// deep: worth trying together with a change of another family.
	deep bool
	// apply reports whether the change means anything here.
	apply func(a *attempt) bool
}

// with is the attempt after one more change; ok is false where that means nothing.
func (a *attempt) with(c *change) (next attempt, ok bool) {
	next = *a
	next.owned = false
	next.steps = append(slices.Clone(a.steps), c)
	return next, c.apply(&next)
}

// setHeader replaces the values of a header; none removes it.
func (a *attempt) setHeader(name string, values ...string) {
	if !a.owned {
		a.r.Header = maps.Clone(a.r.Header)
		if a.r.Header == nil {
			a.r.Header = map[string][]string{}
		}
		a.owned = true
	}
	if len(values) == 0 {
		delete(a.r.Header, name)
		return
	}
	a.r.Header[name] = values
}

// input is what this attempt signs; ok is false where it has none.
func (a *attempt) input() ([]byte, bool) {
	if a.layout == nil {
		return a.v.guess.Input(&a.r, &a.p)
	}
	input, ok := a.v.guess.Input(&a.r, &a.p)
	if !ok {
		return nil, false
	}
	parts, ok := a.v.guess.Parts(&a.r, &a.p)
	if !ok {
		return nil, false
	}
	pieces := make([]piece, len(parts))
	for i, p := range parts {
		pieces[i] = piece{p.Name, input[p.Start:p.End]}
	}
	out := a.layout(pieces)
	return out, out != nil
}

// reproduces tests the attempt against the presented signature.
func (a *attempt) reproduces(keys *keyring) bool {
	if a.mac != nil {
		input, ok := a.input()
		if !ok || a.p.Proves(a.mac(a.secret, input)) {
			return ok
		}
		key, made := a.v.guess.KeyBytes(a.secret)
		return made && !bytes.Equal(key, a.secret) && a.p.Proves(a.mac(key, input))
	}
	key := keys.key(a.v, a.secret)
	if key == nil {
		return false
	}
	if a.layout == nil {
		return a.v.guess.Reproduces(key, &a.r, &a.p)
	}
	input, ok := a.input()
	return ok && a.v.guess.Matches(key, input, &a.r, &a.p)
}

// variant is a scheme that the signer may have used, with what the request presents under it.
type variant struct {
	guess *scheme.Guess
	def   scheme.Definition
	p     scheme.Presented
	r     scheme.Request // the request as sent, in the form that this scheme can read
	steps []*change
}

// keyring makes each key once.
type keyring struct {
	parts map[string][]byte
	made  map[keyName]*scheme.Key
}

type keyName struct {
	v      *variant
	secret string
}

// key is nil where the secret does not fit.
func (k *keyring) key(v *variant, secret []byte) *scheme.Key {
	name := keyName{v, string(secret)}
	if key, known := k.made[name]; known {
		return key
	}
	var key *scheme.Key
	if made, err := v.guess.NewKey(secret, k.parts); err == nil {
		key = &made
	}
	if len(k.made) < 10_000 {
		k.made[name] = key
	}
	return key
}
