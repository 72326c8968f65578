package main

import (
	"strings"

	"countersign.dev/internal/remote"
	"github.com/spf13/cobra"
)

func newEndpointSources(o *operator) *cobra.Command {
	return &cobra.Command{
		Use:   "sources",
		Short: "Tell from which addresses endpoints are called, for a partner's firewall",
		Long: `Tell from which addresses endpoints are called, so that a partner can admit them: the prefixes that the configuration states
(webhooks.source_addresses).`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return o.onPlane(c, func(s *session, p *remote.Client) error {
				found, err := remote.Value(p.API.WebhookSources(s.ctx))
				if err != nil {
					return err
				}
				if len(found.Prefixes) == 0 {
					return s.out.show(found, "the configuration states none (webhooks.source_addresses)")
				}
				var lines []string
				for _, prefix := range found.Prefixes {
					lines = append(lines, safeText([]byte(prefix)))
				}
				return s.out.show(found, "%s", strings.Join(lines, "\n"))
			})
		},
	}
}
