package main

import (
	"github.com/spf13/cobra"
)

// droppedView is what the end of an environment's sealing keys came to.
type droppedView struct {
	Environment string `json:"environment"`
	Deleted     int    `json:"deleted,omitempty"` // keys; a server does not tell how many
}

func deletedKeys(n int) string {
	if n < 0 {
		return "every former sealing key"
	}
	return plural(n, "sealing key")
}

func newKeyDropSealing(o *operator) *cobra.Command {
	var environment string
	c := &cobra.Command{
		Use:   "drop-sealing --environment NAME",
		Short: "End every access token of an environment, and every sealing key that has leaked",
		Long: `Make a new sealing key for the access tokens of an environment and delete all former ones at once. Every access token that is
out ends with it: the apps have to authenticate again, and most do so by themselves. This is for a sealing key that has leaked:
whoever has one makes access tokens for any app, and neither "key rotate-sealing" nor "credential revoke-tokens" ends them
at once.`,
		Example: "  countersign key drop-sealing -e production --wait",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return o.change(c, func(s *session) error {
				if err := s.knownEnvironment(environment); err != nil {
					return err
				}
				if err := o.confirm(c, "every access token of "+environment+" ends now", environment); err != nil {
					return err
				}
				n, err := s.DropSealingKeys(s.ctx, s.actor, environment)
				if err != nil {
					return err
				}
				return s.out.show(droppedView{environment, max(n, 0)}, "%s: %s deleted; every access token has ended", environment, deletedKeys(n))
			})
		},
	}
	environmentFlag(c, &environment, true)
	completeEnvironments(o, c)
	return o.asking(c)
}
