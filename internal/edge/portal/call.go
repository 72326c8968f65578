package portal

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"countersign.dev/internal/audit/search"
	"countersign.dev/internal/edge/page"
	"countersign.dev/internal/registry"
)

func callRoutes() []route {
	return []route{
		{pattern: "GET /calls", serve: (*visit).calls},
		{pattern: "GET /calls/{request}", serve: (*visit).call},
	}
}

// callsOnPage is how many calls one page lists.
const callsOnPage = 50

type callsPage struct {
	Rows    []callRow
	Form    *page.Form // the filter, as it was asked for
	Pager   page.Pager
	Kept    bool // calls are recorded
	Unread  bool // a part of the record could not be read
	Spans   []page.Option
	Results []page.Option
	Reasons []page.Option
	Places  []page.Option
	Asked   bool // a filter is set
}

var spans = []page.Option{{Value: "", Text: "any time"}, {Value: "1h", Text: "the last hour"}, {Value: "24h", Text: "the last day"}, {Value: "7d", Text: "the last week"}}

var spanOf = map[string]time.Duration{"1h": time.Hour, "24h": 24 * time.Hour, "7d": 7 * 24 * time.Hour}

var results = []page.Option{{Value: "", Text: "all"}, {Value: "allow", Text: "let in"}, {Value: "refuse", Text: "refused"}}

// calls lists recent calls and refusals of the partner.
func (v *visit) calls(w http.ResponseWriter, r *http.Request) {
	asked := r.URL.Query()
	if id := strings.TrimSpace(asked.Get("request")); id != "" {
		http.Redirect(w, r, page.Path(Base+"/calls", page.Cut(100, id)), http.StatusSeeOther)
		return
	}
	form := &page.Form{Values: asked}
	data := callsPage{Form: form, Kept: v.s.cfg.Records != nil, Spans: spans, Results: results, Reasons: reasonOptions(), Places: v.placeOptions()}
	q := v.callQuery(form)
	data.Asked = q.Environment+q.Reason+asked.Get("result")+asked.Get("last")+asked.Get("address") != ""
	if data.Kept && !form.Bad() {
		found, err := v.listCalls(r.Context(), q, form.Value("after"))
		if err != nil {
			v.fail(w, r, err, nil)
			return
		}
		data.fill(found, v.partner)
		data.Pager = pagerOf(form, lastOf(found))
	}
	status := 0
	if form.Bad() {
		status = http.StatusUnprocessableEntity
	}
	v.show(w, r, "calls", page.View{Title: "Calls", Section: "calls", Status: status,
		Lead: "What arrived with your keys, the newest first: what was let in, and what was refused and why.", Data: data})
}

// listCalls asks for a page of calls, of those behind one of the partner's own where its request id is given. The record's own cursor
// is not for partners: it counts the calls of all of them. Errors: registry.ErrNotFound for an id that is none of the partner's.
func (v *visit) listCalls(ctx context.Context, q search.Query, after string) (search.Page, error) {
	if after == "" {
		return v.s.cfg.Records.Find(ctx, q)
	}
	if !isRequestID(after) {
		return search.Page{}, registry.ErrNotFound
	}
	last, err := v.s.cfg.Records.Find(ctx, search.Query{Partner: v.partner, RequestID: after, Decision: "final", Limit: 1})
	if err != nil {
		return search.Page{}, err
	}
	if len(last.Found) == 0 {
		return search.Page{}, registry.ErrNotFound
	}
	q.Cursor = last.Found[0].Cursor()
	return v.s.cfg.Records.Find(ctx, q)
}

// lastOf is the request id of the last line of a page behind which there are more; empty: there are none.
func lastOf(found search.Page) string {
	if found.Next == "" || len(found.Found) == 0 {
		return ""
	}
	return string(found.Found[len(found.Found)-1].Line.RequestID)
}

// fill takes the lines over that are the partner's: a record that answers another question than was asked shows nobody anything.
func (p *callsPage) fill(found search.Page, partnerID string) {
	p.Unread = len(found.Unread) > 0
	for i := range found.Found {
		if string(found.Found[i].Line.Partner) != partnerID {
			continue
		}
		p.Rows = append(p.Rows, callOf(&found.Found[i].Line))
	}
}

func pagerOf(form *page.Form, next string) page.Pager {
	link := func(after string) string {
		return page.Link(Base+"/calls", "environment", form.Value("environment"), "result", form.Value("result"), "reason", form.Value("reason"),
			"last", form.Value("last"), "address", form.Value("address"), "after", after)
	}
	p := page.Pager{}
	if form.Value("after") != "" {
		p.First = link("")
	}
	if next != "" {
		p.Next = link(next)
	}
	return p
}

// callQuery makes a question to the record of what was asked for. The partner is the session's, and stands in every question.
func (v *visit) callQuery(form *page.Form) search.Query {
	q := search.Query{Partner: v.partner, Decision: "final", Limit: callsOnPage}
	if _, ok := v.s.environment(form.Value("environment")); ok {
		q.Environment = form.Value("environment")
	}
	if result := form.Value("result"); result == "allow" || result == "refuse" {
		q.Decision = result
	}
	if _, ok := reasons[form.Value("reason")]; ok {
		q.Reason = form.Value("reason")
	}
	if span, ok := spanOf[form.Value("last")]; ok && form.Value("after") == "" {
		q.From = v.s.cfg.Now().Add(-span)
	} else if ok {
		q.From = v.s.cfg.Now().Add(-span - time.Hour) // while somebody turns pages, nothing falls out at the end
	}
	if text := strings.TrimSpace(form.Value("address")); text != "" {
		prefix, err := parsePrefix(text)
		if err != nil {
			form.Refuse("address", "Write an address or a network: 203.0.113.7, or 203.0.113.0/24.")
		}
		q.Address = prefix
	}
	return q
}

// parsePrefix reads an address or a network; an address is the network of itself.
func parsePrefix(text string) (netip.Prefix, error) {
	if address, err := netip.ParseAddr(text); err == nil {
		address = address.Unmap()
		if address.Zone() != "" {
			return netip.Prefix{}, errors.New("an address has no zone")
		}
		return netip.PrefixFrom(address, address.BitLen()), nil
	}
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		return prefix, err
	}
	return prefix, nil
}

func (v *visit) placeOptions() []page.Option {
	out := []page.Option{{Value: "", Text: "all"}}
	for _, e := range v.s.cfg.Environments() {
		out = append(out, page.Option{Value: e.Name, Text: e.Name})
	}
	return out
}

// findCall reads the line of one call of the partner's own; ok is false where there is none. Whoever asks for a call of another
// partner gets the same as whoever asks for one that never was: the question itself names the partner.
func (v *visit) findCall(ctx context.Context, id string) (line search.Line, finished, ok bool, err error) {
	if v.s.cfg.Records == nil || !isRequestID(id) {
		return line, false, false, nil
	}
	found, err := v.s.cfg.Records.Find(ctx, search.Query{Partner: v.partner, RequestID: id, Limit: 4})
	if err != nil {
		return line, false, false, err
	}
	for i := range found.Found {
		one := found.Found[i].Line
		if string(one.Partner) != v.partner || one.Kind != search.Admit && !one.Kind.Final() {
			continue // a record that answers another question than was asked shows nobody anything
		}
		if one.Kind.Final() {
			return one, true, true, nil
		}
		line, ok = one, true
	}
	return line, false, ok, nil
}

// call tells the story of one call, as far as its partner may know it.
func (v *visit) call(w http.ResponseWriter, r *http.Request) {
	found, finished, ok, err := v.findCall(r.Context(), r.PathValue("request"))
	if err != nil {
		v.fail(w, r, err, nil)
		return
	}
	if !ok {
		v.nowhere(w, r)
		return
	}
	own, err := v.own(r.Context())
	if err != nil {
		v.fail(w, r, err, nil)
		return
	}
	data := v.storyOf(&found, finished, own)
	v.show(w, r, "call", page.View{Title: "Call " + page.Short(data.ID), Heading: data.Method + " " + page.Cut(80, data.Path), Section: "calls",
		Trail: []page.Item{{Text: "Calls", Href: Base + "/calls"}}, Data: data})
}
