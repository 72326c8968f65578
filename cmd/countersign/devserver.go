package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
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
)

// bodyBudget is how much memory request bodies may take together.
const bodyBudget = 256 << 20

// devServer is one run of `countersign dev`: opened, served, closed, in that order.
type devServer struct {
	options     *devOptions
	dir         string
	out, errOut io.Writer
	log         *slog.Logger

	register *registry.Registry
	state    *devState
	decider  *access.Decider
	exchange *tokens.Exchange
	address  *clientip.Deriver
	metrics  *ops.Metrics
	records  recorders
	lines    *audit.Lines
	caFile   string
	bodies   *gateway.Budget
	worlds   []*devWorld
	ops      *listening

	closers []func() error // run in reverse order
}

// open opens everything that is kept, brings the register to where dev needs it, and makes what decides.
func (d *devServer) open(ctx context.Context) error {
	d.log, d.bodies = slog.New(slog.NewJSONHandler(d.errOut, nil)), gateway.NewBudget(bodyBudget)
	if err := d.openRegister(ctx); err != nil {
		return err
	}
	if err := d.openRecords(); err != nil {
		return err
	}
	trusted, err := d.options.trusted()
	if err != nil {
		return err
	}
	if d.address, err = clientip.New(clientip.Config{Trusted: trusted}); err != nil {
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
	if d.state, err = openDevState(d.dir); err != nil {
		return err
	}
	return d.state.provision(ctx, d.register)
}

// openRecords opens the decision lines and the counters, and joins them.
func (d *devServer) openRecords() error {
	key, err := keptKey(filepath.Join(d.dir, "digest.key"))
	if err != nil {
		return err
	}
	file, err := os.OpenFile(d.decisionLog(), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("open the decision lines: %w", err)
	}
	d.closers = append(d.closers, file.Close)
	var out io.Writer = file
	if !d.options.quiet {
		out = io.MultiWriter(file, d.errOut)
	}
	if d.lines, err = audit.NewLines(out, key, d.log); err != nil {
		return err
	}
	d.closers = append(d.closers, d.lines.Close)
	d.metrics = ops.NewMetrics()
	d.records = recorders{d.lines, d.metrics}
	return d.metrics.Gauge("countersign_decision_lines_lost", "Decision lines that could not be written since the start.",
		func() float64 { return float64(d.lines.Lost()) })
}

func (d *devServer) decisionLog() string { return filepath.Join(d.dir, "decisions.jsonl") }

func (d *devServer) openDecider(ctx context.Context) error {
	guard, err := memory.Open(memory.Config{Dir: filepath.Join(d.dir, "replay"), Now: time.Now})
	if err != nil {
		if errors.Is(err, memory.ErrLocked) {
			return hinted{fmt.Errorf("open the replay journal: %w", err), "another countersign serves from this data folder; stop it, or choose another with --data"}
		}
		return fmt.Errorf("open the replay journal: %w", err)
	}
	d.closers = append(d.closers, guard.Close)
	apis, err := devAPIs(d.options)
	if err != nil {
		return err
	}
	cfg := access.Config{APIs: apis, Replay: guard, Now: time.Now}
	if d.options.countryFile != "" {
		table, err := country.Open(d.options.countryFile)
		if err != nil {
			return err
		}
		cfg.Countries = table
	}
	if d.decider, err = access.New(cfg); err != nil {
		return err
	}
	if err := d.reload(ctx); err != nil {
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
	return d.metrics.Gauge("countersign_register_revision", "Revision of the register that decisions are taken from.",
		func() float64 { return float64(d.decider.Revision()) })
}

// close closes what was opened, last first. Only what could lose something is reported.
func (d *devServer) close() {
	for i := len(d.closers) - 1; i >= 0; i-- {
		if err := d.closers[i](); err != nil && !errors.Is(err, fs.ErrClosed) {
			d.log.Error("close", "cause", err.Error())
		}
	}
}

// recorders hands every record to each of its members.
type recorders []gateway.Recorder

// Record implements gateway.Recorder.
func (all recorders) Record(r *audit.Decision) {
	for _, one := range all {
		one.Record(r)
	}
}

// keptKey reads a 32-byte key, or makes it once.
func keptKey(path string) ([]byte, error) {
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		key := make([]byte, 32)
		_, _ = rand.Read(key)
		if err := createFile(path, key, 0o600); err != nil {
			return nil, fmt.Errorf("make %s: %w", path, err)
		}
		return key, nil
	}
	if err := checkPrivate(path); err != nil {
		return nil, err
	}
	key, err := os.ReadFile(path)
	if err == nil && len(key) != 32 {
		err = errors.New("not 32 bytes long")
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return key, nil
}
