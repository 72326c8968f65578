package admin

import (
	"encoding/json"
	"io"
	"net/http"
	"net/netip"
	"strconv"
	"strings"

	"countersign.dev/api"
	"countersign.dev/internal/audit/search"
	"countersign.dev/internal/operator"
)

// decisionQuery is what a search asks for; false: it has answered.
func (c *call) decisionQuery(p api.DecisionListParams) (search.Query, bool) {
	q := search.Query{Environment: p.Environment, API: p.API, Partner: p.Partner, Credential: p.Credential, Reason: p.Reason,
		Warning: p.Warning, Shadow: p.Shadow, Decision: string(p.Decision), From: p.From, To: p.To,
		OldestFirst: string(p.Order) == "oldest", Limit: limitOr(p.Limit)}
	if p.Address != "" {
		prefix, err := parsePrefix(p.Address)
		if err != nil {
			c.refuse(refusal{kind: api.Invalid, errors: []field{{"address", "it is neither an address nor a prefix"}}})
			return q, false
		}
		q.Address = netip.PrefixFrom(prefix.Addr(), prefix.Bits()).Masked()
	}
	if q.Environment == "" && len(c.who.Environments) == 1 {
		q.Environment = c.who.Environments[0] // all that this caller sees
	}
	if err := q.Validate(); err != nil {
		c.fail(err)
		return q, false
	}
	return q, true
}

// DecisionList searches the decision records, one after another.
func (h handlers) DecisionList(w http.ResponseWriter, _ *http.Request, params api.DecisionListParams) {
	c := w.(*call)
	q, ok := c.decisionQuery(params)
	if !ok {
		return
	}
	out := api.DecisionPage{Items: []api.DecisionFound{}}
	if q.Environment != "" && !c.who.Sees(q.Environment) {
		c.json(http.StatusOK, out)
		return
	}
	place, ok := c.after(params.After)
	if !ok || !c.recorded() {
		return
	}
	defer c.s.heavy.Leave()
	at, ok := c.recordAt(place, &q)
	if !ok {
		return
	}
	page, err := h.cfg.Decisions[at].Find(c.r.Context(), q)
	if err != nil {
		c.fail(err)
		return
	}
	for _, found := range page.Found {
		if c.who.Confined() && !c.who.Sees(string(found.Line.Environment)) || !json.Valid(found.Text) {
			continue // a line that is no JSON is for audit verify; an answer that holds one could not be read
		}
		out.Items = append(out.Items, api.DecisionFound{Segment: int64(found.Segment), Row: int64(found.Row), Line: found.Text, Node: found.Node})
	}
	out.Unread = page.Unread
	switch {
	case page.Next != "":
		out.Next = c.next(strconv.Itoa(at) + "/" + page.Next)
	case at+1 < len(h.cfg.Decisions):
		out.Next = c.next(strconv.Itoa(at+1) + "/")
	}
	c.json(http.StatusOK, out)
}

// recordAt finds the record and the place in it where a page begins; false: it has answered.
func (c *call) recordAt(place string, q *search.Query) (int, bool) {
	if place == "" {
		return 0, true
	}
	number, cursor, _ := strings.Cut(place, "/")
	at, err := strconv.Atoi(number)
	if err != nil || at < 0 || at >= len(c.s.cfg.Decisions) {
		c.refuse(refusal{kind: api.Invalid, errors: []field{{"after", "it is no place in this listing"}}})
		return 0, false
	}
	q.Cursor = cursor
	return at, true
}

// recorded takes a place for a search; false: it has answered.
func (c *call) recorded() bool {
	if len(c.s.cfg.Decisions) == 0 {
		c.refuse(refusal{kind: api.Unavailable, detail: "This server has no record of decisions to search.", retry: 60})
		return false
	}
	return c.search()
}

// DecisionWhy tells the story of one request.
func (h handlers) DecisionWhy(w http.ResponseWriter, r *http.Request, id api.InPathRequestID) {
	c := w.(*call)
	if !c.place() {
		return
	}
	defer c.s.heavy.Leave()
	story, err := h.cfg.Questions.Why(r.Context(), id)
	if err != nil {
		c.fail(err)
		return
	}
	if !c.who.May(operator.DecisionsRead, story.Environment) || c.who.Confined() && story.Environment == "" {
		c.refuse(notFound)
		return
	}
	c.json(http.StatusOK, story)
}

// DecisionExport writes every line that fits, as it finds them.
func (h handlers) DecisionExport(w http.ResponseWriter, r *http.Request, params api.DecisionExportParams) {
	c := w.(*call)
	q, ok := c.decisionQuery(api.DecisionListParams{Environment: params.Environment, API: params.API, Partner: params.Partner,
		Credential: params.Credential, Reason: params.Reason, Warning: params.Warning, Shadow: params.Shadow,
		Decision: api.DecisionListParamsDecision(params.Decision), Address: params.Address, From: params.From, To: params.To})
	if !ok || !c.recorded() {
		return
	}
	defer c.s.heavy.Leave()
	if !c.noteExport("decisions") {
		return
	}
	q.Limit, q.OldestFirst = 0, true
	out := c.download("decisions", string(params.Format))
	for i, record := range h.cfg.Decisions {
		if _, err := record.Export(r.Context(), &withoutHead{to: out, skip: i > 0 && params.Format == "csv"}, q, search.Format(params.Format)); err != nil {
			c.cut(err)
			return
		}
	}
}

// noteExport records who takes a copy of which record; false: it could not, or another site's page sent the browser here, and nothing
// is given. To read changes nothing else, so that the check of what changes something lets a link of anybody's through.
func (c *call) noteExport(record string) bool {
	if site := c.r.Header.Get("Sec-Fetch-Site"); site == "cross-site" || site == "same-site" {
		c.refuse(refusal{kind: api.CrossOrigin})
		return false
	}
	if err := c.s.cfg.Registry.NoteExported(c.r.Context(), c.actor(), record, "asked for: "+c.r.URL.RawQuery); err != nil {
		c.fail(err)
		return false
	}
	return true
}

// download begins an answer that is a file, as an attachment.
func (c *call) download(name, format string) io.Writer {
	header := c.Header()
	header.Set("Content-Type", map[string]string{"csv": "text/csv; charset=utf-8"}[format])
	if format != "csv" {
		header.Set("Content-Type", "application/x-ndjson")
	}
	header.Set("Content-Disposition", `attachment; filename="`+name+"."+format+`"`)
	return c
}

// cut ends an export that failed: before its first byte with a problem, after it by cutting the connection, so that nobody takes
// a part for the whole.
func (c *call) cut(err error) {
	if c.status == 0 {
		c.Header().Del("Content-Disposition")
		c.fail(err)
		return
	}
	c.s.cfg.Log.Error("an export was cut off", "request_id", c.id, "operation", c.operation(), "error", err)
	panic(http.ErrAbortHandler)
}

// withoutHead leaves the first line out: the head of a second table.
type withoutHead struct {
	to   io.Writer
	skip bool
}

// Write passes on what belongs to the answer.
func (w *withoutHead) Write(b []byte) (int, error) {
	if !w.skip {
		return w.to.Write(b)
	}
	for i, c := range b {
		if c == '\n' {
			w.skip = false
			n, err := w.to.Write(b[i+1:])
			return i + 1 + n, err
		}
	}
	return len(b), nil
}
