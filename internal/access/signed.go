package access

import (
	"crypto/sha256"
	"errors"
	"time"

	"countersign.dev/scheme"
)

// decideSigned runs the signed-request part of the pipeline (seed: API Authentication). What the headers say by themselves
// is told exactly; then comes everything that depends on what is stored, with one answer for all of it.
func (a *Decider) decideSigned(r *Request, d *Decision, now time.Time) bool {
	s, p := d.API.Scheme, &r.presented
	r.signed = scheme.Request{Method: r.Method, Target: r.Target, Scheme: "https", Host: r.Host, Header: r.Header}
	if fault := s.Parse(&r.signed, p); fault != nil {
		return d.blame(s, fault)
	}
	if s.HasTime() {
		d.Timed, d.Lead = true, time.Unix(p.Unix, 0).Sub(now)
	}
	if fault := s.Fresh(p, now, d.API.Window); fault != nil {
		return d.late(p, fault, now)
	}
	if r.BodyUnseen != "" { // before anything stored is consulted: whether the key id is known must not show in the answer
		return d.refuse(BodyNotSeen, "", r.BodyUnseen)
	}
	snap := a.current(d, now)
	if snap == nil || !findSigner(snap, r, d, p.KeyID) {
		return false
	}
	body, ok := a.body(r, d, d.API.maxBody())
	if !ok {
		return false
	}
	now = a.cfg.Now() // a slow body can outlive the window (security rule 8, trap 12), a revocation, and the register
	if fault := s.Fresh(p, now, d.API.Window); fault != nil {
		return d.late(p, fault, now)
	}
	if later := a.current(d, now); later == nil || later != snap && !findSigner(later, r, d, p.KeyID) {
		return false
	}
	r.signed.Body = body
	valid := verify(r, d, micros(now))
	if d.API.Shadow != nil {
		a.shadow(r, d, now)
	}
	return valid && a.admit(r, d) && a.Limit(r, d) && a.claim(r, d, now)
}

// findSigner looks the key id up. One that this environment never issued ends here, before the body is read: key ids are 128
// random bits. One that was revoked goes on like a live one until its signature has been judged, so that nobody without the
// secret can tell the two apart.
func findSigner(snap *snapshot, r *Request, d *Decision, text string) bool {
	id, ok := r.early.parse(text)
	if !ok {
		return d.refuse(UnknownCredential, "", "")
	}
	if d.know(r, snap, id) {
		return true
	}
	if d.OtherEnvironment = snap.elsewhere(d.API, id); d.OtherEnvironment != "" {
		return d.refuse(WrongEnvironment, "", "")
	}
	return d.refuse(UnknownCredential, "", "")
}

// verify tries the versions of the credential, newest first, also those that do not count any more: the work and every
// answer before proof are the same for them, and the operator learns that it was the right secret at the wrong time. It
// leaves the digest of the request for the replay guard in r, where the API has one for it.
func verify(r *Request, d *Decision, now int64) bool {
	var digest *[32]byte
	if d.API.guards(r.Method) {
		digest = &r.digest
	}
	c, more := d.Credential.row, d.Credential.beyond()
	counts := !c.revoked() && c.serial != 0 && live(more.notBefore, more.notAfter, now)
	if c.serial != 0 {
		if ended, valid := d.try(r, &c.key, uint16(c.serial), counts, digest); ended {
			d.ends(valid, more.notAfter, 0)
			return valid
		}
	}
	newer := !over(more.notAfter, now) // one counts, or will: whoever has the older one can go there
	older := more.older
	for i := range older {
		v := &older[i]
		inForce := !c.revoked() && live(v.notBefore, v.notAfter, now)
		if ended, valid := d.try(r, &v.key, v.number, inForce, digest); ended {
			d.ends(valid, v.notAfter, v.replaced)
			if !newer {
				d.Deprecated = 0
			}
			return valid
		}
		counts, newer = counts || inForce, newer || !over(v.notAfter, now)
	}
	if !counts {
		return d.refuse(RevokedCredential, "", "")
	}
	return d.refuse(BadSignature, "", "")
}

// try verifies with one secret. ended: there is no need to try another one. counts: it is in force.
func (d *Decision) try(r *Request, key *scheme.Key, number uint16, counts bool, digest *[32]byte) (ended, valid bool) {
	if d.triedSize < maxTried {
		d.tried[d.triedSize] = number
		d.triedSize++
	}
	fault := d.API.Scheme.Verify(key, &r.signed, &r.presented, digest)
	switch {
	case fault != nil && fault.Kind == scheme.FaultMismatch:
		return false, false
	case fault != nil:
		return true, d.blame(d.API.Scheme, fault)
	case !counts:
		return true, d.refuse(RevokedCredential, "", "")
	}
	d.Version = int(number)
	return true, true
}

// ends notes what a caller is told of the version that proved it: its end, and that a newer one is there.
func (d *Decision) ends(valid bool, notAfter, replaced int64) {
	if !valid || d.API.HideSunset {
		return
	}
	d.Sunset, d.Deprecated = notAfter/1e6, replaced
}

// claim asks the replay guard, last of all: a request that was refused for another cause does not use up its one chance.
func (a *Decider) claim(r *Request, d *Decision, now time.Time) bool {
	if !d.API.guards(r.Method) {
		return d.allow()
	}
	key := sha256.Sum256(append(append(r.scratch[:0], d.Credential.row.tag[:]...), r.digest[:]...))
	fresh, err := a.cfg.Replay.Claim(key, d.API.Scheme.Expires(&r.presented, MaxWindow), now.Unix())
	switch {
	case err != nil && unjudged(err):
		d.Warnings = append(d.Warnings, ReplayUnjudged)
		return d.allow()
	case err != nil:
		d.Cause = err
		return d.refuse(Unavailable, "", "")
	case !fresh:
		return d.refuse(Replayed, "", "")
	}
	return d.allow()
}

// ReplayUnjudged is the warning of a request that was let in although nobody could say whether it is a repetition: the shared guard did
// not answer, and the configuration allows that.
const ReplayUnjudged = "replay_unjudged"

// unjudged reports whether the guard's error says that the request may be let in all the same. Every other error refuses.
func unjudged(err error) bool {
	var choice interface{ Admit() bool }
	return errors.As(err, &choice) && choice.Admit()
}

// guards reports whether an equal request is refused: by the API's rule, and for every method where the profile has a
// nonce, since two honest requests then never have the same one. An API whose rule is off guards nothing.
func (a *API) guards(method string) bool {
	switch {
	case a.Replay == ReplayOff:
		return false
	case a.Replay == ReplayAll || a.Scheme.HasNonce():
		return true
	}
	return method != "GET" && method != "HEAD"
}

// blame turns what the scheme found in the headers into a refusal.
func (d *Decision) blame(s *scheme.Scheme, fault *scheme.Fault) bool {
	return d.refuse(reasonOf(s, fault), fault.Where, fault.Detail)
}

// reasonOf is the reason for a fault in the form of a request.
func reasonOf(s *scheme.Scheme, fault *scheme.Fault) Reason {
	switch {
	case fault.Kind == scheme.FaultMissing:
		return MissingHeader
	case fault.Kind == scheme.FaultDuplicate:
		return DuplicateHeader
	case fault.Kind == scheme.FaultAmbiguousBody:
		return AmbiguousBody
	case fault.Where == "target":
		return MalformedTarget
	case fault.Where == "method":
		return MethodNotAllowed
	case fault.Where != "" && fault.Where == s.TimeHeader():
		return MalformedTime
	}
	return MalformedHeader
}

// late refuses a timestamp outside the window, and keeps by how much.
func (d *Decision) late(p *scheme.Presented, fault *scheme.Fault, now time.Time) bool {
	d.Skew = now.Sub(time.Unix(p.Unix, 0)).Truncate(time.Second)
	if fault.Kind == scheme.FaultFuture {
		return d.refuse(FutureTimestamp, fault.Where, fault.Detail)
	}
	return d.refuse(StaleTimestamp, fault.Where, fault.Detail)
}
