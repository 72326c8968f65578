package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"countersign.dev/internal/access"
	ofconfig "countersign.dev/internal/blueprint"
	"countersign.dev/internal/config"
	"countersign.dev/internal/edge/gateway"
	captures "countersign.dev/internal/explain/capture"
	"countersign.dev/internal/secret"
	"countersign.dev/internal/turnstile"
	"countersign.dev/profile"
	"countersign.dev/profile/library"
)

// Bounds of captures: of what may wait to be sealed, of how much is sealed in a second, of how many may wait for a search, and
// for how long. Refused requests cost strangers nothing; they must not cost the server more than this.
const (
	captureQueue    = 32
	capturesASecond = 20
	captureSweep    = time.Minute
	askRoom         = 8
	askPatience     = 10 * time.Second
	askVisits       = 20 // of the store in a minute by one credential; an explanation takes two
)

// capturePrint says that an environment keeps refused requests.
type capturePrint struct {
	keep time.Duration
	keys secret.KeySource
}

// profilePrint is the profile that an API's scheme was compiled of.
type profilePrint struct {
	profile     *profile.Profile
	alternative string
}

// captureStores are the stores of a server over its generations. put is their only writer.
type captureStores struct {
	a     *assembly
	turn  *turnstile.Turnstile // one search at a time, over all stores
	queue chan queuedCapture

	mu     sync.Mutex // guards what follows
	stores map[captureKey]*captureStore
	rings  map[string]*secret.Ring // by environment
	owners owners

	explained explanations // for operators

	kept, dropped, failed atomic.Uint64
}

// captureKey is what a store is known by: an API whose captures are kept for another time has another one on the same folder.
type captureKey struct {
	environment, api string
	keep             time.Duration
}

type captureStore struct {
	*captures.Store
	cfg captures.Config
}

// queuedCapture is a request on its way into a store.
type queuedCapture struct {
	from *apiCaptures
	*gateway.Captured
}

// start publishes what captures count, and keeps what comes until the server is closed.
func (k *captureStores) start(a *assembly) error {
	k.a, k.turn, k.queue = a, turnstile.New(1, askRoom), make(chan queuedCapture, captureQueue)
	a.inBackground(k.run)
	counter := func(name, help string, n *atomic.Uint64) error {
		return a.metrics.Counter(name, help, func() float64 { return float64(n.Load()) })
	}
	return errors.Join(
		counter("countersign_captures_kept_total", "Refused requests that were kept for their owner.", &k.kept),
		counter("countersign_captures_dropped_total", "Refused requests that were not kept, because too many came.", &k.dropped),
		counter("countersign_captures_failed_total", "Refused requests that could not be kept.", &k.failed),
	)
}

// of opens the captures of an environment, by API; nil: it keeps none.
func (k *captureStores) of(w *worldPrint) (map[*access.API]gateway.Captures, error) {
	if w.captures == nil {
		return nil, nil
	}
	all := map[*access.API]gateway.Captures{}
	for _, p := range w.apis {
		if p.source == nil {
			continue
		}
		store, err := k.open(w, p.api.Name)
		if err != nil {
			return nil, err
		}
		all[p.api] = &apiCaptures{all: k, store: store.Store, environment: w.environment, source: *p.source, window: p.api.Window, hosts: w.hosts}
	}
	return all, nil
}

func (k *captureStores) open(w *worldPrint, api string) (*captureStore, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	key := captureKey{w.environment, api, w.captures.keep}
	if known := k.stores[key]; known != nil {
		return known, nil
	}
	ring := k.rings[w.environment]
	if ring == nil {
		var err error
		if ring, err = keyRing(k.a.life, w.captures.keys); err != nil {
			return nil, fmt.Errorf("open captures: %w", err)
		}
		if k.rings == nil {
			k.rings, k.stores = map[string]*secret.Ring{}, map[captureKey]*captureStore{}
		}
		k.rings[w.environment] = ring
	}
	made := &captureStore{cfg: captures.Config{Dir: filepath.Join(k.dir(w.environment), api), Sealer: ring, Clock: k.a.now, Keep: key.keep,
		AsksPerMinute: askVisits}}
	var err error
	if made.Store, err = captures.Open(made.cfg); err != nil {
		return nil, err
	}
	k.stores[key] = made
	return made, nil
}

func (k *captureStores) dir(environment string) string {
	return filepath.Join(k.a.dir, "captures", environment)
}

// keepOnly lets go of the stores that b has no use for, and removes what was kept of environments and APIs that keep nothing any
// more. Only environments that this server has locked are touched.
func (k *captureStores) keepOnly(b *blueprint) {
	k.mu.Lock()
	defer k.mu.Unlock()
	used, folders := map[captureKey]bool{}, map[string]bool{}
	for i := range b.worlds {
		w := &b.worlds[i]
		for _, p := range w.apis {
			if w.captures != nil && p.source != nil {
				used[captureKey{w.environment, p.api.Name, w.captures.keep}] = true
				folders[filepath.Join(k.dir(w.environment), p.api.Name)] = true
			}
		}
	}
	for key := range k.stores {
		if !used[key] {
			delete(k.stores, key)
		}
	}
	for _, environment := range k.a.environments {
		k.remove(k.dir(environment), folders)
	}
}

// remove removes the folders of APIs that are not in used.
func (k *captureStores) remove(dir string, used map[string]bool) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	for _, e := range entries {
		if path := filepath.Join(dir, e.Name()); !used[path] {
			err = errors.Join(err, os.RemoveAll(path))
		}
	}
	if err != nil {
		k.a.log.Error("captures that are kept no more cannot be removed", "cause", err.Error())
	}
}

// profileOf reads a profile of the configuration again, as a text that explanations are made from.
func profileOf(p config.Profile) (*profilePrint, error) {
	var found *profile.Profile
	var err error
	if p.File == "" {
		found, err = library.Profile(p.Name)
	} else {
		var text []byte
		if text, err = ofconfig.ReadBounded(p.File, ofconfig.MaxProfile); err != nil {
			return nil, fmt.Errorf("read the profile: %w", err)
		}
		found, err = profile.Parse(p.File, text)
	}
	if err != nil {
		return nil, err
	}
	return &profilePrint{profile: found, alternative: p.Alternative}, nil
}

// keepCaptures has w keep the refused requests of its signed APIs, and asks them for explanations: each under its name, and the
// first one where no name is given.
func (w *worldPrint) keepCaptures(p *capturePrint, source func(api string) (*profilePrint, error)) error {
	w.captures = p
	first := true
	for i := range w.apis {
		one := &w.apis[i]
		if one.api.Protocol != access.Signed {
			continue
		}
		var err error
		if one.source, err = source(one.api.Name); err != nil {
			return fmt.Errorf("profile of %s: %w", one.api.Name, err)
		}
		paths := append([]string(nil), one.api.BasePaths...)
		if first {
			paths, first = append(paths, gateway.ExplainBase), false
		}
		one.api.BasePaths = append(paths, gateway.ExplainBase+"/"+one.api.Name)
	}
	return nil
}
