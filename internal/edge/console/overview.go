package console

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"countersign.dev/api"
	"countersign.dev/internal/edge/page"
)

func overviewRoutes() []route {
	return []route{{pattern: "GET /console/{$}", serve: (*visit).overview}}
}

// spans are the lengths of time that the overview shows; the middle one unless the address says otherwise.
var spans = []struct {
	last api.TrafficParamsLast
	text string
}{
	{api.TrafficParamsLastN1H, "Last hour"}, {api.TrafficParamsLastN24H, "Last 24 hours"}, {api.TrafficParamsLastN7D, "Last 7 days"},
}

// overviewPage is what happens now, and what needs a person.
type overviewPage struct {
	Needs        []need
	More         int    // needs that are not listed
	NeedsFault   string // why there are none to be seen
	Traffic      *api.Traffic
	TrafficFault string
	Spans        []page.Item
	Last         string // of the address
	Environment  string // shown alone; "" for all
	API          string
	All          string // address without the two
	Allowed      int64
	Refused      int64
	Rows         []trafficRow
	Panels       []trafficPanel
	Left         int // rows that have no panel
}

// overview shows both halves; one that cannot be had says why, and the other one is shown all the same.
func (v *visit) overview(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	last := spans[1].last
	for _, one := range spans {
		if q.Get("last") == string(one.last) {
			last = one.last
		}
	}
	p := overviewPage{Last: string(last), Environment: q.Get("environment"), API: q.Get("api"), All: page.Link(base+"/", "last", string(last))}
	if err := v.overviewNeeds(r, &p); err != nil {
		v.fail(w, r, err)
		return
	}
	if err := v.overviewTraffic(r, &p, last); err != nil {
		v.fail(w, r, err)
		return
	}
	for _, one := range spans {
		p.Spans = append(p.Spans, page.Item{Text: one.text, Here: one.last == last,
			Href: page.Link(base+"/", "last", string(one.last), "environment", p.Environment, "api", p.API) + "#traffic"})
	}
	v.show(w, r, "overview", page.View{Title: "Overview", Section: "overview", Data: p})
}

// overviewNeeds asks what needs a person.
func (v *visit) overviewNeeds(r *http.Request, p *overviewPage) error {
	answer, err := v.api.Attention(r.Context())
	if err != nil {
		p.NeedsFault = whyNot(err)
		return leave(err)
	}
	p.More = answer.Value.More
	for _, one := range answer.Value.Items {
		p.Needs = append(p.Needs, needOf(one))
	}
	return nil
}

// overviewTraffic asks for the numbers and draws them.
func (v *visit) overviewTraffic(r *http.Request, p *overviewPage, last api.TrafficParamsLast) error {
	answer, err := v.api.Traffic(r.Context(), api.TrafficParams{Last: last, Environment: p.Environment, API: p.API})
	if err != nil {
		p.TrafficFault = whyNot(err)
		return leave(err)
	}
	t := answer.Value
	p.Traffic = &t
	// The busiest first: where much happens, most is to be seen.
	slices.SortStableFunc(t.Series, func(a, b api.TrafficSeries) int { return int(min(1, max(-1, b.Allowed+b.Refused-a.Allowed-a.Refused))) })
	for i, one := range t.Series {
		p.Allowed, p.Refused = p.Allowed+one.Allowed, p.Refused+one.Refused
		p.Rows = append(p.Rows, rowOf(one, p.Last))
		if one.Allowed+one.Refused == 0 || len(p.Panels) >= maxPanels {
			p.Left++
			continue
		}
		panel, err := panelOf(i, one, t)
		if err != nil {
			return err
		}
		p.Panels = append(p.Panels, panel)
	}
	return nil
}

// maxPanels is how many environments and APIs are drawn; the table has all of them.
const maxPanels = 8

// whyNot says in one sentence why a part of a page is missing.
func whyNot(err error) string {
	var problem *api.Error
	switch {
	case errors.Is(err, api.Forbidden) && errors.As(err, &problem):
		return "This needs the permission “" + problem.Permission + "”, which you do not have."
	case errors.As(err, &problem) && problem.Detail != "" && !strings.Contains(problem.Detail, "`"):
		return "It cannot be told at the moment: " + problem.Detail
	}
	return "It cannot be told at the moment. Load the page again in some seconds."
}

// leave keeps the errors for which no half of a page can be shown: a session that has ended.
func leave(err error) error {
	if errors.Is(err, api.NotSignedIn) {
		return err
	}
	return nil
}

// need is one thing that needs a person, and where it is dealt with.
type need struct {
	api.AttentionItem
	Word, Tone string
	Link, Href string // what it is about, and where that is dealt with
}

// attentionWords are the kinds in words.
var attentionWords = map[api.AttentionItemKind]string{
	api.AttentionItemKindBreakGlassOpen:    "Break-glass",
	api.AttentionItemKindCredentialExpires: "Expires",
	api.AttentionItemKindCredentialLocked:  "Locked",
	api.AttentionItemKindLinesLost:         "Lines lost",
	api.AttentionItemKindNodeBehind:        "Node behind",
	api.AttentionItemKindProposalWaiting:   "Change waits",
	api.AttentionItemKindRecordFaulty:      "Record faulty",
	api.AttentionItemKindRefusalsRise:      "Refusals rise",
	api.AttentionItemKindReviewWaiting:     "Review waits",
	api.AttentionItemKindSecretWaiting:     "Secret waits",
}

func needOf(one api.AttentionItem) need {
	n := need{AttentionItem: one, Word: attentionWords[one.Kind], Tone: "warn", Href: needHref(one)}
	if n.Word == "" {
		n.Word = "Look"
	}
	switch {
	case one.PartnerName != "":
		n.Link = page.Cut(80, one.PartnerName)
	case one.API != "":
		n.Link = strings.TrimSuffix(one.API+": "+one.Reason, ": ")
	case one.Kind == api.AttentionItemKindNodeBehind:
		n.Link = "Nodes"
	case one.Environment != "":
		n.Link = one.Environment
	default:
		n.Link = "Look at it"
	}
	if one.Grave {
		n.Tone = "bad"
	}
	if one.Kind == api.AttentionItemKindRefusalsRise || one.Kind == api.AttentionItemKindLinesLost {
		n.At = time.Time{} // it is the begin of the span that the text names, and no moment at which something happened
	}
	if one.Kind == api.AttentionItemKindProposalWaiting || one.Kind == api.AttentionItemKindReviewWaiting {
		n.Tone = "info"
	}
	return n
}

// needHref is where a need is dealt with.
func needHref(one api.AttentionItem) string {
	switch one.Kind {
	case api.AttentionItemKindProposalWaiting:
		return page.Path(base+"/proposals", one.ProposalID)
	case api.AttentionItemKindCredentialExpires, api.AttentionItemKindCredentialLocked, api.AttentionItemKindSecretWaiting:
		if one.CredentialID != "" {
			return page.Path(base+"/credentials", one.CredentialID)
		}
	case api.AttentionItemKindRefusalsRise:
		return page.Link(base+"/decisions", "environment", one.Environment, "api", one.API, "reason", one.Reason)
	case api.AttentionItemKindLinesLost, api.AttentionItemKindRecordFaulty:
		return base + "/audit"
	case api.AttentionItemKindBreakGlassOpen:
		return base + "/settings/break-glass"
	case api.AttentionItemKindNodeBehind:
		return base + "/nodes"
	}
	if one.PartnerID != "" {
		return page.Path(base+"/partners", one.PartnerID)
	}
	return base + "/partners"
}

// stepText says how long one bar of the charts is.
func stepText(t *api.Traffic) string { return page.Span(time.Duration(t.StepSeconds) * time.Second) }
