package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"

	"countersign.dev/internal/registry"
	"github.com/spf13/cobra"
)

func newPartner() *cobra.Command {
	c := &cobra.Command{Use: "partner", Short: "What an operator does with partners", Args: cobra.NoArgs, RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	c.AddCommand(newPartnerUnlock())
	return c
}

func newPartnerUnlock() *cobra.Command {
	var data, login, partnerID string
	c := &cobra.Command{
		Use:   "unlock [WHO]",
		Short: "Let a partner authenticate again after too many wrong secrets",
		Long: `Let a partner authenticate again after five wrong secrets in a row. WHO is the partner id that the partner sends with its
secret, or its app key: then that credential is unlocked, in its environment alone; or the partner's id in our records
(ptn_...) or its exact name: then all of its credentials are. The server that runs on the data folder knows of it within
a second. The change is recorded with the user of the operating system as its actor.`,
		Example: "  countersign partner unlock --data countersign-data 2445581234567",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			for _, flag := range []string{login, partnerID} {
				if flag != "" {
					args = append(args, flag)
				}
			}
			if len(args) != 1 || args[0] == "" {
				return hinted{errors.New("which partner?"), "name one: the partner id that it sends, its app key, or its id in our records"}
			}
			return withRegister(c.Context(), data, func(r *registry.Registry) error { return unlock(c, r, args[0]) })
		},
	}
	f := c.Flags()
	f.StringVar(&data, "data", "countersign-data", "`DIR` of the register")
	f.StringVar(&login, "login", "", "partner `ID` that the partner sends, instead of WHO")
	f.StringVar(&partnerID, "partner", "", "partner `ID` in our records, instead of WHO")
	return c
}

// unlock opens one credential if who names one, or all of a partner's. Environments are apart here too: the login of one
// says nothing about the other.
func unlock(c *cobra.Command, r *registry.Registry, who string) error {
	p, err := r.FindPartner(c.Context(), who)
	if errors.Is(err, registry.ErrNotFound) {
		return hinted{fmt.Errorf("%q: %w", who, err), "the decision lines name partner and credential of every refused call"}
	}
	if err != nil {
		return err
	}
	credentials, err := r.Credentials(c.Context(), p.ID)
	if err != nil {
		return err
	}
	subject := p.ID
	for _, credential := range credentials {
		if who == credential.Login || who == credential.KeyID || who == credential.ID {
			subject = credential.ID
		}
	}
	unlocked, err := r.Unlock(c.Context(), localActor(), subject)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.OutOrStdout(), "%s (%s): %d credential(s) unlocked\n", p.Name, p.ID, len(unlocked))
	return err
}

// withRegister opens the register of an existing data folder beside whatever server runs on it.
func withRegister(ctx context.Context, data string, do func(*registry.Registry) error) error {
	r, store, err := openRegister(ctx, data, false)
	if err != nil {
		return err
	}
	return errors.Join(do(r), store.Close())
}

// localActor is the user of the operating system: whoever has the disk is root (design decision 14).
func localActor() registry.Actor {
	name := fmt.Sprintf("uid-%d", os.Getuid())
	if u, err := user.Current(); err == nil && u.Username != "" {
		name = u.Username
	}
	return registry.Actor{Kind: registry.Operator, Name: name}
}
