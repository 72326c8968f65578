package main

import "context"

// serve opens the doors, says so, and serves until ctx ends or a listener fails. Whoever calls it drains afterwards.
func (d *devServer) serve(ctx context.Context) error {
	b, err := d.blueprint()
	if err != nil {
		return err
	}
	logWarnings(d.log, b.apis())
	if err := d.keepPlane(ctx); err != nil {
		return err
	}
	if err := d.listenOps(d.options.listenOps, "take a free port with --listen-ops 127.0.0.1:0"); err != nil {
		return err
	}
	if err := d.clearServing(); err != nil {
		return err
	}
	if err := d.put(ctx, b); err != nil {
		return err
	}
	d.startFollowing()
	d.startChores(d.allChores())
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
	return d.wait(ctx)
}
