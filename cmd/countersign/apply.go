package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/desired"
	"countersign.dev/internal/registry"
	"github.com/spf13/cobra"
)

// applyOptions are the flags of `countersign apply`.
type applyOptions struct {
	file         string
	dryRun       bool
	prune        bool
	closeUnnamed bool
}

func newApply() *cobra.Command {
	o, a := new(operator), new(applyOptions)
	c := &cobra.Command{
		Use:   "apply -f FILE",
		Short: "Make partners, networks and limits what a file says",
		Long: `Make partners, their networks and their limits what a YAML file says, which can live in a repository: it holds no secret.

    partners:
      - name: Example Bank
        environments:
          production:
            review: requested          # asked for if it never was; a person approves it
            networks:                  # exactly these; leave the key out to leave them as they are
              - 203.0.113.0/24
              - {prefix: 198.51.100.7, api: card, note: fallback}
              - {country: DE}
            limits:
              - {api: card, rate: 50/s, burst: 100, daily: 1000000}
      - {name: Former Partner, closed: true}

Partners are matched by name and added where they are not there. What the file does not name stays as it is: other partners,
other environments, and networks or limits where their key is missing. All of it is applied in one transaction, or nothing:
a mistake is told with its line and column. The same file again changes nothing. Closing partners asks first.`,
		Example: "  countersign apply -f partners.yaml --dry-run\n  countersign apply -f partners.yaml --yes --wait",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			text, err := a.read(c.InOrStdin())
			if err != nil {
				return err
			}
			want, file, err := parseDesired(a.name(), text)
			if err != nil {
				return refusedFile(err)
			}
			want.Prune, want.ClosePruned = a.prune || a.closeUnnamed, a.closeUnnamed
			work := func(s *session) error { return located(s.apply(c, o, want, a.dryRun), a.name(), file) }
			if a.dryRun {
				return o.read(c, work)
			}
			return o.change(c, work)
		},
	}
	o.flags(c)
	f := c.Flags()
	f.StringVarP(&a.file, "file", "f", "", "`FILE` (YAML), or - for standard input")
	f.BoolVar(&a.dryRun, "dry-run", false, "only show what would be changed")
	f.BoolVar(&a.prune, "prune", false, "also list the partners that the file does not name")
	f.BoolVar(&a.closeUnnamed, "close-unnamed", false, "close the partners that the file does not name, for good")
	_ = c.MarkFlagRequired("file")
	_ = c.MarkFlagFilename("file", "yaml", "yml")
	return o.asking(c)
}

func (a *applyOptions) name() string {
	if a.file == "-" {
		return "standard input"
	}
	return a.file
}

func (a *applyOptions) read(in io.Reader) ([]byte, error) {
	if a.file != "-" {
		f, err := os.Open(a.file)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, int64(desired.OfCommand().Bytes)+1)) // one byte more: the parser says that it is too large
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", a.name(), err)
	}
	return text, nil
}

// refusedFile puts each problem on a line of its own, below the sentence that nothing happened.
func refusedFile(err error) error {
	return fmt.Errorf("nothing was changed:\n%w", err)
}

// apply shows what is, or would be, different. Closing somebody is asked for before anything is done.
func (s *session) apply(c *cobra.Command, o *operator, want registry.Desired, dryRun bool) error {
	planned, err := s.Revision(s.ctx)
	if err != nil {
		return err
	}
	plan, err := s.Apply(s.ctx, s.actor, want, true)
	if err != nil {
		return err
	}
	if dryRun {
		return s.showPlan(plan, true)
	}
	if closed := closings(plan); len(closed) > 0 {
		what := fmt.Sprintf("%s refused for good: %s", plural(len(closed), "partner"), firstOf(closed, maxCandidates))
		if err := o.confirm(c, what, fmt.Sprintf("close %d", len(closed))); err != nil {
			return err
		}
		if now, err := s.Revision(s.ctx); err != nil || now != planned {
			return hinted{errors.Join(errors.New("the register was changed meanwhile; nothing was applied"), err), "look at the plan again: the question was about another one"}
		}
	}
	done, err := s.Apply(s.ctx, s.actor, want, false)
	if err != nil {
		return err
	}
	return s.showPlan(done, false)
}

func closings(plan registry.Diff) []string {
	var names []string
	for _, step := range plan.Steps {
		if step.Action == audit.PartnerClosed {
			names = append(names, step.Partner)
		}
	}
	return names
}

func firstOf(names []string, n int) string {
	if len(names) > n {
		names = append(names[:n:n], fmt.Sprintf("and %d more", len(names)-n))
	}
	return strings.Join(names, ", ")
}

// planView is a plan as JSON.
type planView struct {
	DryRun  bool            `json:"dry_run"`
	Steps   []registry.Step `json:"steps"`
	Unnamed []partnerView   `json:"unnamed"`
}

func (s *session) showPlan(plan registry.Diff, dryRun bool) error {
	if s.out.json {
		return s.out.encode(planView{dryRun, append([]registry.Step{}, plan.Steps...), views(plan.Unnamed, viewPartner)})
	}
	var b strings.Builder
	for _, step := range plan.Steps {
		sign := signOf(step)
		line := fmt.Sprintf("%s %s", sign, step)
		b.WriteString(s.out.tint(sign, line) + "\n")
	}
	for _, p := range plan.Unnamed {
		fmt.Fprintf(&b, "? not in the file: %q (%s)\n", p.Name, p.ID)
	}
	switch said := plural(len(plan.Steps), "change"); {
	case len(plan.Steps) == 0:
		b.WriteString("no change: the register is as the file says\n")
	case dryRun:
		fmt.Fprintf(&b, "%s to make; nothing was changed\n", said)
	default:
		fmt.Fprintf(&b, "%s made\n", said)
	}
	_, err := io.WriteString(s.out.out, b.String())
	return err
}

// signOf is + for what is added, - for what is taken away, ~ for what is set anew.
func signOf(step registry.Step) string {
	switch step.Action {
	case audit.PartnerClosed, audit.NetworkRemoved, audit.LimitRemoved:
		return "-"
	case audit.LimitSet:
		return "~"
	}
	return "+"
}

// tint colours a line of a plan, on a terminal.
func (o *output) tint(sign, line string) string {
	colour := map[string]string{"+": "32", "-": "31", "~": "33"}[sign]
	if !o.colour || colour == "" {
		return line
	}
	return "\x1b[" + colour + "m" + line + "\x1b[0m"
}

// located puts line and column into an error of the registry that names items of the file.
func located(err error, name string, file desired.File) error {
	var refused *registry.ApplyError
	if !errors.As(err, &refused) {
		return err
	}
	var problems desired.Problems
	for _, item := range refused.Items {
		problems = append(problems, file.Locate("/desired/"+item.Path, item.Err.Error()))
	}
	if refused.More > 0 {
		problems = append(problems, desired.Problem{File: name, Message: fmt.Sprintf("and %d problems more", refused.More)})
	}
	return refusedFile(problems)
}
