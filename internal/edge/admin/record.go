package admin

import (
	"context"
	"net/http"
	"slices"

	"countersign.dev/api"
	"countersign.dev/internal/audit/inspect"
)

// Records says how far the records were verified; *inspect.Inspector is one.
type Records interface {
	Records(ctx context.Context) []inspect.Status
	Verify(ctx context.Context, name string) (inspect.Status, bool)
}

// inspected reports whether there is an inspection to ask; false: it has answered.
func (c *call) inspected() bool {
	if c.s.cfg.Records == nil {
		c.refuse(refusal{kind: api.Unavailable, detail: "This server does not verify its records. On its disk: countersign audit verify.", retry: 60})
		return false
	}
	return true
}

// RecordList tells how far both records were verified.
func (h handlers) RecordList(w http.ResponseWriter, r *http.Request) {
	c := w.(*call)
	if c.inspected() {
		c.json(http.StatusOK, api.RecordPage{Items: list(h.cfg.Records.Records(r.Context()), viewRecord)})
	}
}

// RecordVerify has a record verified from its first line. It changes nothing, and leaves no row.
func (h handlers) RecordVerify(w http.ResponseWriter, r *http.Request, record string) {
	c := w.(*call)
	if !c.inspected() {
		return
	}
	status, ok := h.cfg.Records.Verify(r.Context(), record)
	if !ok {
		c.refuse(notFound)
		return
	}
	c.json(http.StatusOK, viewRecord(status))
}

func viewRecord(s inspect.Status) api.Record {
	return api.Record{Name: s.Name, Kind: api.RecordKind(s.Kind), State: api.RecordState(s.State), Lines: int64(s.Lines), Verified: int64(s.Verified),
		VerifiedAt: s.VerifiedAt, Whole: s.Whole, Sealed: int64(s.Sealed), SealedAt: s.SealedAt, SealedBy: s.SealedBy, SealedIn: s.SealedIn,
		Faults: list(s.Faults, same), Notes: list(s.Notes, same)}
}

// faulty are the records in which a fault was found.
func (c *call) faulty() []inspect.Status {
	if c.s.cfg.Records == nil {
		return nil
	}
	return slices.DeleteFunc(c.s.cfg.Records.Records(c.r.Context()), func(s inspect.Status) bool { return len(s.Faults) == 0 })
}
