package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"countersign.dev/api"
	"countersign.dev/internal/registry"
	"countersign.dev/internal/remote"
	"github.com/spf13/cobra"
)

func newSettings() *cobra.Command {
	o := new(operator)
	approvals := &cobra.Command{Use: "approvals", Short: "How many other people a change needs", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	approvals.AddCommand(newApprovalsShow(o), newApprovalsSet(o))
	return o.group("settings", "Say how many people a change needs", "Settings of the installation that are kept in the register.", approvals)
}

func newApprovalsShow(o *operator) *cobra.Command {
	return &cobra.Command{
		Use:   "show",
		Short: "Show how many other people a change needs",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return o.onPlane(c, func(s *session, p *remote.Client) error {
				found, err := remote.Value(p.API.ApprovalsGet(s.ctx))
				if err != nil {
					return err
				}
				return s.showApprovals(found)
			})
		},
	}
}

func (s *session) showApprovals(a api.Approvals) error {
	rows := [][]string{}
	for _, e := range a.Environments {
		rows = append(rows, []string{e.Environment, "what widens access", strconv.Itoa(e.Approvals)})
		for _, one := range e.Operations {
			rows = append(rows, []string{e.Environment, one.Operation, strconv.Itoa(one.Approvals)})
		}
	}
	rows = append(rows, []string{"", "accounts, roles, service accounts, break-glass codes", strconv.Itoa(a.Accounts)}, []string{"", "these settings", strconv.Itoa(a.Settings)})
	return s.out.table(a, "", []string{"ENVIRONMENT", "CHANGE", "APPROVALS"}, rows)
}

// approvalsOptions are the flags of `settings approvals set`.
type approvalsOptions struct {
	environments       map[string]int
	operations         map[string]int // "production/network.allow"
	accounts, settings int
	accountsSet        bool
	settingsSet        bool
	reason             string
}

func newApprovalsSet(o *operator) *cobra.Command {
	w := new(approvalsOptions)
	c := &cobra.Command{
		Use:   "set [--environment NAME=N]... [--operation NAME/OPERATION=N]... [--accounts N] [--settings N]",
		Short: "Set how many other people a change needs",
		Long: fmt.Sprintf(`Set how many people other than the one who asks must approve a change, 0 to %d: what widens access in an environment, one operation
of it, changes of accounts, and changes of these settings. What is not named stays as it is. What narrows access never waits.

Over the operators' plane this change itself waits as the settings say. On the server's disk it does not, so that an installation
with one person can be started: the record says who did it.`, registry.MaxApprovals),
		Example: "  countersign settings approvals set --environment production=2 --operation production/limit.set=1\n  countersign settings approvals set --accounts 0 --settings 0",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			w.accountsSet, w.settingsSet = c.Flags().Changed("accounts"), c.Flags().Changed("settings")
			if len(w.environments)+len(w.operations) == 0 && !w.accountsSet && !w.settingsSet {
				return hinted{errors.New("what is to be set?"), "--environment, --operation, --accounts or --settings"}
			}
			return o.changeOnPlane(c, func(s *session, p *remote.Client) error { return w.set(s, p) })
		},
	}
	f := c.Flags()
	f.StringToIntVarP(&w.environments, "environment", "e", nil, "`NAME=N`: what widens access there; may be repeated")
	f.StringToIntVar(&w.operations, "operation", nil, "`NAME/OPERATION=N`: one operation there, such as production/network.allow=2; may be repeated")
	f.IntVar(&w.accounts, "accounts", 0, "`N` for accounts, roles, service accounts and break-glass codes")
	f.IntVar(&w.settings, "settings", 0, "`N` for these settings")
	reasonFlag(c, &w.reason)
	return o.changing(c)
}

func (w *approvalsOptions) set(s *session, p *remote.Client) error {
	present, err := remote.Value(p.API.ApprovalsGet(s.ctx))
	if err != nil {
		return err
	}
	want, err := w.merged(present)
	if err != nil {
		return err
	}
	if s.local() {
		if _, err := s.disk.SetApprovals(s.ctx, s.actor, localApprovals(want), w.reason); err != nil {
			return err
		}
		if want, err = remote.Value(p.API.ApprovalsGet(s.ctx)); err != nil {
			return err
		}
		return s.showApprovals(want)
	}
	body := api.ApprovalsPut{Accounts: want.Accounts, Environments: want.Environments, Settings: want.Settings, Reason: w.reason}
	changed, err := remote.Value(p.API.SettingsApprovals(s.ctx, api.SettingsApprovalsParams{IfMatch: remote.Quoted(present.Etag)}, body))
	if err != nil {
		return err
	}
	return s.showApprovals(changed.Approvals)
}

// merged puts what the flags say into the settings as they are.
func (w *approvalsOptions) merged(a api.Approvals) (api.Approvals, error) {
	a.Environments = slices.Clone(a.Environments)
	of := func(name string) *api.EnvironmentApprovals {
		i := slices.IndexFunc(a.Environments, func(e api.EnvironmentApprovals) bool { return e.Environment == name })
		if i < 0 {
			i = len(a.Environments)
			a.Environments = append(a.Environments, api.EnvironmentApprovals{Environment: name})
		}
		return &a.Environments[i]
	}
	for name, n := range w.environments {
		of(name).Approvals = n
	}
	for both, n := range w.operations {
		name, operation, found := strings.Cut(both, "/")
		if !found || !slices.Contains(registry.OperationNames(), registry.OperationName(operation)) {
			return a, hinted{fmt.Errorf("--operation %s: there is no such operation", both), "write ENVIRONMENT/OPERATION=N, for example production/network.allow=2"}
		}
		e := of(name)
		e.Operations = slices.DeleteFunc(slices.Clone(e.Operations), func(o api.OperationApprovals) bool { return o.Operation == operation })
		e.Operations = append(e.Operations, api.OperationApprovals{Operation: operation, Approvals: n})
		slices.SortFunc(e.Operations, func(x, y api.OperationApprovals) int { return strings.Compare(x.Operation, y.Operation) })
	}
	slices.SortFunc(a.Environments, func(x, y api.EnvironmentApprovals) int { return strings.Compare(x.Environment, y.Environment) })
	if w.accountsSet {
		a.Accounts = w.accounts
	}
	if w.settingsSet {
		a.Settings = w.settings
	}
	return a, nil
}

func localApprovals(a api.Approvals) registry.Approvals {
	want := registry.Approvals{Accounts: a.Accounts, Settings: a.Settings}
	for _, e := range a.Environments {
		one := registry.EnvironmentApprovals{Environment: e.Environment, Approvals: e.Approvals}
		for _, o := range e.Operations {
			one.Operations = append(one.Operations, registry.OperationApprovals{Operation: registry.OperationName(o.Operation), Approvals: o.Approvals})
		}
		want.Environments = append(want.Environments, one)
	}
	return want
}
