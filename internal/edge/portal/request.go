package portal

import (
	"encoding/json"
	"errors"
	"net/http"

	"countersign.dev/internal/edge/page"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
)

func requestRoutes() []route {
	return []route{
		{pattern: "GET /requests", serve: (*visit).requests},
		{pattern: "POST /requests/{request}/take", serve: (*visit).take, back: "/requests"},
		{pattern: "POST /requests/{request}/withdraw", serve: (*visit).withdraw, back: "/requests"},
	}
}

// asked is what a member asked for and an operator decides about.
type asked struct {
	registry.MemberProposal
	What, Detail string
	Word, Tone   string
	Own          bool // the visitor asked for it: only who asked takes the secret or withdraws
	CanTake      bool
	CanWithdraw  bool
}

type requestsPage struct {
	Waiting, Ended []asked
	Form           *page.Form
}

// requests lists what waits for an operator, and what became of what did.
func (v *visit) requests(w http.ResponseWriter, r *http.Request) {
	own, err := v.own(r.Context())
	if err != nil {
		v.fail(w, r, err, nil)
		return
	}
	data := requestsPage{Form: v.newForm(w, r)}
	if data.Form == nil {
		return
	}
	for _, p := range own.Proposals {
		a := askedOf(p, v.who.Name)
		if a.EndedAt.IsZero() {
			data.Waiting = append(data.Waiting, a)
		} else {
			data.Ended = append(data.Ended, a)
		}
	}
	v.show(w, r, "requests", page.View{Title: "Requests", Section: "requests",
		Lead: "What people of yours asked for and an operator decides about.", Data: data})
}

// askedOf describes a proposal to the people of its partner.
func askedOf(p registry.MemberProposal, who string) asked {
	a := asked{MemberProposal: p, Own: p.By == who}
	a.What, a.Detail = operationWords(p.Operation)
	switch p.State {
	case registry.ProposalOpen:
		a.Word, a.Tone, a.CanWithdraw = "Waits for an operator", "info", a.Own
	case registry.ProposalReady:
		a.Word, a.Tone, a.CanTake, a.CanWithdraw = "Approved: take the secret", "warn", a.Own, a.Own
		if !a.Own {
			a.Word = "Approved: " + p.By + " takes the secret"
		}
	case registry.ProposalDone:
		a.Word, a.Tone = "Done", "good"
	case registry.ProposalRejected:
		a.Word, a.Tone = "Rejected", "bad"
	case registry.ProposalWithdrawn:
		a.Word = "Withdrawn"
	case registry.ProposalExpired:
		a.Word = "Expired: nobody decided in time"
	}
	return a
}

// operationWords says in words what an operation of a member is.
func operationWords(op registry.Operation) (what, detail string) {
	switch op.Name {
	case registry.OpNetworkAllow:
		var p registry.NetworkAllow
		if json.Unmarshal(op.Params, &p) != nil {
			break
		}
		detail = "every API"
		if p.API != "" {
			detail = "API " + p.API
		}
		if p.Note != "" {
			detail += ": " + page.Cut(120, p.Note)
		}
		if p.Prefix.IsValid() {
			return "Let " + p.Prefix.String() + " call " + op.Environment, detail
		}
		return "Let the country " + p.Country + " call " + op.Environment, detail
	case registry.OpNetworkRemove:
		return "Remove a network of " + op.Environment, "the last one, so that more could call"
	case registry.OpCredentialIssue:
		var p registry.CredentialIssue
		if json.Unmarshal(op.Params, &p) == nil {
			return "Issue " + kindWords(p.Kind), op.Environment
		}
	case registry.OpCredentialRotate:
		return "Replace a secret", op.Environment
	}
	return "A change", op.Environment
}

// waitingIssue is the request for a credential of a kind that has not ended.
func waitingIssue(own registry.MemberView, environment string, kind partner.Kind) *registry.MemberProposal {
	for i, p := range own.Proposals {
		var params registry.CredentialIssue
		if p.EndedAt.IsZero() && p.Operation.Name == registry.OpCredentialIssue && p.Operation.Environment == environment &&
			json.Unmarshal(p.Operation.Params, &params) == nil && params.Kind == kind {
			return &own.Proposals[i]
		}
	}
	return nil
}

// ownRequest finds a request of the partner; false: it was answered.
func (v *visit) ownRequest(w http.ResponseWriter, r *http.Request, form *page.Form) (asked, bool) {
	own, err := v.own(r.Context())
	if err != nil {
		v.fail(w, r, err, form)
		return asked{}, false
	}
	for _, p := range own.Proposals {
		if p.ID == r.PathValue("request") {
			return askedOf(p, v.who.Name), true
		}
	}
	v.foreignRow(w, r)
	return asked{}, false
}

// take carries out what was approved, and shows the secret that it makes, this once.
func (v *visit) take(w http.ResponseWriter, r *http.Request) {
	form := v.form(w, r)
	if form == nil {
		return
	}
	a, ok := v.ownRequest(w, r, form)
	if !ok {
		return
	}
	switch {
	case a.State == registry.ProposalDone:
		v.shownAlready(w, r)
		return
	case !a.Own:
		v.refused(w, r, "Only "+page.Cut(60, a.By)+", who asked for it, can take this secret. Nothing was done.", form)
		return
	}
	done, err := v.s.cfg.Register.ApplyAsMember(r.Context(), v.who, a.ID)
	if errors.Is(err, registry.ErrState) {
		v.lateOrTaken(w, r, form)
		return
	}
	if err != nil {
		v.fail(w, r, err, form)
		return
	}
	v.handOver(w, r, done)
}

// lateOrTaken answers a request that is not there to be taken any more: taken by the same form a moment ago, or ended.
func (v *visit) lateOrTaken(w http.ResponseWriter, r *http.Request, form *page.Form) {
	a, ok := v.ownRequest(w, r, form)
	if !ok {
		return
	}
	if a.State == registry.ProposalDone {
		v.shownAlready(w, r)
		return
	}
	v.refused(w, r, "This cannot be carried out as things are now: "+a.Word+".", form)
}

// withdraw takes a request back.
func (v *visit) withdraw(w http.ResponseWriter, r *http.Request) {
	form := v.form(w, r)
	if form == nil {
		return
	}
	a, ok := v.ownRequest(w, r, form)
	if !ok {
		return
	}
	if !a.EndedAt.IsZero() || !a.Own {
		v.refused(w, r, "Only who asked can withdraw, and only what still waits. Nothing was done.", form)
		return
	}
	_, err := v.s.cfg.Register.WithdrawAsMember(r.Context(), v.who, a.ID, "")
	v.settle(w, r, err, form, Base+"/requests", "withdrawn")
}
