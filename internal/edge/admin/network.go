package admin

import (
	"net/http"
	"net/netip"
	"time"

	"countersign.dev/api"
	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
)

type networkChanged struct {
	api.Changed
	Network *api.Network `json:"network,omitempty"` // of a removal: as it was
}

// NetworkList lists network rules.
func (h handlers) NetworkList(w http.ResponseWriter, _ *http.Request, params api.NetworkListParams) {
	w.(*call).networks(params.Partner, params.Environment, params.After, limitOr(params.Limit))
}

// PartnerNetworks lists all rules of one partner.
func (h handlers) PartnerNetworks(w http.ResponseWriter, _ *http.Request, id api.InPathPartner, params api.PartnerNetworksParams) {
	c := w.(*call)
	if _, ok := c.partnerByID(id); ok {
		c.networks(id, params.Environment, "", 0)
	}
}

func (c *call) networks(partnerID, environment, cursor string, limit int) {
	part, next, ok := onePage(c, cursor, limit, func() ([]partner.NetworkRule, error) { return c.s.cfg.Registry.Networks(c.r.Context(), partnerID) },
		func(n partner.NetworkRule) bool { return c.hides(n.Environment, environment) }, func(n partner.NetworkRule) (time.Time, string) { return n.CreatedAt, n.ID })
	if !ok {
		return
	}
	c.json(http.StatusOK, api.NetworkPage{Items: list(part, viewNetwork), Next: next})
}

// hides reports whether a row of an environment is left out of a listing: it was not asked for, or is not to be seen.
func (c *call) hides(environment, wanted string) bool {
	return !c.who.Sees(environment) || wanted != "" && environment != wanted
}

// networkByID finds a rule that the caller sees; false: it has answered.
func (c *call) networkByID(id string) (partner.NetworkRule, bool) {
	op, ok := c.locate(registry.OpNetworkRemove, registry.NetworkRemove{ID: id})
	if !ok {
		return partner.NetworkRule{}, false
	}
	all, err := c.s.cfg.Registry.Networks(c.r.Context(), op.PartnerID)
	if err != nil {
		c.fail(err)
		return partner.NetworkRule{}, false
	}
	for _, n := range all {
		if n.ID == id && c.who.Sees(n.Environment) {
			return n, true
		}
	}
	c.refuse(notFound)
	return partner.NetworkRule{}, false
}

// NetworkGet shows one rule.
func (h handlers) NetworkGet(w http.ResponseWriter, _ *http.Request, id api.InPathNetwork) {
	c := w.(*call)
	if n, ok := c.networkByID(id); ok {
		v := viewNetwork(n)
		c.found(v.Etag, v)
	}
}

// NetworkAllow adds a rule.
func (h handlers) NetworkAllow(w http.ResponseWriter, _ *http.Request, id api.InPathPartner, _ api.NetworkAllowParams) {
	c := w.(*call)
	var in api.NetworkAllow
	if !c.read(&in) {
		return
	}
	params := registry.NetworkAllow{API: in.API, Country: in.Country, Note: in.Note}
	if in.Prefix != "" {
		prefix, err := parsePrefix(in.Prefix)
		if err != nil {
			c.refuse(refusal{kind: api.Invalid, errors: []field{{"/prefix", "it is neither an address nor a prefix such as 203.0.113.0/24"}}})
			return
		}
		params.Prefix = prefix
	}
	done, ok := c.do(registry.OpNetworkAllow, id, in.Environment, params, asked{reason: in.Reason})
	if ok {
		c.networkDone(http.StatusCreated, done)
	}
}

// parsePrefix reads a prefix, or an address as the prefix that holds it alone.
func parsePrefix(text string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(text); err == nil && a.Zone() == "" {
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	return netip.ParsePrefix(text)
}

// NetworkRemove takes a rule away.
func (h handlers) NetworkRemove(w http.ResponseWriter, _ *http.Request, id api.InPathNetwork, params api.NetworkRemoveParams) {
	c := w.(*call)
	done, ok := c.do(registry.OpNetworkRemove, "", "", registry.NetworkRemove{ID: id},
		asked{reason: params.Reason, rows: []string{audit.NetworkRow(id)}})
	if ok {
		c.networkDone(http.StatusOK, done)
	}
}

func (c *call) networkDone(status int, done registry.Done) {
	out := networkChanged{Changed: c.changed(done)}
	if done.Network != nil {
		v := viewNetwork(*done.Network)
		out.Network = &v
		if status == http.StatusCreated {
			c.Header().Set("Location", "/v1/networks/"+v.ID)
			c.etag(v.Etag)
		}
	}
	c.json(status, out)
}
