package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"

	"countersign.dev/internal/edge/ops"
)

const (
	refreshEvery = 200 * time.Millisecond // a change made by another process is live within one second
	drainFor     = 15 * time.Second
)

// serve opens the doors, says so, and serves until ctx ends.
func (d *devServer) serve(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for i, addr := range []string{d.options.listenSandbox, d.options.listenProduction} {
		if err := d.listenWorld(d.worlds[i], addr); err != nil {
			return err
		}
	}
	if err := d.listenOps(); err != nil {
		return err
	}
	var refreshing sync.WaitGroup
	refreshing.Go(func() { d.refresh(ctx) })
	defer refreshing.Wait()
	defer cancel()
	if err := d.announce(); err != nil {
		return errors.Join(err, d.drain())
	}
	err := d.wait(ctx)
	if d.options.readyFile != "" {
		_ = os.Remove(d.options.readyFile)
	}
	return errors.Join(err, d.drain())
}

func (d *devServer) listenOps() error {
	server, err := ops.NewServer(d.metrics, d.decider.Ready)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", d.options.listenOps)
	if err != nil {
		return hinted{fmt.Errorf("listen for operations: %w", err), "take a free port with --listen-ops 127.0.0.1:0"}
	}
	server.ErrorLog = d.serverLog()
	d.ops = serveOn(server, listener)
	return nil
}

// wait returns when ctx ends, or with the error of a listener that failed.
func (d *devServer) wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-d.worlds[0].api.failed:
		return fmt.Errorf("serve %s: %w", d.worlds[0].environment, err)
	case err := <-d.worlds[1].api.failed:
		return fmt.Errorf("serve %s: %w", d.worlds[1].environment, err)
	case err := <-d.ops.failed:
		return fmt.Errorf("serve operations: %w", err)
	}
}

// drain ends the doors first, then what stands behind them.
func (d *devServer) drain() error {
	ctx, cancel := context.WithTimeout(context.Background(), drainFor)
	defer cancel()
	var all sync.WaitGroup
	failures := make([]error, len(d.worlds))
	for i, w := range d.worlds {
		all.Go(func() { failures[i] = w.api.drain(ctx) })
	}
	all.Wait()
	for _, w := range d.worlds {
		for _, model := range w.models {
			failures = append(failures, model.drain(ctx))
		}
	}
	return errors.Join(append(failures, d.ops.drain(ctx))...)
}

// refresh keeps the snapshot as new as the register. While the register cannot be read, decisions go on from the last
// snapshot until it is too old (design decision 3).
func (d *devServer) refresh(ctx context.Context) {
	ticker := time.NewTicker(refreshEvery)
	defer ticker.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		err := d.reload(ctx)
		if err != nil && !failing && ctx.Err() == nil {
			d.log.Error("the register cannot be read; decisions go on from what was read last", "cause", err.Error())
		}
		if err == nil && failing {
			d.log.Info("the register can be read again")
		}
		failing = err != nil
	}
}

// reload reads the register if it has changed since.
func (d *devServer) reload(ctx context.Context) error {
	at := time.Now()
	revision, err := d.register.Revision(ctx)
	if err != nil {
		return err
	}
	if revision == d.decider.Revision() && d.decider.Ready() == nil {
		d.decider.Confirm(at)
		return nil
	}
	roster, err := d.register.Roster(ctx)
	if err != nil {
		return err
	}
	return d.decider.Load(roster)
}

// certificate is the pair that was given, or one from the folder's own authority.
func (d *devServer) certificate(addr string) (tls.Certificate, error) {
	if d.options.tlsCert != "" {
		d.caFile = d.options.tlsCert
		return loadCertificate(d.options.tlsCert, d.options.tlsKey)
	}
	now := time.Now()
	ca, err := openCA(d.dir, now)
	if err != nil {
		return tls.Certificate{}, err
	}
	d.caFile = ca.certFile
	host, _, _ := net.SplitHostPort(addr)
	return ca.issue([]string{host}, now)
}

// announce prints what a person needs and writes what a script needs.
func (d *devServer) announce() error {
	if err := d.printBanner(); err != nil {
		return err
	}
	if d.options.readyFile == "" {
		return nil
	}
	text, err := json.MarshalIndent(d.ready(), "", "  ")
	if err != nil {
		return err
	}
	if err := replaceFile(d.options.readyFile, append(text, '\n')); err != nil {
		return fmt.Errorf("write the ready file: %w", err)
	}
	return nil
}

func (d *devServer) serverLog() *log.Logger {
	return slog.NewLogLogger(d.log.Handler(), slog.LevelWarn)
}
