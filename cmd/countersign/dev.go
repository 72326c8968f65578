package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"countersign.dev/internal/partner"
	"github.com/spf13/cobra"
)

// devOptions are the flags of `countersign dev`.
type devOptions struct {
	data                string
	listenSandbox       string
	listenProduction    string
	listenOps           string
	listenAdmin         string
	listenPortal        string
	allowRemote         bool
	tlsCert, tlsKey     string
	cardUpstream        string
	aggregationUpstream string
	tokenLifetime       time.Duration
	upstreamTimeout     time.Duration
	allowNetworks       []string
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
credentials and commands to paste are printed, with two links that sign a browser on this machine in: as an operator, and as a person of the partner. Everything is kept in the data folder, from which one server at a time serves; a second start keeps every credential.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := o.check(); err != nil {
				return err
			}
			tuneCollector()
			ignoreSignals()
			return runDev(c.Context(), o, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	f := c.Flags()
	f.StringVar(&o.data, "data", "countersign-data", "`DIR` for the register, keys and records; made if missing")
	f.StringVar(&o.listenSandbox, "listen-sandbox", "127.0.0.1:8443", "`ADDR` of the sandbox; port 0 takes a free one")
	f.StringVar(&o.listenProduction, "listen-production", "127.0.0.1:9443", "`ADDR` of production; port 0 takes a free one")
	f.StringVar(&o.listenOps, "listen-ops", "127.0.0.1:0", "`ADDR` of /livez, /readyz and /metrics")
	f.StringVar(&o.listenAdmin, "listen-admin", "127.0.0.1:0", "`ADDR` of the operators' plane and console, on loopback")
	f.StringVar(&o.listenPortal, "listen-portal", "127.0.0.1:0", "`ADDR` of the partners' portal, on loopback")
	f.BoolVar(&o.allowRemote, "allow-remote", false, "let listeners have an address other than loopback")
	f.StringVar(&o.tlsCert, "tls-cert", "", "certificate `FILE` (PEM) instead of one from the local authority")
	f.StringVar(&o.tlsKey, "tls-key", "", "key `FILE` (PEM) that goes with --tls-cert")
	f.StringVar(&o.cardUpstream, "card-upstream", "", "`URL` of the card API's upstream instead of the model")
	f.StringVar(&o.aggregationUpstream, "aggregation-upstream", "", "`URL` of the aggregation API's upstream instead of the model")
	f.DurationVar(&o.tokenLifetime, "token-lifetime", 2*time.Hour, "how long an access token counts, 1ms to 24h")
	f.DurationVar(&o.upstreamTimeout, "upstream-timeout", 10*time.Second, "how long an upstream may take to begin its answer, 10ms to 5m")
	f.StringSliceVar(&o.allowNetworks, "allow-network", nil, "`PREFIX` from which the demo partner may call, beside loopback; may be repeated")
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
	if o.tokenLifetime < time.Millisecond || o.tokenLifetime > partner.MaxTokenLifetime {
		return fmt.Errorf("--token-lifetime %s: between 1ms and %s", o.tokenLifetime, partner.MaxTokenLifetime)
	}
	if o.upstreamTimeout < 10*time.Millisecond || o.upstreamTimeout > 5*time.Minute {
		return fmt.Errorf("--upstream-timeout %s: between 10ms and 5m", o.upstreamTimeout)
	}
	for flag, text := range map[string]string{"--card-upstream": o.cardUpstream, "--aggregation-upstream": o.aggregationUpstream} {
		if _, err := parseUpstream(text); err != nil {
			return fmt.Errorf("%s %s: %w", flag, text, err)
		}
	}
	if _, err := o.networks(); err != nil {
		return err
	}
	if err := checkLocal("--listen-admin", o.listenAdmin, "the operators' plane"); err != nil {
		return err
	}
	if err := checkLocal("--listen-portal", o.listenPortal, "the partners' portal"); err != nil {
		return err
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

// trusted are the proxies whose word on addresses counts.
func (o *devOptions) trusted() ([]netip.Prefix, error) {
	return parsePrefixes("--trusted-proxy", o.trustedProxies)
}

// networks are the prefixes of the demo partner: loopback, what was asked for, and the address of every listener, so that
// the printed commands work on this machine.
func (o *devOptions) networks() ([]netip.Prefix, error) {
	prefixes, err := parsePrefixes("--allow-network", o.allowNetworks)
	if err != nil {
		return nil, err
	}
	prefixes = append(prefixes, netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128"))
	for _, addr := range []string{o.listenSandbox, o.listenProduction} {
		host, _, _ := net.SplitHostPort(addr)
		if ip, err := netip.ParseAddr(host); err == nil && !ip.IsUnspecified() && !ip.IsLoopback() {
			ip = ip.Unmap().WithZone("")
			prefixes = append(prefixes, netip.PrefixFrom(ip, ip.BitLen()))
		}
	}
	return prefixes, nil
}

func parsePrefixes(flag string, texts []string) ([]netip.Prefix, error) {
	var prefixes []netip.Prefix
	for _, text := range texts {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, hinted{fmt.Errorf("%s %s: not a prefix", flag, text), "write an address and a length, for example 10.0.0.0/24"}
		}
		if p.Bits() == 0 || p.Addr().Is4In6() {
			return nil, hinted{fmt.Errorf("%s %s: every address, or an IPv4 prefix in the form of an IPv6 one", flag, text), "write a narrower prefix, and IPv4 ones as such"}
		}
		prefixes = append(prefixes, p.Masked())
	}
	return prefixes, nil
}

// runDev serves until ctx ends.
func runDev(ctx context.Context, o *devOptions, out, errOut io.Writer) error {
	data, err := filepath.Abs(o.data)
	if err != nil {
		return fmt.Errorf("find the data folder: %w", err)
	}
	if err := openFolder(data); err != nil {
		return err
	}
	d := newDevServer(o, data, out, errOut)
	defer d.close()
	if err := d.lock(); err != nil {
		return err
	}
	if o.readyFile != "" {
		if err := clearReadyFile(o.readyFile); err != nil {
			return err
		}
	}
	if err = d.open(ctx); err == nil {
		err = d.serve(ctx)
	}
	return errors.Join(err, d.drain(d.models...))
}

// tuneCollector trades memory for time: a request leaves little garbage and the live heap is small, so that collecting at
// five times its size instead of twice saves about 3 % of the CPU; what can grow, request bodies, has a budget of its own.
func tuneCollector() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
}
