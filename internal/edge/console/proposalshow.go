package console

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"

	"countersign.dev/api"
	"countersign.dev/internal/edge/page"
)

// proposalPage is one change: what it is about, who asked, what the record says of it, and what the visitor may do about it.
type proposalPage struct {
	P                                                 api.Proposal
	Diff                                              difference
	State, Tone, By, Partner, EndedBy, ReportBy       string
	Editors, Approvers                                []string
	Approvals                                         []remark
	Comments                                          []remark
	Ended, HasReport, Replayable                      bool
	Report                                            whatIfView
	Warning                                           string // what stands in the way, as a sentence
	Exactly                                           string // the parameters whole, as the digest covers them
	ExactlyLeft                                       int    // bytes of them that a page does not hold
	Edited                                            string // why the page is shown again instead of what was asked for
	Why                                               string // why the visitor may not approve it, though others may
	Decide, MayApprove, MayApply, MayWithdraw         bool
	MayComment, MayReplay                             bool
	Spans                                             []page.Option
	Approve, Reject, Apply, Withdraw, Replay, Comment *page.Form
}

// remark is what somebody said about a change.
type remark struct {
	api.ProposalRemark
	Comment string
}

// proposalSaid is what a page of a change is shown again with, after something that was not carried out.
type proposalSaid struct {
	status int
	edited string
	form   string // name of the form that was sent
	sent   *page.Form
}

func (v *visit) proposal(w http.ResponseWriter, r *http.Request) {
	v.proposalAgain(w, r, proposalSaid{})
}

// proposalAgain shows a change as it is now.
func (v *visit) proposalAgain(w http.ResponseWriter, r *http.Request, said proposalSaid) {
	found, err := v.api.ProposalGet(r.Context(), r.PathValue("proposal"))
	if err != nil {
		v.fail(w, r, err)
		return
	}
	p := found.Value
	data := v.proposalData(p)
	data.Edited = said.edited
	data.Diff = differences(r.Context(), v.api, p, v.may("register.apply", ""))
	if err := v.proposalForms(&data, said); err != nil {
		v.fail(w, r, err)
		return
	}
	view := page.View{Title: operationWords(p.Operation), Section: "proposals", Status: said.status, Data: data,
		Trail: []page.Item{{Text: "Proposals", Href: base + "/proposals"}}}
	if p.PartnerName != "" {
		view.Lead = page.Cut(80, p.PartnerName)
		if p.Environment != "" {
			view.Lead += " in " + p.Environment
		}
	}
	if !data.Ended && v.mayAsk(p) {
		view.Actions = []page.Item{{Text: "Edit", Href: page.Path(base+"/proposals", p.ID, "edit")}}
	}
	v.show(w, r, "proposal", view)
}

func (v *visit) proposalData(p api.Proposal) proposalPage {
	data := proposalPage{P: p, State: proposalStateWords(string(p.State)), Tone: stateTone(string(p.State)),
		By:      actorWords(p.RequestedBy),
		Partner: orWord(p.PartnerName, p.PartnerID), EndedBy: actorWords(p.EndedBy), ReportBy: actorWords(p.WhatIf.By),
		Spans: replaySpans, Warning: sentence(p.Warning),
		Ended: p.State != api.ProposalStateOpen && p.State != api.ProposalStateApproved}
	for _, e := range p.Editors {
		data.Editors = append(data.Editors, actorWords(e))
	}
	for _, a := range p.Approvers {
		data.Approvers = append(data.Approvers, actorWords(a))
	}
	for _, a := range p.Approvals {
		data.Approvals = append(data.Approvals, remark{api.ProposalRemark{By: actorWords(a.By), At: a.At}, a.Comment})
	}
	for _, c := range p.Comments {
		data.Comments = append(data.Comments, remark{ProposalRemark: api.ProposalRemark{By: actorWords(c.By), At: c.At,
			Text: c.Text}})
	}
	data.Replayable = slices.Contains([]string{"network.allow", "network.remove", "limit.set", "limit.remove"}, p.Operation)
	data.HasReport = !p.WhatIf.At.IsZero()
	if data.HasReport {
		data.Report = viewWhatIf(p.WhatIf.Report, p.Names)
	}
	data.Exactly, data.ExactlyLeft = exactly(p.Params)
	v.proposalRights(&data)
	return data
}

// proposalRights leaves out what would be refused; the contract refuses it all the same.
func (v *visit) proposalRights(data *proposalPage) {
	p := data.P
	mine, approver := p.RequestedBy == v.me.Actor, v.may("proposals.approve", p.Environment)
	data.MayComment = approver || v.mayAsk(p)
	if data.Ended {
		return
	}
	open := p.State == api.ProposalStateOpen
	given := slices.ContainsFunc(p.Approvals, func(a api.ProposalApproval) bool { return a.By == v.me.Actor })
	edited := slices.Contains(p.Editors, v.me.Actor)
	data.MayApprove = open && approver && v.me.Kind == "operator" && !mine && !given && !edited
	switch {
	case !open || data.MayApprove || !approver && !mine:
	case mine:
		data.Why = "You asked for this, so somebody else approves it."
	case edited:
		data.Why = "You edited this, so somebody else approves it."
	case given:
		data.Why = "You have approved it. It waits for somebody else."
	case v.me.Kind != "operator":
		data.Why = "Only a person with an account of their own approves a change."
	}
	data.MayApply = p.State == api.ProposalStateApproved && mine
	data.MayWithdraw = mine && v.mayAsk(p)
	data.MayReplay = open && data.Replayable && v.may("whatif.run", p.Environment)
	data.Decide = data.MayApprove || data.MayApply || data.MayWithdraw || data.Why != ""
}

// mayAsk reports whether the visitor could ask for such a change; for one that this page does not know it is left to the
// contract.
func (v *visit) mayAsk(p api.Proposal) bool {
	permission := operations[p.Operation][1]
	return permission == "" || v.may(permission, p.Environment)
}

// proposalForms gives each form of the page its key; the one that was sent keeps what was typed.
func (v *visit) proposalForms(data *proposalPage, said proposalSaid) error {
	for name, into := range map[string]**page.Form{"approve": &data.Approve, "reject": &data.Reject, "apply": &data.Apply,
		"withdraw": &data.Withdraw, "what-if": &data.Replay, "comment": &data.Comment} {
		form, err := v.form()
		if err != nil {
			return err
		}
		if said.form == name && said.sent != nil {
			said.sent.Key = form.Key
			form = said.sent
		}
		*into = form
	}
	if data.Replay.Value("last") == "" {
		data.Replay.Values.Set("last", "168h")
	}
	return nil
}

// maxExactly is how much of the parameters a page holds: files of thousands of partners are longer.
const maxExactly = 512 << 10

// exactly are parameters as they are bound, for people: nothing is cut that fits a page, and no character of them is invisible or
// turns the text around it.
func exactly(params json.RawMessage) (text string, left int) {
	text = indented(params)
	if left = max(0, len(text)-maxExactly); left > 0 {
		text = strings.ToValidUTF8(text[:maxExactly], "")
	}
	var out strings.Builder
	for _, c := range text {
		if c == ' ' || c == '\n' || unicode.IsGraphic(c) && !unicode.Is(unicode.Zs, c) {
			out.WriteRune(c)
			continue
		}
		for _, unit := range utf16.Encode([]rune{c}) { // as JSON escapes it
			fmt.Fprintf(&out, `\u%04x`, unit)
		}
	}
	return out.String(), left
}
