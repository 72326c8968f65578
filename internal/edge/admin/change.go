package admin

import (
	"net/http"
	"strings"
	"time"

	"countersign.dev/api"
	"countersign.dev/internal/audit"
)

// ChangeList searches the record of changes.
func (h handlers) ChangeList(w http.ResponseWriter, r *http.Request, params api.ChangeListParams) {
	c := w.(*call)
	after, ok := c.after(params.After)
	if !ok {
		return
	}
	q := audit.ChangeQuery{Actor: params.Actor, Kind: params.Kind, Subject: params.Subject, Partner: params.Partner, From: params.From,
		Until: before(params.To), Newest: string(params.Order) != "oldest", Limit: limitOr(params.Limit)}
	if params.Action != "" {
		q.Actions = []audit.Action{audit.Action(params.Action)}
	}
	page, err := h.cfg.Registry.ChangePage(r.Context(), q, after)
	if err != nil {
		c.fail(err)
		return
	}
	out := api.ChangePage{Items: []api.Change{}, Next: c.next(page.Next)}
	for _, item := range page.Items {
		out.Items = append(out.Items, viewChange(item.Value))
	}
	c.json(http.StatusOK, out)
}

// before is the last moment before t that the register can tell apart; zero for zero.
func before(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.Add(-time.Microsecond)
}

// ChangeExport writes the record of changes, so that it can be proved without the register.
func (h handlers) ChangeExport(w http.ResponseWriter, r *http.Request, params api.ChangeExportParams) {
	c := w.(*call)
	if !c.search() {
		return
	}
	defer c.s.heavy.Leave()
	if !c.noteExport("changes") {
		return
	}
	what := audit.ChangeExport{Format: audit.ExportFormat(params.Format), Keep: keep(params)}
	if _, err := audit.ExportChanges(r.Context(), h.cfg.Registry, c.download("changes", string(params.Format)), what); err != nil {
		c.cut(err)
	}
}

// keep chooses the rows of an export; nil: all of them.
func keep(p api.ChangeExportParams) func(audit.Change) bool {
	if p.Actor == "" && p.Action == "" && p.Kind == "" && p.Subject == "" && p.From.IsZero() && p.To.IsZero() {
		return nil
	}
	return func(row audit.Change) bool {
		kind, _, _ := strings.Cut(string(row.Action), ".")
		return (p.Actor == "" || p.Actor == row.Actor) && (p.Action == "" || p.Action == string(row.Action)) &&
			(p.Kind == "" || p.Kind == kind) && (p.Subject == "" || p.Subject == row.Subject) &&
			(p.From.IsZero() || !row.At.Before(p.From)) && (p.To.IsZero() || row.At.Before(p.To))
	}
}

// CheckpointList gives the signed book of a record out, for a verification elsewhere.
func (h handlers) CheckpointList(w http.ResponseWriter, _ *http.Request, params api.CheckpointListParams) {
	c := w.(*call)
	if h.cfg.Checkpoints == nil {
		c.refuse(refusal{kind: api.Unavailable, detail: "This server signs no checkpoints.", retry: 60})
		return
	}
	if !c.search() { // the book of years is long, and held whole
		return
	}
	defer c.s.heavy.Leave()
	text, err := h.cfg.Checkpoints(string(params.Record))
	if err != nil {
		c.unavailable(err)
		return
	}
	c.Header().Set("Content-Type", "text/plain; charset=utf-8")
	c.WriteHeader(http.StatusOK)
	_, _ = c.Write(text)
}
