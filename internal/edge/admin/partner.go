package admin

import (
	"errors"
	"net/http"

	"countersign.dev/api"
	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
)

type partnerChanged struct {
	api.Changed
	Partner api.Partner `json:"partner"`
}

// PartnerList lists partners, or finds the ones that a text names exactly.
func (h handlers) PartnerList(w http.ResponseWriter, r *http.Request, params api.PartnerListParams) {
	c := w.(*call)
	if params.Environment != "" && !c.who.Sees(params.Environment) {
		c.json(http.StatusOK, api.PartnerPage{Items: []api.Partner{}})
		return
	}
	if params.Find != "" {
		c.findPartner(params.Find)
		return
	}
	if params.State != "" && params.Environment == "" && c.who.Confined() { // that of a review, which is some environment's
		if len(c.who.Environments) != 1 {
			c.refuse(refusal{kind: api.Invalid, errors: []field{{"environment", "a state is one of an environment: name one of yours"}}})
			return
		}
		params.Environment = c.who.Environments[0]
	}
	after, ok := c.after(params.After)
	if !ok {
		return
	}
	q := partner.PartnerQuery{NameContains: params.Name, Environment: params.Environment, Review: partner.ReviewState(params.State),
		After: after, Limit: limitOr(params.Limit)}
	if params.Closed != nil {
		q.State = "open"
		if *params.Closed {
			q.State = "closed"
		}
	}
	page, err := h.cfg.Registry.PartnerPage(r.Context(), q)
	if err != nil {
		c.fail(err)
		return
	}
	out := api.PartnerPage{Items: []api.Partner{}, Next: c.next(page.Next)}
	for _, item := range page.Items {
		shown, ok := c.partner(item.Value)
		if !ok {
			return
		}
		out.Items = append(out.Items, shown)
	}
	c.json(http.StatusOK, out)
}

// findPartner answers with the partner that a text names, as people find one; none and several are answers as well. A credential
// of an environment that the caller does not see leads nowhere.
func (c *call) findPartner(text string) {
	out := api.PartnerPage{Items: []api.Partner{}}
	found := []partner.Partner{}
	p, err := c.s.cfg.Registry.FindPartner(c.r.Context(), text)
	switch {
	case errors.Is(err, registry.ErrAmbiguous):
		found, err = c.namesakes(text)
	case errors.Is(err, registry.ErrNotFound):
		err = nil
	case err == nil && (p.ID == text || p.Name == text || c.seesCredential(text)):
		found = append(found, p)
	}
	if err != nil {
		c.fail(err)
		return
	}
	for _, p := range found {
		shown, ok := c.partner(p)
		if !ok {
			return
		}
		out.Items = append(out.Items, shown)
	}
	c.json(http.StatusOK, out)
}

// namesakes are the partners of one name.
func (c *call) namesakes(name string) (found []partner.Partner, err error) {
	all, err := c.s.cfg.Registry.Partners(c.r.Context())
	for _, p := range all {
		if p.Name == name {
			found = append(found, p)
		}
	}
	return found[:min(len(found), 500)], err
}

func (c *call) seesCredential(text string) bool {
	found, err := c.s.cfg.Registry.FindCredential(c.r.Context(), text)
	return err == nil && c.who.Sees(found.Environment)
}

// partner shows one with its stage; false: it has answered.
func (c *call) partner(p partner.Partner) (api.Partner, bool) {
	stage, err := c.s.cfg.Registry.StageOf(c.r.Context(), p.ID)
	if err != nil {
		c.fail(err)
		return api.Partner{}, false
	}
	if c.who.Confined() {
		stage = "" // it tells of environments that the caller does not see
	}
	return viewPartner(p, stage), true
}

// partnerByID finds one by its row identity alone; false: it has answered.
func (c *call) partnerByID(id string) (partner.Partner, bool) {
	p, err := c.s.cfg.Registry.FindPartner(c.r.Context(), id)
	if err == nil && p.ID != id {
		err = registry.ErrNotFound
	}
	if err != nil {
		c.fail(err)
		return p, false
	}
	return p, true
}

// PartnerGet shows one partner.
func (h handlers) PartnerGet(w http.ResponseWriter, _ *http.Request, id api.InPathPartner) {
	c := w.(*call)
	p, ok := c.partnerByID(id)
	if !ok {
		return
	}
	if shown, ok := c.partner(p); ok {
		c.found(shown.Etag, shown)
	}
}

// PartnerCreate adds a partner.
func (h handlers) PartnerCreate(w http.ResponseWriter, _ *http.Request, _ api.PartnerCreateParams) {
	c := w.(*call)
	var in api.PartnerCreate
	if !c.read(&in) {
		return
	}
	done, ok := c.do(registry.OpPartnerCreate, "", "", registry.PartnerCreate{Name: in.Name}, asked{reason: in.Reason})
	if ok {
		c.partnerDone(http.StatusCreated, done)
	}
}

// PartnerClose closes a partner for good.
func (h handlers) PartnerClose(w http.ResponseWriter, _ *http.Request, id api.InPathPartner, _ api.PartnerCloseParams) {
	c := w.(*call)
	done, ok := c.act(registry.OpPartnerClose, id, "", registry.PartnerClose{}, audit.PartnerRow(id))
	if ok {
		c.partnerDone(http.StatusOK, done)
	}
}

// PartnerUnlock unlocks all locked credentials of a partner.
func (h handlers) PartnerUnlock(w http.ResponseWriter, _ *http.Request, id api.InPathPartner, _ api.PartnerUnlockParams) {
	c := w.(*call)
	done, ok := c.act(registry.OpPartnerUnlock, id, "", registry.PartnerUnlock{})
	if ok {
		c.json(http.StatusOK, struct {
			api.Changed
			Unlocked []string `json:"unlocked"`
		}{c.changed(done), list(done.Unlocked, same)})
	}
}

func (c *call) partnerDone(status int, done registry.Done) {
	if done.Partner == nil {
		c.broke(errors.New("a change of a partner came without it"))
		return
	}
	shown, ok := c.partner(*done.Partner)
	if !ok {
		return
	}
	if status == http.StatusCreated {
		c.Header().Set("Location", "/v1/partners/"+shown.ID)
	}
	c.etag(shown.Etag)
	c.json(status, partnerChanged{c.changed(done), shown})
}

// act is do for a body that holds a reason alone.
func (c *call) act(name registry.OperationName, partnerID, environment string, params any, rows ...string) (registry.Done, bool) {
	var in api.Act
	if !c.read(&in) {
		return registry.Done{}, false
	}
	return c.do(name, partnerID, environment, params, asked{reason: in.Reason, rows: rows})
}
