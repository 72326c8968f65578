package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strconv"

	"countersign.dev/internal/config"
	"github.com/spf13/cobra"
)

// initOptions are the flags of `countersign init`.
type initOptions struct {
	dir          string
	environments []string
	hosts        []string
	listen       string
	ops          string
	admin        string
	protocol     string
	upstream     string
	checkpoints  string
	tlsCert      string
	tlsKey       string
	selfSigned   bool
	register     string
}

func newInit() *cobra.Command {
	o := new(initOptions)
	c := &cobra.Command{
		Use:   "init",
		Short: "Make the folder of a new server: configuration, keys, register",
		Long: `Make the folder of a new server: a configuration with remarks, the master key, the key of the query digests, the key pair
that signs checkpoints, and an empty register. Nothing that exists is changed. It says what to do next.
The first admin of the operators' plane gets a link that counts once, for 24 hours: it is printed here and kept nowhere.
Checkpoints belong on another disk or machine: name the folder with --checkpoints, or it is asked for.
Certificates are yours (--tls-cert and --tls-key), or for a trial a self-signed one (--self-signed), which callers must be
told to trust.
With --register the register is made in an empty PostgreSQL database, which many machines can share. That is for the first of them:
a further one gets a copy of the configuration and of the key files instead.`,
		Example: `  countersign init --dir trial --self-signed --checkpoints trial-checkpoints
  countersign init --dir /etc/countersign --environment sandbox --environment production \
      --host api.example.com --tls-cert /etc/ssl/api.pem --tls-key /etc/ssl/api-key.pem --checkpoints /mnt/elsewhere/countersign`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := o.check(); err != nil {
				return err
			}
			if err := o.askCheckpoints(c.InOrStdin(), c.ErrOrStderr()); err != nil {
				return err
			}
			return runInit(c.Context(), o, c)
		},
	}
	f := c.Flags()
	f.StringVar(&o.dir, "dir", "countersign", "`DIR` to make everything in")
	f.StringSliceVar(&o.environments, "environment", []string{"production"}, "environment to serve, by `NAME`; may be repeated")
	f.StringSliceVar(&o.hosts, "host", []string{"localhost"}, "host `NAME` that callers use; may be repeated")
	f.StringVar(&o.listen, "listen", "127.0.0.1:8443", "`ADDR` of the first environment; each further one takes the next port")
	f.StringVar(&o.ops, "listen-ops", "127.0.0.1:9900", "`ADDR` of /livez, /readyz and /metrics")
	f.StringVar(&o.admin, "listen-admin", "127.0.0.1:9901", "`ADDR` of the operators' plane on loopback, or off")
	f.StringVar(&o.protocol, "protocol", "both", "`WORD` for how callers prove who they are: signed, token or both")
	f.StringVar(&o.upstream, "upstream", "http://127.0.0.1:8080", "`URL` of the API that is protected")
	f.StringVar(&o.checkpoints, "checkpoints", "", "`DIR` for the signed anchors of the records, best on another disk or machine")
	f.StringVar(&o.tlsCert, "tls-cert", "", "certificate `FILE` (PEM)")
	f.StringVar(&o.tlsKey, "tls-key", "", "key `FILE` (PEM) that goes with it")
	f.BoolVar(&o.selfSigned, "self-signed", false, "make a certificate for a trial, valid for 30 days")
	f.StringVar(&o.register, "register", "", "make the register in PostgreSQL: `URLFILE` of mode 0600 with the database's URL on one line")
	_ = c.MarkFlagFilename("register")
	_ = c.RegisterFlagCompletionFunc("protocol", cobra.FixedCompletions([]cobra.Completion{"signed", "token", "both"}, cobra.ShellCompDirectiveNoFileComp))
	return c
}

// check refuses what the configuration itself could not tell of.
func (o *initOptions) check() error {
	switch {
	case (o.tlsCert == "") != (o.tlsKey == ""):
		return errors.New("--tls-cert and --tls-key go together")
	case o.selfSigned == (o.tlsCert != ""):
		return hinted{errors.New("which certificate?"), "either --tls-cert FILE and --tls-key FILE, or --self-signed for a trial"}
	case !slices.Contains([]string{"signed", "token", "both"}, o.protocol):
		return hinted{fmt.Errorf("--protocol %s", o.protocol), "signed, token or both"}
	case len(o.environments) == 0 || len(o.hosts) == 0:
		return errors.New("at least one --environment and one --host")
	}
	for _, name := range o.environments {
		if !config.IsName(name) {
			return hinted{fmt.Errorf("--environment %q", name), "1 to 32 of a-z, 0-9 and -, beginning with a letter"}
		}
	}
	_, err := o.listenAt(len(o.environments) - 1)
	return err
}

// listenAt is the address of one environment: each has the next port.
func (o *initOptions) listenAt(i int) (string, error) {
	host, text, err := net.SplitHostPort(o.listen)
	port, bad := strconv.ParseUint(text, 10, 16)
	if err != nil || bad != nil || port+uint64(i) > 65535 {
		return "", hinted{fmt.Errorf("--listen %s: not an address with a port", o.listen), "write HOST:PORT, for example 127.0.0.1:8443"}
	}
	if port == 0 {
		i = 0
	}
	return net.JoinHostPort(host, strconv.FormatUint(port+uint64(i), 10)), nil
}

// runInit decides everything first, and writes the configuration last: what was interrupted is no server.
func runInit(ctx context.Context, o *initOptions, c *cobra.Command) error {
	dir, err := filepath.Abs(o.dir)
	if err != nil {
		return fmt.Errorf("find the folder: %w", err)
	}
	w := &initWork{o: o, dir: dir, file: filepath.Join(dir, "countersign.yaml")}
	if err := w.plan(); err != nil {
		return err
	}
	if err := w.unmade(ctx); err != nil {
		return err
	}
	if err := w.make(ctx); err != nil {
		return hinted{err, "not everything was made: mend that, remove what was made in " + dir + ", and begin again"}
	}
	return w.next(c.OutOrStdout())
}
