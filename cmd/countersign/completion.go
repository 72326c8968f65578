package main

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// completionTime bounds what pressing the tab key may take.
const completionTime = 2 * time.Second

// candidatesOf reads the register for the shell's completion. A register that cannot be read offers nothing, and says
// nothing: it would be printed into the command line that is being typed.
func candidatesOf(o *operator, list func(s *session) ([]cobra.Completion, error)) ([]cobra.Completion, cobra.ShellCompDirective) {
	ctx, cancel := context.WithTimeout(context.Background(), completionTime)
	defer cancel()
	s, err := o.open(ctx, nil)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	defer func() { _ = s.close() }()
	found, err := list(s)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return found, cobra.ShellCompDirectiveNoFileComp
}

// completePartner offers the names of partners as the first argument; the ids of those whose name others have, too.
func completePartner(o *operator) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return candidatesOf(o, func(s *session) ([]cobra.Completion, error) { return partnerNames(s, typed) })
	}
}

func partnerNames(s *session, typed string) ([]cobra.Completion, error) {
	partners, err := s.Partners(s.ctx)
	if err != nil {
		return nil, err
	}
	carried := map[string]int{}
	for _, p := range partners {
		carried[p.Name]++
	}
	var found []cobra.Completion
	for _, p := range partners {
		if carried[p.Name] == 1 && strings.HasPrefix(p.Name, typed) {
			found = append(found, cobra.CompletionWithDesc(p.Name, p.ID))
		}
		if typed != "" && strings.HasPrefix(p.ID, typed) || carried[p.Name] > 1 && strings.HasPrefix(p.Name, typed) {
			found = append(found, cobra.CompletionWithDesc(p.ID, p.Name))
		}
	}
	return found, nil
}

// completeCredential offers the ids of credentials as the first argument.
func completeCredential(o *operator) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return candidatesOf(o, func(s *session) ([]cobra.Completion, error) {
			credentials, err := s.Credentials(s.ctx, "")
			var found []cobra.Completion
			for _, one := range credentials {
				if one.RevokedAt.IsZero() && strings.HasPrefix(one.ID, typed) {
					found = append(found, cobra.CompletionWithDesc(one.ID, string(one.Kind)+" in "+one.Environment))
				}
			}
			return found, err
		})
	}
}

// completeEnvironments offers, for --environment, those that the register has reviews or keys for.
func completeEnvironments(o *operator, c *cobra.Command) {
	_ = c.RegisterFlagCompletionFunc("environment", func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return candidatesOf(o, func(s *session) ([]cobra.Completion, error) {
			reviews, err := s.Reviews(s.ctx, "")
			var found []cobra.Completion
			for _, r := range reviews {
				if !slices.Contains(found, r.Environment) {
					found = append(found, r.Environment)
				}
			}
			slices.Sort(found)
			return found, err
		})
	})
}
