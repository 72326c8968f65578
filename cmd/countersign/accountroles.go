package main

import (
	"errors"
	"fmt"
	"strings"

	"countersign.dev/api"
	operators "countersign.dev/internal/operator"
	"countersign.dev/internal/registry"
	"countersign.dev/internal/remote"
	"github.com/spf13/cobra"
)

func newAccountRoles(o *operator) *cobra.Command {
	var roles, environments []string
	var all bool
	var reason string
	c := &cobra.Command{
		Use:   "roles ACCOUNT --role ROLE...",
		Short: "Change what an account may do, from its next request on",
		Long: `Change the roles of an account, or the environments that it is confined to, from its next request on: exactly those that are
named. --all-environments ends the confinement.`,
		Example:           "  countersign account roles alice@example.com --role viewer --role auditor\n  countersign account roles alice@example.com -e sandbox",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeAccount(o),
		RunE: func(c *cobra.Command, args []string) error {
			list, err := readRoles(roles)
			if err != nil {
				return err
			}
			if len(list)+len(environments) == 0 && !all || all && len(environments) > 0 {
				return hinted{errors.New("what is to be changed?"), "--role, --environment or --all-environments"}
			}
			return o.changeOnPlane(c, func(s *session, p *remote.Client) error {
				found, err := s.account(p, args[0])
				if err != nil {
					return err
				}
				change := registry.AccountChange{Account: found.ID, Roles: list, Environments: environments, AllEnvironments: all}
				a, err := s.changeAccount(p, found, change, reason)
				if err != nil {
					return err
				}
				return s.out.show(a, "%s: %s, environments: %s", a.Login, strings.Join(a.Roles, ", "), environmentsOf(a.Environments))
			})
		},
	}
	roleFlags(o, c, &roles, &environments)
	c.Flags().BoolVar(&all, "all-environments", false, "confined to no environment any more")
	reasonFlag(c, &reason)
	return o.changing(c)
}

func (s *session) changeAccount(p *remote.Client, found api.Account, change registry.AccountChange, reason string) (api.Account, error) {
	if s.local() {
		if _, err := s.disk.ChangeAccount(s.ctx, s.actor, change); err != nil {
			return found, err
		}
		return remote.Value(p.API.AccountGet(s.ctx, found.ID))
	}
	body := api.AccountChange{Environments: change.Environments, AllEnvironments: change.AllEnvironments, Reason: reason}
	for _, role := range change.Roles {
		body.Roles = append(body.Roles, api.RoleName(role))
	}
	changed, err := remote.Value(p.API.AccountChange(s.ctx, found.ID, api.AccountChangeParams{IfMatch: remote.Quoted(found.Etag)}, body))
	return changed.Account, err
}

// accountState is one command that takes an account out of use, or into use again.
type accountState struct {
	use, short, long, said string
	local                  func(s *session, id, reason string) (operators.Account, error)
	remote                 func(s *session, p *remote.Client, id, reason string) (api.AccountChanged, error)
}

var (
	disableAccount = accountState{"disable", "Let an account do nothing any more, from its next request on",
		"Let an account do nothing any more, from its next request on. Its sessions and terminals end.", "disabled",
		func(s *session, id, reason string) (operators.Account, error) {
			return s.disk.DisableAccount(s.ctx, s.actor, id, reason)
		},
		func(s *session, p *remote.Client, id, reason string) (api.AccountChanged, error) {
			return remote.Value(p.API.AccountDisable(s.ctx, id, api.AccountDisableParams{}, api.Act{Reason: reason}))
		}}
	enableAccount = accountState{"enable", "Let a disabled account sign in again",
		"Let a disabled account sign in again, with its roles and passkeys as they were.", "enabled",
		func(s *session, id, reason string) (operators.Account, error) {
			return s.disk.EnableAccount(s.ctx, s.actor, id, reason)
		},
		func(s *session, p *remote.Client, id, reason string) (api.AccountChanged, error) {
			return remote.Value(p.API.AccountEnable(s.ctx, id, api.AccountEnableParams{}, api.Act{Reason: reason}))
		}}
)

func newAccountState(o *operator, way accountState) *cobra.Command {
	var reason string
	c := &cobra.Command{
		Use:               way.use + " ACCOUNT",
		Short:             way.short,
		Long:              way.long,
		Example:           fmt.Sprintf("  countersign account %s alice@example.com --reason \"ticket 4711\"", way.use),
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeAccount(o),
		RunE: func(c *cobra.Command, args []string) error {
			return o.changeOnPlane(c, func(s *session, p *remote.Client) error {
				found, err := s.account(p, args[0])
				if err != nil {
					return err
				}
				if s.local() {
					_, err = way.local(s, found.ID, reason)
				} else {
					_, err = way.remote(s, p, found.ID, reason)
				}
				if err != nil {
					return err
				}
				a, err := remote.Value(p.API.AccountGet(s.ctx, found.ID))
				if err != nil {
					return err
				}
				return s.out.show(a, "%s: %s", a.Login, way.said)
			})
		},
	}
	reasonFlag(c, &reason)
	return o.changing(c)
}

// completeAccount offers the logins of accounts.
func completeAccount(o *operator) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return candidatesOf(o, func(s *session) (found []cobra.Completion, err error) {
			err = s.onPlane(func(s *session, p *remote.Client) error {
				list, err := s.accounts(p)
				for _, a := range list {
					if a.Login != "" && strings.HasPrefix(a.Login, typed) {
						found = append(found, cobra.CompletionWithDesc(a.Login, strings.Join(a.Roles, ", ")))
					}
				}
				return err
			})
			return found, err
		})
	}
}
