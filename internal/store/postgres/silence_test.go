package postgres_test

import (
	"crypto/rand"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"countersign.dev/internal/store"
	"countersign.dev/internal/store/postgres"
	"countersign.dev/internal/store/postgrestest"
)

// pausing stands between a node and the database, and can hold everything back, as a machine does that is paused: connections stay open,
// new ones are taken, and nothing is said.
type pausing struct {
	dir  string
	held *sync.RWMutex // locked while it is paused
}

func newPausing(t *testing.T) *pausing {
	t.Helper()
	dir, err := os.MkdirTemp("", "pausing-") // a short path, for the socket
	if err != nil {
		t.Fatal(err)
	}
	p := &pausing{dir: dir, held: new(sync.RWMutex)}
	l, err := net.Listen("unix", filepath.Join(dir, socketName))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close(); _ = os.RemoveAll(dir) })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go p.serve(c)
		}
	}()
	return p
}

func (p *pausing) serve(client net.Conn) {
	defer client.Close()
	backend, err := net.Dial("unix", filepath.Join(server.Dir, socketName))
	if err != nil {
		return
	}
	defer backend.Close()
	go func() {
		defer client.Close()
		_, _ = io.Copy(waiting{client, p.held}, backend)
	}()
	_, _ = io.Copy(waiting{backend, p.held}, client)
}

type waiting struct {
	io.Writer
	held *sync.RWMutex
}

func (w waiting) Write(b []byte) (int, error) {
	w.held.RLock()
	defer w.held.RUnlock()
	return w.Writer.Write(b)
}

// TestAPausedDatabaseHoldsNobodyForLong: neither who has a transaction under way, nor who waits for a connection while all of them hang; and
// everything goes on when it does.
func TestAPausedDatabaseHoldsNobodyForLong(t *testing.T) {
	postgrestest.Need(t, server)
	between, url := newPausing(t), server.Database(t)
	open(t, url) // makes the tables, which takes longer
	var db *postgres.DB
	eventually(t, "it opens", func() (err error) { // a busy database may say nothing for as long, too
		db, err = postgres.Open(t.Context(), postgres.Config{URL: url + " host=" + between.dir, Silence: 200 * time.Millisecond, LockTimeout: time.Millisecond, Conns: 2, Rand: rand.Reader})
		return err
	})
	defer db.Close()
	eventually(t, "a change is taken", func() error { return add(db, "ptn_before") })
	between.held.Lock()
	failures := make(chan error, 6)
	for range cap(failures) {
		go func() { failures <- add(db, "ptn_meanwhile") }()
	}
	for range cap(failures) {
		if err := <-failures; !errors.Is(err, store.ErrUnreachable) {
			t.Errorf("a change of a paused database: %v", err)
		}
	}
	if _, err := db.Revision(t.Context()); !errors.Is(err, store.ErrUnreachable) {
		t.Errorf("its revision: %v", err)
	}
	between.held.Unlock()
	eventually(t, "it goes on", func() error { return add(db, "ptn_after") })
}

// eventually tries until nothing is wrong any more; only a broken register takes the whole time.
func eventually(t *testing.T, what string, try func() error) {
	t.Helper()
	for begun := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		err := try()
		if err == nil {
			return
		}
		if time.Since(begun) > 30*time.Second {
			t.Fatalf("it never came to this: %s: %v", what, err)
		}
	}
}
