package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/audit"
	"countersign.dev/internal/audit/segment"
	"countersign.dev/internal/edge/signin"
	"countersign.dev/internal/sandbox"
	"countersign.dev/scheme"
)

// bodyBudget is how much memory request bodies may take together.
const bodyBudget = 256 << 20

// devServer is one run of `countersign dev`: an assembly, and what only dev has: models of upstreams, a partner that is
// approved already, a certificate authority of its own, a banner.
type devServer struct {
	*assembly
	options *devOptions
	out     io.Writer
	echo    *audit.Echo // standard error: the log, and decision lines unless quiet

	state  *devState
	models []*listening
	caFile string
	demo   *signin.Demo // who signs in by the printed link

	demoMember *signin.Demo // who does so at the portal
}

// newDevServer makes a server that has opened nothing but its log.
func newDevServer(o *devOptions, dir string, out, errOut io.Writer) *devServer {
	echo := audit.NewEcho(errOut)
	d := &devServer{options: o, out: out, echo: echo,
		assembly: newAssembly(dir, devEnvironments, slog.New(slog.NewJSONHandler(echo, nil)), bodyBudget)}
	d.atEnd(echo)
	return d
}

// open opens everything that is kept, and brings the register to where dev needs it.
func (d *devServer) open(ctx context.Context) error {
	if err := d.openRegister(ctx); err != nil {
		return err
	}
	cfg := segment.Config{Dir: filepath.Join(d.dir, "decisions"), WhenFull: segment.TellGap}
	if !d.options.quiet {
		cfg.OnLine = shown(d.echo)
	}
	if err := d.openRecords(cfg, filepath.Join(d.dir, "digest.key")); err != nil {
		return err
	}
	if err := d.openReplay("", false); err != nil {
		return err
	}
	if err := d.openLimiter(filepath.Join(d.dir, "quotas"), 0); err != nil {
		return err
	}
	if err := d.follow(d.register, d.register.Reader(nil)); err != nil {
		return err
	}
	rollups := filepath.Join(d.dir, "rollups")
	if err := d.derive(cfg.Dir, rollups, 0); err != nil {
		return err
	}
	return d.openRecall(cfg.Dir, rollups)
}

// decisionLog is the segment of the decision record that is being written, as of the start.
func (d *devServer) decisionLog() string {
	segments, err := segment.Segments(nil, filepath.Join(d.dir, "decisions"))
	if err != nil || len(segments) == 0 {
		return filepath.Join(d.dir, "decisions", segment.Name(1))
	}
	return filepath.Join(d.dir, "decisions", segment.Name(segments[len(segments)-1].Number))
}

func (d *devServer) openRegister(ctx context.Context) error {
	register, store, err := openRegister(ctx, d.dir, true)
	if err != nil {
		return err
	}
	d.register = register
	d.atEnd(store)
	if d.state, err = openDevState(d.dir, d.log); err != nil {
		return err
	}
	networks, err := d.options.networks()
	if err != nil {
		return err
	}
	if err := d.state.provision(ctx, d.register, networks); err != nil {
		return err
	}
	if err := d.state.provisionPlane(ctx, d.register, d.now()); err != nil {
		return err
	}
	return d.state.provisionPortal(ctx, d.register)
}

// upstreamOf is the URL that was given for the API, or that of a model upstream that is started for it.
func (d *devServer) upstreamOf(api *access.API) (*url.URL, error) {
	given, model := d.options.cardUpstream, sandbox.NewCard
	if api.Protocol == access.Token {
		given, model = d.options.aggregationUpstream, sandbox.NewAggregation
	}
	if base, err := parseUpstream(given); base != nil || err != nil {
		return base, err
	}
	handler, err := model(sandbox.Config{Environment: api.Environment, Now: clock})
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the model of %s: %w", api.Name, err)
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, ErrorLog: d.serverLog()}
	d.models = append(d.models, serveOn("the model of "+api.Name, server, listener, d.failed))
	return &url.URL{Scheme: "http", Host: listener.Addr().String()}, nil
}

// logWarnings says what the schemes of the APIs leave open (security rule 2), once for each scheme.
func logWarnings(log *slog.Logger, apis []*access.API) {
	told := map[*scheme.Scheme]bool{}
	for _, api := range apis {
		if api.Scheme == nil || told[api.Scheme] {
			continue
		}
		told[api.Scheme] = true
		for _, warning := range api.Scheme.Warnings() {
			log.Warn("the profile of an API leaves something open", "api", api.Name, "warning", warning)
		}
	}
}
