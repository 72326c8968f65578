package access

import (
	"time"

	"countersign.dev/internal/partner"
	"countersign.dev/scheme"
)

// ShadowResult says what an API's shadow profile made of a request that reached verification: ShadowOK, the text of the Reason
// that it would have been refused with, or one of the other two below. Empty: there was none to ask.
type ShadowResult string

// The results that are no reasons.
const (
	ShadowOK       ShadowResult = "ok"            // it would have been verified
	ShadowUnfit    ShadowResult = "unfit_key"     // none of the credential's secrets is one that the profile can use
	ShadowOtherKey ShadowResult = "other_key"     // it names another key id than the profile that decides
	ShadowFault    ShadowResult = "shadow_failed" // we broke, and nothing else did
)

// ShadowResults is the closed list; a fresh slice each time.
func ShadowResults() []ShadowResult {
	list := []ShadowResult{ShadowOK, ShadowUnfit, ShadowOtherKey, ShadowFault}
	for _, r := range [...]Reason{MissingHeader, DuplicateHeader, MalformedHeader, MalformedTarget, MethodNotAllowed, AmbiguousBody,
		MalformedTime, StaleTimestamp, FutureTimestamp, RevokedCredential, BadSignature} {
		list = append(list, ShadowResult(r.String()))
	}
	return list
}

// shadow verifies r by the shadow profile of its API and writes down what came of it. It runs when everything about the
// signature has been decided, touches nothing that decides, and asks no replay guard. Whatever happens in it stays in it.
func (a *Decider) shadow(r *Request, d *Decision, now time.Time) {
	d.Shadow = ShadowFault
	defer func() { _ = recover() }() // a fault of a profile that decides nothing refuses nobody; the record says that there was one
	s := d.API.Shadow
	var p scheme.Presented
	if fault := s.Parse(&r.signed, &p); fault != nil {
		d.Shadow = ShadowResult(reasonOf(s, fault).String())
		return
	}
	if fault := s.Fresh(&p, now, d.API.Window); fault != nil {
		d.Shadow = ShadowResult(lateness(fault).String())
		return
	}
	c := a.shadowOf(d, p.KeyID)
	if c == nil {
		d.Shadow = ShadowOtherKey
		return
	}
	d.Shadow = c.shadowed(s, r, &p, micros(now))
}

// lateness is the reason for a time outside the window.
func lateness(fault *scheme.Fault) Reason {
	if fault.Kind == scheme.FaultFuture {
		return FutureTimestamp
	}
	return StaleTimestamp
}

// shadowOf is d's credential with its secrets prepared for the shadow profile; nil where that names another one.
func (a *Decider) shadowOf(d *Decision, text string) *Credential {
	id, ok := parseKeyID(text)
	snap := a.snap.Load()
	if !ok || id != d.Credential.id || snap == nil {
		return nil
	}
	w := snap.worlds[d.API.Environment]
	if w == nil || w.shadows[d.API.Shadow] == nil {
		return nil
	}
	return w.shadows[d.API.Shadow].find(id)
}

// shadowed tries the versions as verify does, with the same work for those that do not count.
func (c *Credential) shadowed(s *scheme.Scheme, r *Request, p *scheme.Presented, now int64) ShadowResult {
	older := c.beyond().older
	counts, fits := false, false
	for i := -1; i < len(older); i++ {
		v := version{notBefore: c.notBefore, notAfter: c.notAfter, number: c.number}
		key := &c.key
		if i >= 0 {
			v, key = version{notBefore: older[i].notBefore, notAfter: older[i].notAfter, number: older[i].number}, &older[i].key
		}
		if v.number == 0 {
			continue // no secret, or one that does not fit
		}
		fits = true
		inForce := !c.revoked() && live(v.notBefore, v.notAfter, now)
		counts = counts || inForce
		fault := s.Verify(key, &r.signed, p, nil)
		switch {
		case fault != nil && fault.Kind == scheme.FaultMismatch:
			continue
		case fault != nil:
			return ShadowResult(reasonOf(s, fault).String())
		case !inForce:
			return ShadowResult(RevokedCredential.String())
		}
		return ShadowOK
	}
	switch {
	case !fits:
		return ShadowUnfit
	case !counts:
		return ShadowResult(RevokedCredential.String())
	}
	return ShadowResult(BadSignature.String())
}

// addShadows prepares the signing keys of an environment for the profiles that decide nothing. A secret that such a profile
// cannot use is no reason to refuse a roster.
func (w *world) addShadows(roster *partner.Roster, name string, apis []*API) {
	for _, api := range apis {
		if api.Shadow == nil || w.shadows[api.Shadow] != nil {
			continue
		}
		if w.shadows == nil {
			w.shadows = map[*scheme.Scheme]*index{}
		}
		w.shadows[api.Shadow] = shadowIndex(roster, name, w.signed[api.Scheme], api.Shadow)
	}
}

// shadowIndex holds the credentials of real, which is the index that decides, for another profile.
func shadowIndex(roster *partner.Roster, name string, real *index, s *scheme.Scheme) *index {
	x := new(index)
	x.reserve(len(real.list))
	for i := range roster.Credentials {
		c := &roster.Credentials[i]
		if c.Environment != name || c.Kind != partner.SigningKey {
			continue
		}
		id, _ := parseKeyID(c.KeyID) // it is in real, or there would be no snapshot
		entry := Credential{id: id, ID: c.ID}
		if !c.RevokedAt.IsZero() {
			entry.flags |= revoked
		}
		entry.prepareShadow(c.Versions, s)
		x.put(entry)
	}
	return x
}

// prepareShadow is prepare for a profile that decides nothing: a version whose secret does not fit has the number 0.
func (c *Credential) prepareShadow(versions []partner.Version, s *scheme.Scheme) {
	for i, v := range versions {
		made := version{notBefore: bound(v.NotBefore), notAfter: bound(v.NotAfter)}
		if key, ok := shadowKey(s, v); ok {
			made.key, made.number = key, uint16(v.Number)
		}
		if i == 0 {
			c.notBefore, c.notAfter, c.number, c.key = made.notBefore, made.notAfter, made.number, made.key
		} else {
			more := c.extend()
			more.older = append(more.older, made)
		}
	}
}

func shadowKey(s *scheme.Scheme, v partner.Version) (key scheme.Key, ok bool) {
	defer func() { _ = recover() }() // as in shadow: ok is false then
	key, err := s.NewKey(v.Secret.Bytes())
	return key, err == nil
}
