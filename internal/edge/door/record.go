package door

import (
	"strings"

	"countersign.dev/internal/access"
	"countersign.dev/internal/audit"
)

// note fills the record of a, as far as the outcome is known by now.
func (a *Answer) note(status int, written int64) {
	d, r, q := &a.decision, &a.request, a.q
	path, query, _ := strings.Cut(r.Target, "?")
	a.record = audit.Decision{
		Time: a.start, RequestID: d.RequestID, Environment: r.Environment, Door: a.door.cfg.Kind, Allowed: d.Reason == access.Allowed,
		Reason: d.Reason.String(), Where: d.Where, Status: status, Method: r.Method, Path: path, Query: query,
		Protocol: q.Protocol, Version: d.Version, Proved: d.Proved, Address: d.Address, Peer: q.Proxy, Country: d.Country,
		Derivation: d.Derivation, Other: d.OtherEnvironment, Skew: d.Skew, Warnings: d.Warnings,
		Duration: a.door.cfg.Now().Sub(a.start), BytesIn: a.received, BytesOut: written,
		Timed: d.Timed, Lead: d.Lead, Shadow: string(d.Shadow),
	}
	if !d.Proved {
		a.record.Tried = d.Tried()
	}
	if !a.record.Allowed && d.Derivation == "" && d.Address.IsValid() && d.Address != q.Peer {
		a.record.Derivation = a.derivation.Explain()
	}
	if d.Shadow != "" {
		a.record.ShadowProfile = d.API.Shadow.Name()
	}
	if d.API != nil {
		a.record.API = d.API.Name
	}
	if d.Credential != nil {
		a.record.Credential, a.record.Partner = d.Credential.ID, d.Partner.ID
	}
	if d.Cause != nil {
		a.record.Cause = d.Cause.Error()
	}
}
