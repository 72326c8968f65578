package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func newCredentialRevoke(o *operator) *cobra.Command {
	var reason string
	c := &cobra.Command{
		Use:   "revoke CREDENTIAL",
		Short: "End a credential for good, with all of its secrets and access tokens",
		Long: `End a credential for good, with all of its secrets and, for an app, its access tokens. The partner gets another one with
"countersign credential issue". To exchange only the secret, rotate.

` + credentialHelp,
		Example:           `  countersign credential revoke crd_... --reason "secret leaked, ticket 4712" --yes --wait`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeCredential(o),
		RunE: func(c *cobra.Command, args []string) error {
			return o.change(c, func(s *session) error {
				found, p, err := s.credential(args[0])
				if err != nil {
					return err
				}
				what := fmt.Sprintf("credential %s of %s in %s is revoked for good", found.ID, p.Name, found.Environment)
				if err := o.confirm(c, what, p.Name); err != nil {
					return err
				}
				if err := s.RevokeCredential(s.ctx, s.actor, found.ID, reason); err != nil {
					return err
				}
				return s.reshow(found.ID, p.Name, "revoked")
			})
		},
	}
	reasonFlag(c, &reason)
	return o.asking(c)
}

func newCredentialRevokeTokens(o *operator) *cobra.Command {
	c := &cobra.Command{
		Use:   "revoke-tokens CREDENTIAL",
		Short: "End every access token that was issued to an app until now",
		Long: `End every access token that was issued to an app until now. The partner gets new ones at once with its secret; where the
secret leaked, rotate or revoke as well.

` + credentialHelp,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeCredential(o),
		RunE: func(c *cobra.Command, args []string) error {
			return o.change(c, func(s *session) error {
				found, p, err := s.credential(args[0])
				if err != nil {
					return err
				}
				what := fmt.Sprintf("every access token of %s of %s in %s ends now", found.ID, p.Name, found.Environment)
				if err := o.confirm(c, what, p.Name); err != nil {
					return err
				}
				if err := s.RevokeTokens(s.ctx, s.actor, found.ID); err != nil {
					return err
				}
				return s.reshow(found.ID, p.Name, "every access token issued until now is revoked")
			})
		},
	}
	return o.asking(c)
}

// reshow shows a credential as it is after a change.
func (s *session) reshow(id, partnerName, said string) error {
	c, _, err := s.credential(id)
	if err != nil {
		return err
	}
	return s.out.show(viewCredential(c, clock()), "%s: %s in %s: %s", partnerName, c.ID, c.Environment, said)
}
