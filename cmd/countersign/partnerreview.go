package main

import (
	"context"

	"countersign.dev/internal/registry"
	"github.com/spf13/cobra"
)

// reviewStep is one command that moves a review.
type reviewStep struct {
	use, short, long, said string
	move                   func(register, context.Context, registry.Actor, string, string, string) error
}

var (
	requestAccess = reviewStep{"request-access", "Ask for the security review of a partner for an environment",
		`Ask for the security review of a partner for an environment. Another user of the operating system approves it.`,
		"review requested", register.RequestReview}
	suspendAccess = reviewStep{"suspend", "Refuse a partner in an environment until it is resumed",
		`Refuse every request of a partner in an environment from now on. Its credentials and networks stay as they are, and
"countersign partner resume" admits it again.`,
		"suspended", register.Suspend}
	resumeAccess = reviewStep{"resume", "Admit a suspended partner again",
		`Admit a suspended partner again. Its approval still stands; nobody has to approve anew.`,
		"resumed", register.Resume}
	withdrawAccess = reviewStep{"withdraw", "Take an approval back, or a request for one",
		`Take an approval back that should not have been given, or a request for one: every request of the partner in the environment
is refused from now on, as if nobody had ever asked for its review. Admitting it again takes a new request and another
person's approval; its credentials, networks and limits stay, and count again with that: revoke or remove what should not.
"countersign partner suspend" is for a while, "countersign partner close" for good.`,
		"withdrawn; nobody has asked for a review", register.WithdrawReview}
)

func newReviewStep(o *operator, step reviewStep) *cobra.Command {
	var environment, reason string
	c := &cobra.Command{
		Use:               step.use + " PARTNER --environment NAME",
		Short:             step.short,
		Long:              step.long + "\n\n" + whoHelp,
		Example:           "  countersign partner " + step.use + ` "Example Bank" --environment production --reason "ticket 4711" --wait`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completePartner(o),
		RunE: func(c *cobra.Command, args []string) error {
			return o.change(c, func(s *session) error {
				p, err := s.partner(args[0])
				if err != nil {
					return err
				}
				if err := step.move(s.register, s.ctx, s.actor, p.ID, environment, reason); err != nil {
					return err
				}
				return s.showReview(p.ID, environment, p.Name+": "+step.said)
			})
		},
	}
	environmentFlag(c, &environment, true)
	reasonFlag(c, &reason)
	completeEnvironments(o, c)
	return o.changing(c)
}

// showReview shows a review as it is now.
func (s *session) showReview(partnerID, environment, said string) error {
	reviews, err := s.Reviews(s.ctx, partnerID)
	if err != nil {
		return err
	}
	for _, r := range reviews {
		if r.Environment == environment {
			return s.out.show(viewReview(r), "%s in %s", said, environment)
		}
	}
	return s.out.show(map[string]string{"partner_id": partnerID, "environment": environment, "state": ""}, "%s in %s", said, environment)
}
