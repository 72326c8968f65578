package console

import (
	"net/http"
	"time"

	"countersign.dev/api"
	"countersign.dev/internal/edge/page"
)

func nodeRoutes() []route {
	return []route{{pattern: "GET /console/nodes", serve: (*visit).nodes}}
}

// quietNode is after how long a node that said nothing is shown as such; nodes speak every few seconds.
const quietNode = time.Minute

type nodesPage struct {
	Revision int64
	Items    []nodeItem
}

type nodeItem struct {
	api.Node
	Behind      int64
	State, Tone string
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
		one := nodeItem{Node: n, Behind: max(0, found.Value.Revision-n.Revision), State: "up to date", Tone: "good"}
		if one.Behind > 0 {
			one.State, one.Tone = "behind", "warn"
		}
		if v.s.cfg.Now().Sub(n.At) > quietNode {
			one.State, one.Tone = "silent", "bad"
		}
		data.Items = append(data.Items, one)
	}
	v.setting(w, r, "nodes", "/nodes", page.View{Title: "Nodes", Lead: "Which server serves which revision of the register.",
		Data: data})
}
