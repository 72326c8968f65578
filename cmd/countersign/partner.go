package main

import (
	"errors"
	"strings"

	"countersign.dev/internal/partner"
	"github.com/spf13/cobra"
)

func newPartner() *cobra.Command {
	o := new(operator)
	return o.group("partner", "Onboard, review, suspend and close partners", `Onboard, review, suspend and close partners.

`+whoHelp+`
Every change is recorded with the user of the operating system as its actor: a local command trusts the system about who
that is. A review is never approved by the user who asked for it.`,
		newPartnerAdd(o), newPartnerList(o), newPartnerShow(o),
		newReviewStep(o, requestAccess), newPartnerApprove(o), newReviewStep(o, suspendAccess), newReviewStep(o, resumeAccess), newReviewStep(o, withdrawAccess),
		newPartnerClose(o), newPartnerUnlock(o))
}

func newPartnerAdd(o *operator) *cobra.Command {
	c := &cobra.Command{
		Use:   "add NAME",
		Short: "Register a partner, which is admitted nowhere yet",
		Long: `Register a partner. It is admitted nowhere until its security review for an environment is approved: the next step is
"countersign partner request-access". Names are for people and need not be unique.`,
		Example: `  countersign partner add "Example Bank"`,
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return o.change(c, func(s *session) error {
				p, err := s.CreatePartner(s.ctx, s.actor, args[0])
				if err != nil {
					return err
				}
				return s.out.show(viewPartner(p), "%s (%s): added; it is admitted nowhere yet", p.Name, p.ID)
			})
		},
	}
	return o.explained(c)
}

func newPartnerList(o *operator) *cobra.Command {
	var environment, state string
	c := &cobra.Command{
		Use:     "list",
		Short:   "List partners with the state of their reviews",
		Example: "  countersign partner list --environment production --state approved",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if state != "" && !knownState(state) {
				return noSuchState(state)
			}
			return o.read(c, func(s *session) error { return listPartners(s, environment, state) })
		},
	}
	environmentFlag(c, &environment, false)
	c.Flags().StringVar(&state, "state", "", "only those with a review in this `STATE`: "+strings.Join(reviewStates, ", "))
	completeEnvironments(o, c)
	_ = c.RegisterFlagCompletionFunc("state", cobra.FixedCompletions(reviewStates, cobra.ShellCompDirectiveNoFileComp))
	return c
}

func noSuchState(state string) error {
	return hinted{errors.New("no such state: " + state), strings.Join(reviewStates[:len(reviewStates)-1], ", ") + " or closed"}
}

func knownState(state string) bool {
	switch partner.ReviewState(state) {
	case partner.ReviewRequested, partner.ReviewStarted, partner.ReviewApproved, partner.ReviewSuspended, partner.ReviewClosed:
		return true
	}
	return false
}

// partnerLine is a partner as partner list shows it.
type partnerLine struct {
	partnerView
	Reviews []reviewView `json:"reviews"`
}

func listPartners(s *session, environment, state string) error {
	partners, err := s.Partners(s.ctx)
	if err != nil {
		return err
	}
	reviews, err := s.Reviews(s.ctx, "")
	if err != nil {
		return err
	}
	of := map[string][]reviewView{}
	for _, r := range reviews {
		if (environment == "" || r.Environment == environment) && (state == "" || string(r.State) == state) {
			of[r.PartnerID] = append(of[r.PartnerID], viewReview(r))
		}
	}
	lines, rows := []partnerLine{}, [][]string{}
	for _, p := range partners {
		if (environment != "" || state != "") && len(of[p.ID]) == 0 {
			continue
		}
		line := partnerLine{viewPartner(p), append([]reviewView{}, of[p.ID]...)}
		lines = append(lines, line)
		rows = append(rows, []string{p.ID, p.Name, line.admission(), when(p.CreatedAt)})
	}
	return s.out.table(lines, "no partner", []string{"ID", "NAME", "REVIEWS", "CREATED"}, rows)
}

// admission is what of the reviews stands in a table.
func (l partnerLine) admission() string {
	if l.Closed {
		return "closed"
	}
	text := ""
	for i, r := range l.Reviews {
		if i > 0 {
			text += ", "
		}
		text += r.Environment + " " + r.State
	}
	return text
}
