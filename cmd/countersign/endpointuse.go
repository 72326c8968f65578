package main

import (
	"fmt"
	"strings"

	"countersign.dev/api"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/remote"
	"github.com/spf13/cobra"
)

func newEndpointVerify(o *operator) *cobra.Command {
	c := &cobra.Command{
		Use:   "verify ENDPOINT",
		Short: "Shake hands with an endpoint",
		Long: `Send an endpoint a challenge, signed with its key, and look at whether it answers with proof that it holds the key. Redirects are
not followed, and addresses that are not public are refused unless the configuration lists them (webhooks.allow). With --server
the server sends it; otherwise this machine does. Exit code 1: it did not prove itself.`,
		Example:           "  countersign endpoint verify whe_...",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeEndpoint(o),
		RunE: func(c *cobra.Command, args []string) error {
			return o.changeOnPlane(c, func(s *session, p *remote.Client) error {
				changed, err := remote.Value(p.API.EndpointVerify(s.ctx, args[0], api.EndpointVerifyParams{}, api.Act{}))
				if err != nil {
					return noEndpoint(args[0], err)
				}
				e := changed.Endpoint
				said := "verified"
				if e.Handshake.Result != string(partner.HandshakeProved) {
					said = "not verified: " + safeText([]byte(e.Handshake.Result))
				}
				if e.Handshake.Address != "" {
					said += fmt.Sprintf(" (%s)", safeText([]byte(e.Handshake.Address)))
				}
				if err := s.out.show(e, "%s: %s", e.ID, said); err != nil || e.Handshake.Result == string(partner.HandshakeProved) {
					return err
				}
				return errRefused
			})
		},
	}
	return o.changing(c)
}

func newEndpointDisable(o *operator) *cobra.Command {
	var reason string
	c := &cobra.Command{
		Use:               "disable ENDPOINT",
		Short:             "Send nothing to an endpoint any more",
		Long:              `Send nothing to an endpoint any more, for good: remove it and add it again to use the URL once more, with another key.`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeEndpoint(o),
		RunE: func(c *cobra.Command, args []string) error {
			return o.changeOnPlane(c, func(s *session, p *remote.Client) error {
				changed, err := remote.Value(p.API.EndpointDisable(s.ctx, args[0], api.EndpointDisableParams{}, api.Act{Reason: reason}))
				if err != nil {
					return noEndpoint(args[0], err)
				}
				return s.out.show(changed.Endpoint, "%s: disabled", changed.Endpoint.ID)
			})
		},
	}
	reasonFlag(c, &reason)
	return o.changing(c)
}

func newEndpointRemove(o *operator) *cobra.Command {
	var reason string
	c := &cobra.Command{
		Use:               "remove ENDPOINT",
		Short:             "Take an endpoint away, with its keys",
		Long:              "Take an endpoint away, with its keys. The same URL can be added again, and gets another key.",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeEndpoint(o),
		RunE: func(c *cobra.Command, args []string) error {
			return o.changeOnPlane(c, func(s *session, p *remote.Client) error {
				found, err := remote.Value(p.API.EndpointGet(s.ctx, args[0]))
				if err != nil {
					return noEndpoint(args[0], err)
				}
				if err := o.confirm(c, fmt.Sprintf("endpoint %s (%s) is taken away with its keys", found.ID, safeText([]byte(found.URL))), found.ID); err != nil {
					return err
				}
				params := api.EndpointRemoveParams{IfMatch: remote.Quoted(found.Etag), Reason: reason}
				if _, err := remote.Value(p.API.EndpointRemove(s.ctx, found.ID, params)); err != nil {
					return err
				}
				return s.out.show(map[string]string{"removed": found.ID}, "%s: removed", found.ID)
			})
		},
	}
	reasonFlag(c, &reason)
	return o.asking(c)
}

// completeEndpoint offers the ids of endpoints.
func completeEndpoint(o *operator) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return candidatesOf(o, func(s *session) (found []cobra.Completion, err error) {
			err = s.onPlane(func(s *session, p *remote.Client) error {
				page, err := remote.Value(p.API.EndpointList(s.ctx, api.EndpointListParams{}))
				for _, e := range page.Items {
					if strings.HasPrefix(e.ID, typed) {
						found = append(found, cobra.CompletionWithDesc(e.ID, safeText([]byte(e.URL))))
					}
				}
				return err
			})
			return found, err
		})
	}
}

// completePartnerThenFile offers partners first and files after that.
func completePartnerThenFile(o *operator) cobra.CompletionFunc {
	partners := completePartner(o)
	return func(c *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) == 1 {
			return nil, cobra.ShellCompDirectiveDefault
		}
		return partners(c, args, typed)
	}
}
