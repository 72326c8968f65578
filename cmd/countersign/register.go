package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"countersign.dev/internal/registry"
	"countersign.dev/internal/secret"
	"countersign.dev/internal/store/sqlite"
)

// openRegister opens the register of a data folder. create makes one where there is none; without it a missing register is
// an error. The caller closes the store after the last use of the registry.
func openRegister(ctx context.Context, dir string, create bool) (*registry.Registry, *sqlite.DB, error) {
	path := filepath.Join(dir, "countersign.db")
	_, err := os.Lstat(path)
	fresh := errors.Is(err, fs.ErrNotExist)
	if fresh && !create {
		return nil, nil, hinted{fmt.Errorf("no register in %s: %w", dir, err), "name the server's data folder with --data"}
	}
	// A new key cannot open an old register: then the old key is missed, not replaced.
	keys := secret.KeyFile{Path: filepath.Join(dir, "master.key"), Create: fresh, Rand: rand.Reader}
	ring, err := secret.OpenRing(ctx, keys, rand.Reader)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, hinted{err, "the register was sealed with this key; put it back, or use another --data folder"}
	}
	if err != nil {
		return nil, nil, err
	}
	hasher, err := secret.NewHasher(secret.HasherConfig{Rand: rand.Reader})
	if err != nil {
		return nil, nil, err
	}
	store, err := sqlite.Open(ctx, sqlite.Config{Path: path})
	if err != nil {
		return nil, nil, err
	}
	r, err := registry.New(registry.Config{Store: registry.Adapt(store), Ring: ring, Hasher: hasher, Now: time.Now, Rand: rand.Reader})
	if err != nil {
		return nil, nil, errors.Join(err, store.Close())
	}
	return r, store, nil
}
