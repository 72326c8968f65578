package postgres_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
	"countersign.dev/internal/store"
	"countersign.dev/internal/store/postgres"
	"countersign.dev/internal/store/postgrestest"
)

// asVersion1 takes away what version 2 of the tables has added: the database as a program of version 1 made it.
const asVersion1 = "DROP TABLE node, lease, changed; UPDATE countersign_schema SET version = 1, least = 1"

// byVersion1 makes a change as a program of version 1 does, which knows nothing of what version 2 has added.
func byVersion1(t *testing.T, url string, db *postgres.DB, id string) {
	t.Helper()
	var n uint64
	var at time.Time
	before := func(tx *postgres.Tx) (err error) { n, at, err = tx.ChangedAt(); return err }
	if err := db.View(t.Context(), before); err != nil {
		t.Fatal(err)
	}
	if err := add(db, id); err != nil {
		t.Fatal(err)
	}
	micros := int64(0)
	if !at.IsZero() {
		micros = at.UnixMicro()
	}
	server.Do(t, url, fmt.Sprintf("UPDATE changed SET n = %d, at = %d", n, micros)) // it wrote nothing there
}

// A database of version 1 is expanded while programs of version 1 use it: nothing of theirs changes, and the lowest version that may share
// the tables stays. What they do not tell is not known, and not guessed.
func TestADatabaseOfVersion1IsExpandedInPlace(t *testing.T) {
	postgrestest.Need(t, server)
	url := server.Database(t)
	db := open(t, url)
	for _, id := range []string{"ptn_a", "ptn_b"} {
		if err := add(db, id); err != nil {
			t.Fatal(err)
		}
	}
	server.Do(t, url, asVersion1)
	if n := partners(t, db); n != 2 { // reading knows nothing of it
		t.Fatalf("%d partners", n)
	}
	expanded := open(t, url)
	server.Do(t, url, `DO $$ BEGIN IF (SELECT (version, least) FROM countersign_schema) <> (2, 1) THEN RAISE 'not expanded'; END IF; END $$`)
	sound(t, expanded)
	changedAt := func() (n uint64, at time.Time) {
		t.Helper()
		err := expanded.View(t.Context(), func(tx *postgres.Tx) (err error) { n, at, err = tx.ChangedAt(); return err })
		if err != nil {
			t.Fatal(err)
		}
		return n, at
	}
	if n, at := changedAt(); n != 2 || !at.IsZero() {
		t.Errorf("changes of before: revision %d at %s", n, at)
	}
	if err := add(expanded, "ptn_c"); err != nil {
		t.Fatal(err)
	}
	if n, at := changedAt(); n != 3 || at.IsZero() {
		t.Errorf("a change of version 2: revision %d at %s", n, at)
	}
	byVersion1(t, url, expanded, "ptn_d")
	if n, at := changedAt(); n != 4 || !at.IsZero() {
		t.Errorf("a change of version 1: revision %d at %s", n, at)
	}
	sound(t, expanded)
	open(t, url) // again: nothing is left to be added
}

const node = "nod_aaaaaaaaaaaaaaaaaaaaaaaaaa"

func beating(tx *postgres.Tx) error {
	now, err := tx.Now()
	return errors.Join(err, tx.PutNode(partner.Node{ID: node, Name: "a:1", Environments: []string{"sandbox"}, MaxStaleness: time.Minute, StartedAt: now, BeatAt: now}))
}

// What nodes tell waits for nobody who writes the register: one who is paused in the middle of a change must not make all others look dead.
func TestABeatWaitsForNoWriter(t *testing.T) {
	postgrestest.Need(t, server)
	db := open(t, server.Database(t))
	err := db.Update(t.Context(), func(tx *postgres.Tx) error {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := db.Aside(ctx, beating); err != nil { // while the only writer is here
			return err
		}
		return errors.Join(tx.PutPartner(partner.Partner{ID: "ptn_a", Name: "A", CreatedAt: moment}), tx.Record(change("ptn_a")))
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A lease that a transaction stands on is not taken over before that ends: the one who wants it finds it taken, or waits.
func TestALeaseIsKeptWhileSomebodyWorksOnIt(t *testing.T) {
	postgrestest.Need(t, server)
	url := server.Database(t)
	db, other := open(t, url), open(t, url)
	lease := partner.Lease{Name: "chores", Holder: node, Term: 1}
	if err := db.Aside(t.Context(), func(tx *postgres.Tx) error {
		now, err := tx.Now()
		lease.Until = now.Add(-time.Second) // it has ended, and is free
		return errors.Join(err, tx.PutLease(lease))
	}); err != nil {
		t.Fatal(err)
	}
	rival := lease
	rival.Holder, rival.Term = strings.Replace(node, "a", "b", 1), 2
	err := db.Update(t.Context(), func(tx *postgres.Tx) error {
		if _, _, err := tx.Lease("chores"); err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		if err := other.Aside(ctx, func(tx *postgres.Tx) error { return tx.PutLease(rival) }); err == nil {
			t.Error("it was taken over under the feet of a transaction")
		}
		return errors.Join(tx.PutPartner(partner.Partner{ID: "ptn_a", Name: "A", CreatedAt: moment}), tx.Record(change("ptn_a")))
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Aside(t.Context(), func(tx *postgres.Tx) error { return tx.PutLease(rival) }); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// A writer who says nothing in the middle of a change, paused or cut off, loses it, and the others have their turn.
func TestAPausedWriterLosesItsTurn(t *testing.T) {
	postgrestest.Need(t, server)
	url := server.Database(t)
	db, other := open(t, url), open(t, url)
	err := db.Update(t.Context(), func(tx *postgres.Tx) error {
		if err := tx.PutPartner(partner.Partner{ID: "ptn_a", Name: "A", CreatedAt: moment}); err != nil {
			return err
		}
		// The database ends the connection of a writer that is silent for too long; here somebody does so at once.
		server.Do(t, url, `DO $$ BEGIN
			IF (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle in transaction') <> 1 THEN RAISE 'who writes?'; END IF;
			PERFORM pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle in transaction'; END $$`)
		if err := add(other, "ptn_b"); err != nil {
			t.Errorf("the next one: %v", err)
		}
		return tx.Record(change("ptn_a"))
	})
	if err == nil || errors.Is(err, store.ErrUnknown) {
		t.Errorf("the paused one was told %v", err)
	}
	if n, last := partners(t, other), sound(t, other); n != 1 || last != 1 {
		t.Errorf("%d partners after %d changes", n, last)
	}
}

// The bound is set for every transaction that writes: a paused one cannot hold the register for ever.
func TestEveryWriterIsBounded(t *testing.T) {
	postgrestest.Need(t, server)
	url := server.Database(t)
	db := open(t, url)
	bounded := `DO $$ BEGIN IF NOT EXISTS (SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle in transaction') THEN RAISE 'nobody writes'; END IF; END $$`
	for name, transaction := range map[string]func(context.Context, func(*postgres.Tx) error) error{"update": db.Update, "aside": db.Aside} {
		err := transaction(t.Context(), func(tx *postgres.Tx) error {
			server.Do(t, url, bounded)
			return tx.Run("look at the bound", `INSERT INTO node (id, name, version, environments, revision, max_staleness, trouble, started_at, beat_at, read_at, in_force_at, took)
				VALUES ('`+node+`', current_setting('idle_in_transaction_session_timeout'), '', 'a', 0, 1, '', 1, 1, 0, 0, -1)
				ON CONFLICT (id) DO UPDATE SET name = excluded.name`)
		})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		err = db.View(t.Context(), func(tx *postgres.Tx) error {
			n, _, err := tx.Node(node)
			if n.Name != "20s" {
				t.Errorf("%s: a silent writer is borne for %q", name, n.Name)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// Nodes on one database: of two that want a lease one has it, the other one after its end, and a holder that was paused changes nothing.
func TestALostLeaseChangesNothingOnADatabase(t *testing.T) {
	postgrestest.Need(t, server)
	url := server.Database(t)
	ctx := t.Context()
	registers := make([]*registry.Registry, 2)
	ids := make([]string, 2)
	for i := range registers {
		registers[i] = registryOn(t, open(t, url))
		var err error
		if ids[i], err = registers[i].NewNodeID(); err != nil {
			t.Fatal(err)
		}
	}
	lost, ours, err := registers[0].TakeLease(ctx, "chores", ids[0], 50*time.Millisecond)
	if err != nil || !ours {
		t.Fatal(ours, err)
	}
	alice := registry.Actor{Kind: registry.Operator, Name: "alice"}
	deadline, again := time.NewTimer(20*time.Second), time.NewTicker(5*time.Millisecond)
	defer deadline.Stop()
	defer again.Stop()
	for ours = false; !ours; {
		select {
		case <-deadline.C:
			t.Fatal("it is never taken over")
		case <-again.C:
		}
		if _, ours, err = registers[1].TakeLease(ctx, "chores", ids[1], time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := registers[0].Under(lost).CreatePartner(ctx, alice, "By the paused one"); !errors.Is(err, registry.ErrLease) {
		t.Errorf("a lost lease: %v", err)
	}
	if l, ours, err := registers[0].TakeLease(ctx, "chores", ids[0], time.Minute); err != nil || ours || l.Term != 2 {
		t.Errorf("%+v, %v, %v", l, ours, err)
	}
	if n, err := registers[1].Revision(ctx); err != nil || n != 0 {
		t.Errorf("%d changes, %v", n, err)
	}
}

// registryOn is the use cases over a database, for those that hash and seal nothing.
func registryOn(t *testing.T, db *postgres.DB) *registry.Registry {
	t.Helper()
	r, err := registry.New(registry.Config{Store: registry.Adapt(db), Hasher: noHasher{}, Now: time.Now, Rand: rand.Reader,
		RingOf: func(string) registry.Sealer { return nil }})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

type noHasher struct{ registry.Hasher }
