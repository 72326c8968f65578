package nodes_test

import (
	"database/sql"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestANodeThatIsSaidToHaveStoppedHas: a node that reads the register and cannot tell the others so is said to have stopped when its time is
// over, and a revocation is said to be confirmed then. So it has to have stopped, although it reads: it might be cut off in
// the next moment, and decide on by what it read last.
func TestANodeThatIsSaidToHaveStoppedHas(t *testing.T) {
	s := staleSite(t)
	a, mute := s.nodes[0], s.nodes[2]
	one := s.issue(t, a, "--wait=30s")
	k := s.caller(t, mute)
	ask := func() answer { return k.send(signed(one.key(), time.Now(), http.MethodGet, s.id("mute"))) }
	eventually(t, "the node serves", func() bool { return ask().is() == "200" })
	name := ":" + strconv.Itoa(mute.process.pid())
	release := s.holdRow(t, "SELECT 1 FROM node WHERE name LIKE '%' || $1 FOR UPDATE", name)
	eventually(t, "the others say that it has stopped", func() bool {
		for line := range strings.Lines(a.must(t, "node", "list").out) {
			if strings.Contains(line, name+" ") {
				return strings.Contains(line, "stopped")
			}
		}
		return false
	})
	for range 20 {
		if got := ask(); got.is() != "503 snapshot_stale" {
			t.Fatalf("a node that is said to have stopped answers %s (%v)", got.is(), got.cause)
		}
	}
	a.must(t, "credential", "revoke", one.ID, "--yes", "--wait=30s")
	release()
	eventually(t, "it is back, and knows the register of now", func() bool {
		got := ask()
		if got.status == http.StatusOK {
			t.Fatal("a credential is let in whose revocation was confirmed")
		}
		return got.is() == "401 unauthorized"
	})
}

// holdRow locks a row of the register, which others can read and not write until it is released.
func (s *site) holdRow(t *testing.T, statement string, arguments ...any) (release func()) {
	t.Helper()
	db, err := sql.Open("pgx", s.url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	var found int
	if err := tx.QueryRow(statement, arguments...).Scan(&found); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := tx.Rollback(); err != nil {
			t.Error(err)
		}
	}
}
