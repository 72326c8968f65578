package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"countersign.dev/api"
	"countersign.dev/internal/config"
	"countersign.dev/internal/engines"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
	"countersign.dev/internal/store/postgrestest"
)

// secondOf is another node's folder: a copy of the first one's, which names its own places.
func secondOf(t *testing.T, one string) (file string) {
	t.Helper()
	two := filepath.Join(t.TempDir(), "second")
	if err := os.CopyFS(two, os.DirFS(filepath.Dir(one))); err != nil {
		t.Fatal(err)
	}
	closedToOthers(t, two)
	file = filepath.Join(two, "countersign.yaml")
	changed(t, file, filepath.Dir(one), filepath.Dir(file))
	return file
}

// listed is what `node list` says.
func listed(t *testing.T, file string) (page api.NodePage) {
	t.Helper()
	out, _ := must(t, "node", "list", "--config", file, "-o", "json")
	if err := json.Unmarshal([]byte(out), &page); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return page
}

// aside writes rows of nodes past the rules of a beat.
func aside(t *testing.T, file string, write func(now time.Time, tx *engines.Tx) error) {
	t.Helper()
	cfg, err := config.Load(file, os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	_, db, err := openRegisterOf(t.Context(), cfg, nil, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Aside(t.Context(), func(tx *engines.Tx) error {
		now, err := tx.Now()
		if err != nil {
			return err
		}
		return write(now, tx)
	})
	if err = errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
}

var bothLive = regexp.MustCompile(`live in production on \S+ after \d+ ms, production on \S+ after \d+ ms \(revision \d+\)`)

// TestARevocationIsConfirmedByEveryNode: the command returns when both nodes have it in force, says how long each took by the database's
// clock, and the very next request is refused by both. A node that says nothing is named with when it stops by itself; one that has ended in
// order is not waited for.
func TestARevocationIsConfirmedByEveryNode(t *testing.T) {
	url := urlFile(t, postgrestest.Start(t))
	one := madeWith(t, "", "--register", url)
	two := secondOf(t, one)
	a := served(t, one, nil)
	b := served(t, two, a)
	for _, s := range []*steppedServer{a, b} {
		if status, body := s.signed("GET", fresh(), time.Now()); status != http.StatusOK {
			t.Fatalf("before: %d %s", status, body)
		}
	}
	if page := listed(t, two); len(page.Items) != 2 || page.Items[0].State != api.NodeStateCurrent || page.Items[1].State != api.NodeStateCurrent ||
		page.Items[0].StopsAt.IsZero() || page.Items[1].ReadAgeMs == nil {
		t.Errorf("%+v", page)
	}
	for range 3 {
		_, said := must(t, "partner", "suspend", "Example Bank", "-e", "production", "--config", one, "--wait")
		if !bothLive.MatchString(said) {
			t.Errorf("said %q", said)
		}
		t.Log(strings.TrimSpace(said)) // measured, and not judged
		for _, s := range []*steppedServer{a, b} {
			status, body := s.signed("GET", fresh(), time.Now())
			s.want(http.StatusForbidden, "suspended", status, body)
		}
		must(t, "partner", "resume", "Example Bank", "-e", "production", "--config", two, "--wait")
		for _, s := range []*steppedServer{a, b} {
			if status, body := s.signed("GET", fresh(), time.Now()); status != http.StatusOK {
				t.Errorf("resumed: %d %s", status, body)
			}
		}
	}
	if out, _ := must(t, "node", "list", "--config", one); !strings.Contains(out, "IN FORCE AFTER") || strings.Count(out, "up to date") != 2 || !strings.Contains(out, " ms") {
		t.Errorf("%s", out)
	}

	gone := partner.Node{ID: "nod_" + strings.Repeat("a", 26), Name: "paris:7", Environments: []string{"production"}, Revision: 1, MaxStaleness: 15 * time.Minute}
	aside(t, one, func(now time.Time, tx *engines.Tx) error {
		gone.StartedAt, gone.BeatAt, gone.ReadAt = now.Add(-time.Hour), now.Add(-time.Minute), now.Add(-time.Minute)
		return tx.PutNode(gone)
	})
	if out, _ := must(t, "node", "list", "--config", one); !strings.Contains(out, "silent") {
		t.Errorf("%s", out)
	} else {
		t.Log("\n" + out)
	}
	begun := time.Now()
	code, _, said := command(t, "partner", "suspend", "Example Bank", "-e", "production", "--config", one, "--wait=5m")
	stops := registry.SeeNode(gone, 1, time.Now()).StopsAt.UTC().Format(time.RFC3339)
	if code != exitFailed || !strings.Contains(said, "production on paris:7 has said nothing for ") || !strings.Contains(said, "stops by itself at "+stops) {
		t.Errorf("with a silent node: exit code %d, %q, not %s", code, said, stops)
	}
	t.Log(said)
	if took := time.Since(begun); took > 4*time.Minute {
		t.Errorf("a silent node was waited for: %s", took)
	}
	for _, s := range []*steppedServer{a, b} {
		status, body := s.signed("GET", fresh(), time.Now())
		s.want(http.StatusForbidden, "suspended", status, body)
	}
	aside(t, one, func(now time.Time, tx *engines.Tx) error {
		gone.BeatAt, gone.ReadAt = now.Add(-time.Hour), now.Add(-time.Hour)
		return tx.PutNode(gone)
	})
	if _, said := must(t, "partner", "resume", "Example Bank", "-e", "production", "--config", one, "--wait"); !strings.Contains(said, "production on paris:7 (it has stopped by itself)") {
		t.Errorf("with a node that has stopped: %q", said)
	}
	b.stop()
	b.stop = func() {}
	if page := listed(t, one); len(page.Items) != 2 || page.Items[1].Name != "paris:7" && page.Items[0].Name != "paris:7" {
		t.Errorf("after one has ended: %+v", page)
	}
}

// TestANodeCutOffFromItsRegisterStopsByItself: it goes on for max_staleness, says how old its reading is, and then refuses everything as
// snapshot_stale, until the register answers again.
func TestANodeCutOffFromItsRegisterStopsByItself(t *testing.T) {
	server := postgrestest.Start(t)
	file := madeWith(t, "", "--register", urlFile(t, server))
	changed(t, file, "environments:\n  production:\n", "environments:\n  production:\n    max_staleness: 3s\n")
	s := served(t, file, nil)
	ask := func() (int, string) { return s.signed("GET", fresh(), time.Now()) }
	s.asOften("it serves", ask, func(status int, _ string) bool { return status == http.StatusOK })
	if err := server.Stop("immediate"); err != nil {
		t.Fatal(err)
	}
	s.asOften("it refuses by itself", ask, func(status int, body string) bool {
		if status == http.StatusServiceUnavailable {
			s.want(http.StatusServiceUnavailable, "snapshot_stale", status, body)
			return true
		}
		return status != http.StatusOK
	})
	if status, body := s.ready(); status != http.StatusServiceUnavailable || !strings.Contains(body, "the register was last read ") {
		t.Errorf("readiness: %d %s", status, body)
	}
	if age := s.metric("countersign_register_age_seconds"); age == "" || strings.HasPrefix(age, "0.0") {
		t.Errorf("the snapshot is %q seconds old", age)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	s.asOften("the register answers again", ask, func(status int, _ string) bool { return status == http.StatusOK })
	s.asOften("it tells the others again", func() (int, string) {
		page := listed(t, file)
		return len(page.Items), fmt.Sprint(page.Items)
	}, func(n int, _ string) bool { return n == 1 && listed(t, file).Items[0].State == api.NodeStateCurrent })
}
