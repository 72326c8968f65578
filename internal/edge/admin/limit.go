package admin

import (
	"net/http"
	"time"

	"countersign.dev/api"
	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
)

type limitChanged struct {
	api.Changed
	Limit *api.Limit `json:"limit,omitempty"` // of a removal: as it was
}

// LimitList lists limits.
func (h handlers) LimitList(w http.ResponseWriter, _ *http.Request, params api.LimitListParams) {
	w.(*call).limits(params.Partner, params.Environment, params.After, limitOr(params.Limit))
}

// PartnerLimits lists all limits of one partner.
func (h handlers) PartnerLimits(w http.ResponseWriter, _ *http.Request, id api.InPathPartner, params api.PartnerLimitsParams) {
	c := w.(*call)
	if _, ok := c.partnerByID(id); ok {
		c.limits(id, params.Environment, "", 0)
	}
}

func (c *call) limits(partnerID, environment, cursor string, limit int) {
	part, next, ok := onePage(c, cursor, limit, func() ([]partner.Limit, error) { return c.s.cfg.Registry.Limits(c.r.Context(), partnerID) },
		func(l partner.Limit) bool { return c.hides(l.Environment, environment) }, func(l partner.Limit) (time.Time, string) { return l.CreatedAt, l.ID })
	if !ok {
		return
	}
	c.json(http.StatusOK, api.LimitPage{Items: list(part, viewLimit), Next: next})
}

// LimitGet shows one limit.
func (h handlers) LimitGet(w http.ResponseWriter, r *http.Request, id api.InPathLimitID) {
	c := w.(*call)
	op, ok := c.locate(registry.OpLimitRemove, registry.LimitRemove{ID: id})
	if !ok {
		return
	}
	all, err := h.cfg.Registry.Limits(r.Context(), op.PartnerID)
	if err != nil {
		c.fail(err)
		return
	}
	for _, l := range all {
		if l.ID == id && c.who.Sees(l.Environment) {
			v := viewLimit(l)
			c.found(v.Etag, v)
			return
		}
	}
	c.refuse(notFound)
}

// LimitSet sets the limit of a scope.
func (h handlers) LimitSet(w http.ResponseWriter, _ *http.Request, id api.InPathPartner, _ api.LimitSetParams) {
	c := w.(*call)
	var in api.LimitSet
	if !c.read(&in) {
		return
	}
	scope := partner.Limit{PartnerID: id, Environment: in.Environment, CredentialID: in.CredentialID, API: in.API}
	done, ok := c.do(registry.OpLimitSet, id, in.Environment, registry.LimitSet{Credential: in.CredentialID, API: in.API, Rate: in.Rate,
		PerSeconds: in.PerSeconds, Burst: in.Burst, Daily: in.Daily}, asked{reason: in.Reason, rows: []string{registry.LimitScopeRow(scope)}})
	if ok {
		c.limitDone(done)
	}
}

// LimitRemove takes a limit away.
func (h handlers) LimitRemove(w http.ResponseWriter, _ *http.Request, id api.InPathLimitID, params api.LimitRemoveParams) {
	c := w.(*call)
	done, ok := c.do(registry.OpLimitRemove, "", "", registry.LimitRemove{ID: id},
		asked{reason: params.Reason, rows: []string{audit.LimitRow(id)}})
	if ok {
		c.limitDone(done)
	}
}

func (c *call) limitDone(done registry.Done) {
	out := limitChanged{Changed: c.changed(done)}
	if done.Limit != nil {
		v := viewLimit(*done.Limit)
		out.Limit = &v
		c.etag(v.Etag)
	}
	c.json(http.StatusOK, out)
}
