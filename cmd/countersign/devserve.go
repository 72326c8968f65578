package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"sync"
	"time"

	"countersign.dev/internal/edge/ops"
)

// drainFor is how long running requests may take once a stop was asked for: more than a body and an upstream together.
const drainFor = 45 * time.Second

// serve opens the doors, says so, and serves until ctx ends or a listener fails. Whoever calls it drains afterwards.
func (d *devServer) serve(ctx context.Context) error {
	for i, addr := range []string{d.options.listenSandbox, d.options.listenProduction} {
		if err := d.listenWorld(d.worlds[i], addr); err != nil {
			return err
		}
	}
	if err := d.listenOps(); err != nil {
		return err
	}
	d.startFollowing()
	if d.options.readyFile != "" {
		remove, err := d.writeReadyFile()
		if err != nil {
			return err
		}
		defer remove()
	}
	if err := d.printBanner(ctx); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return nil
	case err := <-d.failed:
		return err
	}
}

// startFollowing keeps the snapshot as new as the register until the server is closed: requests that are drained are judged
// by the register of their time, too.
func (d *devServer) startFollowing() {
	ctx, cancel := context.WithCancel(context.Background())
	var following sync.WaitGroup
	following.Go(func() { d.follower.run(ctx) })
	d.closers = append(d.closers, func() error {
		cancel()
		following.Wait()
		return nil
	})
}

func (d *devServer) listenOps() error {
	server, err := ops.NewServer(d.metrics, d.follower.ready)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", d.options.listenOps)
	if err != nil {
		return hinted{fmt.Errorf("listen for operations: %w", err), "take a free port with --listen-ops 127.0.0.1:0"}
	}
	server.ErrorLog = d.serverLog()
	d.ops = serveOn("operations", server, listener, d.failed)
	return nil
}

// drain ends the doors first, then what stands behind them. It ends whatever there is, also after a start that failed.
func (d *devServer) drain() error {
	ctx, cancel := context.WithTimeout(context.Background(), drainFor)
	defer cancel()
	var doors, behind []*listening
	for _, w := range d.worlds {
		doors, behind = append(doors, w.api), append(behind, w.models...)
	}
	return errors.Join(d.drainAll(ctx, doors), d.drainAll(ctx, append(behind, d.ops)))
}

// drainAll drains at once. Requests that had to be cut off are told in the log and are no failure of the stop.
func (d *devServer) drainAll(ctx context.Context, listeners []*listening) error {
	var all sync.WaitGroup
	failures := make([]error, len(listeners))
	for i, l := range listeners {
		all.Go(func() {
			cut, err := l.drain(ctx)
			if failures[i] = err; cut {
				d.log.Warn("requests that were still running were cut off", "address", l.addr.String(), "after", drainFor.String())
			}
		})
	}
	all.Wait()
	return errors.Join(failures...)
}

func (d *devServer) serverLog() *log.Logger {
	return slog.NewLogLogger(d.log.Handler(), slog.LevelWarn)
}
