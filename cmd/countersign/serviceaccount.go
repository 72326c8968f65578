package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"countersign.dev/api"
	operators "countersign.dev/internal/operator"
	"countersign.dev/internal/registry"
	"countersign.dev/internal/remote"
	"github.com/spf13/cobra"
)

func newServiceAccount() *cobra.Command {
	o := new(operator)
	return o.group("service-account", "Give automation a token that is scoped and ends", `Give automation a token of its own, scoped to permissions and environments, that ends within a year. It is shown once and kept as
a hash. A service account never approves anything.`,
		newServiceList(o), newServiceCreate(o), newServiceRevoke(o))
}

func newServiceList(o *operator) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List service accounts with what they may do and when they end",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return o.onPlane(c, func(s *session, p *remote.Client) error {
				list, err := s.services(p)
				if err != nil {
					return err
				}
				var rows [][]string
				for _, a := range list {
					what := strings.Join(a.Roles, ", ")
					if what == "" {
						what = strings.Join(a.Permissions, ", ")
					}
					rows = append(rows, []string{a.ID, a.Name, what, environmentsOf(a.Environments), string(a.State), when(a.NotAfter), when(a.UsedAt)})
				}
				return s.out.table(list, "no service account", []string{"ID", "NAME", "MAY", "ENVIRONMENTS", "STATE", "ENDS", "USED"}, rows)
			})
		},
	}
}

func (s *session) services(p *remote.Client) ([]api.ServiceAccount, error) {
	list, _, err := pageOf(10_000, func(after string, n int) ([]api.ServiceAccount, string, error) {
		page, err := remote.Value(p.API.ServiceList(s.ctx, api.ServiceListParams{After: after, Limit: n}))
		return page.Items, page.Next, err
	})
	return list, err
}

func newServiceCreate(o *operator) *cobra.Command {
	var in registry.ServiceCreate
	var roles, permissions []string
	var until, reason string
	h := new(handover)
	c := &cobra.Command{
		Use:   "create NAME --role ROLE | --permission PERMISSION --until WHEN",
		Short: "Make a service account; its token is shown once",
		Long: `Make a service account. Its token (csat_...) is shown once, or goes into --secret-file, from where --token-file takes it. It ends at
WHEN, a time or a span from now, at most a year.`,
		Example: "  countersign service-account create deployer --permission networks.write --environment sandbox --until 90d --secret-file token",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) (err error) {
			if in, err = readService(in, args[0], roles, permissions, until); err != nil {
				return err
			}
			return o.changeOnPlane(c, func(s *session, p *remote.Client) error {
				return s.once(h, func() (string, string, func(string) any, error) {
					made, err := s.createService(p, in, reason)
					a := made.ServiceAccount
					return made.Token, fmt.Sprintf("%s (%s): its token, until %s:", a.Name, a.ID, when(a.NotAfter)), func(token string) any {
						return struct {
							api.ServiceAccount
							Token string `json:"token,omitempty"`
						}{a, token}
					}, err
				})
			})
		},
	}
	roleFlags(o, c, &roles, &in.Environments)
	f := c.Flags()
	f.StringSliceVar(&permissions, "permission", nil, "`PERMISSION` instead of, or beside, roles; may be repeated")
	f.StringVar(&until, "until", "", "`WHEN` it ends: a time, or a span from now such as 90d")
	_ = c.MarkFlagRequired("until")
	_ = c.RegisterFlagCompletionFunc("permission", cobra.FixedCompletions(permissionNames(), cobra.ShellCompDirectiveNoFileComp))
	reasonFlag(c, &reason)
	h.flag(c)
	return o.changing(c)
}

func permissionNames() (names []string) {
	for _, one := range operators.Permissions() {
		if !one.Approves() {
			names = append(names, string(one))
		}
	}
	return names
}

// readService refuses slips before anything is asked.
func readService(in registry.ServiceCreate, name string, roles, permissions []string, until string) (registry.ServiceCreate, error) {
	var err error
	in.Name = name
	if in.Roles, err = readRoles(roles); err != nil {
		return in, err
	}
	for _, one := range permissions {
		if !slices.Contains(permissionNames(), one) {
			return in, hinted{fmt.Errorf("--permission %s: there is none that a service account could have", one), strings.Join(permissionNames(), ", ")}
		}
		in.Permissions = append(in.Permissions, operators.Permission(one))
	}
	if len(in.Roles)+len(in.Permissions) == 0 {
		return in, hinted{errors.New("what may it do?"), "--permission or --role"}
	}
	if in.NotAfter, err = parseMoment(until, clock()); err != nil || in.NotAfter.IsZero() {
		return in, fmt.Errorf("--until %q: %w", until, errMoment)
	}
	return in, nil
}

func (s *session) createService(p *remote.Client, in registry.ServiceCreate, reason string) (api.ServiceAccountChanged, error) {
	if s.local() {
		made, token, err := s.disk.CreateService(s.ctx, s.actor, in)
		if err != nil {
			return api.ServiceAccountChanged{}, err
		}
		defer token.Zero()
		found, err := remote.Value(p.API.ServiceGet(s.ctx, made.ID))
		return api.ServiceAccountChanged{ServiceAccount: found, Token: string(token.Bytes())}, err
	}
	body := api.ServiceCreate{Name: in.Name, NotAfter: in.NotAfter, Environments: in.Environments, Reason: reason}
	for _, role := range in.Roles {
		body.Roles = append(body.Roles, api.RoleName(role))
	}
	for _, permission := range in.Permissions {
		body.Permissions = append(body.Permissions, string(permission))
	}
	return remote.Value(p.API.ServiceCreate(s.ctx, api.ServiceCreateParams{}, body))
}

func newServiceRevoke(o *operator) *cobra.Command {
	var reason string
	c := &cobra.Command{
		Use:   "revoke SERVICE",
		Short: "End a service account for good, from its next request on",
		Long:  "End a service account for good, by its name or id: its token counts no more, from its next request on.",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return o.changeOnPlane(c, func(s *session, p *remote.Client) error {
				list, err := s.services(p)
				if err != nil {
					return err
				}
				i := slices.IndexFunc(list, func(a api.ServiceAccount) bool { return a.ID == args[0] || a.Name == args[0] })
				if i < 0 {
					return hinted{fmt.Errorf("service account %q: %w", args[0], registry.ErrNotFound), "countersign service-account list shows them"}
				}
				if err := o.confirm(c, fmt.Sprintf("service account %s (%s) ends for good", list[i].Name, list[i].ID), list[i].Name); err != nil {
					return err
				}
				done, err := remote.Value(p.API.ServiceRevoke(s.ctx, list[i].ID, api.ServiceRevokeParams{}, api.Act{Reason: reason}))
				if err != nil {
					return err
				}
				return s.out.show(done.ServiceAccount, "%s: revoked", list[i].Name)
			})
		},
	}
	reasonFlag(c, &reason)
	return o.asking(c)
}
