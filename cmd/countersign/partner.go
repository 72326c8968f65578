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
		Use:   "unlock",
		Short: "Let a partner authenticate again after too many wrong secrets",
		Long: `Let a partner authenticate again after five wrong secrets in a row. The server that runs on the data folder knows
of it within a second. The change is recorded with the user of the operating system as its actor.`,
		Example: "  countersign partner unlock --data countersign-data --login 2445581234567",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if (login == "") == (partnerID == "") {
				return hinted{errors.New("which partner?"), "give --login, the partner id that the partner sends, or --partner, the id in our records"}
			}
			return withRegister(c.Context(), data, func(r *registry.Registry) error {
				return unlock(c, r, login, partnerID)
			})
		},
	}
	f := c.Flags()
	f.StringVar(&data, "data", "countersign-data", "`DIR` of the register")
	f.StringVar(&login, "login", "", "partner `ID` that the partner sends with its secret: unlocks that credential, in its environment alone")
	f.StringVar(&partnerID, "partner", "", "partner `ID` in our records (ptn_...): unlocks all of its credentials")
	return c
}

// unlock opens one credential, named by its login, or all of a partner's. Environments are apart here too: the login of one
// says nothing about the other.
func unlock(c *cobra.Command, r *registry.Registry, login, partnerID string) error {
	p, err := r.FindPartner(c.Context(), login+partnerID)
	if errors.Is(err, registry.ErrNotFound) {
		return hinted{err, "the decision lines name the partner of every refused call"}
	}
	if err != nil {
		return err
	}
	subject := p.ID
	if login != "" {
		if subject, err = credentialOf(c.Context(), r, p.ID, login); err != nil {
			return err
		}
	}
	unlocked, err := r.Unlock(c.Context(), localActor(), subject)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.OutOrStdout(), "%s (%s): %d credential(s) unlocked\n", p.Name, p.ID, len(unlocked))
	return err
}

func credentialOf(ctx context.Context, r *registry.Registry, partnerID, login string) (string, error) {
	credentials, err := r.Credentials(ctx, partnerID)
	if err != nil {
		return "", err
	}
	for _, credential := range credentials {
		if credential.Login == login {
			return credential.ID, nil
		}
	}
	return "", hinted{fmt.Errorf("no app credential has the login %q", login), "--login takes the partner id that the partner sends with its secret"}
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
