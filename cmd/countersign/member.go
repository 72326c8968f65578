package main

import (
	"fmt"
	"strings"

	"countersign.dev/api"
	"countersign.dev/internal/edge/signin"
	"countersign.dev/internal/registry"
	"countersign.dev/internal/remote"
	"github.com/spf13/cobra"
)

func newMember() *cobra.Command {
	o := new(operator)
	return o.group("member", "Say which people of a partner may use the portal", `Say which people of a partner may use the partners' portal. Somebody is invited with a one-time link, and then signs in with a
passkey; there are no passwords. A member acts for one partner: who works for two uses two addresses.

PARTNER is a name, a row identity (ptn_...), a key id or a login. MEMBER is its login (like an email address) or its id (mbr_...).`,
		newMemberList(o), newMemberInvite(o), newMemberState(o, disableMember), newMemberState(o, enableMember))
}

func newMemberList(o *operator) *cobra.Command {
	return &cobra.Command{
		Use:               "list PARTNER",
		Short:             "List the people of a partner who may use the portal",
		Long:              "List the people of a partner who may use the portal, with when they were last there.\n\n" + whoHelp,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completePartner(o),
		RunE: func(c *cobra.Command, args []string) error {
			return o.onPlane(c, func(s *session, p *remote.Client) error {
				found, err := s.partner(args[0])
				if err != nil {
					return err
				}
				list, err := s.members(p, found.ID)
				if err != nil {
					return err
				}
				var rows [][]string
				for _, m := range list {
					rows = append(rows, []string{m.ID, m.Login, safeText([]byte(m.Name)), string(m.State), when(m.SignedInAt), when(m.InvitedUntil)})
				}
				return s.out.table(list, "no member", []string{"ID", "LOGIN", "NAME", "STATE", "LAST", "LINK UNTIL"}, rows)
			})
		},
	}
}

func (s *session) members(p *remote.Client, partnerID string) ([]api.Member, error) {
	page, err := remote.Value(p.API.MemberList(s.ctx, partnerID))
	return page.Items, err
}

// member finds one of a partner by its id or login; there is false where it is not.
func (s *session) member(p *remote.Client, partnerID, who string) (found api.Member, there bool, err error) {
	list, err := s.members(p, partnerID)
	for _, m := range list {
		if m.ID == who || strings.EqualFold(m.Login, who) {
			return m, true, err
		}
	}
	return api.Member{}, false, err
}

func newMemberInvite(o *operator) *cobra.Command {
	var name, reason string
	h := new(handover)
	c := &cobra.Command{
		Use:   "invite PARTNER MEMBER",
		Short: "Invite somebody of a partner with a one-time link, or make a new link",
		Long: `Invite somebody of a partner to the portal: MEMBER is like an email address. The answer is a one-time link, which counts for a day;
whoever opens it registers a passkey. Of a member who is there already, it makes a new link: using it ends the passkeys and sessions
from before. Whoever made a link is no second person for what the member asks.`,
		Example:           "  countersign member invite \"Example Bank\" alice@bank.example --name Alice --secret-file link",
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: completeMember(o),
		RunE: func(c *cobra.Command, args []string) error {
			return o.changeOnPlane(c, func(s *session, p *remote.Client) error {
				found, err := s.partner(args[0])
				if err != nil {
					return err
				}
				in := api.MemberInvite{Login: args[1], Name: name, Reason: reason}
				return s.once(h, func() (string, string, func(string) any, error) {
					changed, err := s.inviteMember(p, found.ID, in)
					said := fmt.Sprintf("%s (%s): a link that counts once, until %s:", changed.Member.Login, changed.Member.ID, when(changed.LinkUntil))
					return changed.Link, said, func(link string) any {
						return struct {
							api.Member
							Link string `json:"link,omitempty"`
						}{changed.Member, link}
					}, err
				})
			})
		},
	}
	c.Flags().StringVar(&name, "name", "", "`NAME` of the person; of a new member alone")
	reasonFlag(c, &reason)
	h.flag(c)
	return o.changing(c)
}

// inviteMember makes a member, or a new link for one that is there.
func (s *session) inviteMember(p *remote.Client, partnerID string, in api.MemberInvite) (changed api.MemberChanged, err error) {
	found, there, err := s.member(p, partnerID, in.Login)
	switch {
	case err != nil:
		return changed, err
	case there && in.Name != "":
		return changed, hinted{fmt.Errorf("%s is there already", found.Login), "without --name this makes a new link for it"}
	case there:
		changed, err = remote.Value(p.API.MemberReinvite(s.ctx, partnerID, found.ID, api.MemberReinviteParams{}, api.Act{Reason: in.Reason}))
	default:
		changed, err = remote.Value(p.API.MemberInvite(s.ctx, partnerID, api.MemberInviteParams{}, in))
	}
	if err == nil && s.local() && changed.Link != "" {
		changed.Link = signin.Link(s.portalURL(), changed.Link)
	}
	return changed, err
}

// noMember says how to find one.
func noMember(who string) error {
	return hinted{fmt.Errorf("member %q: %w", who, registry.ErrNotFound), "countersign member list PARTNER shows them"}
}
