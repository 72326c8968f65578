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
	var c Credential
	if !a.shadowOf(d, p.KeyID, &c) {
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

// shadowOf fills c with d's credential, with its secrets prepared for the shadow profile; false where that names another one.
func (a *Decider) shadowOf(d *Decision, text string, c *Credential) bool {
	id, ok := parseKeyID(text)
	snap := a.snap.Load()
	if !ok || id != d.Credential.row.id || snap == nil {
		return false
	}
	w := snap.worlds[d.API.Environment]
	if w == nil || w.shadows[d.API.Shadow] == nil {
		return false
	}
	p, found := w.shadows[d.API.Shadow].find(id)
	if found {
		p.view(c)
	}
	return found
}

// shadowed tries the versions as verify does, with the same work for those that do not count.
func (c *Credential) shadowed(s *scheme.Scheme, r *Request, p *scheme.Presented, now int64) ShadowResult {
	more := c.beyond()
	older := more.older
	counts, fits := false, false
	for i := -1; i < len(older); i++ {
		v := version{notBefore: more.notBefore, notAfter: more.notAfter, number: uint16(c.row.serial)}
		key := &c.row.key
		if i >= 0 {
			v, key = version{notBefore: older[i].notBefore, notAfter: older[i].notAfter, number: older[i].number}, &older[i].key
		}
		if v.number == 0 {
			continue // no secret, or one that does not fit
		}
		fits = true
		inForce := !c.row.revoked() && live(v.notBefore, v.notAfter, now)
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

// addShadow prepares a signing key for a profile that decides nothing. A secret that such a profile cannot use is no reason to refuse
// a roster.
func (f *filler) addShadow(x *index, c *partner.Credential, s *scheme.Scheme) {
	id, _ := parseKeyID(c.KeyID) // it stands where it is decided by, or there would be no snapshot
	entry := entry{row: row{id: id}}
	if !c.RevokedAt.IsZero() {
		entry.row.flags |= revoked
	}
	entry.prepareShadow(c.Versions, s)
	x.put(entry.row, c.ID, "", nil, entry.more)
}

// prepareShadow is prepare for a profile that decides nothing: a version whose secret does not fit has the number 0.
func (e *entry) prepareShadow(versions []partner.Version, s *scheme.Scheme) {
	for i, v := range versions {
		made := version{notBefore: bound(v.NotBefore), notAfter: bound(v.NotAfter)}
		if key, ok := shadowKey(s, v); ok {
			made.key, made.number = key, uint16(v.Number)
		}
		if i == 0 {
			e.newest(made)
		} else {
			more := e.extend()
			more.older = append(more.older, made)
		}
	}
}

func shadowKey(s *scheme.Scheme, v partner.Version) (key scheme.Key, ok bool) {
	defer func() { _ = recover() }() // as in shadow: ok is false then
	key, err := s.NewKey(v.Secret.Bytes())
	return key, err == nil
}
