package admin

import (
	"math"
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
	nodes, at, ok := c.nodes(revision)
	if !ok {
		return
	}
	c.json(http.StatusOK, api.NodePage{Revision: int64(revision), Items: nodes, At: at.UTC()})
}

// nodes are those that the caller may see, and the time by the clock that they are told by; false: it has answered.
func (c *call) nodes(revision uint64) (list []api.Node, at time.Time, ok bool) {
	list, at = []api.Node{}, c.s.cfg.Now()
	if c.s.cfg.Nodes == nil {
		return list, at, true
	}
	nodes, err := c.s.cfg.Nodes(c.r.Context())
	if err != nil {
		c.unavailable(err)
		return nil, at, false
	}
	for _, n := range nodes {
		if n.State != "" {
			at = n.At.Add(n.Silence)
		}
		if c.who.Sees(n.Environment) {
			list = append(list, viewNode(n, revision))
		}
	}
	return list, at, true
}

// viewNode is n in the contract's words.
func viewNode(n Node, revision uint64) api.Node {
	out := api.Node{Name: n.Name, Environment: n.Environment, Revision: int64(n.Revision), At: n.At.UTC(), State: api.NodeState(n.state(revision)),
		Version: n.Version, StartedAt: utc(n.StartedAt), StopsAt: utc(n.StopsAt), Trouble: n.Trouble}
	if n.ReadAge >= 0 && !n.StopsAt.IsZero() {
		out.ReadAgeMs = new(n.ReadAge.Milliseconds())
	}
	if n.Took >= 0 && !n.StopsAt.IsZero() {
		out.TookMs = new(millis(n.Took))
	}
	return out
}

func utc(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.UTC()
}

// millis are milliseconds with one digit behind the point.
func millis(d time.Duration) float64 { return math.Round(float64(d)/1e5) / 10 }

// confirmations waits until every node serves a revision, or the time that the caller gave is over, and says what each serves. A node
// that is silent is not waited for, unless it stops by itself within that time: it is named, with when it does. Where there is no node, nothing is confirmed: nobody
// serves it.
func (c *call) confirmations(revision uint64) (list []api.NodeConfirmation, all bool) {
	list = []api.NodeConfirmation{}
	if c.s.cfg.Nodes == nil {
		return list, false
	}
	end, until := time.NewTimer(c.wait), time.Now().Add(c.wait)
	defer end.Stop()
	pause := time.NewTicker(nodePause)
	defer pause.Stop()
	for {
		nodes, err := c.s.cfg.Nodes(c.r.Context())
		if err != nil {
			c.s.cfg.Log.Error("nodes cannot be read", "request_id", c.id, "error", err)
			return list, false
		}
		var awaited bool
		if list, all, awaited = c.confirmed(nodes, revision, time.Until(until)); !awaited {
			return list, all
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

// confirmed says who confirms a revision, whether all do, and whether it makes sense to wait for one that does not, for so long.
func (c *call) confirmed(nodes []Node, revision uint64, left time.Duration) (list []api.NodeConfirmation, all, awaited bool) {
	list, all, awaited = []api.NodeConfirmation{}, len(nodes) > 0, len(nodes) == 0
	for _, n := range nodes {
		seen := n.seen(revision)
		all = all && seen.Confirms(revision)
		awaited = awaited || seen.Awaited(revision) || !seen.Confirms(revision) && n.stopsWithin(left)
		if !c.who.Sees(n.Environment) {
			continue
		}
		view := viewNode(n, revision)
		one := api.NodeConfirmation{Name: n.Name, Environment: n.Environment, Revision: int64(n.Revision), Confirmed: seen.Confirms(revision),
			State: view.State, ReadAgeMs: view.ReadAgeMs, StopsAt: view.StopsAt}
		if n.Revision == revision {
			one.TookMs = view.TookMs
		}
		list = append(list, one)
	}
	return list, all, awaited
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
