package console

import (
	"encoding/json"
	"net/http"

	"countersign.dev/api"
	"countersign.dev/internal/edge/page"
)

func decisionsRoutes() []route {
	return []route{
		{pattern: "GET /console/decisions", serve: (*visit).decisionSearch},
		{pattern: "GET /console/decisions/{request}", serve: (*visit).decisionShow},
	}
}

// decisionsPerPage is how many decisions one page lists.
const decisionsPerPage = 50

// decisionFilters are the names of what may be asked for, in the contract and on the page, but the times.
var decisionFilters = []string{"environment", "api", "decision", "reason", "partner", "credential", "address", "warning", "shadow", "order"}

// decisionListing is the search of the decision record.
type decisionListing struct {
	Filter                         *page.Form
	Environments, Outcomes, Orders []page.Option
	More                           bool // the rare filters are open
	Path                           string
	Filtered, Partners             bool
	Rows                           []decisionRow
	Searched                       bool // there was a search: Rows are what it found
	First, Next                    string
	Unread                         []string
	ExportLines, ExportCSV         string
}

// decisionRow is one line of the record as the table shows it.
type decisionRow struct {
	tailRow
	Story   string // page of the request; empty: it has none
	Partner string // page of the partner; empty: none, or it proved nothing
}

var decisionOutcomes = []page.Option{{Text: "Let in or refused, and gaps"}, {Value: "final", Text: "Let in or refused"}, {Value: "allow", Text: "Let in"}, {Value: "refuse", Text: "Refused"},
	{Value: "admit", Text: "Forwarded, not finished"}, {Value: "gap", Text: "Lost lines"}}

// decisionSearch searches the record. Without a filter it lists the newest.
func (v *visit) decisionSearch(w http.ResponseWriter, r *http.Request) {
	form, filtered := asked(r, append([]string{"from", "to"}, decisionFilters...))
	data := &decisionListing{Filter: form, Path: decisionsPath, Filtered: filtered, Outcomes: decisionOutcomes, Partners: v.may("partners.read", ""),
		Orders: []page.Option{{Text: "The newest first"}, {Value: "oldest", Text: "The oldest first"}}, Environments: []page.Option{{Text: "All"}}}
	data.More = form.Value("credential")+form.Value("warning")+form.Value("shadow")+form.Value("order") != ""
	environments, err := v.environments(r.Context())
	if err != nil {
		v.fail(w, r, err)
		return
	}
	for _, e := range environments {
		data.Environments = append(data.Environments, page.Option{Value: e.Name, Text: e.Name})
	}
	view := page.View{Title: "Decisions", Section: "decisions", Tabs: v.auditTabs(decisionsPath), Data: data,
		Lead: "What was decided about each request, and why. Times are UTC."}
	if len(view.Tabs) < 2 {
		view.Tabs = nil
	}
	found, ok := v.searchDecisions(w, r, form, data)
	if !ok {
		return
	}
	if !found {
		view.Status = http.StatusUnprocessableEntity
	}
	v.show(w, r, "decisions", view)
}

// searchDecisions asks for one page. found false: something in the form is wrong, and it says so; ok false: it has answered.
func (v *visit) searchDecisions(w http.ResponseWriter, r *http.Request, form *page.Form, data *decisionListing) (found, ok bool) {
	from, to := auditMoment(form, "from"), auditMoment(form, "to")
	if len(form.Errors) > 0 {
		return false, true
	}
	after := r.URL.Query().Get("after")
	list, err := v.api.DecisionList(r.Context(), api.DecisionListParams{After: after, Limit: decisionsPerPage, Environment: form.Value("environment"),
		API: form.Value("api"), Decision: api.DecisionListParamsDecision(form.Value("decision")), Reason: form.Value("reason"), Partner: form.Value("partner"),
		Credential: form.Value("credential"), Address: form.Value("address"), Warning: form.Value("warning"), Shadow: form.Value("shadow"), From: from, To: to,
		Order: api.DecisionListParamsOrder(form.Value("order"))})
	if err != nil && refused(form, err) {
		return false, true
	}
	if err != nil {
		v.fail(w, r, err)
		return false, false
	}
	data.take(list.Value, after)
	if v.may("records.export", "") {
		pairs := append(data.pairs(false), exportTimes(from, to)...)
		data.ExportLines = page.Link("/v1/decisions/export", append([]string{"format", "jsonl"}, pairs...)...)
		data.ExportCSV = page.Link("/v1/decisions/export", append([]string{"format", "csv"}, pairs...)...)
	}
	return true, true
}

// take takes the rows, and the way on from here.
func (l *decisionListing) take(list api.DecisionPage, after string) {
	l.Searched, l.Unread = true, list.Unread
	for _, one := range list.Items {
		var row decisionRow
		if json.Unmarshal(one.Line, &row.Line) != nil {
			continue // a line that is no such object is for the verification of the record
		}
		if row.Line.RequestID != "" {
			row.Story = page.Path(base+"/requests", row.Line.RequestID)
		}
		if l.Partners && row.Line.Proved && row.Line.Partner != "" {
			row.Partner = page.Path(base+"/partners", row.Line.Partner)
		}
		l.Rows = append(l.Rows, row)
	}
	pairs := append(l.pairs(true), "from", l.Filter.Value("from"), "to", l.Filter.Value("to"))
	if after != "" {
		l.First = page.Link(decisionsPath, pairs...)
	}
	if list.Next != "" {
		l.Next = page.Link(decisionsPath, append(pairs, "after", list.Next)...)
	}
}

// pairs are the filters that are set; an export has no order of its own.
func (l *decisionListing) pairs(order bool) (pairs []string) {
	for _, name := range decisionFilters {
		if order || name != "order" {
			pairs = append(pairs, name, l.Filter.Value(name))
		}
	}
	return pairs
}

// decisionShow leads to the story of a request.
func (v *visit) decisionShow(w http.ResponseWriter, r *http.Request) {
	page.Protect(w.Header())
	w.Header().Set("Location", page.Path(base+"/requests", r.PathValue("request")))
	w.WriteHeader(http.StatusSeeOther)
}
