package engines

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"countersign.dev/internal/config"
	"countersign.dev/internal/registry"
	"countersign.dev/internal/secret"
)

// ErrKeys is wrapped when the keys of an environment cannot be read.
var ErrKeys = errors.New("the keys cannot be read")

// RegisterConfig says which register is opened, and for whom. Config must be set.
type RegisterConfig struct {
	Config *config.Config
	// Environments whose secrets can be made and read through the registry; nil: all. The keys of others are not looked at.
	Environments []string
	// Convert is asked before the tables of an older version are brought up to date, see StoreConfig.
	Convert func() error
	// Now is the clock; nil: time.Now.
	Now func() time.Time
	// Rand is for ids and secrets; nil: crypto/rand.
	Rand io.Reader
}

// OpenRegister opens the register that a configuration names, in either engine, with the keys that it names. It never makes one:
// store.ErrMissing. Other errors: ErrKeys, those of OpenStore. The caller closes the store after the last use of the registry.
func OpenRegister(ctx context.Context, cfg RegisterConfig) (*registry.Registry, Store, error) {
	if cfg.Rand == nil {
		cfg.Rand = rand.Reader
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Environments == nil {
		cfg.Environments = cfg.Config.Names()
	}
	place := PlaceOf(cfg.Config)
	opened := StoreConfig{Place: place, Convert: cfg.Convert, Now: cfg.Now, Rand: cfg.Rand}
	if there, err := place.There(ctx); !there && err == nil { // before the keys: without a register nobody misses them
		_, err = OpenStore(ctx, opened)
		return nil, nil, err
	}
	rings, err := ringsOf(ctx, cfg)
	if err != nil {
		return nil, nil, err
	}
	s, err := OpenStore(ctx, opened)
	if err != nil {
		return nil, nil, err
	}
	r, err := RegistryOf(s, registry.Config{Now: cfg.Now, Rand: cfg.Rand, Reviews: cfg.Config.ReviewPolicies(),
		RingOf: func(environment string) registry.Sealer { return rings[environment] }})
	if err != nil {
		return nil, nil, errors.Join(err, s.Close())
	}
	return r, s, nil
}

// RegistryOf is the registry over an open store. cfg lacks the store and the hasher; Now, Rand and a ring or rings are in it.
func RegistryOf(s Store, cfg registry.Config) (*registry.Registry, error) {
	hasher, err := secret.NewHasher(secret.HasherConfig{Rand: cfg.Rand})
	if err != nil {
		return nil, err
	}
	cfg.Store, cfg.Hasher, cfg.Shared = registry.Adapt[*Tx](s), hasher, s.Shared()
	return registry.New(cfg)
}

// ringsOf opens the key rings of environments. Those with one source of keys share the ring.
func ringsOf(ctx context.Context, cfg RegisterConfig) (map[string]registry.Sealer, error) {
	rings, opened := map[string]registry.Sealer{}, map[config.Keys]registry.Sealer{}
	for _, environment := range cfg.Environments {
		source := cfg.Config.KeysOf(environment)
		if opened[source] == nil {
			ring, err := secret.OpenRing(ctx, cfg.Config.KeySource(source), cfg.Rand)
			if errors.Is(err, fs.ErrNotExist) {
				err = fmt.Errorf("%w; the register was sealed with this key, put it back", err)
			}
			if err != nil {
				return nil, fmt.Errorf("%w: keys of %s: %w", ErrKeys, environment, err)
			}
			opened[source] = ring
		}
		rings[environment] = opened[source]
	}
	return rings, nil
}
