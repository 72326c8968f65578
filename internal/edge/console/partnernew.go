package console

import (
	"net/http"

	"countersign.dev/api"
	"countersign.dev/internal/edge/page"
)

// partnerNew shows the form for a new partner.
func (v *visit) partnerNew(w http.ResponseWriter, r *http.Request) {
	if form, _, ok := v.opened(w, r, "partners.write", ""); ok {
		v.ask(w, r, newPartner(form), http.StatusOK)
	}
}

func newPartner(form *page.Form) *deed {
	return &deed{Title: "Add a partner", Lead: "An organisation that may be let in, once its review for an environment is approved.", Form: form,
		Trail: []page.Item{{Text: "Partners", Href: base + "/partners"}}, Back: base + "/partners", Button: "Add the partner",
		Fields: []deedField{line(form, "name", "Name", "As people here call it. Two partners may have one name; ids tell them apart.", 200,
			true), because(form)}}
}

// partnerAdd adds a partner and leads to its page.
func (v *visit) partnerAdd(w http.ResponseWriter, r *http.Request) {
	form, ok := v.read(w, r)
	if !ok {
		return
	}
	d := newPartner(form)
	a, err := v.api.PartnerCreate(r.Context(), api.PartnerCreateParams{IdempotencyKey: form.Key},
		api.PartnerCreate{Name: form.Value("name"), Reason: form.Value("reason")})
	if err == nil && a.Waiting == nil {
		d.Back = partnerPath(a.Value.Partner.ID)
	}
	v.settle(w, r, d, a.Waiting, err, "partner-added", "")
}

// partnerClose asks before a partner is closed, says what that cuts off, and closes it.
func (v *visit) partnerClose(w http.ResponseWriter, r *http.Request) {
	p, ok := v.partner(w, r)
	if !ok {
		return
	}
	form, post, ok := v.opened(w, r, "partners.write", everywhere)
	if !ok {
		return
	}
	d := &deed{Title: "Close " + page.Cut(60, p.Name),
		Lead: "This cannot be taken back: a closed partner is let in nowhere, and nothing of it can be changed any more.", Form: form,
		Trail: partnerTrail(p), Back: partnerPath(p.ID), Button: "Close for good", Danger: true, Hidden: []fact{{"etag", p.Etag}},
		Fields: []deedField{because(form), ticked(form, "I have looked at what this cuts off.")}}
	if p.Closed {
		d.Notes = []deedNote{{"warn", "It is closed already."}}
	}
	if !post {
		d.Impact = v.cutOff(r, p.ID, "")
		v.ask(w, r, d, http.StatusOK)
		return
	}
	if !consents(form) {
		d.Impact = v.cutOff(r, p.ID, "")
		v.ask(w, r, d, http.StatusUnprocessableEntity)
		return
	}
	a, err := v.api.PartnerClose(r.Context(), p.ID, api.PartnerCloseParams{IdempotencyKey: form.Key, IfMatch: match(form.Value("etag"))},
		api.Act{Reason: form.Value("reason")})
	v.settle(w, r, d, a.Waiting, err, "partner-closed", "")
}

// partnerUnlock lets the locked credentials of a partner authenticate again.
func (v *visit) partnerUnlock(w http.ResponseWriter, r *http.Request) {
	p, ok := v.partner(w, r)
	if !ok {
		return
	}
	form, post, ok := v.opened(w, r, "partners.write", everywhere)
	if !ok {
		return
	}
	d := &deed{Title: "Unlock " + page.Cut(60, p.Name), Form: form, Trail: partnerTrail(p), Back: partnerPath(p.ID), Button: "Unlock",
		Lead:   "Every locked credential of this partner may authenticate again, in all environments. Ask the partner first whether the wrong secrets were its own.",
		Fields: []deedField{because(form)}}
	if !post {
		v.ask(w, r, d, http.StatusOK)
		return
	}
	a, err := v.api.PartnerUnlock(r.Context(), p.ID, api.PartnerUnlockParams{IdempotencyKey: form.Key}, api.Act{Reason: form.Value("reason")})
	v.settle(w, r, d, a.Waiting, err, "partner-unlocked", "credentials")
}
