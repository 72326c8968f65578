package postgres_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"countersign.dev/internal/partner"
	"countersign.dev/internal/store"
	"countersign.dev/internal/store/postgres"
	"countersign.dev/internal/store/postgrestest"
)

// relay stands between a node and the database, and can cut the line.
type relay struct {
	dir    string
	target string
	cut    atomic.Int32 // what to do at the next commit
	shut   atomic.Bool  // no new connection gets through
}

const (
	pass       = iota
	cutBefore  // the commit does not arrive
	cutAfter   // it arrives, and its answer does not
	socketName = ".s.PGSQL.5432"
)

func newRelay(t *testing.T) *relay {
	t.Helper()
	dir, err := os.MkdirTemp("", "relay-")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{dir: dir, target: filepath.Join(server.Dir, socketName)}
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
			go r.serve(c)
		}
	}()
	return r
}

func (r *relay) serve(client net.Conn) {
	defer client.Close()
	if r.shut.Load() {
		return
	}
	backend, err := net.Dial("unix", r.target)
	if err != nil {
		return
	}
	defer backend.Close()
	silent := new(atomic.Bool)
	go func() {
		defer client.Close()
		b := make([]byte, 64<<10)
		for {
			n, err := backend.Read(b)
			if silent.Load() || err != nil {
				return
			}
			if _, err := client.Write(b[:n]); err != nil {
				return
			}
		}
	}()
	b := make([]byte, 64<<10)
	for {
		n, err := client.Read(b)
		if err != nil {
			return
		}
		if bytes.Contains(b[:n], []byte("commit\x00")) {
			switch r.cut.Swap(pass) {
			case cutBefore:
				return
			case cutAfter:
				silent.Store(true)
				_, _ = backend.Write(b[:n])
				_, _ = io.Copy(io.Discard, &oneAnswer{backend}) // until it was carried out
				return
			}
		}
		if _, err := backend.Write(b[:n]); err != nil {
			return
		}
	}
}

// oneAnswer reads until the database says that it is ready.
type oneAnswer struct{ net.Conn }

func (o *oneAnswer) Read(b []byte) (int, error) {
	n, err := o.Conn.Read(b)
	if bytes.Contains(b[:n], []byte("COMMIT")) {
		return n, io.EOF
	}
	return n, err
}

func (r *relay) url(database string) string {
	return strings.Replace(database, "host="+server.Dir, "host="+r.dir, 1)
}

// When the answer to a commit is lost, the outcome is looked for: what was made is told to be made, what was not is an error, and never
// the other way round.
func TestACommitWhoseAnswerIsLost(t *testing.T) {
	postgrestest.Need(t, server)
	database := server.Database(t)
	r := newRelay(t)
	db := open(t, r.url(database))
	for n, how := range []int32{pass, cutAfter, cutBefore, cutAfter, pass} {
		r.cut.Store(how)
		id := fmt.Sprintf("ptn_%d", n)
		err := add(db, id)
		if (err == nil) != (how != cutBefore) {
			t.Errorf("%s: %v", id, err)
		}
		if how == cutBefore && !errors.Is(err, store.ErrUnreachable) {
			t.Errorf("%s: %v", id, err)
		}
		there := false
		_ = db.View(t.Context(), func(tx *postgres.Tx) error {
			_, there, err = tx.Partner(id)
			return err
		})
		if there != (how != cutBefore) {
			t.Errorf("%s is there: %v", id, there)
		}
	}
	if last := sound(t, db); last != 4 {
		t.Errorf("%d changes", last)
	}
}

// When nobody can be asked what became of it, the error says just that.
func TestACommitOfWhichNobodyTells(t *testing.T) {
	postgrestest.Need(t, server)
	r := newRelay(t)
	db := open(t, r.url(server.Database(t)))
	err := db.Update(t.Context(), func(tx *postgres.Tx) error {
		r.cut.Store(cutAfter)
		r.shut.Store(true)
		return errors.Join(tx.PutPartner(partner.Partner{ID: "ptn_a", Name: "a", CreatedAt: moment}), tx.Record(change("ptn_a")))
	})
	if !errors.Is(err, store.ErrUnknown) {
		t.Errorf("%v", err)
	}
}

// A database that goes away and comes back: each call says that it cannot be reached, and what was acknowledged is there afterwards.
func TestTheDatabaseGoesAwayAndComesBack(t *testing.T) {
	postgrestest.Need(t, server)
	db := open(t, server.Database(t))
	heard := make(chan struct{}, 100)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		db.Watch(ctx, func() { heard <- struct{}{} })
	}()
	<-heard
	for round, how := range []string{"fast", "immediate"} {
		before := fmt.Sprintf("ptn_%d", round)
		if err := add(db, before); err != nil {
			t.Fatal(err)
		}
		<-heard // of this change
		if err := server.Stop(how); err != nil {
			t.Fatal(err)
		}
		for what, err := range map[string]error{"update": add(db, "ptn_x"), "view": db.View(t.Context(), func(tx *postgres.Tx) error { _, err := tx.Partners(); return err }),
			"revision": func() error { _, err := db.Revision(t.Context()); return err }()} {
			if !errors.Is(err, store.ErrUnreachable) {
				t.Errorf("%s, %s: %v", how, what, err)
			}
		}
		if err := server.Start(); err != nil {
			t.Fatal(err)
		}
		<-heard // it listens again by itself, and says that something may have been missed
		if n, last := partners(t, db), sound(t, db); n != round+1 || last != uint64(round+1) {
			t.Errorf("%s: %d partners after %d changes", how, n, last)
		}
	}
	cancel()
	<-ended
}

// Who waits too long for another writer is told so; a reader never waits.
func TestAWriterWaitsForAnotherOneAndNotForEver(t *testing.T) {
	postgrestest.Need(t, server)
	url := server.Database(t)
	first := open(t, url)
	second, err := postgres.Open(t.Context(), postgres.Config{URL: url, Rand: rand.Reader, LockTimeout: 10 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	err = first.Update(t.Context(), func(tx *postgres.Tx) error {
		if err := add(second, "ptn_b"); !errors.Is(err, store.ErrBusy) {
			t.Errorf("a second writer: %v", err)
		}
		if n := partners(t, second); n != 0 {
			t.Errorf("a reader sees %d partners", n)
		}
		return errors.Join(tx.PutPartner(partner.Partner{ID: "ptn_a", Name: "a", CreatedAt: moment}), tx.Record(change("ptn_a")))
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := add(second, "ptn_b"); err != nil {
		t.Error(err)
	}
}

// No error holds a password, whatever is wrong.
func TestRule33NoErrorHoldsThePassword(t *testing.T) {
	for _, url := range []string{"postgres://u:geheim@127.0.0.1:1/x?connect_timeout=1", "postgres://u:geheim@%zz/x", "host=127.0.0.1 port=1 password=geheim user=u", "postgres://u:geheim@h:port/x"} {
		_, err := postgres.Open(t.Context(), postgres.Config{URL: url, Rand: rand.Reader})
		if err == nil || strings.Contains(err.Error(), "geheim") {
			t.Errorf("%v", err)
		}
	}
}
