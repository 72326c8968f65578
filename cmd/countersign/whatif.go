package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"countersign.dev/api"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/remote"
	"github.com/spf13/cobra"
)

// whatIfOptions are the flags of `what-if`: a change that somebody thinks of.
type whatIfOptions struct {
	environment, api, since   string
	add, countries            []string
	remove                    []string
	rate, credential          string
	limit                     partner.Limit
	removeLimits              []string
	window                    time.Duration
	addresses                 string
	burst                     bool
	networks, limits, setting bool // what of a partner, or of an API, is asked about
}

func newWhatIf() *cobra.Command {
	o, w := new(operator), new(whatIfOptions)
	c := &cobra.Command{
		Use:   "what-if [PARTNER] --environment NAME",
		Short: "Replay recorded decisions against a change that you think of",
		Long: `Replay the recorded decisions of the last days against a change of networks, countries, limits, or of an API's time window or
address mode: who would be cut off, and who would be let in. Nothing is changed. Each request is judged twice, by the rules in
force now and by those proposed; what the record does not say enough of is counted as not judged, with why. Requests that never
proved who sent them are never counted as let in.

The same is attached to a change that waits with "countersign proposal what-if". A changed profile cannot be replayed, since
neither bodies nor signatures are kept: let it run in shadow (shadow, in the configuration).

` + whoHelp + " Window and address mode are an API's and need none.",
		Example: `  countersign what-if "Example Bank" -e production --add-network 203.0.113.0/24 --remove-network net_... --since 7d
  countersign what-if "Example Bank" -e production --add-country DE
  countersign what-if "Example Bank" -e production --api card --rate 10/s --burst 20
  countersign what-if -e production --api card --window 60s`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: completePartner(o),
		RunE: func(c *cobra.Command, args []string) error {
			w.burst = c.Flags().Changed("burst")
			if err := w.check(args); err != nil {
				return err
			}
			return o.onPlane(c, func(s *session, p *remote.Client) error { return w.ask(s, p, args) })
		},
	}
	o.flags(c)
	w.flags(o, c)
	return c
}

func (w *whatIfOptions) flags(o *operator, c *cobra.Command) {
	environmentFlag(c, &w.environment, true)
	f := c.Flags()
	f.StringArrayVar(&w.add, "add-network", nil, "a `PREFIX` or address that is let in; may be repeated")
	f.StringArrayVar(&w.countries, "add-country", nil, "a country `CODE` that is let in; may be repeated")
	f.StringArrayVar(&w.remove, "remove-network", nil, "`ID` of a network rule that is taken away; may be repeated")
	f.StringVar(&w.api, "api", "", "only for this API, by its `NAME`; needed with --window and --addresses")
	f.StringVar(&w.rate, "rate", "", "a limit of this `RATE`, such as 50/s")
	f.IntVar(&w.limit.Burst, "burst", 0, "`N` requests may come at once")
	f.Int64Var(&w.limit.Daily, "daily", 0, "a limit of `N` requests on each day of UTC")
	f.StringVar(&w.credential, "credential", "", "the limit is of this `CREDENTIAL` alone")
	f.StringArrayVar(&w.removeLimits, "remove-limit", nil, "`ID` of a limit that is taken away; may be repeated")
	f.DurationVar(&w.window, "window", 0, "another time `WINDOW` of the API, whole seconds")
	f.StringVar(&w.addresses, "addresses", "", "another address `MODE` of the API: required, optional or off")
	sinceFlag(c, &w.since, "7d")
	completeEnvironments(o, c)
	_ = c.RegisterFlagCompletionFunc("addresses", cobra.FixedCompletions(addressModes, cobra.ShellCompDirectiveNoFileComp))
}

var addressModes = []string{"required", "optional", "off"}

// check refuses what is no question before anything is read.
func (w *whatIfOptions) check(args []string) error {
	w.networks = len(w.add)+len(w.countries)+len(w.remove) > 0
	w.limits = w.rate != "" || w.limit.Daily != 0 || len(w.removeLimits) > 0 || w.burst
	w.setting = w.window != 0 || w.addresses != ""
	switch {
	case !w.networks && !w.limits && !w.setting:
		return hinted{errors.New("what if what?"), "--add-network, --add-country, --remove-network, --rate, --daily, --remove-limit, --window or --addresses"}
	case (w.networks || w.limits) && len(args) == 0:
		return hinted{errors.New("whose?"), "networks and limits are a partner's: name one"}
	case w.setting && w.api == "":
		return hinted{errors.New("of which API?"), "--window and --addresses are an API's: name it with --api"}
	case w.addresses != "" && !slices.Contains(addressModes, w.addresses):
		return hinted{fmt.Errorf("--addresses %s: unknown", w.addresses), strings.Join(addressModes, ", ")}
	case w.window%time.Second != 0 || w.window < 0:
		return hinted{fmt.Errorf("--window %s: not whole seconds", w.window), "for example 60s or 5m"}
	}
	if w.rate != "" || w.limit.Daily != 0 || w.burst {
		return readLimit(&w.limit, w.rate, w.burst)
	}
	return nil
}

// proposed is the change as the contract has it.
func (w *whatIfOptions) proposed(s *session, args []string) (api.Proposed, error) {
	change := api.Proposed{Environment: w.environment, RemoveNetworks: w.remove, RemoveLimits: w.removeLimits}
	if len(args) > 0 {
		p, err := s.partner(args[0])
		if err != nil {
			return change, err
		}
		change.PartnerID = p.ID
	}
	for _, text := range w.add {
		prefix, err := parseNetwork(text)
		if err != nil {
			return change, err
		}
		change.AddNetworks = append(change.AddNetworks, api.ProposedNetwork{API: w.api, Prefix: prefix.String()})
	}
	for _, text := range w.countries {
		code, err := parseCountry(text)
		if err != nil {
			return change, err
		}
		change.AddNetworks = append(change.AddNetworks, api.ProposedNetwork{API: w.api, Country: code})
	}
	if w.limit.Rate > 0 || w.limit.Daily > 0 {
		limit := api.ProposedLimit{API: w.api, Rate: w.limit.Rate, PerS: int(w.limit.Per / time.Second), Burst: w.limit.Burst, Daily: w.limit.Daily}
		if w.credential != "" {
			found, _, err := s.credential(w.credential)
			if err != nil {
				return change, err
			}
			limit.CredentialID = found.ID
		}
		change.SetLimits = []api.ProposedLimit{limit}
	}
	if w.setting {
		change.Apis = []api.ProposedAPI{{API: w.api, Addresses: api.ProposedAPIAddresses(w.addresses), WindowS: int(w.window / time.Second)}}
	}
	return change, nil
}

func (w *whatIfOptions) ask(s *session, p *remote.Client, args []string) error {
	from, err := readSince(w.since)
	if err != nil {
		return err
	}
	change, err := w.proposed(s, args)
	if err != nil {
		return err
	}
	report, err := remote.Value(p.API.WhatIf(s.ctx, api.WhatIfAsk{From: from, Proposed: change}))
	if err != nil {
		return err
	}
	return s.showWhatIf(report)
}

func newProposalWhatIf(o *operator) *cobra.Command {
	var since string
	c := &cobra.Command{
		Use:   "what-if PROPOSAL",
		Short: "Replay recorded decisions against a proposal, and attach the report",
		Long: `Replay the recorded decisions of the last days against a proposed change of networks or limits, and attach the report to the
proposal, so that whoever approves it sees who would be cut off and who let in.`,
		Example:           "  countersign proposal what-if prp_... --since 14d",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeProposal(o),
		RunE: func(c *cobra.Command, args []string) error {
			from, err := readSince(since)
			if err != nil {
				return err
			}
			return o.changeOnPlane(c, func(s *session, p *remote.Client) error {
				changed, err := remote.Value(p.API.ProposalWhatIf(s.ctx, args[0], api.ProposalWhatIfParams{}, api.ProposalWhatIf{From: from}))
				if err != nil {
					return err
				}
				if s.out.json {
					return s.out.encode(changed)
				}
				return s.showWhatIf(changed.Proposal.WhatIf.Report)
			})
		},
	}
	sinceFlag(c, &since, "7d")
	return o.changing(c)
}
