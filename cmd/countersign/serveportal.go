package main

import (
	"countersign.dev/internal/config"
	"countersign.dev/internal/edge/clientip"
)

// portalOf is what a configuration says of the partners' portal; nil: this server has none. Of several servers on a data folder it
// is where the operators' plane is: on the one that serves every environment, or on the one that is told to.
func (s *server) portalOf(cfg *config.Config) *portalPrint {
	c := cfg.Portal
	if c == nil || s.served != nil && !s.admin {
		return nil
	}
	p := portalPrint{sessions: c.Sessions, tester: c.Tester, baseURLs: map[string]string{},
		address:      clientip.Config{Trusted: c.TrustedProxies, Header: clientip.Header(c.ForwardingHeader)},
		surfacePrint: surfacePrint{address: c.Listen, hint: s.surfaceHint("portal"), publicURL: c.PublicURL, tls: surfaceTLS(c.TLS)}}
	for i := range cfg.Environments {
		e := &cfg.Environments[i]
		if e.BaseURL != nil {
			p.baseURLs[e.Name] = e.BaseURL.String()
		}
		if cfg.LastOfReviews(e.Name) {
			p.last = append(p.last, e.Name)
		}
	}
	return newPortalPrint(p)
}
