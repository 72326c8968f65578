package main

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"countersign.dev/internal/partner"
	"github.com/spf13/cobra"
)

// allowOptions are the rules that `network allow` adds.
type allowOptions struct {
	environment, api, note string
	countries              []string
}

func newNetworkAllow(o *operator) *cobra.Command {
	a := new(allowOptions)
	c := &cobra.Command{
		Use:   "allow PARTNER --environment NAME [PREFIX...] [--country CODE]...",
		Short: "Let a partner call from networks or countries",
		Long: `Let a partner call an environment, or one API of it, from networks (203.0.113.0/24, 2001:db8::/32; an address alone is a
network of one) or countries (two letters of ISO 3166-1). With both, a caller has to fit one of each. Where an API's addresses are
required, which is the default, a country alone lets nobody in: a network has to be named, too.

` + whoHelp,
		Example: `  countersign network allow "Example Bank" --environment production 203.0.113.0/24 --note "data centre 1" --wait
  countersign network allow "Example Bank" --environment production 198.51.100.0/22 --country DE --country AT`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: completePartner(o),
		RunE: func(c *cobra.Command, args []string) error {
			rules, err := a.rules(args[1:])
			if err != nil {
				return err
			}
			return o.change(c, func(s *session) error { return s.allow(args[0], rules) })
		},
	}
	environmentFlag(c, &a.environment, true)
	f := c.Flags()
	f.StringVar(&a.api, "api", "", "only for this API of the environment, by its `NAME`")
	f.StringArrayVar(&a.countries, "country", nil, "country `CODE` instead of, or beside, prefixes; may be repeated")
	f.StringVar(&a.note, "note", "", "`TEXT` for people")
	completeEnvironments(o, c)
	return o.explained(c)
}

// rules reads all of them before the first is added.
func (a *allowOptions) rules(prefixes []string) ([]partner.NetworkRule, error) {
	var rules []partner.NetworkRule
	add := func(rule partner.NetworkRule) {
		rule.Environment, rule.API, rule.Note = a.environment, a.api, a.note
		if !slices.Contains(rules, rule) {
			rules = append(rules, rule)
		}
	}
	for _, text := range prefixes {
		prefix, err := parseNetwork(text)
		if err != nil {
			return nil, err
		}
		add(partner.NetworkRule{Prefix: prefix})
	}
	for _, code := range a.countries {
		country, err := parseCountry(code)
		if err != nil {
			return nil, err
		}
		add(partner.NetworkRule{Country: country})
	}
	if len(rules) == 0 {
		return nil, hinted{errors.New("which network?"), "name prefixes after the partner, or --country"}
	}
	return rules, nil
}

// parseNetwork reads a prefix, or an address as a network of one. One with host bits is refused and not cut: either the
// address or the length is a slip, and nobody but the writer knows which.
func parseNetwork(text string) (netip.Prefix, error) {
	if address, err := netip.ParseAddr(text); err == nil && address.Zone() == "" {
		address = address.Unmap()
		return netip.PrefixFrom(address, address.BitLen()), nil
	}
	prefix, err := netip.ParsePrefix(text)
	switch {
	case err != nil:
		return netip.Prefix{}, hinted{fmt.Errorf("%q is not a network", text), "write an address and a length, for example 203.0.113.0/24"}
	case prefix != prefix.Masked():
		return netip.Prefix{}, hinted{fmt.Errorf("%s has bits beyond its length", text), fmt.Sprintf("did you mean %s or %s/%d?", prefix.Masked(), prefix.Addr(), prefix.Addr().BitLen())}
	case prefix.Bits() == 0:
		return netip.Prefix{}, hinted{fmt.Errorf("%s is every address", text), "an API that wants no list of addresses says so in the configuration (addresses: off)"}
	}
	return prefix, nil
}

// parseCountry reads two letters; XX and ZZ stand for no country.
func parseCountry(text string) (string, error) {
	code := strings.ToUpper(text)
	if len(code) != 2 || strings.Trim(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" || code == "XX" || code == "ZZ" {
		return "", hinted{fmt.Errorf("%q is not a country", text), "two letters of ISO 3166-1, for example DE"}
	}
	return code, nil
}

func (s *session) allow(who string, rules []partner.NetworkRule) error {
	p, err := s.partner(who)
	if err != nil {
		return err
	}
	added, rows := []networkView{}, [][]string{}
	for _, rule := range rules {
		rule.PartnerID = p.ID
		written, err := s.Allow(s.ctx, s.actor, rule)
		if s.waits(err) {
			continue
		}
		if err != nil {
			return errors.Join(err, partly(len(added), "allowed"))
		}
		v := viewNetwork(written)
		added = append(added, v)
		rows = append(rows, []string{v.ID, v.Environment, v.API, v.what(), v.Note})
	}
	if len(added) == 0 && len(s.waiting) > 0 {
		return nil
	}
	return s.out.table(added, "nothing", []string{"ID", "ENVIRONMENT", "API", "NETWORK", "NOTE"}, rows)
}
