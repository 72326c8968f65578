package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"countersign.dev/internal/config"
	"github.com/spf13/cobra"
)

// serveOptions are the flags of `countersign serve`.
type serveOptions struct {
	config       string
	environments []string
	renew        bool
	admin        bool
}

func newServe() *cobra.Command {
	o := new(serveOptions)
	c := &cobra.Command{
		Use:   "serve --config FILE",
		Short: "Serve the environments of a configuration, for years",
		Long: `Serve what a configuration file says: its environments with their listeners, APIs, limits and records.
The file is loaded anew on SIGHUP and when it has changed: what is good is put in force without losing a request; what is not
is refused with file, line and column, and the server goes on as before. SIGTERM or Ctrl-C: /readyz says no, the listeners
stop to accept, running requests end, the records are closed.
With --environment only that environment is served, with its keys alone; another process may serve another one from the same
data folder. The operators' plane (admin in the configuration) is served by the server of every environment, or by the one with
--admin, which can change secrets only of the environments that it serves.
A decision record whose end is not what was written does not open. With --set-aside-damaged-record it is kept in a folder below
its own, a new one is begun, and its second line says so: use it for one start, after countersign audit verify.`,
		Example: `  countersign serve --config /etc/countersign/countersign.yaml
  countersign serve --config countersign.yaml --environment production`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if o.config == "" {
				return hinted{errors.New("which configuration?"), "name the file with --config; countersign init writes one"}
			}
			tuneCollector()
			ignoreSignals()
			return runServe(c.Context(), o, c.ErrOrStderr())
		},
	}
	f := c.Flags()
	f.StringVar(&o.config, "config", "", "configuration `FILE`")
	f.StringSliceVar(&o.environments, "environment", nil, "serve this environment alone, by `NAME`; may be repeated")
	f.BoolVar(&o.admin, "admin", false, "with --environment: serve the operators' plane of the configuration as well; one server on a data folder can")
	f.BoolVar(&o.renew, "set-aside-damaged-record", false, "where the decision record is damaged at its end, keep it in a folder below its own and begin a new one, which says so")
	return c
}

// runServe serves until ctx ends.
func runServe(ctx context.Context, o *serveOptions, errOut io.Writer) error {
	cfg, err := config.Load(o.config, os.LookupEnv)
	if err != nil {
		return fmt.Errorf("the configuration is refused: %w", err)
	}
	s, err := newServer(o, cfg, errOut)
	if err != nil {
		return err
	}
	defer s.close()
	holdMemory(cfg.Memory.Ceiling, os.DirFS("/"), os.Getenv, s.log)
	if err = s.open(ctx); err == nil {
		err = s.serve(ctx)
	}
	return errors.Join(err, s.drain())
}

// scopeOf names the part of a configuration that a server serves: empty for all of it. What belongs to one server alone, a
// journal say, has it in its name. environments is nil where all are served.
func scopeOf(cfg *config.Config, wanted []string) (scope string, environments []string, err error) {
	for _, name := range wanted {
		if cfg.Environment(name) == nil {
			return "", nil, hinted{fmt.Errorf("the configuration has no environment %q", name), "it has " + strings.Join(cfg.Names(), ", ")}
		}
	}
	environments = slices.Compact(slices.Sorted(slices.Values(wanted)))
	if len(environments) == 0 {
		return "", nil, nil
	}
	return "-" + strings.Join(environments, "+"), environments, nil // no name has a plus sign
}
