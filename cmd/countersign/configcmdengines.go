package main

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"countersign.dev/internal/config"
	"countersign.dev/internal/engines"
	"countersign.dev/internal/registry"
	"countersign.dev/internal/store"
)

// checkPatience bounds how long a check waits for a database or a cache.
const checkPatience = 10 * time.Second

// errUntouched keeps a check from bringing a register up to date.
var errUntouched = errors.New("a check changes nothing")

// checkDatabase opens the register in PostgreSQL as a server would, and every sealed value with the keys of the configuration. It
// makes and changes nothing: of a register that an older version made, only that it is there is told.
func checkDatabase(ctx context.Context, cfg *config.Config, environments []string, tell func(path string, err error, hint string)) {
	ctx, cancel := context.WithTimeout(ctx, checkPatience)
	defer cancel()
	const path = "register.url_file"
	db, err := engines.OpenStore(ctx, engines.StoreConfig{Place: engines.PlaceOf(cfg), Convert: func() error { return errUntouched }})
	switch {
	case errors.Is(err, errUntouched):
		return
	case errors.Is(err, store.ErrMissing):
		tell(path, err, "`countersign init --register` makes one, `countersign store copy` brings one there, `countersign restore` puts a backup there")
		return
	case err != nil:
		tell(path, err, "a server does not start without its register")
		return
	}
	defer db.Close()
	r, err := engines.RegistryOf(db, registry.Config{Now: clock, Rand: rand.Reader, RingOf: placeIn(cfg).rings(ctx), Reviews: cfg.ReviewPolicies()})
	if err != nil {
		tell(path, err, "")
		return
	}
	roster, err := r.RosterOf(ctx, environments)
	if roster != nil {
		roster.Wipe()
	}
	if err != nil {
		tell("keys", err, "the register was sealed with another key file; every server needs the same one")
	}
}

// checkCache connects to the shared cache as a server would. One that is away keeps no server from starting.
func checkCache(cfg *config.Config, tell, warn func(path string, err error, hint string)) {
	if !cfg.UsesValkey() {
		return
	}
	shared, err := engines.OpenShared(engines.SharedConfig{Config: cfg, Now: clock, Log: discard()})
	if err != nil {
		tell("valkey", err, "")
		return
	}
	defer shared.Close()
	if err := shared.Link.Ready(); err != nil {
		warn("valkey", err, "a server starts all the same, and does what `unreachable` says until it answers")
		return
	}
	for _, text := range shared.Warnings() {
		warn("valkey", errors.New(text), "")
	}
}
