package admin

import (
	"net/http"
	"slices"

	"countersign.dev/api"
	"countersign.dev/internal/operator"
	"countersign.dev/internal/registry"
)

// SessionList lists one's own sessions, or everybody's for who sees accounts.
func (h handlers) SessionList(w http.ResponseWriter, r *http.Request) {
	c := w.(*call)
	owner := c.who.ID
	if c.who.May(operator.AccountsRead, "") {
		owner = ""
	}
	all, err := h.cfg.Registry.Sessions(r.Context(), owner)
	if err != nil {
		c.fail(err)
		return
	}
	c.json(http.StatusOK, api.SessionPage{Items: list(all, func(s registry.Session) api.Session { return viewSession(s, c.who.SessionID) })})
}

// SessionEnd signs a session out. Somebody else's is not there for who may not end it.
func (h handlers) SessionEnd(w http.ResponseWriter, r *http.Request, id api.InPathSession) {
	c := w.(*call)
	if !c.who.May(operator.AccountsWrite, "") {
		own, err := h.cfg.Registry.Sessions(r.Context(), c.who.ID)
		if err == nil && !slices.ContainsFunc(own, func(s registry.Session) bool { return s.ID == id }) {
			err = registry.ErrNotFound
		}
		if err != nil {
			c.fail(err)
			return
		}
	}
	if err := h.cfg.Registry.EndSession(r.Context(), c.actor(), id); err != nil {
		c.fail(err)
		return
	}
	revision, err := h.cfg.Registry.Revision(r.Context())
	if err != nil {
		c.fail(err)
		return
	}
	c.json(http.StatusOK, c.changed(registry.Done{Revision: revision}))
}
