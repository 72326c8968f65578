package access

import (
	"crypto/sha256"
	"time"

	"countersign.dev/scheme"
)

// decideSigned runs the signed-request part of the pipeline (seed: API Authentication). What the headers say by themselves
// is told exactly; then comes everything that depends on what is stored, with one answer for all of it.
func (a *Decider) decideSigned(snap *snapshot, r *Request, d *Decision, now time.Time) bool {
	s, p := d.API.Scheme, &r.presented
	r.signed = scheme.Request{Method: r.Method, Target: r.Target, Scheme: "https", Host: r.Host, Header: r.Header}
	if fault := s.Parse(&r.signed, p); fault != nil {
		return d.blame(s, fault)
	}
	if fault := s.Fresh(p, now, d.API.Window); fault != nil {
		return d.late(p, fault, now)
	}
	c := a.findSigner(snap, d, p.KeyID)
	if c == nil {
		return false
	}
	body, ok := a.body(r, d, d.API.maxBody())
	if !ok {
		return false
	}
	now = a.cfg.Now() // a slow body can outlive the window (security rule 8, trap 12)
	if fault := s.Fresh(p, now, d.API.Window); fault != nil {
		return d.late(p, fault, now)
	}
	r.signed.Body = body
	digest, ok := verify(c, r, d, seconds(now))
	return ok && a.admit(r, d) && a.claim(r, d, digest, now)
}

// findSigner looks the key id up. An unknown one ends here, before the body is read: key ids are 128 random bits.
func (a *Decider) findSigner(snap *snapshot, d *Decision, text string) *Credential {
	id, ok := parseKeyID(text)
	if !ok {
		d.refuse(UnknownCredential, "", "")
		return nil
	}
	c := snap.lookup(d.API, id)
	if c == nil {
		d.refuse(UnknownCredential, "", "")
		if d.OtherEnvironment = snap.elsewhere(d.API, id); d.OtherEnvironment != "" {
			d.Reason = WrongEnvironment
		}
		return nil
	}
	if d.know(c); c.revoked {
		d.refuse(RevokedCredential, "", "")
		return nil
	}
	return c
}

// verify tries the live versions of c, newest first.
func verify(c *Credential, r *Request, d *Decision, now int64) (digest [32]byte, ok bool) {
	tried := false
	for i := range c.versions {
		v := &c.versions[i]
		if !v.live(now) {
			continue
		}
		tried = true
		fault := d.API.Scheme.Verify(&v.key, &r.signed, &r.presented, &digest)
		if fault == nil {
			d.Version = int(v.number)
			return digest, true
		}
		if fault.Kind != scheme.FaultMismatch {
			return digest, d.blame(d.API.Scheme, fault)
		}
	}
	if !tried {
		return digest, d.refuse(RevokedCredential, "", "")
	}
	return digest, d.refuse(BadSignature, "", "")
}

// claim asks the replay guard, last of all: a request that was refused for another cause does not use up its one chance.
func (a *Decider) claim(r *Request, d *Decision, digest [32]byte, now time.Time) bool {
	if !d.API.guards(r.Method, d.API.Scheme.HasNonce()) {
		return d.allow()
	}
	key := replayKey(r.scratch[:0], d, digest)
	fresh, err := a.cfg.Replay.Claim(key, r.presented.Unix+d.API.window(), seconds(now))
	switch {
	case err != nil:
		d.Cause = err
		return d.refuse(Unavailable, "", "")
	case !fresh:
		return d.refuse(Replayed, "", "")
	}
	return d.allow()
}

// replayKey is a digest over length-prefixed parts, so that no environment and credential can be spelt as others (rule 10).
func replayKey(buffer []byte, d *Decision, digest [32]byte) [32]byte {
	buffer = append(buffer, "replay"...)
	buffer = append(append(buffer, byte(len(d.API.Environment))), d.API.Environment...)
	buffer = append(append(buffer, byte(len(d.Credential.ID))), d.Credential.ID...)
	return sha256.Sum256(append(buffer, digest[:]...))
}

// guards reports whether an equal request is refused: by the API's rule, and always where the profile has a nonce, since
// two honest requests then never have the same one.
func (a *API) guards(method string, nonce bool) bool {
	switch {
	case a.Replay == ReplayOff:
		return false
	case a.Replay == ReplayAll || nonce:
		return true
	}
	return method != "GET" && method != "HEAD"
}

// window is how many seconds a timestamp counts.
func (a *API) window() int64 {
	if a.Window > 0 {
		return int64(a.Window / time.Second)
	}
	return int64(a.Scheme.Window() / time.Second)
}

// blame turns what the scheme found in the headers into a reason.
func (d *Decision) blame(s *scheme.Scheme, fault *scheme.Fault) bool {
	reason := MalformedHeader
	switch {
	case fault.Kind == scheme.FaultMissing:
		reason = MissingHeader
	case fault.Kind == scheme.FaultDuplicate:
		reason = DuplicateHeader
	case fault.Kind == scheme.FaultAmbiguousBody:
		reason = AmbiguousBody
	case fault.Where == "target":
		reason = MalformedTarget
	case fault.Where == "method":
		reason = MethodNotAllowed
	case fault.Where != "" && fault.Where == s.TimeHeader():
		reason = MalformedTime
	}
	return d.refuse(reason, fault.Where, fault.Detail)
}

// late refuses a timestamp outside the window, and keeps by how much.
func (d *Decision) late(p *scheme.Presented, fault *scheme.Fault, now time.Time) bool {
	d.Skew = now.Sub(time.Unix(p.Unix, 0)).Truncate(time.Second)
	if fault.Kind == scheme.FaultFuture {
		return d.refuse(FutureTimestamp, fault.Where, fault.Detail)
	}
	return d.refuse(StaleTimestamp, fault.Where, fault.Detail)
}
