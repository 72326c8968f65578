package lint

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"countersign.dev/profile"
	"countersign.dev/scheme"
)

// longWindow is the widest time window that is not told.
const longWindow = 15 * time.Minute

// Check attacks one alternative of a profile; the empty name is the profile's own. vectors are its worked examples; those of other
// alternatives are passed over. Without any it makes its own. It reads no clock and no randomness: two runs give one report. It
// returns an error that wraps profile.ErrNoAlternative.
func Check(p *profile.Profile, alternative string, vectors []profile.Vector) (*Report, error) {
	s, err := p.Alternative(alternative)
	if err != nil {
		return nil, err
	}
	d, err := p.Definition(alternative)
	if err != nil {
		return nil, err
	}
	r := &Report{Scheme: s.Name(), Findings: []Finding{}}
	r.declared(s, &d)
	for _, e := range r.examples(p, s, &d, alternative, vectors) {
		r.Examples++
		r.attack(e, &d)
		r.collide(e, &d)
	}
	r.sort()
	return r, nil
}

// examples are the vectors as signed requests, or our own.
func (r *Report) examples(p *profile.Profile, s *scheme.Scheme, d *scheme.Definition, alternative string, vectors []profile.Vector) []*example {
	var out []*example
	for i := range vectors {
		v := &vectors[i]
		if v.Alternative != alternative {
			continue
		}
		r.encodedSecret(d, v)
		e, err := fromVector(p, v)
		if err != nil {
			r.add(Finding{Error, "example", "the example does not hold: " + err.Error(), "countersign profile test shows where it differs", v.ID})
			continue
		}
		out = append(out, e)
	}
	if len(out) > 0 {
		return out
	}
	made, err := invented(s, d)
	if err != nil {
		r.add(Finding{Warn, "no-example", "no example could be made, so that the profile was not attacked: " + err.Error(), "give worked examples with --vectors FILE", ""})
	}
	return made
}

// declared reports what the definition says of itself.
func (r *Report) declared(s *scheme.Scheme, d *scheme.Definition) {
	for _, w := range s.Warnings() {
		severity, code := Warn, "weak"
		switch {
		case strings.HasPrefix(w, "not signed: "), strings.HasPrefix(w, "a webhook: "):
			severity, code = Info, "not-signed"
		case strings.HasPrefix(w, "no time"), strings.HasPrefix(w, "the time is checked but"):
			code = "no-freshness"
		case strings.HasPrefix(w, "two different requests"), strings.HasPrefix(w, "the spelling"):
			code = "ambiguous"
		case strings.HasPrefix(w, "a keyed plain hash"):
			code = "plain-hash"
		}
		r.add(Finding{severity, code, w, "", ""})
	}
	if s.Window() > longWindow {
		r.add(Finding{Warn, "long-window", fmt.Sprintf("a captured request can be sent again for %s in either direction", s.Window()), "time: {window: 5m}, and a replay guard on the API", ""})
	}
	if !s.HasNonce() && s.HasTime() {
		r.add(Finding{Info, "no-nonce", "there is no nonce: two equal requests of one moment are one, so that a replay guard refuses the second", "", ""})
	}
	if d.Several != nil {
		r.add(Finding{Info, "several", "several signatures may be presented, of which one must match", "", ""})
	}
	if d.Time != nil && d.Time.Chosen.Kind != 0 {
		r.add(Finding{Info, "chosen-window", fmt.Sprintf("the sender chooses how long its request is valid, up to %s", d.Time.Most), "", ""})
	}
}

// encodedSecret tells a secret that looks encoded and is used as it is. Never decode on a guess: the profile says it.
func (r *Report) encodedSecret(d *scheme.Definition, v *profile.Vector) {
	if d.Key.Kind != 0 && d.Key.Kind != scheme.Name {
		return
	}
	text := string(v.Secret)
	looks := ""
	if prefix, rest, has := strings.Cut(text, "_"); has && len(prefix) <= 8 && len(rest) >= 16 {
		looks = "to have a prefix"
	} else if _, err := hex.DecodeString(text); err == nil && len(text) >= 32 {
		looks = "to be hexadecimal"
	} else if raw, err := base64.StdEncoding.DecodeString(text); err == nil && len(raw) >= 16 && strings.ContainsAny(text, "+/=") {
		looks = "to be base64"
	}
	if looks != "" {
		r.add(Finding{Info, "raw-secret", "the secret looks " + looks + " and is used as it is; that is right where the examples hold", "key: unb64(secret), unhex(secret) or trim_prefix(secret, '…') where the vendor decodes it", v.ID})
	}
}

// attack changes one thing at a time.
func (r *Report) attack(e *example, d *scheme.Definition) {
	for _, m := range mutations(e) {
		changed := e.clone()
		m.apply(&changed)
		r.Mutations++
		if !e.accepts(&changed) {
			continue
		}
		r.passed(e, d, &m, &changed)
	}
}

// passed judges a change that a verifier accepted.
func (r *Report) passed(e *example, d *scheme.Definition, m *mutation, changed *scheme.Request) {
	kind, name, _ := strings.Cut(m.part, " ")
	switch {
	case kind == "wire":
		r.wireChange(e, d, name, changed)
	case kind == "double":
		r.add(Finding{Error, "doubled", "the header " + name + " is accepted with more than one value", "", e.id})
	case slices.Contains(e.s.Uncovered(), m.part), e.s.Webhook() && (m.part == "method" || m.part == "path" || m.part == "query"):
		r.add(Finding{Info, "not-signed", "not signed: " + m.part, "", ""})
	case m.spelling && (d.Spelling || d.Ambiguous):
		r.add(Finding{Info, "spelling", "accepted although it is written otherwise: " + m.part + ", " + m.what, "", e.id})
	case d.Ambiguous || d.Spelling:
		r.add(Finding{Warn, "accepted", "a changed " + m.part + " is accepted: " + m.what, "the profile says \"ambiguous\", and this is what that lets through", e.id})
	default:
		r.add(Finding{Error, "accepted", "a changed " + m.part + " is accepted: " + m.what, "sign it, or say that it is not signed: uncovered", e.id})
	}
}

// wireChange judges a change of a header that carries the signature. The key id is covered by selecting the secret.
func (r *Report) wireChange(e *example, d *scheme.Definition, name string, changed *scheme.Request) {
	var p scheme.Presented
	if e.s.Parse(changed, &p) != nil || e.s.ParseBody(changed, &p) != nil || p.KeyID != e.p.KeyID {
		return
	}
	same := p.TimeText == e.p.TimeText && p.Nonce == e.p.Nonce
	for _, v := range d.Vars {
		same = same && p.Var(v.Name) == e.p.Var(v.Name)
	}
	switch {
	case same && d.Several != nil:
		r.add(Finding{Info, "ignored", "a part of " + name + " is not read: items of other versions are ignored", "", e.id})
	case same:
		r.add(Finding{Error, "spelt-twice", name + " can be written in two ways for one signature", "", e.id})
	case p.TimeText != e.p.TimeText && slices.Contains(e.s.Uncovered(), "time"):
		r.add(Finding{Info, "not-signed", "not signed: time", "", ""})
	default:
		r.add(Finding{Error, "accepted", "a changed value in " + name + " is accepted", "sign everything that stands on the wire", e.id})
	}
}
