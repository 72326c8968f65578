package console

import (
	"net/http"
	"strconv"
	"time"

	"countersign.dev/api"
	"countersign.dev/internal/edge/page"
)

func nodeRoutes() []route {
	return []route{{pattern: "GET /console/nodes", serve: (*visit).nodes}}
}

// quietNode is after how long a node of a data folder that said nothing is shown as such. Nodes that share a register have a state of
// their own.
const quietNode = time.Minute

type nodesPage struct {
	Revision int64
	Shared   bool // they tell how old their readings are, and when they stop by themselves
	Items    []nodeItem
}

type nodeItem struct {
	api.Node
	Behind                  int64
	State, Tone, Took, Read string
	Said, Stops             time.Time // by the console's clock; zero: not known
}

// nodes tells which server serves which revision, and how far behind it is.
func (v *visit) nodes(w http.ResponseWriter, r *http.Request) {
	found, err := v.api.NodeList(r.Context())
	if err != nil {
		v.fail(w, r, err)
		return
	}
	data := nodesPage{Revision: found.Value.Revision}
	for _, n := range found.Value.Items {
		one := v.nodeItem(n, found.Value)
		data.Shared = data.Shared || !one.Stops.IsZero() || n.State == api.NodeStateSilent
		data.Items = append(data.Items, one)
	}
	v.setting(w, r, "nodes", "/nodes", page.View{Title: "Nodes", Lead: "Which server serves which revision of the register.",
		Data: data})
}

// nodeItem is n in words. What nodes tell is told by one clock, which need not be this server's: spans are taken from there.
func (v *visit) nodeItem(n api.Node, told api.NodePage) nodeItem {
	now := v.s.cfg.Now()
	one := nodeItem{Node: n, Behind: max(0, told.Revision-n.Revision), State: "up to date", Tone: "good", Said: n.At}
	if !told.At.IsZero() {
		one.Said = now.Add(n.At.Sub(told.At))
		if !n.StopsAt.IsZero() {
			one.Stops = now.Add(n.StopsAt.Sub(told.At))
		}
	}
	switch {
	case n.State == api.NodeStateStopped:
		one.State, one.Tone = "stopped by itself", "bad"
	case n.State == api.NodeStateSilent, now.Sub(one.Said) > quietNode:
		one.State, one.Tone = "silent", "bad"
	case n.State == api.NodeStateStarting && told.Revision > 0:
		one.State, one.Tone = "starting", "plain"
	case one.Behind > 0:
		one.State, one.Tone = "behind", "warn"
	}
	if n.TookMs != nil {
		one.Took = tookWords(*n.TookMs)
	}
	if n.ReadAgeMs != nil {
		one.Read = spanWords((time.Duration(*n.ReadAgeMs) * time.Millisecond).Round(time.Second)) + " ago"
		if *n.ReadAgeMs < 1000 {
			one.Read = "just now"
		}
	}
	return one
}

// tookWords is how long a change took to be in force.
func tookWords(ms float64) string { return strconv.FormatFloat(ms, 'f', 0, 64) + " ms" }

// confirmation is how one server stands to a change that somebody has just made.
type confirmation struct {
	nodeItem
	Confirms  bool
	Says      string
	StopsSoon bool // it may decide otherwise still, and says when it stops
}

// confirmations are the servers of an environment and how they stand to a revision; nil where the visitor may not know, or where they do
// not answer: the page that asks for them has said already what came of the change.
func (v *visit) confirmations(r *http.Request, environment string) []confirmation {
	revision, err := strconv.ParseInt(r.URL.Query().Get("revision"), 10, 64)
	if err != nil || revision <= 0 || !v.may("nodes.read", environment) {
		return nil
	}
	found, err := v.api.NodeList(r.Context())
	if err != nil {
		return nil
	}
	var all []confirmation
	for _, n := range found.Value.Items {
		if n.Environment == environment {
			all = append(all, confirmationOf(v.nodeItem(n, found.Value), revision))
		}
	}
	return all
}

func confirmationOf(n nodeItem, revision int64) confirmation {
	c := confirmation{nodeItem: n}
	switch {
	case n.Revision >= revision:
		c.Confirms, c.Says, c.Tone = true, "in force", "good"
		if n.Took != "" && n.Revision == revision {
			c.Says = "in force after " + n.Took
		}
	case n.Node.State == api.NodeStateStopped:
		c.Confirms, c.Says, c.Tone = true, "decides nothing: it has stopped by itself", "good"
	case n.Node.State == api.NodeStateSilent:
		c.Says, c.Tone = "not confirmed: it is silent", "bad"
	default:
		c.Says, c.Tone = "not confirmed yet", "warn"
	}
	c.StopsSoon = !c.Confirms && !n.Stops.IsZero()
	return c
}
