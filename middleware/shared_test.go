package middleware_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"countersign.dev/internal/edge/doortest/worldtest"
	"countersign.dev/internal/engines"
	"countersign.dev/internal/redistest"
	"countersign.dev/internal/registry"
	"countersign.dev/internal/store/postgrestest"
	"countersign.dev/middleware"
)

// TestTwoServicesShareOneRegisterAndOneMemory: with a data folder each, on one database and one cache. A request that is sent to both at
// the same moment is let in once (rule 8), and a revocation counts in both.
func TestTwoServicesShareOneRegisterAndOneMemory(t *testing.T) {
	database, cache := postgrestest.Start(t), redistest.Start(t)
	url := filepath.Join(t.TempDir(), "register.url")
	must(t, os.WriteFile(url, []byte(database.Database(t)+"\n"), 0o600))
	w := worldtest.New(t, fmt.Sprintf("register: {engine: postgres, url_file: %s}\nvalkey: {addresses: [%s], timeout: 5s}\nreplay: {engine: valkey}\nlimits: {engine: valkey}\n", url, cache.Address))
	moved(t, w, url)

	other := filepath.Join(t.TempDir(), "other.yaml")
	text, err := os.ReadFile(w.File)
	must(t, err)
	must(t, os.WriteFile(other, []byte(strings.Replace(string(text), "data: "+w.Data, "data: "+filepath.Join(t.TempDir(), "data")+"\nkeys: {file: "+filepath.Join(w.Data, "master.key")+"}", 1)), 0o600))
	first, second := serve(t, open(t, w), said), serve(t, open(t, w, func(c *middleware.Config) { c.ConfigFile = other }), said)
	for range 20 {
		if n := admitted(first.replay(w.Keys.Good), first, second); n != 1 {
			t.Fatalf("one request was let in %d times", n)
		}
	}
	register, store, err := engines.OpenRegister(t.Context(), engines.RegisterConfig{Config: w.Config})
	must(t, err)
	defer store.Close()
	nodes, err := register.Nodes(t.Context())
	must(t, err)
	if n := len(nodes.Of("sandbox")); n != 2 {
		t.Errorf("%d nodes are known, want both services", n)
	}
	must(t, register.Suspend(t.Context(), worldtest.Alice, w.Partners["good"], "sandbox", "test"))
	for _, s := range []*service{first, second} {
		until(t, "the suspension counts in both", func() bool {
			status, _, _ := s.call(w.Keys.Good, "GET", "/api/v1/cards", "")
			return status == 403
		})
	}
}

// moved copies the register of a world into the database of a URL file.
func moved(t *testing.T, w *worldtest.World, url string) {
	t.Helper()
	source, err := engines.OpenStore(t.Context(), engines.StoreConfig{Place: engines.Place{File: filepath.Join(w.Data, "countersign.db")}})
	must(t, err)
	target, err := engines.OpenStore(t.Context(), engines.StoreConfig{Place: engines.Place{URLFile: url}, Create: true})
	must(t, err)
	_, err = engines.Copy(t.Context(), target, source)
	must(t, err)
	must(t, source.Close())
	must(t, target.Close())
}

// TestAServiceThatCannotTellOfItselfStops: others take a node that has not told of a reading for long for one that decides nothing. A service
// that could read, and not tell, would let in whom they have revoked and confirmed.
func TestAServiceThatCannotTellOfItselfStops(t *testing.T) {
	database := postgrestest.Start(t)
	url, at := filepath.Join(t.TempDir(), "register.url"), database.Database(t)
	must(t, os.WriteFile(url, []byte(at+"\n"), 0o600))
	w := worldtest.New(t, fmt.Sprintf("register: {engine: postgres, url_file: %s}\n", url))
	moved(t, w, url)
	text, err := os.ReadFile(w.File)
	must(t, err)
	must(t, os.WriteFile(w.File, []byte(strings.Replace(string(text), "  sandbox:\n", "  sandbox:\n    max_staleness: 2s\n", 1)), 0o600))
	var ahead atomic.Int64
	now := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	m := open(t, w, func(c *middleware.Config) { c.Now = now })
	s := serve(t, m, said)
	until(t, "it serves", func() bool {
		status, _, _ := s.call(w.Keys.Good, "GET", "/api/v1/cards", "")
		return status == 200
	})
	database.Do(t, at, `DO $$ BEGIN EXECUTE 'ALTER DATABASE ' || current_database() || ' SET default_transaction_read_only = on';
		PERFORM pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid(); END $$`)
	ahead.Store(int64(registry.StopSlack + 4*time.Second))
	until(t, "its readings do not count", func() bool {
		err := m.Ready()
		return err != nil && strings.Contains(err.Error(), "tell the other nodes")
	})
	if status, body, _ := s.call(w.Keys.Good, "GET", "/api/v1/cards", ""); status != 503 || !strings.Contains(body, "snapshot_stale") {
		t.Errorf("%d %s", status, body)
	}
}

// admitted sends one request to both services at the same moment, twice to each, and counts how often it was let in.
func admitted(again func(to ...*service) int, to ...*service) int {
	results := make([]int, 4)
	var all sync.WaitGroup
	for i := range results {
		all.Go(func() { results[i] = again(to[i%len(to)]) })
	}
	all.Wait()
	n := 0
	for _, status := range results {
		if status == 200 {
			n++
		}
	}
	return n
}
