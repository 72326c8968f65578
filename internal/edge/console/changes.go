package console

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"countersign.dev/api"
	"countersign.dev/internal/edge/page"
)

func changesRoutes() []route {
	return []route{
		{pattern: "GET /console/changes", serve: (*visit).changeSearch},
		{pattern: "GET /console/changes/{seq}", serve: (*visit).changeShow},
	}
}

// changesPerPage is how many changes one page lists.
const changesPerPage = 50

// changeKinds are the parts of actions before the point, in words.
var changeKinds = []page.Option{{Text: "Of any kind"},
	{Value: "partner", Text: "Partners"}, {Value: "review", Text: "Reviews"}, {Value: "evidence", Text: "Evidence"}, {Value: "comment", Text: "Comments"},
	{Value: "credential", Text: "Credentials"}, {Value: "rotation", Text: "Rotation schedules"}, {Value: "version", Text: "Versions that ended"},
	{Value: "secret", Text: "Secrets changed by partners"}, {Value: "secrets", Text: "Secrets sealed anew"}, {Value: "tokens", Text: "Access tokens"}, {Value: "network", Text: "Network rules"},
	{Value: "limit", Text: "Limits"}, {Value: "endpoint", Text: "Webhook endpoints"}, {Value: "member", Text: "Members of partners"},
	{Value: "proposal", Text: "Changes that wait"}, {Value: "settings", Text: "Settings"}, {Value: "account", Text: "Accounts"}, {Value: "service", Text: "Service accounts"},
	{Value: "break_glass", Text: "Break-glass"}, {Value: "attempt", Text: "Refused attempts"}, {Value: "record", Text: "Exports of records"},
	{Value: "sealing_key", Text: "Sealing keys"}, {Value: "register", Text: "The register itself"}, {Value: "key", Text: "Keys of the register"}}

// changeListing is the search of changes.
type changeListing struct {
	Filter                 *page.Form
	Kinds                  []page.Option
	Path                   string
	Filtered               bool
	Rows                   []api.Change
	First, Next            string
	Record                 *recordView // how it stands with the record; nil: that is not known here
	ExportLines, ExportCSV string      // empty: not for this visitor, or not with these filters
	NoExport               string      // why not
}

// changeFilters are the names of what may be asked for, in the contract and on the page.
var changeFilters = []string{"actor", "action", "kind", "subject", "partner"}

// changeSearch lists changes, the newest first.
func (v *visit) changeSearch(w http.ResponseWriter, r *http.Request) {
	form, filtered := asked(r, append([]string{"from", "to"}, changeFilters...))
	data := &changeListing{Filter: form, Kinds: changeKinds, Path: changesPath, Filtered: filtered}
	from, to := auditMoment(form, "from"), auditMoment(form, "to")
	view := page.View{Title: "Changes", Heading: "Changes of the register", Section: "audit", Tabs: v.auditTabs(changesPath), Data: data,
		Lead: "Who changed what, and who tried to and was refused. Times are UTC."}
	if len(form.Errors) > 0 {
		view.Status = http.StatusUnprocessableEntity
		v.show(w, r, "changes", view)
		return
	}
	found, err := v.api.ChangeList(r.Context(), api.ChangeListParams{After: r.URL.Query().Get("after"), Limit: changesPerPage, Actor: form.Value("actor"),
		Action: form.Value("action"), Kind: form.Value("kind"), Subject: form.Value("subject"), Partner: form.Value("partner"), From: from, To: to})
	switch {
	case err != nil && refused(form, err):
		view.Status = http.StatusUnprocessableEntity
	case err != nil:
		v.fail(w, r, err)
		return
	default:
		data.take(v, found.Value, r.URL.Query().Get("after"), exportTimes(from, to))
		if data.Record, err = v.changesRecord(r); err != nil {
			v.fail(w, r, err)
			return
		}
	}
	v.show(w, r, "changes", view)
}

// take takes the rows, and the ways on from here.
func (l *changeListing) take(v *visit, found api.ChangePage, after string, times []string) {
	l.Rows = found.Items
	pairs := l.pairs("from", "to")
	if after != "" {
		l.First = page.Link(changesPath, pairs...)
	}
	if found.Next != "" {
		l.Next = page.Link(changesPath, append(pairs, "after", found.Next)...)
	}
	switch {
	case !v.may("records.export", ""):
	case l.Filter.Value("partner") != "":
		l.NoExport = "An export cannot be limited to a partner: take the filter away, or export all of it."
	default:
		pairs := append(l.pairs(), times...)
		l.ExportLines = page.Link("/v1/changes/export", append([]string{"format", "jsonl"}, pairs...)...)
		l.ExportCSV = page.Link("/v1/changes/export", append([]string{"format", "csv"}, pairs...)...)
	}
}

// pairs are the filters that are set, with more names.
func (l *changeListing) pairs(more ...string) (pairs []string) {
	for _, name := range append(append([]string{}, changeFilters...), more...) {
		pairs = append(pairs, name, l.Filter.Value(name))
	}
	return pairs
}

// changesRecord says how it stands with the record of changes; nil: this server does not verify it.
func (v *visit) changesRecord(r *http.Request) (*recordView, error) {
	records, err := v.api.RecordList(r.Context())
	if errors.Is(err, api.Unavailable) || errors.Is(err, api.Forbidden) {
		return nil, nil
	}
	for _, one := range records.Value.Items {
		if one.Kind == api.RecordKindChanges {
			view := v.recordView(one, nil)
			view.Verify = nil
			return &view, err
		}
	}
	return nil, err
}

// changePage is one change with its place in the chain.
type changePage struct {
	api.Change
	Touched          []touchedRow
	Subject          string
	SubjectPath      string // empty: no page of ours
	Previous, Follow string // pages of the changes beside it
	First            bool
	Seal             verdict // what is known of this very entry
}

// touchedRow is one row of the register as the change left it.
type touchedRow struct {
	Row, Digest, Path string
	Gone              bool
}

// changeShow shows one change.
func (v *visit) changeShow(w http.ResponseWriter, r *http.Request) {
	found, err := v.api.ChangeGet(r.Context(), r.PathValue("seq"))
	if errors.Is(err, api.Invalid) {
		err = &api.Error{Problem: api.Problem{Status: http.StatusNotFound, Type: api.NotFound.URI()}}
	}
	if err != nil {
		v.fail(w, r, err)
		return
	}
	record, err := v.changesRecord(r)
	if err != nil {
		v.fail(w, r, err)
		return
	}
	c := found.Value
	data := changePage{Change: c, Subject: c.Subject, SubjectPath: v.rowPath(c.Subject), First: c.Seq == 1, Seal: entrySeal(record, c.Seq)}
	for _, t := range c.Touched {
		data.Touched = append(data.Touched, touchedRow{Row: t.Row, Digest: t.Digest, Path: v.touchedPath(t.Row), Gone: strings.Trim(t.Digest, "0") == ""})
	}
	number := strconv.FormatInt(c.Seq, 10)
	if c.Seq > 1 {
		data.Previous = page.Path(changesPath, strconv.FormatInt(c.Seq-1, 10))
	}
	if _, err := v.api.ChangeGet(r.Context(), strconv.FormatInt(c.Seq+1, 10)); err == nil {
		data.Follow = page.Path(changesPath, strconv.FormatInt(c.Seq+1, 10))
	}
	v.show(w, r, "change", page.View{Title: "Change " + number, Section: "audit", Data: data,
		Trail: []page.Item{{Text: "Audit", Href: auditPath}, {Text: "Changes", Href: changesPath}}})
}

// entrySeal is what is known of one entry of a record.
func entrySeal(record *recordView, seq int64) verdict {
	switch {
	case record == nil || record.VerifiedAt.IsZero():
		return verdicts[2]
	case seq <= record.Sealed && (len(record.Faults) == 0 || seq <= record.Verified):
		return verdict{"good", "Verified and anchored", "It is what was written, in its place, and a signed checkpoint vouches for it."}
	case len(record.Faults) > 0:
		return verdict{"bad", "In a faulty record", "Something in this record is not as it was written: see the verification for what and where."}
	case seq <= record.Verified:
		return verdict{"warn", "Verified, not anchored", "It follows the entry before it. No checkpoint vouches for it yet: whoever can write the record could have written this part anew."}
	}
	return verdict{"plain", "Not verified yet", "It is newer than the last verification."}
}

// rowPath is the page of a row of the register by its identity; empty: it has none, or not for this visitor.
func (v *visit) rowPath(id string) string {
	kind, _, _ := strings.Cut(id, "_")
	section := map[string]string{"ptn": "/partners", "crd": "/credentials", "prp": "/proposals"}[kind]
	if section == "" || !v.may("partners.read", "") {
		return ""
	}
	if _, there := v.s.routes["GET "+base+section+"/{"+strings.TrimSuffix(section[1:], "s")+"}"]; !there {
		return ""
	}
	return page.Path(base+section, id)
}

// touchedPath is the page of what a touched row is: "partner/ptn_…", "review/ptn_…/sandbox".
func (v *visit) touchedPath(row string) string {
	for part := range strings.SplitSeq(row, "/") {
		if path := v.rowPath(part); path != "" {
			return path
		}
	}
	return ""
}
