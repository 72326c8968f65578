package console

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"

	"countersign.dev/api"
	"countersign.dev/internal/edge/page"
)

// proposalEditPage is the form of a change that is to be edited.
type proposalEditPage struct {
	ID     string
	Form   *page.Form
	Fields []page.Field
}

// fieldPrefix keeps a parameter called "reason" apart from the reason of the edit.
const fieldPrefix = "param-"

func (v *visit) proposalEdit(w http.ResponseWriter, r *http.Request) {
	p, err := v.proposalNow(r)
	if err != nil {
		v.fail(w, r, err)
		return
	}
	if !v.needs(w, r, operations[p.Operation][1], p.Environment) {
		return
	}
	form, err := v.form("reason", p.Reason, "etag", p.Etag)
	if err != nil {
		v.fail(w, r, err)
		return
	}
	var params map[string]any
	if json.Unmarshal(p.Params, &params) != nil || editFields[p.Operation] == nil {
		form.Values.Set(fieldPrefix+"json", indented(p.Params))
	}
	for _, f := range editFields[p.Operation] {
		form.Values.Set(fieldPrefix+f.name, f.shown(params[f.name]))
	}
	v.proposalEditAgain(w, r, p, form, 0)
}

func indented(raw json.RawMessage) string {
	var b bytes.Buffer
	if json.Indent(&b, raw, "", "  ") != nil {
		return string(raw)
	}
	return b.String()
}

func (v *visit) proposalEditAgain(w http.ResponseWriter, r *http.Request, p api.Proposal, form *page.Form, status int) {
	data := proposalEditPage{ID: p.ID, Form: form}
	for _, f := range editFields[p.Operation] {
		one := page.Field{Form: form, Name: fieldPrefix + f.name, Label: f.label, Hint: f.hint, Type: "text", Auto: "off",
			Rows: 4}
		switch f.kind {
		case "lines":
			one.Rows, one.Mono = 5, true
		case "whole":
			one.Type, one.Least = "number", "0"
		case "moment":
			one = momentField(form, one.Name, f.label, f.hint, false).Field
		}
		data.Fields = append(data.Fields, one)
	}
	if data.Fields == nil {
		data.Fields = []page.Field{{Form: form, Name: fieldPrefix + "json", Label: "Parameters",
			Hint: "As JSON, with the names that the contract has.", Rows: 12, Mono: true, Required: true}}
	}
	v.show(w, r, "proposaledit", page.View{Title: "Edit: " + operationWords(p.Operation), Section: "proposals", Status: status,
		Narrow: true, Data: data,
		Trail: []page.Item{{Text: "Proposals", Href: base + "/proposals"}, {Text: operationWords(p.Operation),
			Href: proposalPath(r)}}})
}

// proposalEdited sends the parameters back whole, under the ETag that the form was made of.
func (v *visit) proposalEdited(w http.ResponseWriter, r *http.Request) {
	form, ok := v.read(w, r)
	if !ok {
		return
	}
	p, err := v.proposalNow(r)
	if err != nil {
		v.fail(w, r, err)
		return
	}
	params := edited(form, p)
	if form.Bad() {
		v.proposalEditAgain(w, r, p, form, http.StatusUnprocessableEntity)
		return
	}
	_, err = v.api.ProposalEdit(r.Context(), p.ID, api.ProposalEditParams{IfMatch: match(form.Value("etag"))},
		api.ProposalEdit{Params: params, Reason: form.Value("reason")})
	switch {
	case err == nil:
		v.done(w, r, proposalPath(r), "edited")
	case errors.Is(err, api.Stale) && v.editedSo(r, params, form.Value("reason")):
		v.done(w, r, proposalPath(r), "edited")
	case errors.Is(err, api.Stale):
		form.Problem = "Nothing was changed: somebody edited it, or commented on it, after your page was made. Look at it in another window; send this again to put yours in its place."
		form.Values.Set("etag", p.Etag)
		v.proposalEditAgain(w, r, p, form, http.StatusPreconditionFailed)
	case refused(form, err):
		v.proposalEditAgain(w, r, p, form, statusOf(err))
	default:
		v.fail(w, r, err)
	}
}

// edited are the parameters as the form has them.
func edited(form *page.Form, p api.Proposal) json.RawMessage {
	fields := editFields[p.Operation]
	if fields == nil {
		raw := json.RawMessage(strings.TrimSpace(form.Value(fieldPrefix + "json")))
		if !json.Valid(raw) || len(raw) == 0 || raw[0] != '{' {
			form.Refuse(fieldPrefix+"json", "This is no JSON object.")
		}
		return raw
	}
	params := map[string]any{}
	read := json.NewDecoder(bytes.NewReader(p.Params))
	read.UseNumber()
	if err := read.Decode(&params); err != nil || params == nil { // null is no object
		form.Problem = "What is proposed cannot be read; withdraw it and ask anew."
		return nil
	}
	for _, f := range fields {
		f.read(form, params)
	}
	raw, err := json.Marshal(params)
	if err != nil {
		form.Problem = "What was typed cannot be written down."
	}
	return raw
}

// editedSo reports whether the change is what was asked for already, by the visitor: the second press of a button.
func (v *visit) editedSo(r *http.Request, params json.RawMessage, reason string) bool {
	now, err := v.proposalNow(r)
	if err != nil || now.Reason != reason || !slices.Contains(now.Editors, v.me.Actor) {
		return false
	}
	var a, b map[string]any
	if json.Unmarshal(now.Params, &a) != nil || json.Unmarshal(params, &b) != nil {
		return false
	}
	one, err1 := json.Marshal(a)
	two, err2 := json.Marshal(b)
	return err1 == nil && err2 == nil && bytes.Equal(one, two)
}
