package main

import (
	"context"
	"errors"
	"time"

	"countersign.dev/internal/remote"
	"github.com/spf13/cobra"
)

// loginTime bounds how long a sign-in in the browser may take.
const loginTime = 5 * time.Minute

// loginOptions are the flags of `login`, `logout` and `whoami`.
type loginOptions struct {
	operator
	noBrowser bool
}

// flags are those of commands that speak to a server alone.
func (o *loginOptions) flags(c *cobra.Command) {
	c.Flags().StringVar(&o.remote.server, "server", "", "`URL` of the server's operators' plane; else $"+serverVariable)
	formatFlag(c, &o.format)
}

func newLogin() *cobra.Command {
	o := new(loginOptions)
	c := &cobra.Command{
		Use:   "login --server URL",
		Short: "Sign in at a server's operators' plane, in the browser",
		Long: `Sign in at a server's operators' plane. The browser signs in as usual, with the company's provider or with a passkey, and then asks
whether this terminal may act for the account. What the terminal gets ends after 12 hours at the latest, or with
"countersign logout"; it is kept in a file of mode 0600 in your folder for configuration and never printed.

The browser hands a code over to this program on 127.0.0.1 (RFC 8252), which proves by a second secret that it was the one that
asked (PKCE, RFC 7636). Where the browser is on another machine, give --no-browser, and paste the address that it ends at.

Automation does not sign in: it has a service account's token, in --token-file or $` + tokenVariable + `.`,
		Example: "  countersign login --server https://countersign.example.com\n  countersign login --server https://127.0.0.1:9443 --ca-file ca.pem",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			ctx, cancel := context.WithTimeout(c.Context(), loginTime)
			defer cancel()
			return advise(o.login(ctx, c))
		},
	}
	o.flags(c)
	c.Flags().StringVar(&o.remote.caFile, "ca-file", "", "`FILE` (PEM) of the authorities that vouch for the server, from now on; else $"+caVariable)
	c.Flags().BoolVar(&o.noBrowser, "no-browser", false, "print the address instead of opening it")
	_ = c.MarkFlagFilename("ca-file", "pem", "crt")
	return c
}

// needServer is the server that is named.
func (o *loginOptions) needServer() (string, error) {
	server, err := o.server()
	if err == nil && server == "" {
		err = hinted{errors.New("which server?"), "name it with --server, or in $" + serverVariable}
	}
	return server, err
}

func (o *loginOptions) login(ctx context.Context, c *cobra.Command) error {
	out, err := newOutput(c.OutOrStdout(), c.ErrOrStderr(), o.format)
	if err != nil {
		return err
	}
	server, err := o.needServer()
	if err != nil {
		return err
	}
	kept, err := o.trusted(server)
	if err != nil {
		return err
	}
	roots, err := o.remote.roots(kept)
	if err != nil {
		return err
	}
	client, err := remote.New(remote.Config{Server: server, Roots: roots, Agent: "countersign/" + version()})
	if err != nil {
		return err
	}
	got, err := o.askBrowser(ctx, c, client, out)
	if err != nil {
		return err
	}
	kept.Token, kept.ExpiresAt, kept.Account = got.Token, got.ExpiresAt, got.Name
	if err := keepLogin(kept); err != nil {
		return err
	}
	view := struct {
		Server    string    `json:"server"`
		Account   string    `json:"account,omitempty"`
		ExpiresAt time.Time `json:"expires_at,omitzero"`
	}{server, got.Name, got.ExpiresAt.UTC()}
	return out.show(view, "signed in at %s as %s, until %s", server, got.Name, when(got.ExpiresAt))
}

// trusted is what is kept of a server besides the token: the authorities that were named for it, as a whole path.
func (o *loginOptions) trusted(server string) (login, error) {
	kept, err := readLogin(server)
	if err != nil { // whatever is there is replaced
		kept = login{}
	}
	kept.Server = server
	path, err := o.remote.authorities()
	if path != "" {
		kept.CAFile = path
	}
	return kept, err
}

func newLogout() *cobra.Command {
	o := new(loginOptions)
	c := &cobra.Command{
		Use:   "logout --server URL",
		Short: "End this terminal's sign-in at a server",
		Long:  "End this terminal's sign-in: the server forgets it, and the file is taken away. The file goes also where the server cannot be reached.",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			out, err := newOutput(c.OutOrStdout(), c.ErrOrStderr(), o.format)
			if err != nil {
				return err
			}
			server, err := o.needServer()
			if err != nil {
				return err
			}
			return advise(o.logout(c.Context(), server, out))
		},
	}
	o.flags(c)
	return c
}

func (o *loginOptions) logout(ctx context.Context, server string, out *output) error {
	told := o.tellServer(ctx, server)
	was, err := forgetLogin(server)
	if err != nil {
		return err
	}
	if !was {
		return out.show(map[string]any{"server": server, "signed_out": false}, "nobody was signed in at %s", server)
	}
	if told != nil {
		out.note("the file is gone, but the server was not told: %v; what it gave ends by itself, or in its list of sessions", told)
	}
	return out.show(map[string]any{"server": server, "signed_out": true}, "signed out at %s", server)
}

// tellServer ends the session there. A file that cannot be read holds nothing that could be ended.
func (o *loginOptions) tellServer(ctx context.Context, server string) error {
	kept, err := readLogin(server)
	if err != nil || kept.Token == "" {
		return err
	}
	roots, err := o.remote.roots(kept)
	if err != nil {
		return err
	}
	client, err := remote.New(remote.Config{Server: server, Token: kept.Token, Roots: roots, Agent: "countersign/" + version()})
	if err != nil {
		return err
	}
	defer func() { _ = client.Close() }()
	return client.SignOut(ctx)
}
