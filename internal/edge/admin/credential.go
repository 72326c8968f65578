package admin

import (
	"errors"
	"net/http"
	"slices"

	"countersign.dev/api"
	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
)

type credentialChanged struct {
	api.Changed
	Credential api.Credential `json:"credential"`
}

type credentialIssued struct {
	api.Changed
	Credential api.Credential `json:"credential"`
	KeyID      string         `json:"key_id"`
	Login      string         `json:"login,omitempty"`
	Version    int            `json:"version"`
	Secret     string         `json:"secret,omitempty"`
}

// CredentialList lists credentials, or finds the one that a text names exactly.
func (h handlers) CredentialList(w http.ResponseWriter, r *http.Request, params api.CredentialListParams) {
	c := w.(*call)
	if params.Find != "" {
		c.findCredential(params.Find)
		return
	}
	c.credentials(partner.CredentialQuery{PartnerID: params.Partner, Environment: params.Environment, Kind: partner.Kind(params.Kind),
		State: string(params.State), Limit: limitOr(params.Limit)}, params.After)
}

// PartnerCredentials lists the credentials of one partner.
func (h handlers) PartnerCredentials(w http.ResponseWriter, _ *http.Request, id api.InPathPartner,
	params api.PartnerCredentialsParams) {
	c := w.(*call)
	if _, ok := c.partnerByID(id); ok {
		c.credentials(partner.CredentialQuery{PartnerID: id, Environment: params.Environment, Kind: partner.Kind(params.Kind),
			Limit: limitOr(params.Limit)}, params.After)
	}
}

func (c *call) credentials(q partner.CredentialQuery, cursor string) {
	after, ok := c.after(cursor)
	if !ok {
		return
	}
	fetch := func(after string) ([]registry.Item[partner.Credential], string, error) {
		q.After = after
		page, err := c.s.cfg.Registry.CredentialPage(c.r.Context(), q)
		return page.Items, page.Next, err
	}
	items, next, err := visible(c, after, q.Limit, fetch, func(k registry.Item[partner.Credential]) bool { return c.who.Sees(k.Value.Environment) },
		func(k registry.Item[partner.Credential]) string { return k.Value.ID })
	if err != nil {
		c.fail(err)
		return
	}
	out := api.CredentialPage{Items: []api.Credential{}, Next: c.next(next)}
	homes := map[string]home{}
	for _, item := range items {
		shown, ok := c.credential(item.Value, homes)
		if !ok {
			return
		}
		out.Items = append(out.Items, shown)
	}
	c.json(http.StatusOK, out)
}

func (c *call) findCredential(text string) {
	out := api.CredentialPage{Items: []api.Credential{}}
	found, err := c.s.cfg.Registry.FindCredential(c.r.Context(), text)
	if err != nil && !isNotFound(err) {
		c.fail(err)
		return
	}
	if err == nil && c.who.Sees(found.Environment) {
		shown, ok := c.credential(found, map[string]home{})
		if !ok {
			return
		}
		out.Items = append(out.Items, shown)
	}
	c.json(http.StatusOK, out)
}

// home is what of a partner decides about its credentials: a closed partner's, or those of a closed review, count no more.
type home struct {
	closed    bool
	reviews   []partner.Review
	schedules []registry.RotationSchedule
}

// credential shows one; homes are remembered from one to the next. false: it has answered.
func (c *call) credential(k partner.Credential, homes map[string]home) (api.Credential, bool) {
	at, known := homes[k.PartnerID]
	if !known {
		p, ok := c.partnerByID(k.PartnerID)
		if !ok {
			return api.Credential{}, false
		}
		reviews, err1 := c.s.cfg.Registry.Reviews(c.r.Context(), k.PartnerID)
		schedules, err2 := c.s.cfg.Registry.Schedules(c.r.Context(), k.PartnerID)
		if err := errors.Join(err1, err2); err != nil {
			c.fail(err)
			return api.Credential{}, false
		}
		at = home{p.Closed, reviews, schedules}
		homes[k.PartnerID] = at
	}
	closed := at.closed || slices.ContainsFunc(at.reviews, func(r partner.Review) bool {
		return r.Environment == k.Environment && r.State == partner.ReviewClosed
	})
	tags, ok := c.tags([]string{audit.CredentialRow(k.ID), scheduleRow(k.ID)})
	if !ok {
		return api.Credential{}, false
	}
	v := viewCredential(k, closed, c.s.cfg.Now(), tags[0])
	for _, s := range at.schedules {
		if s.CredentialID == k.ID {
			v.Schedule = viewSchedule(s, tags[1])
		}
	}
	return v, true
}

func scheduleRow(credentialID string) string {
	return audit.DocumentRow("rotation_schedule", credentialID)
}

// credentialByID finds one by its row identity alone, where the caller sees it; false: it has answered.
func (c *call) credentialByID(id string) (partner.Credential, bool) {
	k, err := c.s.cfg.Registry.FindCredential(c.r.Context(), id)
	if err == nil && (k.ID != id || !c.who.Sees(k.Environment)) {
		err = registry.ErrNotFound
	}
	if err != nil {
		c.fail(err)
		return k, false
	}
	return k, true
}

// CredentialGet shows one credential.
func (h handlers) CredentialGet(w http.ResponseWriter, _ *http.Request, id api.InPathCredential) {
	c := w.(*call)
	k, ok := c.credentialByID(id)
	if !ok {
		return
	}
	if shown, ok := c.credential(k, map[string]home{}); ok {
		c.found(shown.Etag, shown)
	}
}

// CredentialIssue issues an app or a signing key.
func (h handlers) CredentialIssue(w http.ResponseWriter, _ *http.Request, id api.InPathPartner, _ api.CredentialIssueParams) {
	c := w.(*call)
	var in api.CredentialIssue
	if !c.read(&in) {
		return
	}
	done, ok := c.do(registry.OpCredentialIssue, id, in.Environment, registry.CredentialIssue{Kind: partner.Kind(in.Kind)}, asked{reason: in.Reason})
	if ok {
		c.issued(http.StatusCreated, done)
	}
}

// CredentialRotate gives a credential a new secret.
func (h handlers) CredentialRotate(w http.ResponseWriter, _ *http.Request, id api.InPathCredential, _ api.CredentialRotateParams) {
	c := w.(*call)
	var in api.CredentialRotate
	if !c.read(&in) {
		return
	}
	done, ok := c.do(registry.OpCredentialRotate, "", "", registry.CredentialRotate{Credential: id, OverlapUntil: in.OverlapUntil},
		asked{reason: in.Reason, rows: []string{audit.CredentialRow(id)}})
	if ok {
		c.issued(http.StatusOK, done)
	}
}

// issued answers with a secret, this once. The texts that hold it here are let go; only the registry's own value can be wiped.
func (c *call) issued(status int, done registry.Done) {
	i := done.Issued
	if i == nil {
		c.broke(errors.New("a credential was issued and is not in the answer"))
		return
	}
	defer i.Secret.Zero()
	shown, ok := c.credential(i.Credential, map[string]home{})
	if !ok {
		return
	}
	if status == http.StatusCreated {
		c.Header().Set("Location", "/v1/credentials/"+shown.ID)
	}
	c.etag(shown.Etag)
	c.json(status, credentialIssued{c.changed(done), shown, i.KeyID, i.Login, i.Version, string(i.Secret.Bytes())})
}

// credentialDone answers with a credential as it is now.
func (c *call) credentialDone(done registry.Done, id string) {
	k, ok := c.credentialByID(id)
	if !ok {
		return
	}
	if shown, ok := c.credential(k, map[string]home{}); ok {
		c.etag(shown.Etag)
		c.json(http.StatusOK, credentialChanged{c.changed(done), shown})
	}
}

// CredentialRevoke ends a credential for good.
func (h handlers) CredentialRevoke(w http.ResponseWriter, _ *http.Request, id api.InPathCredential, _ api.CredentialRevokeParams) {
	c := w.(*call)
	if done, ok := c.act(registry.OpCredentialRevoke, "", "", registry.CredentialRevoke{Credential: id}, audit.CredentialRow(id)); ok {
		c.credentialDone(done, id)
	}
}

// TokensRevoke ends the access tokens of an app credential.
func (h handlers) TokensRevoke(w http.ResponseWriter, _ *http.Request, id api.InPathCredential, _ api.TokensRevokeParams) {
	c := w.(*call)
	if done, ok := c.act(registry.OpTokensRevoke, "", "", registry.TokensRevoke{Credential: id}); ok {
		c.credentialDone(done, id)
	}
}

// CredentialUnlock unlocks one credential.
func (h handlers) CredentialUnlock(w http.ResponseWriter, _ *http.Request, id api.InPathCredential, _ api.CredentialUnlockParams) {
	c := w.(*call)
	if done, ok := c.act(registry.OpCredentialUnlock, "", "", registry.CredentialUnlock{Credential: id}); ok {
		c.credentialDone(done, id)
	}
}
