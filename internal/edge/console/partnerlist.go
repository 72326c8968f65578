package console

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"countersign.dev/api"
	"countersign.dev/internal/edge/page"
)

// partnerPerPage is how many partners one page shows.
const partnerPerPage = 50

// partnerListing is the Data of the page "partners".
type partnerListing struct {
	Path                              string
	Query, Environment, State, Closed string
	QueryFault                        string
	Environments                      []string
	States, Closings                  []page.Option
	Filtered                          bool
	Exact                             string // one of them was found by an exact text: which
	Rows                              []partnerRow
	Several                           bool // there is more than one environment
	NoCall, CallFault                 string
	Empty                             page.Empty
	First, Next                       string
}

// partnerRow is one partner of the listing.
type partnerRow struct {
	api.Partner
	Path        string
	Tone, Words string // of the stage; empty: not shown
	Calls       []api.LastCall
}

// reviewStates are the filters by review, in the order of a partner's life.
var reviewStates = []page.Option{{Value: "", Text: "In any state"}, {Value: "requested", Text: "Requested"}, {Value: "in_review", Text: "In review"},
	{Value: "approved", Text: "Approved"}, {Value: "suspended", Text: "Suspended"}, {Value: "closed", Text: "Closed"}}

// partnerList lists partners page by page, or those that a search finds.
func (v *visit) partnerList(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	l := &partnerListing{Path: base + "/partners", Query: strings.TrimSpace(q.Get("q")), Environment: q.Get("environment"), State: q.Get("state"),
		Closed: q.Get("closed"), States: reviewStates,
		Closings: []page.Option{{Value: "", Text: "Open and closed"}, {Value: "false", Text: "Open"}, {Value: "true", Text: "Closed"}}}
	l.Filtered = l.Query+l.Environment+l.State+l.Closed != ""
	environments, err := v.environments(r.Context())
	if err != nil {
		v.fail(w, r, err)
		return
	}
	for _, e := range environments {
		l.Environments = append(l.Environments, e.Name)
	}
	l.Several = len(environments) > 1
	status := http.StatusOK
	if err := v.listPartners(r.Context(), l, q.Get("after")); err != nil {
		if !l.refused(err) {
			v.fail(w, r, err)
			return
		}
		status = http.StatusUnprocessableEntity
	}
	v.lastCalls(r.Context(), l)
	view := page.View{Title: "Partners", Section: "partners", Status: status, Data: l}
	if v.may("partners.write", "") {
		view.Actions = []page.Item{{Text: "Add a partner", Href: base + "/partners/new", Main: true}}
	}
	v.show(w, r, "partners", view)
}

// environments are those that the visitor sees.
func (v *visit) environments(ctx context.Context) (list []api.Environment, err error) {
	a, err := v.api.EnvironmentList(ctx)
	for _, e := range a.Value.Items {
		if v.sees(e.Name) {
			list = append(list, e)
		}
	}
	return list, err
}

// listPartners reads one page; what the search names exactly stands first on the first one.
func (v *visit) listPartners(ctx context.Context, l *partnerListing, after string) error {
	p := api.PartnerListParams{After: after, Limit: partnerPerPage, Name: l.Query, Environment: l.Environment, State: api.ReviewState(l.State)}
	if l.Closed != "" {
		closed := l.Closed == "true"
		p.Closed = &closed
	}
	l.Empty = page.Empty{Text: "No partners yet", Why: "A partner is an organisation whose calls may be let in.",
		Href: base + "/partners/new", Action: "Add a partner"}
	if l.Filtered {
		l.Empty = page.Empty{Text: "No partner matches", Href: l.Path, Action: "Show all",
			Why: "Search by a part of the name, or by an id, a key id or a login in full; or take filters away."}
	} else if !v.may("partners.write", "") {
		l.Empty.Href, l.Empty.Action = "", ""
	}
	found, err := v.api.PartnerList(ctx, p)
	if err != nil {
		return err
	}
	if l.Query != "" && after == "" && l.Environment+l.State+l.Closed == "" {
		exact, err := v.api.PartnerList(ctx, api.PartnerListParams{Find: l.Query})
		if err != nil {
			return err
		}
		l.exactly(exact.Value.Items)
	}
	for _, one := range found.Value.Items {
		l.add(one)
	}
	pairs := []string{"q", l.Query, "environment", l.Environment, "state", l.State, "closed", l.Closed}
	if after != "" {
		l.First = page.Link(l.Path, pairs...)
	}
	if found.Value.Next != "" {
		l.Next = page.Link(l.Path, append(pairs, "after", found.Value.Next)...)
	}
	return nil
}

// exactly takes what was found by its whole name, id, key id or login.
func (l *partnerListing) exactly(list []api.Partner) {
	for _, one := range list[:min(len(list), partnerPerPage)] {
		l.add(one)
		if !strings.Contains(strings.ToLower(one.Name), strings.ToLower(l.Query)) {
			l.Exact = "Found by its id, or by the key id or login of one of its credentials."
		}
	}
}

func (l *partnerListing) add(p api.Partner) {
	for _, row := range l.Rows {
		if row.ID == p.ID {
			return
		}
	}
	row := partnerRow{Partner: p, Path: partnerPath(p.ID)}
	row.Tone, row.Words = stageWords(p.Stage)
	l.Rows = append(l.Rows, row)
}

// refused puts what the contract says about the filters beside the search.
func (l *partnerListing) refused(err error) bool {
	var problem *api.Error
	if !errors.As(err, &problem) || !errors.Is(err, api.Invalid) && !errors.Is(err, api.MalformedRequest) {
		return false
	}
	l.QueryFault = "This cannot be searched for. " + problem.Error()
	return true
}

// lastCalls adds when each of them called last.
func (v *visit) lastCalls(ctx context.Context, l *partnerListing) {
	l.NoCall = "none in 30 days"
	if len(l.Rows) == 0 {
		return
	}
	ids := make([]string, 0, len(l.Rows))
	for _, row := range l.Rows {
		ids = append(ids, row.ID)
	}
	a, err := v.api.LastCalls(ctx, api.LastCallsParams{Partners: strings.Join(ids, ",")})
	if err != nil {
		l.NoCall, l.CallFault = "not known", "When they called last cannot be told: "+reasonOf(err)
		return
	}
	for _, call := range a.Value.Items {
		for i := range l.Rows {
			if l.Rows[i].ID == call.PartnerID {
				l.Rows[i].Calls = append(l.Rows[i].Calls, call)
			}
		}
	}
}

// stageWords are the tone and the words for how far a partner has come.
func stageWords(stage api.Stage) (tone, words string) {
	switch stage {
	case "none":
		return "plain", "not asked for"
	case "applied":
		return "info", "applied"
	case "in_review":
		return "info", "in review"
	case "sandbox":
		return "good", "sandbox"
	case "production_review":
		return "info", "production in review"
	case "production":
		return "good", "production"
	case "suspended":
		return "bad", "suspended"
	}
	return "plain", string(stage)
}
