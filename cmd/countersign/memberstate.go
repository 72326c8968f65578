package main

import (
	"fmt"
	"strings"

	"countersign.dev/api"
	"countersign.dev/internal/remote"
	"github.com/spf13/cobra"
)

// memberState is one command that takes a member out of use, or into use again.
type memberState struct {
	use, short, long, said string
	do                     func(s *session, p *remote.Client, partnerID, id, reason string) (api.MemberChanged, error)
}

var (
	disableMember = memberState{"disable", "Let a member do nothing any more, from its next request on",
		"Let a member do nothing any more, from its next request on. Its sessions and its link end; what it asked for is nobody's to approve.", "disabled",
		func(s *session, p *remote.Client, partnerID, id, reason string) (api.MemberChanged, error) {
			return remote.Value(p.API.MemberDisable(s.ctx, partnerID, id, api.MemberDisableParams{}, api.Act{Reason: reason}))
		}}
	enableMember = memberState{"enable", "Let a disabled member sign in again",
		"Let a disabled member sign in again, with its passkeys as they were.", "enabled",
		func(s *session, p *remote.Client, partnerID, id, reason string) (api.MemberChanged, error) {
			return remote.Value(p.API.MemberEnable(s.ctx, partnerID, id, api.MemberEnableParams{}, api.Act{Reason: reason}))
		}}
)

func newMemberState(o *operator, way memberState) *cobra.Command {
	var reason string
	c := &cobra.Command{
		Use:               way.use + " PARTNER MEMBER",
		Short:             way.short,
		Long:              way.long + "\n\n" + whoHelp,
		Example:           fmt.Sprintf("  countersign member %s \"Example Bank\" alice@bank.example --reason \"ticket 4711\"", way.use),
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: completeMember(o),
		RunE: func(c *cobra.Command, args []string) error {
			return o.changeOnPlane(c, func(s *session, p *remote.Client) error {
				of, err := s.partner(args[0])
				if err != nil {
					return err
				}
				found, there, err := s.member(p, of.ID, args[1])
				if err != nil {
					return err
				}
				if !there {
					return noMember(args[1])
				}
				changed, err := way.do(s, p, of.ID, found.ID, reason)
				if err != nil {
					return err
				}
				return s.out.show(changed.Member, "%s: %s", changed.Member.Login, way.said)
			})
		},
	}
	reasonFlag(c, &reason)
	return o.changing(c)
}

// completeMember offers partners first, and the logins of its members after that.
func completeMember(o *operator) cobra.CompletionFunc {
	partners := completePartner(o)
	return func(c *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		switch len(args) {
		case 0:
			return partners(c, args, typed)
		case 1:
			return candidatesOf(o, func(s *session) ([]cobra.Completion, error) { return s.memberLogins(args[0], typed) })
		}
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
}

func (s *session) memberLogins(who, typed string) (found []cobra.Completion, err error) {
	err = s.onPlane(func(s *session, p *remote.Client) error {
		of, err := s.partner(who)
		if err != nil {
			return err
		}
		list, err := s.members(p, of.ID)
		for _, m := range list {
			if strings.HasPrefix(m.Login, typed) {
				found = append(found, cobra.CompletionWithDesc(m.Login, string(m.State)))
			}
		}
		return err
	})
	return found, err
}
