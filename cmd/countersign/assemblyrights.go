package main

import (
	"context"

	"countersign.dev/internal/registry"
)

// grant is what a chore may be done with: a registry, and the environments that it is done for.
type grant struct {
	register     *registry.Registry
	environments []string
}

// rights say which chores are this server's at the moment. Several servers on one register must not all do the same.
type rights interface {
	// whole is the right to do what is about the whole register; no grant: another server does it.
	whole(ctx context.Context) ([]grant, error)
	// served is the right to do what is about environments that this server serves: none, one or some grants for some of them.
	served(ctx context.Context) ([]grant, error)
	// news is closed when a right has been gained that was not there before. nil: nobody tells.
	news() <-chan struct{}
}

// folderRights are those of servers on one data folder: the kernel's locks say who does what. The locks of the environments are held for
// as long as the server runs.
type folderRights struct {
	a     *assembly
	lease choreLease
}

func (r *folderRights) all() []grant { return []grant{{r.a.register, r.a.environments}} }

func (r *folderRights) whole(context.Context) ([]grant, error) {
	ours, err := r.lease.take()
	if err != nil || !ours {
		return nil, err
	}
	return r.all(), nil
}

func (r *folderRights) served(context.Context) ([]grant, error) { return r.all(), nil }

func (r *folderRights) news() <-chan struct{} { return nil }

// Close gives the lock back.
func (r *folderRights) Close() error { return r.lease.Close() }
