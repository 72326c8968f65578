package console

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"countersign.dev/api"
	"countersign.dev/internal/edge/page"
)

// reviewCard is the review of one environment as the partner's page shows it beside the others.
type reviewCard struct {
	Environment  string
	After        string
	Path         string
	File         *api.ReviewFile // nil: nobody has asked for it
	Tone, Word   string
	Says, Hint   string
	Fault        string
	Steps        []page.Item
	Items        []reviewItem
	Done         int
	Evidence     []reviewPiece
	Facts        []api.SystemFacts
	Comments     []api.ReviewComment // By in words
	Alone        bool                // it has a page of its own, with the headings of one
	MayWrite     bool
	Comment      *page.Form // nil: no commenting
	CommentField page.Field
	SharedField  page.Field
}

// reviewItem is one item of a checklist.
type reviewItem struct {
	api.ReviewItem
	Tone, Word string
	Says       string
	Path       string
	NoteText   string
	Pieces     []reviewPiece
	Check      *page.Confirm // nil: it cannot be checked by hand
}

// reviewPiece is one piece of evidence.
type reviewPiece struct {
	api.Evidence
	Link      bool
	Host      string
	Download  string
	ItemTitle string
	Old       string // why it counts no more; empty: it counts
	By        string
}

// reviewPath is the address of a review, or below it.
func reviewPath(partnerID, environment string, segments ...string) string {
	return partnerPath(partnerID, append([]string{"reviews", environment}, segments...)...)
}

// card reads the whole file of one review.
func (v *visit) card(ctx context.Context, p api.Partner, e api.Environment) reviewCard {
	c := reviewCard{Environment: e.Name, After: e.After, Path: reviewPath(p.ID, e.Name), Tone: "plain", Word: "not asked for"}
	a, err := v.api.ReviewGet(ctx, p.ID, e.Name)
	switch {
	case errors.Is(err, api.NotFound):
	case err != nil:
		c.Word, c.Fault = "not known", "This review cannot be shown now: "+reasonOf(err)
		return c
	default:
		c.File = &a.Value
		c.Tone, c.Word = reviewWords(a.Value.Review.State)
		c.tell()
	}
	if !p.Closed {
		c.Steps, c.Hint = v.reviewSteps(c)
	}
	return c
}

// reviewWords are the tone and the words for a state.
func reviewWords(state api.ReviewState) (tone, word string) {
	switch state {
	case api.ReviewStateRequested:
		return "info", "requested"
	case api.ReviewStateInReview:
		return "info", "in review"
	case api.ReviewStateApproved:
		return "good", "approved"
	case api.ReviewStateSuspended:
		return "bad", "suspended"
	case api.ReviewStateClosed:
		return "plain", "closed"
	}
	return "plain", string(state)
}

// tell says in a line who did what.
func (c *reviewCard) tell() {
	r := c.File.Review
	parts := []string{"Asked for by " + actorWords(r.RequestedBy)}
	if c.File.StartedBy != "" {
		parts = append(parts, "taken up by "+actorWords(c.File.StartedBy))
	}
	if r.ApprovedBy != "" {
		parts = append(parts, "approved by "+actorWords(r.ApprovedBy))
	}
	if c.File.Round > 1 {
		parts = append(parts, "round "+page.Count(c.File.Round))
	}
	c.Says = page.Cut(400, strings.Join(parts, ", ")) + "."
}

// reviewSteps are the next steps that the visitor may take, and what stands in the way of the one that most wait for.
func (v *visit) reviewSteps(c reviewCard) (steps []page.Item, hint string) {
	add := func(permission, step, text string, main bool) {
		if v.may(permission, c.Environment) {
			steps = append(steps, page.Item{Text: text, Href: c.Path + "/" + step, Main: main})
		}
	}
	if c.File == nil {
		add("reviews.write", "request", "Ask for a review", true)
		return steps, ""
	}
	switch state := c.File.Review.State; state {
	case api.ReviewStateRequested, api.ReviewStateInReview:
		if state == api.ReviewStateRequested {
			add("reviews.write", "start", "Take it up", false)
		}
		if hint = c.obstacle(v.me.Actor); hint == "" {
			add("reviews.approve", "approve", "Look through and approve", true)
		}
		add("reviews.write", "withdraw", "Take the request back", false)
		add("reviews.write", "close", "Close for good", false)
	case api.ReviewStateApproved:
		add("partners.suspend", "suspend", "Suspend", false)
		add("reviews.write", "withdraw", "Take the approval back", false)
		add("reviews.write", "close", "Close for good", false)
	case api.ReviewStateSuspended:
		add("partners.suspend", "resume", "Let in again", true)
		add("reviews.write", "withdraw", "Take the approval back", false)
		add("reviews.write", "close", "Close for good", false)
	}
	return steps, hint
}

// obstacle says why this visitor does not approve it now; empty: nothing stands in the way.
func (c *reviewCard) obstacle(actor string) string {
	if len(c.File.Missing) > 0 {
		var titles []string
		for _, item := range c.File.Items {
			if slices.Contains(c.File.Missing, item.ID) {
				titles = append(titles, item.Title)
			}
		}
		return "It can be approved once this is done: " + page.Cut(400, strings.Join(titles, ", ")) + "."
	}
	if c.File.Review.RequestedBy == actor {
		return "You have asked for it: somebody else approves it."
	}
	return ""
}

// fill adds what stands below the head of a card: checklist, evidence, facts, comments. Each of its small forms has a key of its own.
func (v *visit) fill(c *reviewCard, p api.Partner) error {
	if c.File == nil {
		return nil
	}
	state := c.File.Review.State
	open := state == api.ReviewStateRequested || state == api.ReviewStateInReview
	ended := p.Closed || state == api.ReviewStateClosed
	c.MayWrite = v.may("reviews.write", c.Environment) && !ended
	for _, e := range c.File.Evidence {
		c.Evidence = append(c.Evidence, c.piece(e, p.ID))
	}
	for _, item := range c.File.Items {
		one, err := v.item(c, item, c.MayWrite && open)
		if err != nil {
			return err
		}
		if item.Done {
			c.Done++
		}
		c.Items = append(c.Items, one)
	}
	c.Facts = c.File.Facts
	for _, comment := range c.File.Comments {
		comment.Shared = comment.Shared || strings.HasPrefix(comment.By, "member:") // what a member writes, all of them read
		comment.By = actorWords(comment.By)
		c.Comments = append(c.Comments, comment)
	}
	if !ended && (v.may("reviews.write", c.Environment) || v.may("reviews.approve", c.Environment)) {
		form, err := v.form()
		if err != nil {
			return err
		}
		prefix := "comment-" + c.Environment + "-"
		c.Comment, c.CommentField, c.SharedField = form, commentField(form, prefix), sharedField(form, prefix)
	}
	return nil
}

func commentField(form *page.Form, prefix string) page.Field {
	return page.Field{Form: form, Name: "text", Label: "Comment", Required: true, Max: 4000, Rows: 3, Prefix: prefix, Auto: "off"}
}

// sharedField lets the partner read a comment; without the tick it stays among operators.
func sharedField(form *page.Form, prefix string) page.Field {
	return page.Field{Form: form, Name: "shared", Label: "The partner reads this", Prefix: prefix,
		Hint: "Its members see it at the portal, without your name. Without the tick, operators alone read it."}
}

// environment reads the environment that the address names, as the configuration has it. false: it has answered.
func (v *visit) environment(w http.ResponseWriter, r *http.Request) (api.Environment, bool) {
	list, err := v.environments(r.Context())
	if err != nil {
		v.fail(w, r, err)
		return api.Environment{}, false
	}
	for _, e := range list {
		if e.Name == r.PathValue("environment") {
			return e, true
		}
	}
	v.missing(w, r)
	return api.Environment{}, false
}
