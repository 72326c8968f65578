package main

import (
	"slices"
	"time"

	"countersign.dev/api"
	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
)

// The views are the JSON of the commands: stable names out of docs/glossary.md, times of RFC 3339 in UTC, nothing secret.
// What is not set is left out; lists are never null.

type partnerView struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Closed    bool      `json:"closed"`
	CreatedAt time.Time `json:"created_at"`
}

func viewPartner(p partner.Partner) partnerView {
	return partnerView{ID: p.ID, Name: p.Name, Closed: p.Closed, CreatedAt: p.CreatedAt.UTC()}
}

type reviewView struct {
	PartnerID   string    `json:"partner_id"`
	Environment string    `json:"environment"`
	State       string    `json:"state"`
	RequestedBy string    `json:"requested_by"`
	ApprovedBy  string    `json:"approved_by,omitempty"`
	ChangedAt   time.Time `json:"changed_at"`
	Reason      string    `json:"reason,omitempty"`
}

func viewReview(r partner.Review) reviewView {
	return reviewView{PartnerID: r.PartnerID, Environment: r.Environment, State: string(r.State), RequestedBy: r.RequestedBy,
		ApprovedBy: r.ApprovedBy, ChangedAt: r.ChangedAt.UTC(), Reason: r.Reason}
}

type versionView struct {
	Number    int       `json:"number"`
	NotBefore time.Time `json:"not_before,omitzero"`
	NotAfter  time.Time `json:"not_after,omitzero"`
	ByPartner bool      `json:"by_partner"`
	Live      bool      `json:"live"`
}

type credentialView struct {
	ID          string        `json:"id"`
	PartnerID   string        `json:"partner_id"`
	Environment string        `json:"environment"`
	Kind        string        `json:"kind"`
	KeyID       string        `json:"key_id"`
	Login       string        `json:"login,omitempty"`
	State       string        `json:"state"` // live, locked, revoked, ended: no version counts
	Failures    int           `json:"failures,omitempty"`
	LockedAt    time.Time     `json:"locked_at,omitzero"`
	RevokedAt   time.Time     `json:"revoked_at,omitzero"`
	CreatedAt   time.Time     `json:"created_at"`
	ClientKeys  []string      `json:"client_keys"`
	Versions    []versionView `json:"versions"`
	Schedule    api.Schedule  `json:"schedule,omitzero"` // of credential show alone
}

func viewCredential(c partner.Credential, now time.Time) credentialView {
	v := credentialView{ID: c.ID, PartnerID: c.PartnerID, Environment: c.Environment, Kind: string(c.Kind), KeyID: c.KeyID, Login: c.Login,
		Failures: c.Failures, LockedAt: c.LockedAt.UTC(), RevokedAt: c.RevokedAt.UTC(), CreatedAt: c.CreatedAt.UTC(),
		ClientKeys: append([]string{}, c.ClientKeys...), Versions: []versionView{}}
	for _, version := range c.Versions {
		v.Versions = append(v.Versions, versionView{Number: version.Number, NotBefore: version.NotBefore.UTC(), NotAfter: version.NotAfter.UTC(),
			ByPartner: version.ByPartner, Live: version.Live(now) && !v.revoked()})
	}
	v.State = "live"
	switch {
	case v.revoked():
		v.State = "revoked"
	case c.Locked():
		v.State = "locked"
	case !slices.ContainsFunc(v.Versions, func(one versionView) bool { return one.Live }):
		v.State = "ended"
	}
	return v
}

// within is v as its partner and the review in its environment leave it: where either is closed for good, nothing of it counts.
func (v credentialView) within(closed bool, reviews []partner.Review) credentialView {
	if v.revoked() || !closed && !slices.ContainsFunc(reviews, func(r partner.Review) bool {
		return r.PartnerID == v.PartnerID && r.Environment == v.Environment && r.State == partner.ReviewClosed
	}) {
		return v
	}
	v.State = "closed"
	for i := range v.Versions {
		v.Versions[i].Live = false
	}
	return v
}

func (v credentialView) revoked() bool { return !v.RevokedAt.IsZero() }

// span says when a version counts, for people.
func (v versionView) span() string {
	from, to := "", "until revoked"
	if !v.NotBefore.IsZero() {
		from = "from " + when(v.NotBefore) + " "
	}
	if !v.NotAfter.IsZero() {
		to = "until " + when(v.NotAfter)
	}
	return from + to
}

type networkView struct {
	ID          string    `json:"id"`
	PartnerID   string    `json:"partner_id"`
	Environment string    `json:"environment"`
	API         string    `json:"api,omitempty"`
	Prefix      string    `json:"prefix,omitempty"`
	Country     string    `json:"country,omitempty"`
	Note        string    `json:"note,omitempty"`
	CreatedAt   time.Time `json:"created_at"`
}

func viewNetwork(n partner.NetworkRule) networkView {
	v := networkView{ID: n.ID, PartnerID: n.PartnerID, Environment: n.Environment, API: n.API, Country: n.Country, Note: n.Note, CreatedAt: n.CreatedAt.UTC()}
	if n.Prefix.IsValid() {
		v.Prefix = n.Prefix.String()
	}
	return v
}

// what is the prefix or the country of the rule.
func (v networkView) what() string {
	if v.Country != "" {
		return "country " + v.Country
	}
	return v.Prefix
}

type limitView struct {
	ID           string    `json:"id"`
	PartnerID    string    `json:"partner_id"`
	Environment  string    `json:"environment"`
	API          string    `json:"api,omitempty"`
	CredentialID string    `json:"credential_id,omitempty"`
	Rate         string    `json:"rate,omitempty"` // "50/s", "100/10s"
	Burst        int       `json:"burst,omitempty"`
	Daily        int64     `json:"daily,omitempty"`
	CreatedAt    time.Time `json:"created_at"`
}

func viewLimit(l partner.Limit) limitView {
	return limitView{ID: l.ID, PartnerID: l.PartnerID, Environment: l.Environment, API: l.API, CredentialID: l.CredentialID,
		Rate: formatRate(l.Rate, l.Per), Burst: l.Burst, Daily: l.Daily, CreatedAt: l.CreatedAt.UTC()}
}

type changeView struct {
	Seq     uint64    `json:"seq"`
	At      time.Time `json:"at"`
	Actor   string    `json:"actor"`
	Action  string    `json:"action"`
	Subject string    `json:"subject"`
	Detail  string    `json:"detail,omitempty"`
}

func viewChange(c audit.Change) changeView {
	return changeView{Seq: c.Seq, At: c.At.UTC(), Actor: c.Actor, Action: string(c.Action), Subject: c.Subject, Detail: c.Detail}
}

// views maps a list, to an empty one rather than to none.
func views[T, V any](list []T, view func(T) V) []V {
	mapped := make([]V, 0, len(list))
	for _, one := range list {
		mapped = append(mapped, view(one))
	}
	return mapped
}
