package console

import (
	"net/http"

	"countersign.dev/api"
	"countersign.dev/internal/edge/page"
)

// reviewCheck sets one item of a checklist, or unsets it.
func (v *visit) reviewCheck(w http.ResponseWriter, r *http.Request) {
	p, c, ok := v.place(w, r)
	if !ok {
		return
	}
	item, found := c.find(r.PathValue("item"))
	if !found {
		v.missing(w, r)
		return
	}
	form, post, ok := v.opened(w, r, "reviews.write", c.Environment, "done", yesOrNo(!item.Done), "note", item.Note)
	if !ok {
		return
	}
	d := checkDeed(p, c, item, form)
	if !post {
		v.ask(w, r, d, http.StatusOK)
		return
	}
	done, note := form.Has("done", "yes"), form.Value("note")
	a, err := v.api.ReviewCheck(r.Context(), p.ID, c.Environment, item.ID, api.ReviewCheckParams{IfMatch: match(form.Value("etag"))},
		api.ReviewCheck{Done: done, Note: note})
	if isStale(err) && item.Done == done && (!done || item.Note == note) { // it was sent twice
		err = nil
	}
	v.settle(w, r, d, a.Waiting, err, "item-set", "review-"+c.Environment)
}

func yesOrNo(is bool) string {
	if is {
		return "yes"
	}
	return "no"
}

// find is an item of the checklist.
func (c *reviewCard) find(id string) (api.ReviewItem, bool) {
	if c.File != nil {
		for _, item := range c.File.Items {
			if item.ID == id {
				return item, true
			}
		}
	}
	return api.ReviewItem{}, false
}

func checkDeed(p api.Partner, c reviewCard, item api.ReviewItem, form *page.Form) *deed {
	d := &deed{Title: page.Cut(80, item.Title), Lead: "An item of the checklist of " + page.Cut(60, p.Name) + " for " + c.Environment + ".", Form: form,
		Trail: partnerTrail(p), Back: partnerPath(p.ID) + "#review-" + c.Environment, Button: "Keep it", Hidden: []fact{{"etag", c.etag()}},
		Fields: []deedField{
			{"radios", page.Field{Form: form, Name: "done", Label: "It is", Required: true, Options: []page.Option{{Value: "yes",
				Text: "Done"}, {Value: "no", Text: "Not done"}}}},
			line(form, "note", "Note", "What you looked at. Approvers read it beside the item.", 500, false)}}
	_, word := itemWords(item)
	d.Facts = []fact{{"Now", word}}
	if item.By != "" {
		d.Facts = append(d.Facts, fact{"Checked by", actorWords(item.By)})
	}
	if !byHand(item.Evidence) {
		d.Notes = []deedNote{{"warn", "The system decides this item by what it sees; it cannot be set by hand."}}
	}
	return d
}

// reviewComment adds a comment to a review.
func (v *visit) reviewComment(w http.ResponseWriter, r *http.Request) {
	p, c, ok := v.place(w, r)
	if !ok {
		return
	}
	form, post, ok := v.opened(w, r, v.commentPermission(), c.Environment)
	if !ok {
		return
	}
	d := &deed{Title: "Comment on " + page.Cut(60, p.Name) + " in " + c.Environment, Form: form, Trail: partnerTrail(p), Button: "Comment",
		Back: partnerPath(p.ID) + "#review-" + c.Environment, Fields: []deedField{{"textarea", commentField(form, "")}, {"check", sharedField(form, "")}}}
	if !post {
		v.ask(w, r, d, http.StatusOK)
		return
	}
	a, err := v.api.CommentAdd(r.Context(), p.ID, c.Environment, api.CommentAddParams{IdempotencyKey: form.Key},
		api.Comment{Text: form.Value("text"), Shared: form.Has("shared", "yes")})
	v.settle(w, r, d, a.Waiting, err, "review-commented", "review-"+c.Environment)
}

// commentPermission is the one of the two that let somebody comment which the visitor has.
func (v *visit) commentPermission() string {
	if v.may("reviews.approve", "") {
		return "reviews.approve"
	}
	return "reviews.write"
}
