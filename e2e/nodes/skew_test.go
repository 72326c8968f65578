package nodes_test

import (
	"database/sql"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
)

// Variables of a binary of the build tag testclock.
const (
	clockFile   = "COUNTERSIGN_TEST_CLOCK"
	clockBehind = "COUNTERSIGN_TEST_CLOCK_BEHIND"
)

// TestOneNodeHasTheWrongTime: the third node's clock is ten minutes off. It refuses honest callers by its clock, and callers who share its
// mistake by the cache's, so that no write is let in twice; it confirms what is in force like any other, looks alive, and
// takes no lease that another one has.
func TestOneNodeHasTheWrongTime(t *testing.T) {
	for name, c := range map[string]struct {
		off  time.Duration
		env  func(t *testing.T) string
		code string // for who signs by the right time
	}{
		"ten minutes ahead": {10 * time.Minute, func(t *testing.T) string {
			file := filepath.Join(t.TempDir(), "clock")
			write(t, file, "10m")
			return clockFile + "=" + file
		}, "401 stale_timestamp"},
		"ten minutes behind": {-10 * time.Minute, func(*testing.T) string { return clockBehind + "=10m" }, "401 stale_timestamp"},
	} {
		t.Run(name, func(t *testing.T) { wrongTime(t, c.off, c.env(t), c.code) })
	}
}

func wrongTime(t *testing.T, off time.Duration, variable, code string) {
	s := newSite(t, 3, map[string]string{"STALENESS": "1m"})
	wrong := s.nodes[2]
	if err := wrong.process.stop(); err != nil {
		t.Fatal(err)
	}
	wrong.replace(built(t, successor))
	wrong.env = []string{variable}
	wrong.launch(t)
	eventually(t, "the node serves", func() bool { status, _ := wrong.page("/livez"); return status == http.StatusOK })
	eventually(t, "its listener is open", func() bool {
		k := s.caller(t, wrong)
		return k.send(signed(s.given, time.Now().Add(off), http.MethodGet, s.id("first"))).status == http.StatusOK
	})

	lease := leaseOf(t, s)
	right, shared := s.underWrongTime(t, wrong, time.Now, code), s.underWrongTime(t, wrong, func() time.Time { return time.Now().Add(off) }, code)
	t.Logf("signed by the right time: %v\nsigned by the wrong node's time: %v", right, shared)
	if after := leaseOf(t, s); after != lease {
		t.Errorf("the lease went from %s to %s", lease, after)
	}
	one := s.issue(t, s.nodes[0], "--wait=30s") // all three confirm it
	if a := s.caller(t, wrong).send(signed(one.key(), time.Now().Add(off), http.MethodGet, s.id("issued"))); a.is() != "200" {
		t.Errorf("the node with the wrong time answers %s to what it has confirmed", a.is())
	}
	out := s.nodes[0].must(t, "node", "list").out
	t.Logf("node list:\n%s", out)
	if strings.Contains(out, "silent") || strings.Contains(out, "stopped") || strings.Count(out, sandbox) != 3 {
		t.Errorf("a node looks dead:\n%s", out)
	}
}

// underWrongTime is a load by one clock, on all nodes. It fails where something is let in twice, and returns what the wrong node answered.
func (s *site) underWrongTime(t *testing.T, wrong *node, now func() time.Time, code string) map[string]int {
	t.Helper()
	l := s.newLoad(t)
	l.signer = func() (signingKey, time.Time) { return s.given, now() }
	l.refused = func(c cell) bool { return c.answer == code || c.node == wrong.host && unjudged(c) }
	l.begin()
	l.more(t, felt)
	l.round(t)
	l.end()
	l.check(t)
	answers := map[string]int{}
	for c, n := range l.seen() {
		if c.node == wrong.host && c.kind != forges {
			answers[c.kind+": "+c.answer] += n
		}
		if c.node == wrong.host && (c.kind == writes || c.kind == doubles) && c.answer == "200" {
			t.Errorf("the node with the wrong time let in a %s: nobody can say by which clock it is new", c.kind)
		}
	}
	return answers
}

// leaseOf is who has which lease, in which term.
func leaseOf(t testing.TB, s *site) string {
	t.Helper()
	db, err := sql.Open("pgx", s.url)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var all string
	eventually(t, "a node has the lease of the chores", func() bool {
		err := db.QueryRow("SELECT coalesce(string_agg(name || ' ' || holder || ' ' || term, ', ' ORDER BY name), '') FROM lease").Scan(&all)
		if err != nil {
			t.Fatal(err)
		}
		return all != ""
	})
	return all
}
