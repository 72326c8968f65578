package portal

import (
	"slices"
	"strings"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
)

// place is where a partner stands in one environment.
type place struct {
	Environment Environment
	Title       string
	Known       bool   // access was asked for, so that what a caller needs to know is told
	State, Tone string // of the review, in a word
	Since       time.Time
	Next        string // what is next and who acts, in a sentence
	CanAsk      bool
	AskText     string // of the button
	Steps       []step
}

// step is one thing on the way to the first call.
type step struct {
	Text, Detail string
	Who          string // "done", "you", "operator", "later"
	Href, Action string
}

// Tone is that of a step's badge, Word what it says.
func (s step) Tone() string {
	return map[string]string{"done": "good", "you": "warn", "operator": "info"}[s.Who]
}

// Word is what the badge of a step says.
func (s step) Word() string {
	return map[string]string{"done": "Done", "you": "Yours to do", "operator": "With the operator", "later": "Later"}[s.Who]
}

func reviewOf(own registry.MemberView, environment string) registry.MemberReview {
	for _, r := range own.Reviews {
		if r.Environment == environment {
			return r
		}
	}
	return registry.MemberReview{Environment: environment}
}

func networksIn(own registry.MemberView, environment string) (out []partner.NetworkRule) {
	for _, n := range own.Networks {
		if n.Environment == environment {
			out = append(out, n)
		}
	}
	return out
}

// placeOf says where the partner stands.
func placeOf(own registry.MemberView, e Environment, u used) place {
	review := reviewOf(own, e.Name)
	p := place{Environment: e, Title: title(e.Name), Known: review.State != "", Since: review.ChangedAt, AskText: "Request access to " + e.Name}
	if e.Last {
		p.AskText = "Request production access"
	}
	switch review.State {
	case "":
		p.State, p.CanAsk, p.Next = "Not requested", !review.Blocked, "Nobody has asked for access to "+e.Name+" yet."
		if review.Blocked {
			p.State, p.Next = "Later", "First comes access to "+review.After+". When that is approved, you can ask here."
		}
	case partner.ReviewRequested:
		p.State, p.Tone, p.Next = "Requested", "info", "You asked for access. An operator takes it up; you can complete the checklist meanwhile."
	case partner.ReviewStarted:
		p.State, p.Tone, p.Next = "In review", "info", "An operator works on your review."
	case partner.ReviewApproved:
		p.State, p.Tone, p.Next = "Approved", "good", "You have access to "+e.Name+"."
	case partner.ReviewSuspended:
		p.State, p.Tone, p.Next = "Suspended", "bad", "Your access is suspended: every call is refused. Ask your operator what has to happen."
	case partner.ReviewClosed:
		p.State, p.Tone, p.Next = "Closed", "bad", "Your access to "+e.Name+" was ended for good. Ask your operator."
	}
	if own.Partner.Closed {
		p.CanAsk = false
	}
	p.Steps = stepsOf(own, e, review, u)
	return p
}

// stepsOf is the way to the first call.
func stepsOf(own registry.MemberView, e Environment, review registry.MemberReview, u used) []step {
	ask := step{Text: "Ask for access", Who: "you"}
	check := step{Text: "Complete the checklist", Who: "later"}
	decide := step{Text: "An operator approves your access", Who: "later"}
	approved := review.State == partner.ReviewApproved
	if review.Blocked {
		ask.Who, ask.Detail = "later", "after "+review.After
	}
	if review.State != "" {
		ask.Who, check.Who, decide.Who = "done", "you", "operator"
	}
	missing := missingOf(review)
	switch {
	case len(review.Items) == 0:
		check.Text, check.Who = "No checklist: nothing to prove", "done"
	case len(missing) == 0 || approved:
		check.Who = "done"
	case review.State != "":
		check.Detail = "still open: " + strings.Join(missing, "; ")
	}
	if approved {
		decide.Who = "done"
	}
	return append([]step{ask, check, decide}, useSteps(own, e, review, u)...)
}

// missingOf are the titles of the required items that are not done.
func missingOf(review registry.MemberReview) (out []string) {
	for _, i := range review.Items {
		if i.Required && !i.Done {
			out = append(out, i.Title)
		}
	}
	return out
}

// useSteps are what comes once access is approved: credentials, and addresses where an API asks for them.
func useSteps(own registry.MemberView, e Environment, review registry.MemberReview, u used) []step {
	approved := review.State == partner.ReviewApproved
	later := func(who string) string {
		if approved || who == "done" {
			return who
		}
		return "later"
	}
	credential := step{Text: "Get your credentials", Who: "you"}
	missing := wantedIn(own, e)
	switch {
	case slices.ContainsFunc(own.Credentials, func(c partner.Credential) bool { return c.Environment == e.Name && c.RevokedAt.IsZero() }):
		credential.Who = "done"
	case slices.ContainsFunc(missing, func(w wanted) bool { return w.Waits != nil && w.Waits.State == registry.ProposalOpen }):
		credential.Who = "operator"
	}
	credential.Who = later(credential.Who)
	steps := []step{credential}
	if asksAddresses(e) {
		address := step{Text: "Register the addresses that you call from", Who: "you", Href: Base + "/addresses", Action: "Addresses"}
		prefixes := slices.ContainsFunc(networksIn(own, e.Name), func(n partner.NetworkRule) bool { return n.Prefix.IsValid() })
		waits := slices.ContainsFunc(own.Proposals, func(p registry.MemberProposal) bool {
			return p.State == registry.ProposalOpen && p.Operation.Name == registry.OpNetworkAllow && p.Operation.Environment == e.Name
		})
		switch {
		case prefixes:
			address.Who = "done"
		case waits:
			address.Who = "operator"
		case review.State == "":
			address.Who = "later"
		}
		steps = append(steps, address)
	}
	call := step{Text: "Make the first call", Who: later("you"), Href: Base + "/calls", Action: "Calls"}
	if e.Tester {
		call.Href, call.Action = Base+"/tester", "Try a call"
	}
	if u.letIn(e.Name) {
		call.Who = "done"
	}
	return append(steps, call)
}

// asksAddresses reports whether an API of e lets nobody in without a registered address.
func asksAddresses(e Environment) bool {
	return slices.ContainsFunc(e.APIs, func(a API) bool {
		return a.API != nil && (a.Addresses == access.AddressRequired || a.Addresses == access.AddressDefault && a.Protocol == access.Signed)
	})
}

// wanted is a kind of credential that an environment's APIs take and of which the partner has none.
type wanted struct {
	Kind  partner.Kind
	Words string
	APIs  []string
	Waits *registry.MemberProposal // asked for: it waits for an operator, or to be taken; nil: it was not asked for
}

// wantedIn lists the credentials that are still to be had in e.
func wantedIn(own registry.MemberView, e Environment) (out []wanted) {
	for _, kind := range []struct {
		kind     partner.Kind
		protocol access.Protocol
	}{{partner.SigningKey, access.Signed}, {partner.App, access.Token}} {
		w := wanted{Kind: kind.kind, Words: kindWords(kind.kind)}
		for _, a := range e.APIs {
			if a.API != nil && a.Protocol == kind.protocol {
				w.APIs = append(w.APIs, a.Name)
			}
		}
		has := slices.ContainsFunc(own.Credentials, func(c partner.Credential) bool {
			return c.Environment == e.Name && c.Kind == kind.kind && c.RevokedAt.IsZero()
		})
		if len(w.APIs) == 0 || has {
			continue
		}
		w.Waits = waitingIssue(own, e.Name, kind.kind)
		out = append(out, w)
	}
	return out
}

// kindWords is what people call a kind of credential.
func kindWords(kind partner.Kind) string {
	if kind == partner.App {
		return "app key, partner id and partner secret"
	}
	return "API token and API secret"
}
