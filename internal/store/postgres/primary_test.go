package postgres_test

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"countersign.dev/internal/store"
	"countersign.dev/internal/store/postgres"
	"countersign.dev/internal/store/postgrestest"
)

// A standby tells what the register was. One whose primary is gone would tell the same revision for ever, and a node that read it would
// take what it has for the newest.
func TestRule28AStandbyIsNotRead(t *testing.T) {
	own := postgrestest.Start(t)
	url := own.URL("")
	db := open(t, url)
	if err := add(db, "ptn_a"); err != nil {
		t.Fatal(err)
	}
	if err := own.Stop("fast"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(own.Dir, "data", "standby.signal"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := own.Start(); err != nil {
		t.Fatal(err)
	}
	if n, err := db.Revision(t.Context()); !errors.Is(err, store.ErrUnreachable) {
		t.Errorf("revision %d was read of a standby: %v", n, err)
	}
	if other, err := postgres.Open(t.Context(), postgres.Config{URL: url, Rand: rand.Reader}); err == nil {
		t.Error("a register in a standby was opened", other.Close())
	}
}

// Many who want to write at once wait for each other. Whoever reads what has changed, or says that this node lives, must not wait for them:
// a revocation would not be in force here while a stranger keeps the writers busy.
func TestManyWritersKeepNobodyFromReading(t *testing.T) {
	postgrestest.Need(t, server)
	url := server.Database(t)
	db, err := postgres.Open(t.Context(), postgres.Config{URL: url, Conns: 4, LockTimeout: time.Minute, Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	var writers sync.WaitGroup
	err = db.Update(t.Context(), func(*postgres.Tx) error {
		for range 20 {
			writers.Go(func() { _ = db.Update(t.Context(), func(*postgres.Tx) error { return nil }) })
		}
		server.Do(t, url, `DO $$ BEGIN WHILE NOT EXISTS (SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')
			LOOP PERFORM pg_sleep(0.01); PERFORM pg_stat_clear_snapshot(); END LOOP; END $$`) // a writer has a connection, and waits for its turn
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // the database has ended the one who holds the others up before that
		defer cancel()
		_, err := db.Revision(ctx)
		return errors.Join(err, db.Aside(ctx, beating))
	})
	if err != nil {
		t.Error(err)
	}
	writers.Wait()
}
