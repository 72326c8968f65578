package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/remote"
	"github.com/spf13/cobra"
)

func newAudit() *cobra.Command {
	o := new(operator)
	return o.group("audit", "Read and verify the two records: changes and decisions", `Read and verify the two records. The record of changes says who changed what of the register; the record of decisions has
one line for each request. Both are chained, so that nobody can alter them quietly, and checkpoints that are kept in another
place vouch for their ends.`,
		newAuditChanges(o), newAuditVerify(o), newAuditSearch(o), newAuditTail(o), newAuditExport(o), newAuditRollup(o), newAuditIndex(o), newAuditNodes(o))
}

// changeFilter says which changes are asked for. What is empty or zero matches all.
type changeFilter struct {
	who, actor   string
	action, kind string
	since, until string
	limit        int
	after        uint64

	from, to time.Time
}

func newAuditChanges(o *operator) *cobra.Command {
	f := new(changeFilter)
	c := &cobra.Command{
		Use:   "changes",
		Short: "List who changed what of the register",
		Long: `List changes of the register, the oldest first: the last ones that fit, or from --after on. Times are of RFC 3339, or a span
back from now, such as 24h or 7d.`,
		Example: `  countersign audit changes --partner "Example Bank" --since 7d
  countersign audit changes --action credential.revoked -o json
  countersign audit changes --kind proposal --actor operator:alice@example.com`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := f.check(clock()); err != nil {
				return err
			}
			return o.onPlane(c, func(s *session, p *remote.Client) error {
				return s.showChanges(f.search(s, p, c.Flags().Changed("after")))
			})
		},
	}
	flags := c.Flags()
	flags.StringVar(&f.who, "partner", "", "only changes of this `PARTNER`, its credentials, networks and limits")
	flags.StringVar(&f.actor, "actor", "", "only changes by this `ACTOR`, for example operator:alice")
	flags.StringVar(&f.action, "action", "", "only this `ACTION`, for example review.approved")
	flags.StringVar(&f.kind, "kind", "", "only actions of this `KIND`, the part before the point, for example review")
	flags.StringVar(&f.since, "since", "", "only from this `TIME` on")
	flags.StringVar(&f.until, "until", "", "only until this `TIME`")
	flags.IntVar(&f.limit, "limit", 100, "at most `N` changes, 1 to 10000")
	flags.Uint64Var(&f.after, "after", 0, "the first ones after the change with this `NUMBER`, instead of the last ones")
	var actions []cobra.Completion
	for _, action := range audit.Actions() {
		actions = append(actions, string(action))
	}
	_ = c.RegisterFlagCompletionFunc("action", cobra.FixedCompletions(actions, cobra.ShellCompDirectiveNoFileComp))
	_ = c.RegisterFlagCompletionFunc("kind", cobra.FixedCompletions(actionKinds(), cobra.ShellCompDirectiveNoFileComp))
	return c
}

func (f *changeFilter) check(now time.Time) (err error) {
	if f.limit < 1 || f.limit > 10_000 {
		return errors.New("--limit is 1 to 10000")
	}
	if f.action != "" && !audit.Action(f.action).Known() {
		return hinted{fmt.Errorf("--action %s: there is no such action", f.action), "one of " + joinActions()}
	}
	if f.kind != "" && !slices.Contains(actionKinds(), f.kind) {
		return hinted{fmt.Errorf("--kind %s: no action has it", f.kind), "one of " + strings.Join(actionKinds(), ", ")}
	}
	if f.from, err = parsePast(f.since, now); err != nil {
		return fmt.Errorf("--since %s: %w", f.since, err)
	}
	if f.to, err = parsePast(f.until, now); err != nil {
		return fmt.Errorf("--until %s: %w", f.until, err)
	}
	return nil
}

// actionKinds are the parts of actions before the point, each once.
func actionKinds() (kinds []string) {
	for _, action := range audit.Actions() {
		kind, _, _ := strings.Cut(string(action), ".")
		kinds = append(kinds, kind)
	}
	slices.Sort(kinds)
	return slices.Compact(kinds)
}

func joinActions() string {
	var names []string
	for _, action := range audit.Actions() {
		names = append(names, string(action))
	}
	return strings.Join(names, ", ")
}

// parsePast reads a time, or a span back from now; nothing is the zero time.
func parsePast(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	if day, err := time.Parse(time.DateOnly, text); err == nil {
		return day, nil
	}
	span, err := parseSpan(text)
	if err != nil {
		return time.Time{}, hinted{errors.New("not a time"), "write 2026-11-20T10:00:00Z, 2026-11-20, or a span back from now: 90m, 24h, 7d"}
	}
	return now.Add(-span), nil
}

func (s *session) showChanges(found []audit.Change, err error) error {
	if err != nil {
		return err
	}
	var rows [][]string
	for _, c := range found {
		rows = append(rows, []string{strconv.FormatUint(c.Seq, 10), when(c.At), c.Actor, string(c.Action), c.Subject, c.Detail})
	}
	return s.out.table(views(found, viewChange), "no change", []string{"NR", "TIME", "ACTOR", "ACTION", "SUBJECT", "DETAIL"}, rows)
}
