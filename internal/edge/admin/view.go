package admin

import (
	"encoding/hex"
	"slices"
	"time"

	"countersign.dev/api"
	"countersign.dev/internal/audit"
	"countersign.dev/internal/operator"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
)

// The views make of the register's nouns what the contract promises: stable names, times in UTC, nothing secret.

func viewPartner(p partner.Partner, stage partner.Stage) api.Partner {
	return api.Partner{ID: p.ID, Name: p.Name, Closed: p.Closed, Stage: api.Stage(stage), CreatedAt: p.CreatedAt.UTC(),
		Etag: registry.TagOf(audit.TouchPartner(p))}
}

func viewNetwork(n partner.NetworkRule) api.Network {
	v := api.Network{ID: n.ID, PartnerID: n.PartnerID, Environment: n.Environment, API: n.API, Country: n.Country, Note: n.Note,
		CreatedAt: n.CreatedAt.UTC(), Etag: registry.TagOf(audit.TouchNetwork(n))}
	if n.Prefix.IsValid() {
		v.Prefix = n.Prefix.String()
	}
	return v
}

func viewLimit(l partner.Limit) api.Limit {
	return api.Limit{ID: l.ID, PartnerID: l.PartnerID, Environment: l.Environment, API: l.API, CredentialID: l.CredentialID, Rate: l.Rate,
		PerSeconds: int64(l.Per / time.Second), Burst: l.Burst, Daily: l.Daily, CreatedAt: l.CreatedAt.UTC(),
		Etag: registry.TagOf(audit.TouchLimit(l))}
}

func viewEndpoint(e partner.Endpoint, etag string) api.Endpoint {
	v := api.Endpoint{ID: e.ID, PartnerID: e.PartnerID, Environment: e.Environment, URL: e.URL, Description: e.Description,
		Events: list(e.Events, same), State: api.EndpointState(e.State), CreatedAt: e.CreatedAt.UTC(), VerifiedAt: e.VerifiedAt.UTC(),
		Keys: list(e.Keys, viewEndpointKey), Etag: etag}
	if h := e.LastHandshake; h != nil {
		v.Handshake = api.Handshake{At: h.At.UTC(), Result: string(h.Result), Key: h.KeyID, Status: h.Status, DurationMs: h.Millis}
		if h.Address.IsValid() {
			v.Handshake.Address = h.Address.String()
		}
	}
	return v
}

func viewEndpointKey(k partner.EndpointKey) api.EndpointKey {
	return api.EndpointKey{ID: k.ID, CreatedAt: k.CreatedAt.UTC(), NotAfter: k.NotAfter.UTC()}
}

// viewCredential shows a credential in the state that its own rows, its partner and its review leave it.
func viewCredential(c partner.Credential, closed bool, now time.Time, etag string) api.Credential {
	v := api.Credential{ID: c.ID, PartnerID: c.PartnerID, Environment: c.Environment, Kind: api.CredentialKind(c.Kind), KeyID: c.KeyID,
		Login: c.Login, Failures: c.Failures, Generation: int64(c.Generation), LockedAt: c.LockedAt.UTC(), RevokedAt: c.RevokedAt.UTC(),
		CreatedAt: c.CreatedAt.UTC(), ClientKeys: list(c.ClientKeys, same), Versions: []api.Version{}, State: api.CredentialStateLive, Etag: etag}
	for _, one := range c.Versions {
		v.Versions = append(v.Versions, api.Version{Number: one.Number, NotBefore: one.NotBefore.UTC(), NotAfter: one.NotAfter.UTC(),
			ByPartner: one.ByPartner, Live: one.Live(now) && !closed && c.RevokedAt.IsZero()})
	}
	switch {
	case !c.RevokedAt.IsZero():
		v.State = api.CredentialStateRevoked
	case closed:
		v.State = api.CredentialStateClosed
	case c.Locked():
		v.State = api.CredentialStateLocked
	case !slices.ContainsFunc(v.Versions, func(one api.Version) bool { return one.Live }):
		v.State = api.CredentialStateEnded
	}
	return v
}

func viewSchedule(s registry.RotationSchedule, etag string) api.Schedule {
	v := api.Schedule{EverySeconds: int64(s.Every / time.Second), OverlapSeconds: int64(s.Overlap / time.Second), Next: s.Next.UTC(),
		SetBy: s.SetBy, SetAt: s.SetAt.UTC(), Etag: etag}
	if p := s.Pending; p != nil {
		v.Pending = api.PendingSecret{Version: p.Version, MadeAt: p.MadeAt.UTC(), Until: p.Until.UTC()}
	}
	return v
}

func viewChecklistItem(i partner.ChecklistItem) api.ChecklistItem {
	return api.ChecklistItem{ID: i.ID, Title: i.Title, Evidence: string(i.Evidence), Required: i.Required}
}

func viewChange(c audit.Change) api.Change {
	v := api.Change{Seq: int64(c.Seq), At: c.At.UTC(), Actor: c.Actor, Action: string(c.Action), Subject: c.Subject, Detail: c.Detail,
		Prev: hex.EncodeToString(c.Prev[:]), Hash: hex.EncodeToString(c.Hash[:])}
	for _, t := range c.Touched {
		v.Touched = append(v.Touched, struct {
			Digest api.Digest `json:"digest"`
			Row    string     `json:"row"`
		}{hex.EncodeToString(t.Digest[:]), t.Row})
	}
	return v
}

func viewStep(s registry.Step) api.Step {
	return api.Step{Action: string(s.Action), Path: s.Path, Partner: s.Partner, Environment: s.Environment, Text: s.Text}
}

func viewAccount(a operator.Account, etag string) api.Account {
	v := api.Account{ID: a.ID, Login: a.Login, Name: a.Name, Roles: list(a.Roles, word), Environments: a.Environments,
		Origin: string(a.Origin), OwnRoles: a.OwnRoles, State: api.AccountState(a.State()), CreatedAt: a.CreatedAt.UTC(),
		DisabledAt: a.DisabledAt.UTC(), SignedInAt: a.SignedInAt.UTC(), InvitedUntil: a.InvitedUntil.UTC(),
		RecoveryCodesLeft: len(a.Recovery), Etag: etag}
	for _, k := range a.Passkeys {
		v.Passkeys = append(v.Passkeys, api.Passkey{ID: k.ID, Name: k.Name, AddedAt: k.AddedAt.UTC(), UsedAt: k.UsedAt.UTC()})
	}
	return v
}

func viewService(s operator.ServiceAccount, now time.Time, etag string) api.ServiceAccount {
	v := api.ServiceAccount{ID: s.ID, Name: s.Name, Roles: list(s.Roles, word), Permissions: list(s.Allowed(), word), Environments: s.Environments,
		CreatedAt: s.CreatedAt.UTC(), CreatedBy: s.CreatedBy, NotAfter: s.NotAfter.UTC(), RevokedAt: s.RevokedAt.UTC(), UsedAt: s.UsedAt.UTC(),
		State: api.ServiceAccountStateLive, Etag: etag}
	switch {
	case !s.RevokedAt.IsZero():
		v.State = api.ServiceAccountStateRevoked
	case !s.Live(now):
		v.State = api.ServiceAccountStateEnded
	}
	return v
}

func viewBreakGlass(b operator.BreakGlassCode, now time.Time, etag string) api.BreakGlass {
	return api.BreakGlass{ID: b.ID, Name: b.Name, MadeBy: b.MadeBy, CreatedAt: b.CreatedAt.UTC(), NotAfter: b.NotAfter.UTC(),
		OpenedAt: b.OpenedAt.UTC(), OpenedFor: b.OpenedFor, EndsAt: b.EndsAt.UTC(), EndedAt: b.EndedAt.UTC(),
		State: api.BreakGlassState(b.State(now)), Etag: etag}
}

func viewSession(s registry.Session, current string) api.Session {
	return api.Session{ID: s.ID, Owner: s.Owner, Name: s.Name, Kind: string(s.Kind), CreatedAt: s.CreatedAt.UTC(), SeenAt: s.SeenAt.UTC(),
		ExpiresAt: s.ExpiresAt.UTC(), Current: s.ID == current}
}

func viewApprovals(a registry.Approvals, etag string) api.Approvals {
	v := api.Approvals{Environments: []api.EnvironmentApprovals{}, Accounts: a.Accounts, Settings: a.Settings, Etag: etag}
	for _, e := range a.Environments {
		to := api.EnvironmentApprovals{Environment: e.Environment, Approvals: e.Approvals}
		for _, o := range e.Operations {
			to.Operations = append(to.Operations, api.OperationApprovals{Operation: string(o.Operation), Approvals: o.Approvals})
		}
		v.Environments = append(v.Environments, to)
	}
	return v
}

// word is a name of a closed list as text.
func word[T ~string](v T) string { return string(v) }
