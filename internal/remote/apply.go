package remote

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"countersign.dev/api"
	"countersign.dev/internal/audit"
	"countersign.dev/internal/registry"
)

// Apply makes the register what desired says, or only tells what it would do.
func (c *Client) Apply(ctx context.Context, _ registry.Actor, desired registry.Desired, dryRun bool) (registry.Diff, error) {
	body := api.Apply{Desired: desiredOf(desired), DryRun: dryRun}
	done, err := Value(c.API.RegisterApply(ctx, api.RegisterApplyParams{}, body))
	if err != nil {
		return registry.Diff{}, itemsOf(err)
	}
	var diff registry.Diff
	for _, s := range done.Steps {
		diff.Steps = append(diff.Steps, registry.Step{Action: audit.Action(s.Action), Path: s.Path, Partner: oneLine(s.Partner), Environment: s.Environment, Text: oneLine(s.Text)})
	}
	for _, p := range done.Unnamed {
		diff.Unnamed = append(diff.Unnamed, c.partner(p))
	}
	return diff, nil
}

func desiredOf(d registry.Desired) api.Desired {
	to := api.Desired{Partners: []api.DesiredPartner{}, Prune: d.Prune, ClosePruned: d.ClosePruned}
	for _, p := range d.Partners {
		one := api.DesiredPartner{Name: p.Name, Closed: p.Closed}
		for _, e := range p.Environments {
			one.Environments = append(one.Environments, environmentOf(e))
		}
		to.Partners = append(to.Partners, one)
	}
	return to
}

// environmentOf keeps apart what is to be empty and what is to stay as it is.
func environmentOf(e registry.DesiredEnvironment) api.DesiredEnvironment {
	to := api.DesiredEnvironment{Name: e.Name, Requested: e.Requested}
	if e.Networks != nil {
		rules := []api.DesiredNetwork{}
		for _, n := range e.Networks {
			rule := api.DesiredNetwork{API: n.API, Country: n.Country, Note: n.Note}
			if n.Prefix.IsValid() {
				rule.Prefix = n.Prefix.String()
			}
			rules = append(rules, rule)
		}
		to.Networks = &rules
	}
	if e.Limits != nil {
		limits := []api.DesiredLimit{}
		for _, l := range e.Limits {
			limits = append(limits, api.DesiredLimit{API: l.API, CredentialID: l.Credential, Rate: l.Rate, PerSeconds: int64(l.Per / time.Second), Burst: l.Burst, Daily: l.Daily})
		}
		to.Limits = &limits
	}
	return to
}

// itemsOf makes of a problem that names items of the file the register's own error, so that the caller can say line and column.
func itemsOf(err error) error {
	var problem *Problem
	if !errors.As(err, &problem) || len(problem.Errors) == 0 {
		return err
	}
	refused := &registry.ApplyError{}
	for _, one := range problem.Errors {
		path := pathOf(one.Pointer)
		if path == "" {
			return err
		}
		if len(refused.Items) == registry.MaxItemErrors {
			refused.More++
			continue
		}
		refused.Items = append(refused.Items, &registry.ItemError{Path: path, Err: itemError{oneLine(one.Message), problem.cause}})
	}
	return refused
}

// itemError is what a server says of one item.
type itemError struct {
	said  string
	cause error
}

// Error is what the server said.
func (e itemError) Error() string { return e.said }

// Unwrap is what the problem as a whole stands for.
func (e itemError) Unwrap() error { return e.cause }

// pathOf turns a JSON pointer into the body, "/desired/partners/3/environments/0", into the path of an item:
// "partners[3].environments[0]". Anything else is empty.
func pathOf(pointer string) string {
	rest, inside := strings.CutPrefix(pointer, "/desired/")
	if !inside {
		return ""
	}
	path := ""
	for part := range strings.SplitSeq(rest, "/") {
		switch {
		case part == "":
			return ""
		case strings.Trim(part, "0123456789") == "":
			path += fmt.Sprintf("[%s]", part)
		case path == "":
			path = part
		default:
			path += "." + part
		}
	}
	return path
}
