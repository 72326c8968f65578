package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/netip"
	"path/filepath"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/audit"
	"countersign.dev/internal/country"
	"countersign.dev/internal/edge/clientip"
	"countersign.dev/internal/edge/gateway"
	"countersign.dev/internal/edge/ops"
	"countersign.dev/internal/edge/tokens"
	"countersign.dev/internal/registry"
	"countersign.dev/internal/replay/memory"
	"countersign.dev/scheme"
)

// bodyBudget is how much memory request bodies may take together.
const bodyBudget = 256 << 20

// devServer is one run of `countersign dev`: opened, served, drained, closed, in that order.
type devServer struct {
	options *devOptions
	dir     string
	out     io.Writer
	echo    *audit.Echo // standard error: the log, and decision lines unless quiet
	log     *slog.Logger

	register *registry.Registry
	state    *devState
	decider  *access.Decider
	follower *follower
	exchange *tokens.Exchange
	trusted  []netip.Prefix // proxies
	address  *clientip.Deriver
	metrics  *ops.Metrics
	records  recorders
	lines    *audit.Lines
	caFile   string
	bodies   *gateway.Budget
	worlds   []*devWorld
	ops      *listening
	failed   chan error // the first listener that failed

	closers []func() error // run in reverse order
}

// newDevServer makes a server that has opened nothing but its log.
func newDevServer(o *devOptions, dir string, out, errOut io.Writer) *devServer {
	echo := audit.NewEcho(errOut)
	return &devServer{options: o, dir: dir, out: out, echo: echo, log: slog.New(slog.NewJSONHandler(echo, nil)),
		bodies: gateway.NewBudget(bodyBudget), failed: make(chan error, 1), closers: []func() error{echo.Close}}
}

// lock takes the data folder. Nothing is written or removed before.
func (d *devServer) lock() error {
	lock, err := lockFolder(d.dir)
	if err == nil {
		d.closers = append(d.closers, lock.Close)
	}
	return err
}

// open opens everything that is kept, brings the register to where dev needs it, and makes what decides.
func (d *devServer) open(ctx context.Context) error {
	if err := d.openRegister(ctx); err != nil {
		return err
	}
	if err := d.openRecords(); err != nil {
		return err
	}
	var err error
	if d.trusted, err = d.options.trusted(); err != nil {
		return err
	}
	if d.address, err = clientip.New(clientip.Config{Trusted: d.trusted}); err != nil {
		return err
	}
	return d.openDecider(ctx)
}

func (d *devServer) openRegister(ctx context.Context) error {
	register, store, err := openRegister(ctx, d.dir, true)
	if err != nil {
		return err
	}
	d.register = register
	d.closers = append(d.closers, store.Close)
	if d.state, err = openDevState(d.dir, d.log); err != nil {
		return err
	}
	networks, err := d.options.networks()
	if err != nil {
		return err
	}
	return d.state.provision(ctx, d.register, networks)
}

// openDecider makes what decides, with the register as it stands, and the doors in front of it.
func (d *devServer) openDecider(ctx context.Context) error {
	apis, err := devAPIs(d.options)
	if err != nil {
		return err
	}
	logWarnings(d.log, apis)
	cfg := access.Config{APIs: apis, Now: time.Now}
	if cfg.Replay, err = d.openReplay(); err != nil {
		return err
	}
	if d.options.countryFile != "" {
		if cfg.Countries, err = d.openCountries(); err != nil {
			return err
		}
	}
	if d.decider, err = access.New(cfg); err != nil {
		return err
	}
	if err := d.follow(ctx); err != nil {
		return err
	}
	d.exchange, err = tokens.New(tokens.Config{Registry: d.register, Issuer: d.decider, Now: time.Now})
	if err != nil {
		return err
	}
	for _, environment := range devEnvironments {
		if err := d.openWorld(environment, apis); err != nil {
			return fmt.Errorf("open %s: %w", environment, err)
		}
	}
	return nil
}

func (d *devServer) openReplay() (access.ReplayGuard, error) {
	guard, err := memory.Open(memory.Config{Dir: filepath.Join(d.dir, "replay"), Now: time.Now})
	if err != nil {
		return nil, fmt.Errorf("open the replay journal: %w", err)
	}
	d.closers = append(d.closers, guard.Close)
	if r := guard.Recovery(); r.Entries > 0 || r.CutBytes > 0 {
		d.log.Info("the replay journal was read back", "segments", r.Segments, "entries", r.Entries, "torn_bytes_cut", r.CutBytes)
	}
	return guard, nil
}

func (d *devServer) openCountries() (access.Countries, error) {
	table, err := country.Open(d.options.countryFile)
	if err != nil {
		return nil, err
	}
	d.log.Info("country file", "file", d.options.countryFile, "kind", table.Kind(), "built", time.Unix(table.Built(), 0).UTC())
	return table, nil
}

// follow puts the register in force for the first time, and says how that goes on.
func (d *devServer) follow(ctx context.Context) error {
	d.follower = &follower{register: d.register, decider: d.decider, log: d.log}
	if err := d.follower.step(ctx); err != nil {
		return err
	}
	return errors.Join(
		d.metrics.Gauge("countersign_register_revision", "Revision of the register that decisions are taken from.",
			func() float64 { return float64(d.decider.Revision()) }),
		d.metrics.Gauge("countersign_register_failing", "1 while the register, or its newest revision, cannot be put in force; /readyz says why.",
			d.follower.failing))
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

// close closes what was opened, last first. Only what could lose something is reported.
func (d *devServer) close() {
	for i := len(d.closers) - 1; i >= 0; i-- {
		if err := d.closers[i](); err != nil && !errors.Is(err, fs.ErrClosed) {
			d.log.Error("close", "cause", err.Error())
		}
	}
}
