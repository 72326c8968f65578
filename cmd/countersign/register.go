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
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
	"countersign.dev/internal/secret"
	"countersign.dev/internal/store/sqlite"
)

// openRegister opens the register of a data folder whose keys lie beside it. create makes one where there is none; without it
// a missing register is an error. The caller closes the store after the last use of the registry.
func openRegister(ctx context.Context, dir string, create bool) (*registry.Registry, *sqlite.DB, error) {
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
	return openStore(ctx, path, cfg, own...)
}

// openRegisterOf opens the register that a configuration names, with the keys that it names, for some of its environments;
// nil: for all. The keys of other environments are not looked at: their secrets can neither be made nor read through the
// registry that is returned. It never makes a register. The caller closes the store after the last use of the registry.
func openRegisterOf(ctx context.Context, cfg *config.Config, environments []string, now func() time.Time) (*registry.Registry, *sqlite.DB, error) {
	if _, err := os.Lstat(cfg.RegisterFile()); err != nil {
		return nil, nil, hinted{fmt.Errorf("no register: %w", err), "countersign init makes one"}
	}
	if environments == nil {
		environments = cfg.Names()
	}
	rings, opened := map[string]registry.Sealer{}, map[config.Keys]registry.Sealer{}
	for _, environment := range environments {
		source := cfg.KeysOf(environment)
		if opened[source] == nil {
			ring, err := keyRing(ctx, cfg.KeySource(source))
			if err != nil {
				return nil, nil, fmt.Errorf("keys of %s: %w", environment, err)
			}
			opened[source] = ring
		}
		rings[environment] = opened[source]
	}
	return openStore(ctx, cfg.RegisterFile(), registry.Config{Now: now, Reviews: cfg.ReviewPolicies(), RingOf: func(environment string) registry.Sealer { return rings[environment] }}, environments...)
}

func keyRing(ctx context.Context, source secret.KeySource) (*secret.Ring, error) {
	ring, err := secret.OpenRing(ctx, source, rand.Reader)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, hinted{err, "the register was sealed with this key; put it back, or use another --data folder"}
	}
	return ring, err
}

// openStore opens a register's file; cfg has the ring or rings, and a clock unless it is the system's.
// own are environments whose locks the caller has itself.
func openStore(ctx context.Context, path string, cfg registry.Config, own ...string) (*registry.Registry, *sqlite.DB, error) {
	hasher, err := secret.NewHasher(secret.HasherConfig{Rand: rand.Reader})
	if err != nil {
		return nil, nil, err
	}
	var convert func() error
	if filepath.Base(path) == "countersign.db" { // else the draft of a restore, which has every lock itself
		convert = func() error { return unservedBut(filepath.Dir(path), own) }
	}
	store, err := sqlite.Open(ctx, sqlite.Config{Path: path, Convert: convert})
	if err != nil {
		return nil, nil, err
	}
	if cfg.Now == nil {
		cfg.Now = clock
	}
	cfg.Store, cfg.Hasher, cfg.Rand = registry.Adapt(store), hasher, rand.Reader
	r, err := registry.New(cfg)
	if err != nil {
		return nil, nil, errors.Join(err, store.Close())
	}
	return r, store, nil
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

// part is the register for some environments alone: whoever follows it never sees a secret of another one.
type part struct {
	*registry.Registry
	*registry.Reader
}

// partOf is the part of some environments.
func partOf(r *registry.Registry, environments []string) part {
	return part{r, r.Reader(environments)}
}

// Roster implements followed.
func (p part) Roster(ctx context.Context, since uint64) (*partner.Roster, error) {
	return p.Reader.Roster(ctx, since)
}
