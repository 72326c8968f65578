package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"countersign.dev/internal/audit"
	"github.com/spf13/cobra"
)

func newAudit() *cobra.Command {
	o := new(operator)
	return o.group("audit", "Read and verify the two records: changes and decisions", `Read and verify the two records. The record of changes says who changed what of the register; the record of decisions has
one line for each request. Both are chained, so that nobody can alter them quietly, and checkpoints that are kept in another
place vouch for their ends.`,
		newAuditChanges(o), newAuditVerify(o), newAuditSearch(o), newAuditTail(o), newAuditExport(o), newAuditRollup(o), newAuditIndex(o))
}

// changeFilter says which changes are asked for. What is empty or zero matches all.
type changeFilter struct {
	who, actor, action string
	since, until       string
	limit              int
	after              uint64

	from, to time.Time
	subjects []string // rows of the partner
}

func newAuditChanges(o *operator) *cobra.Command {
	f := new(changeFilter)
	c := &cobra.Command{
		Use:   "changes",
		Short: "List who changed what of the register",
		Long: `List changes of the register, the oldest first: the last ones that fit, or from --after on. Times are of RFC 3339, or a span
back from now, such as 24h or 7d.`,
		Example: `  countersign audit changes --partner "Example Bank" --since 7d
  countersign audit changes --action credential.revoked -o json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := f.check(time.Now()); err != nil {
				return err
			}
			return o.read(c, func(s *session) error { return listChanges(s, f, c.Flags().Changed("after")) })
		},
	}
	flags := c.Flags()
	flags.StringVar(&f.who, "partner", "", "only changes of this `PARTNER`, its credentials, networks and limits")
	flags.StringVar(&f.actor, "actor", "", "only changes by this `ACTOR`, for example operator:alice")
	flags.StringVar(&f.action, "action", "", "only this `ACTION`, for example review.approved")
	flags.StringVar(&f.since, "since", "", "only from this `TIME` on")
	flags.StringVar(&f.until, "until", "", "only until this `TIME`")
	flags.IntVar(&f.limit, "limit", 100, "at most `N` changes, 1 to 10000")
	flags.Uint64Var(&f.after, "after", 0, "the first ones after the change with this `NUMBER`, instead of the last ones")
	var actions []cobra.Completion
	for _, action := range audit.Actions() {
		actions = append(actions, string(action))
	}
	_ = c.RegisterFlagCompletionFunc("action", cobra.FixedCompletions(actions, cobra.ShellCompDirectiveNoFileComp))
	return c
}

func (f *changeFilter) check(now time.Time) (err error) {
	if f.limit < 1 || f.limit > 10_000 {
		return errors.New("--limit is 1 to 10000")
	}
	if f.action != "" && !audit.Action(f.action).Known() {
		return hinted{fmt.Errorf("--action %s: there is no such action", f.action), "one of " + joinActions()}
	}
	if f.from, err = parsePast(f.since, now); err != nil {
		return fmt.Errorf("--since %s: %w", f.since, err)
	}
	if f.to, err = parsePast(f.until, now); err != nil {
		return fmt.Errorf("--until %s: %w", f.until, err)
	}
	return nil
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

// matches reports whether a change is asked for.
func (f *changeFilter) matches(c audit.Change) bool {
	switch {
	case f.actor != "" && c.Actor != f.actor,
		f.action != "" && string(c.Action) != f.action,
		!f.from.IsZero() && c.At.Before(f.from),
		!f.to.IsZero() && c.At.After(f.to):
		return false
	}
	if f.who == "" {
		return true
	}
	// A rule that is gone is known by the partner's id in its detail alone.
	return slices.Contains(f.subjects, c.Subject) || strings.Contains(c.Detail, f.subjects[0])
}

// listChanges shows the last changes that fit, or the first ones after a number.
func listChanges(s *session, f *changeFilter, forward bool) error {
	if err := f.resolve(s); err != nil {
		return err
	}
	found := []audit.Change{}
	for after := f.after; ; {
		page, err := s.Changes(s.ctx, after, 0)
		if err != nil {
			return err
		}
		if len(page) == 0 {
			break
		}
		after = page[len(page)-1].Seq
		for _, c := range page {
			if f.matches(c) {
				found = append(found, c)
			}
		}
		if forward && len(found) >= f.limit {
			found = found[:f.limit]
			break
		}
		if excess := len(found) - f.limit; excess > 0 {
			found = slices.Delete(found, 0, excess)
		}
	}
	var rows [][]string
	for _, c := range found {
		rows = append(rows, []string{strconv.FormatUint(c.Seq, 10), when(c.At), c.Actor, string(c.Action), c.Subject, c.Detail})
	}
	return s.out.table(views(found, viewChange), "no change", []string{"NR", "TIME", "ACTOR", "ACTION", "SUBJECT", "DETAIL"}, rows)
}

// resolve finds the rows of the partner that is asked for; its own id is the first.
func (f *changeFilter) resolve(s *session) error {
	if f.who == "" {
		return nil
	}
	p, err := s.partner(f.who)
	if err != nil {
		return err
	}
	page, err := s.page(p)
	if err != nil {
		return err
	}
	f.subjects = []string{p.ID}
	for _, c := range page.Credentials {
		f.subjects = append(f.subjects, c.ID)
	}
	for _, n := range page.Networks {
		f.subjects = append(f.subjects, n.ID)
	}
	for _, l := range page.Limits {
		f.subjects = append(f.subjects, l.ID)
	}
	return nil
}
