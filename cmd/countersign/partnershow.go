package main

import (
	"fmt"
	"io"
	"strings"

	"countersign.dev/internal/partner"
	"github.com/spf13/cobra"
)

func newPartnerShow(o *operator) *cobra.Command {
	return &cobra.Command{
		Use:               "show PARTNER",
		Short:             "Show everything about one partner on a page",
		Long:              "Show a partner's reviews, credentials with the spans of their versions, networks and limits.\n\n" + whoHelp,
		Example:           `  countersign partner show "Example Bank"`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completePartner(o),
		RunE: func(c *cobra.Command, args []string) error {
			return o.read(c, func(s *session) error {
				p, err := s.partner(args[0])
				if err != nil {
					return err
				}
				page, err := s.page(p)
				if err != nil {
					return err
				}
				if s.out.json {
					return s.out.encode(page)
				}
				return page.print(s)
			})
		},
	}
}

// partnerPage is all that the register knows of one partner, without secrets.
type partnerPage struct {
	partnerView
	Reviews     []reviewView     `json:"reviews"`
	Credentials []credentialView `json:"credentials"`
	Networks    []networkView    `json:"networks"`
	Limits      []limitView      `json:"limits"`
}

func (s *session) page(p partner.Partner) (partnerPage, error) {
	page := partnerPage{partnerView: viewPartner(p)}
	reviews, err := s.Reviews(s.ctx, p.ID)
	if err != nil {
		return page, err
	}
	credentials, err := s.Credentials(s.ctx, p.ID)
	if err != nil {
		return page, err
	}
	networks, err := s.Networks(s.ctx, p.ID)
	if err != nil {
		return page, err
	}
	limits, err := s.Limits(s.ctx, p.ID)
	if err != nil {
		return page, err
	}
	now := clock()
	page.Reviews, page.Networks = views(reviews, viewReview), views(networks, viewNetwork)
	page.Credentials = views(credentials, func(c partner.Credential) credentialView { return viewCredential(c, now).within(p.Closed, reviews) })
	page.Limits = views(limits, viewLimit)
	return page, nil
}

// print writes the page for people.
func (p partnerPage) print(s *session) error {
	var b strings.Builder
	state := ""
	if p.Closed {
		state = ", closed"
	}
	fmt.Fprintf(&b, "%s (%s), since %s%s\n", p.Name, p.ID, when(p.CreatedAt), state)
	p.printReviews(&b)
	p.printCredentials(&b)
	var networks, limits [][]string
	for _, n := range p.Networks {
		networks = append(networks, []string{"  " + n.Environment, n.API, n.what(), n.Note, n.ID})
	}
	for _, l := range p.Limits {
		limits = append(limits, append([]string{"  " + l.Environment}, l.cells()...))
	}
	for _, part := range []struct {
		title, none string
		rows        [][]string
	}{
		{"Networks", "none: where an API requires addresses, every call is refused", networks},
		{"Limits", "none of its own: the limits of the APIs apply", limits},
	} {
		fmt.Fprintf(&b, "\n%s\n", part.title)
		if len(part.rows) == 0 {
			fmt.Fprintf(&b, "  %s\n", part.none)
		}
		if err := writeTable(&b, part.rows); err != nil {
			return err
		}
	}
	_, err := io.WriteString(s.out.out, b.String())
	return err
}

func (p partnerPage) printReviews(b *strings.Builder) {
	b.WriteString("\nReviews\n")
	if len(p.Reviews) == 0 {
		b.WriteString("  none: it is admitted nowhere\n")
	}
	for _, r := range p.Reviews {
		fmt.Fprintf(b, "  %s: %s since %s", r.Environment, r.State, when(r.ChangedAt))
		if r.Reason != "" { // why it is in this state, whoever brought it there
			fmt.Fprintf(b, " (%s)", r.Reason)
		}
		fmt.Fprintf(b, ", asked for by %s", r.RequestedBy)
		if r.ApprovedBy != "" {
			fmt.Fprintf(b, ", approved by %s", r.ApprovedBy)
		}
		b.WriteByte('\n')
	}
}

func (p partnerPage) printCredentials(b *strings.Builder) {
	b.WriteString("\nCredentials\n")
	if len(p.Credentials) == 0 {
		b.WriteString("  none\n")
	}
	for _, c := range p.Credentials {
		fmt.Fprintf(b, "  %s\n", c.line())
		for _, v := range c.Versions {
			mark := ""
			if !v.Live {
				mark = ", not live"
			}
			fmt.Fprintf(b, "    version %d %s%s\n", v.Number, v.span(), mark)
		}
		for _, key := range c.ClientKeys {
			fmt.Fprintf(b, "    client key %s\n", key)
		}
	}
}

// line names a credential for people.
func (v credentialView) line() string {
	parts := []string{v.Environment, v.ID, strings.ReplaceAll(v.Kind, "_", "-"), "key id " + v.KeyID}
	if v.Login != "" {
		parts = append(parts, "login "+v.Login)
	}
	state := v.State
	switch state {
	case "revoked":
		state += " " + when(v.RevokedAt)
	case "locked":
		state += " since " + when(v.LockedAt)
	}
	return strings.Join(append(parts, state), ", ")
}
