package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func newPartnerClose(o *operator) *cobra.Command {
	var environment, reason string
	c := &cobra.Command{
		Use:   "close PARTNER [--environment NAME]",
		Short: "Refuse a partner for good, everywhere or in one environment",
		Long: `Refuse a partner for good: everywhere, or in one environment alone. This cannot be undone: a partner that comes back is
registered anew. To refuse it for a while, suspend it. On a terminal the partner's name has to be typed; elsewhere --yes is
needed.

` + whoHelp,
		Example:           `  countersign partner close "Example Bank" --reason "contract ended" --yes`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completePartner(o),
		RunE: func(c *cobra.Command, args []string) error {
			return o.change(c, func(s *session) error {
				p, err := s.partner(args[0])
				if err != nil {
					return err
				}
				where := "everywhere"
				if environment != "" {
					where = "in " + environment
				}
				if err := o.confirm(c, fmt.Sprintf("%s (%s) is refused %s for good", p.Name, p.ID, where), p.Name); err != nil {
					return err
				}
				if environment != "" {
					if err := s.CloseReview(s.ctx, s.actor, p.ID, environment, reason); err != nil {
						return err
					}
					return s.showReview(p.ID, environment, p.Name+": closed")
				}
				if err := s.ClosePartner(s.ctx, s.actor, p.ID, reason); err != nil {
					return err
				}
				p.Closed = true
				return s.out.show(viewPartner(p), "%s (%s): closed", p.Name, p.ID)
			})
		},
	}
	environmentFlag(c, &environment, false)
	reasonFlag(c, &reason)
	completeEnvironments(o, c)
	return o.asking(c)
}
