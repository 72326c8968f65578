package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"countersign.dev/internal/partnerfile"
	"github.com/spf13/cobra"
	"golang.org/x/term"
)

func newCaller() *cobra.Command {
	c := &cobra.Command{Use: "caller", Short: "The partner's side: the credentials that `call` and `signing-proxy` use",
		Args: cobra.NoArgs, RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	c.AddCommand(newCallerAdd(), newCallerList(), newCallerRemove())
	return c
}

func newCallerAdd() *cobra.Command {
	o, e := new(callers), partnerfile.Entry{}
	var base, endpoint string
	var token partnerfile.Token
	c := &cobra.Command{
		Use:   "add NAME",
		Short: "Keep the credentials of one API under a name",
		Long: `Keep the credentials of one API under a name. The secret is read from standard input, without an echo on a terminal; it is
never taken from the command line, which every user of the machine can read. With --secret-file only the file's name is
kept, and without either the secret is looked for in the environment when it is needed.`,
		Example: `  printf %s "$API_SECRET" | countersign caller add card --base https://127.0.0.1:8443 --profile finci --key-id "$API_TOKEN" --ca-file ca.pem
  printf %s "$PARTNER_SECRET" | countersign caller add agg --base https://127.0.0.1:8443 --token-endpoint /aggregation/v2/partners/authentication --app-key "$APP_KEY" --partner-id 2445581234567`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) (err error) {
			e.Name = args[0]
			if e.Base, err = partnerfile.ParseBase(base); err != nil {
				return hinted{fmt.Errorf("--base %s: %w", base, err), "write https://HOST or https://HOST:PORT"}
			}
			if endpoint != "" {
				token.Endpoint, e.Token = endpoint, &token
			} else if token != (partnerfile.Token{}) {
				return hinted{errors.New("--app-key, --partner-id and --xml go with --token-endpoint"), "--token-endpoint /aggregation/v2/partners/authentication"}
			}
			if e.CAFile, e.SecretFile, err = absolute(e.CAFile, e.SecretFile); err != nil {
				return err
			}
			return o.add(c, e)
		},
	}
	o.flags(c)
	f := c.Flags()
	f.StringVar(&base, "base", "", "`URL` of the API: scheme and host")
	f.StringVar(&e.Profile, "profile", "", "signed requests: shipped profile `NAME` or a FILE.yaml")
	f.StringVar(&e.KeyID, "key-id", "", "signed requests: the API token that was issued (`ID`)")
	f.StringToStringVar(&e.Vars, "var", nil, "signed requests: `NAME=VALUE` that the profile asks for; may be repeated")
	f.StringVar(&endpoint, "token-endpoint", "", "access tokens: `PATH` of Partner Authentication")
	f.StringVar(&token.AppKey, "app-key", "", "access tokens: the app `KEY`")
	f.StringVar(&token.PartnerID, "partner-id", "", "access tokens: the partner `ID`")
	f.BoolVar(&token.XML, "xml", false, "access tokens: speak XML to the endpoint")
	f.StringVar(&e.CAFile, "ca-file", "", "PEM `FILE` of the authority that is trusted instead of the system's")
	f.StringVar(&e.SecretFile, "secret-file", "", "`FILE` with the secret, mode 0600, that is read at every use")
	return c
}

// absolute keeps file names that work from every folder.
func absolute(a, b string) (string, string, error) {
	for _, p := range []*string{&a, &b} {
		if *p == "" {
			continue
		}
		full, err := filepath.Abs(*p)
		if err != nil {
			return "", "", fmt.Errorf("find %s: %w", *p, err)
		}
		*p = full
	}
	return a, b, nil
}

// add writes the entry behind the others, whole or not at all.
func (o *callers) add(c *cobra.Command, e partnerfile.Entry) (err error) {
	if e.SecretFile == "" {
		if e.Secret, err = readSecret(c, e.Name); err != nil {
			return err
		}
		defer clear(e.Secret)
	}
	path, text, _, err := o.read()
	if err != nil {
		return err
	}
	out, err := partnerfile.Add(path, text, e)
	if err != nil {
		return err
	}
	defer clear(out)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("make the folder of the callers file: %w", err)
	}
	if err := replaceFile(path, out); err != nil {
		return fmt.Errorf("write the callers file: %w", err)
	}
	_, err = fmt.Fprintf(c.OutOrStdout(), "%s is kept in %s\ntry: countersign call GET / --as %s --dry-run\n", e.Name, path, e.Name)
	return err
}

// readSecret reads one line from standard input. On a terminal it asks, and what is typed is not shown.
func readSecret(c *cobra.Command, name string) ([]byte, error) {
	in, _ := c.InOrStdin().(*os.File)
	if in != nil && term.IsTerminal(int(in.Fd())) {
		if _, err := fmt.Fprintf(c.ErrOrStderr(), "secret of %s (not shown; empty: look in $%s at every use): ", name, partnerfile.Variable(name)); err != nil {
			return nil, fmt.Errorf("ask: %w", err)
		}
		text, err := term.ReadPassword(int(in.Fd()))
		fmt.Fprintln(c.ErrOrStderr())
		return text, err
	}
	text, err := bufio.NewReader(io.LimitReader(c.InOrStdin(), maxPrivate)).ReadBytes('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read the secret: %w", err)
	}
	return bytes.TrimRight(text, "\r\n"), nil
}

func newCallerList() *cobra.Command {
	o := new(callers)
	var format string
	c := &cobra.Command{
		Use: "list", Short: "List the names, without secrets", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			_, _, entries, err := o.read()
			if err != nil {
				return err
			}
			out, err := newOutput(c.OutOrStdout(), c.ErrOrStderr(), format)
			if err != nil {
				return err
			}
			return listCallers(out, entries)
		},
	}
	o.flags(c)
	c.Flags().StringVarP(&format, "output", "o", "text", "`FORMAT`: text or json")
	return c
}

// callerView is a caller as it is shown: where its secret is, never the secret.
type callerView struct {
	Name     string `json:"name"`
	Base     string `json:"base"`
	Protocol string `json:"protocol"`
	KeyID    string `json:"key_id,omitempty"`
	Secret   string `json:"secret_in"`
}

func listCallers(out *output, entries []partnerfile.Entry) error {
	views, rows := []callerView{}, [][]string(nil)
	for _, e := range entries {
		v := callerView{Name: e.Name, Base: e.Base.String(), Protocol: e.Profile, KeyID: e.KeyID, Secret: "this file"}
		if e.Token != nil {
			v.Protocol, v.KeyID = "access token", e.Token.AppKey
		}
		switch variable := partnerfile.Variable(e.Name); {
		case os.Getenv(variable) != "":
			v.Secret = "$" + variable
		case e.SecretFile != "":
			v.Secret = e.SecretFile
		case len(e.Secret) == 0:
			v.Secret = "nowhere: set $" + variable
		}
		views = append(views, v)
		rows = append(rows, []string{v.Name, v.Base, v.Protocol, v.KeyID, v.Secret})
	}
	return out.table(views, "no callers", []string{"NAME", "BASE", "PROTOCOL", "KEY ID", "SECRET IN"}, rows)
}

func newCallerRemove() *cobra.Command {
	o := new(callers)
	c := &cobra.Command{
		Use: "remove NAME", Short: "Forget a name and its credentials", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			path, text, entries, err := o.read()
			if err != nil {
				return err
			}
			left, found, err := partnerfile.Remove(path, text, args[0])
			if err != nil {
				return err
			}
			if !found {
				var names []string
				for _, e := range entries {
					names = append(names, e.Name)
				}
				return hinted{fmt.Errorf("no caller %q in %s", args[0], path), "there are: " + strings.Join(names, ", ")}
			}
			if err := replaceFile(path, left); err != nil {
				return fmt.Errorf("write the callers file: %w", err)
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "%s is forgotten\n", args[0])
			return err
		},
	}
	o.flags(c)
	return c
}
