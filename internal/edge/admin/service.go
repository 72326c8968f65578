package admin

import (
	"errors"
	"net/http"
	"time"

	"countersign.dev/api"
	"countersign.dev/internal/operator"
	"countersign.dev/internal/registry"
)

type serviceChanged struct {
	api.Changed
	ServiceAccount api.ServiceAccount `json:"service_account"`
	Token          string             `json:"token,omitempty"`
}

type breakGlassChanged struct {
	api.Changed
	BreakGlass api.BreakGlass `json:"break_glass"`
	Code       string         `json:"code,omitempty"`
}

// ServiceList lists service accounts.
func (h handlers) ServiceList(w http.ResponseWriter, r *http.Request, params api.ServiceListParams) {
	c := w.(*call)
	part, next, ok := onePage(c, params.After, limitOr(params.Limit), func() ([]operator.ServiceAccount, error) { return h.cfg.Registry.ServiceAccounts(r.Context()) },
		func(s operator.ServiceAccount) bool { return false }, func(s operator.ServiceAccount) (time.Time, string) { return s.CreatedAt, s.ID })
	if !ok {
		return
	}
	tags, ok := c.tags(list(part, func(s operator.ServiceAccount) string { return serviceRow(s.ID) }))
	if !ok {
		return
	}
	out := api.ServiceAccountPage{Items: []api.ServiceAccount{}, Next: next}
	for i, s := range part {
		out.Items = append(out.Items, viewService(s, h.cfg.Now(), tags[i]))
	}
	c.json(http.StatusOK, out)
}

// ServiceGet shows one service account.
func (h handlers) ServiceGet(w http.ResponseWriter, r *http.Request, id api.InPathService) {
	c := w.(*call)
	s, err := h.cfg.Registry.ServiceAccount(r.Context(), id)
	if err != nil {
		c.fail(err)
		return
	}
	if etag, ok := c.tag(serviceRow(s.ID)); ok {
		c.found(etag, viewService(s, h.cfg.Now(), etag))
	}
}

// ServiceCreate makes a service account; its token is in the answer, this once.
func (h handlers) ServiceCreate(w http.ResponseWriter, _ *http.Request, _ api.ServiceCreateParams) {
	c := w.(*call)
	var in api.ServiceCreate
	if !c.read(&in) {
		return
	}
	params := registry.ServiceCreate{Name: in.Name, Roles: roles(in.Roles), Environments: in.Environments, NotAfter: in.NotAfter}
	for _, p := range in.Permissions {
		params.Permissions = append(params.Permissions, operator.Permission(p))
	}
	done, ok := c.do(registry.OpServiceCreate, "", "", params, asked{reason: in.Reason})
	if ok {
		c.serviceDone(http.StatusCreated, done)
	}
}

// ServiceRevoke ends a service account for good.
func (h handlers) ServiceRevoke(w http.ResponseWriter, _ *http.Request, id api.InPathService, _ api.ServiceRevokeParams) {
	c := w.(*call)
	if done, ok := c.act(registry.OpServiceRevoke, "", "", registry.ServiceRevoke{Service: id}, serviceRow(id)); ok {
		c.serviceDone(http.StatusOK, done)
	}
}

func (c *call) serviceDone(status int, done registry.Done) {
	if done.Service == nil {
		c.broke(errors.New("a change of a service account came without it"))
		return
	}
	etag, ok := c.tag(serviceRow(done.Service.ID))
	if !ok {
		return
	}
	if status == http.StatusCreated {
		c.Header().Set("Location", "/v1/service-accounts/"+done.Service.ID)
	}
	c.etag(etag)
	c.json(status, serviceChanged{c.changed(done), viewService(*done.Service, c.s.cfg.Now(), etag), done.Secret})
}

// BreakGlassList lists break-glass codes, without the codes.
func (h handlers) BreakGlassList(w http.ResponseWriter, r *http.Request) {
	c := w.(*call)
	all, err := h.cfg.Registry.BreakGlassCodes(r.Context())
	if err != nil {
		c.fail(err)
		return
	}
	tags, ok := c.tags(list(all, func(b operator.BreakGlassCode) string { return breakGlassRow(b.ID) }))
	if !ok {
		return
	}
	out := api.BreakGlassPage{Items: []api.BreakGlass{}}
	for i, b := range all {
		out.Items = append(out.Items, viewBreakGlass(b, h.cfg.Now(), tags[i]))
	}
	c.json(http.StatusOK, out)
}

// BreakGlassMake makes a code; it is in the answer, this once.
func (h handlers) BreakGlassMake(w http.ResponseWriter, _ *http.Request, _ api.BreakGlassMakeParams) {
	c := w.(*call)
	var in api.BreakGlassMake
	if !c.read(&in) {
		return
	}
	done, ok := c.do(registry.OpBreakGlassMake, "", "", registry.BreakGlassMake{Name: in.Name, NotAfter: in.NotAfter}, asked{reason: in.Reason})
	if ok {
		c.breakGlassDone(http.StatusCreated, done)
	}
}

// BreakGlassEnd ends a code, or the session that it was opened to.
func (h handlers) BreakGlassEnd(w http.ResponseWriter, _ *http.Request, id api.InPathBreakGlass, _ api.BreakGlassEndParams) {
	c := w.(*call)
	if done, ok := c.act(registry.OpBreakGlassEnd, "", "", registry.BreakGlassEnd{BreakGlass: id}, breakGlassRow(id)); ok {
		c.breakGlassDone(http.StatusOK, done)
	}
}

func (c *call) breakGlassDone(status int, done registry.Done) {
	if done.BreakGlass == nil {
		c.broke(errors.New("a change of a break-glass code came without it"))
		return
	}
	etag, ok := c.tag(breakGlassRow(done.BreakGlass.ID))
	if !ok {
		return
	}
	c.etag(etag)
	c.json(status, breakGlassChanged{c.changed(done), viewBreakGlass(*done.BreakGlass, c.s.cfg.Now(), etag), done.Secret})
}
