package main

import (
	"fmt"
	"time"

	"countersign.dev/internal/edge/signin"
	"github.com/spf13/cobra"
)

// firstView is the first admin's account with its link.
type firstView struct {
	ID        string    `json:"id"`
	LinkUntil time.Time `json:"link_until"`
	Link      string    `json:"link,omitempty"`
}

func newAccountFirstLink(o *operator) *cobra.Command {
	h := new(handover)
	c := &cobra.Command{
		Use:   "first-link",
		Short: "Make a new one-time link for the first admin",
		Long: `Make a new one-time link for the first admin, where the one that "countersign init" told was lost or is too old: it counts once, for
a day. It is refused as soon as there is an admin, and needs the server's disk.`,
		Example: "  countersign account first-link --config /etc/countersign/countersign.yaml --secret-file link",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return o.changeOnDisk(c, func(s *session) error {
				return s.once(h, func() (string, string, func(string) any, error) {
					made, err := s.disk.InviteFirst(s.ctx, s.actor)
					if err != nil {
						return "", "", nil, err
					}
					defer made.Token.Zero()
					link := signin.Link(s.publicURL(), string(made.Token.Bytes()))
					said := fmt.Sprintf("%s: the first admin's link, which counts once, until %s:", made.Account.ID, when(made.ExpiresAt))
					return link, said, func(link string) any { return firstView{made.Account.ID, made.ExpiresAt.UTC(), link} }, nil
				})
			})
		},
	}
	h.flag(c)
	return o.changing(c)
}
