package admin

import (
	"net/http"
	"time"

	"countersign.dev/api"
)

// nodePause is how often the nodes are asked while a change waits for them.
const nodePause = 100 * time.Millisecond

// NodeList tells what every server process serves.
func (h handlers) NodeList(w http.ResponseWriter, r *http.Request) {
	c := w.(*call)
	revision, err := h.cfg.Registry.Revision(r.Context())
	if err != nil {
		c.fail(err)
		return
	}
	nodes, ok := c.nodes()
	if !ok {
		return
	}
	c.json(http.StatusOK, api.NodePage{Revision: int64(revision), Items: nodes})
}

// nodes are those that the caller may see; false: it has answered.
func (c *call) nodes() ([]api.Node, bool) {
	list := []api.Node{}
	if c.s.cfg.Nodes == nil {
		return list, true
	}
	nodes, err := c.s.cfg.Nodes(c.r.Context())
	if err != nil {
		c.unavailable(err)
		return nil, false
	}
	for _, n := range nodes {
		if c.who.Sees(n.Environment) {
			list = append(list, api.Node{Name: n.Name, Environment: n.Environment, Revision: int64(n.Revision), At: n.At.UTC()})
		}
	}
	return list, true
}

// confirmations waits until every node serves a revision, or the time that the caller gave is over, and says what each serves.
// Where there is no node, nothing is confirmed: nobody serves it.
func (c *call) confirmations(revision uint64) (list []api.NodeConfirmation, all bool) {
	list = []api.NodeConfirmation{}
	if c.s.cfg.Nodes == nil {
		return list, false
	}
	end := time.NewTimer(c.wait)
	defer end.Stop()
	pause := time.NewTicker(nodePause)
	defer pause.Stop()
	for {
		nodes, err := c.s.cfg.Nodes(c.r.Context())
		if err != nil {
			c.s.cfg.Log.Error("nodes cannot be read", "request_id", c.id, "error", err)
			return list, false
		}
		if list, all = c.confirmed(nodes, revision); all {
			return list, true
		}
		select {
		case <-pause.C:
		case <-end.C:
			return list, false
		case <-c.r.Context().Done():
			return list, false
		}
	}
}

func (c *call) confirmed(nodes []Node, revision uint64) (list []api.NodeConfirmation, all bool) {
	list, all = []api.NodeConfirmation{}, len(nodes) > 0
	for _, n := range nodes {
		serves := n.Revision >= revision
		all = all && serves
		if c.who.Sees(n.Environment) {
			list = append(list, api.NodeConfirmation{Name: n.Name, Environment: n.Environment, Revision: int64(n.Revision), Confirmed: serves})
		}
	}
	return list, all
}

// EnvironmentList tells the environments of the configuration.
func (h handlers) EnvironmentList(w http.ResponseWriter, _ *http.Request) {
	c := w.(*call)
	page := api.EnvironmentPage{Items: []api.Environment{}}
	if h.cfg.Environments != nil {
		for _, e := range h.cfg.Environments() {
			if c.who.Sees(e.Name) {
				page.Items = append(page.Items, api.Environment{Name: e.Name, After: e.After, Apis: list(e.APIs, same), Checklist: list(e.Checklist, viewChecklistItem)})
			}
		}
	}
	c.json(http.StatusOK, page)
}

// list maps a list, to an empty one rather than to none.
func list[T, V any](from []T, view func(T) V) []V {
	to := make([]V, 0, len(from))
	for _, one := range from {
		to = append(to, view(one))
	}
	return to
}

func same[T any](v T) T { return v }
