package console

import (
	"context"
	"net/http"

	"countersign.dev/api"
	"countersign.dev/internal/edge/page"
)

// reviewListing is the Data of the page "reviews".
type reviewListing struct {
	Path, State, Environment string
	Environments             []string
	States                   []page.Option
	Rows                     []reviewRow
	Empty                    page.Empty
	First, Next              string
}

// reviewRow is one review.
type reviewRow struct {
	api.ReviewFile
	Partner    string
	Path       string
	Tone, Word string
	By         string
	Done       int
}

// reviewList lists reviews, those that wait for somebody first.
func (v *visit) reviewList(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	l := &reviewListing{Path: base + "/reviews", State: q.Get("state"), Environment: q.Get("environment"),
		States: append([]page.Option{{Value: "", Text: "Those that wait"}, {Value: "all", Text: "All of them"}}, reviewStates[1:]...),
		Empty:  page.Empty{Text: "No review waits", Why: "Reviews that were asked for, or are being worked on, stand here until they are approved."}}
	if l.State != "" {
		l.Empty = page.Empty{Text: "No such review", Href: l.Path, Action: "Show those that wait"}
	}
	if err := v.listReviews(r.Context(), l, q.Get("after")); err != nil {
		v.fail(w, r, err)
		return
	}
	v.show(w, r, "reviews", page.View{Title: "Reviews", Section: "reviews", Data: l})
}

func (v *visit) listReviews(ctx context.Context, l *reviewListing, after string) error {
	environments, err := v.environments(ctx)
	if err != nil {
		return err
	}
	for _, e := range environments {
		l.Environments = append(l.Environments, e.Name)
	}
	p := api.ReviewListParams{After: after, Limit: partnerPerPage, Environment: l.Environment, Waiting: l.State == ""}
	if l.State != "all" {
		p.State = api.ReviewState(l.State)
	}
	a, err := v.api.ReviewList(ctx, p)
	if err != nil {
		return err
	}
	names := map[string]string{}
	for _, file := range a.Value.Items {
		row := reviewRow{ReviewFile: file, Partner: v.nameOf(ctx, names, file.Review.PartnerID), By: actorWords(file.Review.RequestedBy),
			Path: partnerPath(file.Review.PartnerID) + "#review-" + file.Review.Environment}
		row.Tone, row.Word = reviewWords(file.Review.State)
		for _, item := range file.Items {
			if item.Done {
				row.Done++
			}
		}
		l.Rows = append(l.Rows, row)
	}
	pairs := []string{"state", l.State, "environment", l.Environment}
	if after != "" {
		l.First = page.Link(l.Path, pairs...)
	}
	if a.Value.Next != "" {
		l.Next = page.Link(l.Path, append(pairs, "after", a.Value.Next)...)
	}
	return nil
}

// nameOf is the name of a partner, or its id where it cannot be read; each is asked for once.
func (v *visit) nameOf(ctx context.Context, known map[string]string, id string) string {
	if name := known[id]; name != "" {
		return name
	}
	known[id] = id
	if a, err := v.api.PartnerGet(ctx, id); err == nil {
		known[id] = a.Value.Name
	}
	return known[id]
}
