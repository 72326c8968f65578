package main

import (
	"errors"
	"fmt"
	"slices"

	"countersign.dev/internal/registry"
	"github.com/spf13/cobra"
)

func newNetwork() *cobra.Command {
	o := new(operator)
	return o.group("network", "Say from which addresses and countries a partner may call", `Say from which addresses and countries a partner may call an environment. Prefixes are one list and countries another: an
address is let in by one entry of a list, and where a partner has both lists, by one of each.`,
		newNetworkAllow(o), newNetworkRemove(o), newNetworkList(o), newNetworkTest(o))
}

func newNetworkList(o *operator) *cobra.Command {
	var environment string
	c := &cobra.Command{
		Use:               "list [PARTNER]",
		Short:             "List network rules of one partner, or of all",
		Long:              "List network rules of one partner, or of all.\n\n" + whoHelp,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: completePartner(o),
		RunE: func(c *cobra.Command, args []string) error {
			return o.read(c, func(s *session) error {
				id, err := s.optionalPartner(args)
				if err != nil {
					return err
				}
				rules, err := s.Networks(s.ctx, id)
				if err != nil {
					return err
				}
				lines, rows := []networkView{}, [][]string{}
				for _, rule := range rules {
					if v := viewNetwork(rule); environment == "" || v.Environment == environment {
						lines = append(lines, v)
						rows = append(rows, []string{v.ID, v.PartnerID, v.Environment, v.API, v.what(), v.Note})
					}
				}
				return s.out.table(lines, "no network rule", []string{"ID", "PARTNER", "ENVIRONMENT", "API", "NETWORK", "NOTE"}, rows)
			})
		},
	}
	environmentFlag(c, &environment, false)
	completeEnvironments(o, c)
	return c
}

func newNetworkRemove(o *operator) *cobra.Command {
	c := &cobra.Command{
		Use:     "remove ID...",
		Short:   "Take network rules away",
		Long:    "Take network rules away, by their ids as network list shows them. What is taken away can be allowed again.",
		Example: "  countersign network remove net_... --wait",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			args = slices.Compact(slices.Sorted(slices.Values(args)))
			return o.change(c, func(s *session) error {
				rules, err := s.Networks(s.ctx, "")
				if err != nil {
					return err
				}
				known := map[string]networkView{}
				for _, rule := range rules {
					known[rule.ID] = viewNetwork(rule)
				}
				for _, id := range args {
					if _, found := known[id]; !found {
						return hinted{fmt.Errorf("network rule %q: %w; nothing was changed", id, registry.ErrNotFound), "countersign network list shows the ids"}
					}
				}
				removed, rows := []networkView{}, [][]string{}
				for _, id := range args {
					err := s.RemoveNetwork(s.ctx, s.actor, id)
					if s.waits(err) {
						continue
					}
					if err != nil {
						return errors.Join(err, partly(len(removed), "removed"))
					}
					v := known[id]
					removed = append(removed, v)
					rows = append(rows, []string{v.ID, v.PartnerID, v.Environment, v.API, v.what(), "removed"})
				}
				if len(removed) == 0 && len(s.waiting) > 0 {
					return nil
				}
				return s.out.table(removed, "nothing", []string{"ID", "PARTNER", "ENVIRONMENT", "API", "NETWORK", ""}, rows)
			})
		},
	}
	return o.explained(c)
}

// partly says how much of a list had been done before an error; nil if nothing had.
func partly(n int, done string) error {
	if n == 0 {
		return nil
	}
	return fmt.Errorf("%s before it had been %s and stay so", plural(n, "rule"), done)
}
