package access

import (
	"slices"

	"countersign.dev/internal/partner"
)

// Decide runs the pipeline for r and writes the outcome to d, whose RequestID the door has set. It reports whether the
// request is let in. Everything that depends on what is stored is decided after everything that does not; nothing is told
// exactly before d.Proved.
func (a *Decider) Decide(r *Request, d *Decision) bool {
	d.Reason, d.Proved, d.Address = Unset, false, r.Address
	now := a.cfg.Now()
	d.API = a.locate(r.Environment, pathOf(r.Target))
	a.ahead(r, d)
	if !checkShape(r, d) || !a.route(r, d) || !checkHeaders(r, d) || !checkLength(r, d) {
		return false
	}
	if !r.Address.IsValid() {
		d.explainAddress(r)
		return d.refuse(AddressUnknown, "", "the client's address could not be derived from the forwarding headers")
	}
	r.early.next()
	if d.API.Protocol == Token {
		return a.decideToken(r, d, now)
	}
	return a.decideSigned(r, d, now)
}

// locate finds the API by base path. It refuses nothing, so that a request that is refused for its shape is told in the
// format of the API that it was meant for.
func (a *Decider) locate(environment, path string) (found *API) {
	longest := 0
	for _, api := range a.environments[environment] {
		for _, base := range api.BasePaths {
			if len(base) > longest && under(path, base) {
				found, longest = api, len(base)
			}
		}
	}
	return found
}

// route refuses a target that is ambiguous or that no API has. It decides on the raw target: the bytes that will be
// forwarded (security rule 13). A path that would lead elsewhere if its escapes were decoded, as an upstream may do, is
// ambiguous: it would be judged by one API's rules and served as another's.
func (a *Decider) route(r *Request, d *Decision) bool {
	slash, empty := d.API != nil && d.API.AllowEncodedSlash, d.API != nil && d.API.AllowEmptySegments
	if fault := targetFault(r.Target, slash, empty); fault != "" {
		return d.refuse(MalformedTarget, "", fault)
	}
	path := pathOf(r.Target)
	if plain := decoded(path); plain != path && (climbs(plain, empty) || a.locate(r.Environment, plain) != d.API || d.API != nil && plain == d.API.TokenEndpoint) {
		return d.refuse(MalformedTarget, "", "the path leads elsewhere when its percent escapes are decoded")
	}
	if d.API == nil {
		return d.refuse(UnknownAPI, "", "no API has this path")
	}
	return true
}

// admit is the part of the pipeline behind the proof: review, client certificate, network, in the order in which they are
// told. Limits come next, and replay last: a request that a limit refuses has not used up its one chance, so that the caller
// may send it again; one that is refused as a replay has been counted, so that replays are limited, too.
func (a *Decider) admit(r *Request, d *Decision) bool {
	d.Proved = true
	if reason := d.Partner.standing(); reason != Allowed {
		return d.refuse(reason, "", "")
	}
	if !d.holdsClientKey(r) {
		return d.refuse(ClientCertificate, "", "")
	}
	if reason := a.checkNetwork(d); reason != Allowed {
		d.explainAddress(r)
		return d.refuse(reason, "", "")
	}
	return true
}

// holdsClientKey holds the caller to the client certificate that the API asks for. The door says for each request which
// certificate its connection has proved (security rule 29).
func (d *Decision) holdsClientKey(r *Request) bool {
	if d.API.ClientCertificate == ClientCertificateBound && !d.Credential.special() {
		return true
	}
	return d.provesClientKey(r)
}

func (d *Decision) provesClientKey(r *Request) bool {
	keys := d.Credential.beyond().clientKeys
	switch {
	case d.API.ClientCertificate == ClientCertificateOff:
		return true
	case d.API.ClientCertificate == ClientCertificateBound && len(keys) == 0:
		return true
	case r.ClientKey != "" && slices.Contains(keys, r.ClientKey): // digests of public keys: no secret
		return true
	case d.API.ClientCertificateWarn:
		d.Warnings = append(d.Warnings, ClientCertificate.String())
		return true
	}
	return false
}

// Admitted is Allowed, NotApproved or Suspended, by the review of d's partner for the environment as it is now.
func (a *Decider) Admitted(d *Decision) Reason {
	var c Credential
	if !a.again(d, &c) {
		return Suspended
	}
	return c.Partner.standing()
}

// standing is what the review of p comes to: Allowed, NotApproved or Suspended.
func (p *Partner) standing() Reason {
	switch {
	case p.Closed, p.Review == partner.ReviewSuspended, p.Review == partner.ReviewClosed:
		return Suspended
	case p.Review != partner.ReviewApproved:
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

// know looks an id up. d keeps what it found, or what it had found before.
func (d *Decision) know(r *Request, snap *snapshot, id keyID) bool {
	x := r.early.in
	if x == nil || r.early.snap != snap {
		x = snap.index(d.API)
	}
	if !x.lookup(id, &d.credential) {
		return false
	}
	d.Credential, d.Partner = &d.credential, d.credential.Partner
	return true
}
