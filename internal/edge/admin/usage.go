package admin

import (
	"cmp"
	"net/http"
	"net/netip"

	"countersign.dev/api"
	"countersign.dev/internal/traffic"
)

// PartnerUsage tells how a partner calls: what was counted of it, and of the versions of its credentials, those that are revoked
// by now included.
func (h handlers) PartnerUsage(w http.ResponseWriter, r *http.Request, id api.InPathPartner, params api.PartnerUsageParams) {
	c := w.(*call)
	if _, ok := c.partnerByID(id); !ok || !c.summed() {
		return
	}
	credentials, err := h.cfg.Registry.Credentials(r.Context(), id)
	if err != nil {
		c.fail(err)
		return
	}
	ids := make([]string, 0, len(credentials))
	for _, k := range credentials {
		if c.mayRead(k.Environment) {
			ids = append(ids, k.ID)
		}
	}
	usage, err := h.cfg.Traffic.Usage(id, ids, cmp.Or(traffic.Span(params.Last), traffic.Month), c.mayRead)
	if err != nil {
		c.fail(err)
		return
	}
	c.json(http.StatusOK, api.PartnerUsage{From: usage.From, To: usage.To, Faults: list(usage.Faults, same),
		Environments: list(usage.Environments, viewUsage)})
}

func viewUsage(e traffic.EnvironmentUsage) api.EnvironmentUsage {
	return api.EnvironmentUsage{Environment: e.Environment, Allowed: int64(e.Allowed), Refused: int64(e.Refused), LastAt: e.Last,
		Versions: list(e.Versions, func(v traffic.VersionUsage) api.VersionUsage {
			return api.VersionUsage{CredentialID: v.Credential, Version: v.Version, Allowed: int64(v.Allowed), Refused: int64(v.Refused), LastAt: v.Last,
				Addresses: list(v.Addresses, netip.Addr.String), MoreAddresses: v.Cut}
		})}
}
