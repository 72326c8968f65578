package access

import "time"

// The token protocol's two headers (seed: Accessing the API), as net/http spells them.
const (
	AppKeyHeader   = "Finicity-App-Key"
	AppTokenHeader = "Finicity-App-Token"
)

// decideToken runs the app-token part of the pipeline: key, then token (seed: Accessing the API). A call to the token
// endpoint needs no token and ends as soon as the app key is known; internal/edge/tokens goes on from there.
func (a *Decider) decideToken(r *Request, d *Decision, now time.Time) bool {
	if !a.judge(r, d, now) {
		return false
	}
	limit := d.API.maxBody()
	if d.IsExchange(r) {
		limit = TokenBodyLimit
		if r.BodyUnseen != "" {
			return d.refuse(BodyNotSeen, "", r.BodyUnseen)
		}
	}
	if _, ok := a.body(r, d, limit); !ok {
		return false
	}
	if r.Body != nil && !a.judge(r, d, a.cfg.Now()) { // a slow body can outlive a token and a revocation
		return false
	}
	if d.IsExchange(r) {
		return a.decideExchange(r, d)
	}
	return a.admit(r, d) && a.Limit(r, d) && d.allow()
}

// judge looks at the app key and, but for the token endpoint, at the token.
func (a *Decider) judge(r *Request, d *Decision, now time.Time) bool {
	key, ok := single(r, d, AppKeyHeader)
	if !ok {
		return false
	}
	snap := a.current(d, now)
	if snap == nil || !findApp(snap, r, d, key) {
		return false
	}
	if d.IsExchange(r) {
		return true
	}
	token, ok := single(r, d, AppTokenHeader)
	if !ok {
		return false
	}
	reason := snap.worlds[d.API.Environment].openToken(token, d.Credential, now.UnixMilli(), r.scratch[:0:len(r.scratch)])
	if reason == InvalidToken {
		d.OtherEnvironment = snap.tokenElsewhere(d.API, token)
	}
	return reason == Allowed || d.refuse(reason, AppTokenHeader, "")
}

func findApp(snap *snapshot, r *Request, d *Decision, key string) bool {
	id, ok := r.early.parse(key)
	if !ok {
		return d.refuse(UnknownCredential, AppKeyHeader, "")
	}
	if !d.know(r, snap, id) {
		if d.OtherEnvironment = snap.elsewhere(d.API, id); d.OtherEnvironment != "" {
			return d.refuse(WrongEnvironment, AppKeyHeader, "")
		}
		return d.refuse(UnknownCredential, AppKeyHeader, "")
	}
	if d.Credential.row.revoked() {
		return d.refuse(RevokedCredential, AppKeyHeader, "")
	}
	return true
}

// IsExchange reports whether r calls the token endpoint of d's API: Partner Authentication or Modify Partner Secret.
func (d *Decision) IsExchange(r *Request) bool {
	return d.API != nil && d.API.TokenEndpoint != "" && pathOf(r.Target) == d.API.TokenEndpoint
}

// decideExchange lets a call to the token endpoint on to the exchange. An address from which the partner may not call, or a
// connection without the client certificate that the credential is bound to, is not refused here: telling it apart before
// the secret is known would tell a stranger what is stored. It is marked, and the exchange answers it like a wrong secret
// without looking at the secret (security rules 9 and 30). Limits are counted by the door, once the caller has proved itself.
func (a *Decider) decideExchange(r *Request, d *Decision) bool {
	if !d.holdsClientKey(r) {
		d.Unproved, d.Where = true, ClientCertificate.String()
	}
	if a.checkNetwork(d) != Allowed {
		d.Unproved, d.Where = true, ""
		d.explainAddress(r)
	}
	return d.allow()
}

// again fills c with the credential of d as it is now: a body or a hash may have taken its time since it was found. False: it is gone.
func (a *Decider) again(d *Decision, c *Credential) bool {
	snap := a.snap.Load()
	if snap == nil || d.API == nil || d.Credential == nil || d.Credential.row == nil {
		return false
	}
	return snap.index(d.API).lookup(d.Credential.row.id, c)
}

// single returns the value of a header that must come exactly once and not be blank (security rule 20).
func single(r *Request, d *Decision, name string) (string, bool) {
	switch values := r.Header[name]; {
	case len(values) == 0 || len(values) == 1 && values[0] == "":
		return "", d.refuse(MissingHeader, name, "")
	case len(values) > 1:
		return "", d.refuse(DuplicateHeader, name, "")
	default:
		return values[0], true
	}
}

// tokenElsewhere names another environment whose keys open text, for the operator's eye.
func (s *snapshot) tokenElsewhere(api *API, text string) string {
	for name, w := range s.worlds {
		if name == api.Environment {
			continue
		}
		if _, ok := w.unseal(text, make([]byte, 0, 3*tokenBytes)); ok {
			return name
		}
	}
	return ""
}
