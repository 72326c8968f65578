package main

import (
	"fmt"
	"strings"

	"countersign.dev/api"
	"countersign.dev/internal/registry"
	"countersign.dev/internal/remote"
	"github.com/spf13/cobra"
)

func newReview() *cobra.Command {
	o := new(operator)
	return o.group("review", "Work on the security reviews of partners", `Work on the security review of a partner for an environment: its checklist, its evidence and what people say about it. A review
is asked for, approved, suspended and closed with "countersign partner"; the checklist stands in the configuration (reviews).

An approval binds the digest of the file as the approver saw it: whatever is checked or attached afterwards makes another file,
which has to be looked at anew.`,
		newReviewList(o), newReviewShow(o), newReviewStart(o), newReviewCheck(o, true), newReviewCheck(o, false), newReviewEvidence(o), newReviewComment(o))
}

var reviewStates = []string{"requested", "in_review", "approved", "suspended", "closed"}

func newReviewList(o *operator) *cobra.Command {
	var environment, state string
	var limit int
	c := &cobra.Command{
		Use:     "list",
		Short:   "List reviews, those that wait for somebody first",
		Example: "  countersign review list --state requested",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := checkLimit(limit); err != nil {
				return err
			}
			if state != "" && !knownState(state) {
				return noSuchState(state)
			}
			return o.onPlane(c, func(s *session, p *remote.Client) error { return s.listReviews(p, environment, state, limit) })
		},
	}
	environmentFlag(c, &environment, false)
	c.Flags().StringVar(&state, "state", "", "only those in this `STATE`: "+strings.Join(reviewStates, ", "))
	limitFlag(c, &limit, 100)
	completeEnvironments(o, c)
	_ = c.RegisterFlagCompletionFunc("state", cobra.FixedCompletions(reviewStates, cobra.ShellCompDirectiveNoFileComp))
	return c
}

func (s *session) listReviews(p *remote.Client, environment, state string, limit int) error {
	list, more, err := pageOf(limit, func(after string, n int) ([]api.ReviewFile, string, error) {
		page, err := remote.Value(p.API.ReviewList(s.ctx, api.ReviewListParams{After: after, Limit: n, Environment: environment, State: api.ReviewState(state)}))
		return page.Items, page.Next, err
	})
	if err != nil {
		return err
	}
	names, err := s.partnerNames()
	if err != nil {
		return err
	}
	var rows [][]string
	for _, file := range list {
		r := file.Review
		rows = append(rows, []string{r.PartnerID, names[r.PartnerID], r.Environment, string(r.State), strings.Join(file.Missing, ", "), when(r.ChangedAt), r.RequestedBy})
	}
	if err := s.out.table(list, "no review", []string{"PARTNER", "NAME", "ENVIRONMENT", "STATE", "MISSING", "SINCE", "ASKED FOR BY"}, rows); err != nil {
		return err
	}
	s.noteMore(more)
	return nil
}

// noteMore says that a listing was cut.
func (s *session) noteMore(more bool) {
	if more {
		s.out.note("there are more: --limit shows them")
	}
}

// partnerNames are the names of all partners by their row identities.
func (s *session) partnerNames() (map[string]string, error) {
	all, err := s.Partners(s.ctx)
	names := map[string]string{}
	for _, p := range all {
		names[p.ID] = p.Name
	}
	return names, err
}

func newReviewShow(o *operator) *cobra.Command {
	var environment string
	c := &cobra.Command{
		Use:               "show PARTNER --environment NAME",
		Short:             "Show the whole file of a review",
		Long:              "Show the whole file of a review: checklist, evidence, what the system has seen itself, comments, and the digest that an approval binds.\n\n" + whoHelp,
		Example:           `  countersign review show "Example Bank" -e production`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completePartner(o),
		RunE: func(c *cobra.Command, args []string) error {
			return o.onPlane(c, func(s *session, p *remote.Client) error {
				found, err := s.partner(args[0])
				if err != nil {
					return err
				}
				file, err := s.reviewFile(p, found.ID, environment)
				if err != nil {
					return err
				}
				return s.showReviewFile(found.Name, file)
			})
		},
	}
	environmentFlag(c, &environment, true)
	completeEnvironments(o, c)
	return c
}

// reviewFile reads a review's file; where there is none, it says how to ask for a review.
func (s *session) reviewFile(p *remote.Client, partnerID, environment string) (api.ReviewFile, error) {
	file, err := remote.Value(p.API.ReviewGet(s.ctx, partnerID, environment))
	if isNotFound(err) {
		err = hinted{fmt.Errorf("no review for %s was asked for: %w", environment, registry.ErrNotFound), "countersign partner request-access asks for one"}
	}
	return file, err
}

func newReviewStart(o *operator) *cobra.Command {
	var environment, reason string
	c := &cobra.Command{
		Use:               "start PARTNER --environment NAME",
		Short:             "Take a review up",
		Long:              "Take a review up that was asked for, so that others see who works on it.\n\n" + whoHelp,
		Example:           `  countersign review start "Example Bank" -e production`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completePartner(o),
		RunE: func(c *cobra.Command, args []string) error {
			return o.changeOnPlane(c, func(s *session, p *remote.Client) error {
				found, err := s.partner(args[0])
				if err != nil {
					return err
				}
				if _, err := remote.Value(p.API.ReviewStart(s.ctx, found.ID, environment, api.ReviewStartParams{}, api.Act{Reason: reason})); err != nil {
					return err
				}
				return s.showReview(found.ID, environment, found.Name+": review taken up")
			})
		},
	}
	environmentFlag(c, &environment, true)
	reasonFlag(c, &reason)
	completeEnvironments(o, c)
	return o.changing(c)
}

func newReviewCheck(o *operator, done bool) *cobra.Command {
	var environment, note string
	use, short, long := "check", "Tick an item of the checklist off", `Tick an item of the checklist off, by its id as review show tells it. What the system finds out itself (addresses, calls, tls,
webhook) is ticked off by itself.`
	if !done {
		use, short, long = "uncheck", "Take the tick of an item back", "Take the tick of an item of the checklist back. An approval that was prepared counts no more."
	}
	c := &cobra.Command{
		Use:               use + " PARTNER ITEM --environment NAME",
		Short:             short,
		Long:              long + "\n\n" + whoHelp,
		Example:           `  countersign review ` + use + ` "Example Bank" security-review -e production --note "report of 2026-11-02"`,
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: completePartner(o),
		RunE: func(c *cobra.Command, args []string) error {
			return o.changeOnPlane(c, func(s *session, p *remote.Client) error { return s.check(p, args[0], environment, args[1], note, done) })
		},
	}
	environmentFlag(c, &environment, true)
	c.Flags().StringVar(&note, "note", "", "`TEXT` on one line: what was found")
	completeEnvironments(o, c)
	return o.changing(c)
}

// check sets or unsets an item of the file as it is now.
func (s *session) check(p *remote.Client, who, environment, item, note string, done bool) error {
	found, err := s.partner(who)
	if err != nil {
		return err
	}
	file, err := s.reviewFile(p, found.ID, environment)
	if err != nil {
		return err
	}
	params := api.ReviewCheckParams{IfMatch: remote.Quoted(file.Etag)}
	changed, err := remote.Value(p.API.ReviewCheck(s.ctx, found.ID, environment, item, params, api.ReviewCheck{Done: done, Note: note}))
	if err != nil {
		return err
	}
	said := "checked"
	if !done {
		said = "not checked any more"
	}
	missing := "nothing is missing"
	if len(changed.Review.Missing) > 0 {
		missing = "missing: " + strings.Join(changed.Review.Missing, ", ")
	}
	return s.out.show(changed.Review, "%s in %s: %s is %s; %s", found.Name, environment, item, said, missing)
}
