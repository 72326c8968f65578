package main

import (
	"errors"

	"github.com/spf13/cobra"
)

func newPartnerUnlock(o *operator) *cobra.Command {
	var login, partnerID string
	c := &cobra.Command{
		Use:   "unlock [PARTNER]",
		Short: "Let a partner authenticate again after too many wrong secrets",
		Long: `Let a partner authenticate again after five wrong secrets in a row. With the login that the partner sends with its secret,
or an app key, that credential is unlocked, in its environment alone; with the partner's id in our records (ptn_...) or its
exact name all of its credentials are.`,
		Example:           "  countersign partner unlock --data countersign-data 2445581234567",
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: completePartner(o),
		RunE: func(c *cobra.Command, args []string) error {
			for _, flag := range []string{login, partnerID} {
				if flag != "" {
					args = append(args, flag)
				}
			}
			if len(args) != 1 || args[0] == "" {
				return hinted{errors.New("which partner?"), "name one: the partner id that it sends, its app key, or its id in our records"}
			}
			return o.change(c, func(s *session) error { return unlock(s, args[0]) })
		},
	}
	f := c.Flags()
	f.StringVar(&login, "login", "", "partner `ID` that the partner sends, instead of PARTNER")
	f.StringVar(&partnerID, "partner", "", "partner `ID` in our records, instead of PARTNER")
	return o.changing(c)
}

// unlock opens one credential if who names one, or all of a partner's. Environments are apart here too: the login of one
// says nothing about the other.
func unlock(s *session, who string) error {
	p, err := s.partner(who)
	if err != nil {
		return err
	}
	credentials, err := s.Credentials(s.ctx, p.ID)
	if err != nil {
		return err
	}
	subject := p.ID
	for _, c := range credentials {
		if named(c, who) {
			subject = c.ID
		}
	}
	unlocked, err := s.Unlock(s.ctx, s.actor, subject)
	if err != nil {
		return err
	}
	view := struct {
		PartnerID string   `json:"partner_id"`
		Name      string   `json:"name"`
		Unlocked  []string `json:"unlocked"` // ids of credentials
	}{p.ID, p.Name, append([]string{}, unlocked...)}
	return s.out.show(view, "%s (%s): %d credential(s) unlocked", p.Name, p.ID, len(unlocked))
}
