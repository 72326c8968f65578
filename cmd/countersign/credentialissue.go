package main

import (
	"time"

	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
	"github.com/spf13/cobra"
)

func newCredentialIssue(o *operator) *cobra.Command {
	var environment, kind string
	h := new(handover)
	c := &cobra.Command{
		Use:   "issue PARTNER --environment NAME --kind app|signing-key",
		Short: "Issue a credential; its secret is shown once",
		Long: `Issue a credential to a partner whose review for the environment is approved. The secret is shown once, or goes into
--secret-file. An app gets a sealing key for its environment's access tokens, if there is none yet.

` + whoHelp,
		Example:           `  countersign credential issue "Example Bank" --environment production --kind signing-key --secret-file secret`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completePartner(o),
		RunE: func(c *cobra.Command, args []string) error {
			kind, err := kindOf(kind)
			if err != nil {
				return err
			}
			return o.change(c, func(s *session) error {
				p, err := s.partner(args[0])
				if err != nil {
					return err
				}
				if err := s.issue(h, time.Time{}, func() (registry.Issued, error) { return s.issueKind(kind, p.ID, environment) }); err != nil || kind != partner.App {
					return err
				}
				return s.EnsureSealingKey(s.ctx, s.actor, environment) // after the issuing, which knows whether the environment is one
			})
		},
	}
	environmentFlag(c, &environment, true)
	c.Flags().StringVar(&kind, "kind", "", "`KIND`: app (for access tokens) or signing-key (for signed requests)")
	_ = c.RegisterFlagCompletionFunc("kind", cobra.FixedCompletions([]cobra.Completion{"app", "signing-key"}, cobra.ShellCompDirectiveNoFileComp))
	_ = c.MarkFlagRequired("kind")
	h.flag(c)
	completeEnvironments(o, c)
	return o.explained(c)
}

func (s *session) issueKind(kind partner.Kind, partnerID, environment string) (registry.Issued, error) {
	if kind == partner.SigningKey {
		return s.IssueSigningKey(s.ctx, s.actor, partnerID, environment)
	}
	return s.IssueApp(s.ctx, s.actor, partnerID, environment)
}
