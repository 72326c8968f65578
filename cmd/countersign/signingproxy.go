package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/signingproxy"
	"github.com/spf13/cobra"
)

// proxyOptions are the flags of `countersign signing-proxy`.
type proxyOptions struct {
	callers
	listen, caFile string
	allowRemote    bool
	hosts          []string
	maxBody        int64
	tokenFile      string
	drain          time.Duration
}

func newSigningProxy() *cobra.Command {
	o := new(proxyOptions)
	c := &cobra.Command{
		Use:   "signing-proxy",
		Short: "Sign for programs in any language: they call this machine, and it calls the API",
		Long: `Sign for programs in any language. A request to this proxy goes to the caller's base URL with the same method, target and
body, signed or with a fresh access token; the answer comes back as it is. A program that uses it as its HTTP proxy
(http_proxy=http://127.0.0.1:8099 and http:// URLs) reaches the hosts of --allow-host, too, over TLS.

It listens on this machine only, unless told otherwise, takes no request that a browser sends, and never logs a secret, a
token, a query or a body. Whoever can reach it can use the credentials: with --token-file it asks for a header besides.`,
		Example: `  countersign signing-proxy --as card --listen 127.0.0.1:8099
  curl -sS http://127.0.0.1:8099/api/v1/cards/10031000000000000001`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return o.run(c) },
	}
	o.asFlag(c)
	f := c.Flags()
	f.StringVar(&o.listen, "listen", "127.0.0.1:8099", "`ADDR` to listen on; port 0 takes a free one")
	f.BoolVar(&o.allowRemote, "allow-remote", false, "let --listen have an address other than loopback; needs --token-file")
	f.StringSliceVar(&o.hosts, "allow-host", nil, "`HOST[:PORT]` that gets the credentials beside the caller's own; may be repeated")
	f.StringVar(&o.caFile, "cacert", "", "PEM `FILE` of the authority that is trusted instead of the system's")
	f.Int64Var(&o.maxBody, "max-body", 16<<20, "longest body of a request, in `BYTES`; it is held to be signed")
	f.StringVar(&o.tokenFile, "token-file", "", "`FILE` (mode 0600) with a word that callers must send in "+signingproxy.TokenHeader)
	f.DurationVar(&o.drain, "drain", 30*time.Second, "how long running requests may take once a stop was asked for")
	return c
}

func (o *proxyOptions) run(c *cobra.Command) error {
	if err := checkListen(o.listen, o.allowRemote); err != nil {
		return fmt.Errorf("--listen %s: %w", o.listen, err)
	}
	if o.allowRemote && o.tokenFile == "" {
		return hinted{errors.New("--allow-remote without --token-file"), "whoever reaches the proxy can use the credentials: give it a word to ask for"}
	}
	e, err := o.entry()
	if err != nil {
		return err
	}
	base, err := plainTransport(e, o.caFile)
	if err != nil {
		return err
	}
	base.MaxIdleConnsPerHost = 64
	defer base.CloseIdleConnections()
	transport, err := callerTransport(e, base, o.hosts)
	if err != nil {
		return err
	}
	if closer, ok := transport.(interface{ Close() error }); ok {
		defer closer.Close()
	}
	var word []byte
	if o.tokenFile != "" {
		if word, err = (&signingOptions{secretFile: o.tokenFile}).secret(); err != nil {
			return err
		}
	}
	echo := audit.NewEcho(c.ErrOrStderr())
	defer echo.Close()
	handler, err := signingproxy.New(signingproxy.Config{Base: e.Base, Transport: transport, Log: slog.New(slog.NewJSONHandler(echo, nil)),
		MaxBody: o.maxBody, Token: word, Remote: o.allowRemote})
	if err != nil {
		return err
	}
	return o.serve(c, handler)
}

// serve runs until the command is asked to stop, and then until the last request has ended.
func (o *proxyOptions) serve(c *cobra.Command, handler http.Handler) error {
	listener, err := net.Listen("tcp", o.listen)
	if err != nil {
		return hinted{fmt.Errorf("listen: %w", err), "take a free port with --listen 127.0.0.1:0"}
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	if _, err := fmt.Fprintf(c.OutOrStdout(), "signing for whoever calls http://%s\n", listener.Addr()); err != nil {
		return errors.Join(err, server.Close())
	}
	select {
	case err := <-failed:
		return fmt.Errorf("serve: %w", err)
	case <-c.Context().Done():
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Context()), o.drain)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		return errors.Join(fmt.Errorf("requests were cut off: %w", err), server.Close())
	}
	return nil
}
