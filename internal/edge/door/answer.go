package door

import (
	"net/netip"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/audit"
	"countersign.dev/internal/edge/clientip"
	"countersign.dev/internal/edge/passage"
	"countersign.dev/internal/edge/problem"
)

// Identity is who a request was let in for.
type Identity struct {
	Partner     string // row identity, "ptn_" and 26 characters
	Credential  string // row identity, "crd_" and 26 characters
	Environment string
	API         string
	RequestID   string
	Address     netip.Addr
}

// Answer is what the holder of a request has to do with it. It belongs to whoever called Check until End; nothing of it may
// be used afterwards, and it is not safe for concurrent use.
type Answer struct {
	// Allowed: the request may go on, with Identity and without Remove. Otherwise it ends here, with Status, Header and Body.
	Allowed bool
	// Exchanged: not Allowed, but a token endpoint's answer, of which Status may be 200. Only with Request.CanAnswer.
	Exchanged bool

	Status int // 200 where it is Allowed; 499: the caller has left
	// Header are fields for the caller's answer: with Allowed the request id, what is told of limits and of a credential's
	// end, in place of what an upstream says of them; otherwise all of them but Content-Length, Content-Type among them.
	Header []problem.Field
	Body   []byte // nil: none
	// Close: the caller's connection cannot be trusted or was not read to its end: close it after the answer (HTTP/1).
	Close bool

	door       *Door
	q          *Request
	start      time.Time
	request    access.Request
	decision   access.Decision
	derivation clientip.Derivation
	body       source
	received   int64 // of the body, as far as it was read
	record     audit.Decision
	fields     [8]problem.Field
	identity   [passage.IdentityFields]problem.Field
}

// Reason is the outcome: access.Allowed, or why not.
func (a *Answer) Reason() access.Reason { return a.decision.Reason }

// Decision is the whole outcome, for a door that writes more of it than this package does. It must not be changed.
func (a *Answer) Decision() *access.Decision { return &a.decision }

// RequestID is in every answer and every record.
func (a *Answer) RequestID() string { return a.decision.RequestID }

// Who is the identity of an allowed request; of any other the zero value but for the request id.
func (a *Answer) Who() Identity {
	d := &a.decision
	if !a.Allowed {
		return Identity{RequestID: d.RequestID}
	}
	return Identity{Partner: d.Partner.ID, Credential: d.Credential.ID, Environment: d.API.Environment, API: d.API.Name, RequestID: d.RequestID, Address: d.Address}
}

// End records the check and gives the answer back. status is what the caller was sent and written how many bytes of body, as
// far as that is known; a status of 0 is that of the answer itself. Further calls do nothing.
func (a *Answer) End(status int, written int64) {
	if a.door == nil {
		return
	}
	if status == 0 {
		status = a.Status
	}
	d := a.door
	a.note(status, written)
	d.cfg.Record.Record(&a.record)
	if t := d.cfg.Trace; t != nil {
		a.trace(t)
	}
	a.request.Reset()
	hops := a.derivation.Hops[:0]
	*a = Answer{derivation: clientip.Derivation{Hops: hops}}
	d.answers.Put(a)
}
