package console

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sort"
	"strings"
	"time"

	"countersign.dev/api"
	"countersign.dev/internal/edge/page"
)

// difference is what carrying a proposal out would change, for people: what binds is the digest, and this is what it is about.
type difference struct {
	Says  string // the change in one sentence
	Rows  []diffRow
	Steps stepsView // of a declarative file: what applying it would do now
	Warn  []string  // what cannot be undone, or what follows from it
	Blind string    // why the present state is not shown; empty: it is, or there is none
}

// diffRow is one thing that a change sets. Now is empty where there is nothing yet, Then where nothing is left.
type diffRow struct{ What, Now, Then string }

// Kind is added, removed, changed or same: a word, so that no meaning is in a colour alone.
func (r diffRow) Kind() string {
	switch {
	case r.Now == r.Then:
		return "same"
	case r.Now == "":
		return "added"
	case r.Then == "":
		return "removed"
	}
	return "changed"
}

// differ reads the state that a proposal is about, with the permissions of whoever looks.
type differ struct {
	ctx   context.Context
	api   *api.Client
	p     api.Proposal
	tries bool // files may be tried: for whoever may not, that would be a refused attempt in the record
	out   *difference
}

// differences says what p would change. It reads what is there now as far as the visitor may see it; what may not be read is
// left
// out, and said.
func differences(ctx context.Context, client *api.Client, p api.Proposal, tries bool) difference {
	d := &differ{ctx: ctx, api: client, p: p, tries: tries, out: &difference{}}
	kind, _, _ := strings.Cut(p.Operation, ".")
	switch kind {
	case "partner", "review", "sealing_key":
		d.stated()
	case "credential", "tokens":
		d.credential()
	case "network":
		d.network()
	case "limit":
		d.limit()
	case "endpoint":
		d.endpoint()
	case "account", "service", "break_glass":
		d.person()
	case "settings":
		d.settings()
	case "register":
		d.file()
	}
	if d.out.Says == "" {
		d.plain()
	}
	return *d.out
}

// params reads the parameters; what does not fit is shown as it is, by plain.
func (d *differ) params(into any) bool { return json.Unmarshal(d.p.Params, into) == nil }

func (d *differ) row(what, now, then string) {
	if now != "" || then != "" {
		d.out.Rows = append(d.out.Rows, diffRow{what, now, then})
	}
}

// blind notes why something cannot be shown as it is now. true: there was a cause.
func (d *differ) blind(err error) bool {
	switch {
	case err == nil:
		return false
	case errors.Is(err, api.NotFound):
		d.out.Blind = "What it is about is not there any more, or is outside of what you may see."
	case errors.Is(err, api.Forbidden):
		d.out.Blind = "The present state is not shown: your roles do not include reading it."
	default:
		d.out.Blind = "The present state cannot be read at the moment; what is proposed is shown all the same."
	}
	return true
}

func (d *differ) partner() string { return page.Cut(60, orWord(d.p.PartnerName, "the partner")) }

// name is what an id stands for now, or the id itself.
func (d *differ) name(id string) string { return orWord(d.p.Names[id], id) }

func (d *differ) stated() {
	who, where := d.partner(), d.p.Environment
	var named struct{ Name string }
	switch d.p.Operation {
	case "partner.create":
		if d.params(&named) {
			d.out.Says = "A partner is added. It may call nothing until its review is approved."
			d.row("Partner", "", named.Name)
		}
	case "partner.close":
		d.out.Says = who + " is closed for good, in every environment: all its credentials are refused from then on."
		d.out.Warn = append(d.out.Warn, "A closed partner cannot be opened again.")
		d.row("Partner", "open", "closed")
	case "review.resume":
		d.out.Says = who + " is admitted to " + where + " again: its credentials count as before."
		d.row("Review for "+where, "suspended", "approved")
	case "review.close":
		d.out.Says = "The review of " + who + " for " + where +
			" is closed for good: its credentials there are refused from then on."
		d.out.Warn = append(d.out.Warn, "A closed review cannot be opened again.")
		d.row("Review for "+where, "", "closed")
	case "sealing_key.drop":
		d.out.Says = "The sealing keys of " + where +
			" are dropped: every access token of every partner there is refused from then on."
		d.out.Warn = append(d.out.Warn,
			"Partners have to exchange their secret for a new token. Nothing brings the former tokens back.")
		d.row("Access tokens of "+where, "accepted until they expire", "all refused")
	case "sealing_key.rotate":
		d.out.Says = "Access tokens of " + where + " are sealed with a new key. Those that are out go on until they expire."
	}
}

func (d *differ) network() {
	var n api.Network
	switch d.p.Operation {
	case "network.allow":
		if d.params(&n) {
			d.out.Says = "A network rule is added: " + d.partner() + " may call " + apiWords(n.API) + " in " + d.p.Environment +
				" from " + source(n) + "."
			d.row("Network rule", "", networkWords(n))
		}
	case "network.remove":
		if d.params(&n) {
			d.out.Says = "A network rule of " + d.partner() + " in " + d.p.Environment + " is removed."
			d.out.Warn = append(d.out.Warn,
				"Removing the last prefix can widen access: countries, where there are any, are then all that is asked.")
			now, err := d.api.NetworkGet(d.ctx, n.ID)
			if d.blind(err) {
				d.row("Network rule", d.name(n.ID), "")
				return
			}
			d.row("Network rule", networkWords(now.Value), "")
		}
	}
}

func source(n api.Network) string {
	if n.Country != "" {
		return "the country " + n.Country
	}
	return n.Prefix
}

func networkWords(n api.Network) string {
	text := source(n) + ", " + apiWords(n.API)
	if n.Note != "" {
		text += " (" + n.Note + ")"
	}
	return text
}

func apiWords(name string) string {
	if name == "" {
		return "every API"
	}
	return "the API " + name
}

func (d *differ) limit() {
	var l api.Limit
	if !d.params(&l) {
		return
	}
	var scoped struct{ Credential string }
	d.params(&scoped)
	l.CredentialID = scoped.Credential
	page, err := d.api.PartnerLimits(d.ctx, d.p.PartnerID, api.PartnerLimitsParams{})
	var now api.Limit
	if !d.blind(err) {
		i := slices.IndexFunc(page.Value.Items, func(o api.Limit) bool {
			return o.ID == l.ID || l.ID == "" && o.Environment == d.p.Environment && o.API == l.API &&
				o.CredentialID == l.CredentialID
		})
		if i >= 0 {
			now = page.Value.Items[i]
		}
	}
	scope := apiWords(l.API)
	if l.CredentialID != "" {
		scope += ", credential " + d.name(l.CredentialID)
	}
	if d.p.Operation == "limit.remove" {
		d.out.Says = "A limit of " + d.partner() + " in " + d.p.Environment + " is removed: the API's own counts again."
		l, scope = api.Limit{}, apiWords(now.API)
	} else {
		d.out.Says = "How much " + d.partner() + " may call in " + d.p.Environment + " is set for " + scope + "."
	}
	d.row("Applies to", scope, scope)
	d.row("Rate", rateWords(now), rateWords(l))
	d.row("Burst", countWords(int64(now.Burst)), countWords(int64(l.Burst)))
	d.row("Daily quota", countWords(now.Daily), countWords(l.Daily))
}

func rateWords(l api.Limit) string {
	if l.Rate == 0 {
		return ""
	}
	return page.Plural(l.Rate, "request", "requests") + " in " + spanWords(time.Duration(l.PerSeconds)*time.Second)
}

// limitWords is a limit in a few words.
func limitWords(l api.Limit) string {
	parts := []string{apiWords(l.API)}
	if text := rateWords(l); text != "" {
		parts = append(parts, text)
	}
	if l.Daily > 0 {
		parts = append(parts, countWords(l.Daily)+" a day")
	}
	return strings.Join(parts, ", ")
}

func (d *differ) endpoint() {
	var e struct {
		ID, URL, Description string
		Events               []string
		OverlapUntil         time.Time `json:"overlap_until"`
	}
	if !d.params(&e) {
		return
	}
	switch d.p.Operation {
	case "endpoint.add":
		d.out.Says = "A webhook endpoint of " + d.partner() + " is registered in " + d.p.Environment +
			". It gets events once it has proved that it holds its key."
		d.row("URL", "", e.URL)
		d.row("Description", "", e.Description)
		d.row("Events", "", orWord(strings.Join(e.Events, ", "), "all"))
	case "endpoint.rotate":
		d.out.Says = "A webhook endpoint of " + d.partner() + " gets a new signing key."
		d.row("Endpoint", d.name(e.ID), d.name(e.ID))
		d.row("Older keys", "count", endWords(e.OverlapUntil))
	}
}

// plain shows the parameters as they are, for an operation that this page knows no words for.
func (d *differ) plain() {
	d.out.Says = "The operation " + d.p.Operation + " is carried out with these parameters."
	var fields map[string]json.RawMessage
	if !d.params(&fields) {
		d.row("Parameters", "", string(d.p.Params))
		return
	}
	names := make([]string, 0, len(fields))
	for name := range fields {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		var text string
		if json.Unmarshal(fields[name], &text) != nil {
			text = string(fields[name])
		}
		d.row(name, "", text)
	}
}
