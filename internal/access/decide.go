package access

import (
	"time"

	"countersign.dev/internal/partner"
)

// Decide runs the pipeline for r and writes the outcome to d, whose RequestID the door has set. It reports whether the
// request is let in. Everything that depends on what is stored is decided after everything that does not; nothing is told
// exactly before d.Proved.
func (a *Decider) Decide(r *Request, d *Decision) bool {
	d.Reason, d.Proved, d.Address = Unset, false, r.Address
	now := a.cfg.Now()
	d.API = a.locate(r)
	if !checkShape(r, d) || !a.route(r, d) || !checkHeaders(r, d) || !checkLength(r, d) {
		return false
	}
	if !r.Address.IsValid() {
		d.explainAddress(r)
		return d.refuse(AddressUnknown, "", "the client's address could not be derived from the forwarding headers")
	}
	snap := a.snap.Load()
	if snap == nil || now.UnixNano()-a.confirmed.Load() > int64(a.cfg.MaxStaleness) {
		d.Cause = a.Ready()
		return d.refuse(Unavailable, "", "")
	}
	if d.API.Protocol == Token {
		return a.decideToken(snap, r, d, now)
	}
	return a.decideSigned(snap, r, d, now)
}

// locate finds the API by base path on the raw target: the bytes that will be forwarded (security rule 13). It refuses
// nothing, so that a request that is refused for its shape is told in the format of the API that it was meant for.
func (a *Decider) locate(r *Request) (found *API) {
	path, longest := pathOf(r.Target), 0
	for _, api := range a.environments[r.Environment] {
		for _, base := range api.BasePaths {
			if len(base) > longest && under(path, base) {
				found, longest = api, len(base)
			}
		}
	}
	return found
}

// route refuses a target that is ambiguous or that no API has.
func (a *Decider) route(r *Request, d *Decision) bool {
	slash, empty := d.API != nil && d.API.AllowEncodedSlash, d.API != nil && d.API.AllowEmptySegments
	if fault := targetFault(r.Target, slash, empty); fault != "" {
		return d.refuse(MalformedTarget, "", fault)
	}
	if d.API == nil {
		return d.refuse(UnknownAPI, "", "no API has this path")
	}
	return true
}

// admit is the part of the pipeline behind the proof: review, network, in the order in which they are told.
func (a *Decider) admit(r *Request, d *Decision) bool {
	d.Proved = true
	if reason := a.Admitted(d); reason != Allowed {
		return d.refuse(reason, "", "")
	}
	if reason := a.checkNetwork(d); reason != Allowed {
		d.explainAddress(r)
		return d.refuse(reason, "", "")
	}
	return true
}

// Admitted is Allowed, NotApproved or Suspended, by the review of d's partner for the environment.
func (a *Decider) Admitted(d *Decision) Reason {
	switch {
	case d.Partner == nil:
		return Internal
	case d.Partner.Closed, d.Partner.Review == partner.ReviewSuspended, d.Partner.Review == partner.ReviewClosed:
		return Suspended
	case d.Partner.Review != partner.ReviewApproved:
		return NotApproved
	}
	return Allowed
}

// body reads the body up to limit and applies what can be said of it before it is verified.
func (a *Decider) body(r *Request, d *Decision, limit int64) ([]byte, bool) {
	body, reason := r.readBody(limit)
	if reason != Allowed {
		return nil, d.refuse(reason, "", "")
	}
	if int64(len(body)) > limit {
		return nil, d.refuse(BodyTooLarge, "", "")
	}
	return body, checkMedia(r, d, body)
}

// refuse ends the pipeline. It returns false so that a check can end with it.
func (d *Decision) refuse(reason Reason, where, detail string) bool {
	d.Reason, d.Where, d.Detail = reason, where, detail
	return false
}

func (d *Decision) allow() bool {
	d.Reason = Allowed
	return true
}

func (d *Decision) explainAddress(r *Request) {
	if r.Derivation != nil {
		d.Derivation = r.Derivation.Explain()
	}
}

func (d *Decision) know(c *Credential) {
	d.Credential, d.Partner = c, c.Partner
}

// seconds is a Unix time.
func seconds(t time.Time) int64 { return t.Unix() }
