package door

import (
	"context"
	"fmt"

	"countersign.dev/internal/access"
	"countersign.dev/internal/edge/passage"
)

// source hands a body to the pipeline that its translator holds already, or can read.
type source struct{ a *Answer }

// ReadBody implements access.BodySource.
func (s *source) ReadBody(limit int64) ([]byte, access.Reason) {
	q := s.a.q
	switch {
	case q.Source != nil:
		body, reason := q.Source.ReadBody(limit)
		s.a.received = int64(len(body))
		return body, reason
	case int64(len(q.Body)) > limit:
		return nil, access.BodyTooLarge
	}
	s.a.received = int64(len(q.Body))
	return q.Body, access.Allowed
}

func (a *Answer) begin(d *Door, q *Request) {
	a.door, a.q, a.start = d, q, d.cfg.Now()
	a.decision.RequestID = access.NewRequestID()
	a.body.a = a
	r := &a.request
	r.Environment, r.Method, r.Target, r.Host, r.Header = d.cfg.Environment, q.Method, q.Target, q.Host, q.Header
	r.ClientKey, r.Framing, r.Upgrade = q.ClientKey, q.Framing, q.Upgrade
}

// translate fills the rest of what is decided on.
func (a *Answer) translate() {
	q, r := a.q, &a.request
	a.door.cfg.Address.Derive(q.Peer, q.Header, &a.derivation)
	if a.derivation.Known {
		r.Address = a.derivation.Address
	}
	r.Derivation = &a.derivation
	r.HostMismatch = q.hostMismatch()
	r.ContentLength, r.LengthStated = q.ContentLength, q.LengthStated
	if r.BodyUnseen = q.unseen(); r.BodyUnseen == "" && q.State == BodyWhole && (q.Source != nil || len(q.Body) > 0) {
		r.Body = &a.body
	}
	if q.State == BodyNone {
		r.ContentLength = max(q.ContentLength, 0)
		r.LengthStated = r.LengthStated || q.Protocol == "HTTP/2.0" || q.Protocol == "HTTP/3.0" // the end of the headers says it, as at the gateway
	}
}

// check decides. A panic below is a fault of ours: the request is refused and the cause recorded, whoever serves the door.
func (a *Answer) check(ctx context.Context) {
	defer func() {
		if fault := recover(); fault != nil {
			a.Allowed, a.Exchanged = false, false
			a.decision.Reason, a.decision.Cause = access.Internal, fmt.Errorf("check a request: %v", fault)
		}
	}()
	a.translate()
	d := &a.decision
	switch {
	case !a.door.hosts.Serve(a.q.Host):
		d.Address, d.Reason = a.request.Address, access.UnknownHost
	case a.q.FixedRemoval && a.leftBehind():
	case !a.door.cfg.Decider.Decide(&a.request, d):
		if d.Reason == access.MalformedFraming {
			d.Where = d.Detail
		}
	case d.IsExchange(&a.request):
		a.exchange(ctx)
	default:
		a.Allowed = a.admit(ctx) == access.Allowed
	}
}

// leftBehind refuses a request with fields that its holder would pass on although no upstream may see them.
func (a *Answer) leftBehind() bool {
	identity, odd := false, false
	for name := range a.q.Header {
		if a.door.credentials.Passes(name) { // neither, by one look
			continue
		}
		identity = identity || passage.IsIdentity(name) && !passage.IsSet(name)
		odd = odd || !access.IsPlainName(name)
	}
	switch {
	case identity:
		a.refuse(access.MalformedHeader, "the name space Countersign- is not the caller's, and this proxy cannot remove all of it")
	case odd:
		a.refuse(access.MalformedHeader, "a header name has characters other than letters, digits and hyphens")
	default:
		return false
	}
	a.decision.Address = a.request.Address // nothing else of it is decided, and the record says who it was
	return true
}

func (a *Answer) refuse(reason access.Reason, detail string) {
	a.decision.Reason, a.decision.Where, a.decision.Detail = reason, "", detail
}

// exchange serves the token endpoint, or says that it is served elsewhere.
func (a *Answer) exchange(ctx context.Context) {
	if a.door.cfg.Exchange == nil || !a.q.CanAnswer {
		a.refuse(access.TokenEndpointElsewhere, "")
		return
	}
	body, reason := a.body.ReadBody(access.TokenBodyLimit)
	if reason != access.Allowed {
		a.refuse(reason, "")
		return
	}
	a.exchanged(a.door.cfg.Exchange.Serve(ctx, a.q.Method, a.q.Header, body, &a.decision, func(ctx context.Context) access.Reason {
		if a.decision.Proved && !a.door.cfg.Decider.Limit(&a.request, &a.decision) {
			return a.decision.Reason
		}
		return a.admit(ctx)
	}))
}

// admit asks Config.Admit, after all checks. It returns Allowed, or the reason that it has written to the decision.
func (a *Answer) admit(ctx context.Context) access.Reason {
	if a.door.cfg.Admit == nil {
		return access.Allowed
	}
	a.note(0, 0)
	err := a.door.cfg.Admit(ctx, &a.record)
	if err == nil {
		return access.Allowed
	}
	d := &a.decision
	d.Reason, d.Where, d.Detail, d.Cause = access.Unavailable, "", "", fmt.Errorf("record the admission: %w", err)
	if ctx.Err() != nil {
		d.Reason = access.ClientGone
	}
	return d.Reason
}
