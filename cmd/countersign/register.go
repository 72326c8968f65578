package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"countersign.dev/internal/config"
	"countersign.dev/internal/engines"
	"countersign.dev/internal/registry"
	"countersign.dev/internal/secret"
	"countersign.dev/internal/store"
)

// openRegister opens the register of a data folder whose keys lie beside it. create makes one where there is none; without it
// a missing register is an error. The caller closes the store after the last use of the registry.
func openRegister(ctx context.Context, dir string, create bool) (*registry.Registry, engines.Store, error) {
	path := filepath.Join(dir, "countersign.db")
	_, err := os.Lstat(path)
	fresh := errors.Is(err, fs.ErrNotExist)
	if fresh && !create {
		return nil, nil, hinted{fmt.Errorf("no register in %s: %w", dir, err), "name the server's data folder with --data"}
	}
	// A new key cannot open an old register: then the old key is missed, not replaced.
	keys := secret.KeyFile{Path: filepath.Join(dir, "master.key"), Create: fresh, Rand: rand.Reader}
	ring, err := keyRing(ctx, keys)
	if err != nil {
		return nil, nil, err
	}
	cfg := registry.Config{Ring: ring}
	var own []string
	if create { // dev, which has its locks
		own, cfg.PlainEndpoints = devEnvironments, func(string) bool { return true }
	}
	return openStore(ctx, engines.Place{File: path}, create, cfg, own...)
}

// openRegisterOf opens the register that a configuration names, with the keys that it names, for some of its environments;
// nil: for all. The keys of other environments are not looked at: their secrets can neither be made nor read through the
// registry that is returned. It never makes a register. The caller closes the store after the last use of the registry.
func openRegisterOf(ctx context.Context, cfg *config.Config, environments []string, now func() time.Time) (*registry.Registry, engines.Store, error) {
	if environments == nil {
		environments = cfg.Names()
	}
	r, db, err := engines.OpenRegister(ctx, engines.RegisterConfig{Config: cfg, Environments: environments, Now: now,
		Convert: converting(engines.PlaceOf(cfg), environments)})
	switch {
	case errors.Is(err, store.ErrMissing):
		return nil, nil, hinted{err, "countersign init makes one"}
	case errors.Is(err, engines.ErrKeys) && errors.Is(err, fs.ErrNotExist):
		return nil, nil, hinted{err, "the register was sealed with this key; put it back, or use another --data folder"}
	}
	return r, db, err
}

func keyRing(ctx context.Context, source secret.KeySource) (*secret.Ring, error) {
	ring, err := secret.OpenRing(ctx, source, rand.Reader)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, hinted{err, "the register was sealed with this key; put it back, or use another --data folder"}
	}
	return ring, err
}

// openStore opens a register; cfg has the ring or rings, and a clock unless it is the system's. create makes one where there is
// none. own are environments whose locks the caller has itself.
func openStore(ctx context.Context, at engines.Place, create bool, cfg registry.Config, own ...string) (*registry.Registry, engines.Store, error) {
	db, err := engines.OpenStore(ctx, engines.StoreConfig{Place: at, Create: create, Convert: converting(at, own)})
	if err != nil {
		return nil, nil, err
	}
	if cfg.Now == nil {
		cfg.Now = clock
	}
	cfg.Rand = rand.Reader
	r, err := engines.RegistryOf(db, cfg)
	if err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	return r, db, nil
}

// converting is asked before an older version's file is brought up to date; nil where nobody can be in the way: versions of the program
// share a database, and a draft of a restore is nobody else's.
func converting(at engines.Place, own []string) func() error {
	if filepath.Base(at.File) != "countersign.db" {
		return nil
	}
	return func() error { return unservedBut(filepath.Dir(at.File), own) }
}

// lockOfOld is the lock of a whole data folder, as version 0.1 held it.
const lockOfOld = "lock"

// unservedBut refuses where a server runs on the data folder that is not the caller: it may be of the version that made the
// register, and would not be able to read it any more.
func unservedBut(data string, own []string) error {
	served, err := servedFrom(data)
	if err != nil {
		return err
	}
	if lock := filepath.Join(data, lockOfOld); exists(lock) { // left behind where it is free
		held, err := lockHeld(lock)
		if err != nil {
			return err
		}
		if held {
			served = append(served, serving{Environment: "every environment"})
		}
	}
	for _, one := range served {
		if !slices.Contains(own, one.Environment) {
			return hinted{fmt.Errorf("the register is an older version's, and a server of %s runs on it: it is not converted", one.Environment),
				"stop every server on " + data + " and make a backup, then start the new version; or use the older version's commands meanwhile"}
		}
	}
	return nil
}
