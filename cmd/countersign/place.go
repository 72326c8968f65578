package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"countersign.dev/internal/config"
	"countersign.dev/internal/engines"
	"countersign.dev/internal/registry"
	"countersign.dev/internal/secret"
	"countersign.dev/internal/store"
)

// The places of a configuration and of a data folder that are looked at, in this order, when none is named.
var (
	configPlaces = []string{"countersign.yaml", "/etc/countersign/countersign.yaml"}
	dataPlace    = "countersign-data"
)

// place is where a register, its records and its keys are.
type place struct {
	data     string
	register engines.Place  // a data file, or a database
	config   *config.Config // nil: the defaults of dev hold
}

// locate finds the register: by --config or --data, by a configuration in its usual places, or in the folder of dev. What was
// not named but found must belong to the user or to root: another user's file in the working folder could lead elsewhere.
func (o *operator) locate() (place, error) {
	if o.config != "" && o.data != "" {
		return place{}, hinted{errors.New("--config and --data exclude each other"), "a configuration names its data folder"}
	}
	if o.data != "" {
		return placeOf(o.data), nil
	}
	if o.config != "" {
		return configured(o.config)
	}
	for _, path := range configPlaces {
		if found, err := ours(path); found {
			return configured(path)
		} else if err != nil {
			return place{}, err
		}
	}
	if _, err := ours(dataPlace); err != nil {
		return place{}, err
	}
	return placeOf(dataPlace), nil
}

func placeOf(data string) place {
	return place{data: data, register: engines.Place{File: filepath.Join(data, "countersign.db")}}
}

func configured(path string) (place, error) {
	c, err := config.Load(path, os.LookupEnv)
	if err != nil {
		return place{}, hinted{err, "countersign config check " + path + " says all that is wrong with it"}
	}
	return placeIn(c), nil
}

// placeIn is where a configuration says.
func placeIn(c *config.Config) place {
	return place{data: c.Data, register: engines.PlaceOf(c), config: c}
}

// ours reports whether a file that was not named is there, and refuses one of another user.
func ours(path string) (bool, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if !ownedByUs(info) {
		return false, hinted{fmt.Errorf("%s belongs to another user", path), "name it with --config or --data if it is the right one"}
	}
	return true, nil
}

// keys are where the key ring of an environment comes from; empty: that of the register.
func (p place) keys(environment string) secret.KeySource {
	if p.config == nil {
		return secret.KeyFile{Path: filepath.Join(p.data, "master.key")}
	}
	return p.config.KeySource(p.config.KeysOf(environment))
}

// open opens the register that is there, in either engine; it never makes one. Keys are read when something has to be sealed or
// opened, so that listing needs none.
func (p place) open(ctx context.Context) (*registry.Registry, engines.Store, error) {
	cfg := registry.Config{RingOf: p.rings(ctx)}
	if p.config != nil {
		cfg.Reviews = p.config.ReviewPolicies()
	}
	r, db, err := openStore(ctx, p.register, false, cfg)
	if errors.Is(err, store.ErrMissing) {
		return nil, nil, p.missing(err)
	}
	return r, db, err
}

// missing says what to do where there is no register.
func (p place) missing(err error) error {
	if p.register.Shared() {
		return hinted{err, "countersign init --register makes one; countersign store copy brings one there; countersign restore puts a backup there"}
	}
	return hinted{fmt.Errorf("no register in %s: %w", p.data, err), "name the server's configuration with --config, or its data folder with --data"}
}

// rings finds the ring of an environment. Environments with one source of keys share the ring.
func (p place) rings(ctx context.Context) func(environment string) registry.Sealer {
	var mu sync.Mutex
	opened := map[config.Keys]*lazyRing{}
	return func(environment string) registry.Sealer {
		var source config.Keys
		if p.config != nil {
			source = p.config.KeysOf(environment)
		}
		mu.Lock()
		defer mu.Unlock()
		if opened[source] == nil {
			keys := p.keys(environment)
			opened[source] = &lazyRing{open: sync.OnceValues(func() (*secret.Ring, error) { return keyRing(ctx, keys) })}
		}
		return opened[source]
	}
}

// lazyRing is a ring whose keys are read at its first use.
type lazyRing struct {
	open func() (*secret.Ring, error)
}

// Seal implements registry.Sealer.
func (l *lazyRing) Seal(row, plain []byte) ([]byte, error) {
	ring, err := l.open()
	if err != nil {
		return nil, err
	}
	return ring.Seal(row, plain)
}

// Open implements registry.Sealer.
func (l *lazyRing) Open(row, sealed []byte) (secret.Value, error) {
	ring, err := l.open()
	if err != nil {
		return secret.Value{}, err
	}
	return ring.Open(row, sealed)
}

// Newest implements registry.Sealer. Of a ring that cannot be opened it is 0, and the next Seal or Open says why.
func (l *lazyRing) Newest() uint32 {
	ring, err := l.open()
	if err != nil {
		return 0
	}
	return ring.Newest()
}
