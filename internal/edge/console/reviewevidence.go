package console

import (
	"cmp"
	"errors"
	"io"
	"net/http"

	"countersign.dev/api"
	"countersign.dev/internal/edge/page"
)

// evidenceForms is the Data of the page "evidence": two forms, one for a file and one for a link.
type evidenceForms struct{ File, Link *deed }

// evidenceForms shows both forms.
func (v *visit) evidenceForms(w http.ResponseWriter, r *http.Request) {
	p, c, ok := v.place(w, r)
	if !ok {
		return
	}
	form, _, ok := v.opened(w, r, "reviews.write", c.Environment, "item", r.URL.Query().Get("item"))
	if ok {
		v.showEvidence(w, r, p, c, form, nil, http.StatusOK)
	}
}

// showEvidence shows the page with what was typed into one of the forms; the other one is fresh.
func (v *visit) showEvidence(w http.ResponseWriter, r *http.Request, p api.Partner, c reviewCard, file, link *page.Form, status int) {
	file, ok := v.begin(w, r, file, "item", r.URL.Query().Get("item"))
	if !ok {
		return
	}
	if link, ok = v.begin(w, r, link, "item", r.URL.Query().Get("item")); !ok {
		return
	}
	back := partnerPath(p.ID) + "#review-" + c.Environment
	data := evidenceForms{
		File: &deed{Title: "A file", Form: file, Files: true, Action: c.Path + "/evidence/file", Back: back, Button: "Attach the file",
			Fields: c.evidenceFields(file, "file-", deedField{"upload", page.Field{Form: file, Name: "file", Label: "File", Prefix: "file-",
				Required: true,
				Hint:     "At most 10 MiB: a PDF, a picture, a text or a ZIP archive, which office documents are. Its kind is found out from its bytes."}})},
		Link: &deed{Title: "A link", Form: link, Action: c.Path + "/evidence/link", Back: back, Button: "Attach the link",
			Fields: c.evidenceFields(link, "link-", deedField{"field", page.Field{Form: link, Name: "url", Label: "URL", Prefix: "link-",
				Required: true, Type: "url", Auto: "off", Max: 2000,
				Hint: "https only. It is kept as text and never fetched."}})},
	}
	v.show(w, r, "evidence", page.View{Title: "Evidence of " + page.Cut(60, p.Name) + " for " + c.Environment, Section: "partners",
		Trail: partnerTrail(p), Status: status,
		Data: data, Lead: "Evidence is never changed and never removed. A later piece may stand in the place of an earlier one."})
}

// evidenceFields are those that both forms have; what is attached comes last, so that everything that was typed has arrived before
// a file that may be too long.
func (c *reviewCard) evidenceFields(form *page.Form, prefix string, what deedField) []deedField {
	items := []page.Option{{Value: "", Text: "The review as a whole"}}
	pieces := []page.Option{{Value: "", Text: "None: it is a further piece"}}
	if c.File != nil {
		for _, item := range c.File.Items {
			if byHand(item.Evidence) {
				items = append(items, page.Option{Value: item.ID, Text: page.Cut(80, item.Title)})
			}
		}
		for _, e := range c.File.Evidence {
			if e.Round == c.File.Round && e.SupersededBy == "" {
				pieces = append(pieces, page.Option{Value: e.ID, Text: page.Cut(60, e.Name) + " (" + e.Kind + ")"})
			}
		}
	}
	name := page.Field{Form: form, Name: "name", Label: "Name", Prefix: prefix, Max: 200, Type: "text", Auto: "off", Required: prefix == "link-",
		Hint: "What it is, in one line."}
	if prefix == "file-" {
		name.Hint = "What it is, in one line; left empty: the name of the file."
	}
	return []deedField{{"field", name},
		{"choice", page.Field{Form: form, Name: "item", Label: "It proves", Prefix: prefix, Options: items}},
		{"choice", page.Field{Form: form, Name: "supersedes", Label: "In the place of", Prefix: prefix, Options: pieces}},
		{"field", page.Field{Form: form, Name: "note", Label: "Note", Prefix: prefix, Max: 500, Type: "text", Auto: "off"}}, what}
}

// evidenceLink attaches a link.
func (v *visit) evidenceLink(w http.ResponseWriter, r *http.Request) {
	form, ok := v.read(w, r)
	if !ok {
		return
	}
	id := r.PathValue("partner")
	environment := r.PathValue("environment")
	a, err := v.api.EvidenceAdd(r.Context(), id, environment, api.EvidenceAddParams{IdempotencyKey: form.Key},
		api.EvidenceLink{URL: form.Value("url"), Name: form.Value("name"), Item: form.Value("item"), Note: form.Value("note"),
			Supersedes: form.Value("supersedes")})
	switch {
	case err != nil && refused(form, err):
		v.evidenceAgain(w, r, nil, form, http.StatusUnprocessableEntity)
	case err != nil:
		v.fail(w, r, err)
	case v.waits(w, r, a.Waiting):
	default:
		v.returned(w, r, partnerPath(id), "evidence-added", "review-"+environment)
	}
}

// evidenceFile attaches a file: its bytes go on to the contract as they arrive. Nothing is answered before all that the browser sends was
// taken, since it shows no answer while it still sends.
func (v *visit) evidenceFile(w http.ResponseWriter, r *http.Request) {
	form, file, err := readUpload(r)
	if err != nil {
		drain(r.Body)
		v.badForm(w, r, err)
		return
	}
	if file == nil {
		form.Refuse("file", "Choose a file. Nothing was attached yet.")
		v.evidenceAgain(w, r, form, nil, http.StatusUnprocessableEntity)
		return
	}
	id := r.PathValue("partner")
	environment := r.PathValue("environment")
	a, err := v.api.EvidenceAddFile(r.Context(), id, environment, api.EvidenceAddParams{IdempotencyKey: form.Key,
		Name: cmp.Or(form.Value("name"), file.name),
		Item: form.Value("item"), Note: form.Value("note"), Supersedes: form.Value("supersedes")}, file)
	drain(r.Body)
	switch {
	case errors.Is(err, api.TooLarge):
		form.Refuse("file", "This file is longer than 10 MiB. Nothing was attached: choose a smaller one, or attach a link to it.")
		v.evidenceAgain(w, r, form, nil, http.StatusRequestEntityTooLarge)
	case err != nil && refused(form, err):
		v.evidenceAgain(w, r, form, nil, http.StatusUnprocessableEntity)
	case err != nil:
		v.fail(w, r, err)
	case v.waits(w, r, a.Waiting):
	default:
		v.returned(w, r, partnerPath(id), "evidence-added", "review-"+environment)
	}
}

// evidenceAgain shows the page again with what was typed into one of its forms.
func (v *visit) evidenceAgain(w http.ResponseWriter, r *http.Request, file, link *page.Form, status int) {
	if p, c, ok := v.place(w, r); ok {
		v.showEvidence(w, r, p, c, file, link, status)
	}
}

// downloadHeaders are those of the contract's answer that go on to the browser.
var downloadHeaders = []string{"Content-Disposition", "Content-Length", "ETag"}

// evidenceContent gives a file out as an attachment, never to be shown by a browser: somebody outside of this company wrote it.
func (v *visit) evidenceContent(w http.ResponseWriter, r *http.Request) {
	stream, err := v.api.EvidenceContent(r.Context(), r.PathValue("partner"), r.PathValue("environment"), r.PathValue("evidence"))
	if err != nil {
		v.unfound(w, r, err)
		return
	}
	defer stream.Close()
	h := w.Header()
	page.Protect(h)
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; sandbox")
	h.Set("Content-Type", "application/octet-stream")
	for _, name := range downloadHeaders {
		if value := stream.Header.Get(name); value != "" {
			h.Set(name, value)
		}
	}
	if h.Get("Content-Disposition") == "" {
		h.Set("Content-Disposition", "attachment")
	}
	if _, err := io.Copy(w, stream); err != nil { // a part of the file is on its way: nobody may take it for the whole
		v.s.cfg.Log("send evidence", err)
		panic(http.ErrAbortHandler)
	}
}
