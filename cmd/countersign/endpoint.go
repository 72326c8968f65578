package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"countersign.dev/api"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
	"countersign.dev/internal/remote"
	"github.com/spf13/cobra"
)

func newEndpoint() *cobra.Command {
	o := new(operator)
	return o.group("endpoint", "Register and verify the webhook endpoints of partners", `Register the webhook endpoints of a partner in an environment, each with a signing key of its own, and verify them by a handshake.
Nothing is sent to an endpoint before it has proved by its answer that it holds the key. A URL never changes: another one is
another endpoint.`,
		newEndpointAdd(o), newEndpointList(o), newEndpointVerify(o), newEndpointDisable(o), newEndpointRemove(o), newEndpointRotate(o), newEndpointSources(o))
}

func newEndpointAdd(o *operator) *cobra.Command {
	var want partner.Endpoint
	var reason string
	h := new(handover)
	c := &cobra.Command{
		Use:   "add PARTNER URL --environment NAME",
		Short: "Register an endpoint; its signing key is shown once",
		Long: `Register an endpoint: https only, without user name and fragment. Its signing key (whsec_...) is shown once, or goes into
--secret-file; it is never the partner's secret. The next step is "countersign endpoint verify".

` + whoHelp,
		Example:           `  countersign endpoint add "Example Bank" https://hooks.example.com/countersign -e production --event card.blocked --secret-file whsec`,
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: completePartner(o),
		RunE: func(c *cobra.Command, args []string) error {
			return o.changeOnPlane(c, func(s *session, p *remote.Client) error {
				found, err := s.partner(args[0])
				if err != nil {
					return err
				}
				want.PartnerID, want.URL = found.ID, args[1]
				return s.once(h, func() (string, string, func(string) any, error) {
					added, err := s.addEndpoint(p, want, reason)
					return added.Secret, "signing key of " + added.Endpoint.ID + ", which is not verified yet:", endpointAnswer(added), err
				})
			})
		},
	}
	environmentFlag(c, &want.Environment, true)
	f := c.Flags()
	f.StringArrayVar(&want.Events, "event", nil, "`NAME` of an event that it is told of; may be repeated; all of them unless given")
	f.StringVar(&want.Description, "description", "", "`TEXT` on one line, for people")
	reasonFlag(c, &reason)
	h.flag(c)
	completeEnvironments(o, c)
	return o.changing(c)
}

// endpointAnswer is what is shown of an endpoint that was changed.
func endpointAnswer(changed api.EndpointChanged) func(secret string) any {
	return func(secret string) any {
		return struct {
			api.Endpoint
			Secret string `json:"secret,omitempty"`
		}{changed.Endpoint, secret}
	}
}

func (s *session) addEndpoint(p *remote.Client, want partner.Endpoint, reason string) (api.EndpointChanged, error) {
	if !s.local() {
		body := api.EndpointAdd{Environment: want.Environment, URL: want.URL, Description: want.Description, Events: want.Events, Reason: reason}
		return remote.Value(p.API.EndpointAdd(s.ctx, want.PartnerID, api.EndpointAddParams{}, body))
	}
	made, err := s.disk.AddEndpoint(s.ctx, s.actor, want)
	return s.madeEndpoint(p, made, err)
}

// madeEndpoint is the answer that a server would have given for what was made on this disk.
func (s *session) madeEndpoint(p *remote.Client, made registry.IssuedEndpoint, err error) (api.EndpointChanged, error) {
	if err != nil {
		return api.EndpointChanged{}, err
	}
	defer made.Key.Zero()
	found, err := remote.Value(p.API.EndpointGet(s.ctx, made.Endpoint.ID))
	return api.EndpointChanged{Endpoint: found, Secret: registry.EndpointSecret(made.Key)}, err
}

func newEndpointList(o *operator) *cobra.Command {
	var environment string
	var limit int
	c := &cobra.Command{
		Use:               "list [PARTNER]",
		Short:             "List endpoints of one partner, or of all",
		Long:              "List endpoints of one partner, or of all, with how their last handshake went.\n\n" + whoHelp,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: completePartner(o),
		RunE: func(c *cobra.Command, args []string) error {
			if err := checkLimit(limit); err != nil {
				return err
			}
			return o.onPlane(c, func(s *session, p *remote.Client) error {
				id, err := s.optionalPartner(args)
				if err != nil {
					return err
				}
				return s.listEndpoints(p, id, environment, limit)
			})
		},
	}
	environmentFlag(c, &environment, false)
	limitFlag(c, &limit, 100)
	completeEnvironments(o, c)
	return c
}

func (s *session) listEndpoints(p *remote.Client, partnerID, environment string, limit int) error {
	list, more, err := pageOf(limit, func(after string, n int) ([]api.Endpoint, string, error) {
		page, err := remote.Value(p.API.EndpointList(s.ctx, api.EndpointListParams{After: after, Limit: n, Partner: partnerID, Environment: environment}))
		return page.Items, page.Next, err
	})
	if err != nil {
		return err
	}
	var rows [][]string
	for _, e := range list {
		rows = append(rows, []string{e.ID, e.PartnerID, e.Environment, safeText([]byte(e.URL)), string(e.State), safeText([]byte(e.Handshake.Result)), strings.Join(e.Events, ", ")})
	}
	if err := s.out.table(list, "no endpoint", []string{"ID", "PARTNER", "ENVIRONMENT", "URL", "STATE", "HANDSHAKE", "EVENTS"}, rows); err != nil {
		return err
	}
	s.noteMore(more)
	return nil
}

func newEndpointRotate(o *operator) *cobra.Command {
	var overlap, reason string
	h := new(handover)
	c := &cobra.Command{
		Use:   "rotate-key ENDPOINT --overlap-until WHEN",
		Short: "Give an endpoint a new signing key; older ones sign along until a moment that you name",
		Long: `Give an endpoint a new signing key, which is shown once or goes into --secret-file. Until WHEN, deliveries are signed with the
older ones, too: a time, a span from now (24h, 7d), or now.`,
		Example:           "  countersign endpoint rotate-key whe_... --overlap-until 7d --secret-file whsec",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeEndpoint(o),
		RunE: func(c *cobra.Command, args []string) error {
			until, err := parseMoment(overlap, clock())
			if err != nil {
				return fmt.Errorf("--overlap-until %q: %w", overlap, err)
			}
			return o.changeOnPlane(c, func(s *session, p *remote.Client) error {
				return s.once(h, func() (string, string, func(string) any, error) {
					changed, err := s.rotateEndpoint(p, args[0], until, reason)
					return changed.Secret, "new signing key of " + changed.Endpoint.ID + ":", endpointAnswer(changed), noEndpoint(args[0], err)
				})
			})
		},
	}
	c.Flags().StringVar(&overlap, "overlap-until", "", "`WHEN` the older keys end: a time, a span from now, or now")
	_ = c.MarkFlagRequired("overlap-until")
	reasonFlag(c, &reason)
	h.flag(c)
	return o.changing(c)
}

func (s *session) rotateEndpoint(p *remote.Client, id string, until time.Time, reason string) (api.EndpointChanged, error) {
	if !s.local() {
		return remote.Value(p.API.EndpointRotate(s.ctx, id, api.EndpointRotateParams{}, api.EndpointRotate{OverlapUntil: until, Reason: reason}))
	}
	made, err := s.disk.RotateEndpointKey(s.ctx, s.actor, id, until)
	return s.madeEndpoint(p, made, err)
}

// noEndpoint says how to find the id of one.
func noEndpoint(id string, err error) error {
	if errors.Is(err, registry.ErrNotFound) {
		return hinted{fmt.Errorf("endpoint %q: %w", id, err), "countersign endpoint list shows the ids"}
	}
	return err
}
