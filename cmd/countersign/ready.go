package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"time"

	"countersign.dev/internal/config"
	"github.com/spf13/cobra"
)

// Bounds of what is taken from an operators' listener.
const (
	readyPatience = 3 * time.Second
	readyAnswer   = 256 << 10
)

// readyOptions are the flags of `countersign ready`.
type readyOptions struct {
	url    string
	config string
	live   bool
}

func newReady() *cobra.Command {
	o := new(readyOptions)
	c := &cobra.Command{
		Use:   "ready",
		Short: "Ask a running server whether it is ready, as a health check without a shell",
		Long: `Ask the operators' listener of a running server whether it is ready, and say which checks fail. Exit code 0: it is ready. 1: it
is not; 2: nobody answers. It is meant for the health checks of containers and service managers, which need no shell for it.`,
		Example: `  countersign ready
  countersign ready --config /etc/countersign/countersign.yaml
  countersign ready --live --url http://127.0.0.1:9900`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return o.run(c.Context(), c.OutOrStdout()) },
	}
	f := c.Flags()
	f.StringVar(&o.url, "url", "", "`URL` of the operators' listener (http://127.0.0.1:9900 where there is no --config)")
	f.StringVar(&o.config, "config", "", "configuration `FILE` that says where it listens (ops.listen)")
	f.BoolVar(&o.live, "live", false, "ask only whether the process answers (/livez)")
	return c
}

func (o *readyOptions) run(ctx context.Context, out io.Writer) error {
	base, err := o.base()
	if err != nil {
		return err
	}
	path := "/readyz"
	if o.live {
		path = "/livez"
	}
	ctx, cancel := context.WithTimeout(ctx, readyPatience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, base+path, nil)
	if err != nil {
		return err
	}
	transport := new(http.Transport) // no proxy of the environment
	defer transport.CloseIdleConnections()
	answer, err := transport.RoundTrip(r) // no redirect is followed
	if err != nil {
		return hinted{fmt.Errorf("ask %s: %w", base, err), "is the server running, and is ops.listen this address?"}
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, readyAnswer))
	if err != nil {
		return fmt.Errorf("ask %s: %w", base, err)
	}
	return o.say(out, answer.StatusCode, text)
}

// say tells what was answered.
func (o *readyOptions) say(out io.Writer, status int, text []byte) error {
	if status == http.StatusOK {
		_, err := fmt.Fprintln(out, "ready")
		return err
	}
	if status != http.StatusServiceUnavailable {
		return hinted{fmt.Errorf("the answer has status %d", status), "the URL is not that of an operators' listener"}
	}
	_, _ = fmt.Fprintln(out, "not ready")
	var said struct {
		Checks []struct {
			Name, State, Cause string
			Matters            bool
		}
	}
	if json.Unmarshal(text, &said) == nil {
		for _, c := range said.Checks {
			if c.Matters && c.State != "ok" {
				_, _ = fmt.Fprintf(out, "  %s: %s\n", safeText([]byte(c.Name)), safeText([]byte(c.Cause)))
			}
		}
	}
	return errRefused
}

// base is the URL of the listener, without a path.
func (o *readyOptions) base() (string, error) {
	switch {
	case o.url != "" && o.config != "":
		return "", errors.New("--url and --config exclude one another")
	case o.url != "":
		u, err := url.Parse(o.url)
		if err != nil || u.Scheme != "http" || u.Host == "" || u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.User != nil {
			return "", hinted{errors.New("--url is not http://HOST:PORT"), "for example http://127.0.0.1:9900"}
		}
		return "http://" + u.Host, nil
	case o.config == "":
		return "http://127.0.0.1:9900", nil
	}
	cfg, err := config.Load(o.config, os.LookupEnv)
	if err != nil {
		return "", fmt.Errorf("the configuration is refused: %w", err)
	}
	if cfg.Ops.Listen == "" {
		return "", hinted{errors.New(o.config + " has no operators' listener"), "set ops.listen"}
	}
	return "http://" + reachable(cfg.Ops.Listen), nil
}
