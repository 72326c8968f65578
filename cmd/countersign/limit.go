package main

import (
	"errors"
	"fmt"

	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
	"github.com/spf13/cobra"
)

func newLimit() *cobra.Command {
	o := new(operator)
	return o.group("limit", "Bound how many requests a partner may make", `Bound how many requests a partner, or one of its credentials, may make: by a rate, by a daily quota or by both. A limit of the
register stands in the place of the API's own limit per partner of the same scope. What is beyond it is refused with 429.`,
		newLimitSet(o), newLimitList(o), newLimitRemove(o))
}

func newLimitSet(o *operator) *cobra.Command {
	var limit partner.Limit
	var rate, credential string
	c := &cobra.Command{
		Use:   "set PARTNER --environment NAME --rate RATE --burst N --daily N",
		Short: "Set a limit, in the place of the one with the same scope",
		Long: `Set a limit of a partner in an environment: for all of its requests there, or for one API, or for one credential. One scope
has one limit: setting it again replaces it. A rate is a number of requests in a span: 50/s, 600/m, 5000/h, 10/30s. The burst
is how many may come at once; unless given, as many as the rate says. The quota counts each day of UTC.

` + whoHelp,
		Example:           `  countersign limit set "Example Bank" --environment production --api card --rate 50/s --burst 100 --daily 1000000 --wait`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completePartner(o),
		RunE: func(c *cobra.Command, args []string) error {
			if err := readLimit(&limit, rate, c.Flags().Changed("burst")); err != nil {
				return err
			}
			return o.change(c, func(s *session) error { return s.setLimit(args[0], credential, limit) })
		},
	}
	environmentFlag(c, &limit.Environment, true)
	f := c.Flags()
	f.StringVar(&limit.API, "api", "", "only requests to this API, by its `NAME`")
	f.StringVar(&credential, "credential", "", "only requests with this `CREDENTIAL`: its id, key id or login")
	f.StringVar(&rate, "rate", "", "`RATE` of requests, such as 50/s")
	f.IntVar(&limit.Burst, "burst", 0, "`N` requests may come at once")
	f.Int64Var(&limit.Daily, "daily", 0, "`N` requests on each day of UTC")
	completeEnvironments(o, c)
	return o.explained(c)
}

// readLimit completes and checks what the flags say.
func readLimit(limit *partner.Limit, rate string, burst bool) (err error) {
	if rate == "" && limit.Daily == 0 {
		return hinted{errors.New("which limit?"), "give --rate, --daily or both; to refuse a partner altogether, suspend it"}
	}
	if rate == "" && burst {
		return hinted{errors.New("--burst needs --rate"), "a quota alone has no burst"}
	}
	if limit.Daily < 0 || burst && limit.Burst < 1 {
		return errors.New("a limit is at least 1")
	}
	if rate == "" {
		return nil
	}
	if limit.Rate, limit.Per, err = parseRate(rate); err != nil {
		return fmt.Errorf("--rate %s: %w", rate, err)
	}
	if !burst {
		limit.Burst = limit.Rate
	}
	return nil
}

func (s *session) setLimit(who, credential string, limit partner.Limit) error {
	p, err := s.partner(who)
	if err != nil {
		return err
	}
	limit.PartnerID = p.ID
	if credential != "" {
		found, owner, err := s.credential(credential)
		if err != nil {
			return err
		}
		if owner.ID != p.ID || found.Environment != limit.Environment {
			return hinted{fmt.Errorf("credential %s is of %s in %s", found.ID, owner.Name, found.Environment), "a limit's credential is of its partner and environment"}
		}
		limit.CredentialID = found.ID
	}
	written, err := s.SetLimit(s.ctx, s.actor, limit)
	if err != nil {
		return err
	}
	if written.Rate == 0 {
		s.out.note("a limit of the register stands in the place of the API's own of the same scope, rate and quota together: with a quota alone no rate applies there any more; add --rate to keep one")
	}
	return s.showLimits([]limitView{viewLimit(written)})
}

var limitHead = []string{"PARTNER", "ENVIRONMENT", "API", "CREDENTIAL", "RATE", "BURST", "DAILY", "ID"}

func (s *session) showLimits(list []limitView) error {
	var rows [][]string
	for _, v := range list {
		rows = append(rows, append([]string{v.PartnerID, v.Environment}, v.cells()...))
	}
	return s.out.table(list, "no limit of a partner; the limits of the APIs apply", limitHead, rows)
}

func newLimitList(o *operator) *cobra.Command {
	var environment string
	c := &cobra.Command{
		Use:   "list [PARTNER]",
		Short: "List limits of one partner, or of all",
		Long: "List limits of one partner, or of all. The limits that APIs have for every partner stand in the configuration.\n\n" +
			whoHelp,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: completePartner(o),
		RunE: func(c *cobra.Command, args []string) error {
			return o.read(c, func(s *session) error {
				id, err := s.optionalPartner(args)
				if err != nil {
					return err
				}
				limits, err := s.Limits(s.ctx, id)
				if err != nil {
					return err
				}
				list := []limitView{}
				for _, limit := range limits {
					if environment == "" || limit.Environment == environment {
						list = append(list, viewLimit(limit))
					}
				}
				return s.showLimits(list)
			})
		},
	}
	environmentFlag(c, &environment, false)
	completeEnvironments(o, c)
	return c
}

func newLimitRemove(o *operator) *cobra.Command {
	c := &cobra.Command{
		Use:   "remove ID",
		Short: "Take a limit away",
		Long:  "Take a limit away, by its id as limit list shows it. The limits of the API apply from then on.",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return o.change(c, func(s *session) error {
				err := s.RemoveLimit(s.ctx, s.actor, args[0])
				if errors.Is(err, registry.ErrNotFound) {
					return hinted{err, "countersign limit list shows the ids"}
				}
				if err != nil {
					return err
				}
				return s.out.show(map[string]string{"removed": args[0]}, "%s: removed", args[0])
			})
		},
	}
	return o.explained(c)
}
