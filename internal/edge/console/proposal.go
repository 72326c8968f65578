package console

import (
	"net/http"
	"time"

	"countersign.dev/api"
	"countersign.dev/internal/edge/page"
)

func proposalRoutes() []route {
	return []route{
		{pattern: "GET /console/proposals", serve: (*visit).proposals},
		{pattern: "GET /console/proposals/{proposal}", serve: (*visit).proposal},
		{pattern: "POST /console/proposals/{proposal}/approve", serve: (*visit).proposalApprove, done: map[string]string{
			"approved":      "Approved. It waits for further approvals.",
			"approved-last": "Approved. Whoever asked for it applies it now, and alone sees what is secret of it.",
			"applied":       "Done: the change was made."}},
		{pattern: "POST /console/proposals/{proposal}/reject", serve: (*visit).proposalReject, done: map[string]string{
			"rejected": "Rejected. Nothing was changed."}},
		{pattern: "POST /console/proposals/{proposal}/withdraw", serve: (*visit).proposalWithdraw, done: map[string]string{
			"withdrawn": "Withdrawn. Nothing was changed."}},
		{pattern: "POST /console/proposals/{proposal}/comment", serve: (*visit).proposalComment, done: map[string]string{
			"commented": "The comment was added."}},
		{pattern: "POST /console/proposals/{proposal}/what-if", serve: (*visit).proposalReplay, done: map[string]string{
			"replayed": "The record was replayed; the report is attached."}},
		{pattern: "POST /console/proposals/{proposal}/apply", serve: (*visit).proposalApply},
		{pattern: "GET /console/proposals/{proposal}/edit", serve: (*visit).proposalEdit},
		{pattern: "POST /console/proposals/{proposal}/edit", serve: (*visit).proposalEdited, body: 1 << 20,
			done: map[string]string{
				"edited": "Edited. Approvals that were given before count no more."}},
		{pattern: "GET /console/proposals/{$}", serve: func(v *visit, w http.ResponseWriter, r *http.Request) {
			v.done(w, r,
				base+"/proposals", "")
		},
			done: map[string]string{"proposed": "Nothing was changed yet: it waits for a second person. This is what they will see."}},
	}
}

// proposalsPage lists changes that wait, or have waited.
type proposalsPage struct {
	Filter               *page.Form
	States, Environments []page.Option
	Caption              string
	Items                []proposalItem
	Empty                page.Empty
	First, Next          string
}

type proposalItem struct {
	ID, What, PartnerID, Partner, Environment, State, Tone, By string
	Mine                                                       bool
	At                                                         time.Time
	Given, Needed                                              int
}

// anyState is the choice of a filter that leaves nothing out; without a choice what waits is shown.
const anyState = "any"

var proposalStates = []page.Option{{Value: "open", Text: "waits for approval"}, {Value: "approved",
	Text: "waits to be applied"},
	{Value: "applied", Text: "applied"}, {Value: "rejected", Text: "rejected"}, {Value: "withdrawn", Text: "withdrawn"},
	{Value: "expired", Text: "expired"}, {Value: anyState, Text: "any"}}

func (v *visit) proposals(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	state := orWord(query.Get("state"), "open")
	params := api.ProposalListParams{After: query.Get("after"), Environment: query.Get("environment"),
		Partner: query.Get("partner"), Limit: 50}
	if state != anyState {
		params.State = api.ProposalState(state)
	}
	data := proposalsPage{Filter: &page.Form{Values: query}, States: proposalStates, Caption: "Changes, the newest first"}
	data.Filter.Values.Set("state", state)
	found, err := v.api.ProposalList(r.Context(), params)
	if err != nil && !refused(data.Filter, err) {
		v.fail(w, r, err)
		return
	}
	environments, err := v.environmentChoices(r, "every environment")
	if err != nil {
		v.fail(w, r, err)
		return
	}
	data.Environments = environments
	for _, p := range found.Value.Items {
		data.Items = append(data.Items, v.proposalItem(p))
	}
	data.Empty = page.Empty{Text: "No change is like that.", Why: "Changes wait here when a second person must approve them."}
	if state == "open" {
		data.Empty.Text = "Nothing waits for approval."
	}
	here := func(after string) string {
		return page.Link(base+"/proposals", "state", state, "environment", params.Environment, "partner", params.Partner,
			"after", after)
	}
	if params.After != "" {
		data.First = here("")
	}
	if found.Value.Next != "" {
		data.Next = here(found.Value.Next)
	}
	status := 0
	if data.Filter.Bad() {
		status, data.Filter.Problem = http.StatusUnprocessableEntity, "Nothing can be found that way."
	}
	v.show(w, r, "proposals", page.View{Title: "Proposals", Section: "proposals", Status: status, Data: data,
		Lead: "What was asked for and needs a second person before it is made."})
}

func (v *visit) proposalItem(p api.Proposal) proposalItem {
	return proposalItem{ID: p.ID, What: operationWords(p.Operation), PartnerID: p.PartnerID, Partner: orWord(p.PartnerName,
		p.PartnerID),
		Environment: p.Environment, State: proposalStateWords(string(p.State)), Tone: stateTone(string(p.State)),
		By:   actorWords(p.RequestedBy),
		Mine: p.RequestedBy == v.me.Actor, At: p.CreatedAt, Given: len(p.Approvals), Needed: p.Needed}
}

// environmentChoices are those that the visitor sees, as answers of a choice; first, where it is not empty, stands for none of
// them.
func (v *visit) environmentChoices(r *http.Request, first string) ([]page.Option, error) {
	found, err := v.api.EnvironmentList(r.Context())
	if err != nil {
		return nil, err
	}
	var options []page.Option
	if first != "" {
		options = append(options, page.Option{Text: first})
	}
	for _, e := range found.Value.Items {
		options = append(options, page.Option{Value: e.Name, Text: e.Name})
	}
	return options, nil
}
