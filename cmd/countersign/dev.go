package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
)

// devOptions are the flags of `countersign dev`.
type devOptions struct {
	data                string
	listenSandbox       string
	listenProduction    string
	listenOps           string
	allowRemote         bool
	tlsCert, tlsKey     string
	cardUpstream        string
	aggregationUpstream string
	tokenLifetime       time.Duration
	readyFile           string
	trustedProxies      []string
	countryFile         string
	quiet               bool
}

func newDev() *cobra.Command {
	o := new(devOptions)
	c := &cobra.Command{
		Use:   "dev",
		Short: "Serve both protocols on this machine, with a partner that is already approved",
		Long: `Serve both protocols over TLS, in a sandbox and a production environment, in front of model upstreams.
One partner is already reviewed and approved and has both kinds of credential in both environments. The base URLs, the
credentials and commands to paste are printed. Everything is kept in the data folder; a second start keeps every credential.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := o.check(); err != nil {
				return err
			}
			return runDev(c.Context(), o, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	f := c.Flags()
	f.StringVar(&o.data, "data", "countersign-data", "`DIR` for the register, keys and records; made if missing")
	f.StringVar(&o.listenSandbox, "listen-sandbox", "127.0.0.1:8443", "`ADDR` of the sandbox; port 0 takes a free one")
	f.StringVar(&o.listenProduction, "listen-production", "127.0.0.1:9443", "`ADDR` of production; port 0 takes a free one")
	f.StringVar(&o.listenOps, "listen-ops", "127.0.0.1:0", "`ADDR` of /livez, /readyz and /metrics")
	f.BoolVar(&o.allowRemote, "allow-remote", false, "let listeners have an address other than loopback")
	f.StringVar(&o.tlsCert, "tls-cert", "", "certificate `FILE` (PEM) instead of one from the local authority")
	f.StringVar(&o.tlsKey, "tls-key", "", "key `FILE` (PEM) that goes with --tls-cert")
	f.StringVar(&o.cardUpstream, "card-upstream", "", "`URL` of the card API's upstream instead of the model")
	f.StringVar(&o.aggregationUpstream, "aggregation-upstream", "", "`URL` of the aggregation API's upstream instead of the model")
	f.DurationVar(&o.tokenLifetime, "token-lifetime", 2*time.Hour, "how long an access token counts")
	f.StringVar(&o.readyFile, "ready-file", "", "`FILE` (JSON, mode 0600) that is written when everything accepts connections")
	f.StringSliceVar(&o.trustedProxies, "trusted-proxy", nil, "`PREFIX` of proxies whose X-Forwarded-For counts; may be repeated")
	f.StringVar(&o.countryFile, "country-file", "", "MMDB `FILE` for country rules")
	f.BoolVar(&o.quiet, "quiet", false, "do not show decision lines on standard error")
	return c
}

// check refuses what can be refused before anything is opened.
func (o *devOptions) check() error {
	for flag, addr := range map[string]string{"--listen-sandbox": o.listenSandbox, "--listen-production": o.listenProduction, "--listen-ops": o.listenOps} {
		if err := checkListen(addr, o.allowRemote); err != nil {
			return fmt.Errorf("%s %s: %w", flag, addr, err)
		}
	}
	if (o.tlsCert == "") != (o.tlsKey == "") {
		return errors.New("--tls-cert and --tls-key go together")
	}
	if o.tokenLifetime < time.Second || o.tokenLifetime > 24*time.Hour {
		return fmt.Errorf("--token-lifetime %s: between 1s and 24h", o.tokenLifetime)
	}
	for flag, text := range map[string]string{"--card-upstream": o.cardUpstream, "--aggregation-upstream": o.aggregationUpstream} {
		if _, err := parseUpstream(text); err != nil {
			return fmt.Errorf("%s %s: %w", flag, text, err)
		}
	}
	_, err := o.trusted()
	return err
}

// checkListen admits loopback, and other addresses only where the user asked for it.
func checkListen(addr string, remote bool) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return hinted{errors.New("not an address"), "write HOST:PORT, for example 127.0.0.1:8443"}
	}
	if ip, err := netip.ParseAddr(host); host == "localhost" || err == nil && ip.IsLoopback() || remote {
		return nil
	}
	return hinted{errors.New("not a loopback address"), "add --allow-remote if machines other than this one shall reach it"}
}

// parseUpstream takes scheme and host, or nothing.
func parseUpstream(text string) (*url.URL, error) {
	if text == "" {
		return nil, nil
	}
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, errors.New("not a URL")
	case u.Scheme != "http" && u.Scheme != "https", u.Host == "":
		return nil, hinted{errors.New("not the base of an HTTP server"), "write http://HOST:PORT or https://HOST:PORT"}
	case u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "" || u.User != nil:
		return nil, hinted{errors.New("more than scheme and host"), "targets are forwarded byte for byte, so an upstream has no path of its own"}
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host}, nil
}

func (o *devOptions) trusted() ([]netip.Prefix, error) {
	var prefixes []netip.Prefix
	for _, text := range o.trustedProxies {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, hinted{fmt.Errorf("--trusted-proxy %s: not a prefix", text), "write an address and a length, for example 10.0.0.0/24"}
		}
		prefixes = append(prefixes, p)
	}
	return prefixes, nil
}

// runDev serves until ctx ends.
func runDev(ctx context.Context, o *devOptions, out, errOut interface{ Write([]byte) (int, error) }) error {
	if o.readyFile != "" {
		if err := os.Remove(o.readyFile); err != nil && !os.IsNotExist(err) {
			return fmt.Errorf("remove the ready file of a former run: %w", err)
		}
	}
	data, err := filepath.Abs(o.data)
	if err != nil {
		return fmt.Errorf("find the data folder: %w", err)
	}
	if err := openFolder(data); err != nil {
		return err
	}
	d := &devServer{options: o, dir: data, out: out, errOut: errOut}
	defer d.close()
	if err := d.open(ctx); err != nil {
		return err
	}
	return d.serve(ctx)
}
