package main

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"

	"countersign.dev/api"
	"countersign.dev/internal/edge/signin"
	operators "countersign.dev/internal/operator"
	"countersign.dev/internal/registry"
	"countersign.dev/internal/remote"
	"github.com/spf13/cobra"
)

func newAccount() *cobra.Command {
	o := new(operator)
	return o.group("account", "Say which people may operate this installation", `Say which people may operate this installation, with which roles: viewer, operator, approver, auditor, admin. Somebody is invited
with a one-time link, and then signs in with a passkey or with the company's provider; there are no passwords. Roles that come
from the provider's groups are changed there.

ACCOUNT is its login (like an email address) or its id (opr_...).`,
		newAccountList(o), newAccountFirstLink(o), newAccountInvite(o), newAccountRoles(o), newAccountState(o, disableAccount), newAccountState(o, enableAccount))
}

func newAccountList(o *operator) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List accounts with their roles",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return o.onPlane(c, func(s *session, p *remote.Client) error {
				list, err := s.accounts(p)
				if err != nil {
					return err
				}
				var rows [][]string
				for _, a := range list {
					rows = append(rows, []string{a.ID, a.Login, safeText([]byte(a.Name)), strings.Join(a.Roles, ", "), environmentsOf(a.Environments), string(a.State), a.Origin, when(a.SignedInAt)})
				}
				return s.out.table(list, "no account", []string{"ID", "LOGIN", "NAME", "ROLES", "ENVIRONMENTS", "STATE", "SIGNS IN BY", "LAST"}, rows)
			})
		},
	}
}

func (s *session) accounts(p *remote.Client) ([]api.Account, error) {
	list, _, err := pageOf(10_000, func(after string, n int) ([]api.Account, string, error) {
		page, err := remote.Value(p.API.AccountList(s.ctx, api.AccountListParams{After: after, Limit: n}))
		return page.Items, page.Next, err
	})
	return list, err
}

// account finds one by its id or login.
func (s *session) account(p *remote.Client, who string) (api.Account, error) {
	list, err := s.accounts(p)
	if err != nil {
		return api.Account{}, err
	}
	for _, a := range list {
		if a.ID == who || a.Login != "" && strings.EqualFold(a.Login, who) {
			return a, nil
		}
	}
	return api.Account{}, hinted{fmt.Errorf("account %q: %w", who, registry.ErrNotFound), "countersign account list shows them"}
}

// roleFlags take roles and environments.
func roleFlags(o *operator, c *cobra.Command, roles, environments *[]string) {
	f := c.Flags()
	f.StringSliceVar(roles, "role", nil, "`ROLE`: viewer, operator, approver, auditor or admin; may be repeated")
	f.StringSliceVarP(environments, "environment", "e", nil, "`NAME` of an environment that it is confined to; may be repeated; all of them unless given")
	_ = c.RegisterFlagCompletionFunc("role", cobra.FixedCompletions(roleNames(), cobra.ShellCompDirectiveNoFileComp))
	completeEnvironments(o, c)
}

func roleNames() (names []string) {
	for _, role := range operators.Roles() {
		names = append(names, string(role))
	}
	return names
}

// readRoles refuses a slip before anything is asked.
func readRoles(names []string) (roles []operators.Role, err error) {
	for _, name := range names {
		if !slices.Contains(roleNames(), name) {
			return nil, hinted{fmt.Errorf("--role %s: there is no such role", name), strings.Join(roleNames(), ", ")}
		}
		roles = append(roles, operators.Role(name))
	}
	return roles, nil
}

func newAccountInvite(o *operator) *cobra.Command {
	var in registry.AccountInvite
	var roles []string
	var reason string
	h := new(handover)
	c := &cobra.Command{
		Use:   "invite LOGIN --role ROLE...",
		Short: "Invite somebody with a one-time link, or make a new link",
		Long: `Invite somebody: LOGIN is like an email address. The answer is a one-time link, which counts for a day; whoever opens it registers
a passkey or signs in with the provider. Of an account that is there already, it makes a new link, without --role: using it ends
the passkeys and sessions from before.`,
		Example: "  countersign account invite alice@example.com --role operator --role approver\n  countersign account invite alice@example.com --secret-file link",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) (err error) {
			if in.Roles, err = readRoles(roles); err != nil {
				return err
			}
			return o.changeOnPlane(c, func(s *session, p *remote.Client) error {
				in.Login = args[0]
				return s.once(h, func() (string, string, func(string) any, error) {
					changed, err := s.invite(p, in, reason)
					said := fmt.Sprintf("%s (%s): a link that counts once, until %s:", changed.Account.Login, changed.Account.ID, when(changed.LinkUntil))
					return changed.Link, said, func(link string) any {
						return struct {
							api.Account
							Link string `json:"link,omitempty"`
						}{changed.Account, link}
					}, err
				})
			})
		},
	}
	roleFlags(o, c, &roles, &in.Environments)
	c.Flags().StringVar(&in.Name, "name", "", "`NAME` of the person")
	reasonFlag(c, &reason)
	h.flag(c)
	return o.changing(c)
}

// invite makes an account, or a new link for one that is there.
func (s *session) invite(p *remote.Client, in registry.AccountInvite, reason string) (api.AccountChanged, error) {
	found, err := s.account(p, in.Login)
	there := err == nil
	switch {
	case err != nil && !errors.Is(err, registry.ErrNotFound):
		return api.AccountChanged{}, err
	case there && len(in.Roles)+len(in.Environments) > 0:
		return api.AccountChanged{}, hinted{fmt.Errorf("%s is there already, as %s", found.Login, strings.Join(found.Roles, ", ")),
			"countersign account roles changes what it may; without --role this makes a new link for it"}
	case !there && len(in.Roles) == 0:
		return api.AccountChanged{}, hinted{fmt.Errorf("%s is a new account: which roles?", in.Login), "--role, once or several times: " + strings.Join(roleNames(), ", ")}
	}
	if s.local() {
		if there {
			in = registry.AccountInvite{Account: found.ID}
		}
		made, err := s.disk.InviteAccount(s.ctx, s.actor, in)
		if err != nil {
			return api.AccountChanged{}, err
		}
		defer made.Token.Zero()
		found, err = remote.Value(p.API.AccountGet(s.ctx, made.Account.ID))
		return api.AccountChanged{Account: found, Link: signin.Link(s.publicURL(), string(made.Token.Bytes())), LinkUntil: made.ExpiresAt}, err
	}
	if there {
		return remote.Value(p.API.AccountReinvite(s.ctx, found.ID, api.AccountReinviteParams{}, api.Act{Reason: reason}))
	}
	body := api.AccountInvite{Login: in.Login, Name: in.Name, Environments: in.Environments, Reason: reason}
	for _, role := range in.Roles {
		body.Roles = append(body.Roles, api.RoleName(role))
	}
	return remote.Value(p.API.AccountInvite(s.ctx, api.AccountInviteParams{}, body))
}

// publicURL is where people reach this installation's operators' plane, as far as a configuration says it.
func (s *session) publicURL() string {
	if s.at.config == nil || s.at.config.Admin == nil {
		s.out.note("no configuration with the operators' plane (admin) was found: put its address before the link's path")
		return ""
	}
	a := s.at.config.Admin
	return s.urlOf("the operators' plane", a.PublicURL, a.Listen, a.TLS != nil)
}

// portalURL is where people of partners reach this installation's portal, as far as a configuration says it.
func (s *session) portalURL() string {
	if s.at.config == nil || s.at.config.Portal == nil {
		s.out.note("no configuration with the partners' portal (portal) was found: put its address before the link's path")
		return ""
	}
	p := s.at.config.Portal
	return s.urlOf("the partners' portal", p.PublicURL, p.Listen, p.TLS != nil)
}

// urlOf is the address of one of our own listeners for browsers.
func (s *session) urlOf(what string, public *url.URL, listen string, encrypted bool) string {
	if public != nil {
		return public.String()
	}
	scheme := "http"
	if encrypted {
		scheme = "https"
	}
	_, port, err := net.SplitHostPort(listen)
	if err != nil || port == "0" {
		s.out.note("the configuration does not tell the port of %s: the server's log does", what)
		port = "PORT"
	}
	return scheme + "://localhost:" + port
}
