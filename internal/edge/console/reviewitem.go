package console

import (
	"cmp"
	"net/url"
	"slices"

	"countersign.dev/api"
	"countersign.dev/internal/edge/page"
)

// item is one item with its evidence and, where it is checked by hand, the form for it.
func (v *visit) item(c *reviewCard, item api.ReviewItem, checks bool) (reviewItem, error) {
	one := reviewItem{ReviewItem: item, Path: c.Path + "/checklist/" + url.PathEscape(item.ID)}
	one.Tone, one.Word = itemWords(item)
	if item.By != "" {
		one.Says = "checked by " + actorWords(item.By)
	}
	if item.Outdated {
		one.Says += "; its evidence has changed since: look again"
	}
	for _, piece := range c.Evidence {
		if slices.Contains(item.EvidenceIds, piece.ID) {
			one.Pieces = append(one.Pieces, piece)
		}
	}
	if !checks || !byHand(item.Evidence) {
		return one, nil
	}
	form, err := v.form()
	if err != nil {
		return one, err
	}
	button, value := "Done", "yes"
	if item.Done {
		button, value = "Not done", "no"
	}
	one.Check = &page.Confirm{Form: form, Action: one.Path, Button: button, Quiet: true, Name: "done", Value: value, ETag: c.File.Etag,
		Label: button + ": " + page.Cut(80, item.Title) + " (" + c.Environment + ")"}
	one.NoteText = "With a note: " + page.Cut(80, item.Title) + " (" + c.Environment + ")"
	return one, nil
}

// byHand reports whether an item is checked by a person; the others are the system's own.
func byHand(evidence string) bool {
	return evidence == "manual" || evidence == "file" || evidence == "link"
}

func itemWords(item api.ReviewItem) (tone, word string) {
	switch {
	case item.Done:
		return "good", "done"
	case item.Outdated:
		return "warn", "outdated"
	case item.Required:
		return "warn", "open"
	}
	return "plain", "open"
}

// piece is one piece of evidence; what an earlier round held, and what was superseded, counts no more.
func (c *reviewCard) piece(e api.Evidence, partnerID string) reviewPiece {
	p := reviewPiece{Evidence: e, By: actorWords(e.AddedBy), Link: e.Kind == "link", Download: reviewPath(partnerID, c.Environment,
		"evidence", e.ID, "content")}
	if u, err := url.Parse(e.URL); err == nil {
		p.Host = cmp.Or(u.Host, "another site")
	}
	for _, item := range c.File.Items {
		if item.ID == e.Item {
			p.ItemTitle = item.Title
		}
	}
	switch {
	case e.Round != c.File.Round:
		p.Old = "of an earlier round"
	case e.SupersededBy != "":
		p.Old = "superseded"
	}
	return p
}
