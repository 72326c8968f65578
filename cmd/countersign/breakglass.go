package main

import (
	"fmt"
	"slices"

	"countersign.dev/api"
	"countersign.dev/internal/registry"
	"countersign.dev/internal/remote"
	"github.com/spf13/cobra"
)

func newBreakGlass() *cobra.Command {
	o := new(operator)
	return o.group("break-glass", "Keep a way in for the night when nobody else is there", `Make codes in advance that are kept in a safe. Whoever enters one at the server's sign-in page acts for an hour with every
permission and without a second person. It counts once, and is loud: each use and each change is in the record under the code's
name, the server warns while it is open, and a metric tells.`,
		newBreakGlassMake(o), newBreakGlassList(o), newBreakGlassEnd(o))
}

func newBreakGlassMake(o *operator) *cobra.Command {
	var in registry.BreakGlassMake
	var until, reason string
	h := new(handover)
	c := &cobra.Command{
		Use:     "make NAME",
		Short:   "Make a code, which is shown once",
		Long:    "Make a code, which is shown once or goes into --secret-file. NAME is what the record will call whoever uses it.",
		Example: "  countersign break-glass make safe-in-vienna --until 365d --secret-file code",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) (err error) {
			in.Name = args[0]
			if until != "" {
				if in.NotAfter, err = parseMoment(until, clock()); err != nil || in.NotAfter.IsZero() {
					return fmt.Errorf("--until %q: %w", until, errMoment)
				}
			}
			return o.changeOnPlane(c, func(s *session, p *remote.Client) error {
				return s.once(h, func() (string, string, func(string) any, error) {
					made, err := s.makeBreakGlass(p, in, reason)
					b := made.BreakGlass
					return made.Code, fmt.Sprintf("%s (%s): the code, for a safe place:", b.Name, b.ID), func(code string) any {
						return struct {
							api.BreakGlass
							Code string `json:"code,omitempty"`
						}{b, code}
					}, err
				})
			})
		},
	}
	c.Flags().StringVar(&until, "until", "", "`WHEN` it can be used at the latest: a time, or a span from now; no end unless given")
	reasonFlag(c, &reason)
	h.flag(c)
	return o.changing(c)
}

func (s *session) makeBreakGlass(p *remote.Client, in registry.BreakGlassMake, reason string) (api.BreakGlassChanged, error) {
	if !s.local() {
		return remote.Value(p.API.BreakGlassMake(s.ctx, api.BreakGlassMakeParams{}, api.BreakGlassMake{Name: in.Name, NotAfter: in.NotAfter, Reason: reason}))
	}
	made, code, err := s.disk.MakeBreakGlass(s.ctx, s.actor, in)
	if err != nil {
		return api.BreakGlassChanged{}, err
	}
	defer code.Zero()
	found, err := s.breakGlass(p, made.ID)
	return api.BreakGlassChanged{BreakGlass: found, Code: string(code.Bytes())}, err
}

// breakGlass finds a code by its name or id.
func (s *session) breakGlass(p *remote.Client, who string) (api.BreakGlass, error) {
	page, err := remote.Value(p.API.BreakGlassList(s.ctx))
	if err != nil {
		return api.BreakGlass{}, err
	}
	i := slices.IndexFunc(page.Items, func(b api.BreakGlass) bool { return b.ID == who || b.Name == who })
	if i < 0 {
		return api.BreakGlass{}, hinted{fmt.Errorf("break-glass code %q: %w", who, registry.ErrNotFound), "countersign break-glass list shows them"}
	}
	return page.Items[i], nil
}

func newBreakGlassList(o *operator) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List codes with what became of them",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return o.onPlane(c, func(s *session, p *remote.Client) error {
				page, err := remote.Value(p.API.BreakGlassList(s.ctx))
				if err != nil {
					return err
				}
				list, rows := append([]api.BreakGlass{}, page.Items...), [][]string{}
				for _, b := range list {
					rows = append(rows, []string{b.ID, b.Name, string(b.State), when(b.NotAfter), when(b.OpenedAt), safeText([]byte(b.OpenedFor)), when(b.EndsAt), b.MadeBy})
				}
				return s.out.table(list, "no break-glass code", []string{"ID", "NAME", "STATE", "UNTIL", "OPENED", "FOR", "OPEN UNTIL", "MADE BY"}, rows)
			})
		},
	}
}

func newBreakGlassEnd(o *operator) *cobra.Command {
	var reason string
	c := &cobra.Command{
		Use:   "end CODE",
		Short: "End a code, or what it has opened",
		Long:  "End a code that was not used, by its name or id, or the session that it has opened, from its next request on.",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return o.changeOnPlane(c, func(s *session, p *remote.Client) error {
				found, err := s.breakGlass(p, args[0])
				if err != nil {
					return err
				}
				done, err := remote.Value(p.API.BreakGlassEnd(s.ctx, found.ID, api.BreakGlassEndParams{}, api.Act{Reason: reason}))
				if err != nil {
					return err
				}
				return s.out.show(done.BreakGlass, "%s: ended", found.Name)
			})
		},
	}
	reasonFlag(c, &reason)
	return o.changing(c)
}
