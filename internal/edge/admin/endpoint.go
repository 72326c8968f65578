package admin

import (
	"errors"
	"net/http"
	"time"

	"countersign.dev/api"
	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
)

type endpointChanged struct {
	api.Changed
	Endpoint *api.Endpoint `json:"endpoint,omitempty"` // of a removal: as it was
	Secret   string        `json:"secret,omitempty"`
}

func endpointRow(id string) string { return audit.DocumentRow("endpoint", id) }

// EndpointList lists webhook endpoints.
func (h handlers) EndpointList(w http.ResponseWriter, _ *http.Request, params api.EndpointListParams) {
	w.(*call).endpoints(params.Partner, params.Environment, params.After, limitOr(params.Limit))
}

// PartnerEndpoints lists all endpoints of one partner.
func (h handlers) PartnerEndpoints(w http.ResponseWriter, _ *http.Request, id api.InPathPartner, params api.PartnerEndpointsParams) {
	c := w.(*call)
	if _, ok := c.partnerByID(id); ok {
		c.endpoints(id, params.Environment, "", 0)
	}
}

func (c *call) endpoints(partnerID, environment, cursor string, limit int) {
	part, next, ok := onePage(c, cursor, limit, func() ([]partner.Endpoint, error) {
		return c.s.cfg.Registry.Endpoints(c.r.Context(), registry.EndpointFilter{PartnerID: partnerID, Environment: environment})
	},
		func(e partner.Endpoint) bool { return c.hides(e.Environment, environment) }, func(e partner.Endpoint) (time.Time, string) { return e.CreatedAt, e.ID })
	if !ok {
		return
	}
	rows := list(part, func(e partner.Endpoint) string { return endpointRow(e.ID) })
	tags, ok := c.tags(rows)
	if !ok {
		return
	}
	out := api.EndpointPage{Items: []api.Endpoint{}, Next: next}
	for i, e := range part {
		out.Items = append(out.Items, viewEndpoint(e, tags[i]))
	}
	c.json(http.StatusOK, out)
}

// endpoint shows one; false: it has answered.
func (c *call) endpoint(e partner.Endpoint) (api.Endpoint, bool) {
	etag, ok := c.tag(endpointRow(e.ID))
	return viewEndpoint(e, etag), ok
}

// EndpointGet shows one endpoint.
func (h handlers) EndpointGet(w http.ResponseWriter, r *http.Request, id api.InPathEndpoint) {
	c := w.(*call)
	e, err := h.cfg.Registry.Endpoint(r.Context(), id)
	if err == nil && !c.who.Sees(e.Environment) {
		err = registry.ErrNotFound
	}
	if err != nil {
		c.fail(err)
		return
	}
	if shown, ok := c.endpoint(e); ok {
		c.found(shown.Etag, shown)
	}
}

// EndpointAdd registers an endpoint.
func (h handlers) EndpointAdd(w http.ResponseWriter, _ *http.Request, id api.InPathPartner, _ api.EndpointAddParams) {
	c := w.(*call)
	var in api.EndpointAdd
	if !c.read(&in) {
		return
	}
	done, ok := c.do(registry.OpEndpointAdd, id, in.Environment,
		registry.EndpointAdd{URL: in.URL, Description: in.Description, Events: in.Events}, asked{reason: in.Reason})
	if ok {
		c.endpointDone(http.StatusCreated, done)
	}
}

// EndpointVerify shakes hands with an endpoint, and then writes down how that ended. Whether the caller may is asked before
// anything is called, and the operation itself names the endpoint alone: nobody can claim what it proved.
func (h handlers) EndpointVerify(w http.ResponseWriter, _ *http.Request, id api.InPathEndpoint, _ api.EndpointVerifyParams) {
	c := w.(*call)
	var in api.Act
	if !c.read(&in) {
		return
	}
	op, ok := c.locate(registry.OpEndpointVerify, registry.EndpointVerify{ID: id})
	if !ok || !c.mayDo(op) || !c.shake(id) {
		return
	}
	done, ok := c.do(registry.OpEndpointVerify, op.PartnerID, op.Environment, registry.EndpointVerify{ID: id}, asked{reason: in.Reason})
	if ok {
		c.endpointDone(http.StatusOK, done)
	}
}

// shake runs one handshake and keeps what it showed; false: it has answered.
func (c *call) shake(id string) bool {
	if c.s.cfg.Webhooks == nil {
		c.refuse(refusal{kind: api.Unavailable, detail: "This server calls no endpoints."})
		return false
	}
	if !c.enter(c.s.shakes, "Others are shaking hands already.") {
		return false
	}
	defer c.s.shakes.Leave()
	target, err := c.s.cfg.Registry.EndpointTarget(c.r.Context(), id)
	if err != nil {
		c.fail(err)
		return false
	}
	defer target.Zero()
	if err := c.s.cfg.Registry.KeepHandshake(c.r.Context(), c.s.cfg.Webhooks.Handshake(c.r.Context(), target)); err != nil {
		c.fail(err)
		return false
	}
	return true
}

// EndpointDisable ends the use of an endpoint.
func (h handlers) EndpointDisable(w http.ResponseWriter, _ *http.Request, id api.InPathEndpoint, _ api.EndpointDisableParams) {
	c := w.(*call)
	if done, ok := c.act(registry.OpEndpointDisable, "", "", registry.EndpointDisable{ID: id}, endpointRow(id)); ok {
		c.endpointDone(http.StatusOK, done)
	}
}

// EndpointRemove takes an endpoint away.
func (h handlers) EndpointRemove(w http.ResponseWriter, _ *http.Request, id api.InPathEndpoint, params api.EndpointRemoveParams) {
	c := w.(*call)
	done, ok := c.do(registry.OpEndpointRemove, "", "", registry.EndpointRemove{ID: id},
		asked{reason: params.Reason, rows: []string{endpointRow(id)}})
	if ok {
		c.endpointDone(http.StatusOK, done)
	}
}

// EndpointRotate gives an endpoint a new signing key.
func (h handlers) EndpointRotate(w http.ResponseWriter, _ *http.Request, id api.InPathEndpoint, _ api.EndpointRotateParams) {
	c := w.(*call)
	var in api.EndpointRotate
	if !c.read(&in) {
		return
	}
	done, ok := c.do(registry.OpEndpointRotate, "", "", registry.EndpointRotate{ID: id, OverlapUntil: in.OverlapUntil},
		asked{reason: in.Reason, rows: []string{endpointRow(id)}})
	if ok {
		c.endpointDone(http.StatusOK, done)
	}
}

func (c *call) endpointDone(status int, done registry.Done) {
	if done.Endpoint == nil {
		c.broke(errors.New("a change of an endpoint came without it"))
		return
	}
	shown, ok := c.endpoint(*done.Endpoint)
	if !ok {
		return
	}
	if status == http.StatusCreated {
		c.Header().Set("Location", "/v1/endpoints/"+shown.ID)
	}
	if shown.Etag != noRow {
		c.etag(shown.Etag)
	}
	c.json(status, endpointChanged{c.changed(done), &shown, done.Secret})
}

// WebhookSources tells from where webhooks come, for partners' firewalls.
func (h handlers) WebhookSources(w http.ResponseWriter, _ *http.Request) {
	c := w.(*call)
	out := api.WebhookSources{Prefixes: []string{}}
	if h.cfg.Webhooks != nil {
		for _, p := range h.cfg.Webhooks.Sources() {
			out.Prefixes = append(out.Prefixes, p.String())
		}
	}
	c.json(http.StatusOK, out)
}
