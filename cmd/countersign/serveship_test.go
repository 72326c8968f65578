package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/audit/shipping"
	"countersign.dev/internal/audit/shipping/postgres"
	"countersign.dev/internal/store/postgrestest"
)

// shipped has a node ship into the register's database under a name.
func shipped(t *testing.T, file, name string, admin bool) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	settings := fmt.Sprintf("\nrecords:\n  ship: {to: register, node: %s, every: 1s}\n  collect: {every: 1s}\n", name)
	if admin && !strings.Contains(string(text), "\nadmin:") {
		settings = "\nadmin:\n  listen: \"127.0.0.1:0\"\n" + settings
	}
	changed(t, file, "\nrecords:\n", settings)
}

// twoNodes are two nodes on one register, of which the first collects.
func twoNodes(t *testing.T) (one, two, url string) {
	t.Helper()
	url = urlFile(t, postgrestest.Start(t))
	one = madeWith(t, "", "--register", url)
	two = secondOf(t, one)
	shipped(t, one, "one", true)
	shipped(t, two, "two", false)
	return one, two, url
}

// refusedAt sends a request that is refused, and returns its id.
func refusedAt(s *steppedServer) string {
	s.t.Helper()
	status, body := s.signed("GET", fresh(), time.Now().Add(-time.Hour))
	var said map[string]any
	if status != http.StatusUnauthorized && status != http.StatusBadRequest || json.Unmarshal([]byte(body), &said) != nil {
		s.t.Fatalf("%d %s", status, body)
	}
	id, _ := said["request_id"].(string)
	if id == "" {
		s.t.Fatalf("it has no request id: %s", body)
	}
	return id
}

// nodesOf is what `audit nodes` says.
func nodesOf(t *testing.T, file string, flags ...string) (code int, views []nodeView, said string) {
	t.Helper()
	code, out, said := command(t, append([]string{"audit", "nodes", "--config", file, "-o", "json"}, flags...)...)
	if err := json.Unmarshal([]byte(out), &views); err != nil {
		t.Fatalf("%v: %s%s", err, out, said)
	}
	return code, views, said
}

// TestRecordsOfManyNodes: what node two has refused is found on node one, by search, by why and by the server's own pages; both nodes and
// how far they are, are listed; and what is shipped at the end of a node is all that it has written.
func TestRecordsOfManyNodes(t *testing.T) {
	one, two, _ := twoNodes(t)
	a := served(t, one, nil)
	b := served(t, two, a)
	here, there := refusedAt(a), refusedAt(b)
	find := func(id string) (int, string) {
		code, out, said := command(t, "audit", "search", id, "--config", one)
		return code, out + said
	}
	for _, id := range []string{here, there} {
		a.asOften("it is found on node one", func() (int, string) { return find(id) }, func(code int, out string) bool { return code == exitOK && strings.Contains(out, id) })
	}
	a.asOften("its story is told on node one", func() (int, string) {
		code, out, said := command(t, "why", there, "--config", one)
		return code, out + said
	}, func(code int, out string) bool { return code == exitOK && strings.Contains(out, "stale_timestamp") })
	out, _ := must(t, "audit", "search", "--config", one, "--reason", "stale_timestamp", "--limit", "1")
	if !strings.Contains(out, there) {
		t.Errorf("the newest line of all nodes is not the first: %s", out)
	}
	out, _ = must(t, "audit", "search", "--config", one, "--reason", "stale_timestamp")
	for _, line := range strings.Split(out, "\n") {
		if node := map[bool]string{true: "two", false: "here"}[strings.Contains(line, there)]; strings.Contains(line, "stale_timestamp") && !strings.HasSuffix(strings.TrimSpace(line), node) {
			t.Errorf("it was node %s: %s", node, line)
		}
	}
	for _, name := range []string{`countersign_collect_verified_lines{node="two"}`, "countersign_ship_pieces_total"} {
		a.asOften(name, func() (int, string) { return 0, a.metric(name) }, func(_ int, value string) bool { return value != "" && value != "0" })
	}
	b.stop()
	b.stop = func() {}
	last, err := lastLine(filepath.Join(filepath.Dir(two), "data", "decisions"))
	if err != nil {
		t.Fatal(err)
	}
	var views []nodeView
	a.asOften("the last line of node two is verified", func() (int, string) {
		_, views, _ = nodesOf(t, one)
		return len(views), fmt.Sprintf("%+v, last line %d", views, last)
	}, func(n int, _ string) bool { return n == 2 && views[1].Verified == last && views[1].Sealed > 0 })
	if v := views[0]; v.Node != "one" || !v.Own {
		t.Errorf("%+v", v)
	}
	if v := views[1]; v.Node != "two" || v.Own || v.Behind != 0 || v.Sealed == 0 || v.Key == "" || v.Known || v.Fault != nil {
		t.Errorf("%+v", v)
	}
	if code, _, said := nodesOf(t, one, "--verify"); code != exitOK {
		t.Errorf("%d %s", code, said)
	}
}

// TestAPieceThatWasAlteredInTheDatabaseIsRefused: node, segment and line are named by the server, its metrics and the command; it is
// found by no search; and it goes on by itself when the true piece is back.
func TestAPieceThatWasAlteredInTheDatabaseIsRefused(t *testing.T) {
	one, two, url := twoNodes(t)
	a := served(t, one, nil)
	key := a
	a.stop()
	a.stop = func() {}
	b := served(t, two, key)
	id := refusedAt(b)
	b.stop()
	b.stop = func() {}
	depot, s, at, good := alter(t, url, id)
	a = served(t, one, key)
	a.asOften("it is told", a.ready, func(_ int, body string) bool {
		return strings.Contains(body, "node two record "+s.Record) && strings.Contains(body, "segment 1, line ") && strings.Contains(body, "chain value does not fit")
	})
	if status, body := a.ready(); status != http.StatusOK {
		t.Errorf("a server that serves is not ready because of another node's record: %d %s", status, body)
	}
	if value := a.metric(`countersign_collect_faults{node="two"}`); value != "1" {
		t.Errorf("the metric says %q", value)
	}
	if _, out, _ := command(t, "audit", "search", id, "--config", one); strings.Contains(out, id) {
		t.Errorf("what does not verify is found: %s", out)
	}
	code, views, said := nodesOf(t, one)
	if code == exitOK || len(views) != 2 || views[1].Fault == nil || views[1].Fault.Segment != 1 || views[1].Fault.Line < 2 {
		t.Errorf("%d, %+v, %s", code, views, said)
	}
	if aside, err := os.Stat(views[1].Fault.Aside); err != nil || aside.Size() == 0 {
		t.Errorf("nothing was set aside: %v", err)
	}
	a.stop()
	a.stop = func() {}
	mend(t, url, s, at, good)
	a = served(t, one, key)
	a.asOften("it goes on", func() (int, string) {
		_, out, said := command(t, "audit", "search", id, "--config", one)
		return 0, out + said
	}, func(_ int, out string) bool { return strings.Contains(out, id) })
	_ = depot
}

// alter changes the reason of a request in the piece that node two has shipped, as whoever has the database can: with a digest that fits.
func alter(t *testing.T, url, id string) (depot *postgres.Depot, s shipping.Stream, at shipping.Place, good []byte) {
	t.Helper()
	text, err := os.ReadFile(url)
	if err != nil {
		t.Fatal(err)
	}
	depot, err = postgres.Open(t.Context(), postgres.Config{URL: strings.TrimSpace(string(text))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = depot.Close() })
	streams, err := depot.Streams(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, s = range streams {
		if s.Node != "two" || s.Part != shipping.Lines {
			continue
		}
		places, err := depot.List(t.Context(), s, shipping.Place{}, 100)
		if err != nil {
			t.Fatal(err)
		}
		for _, at = range places {
			p, err := depot.Get(t.Context(), s, at)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(p.Body), id) {
				continue
			}
			if good, err = p.Encode(); err != nil {
				t.Fatal(err)
			}
			p.Body = []byte(strings.Replace(string(p.Body), "stale_timestamp", "future_timestam", 1))
			p.Seal()
			bad, err := p.Encode()
			if err != nil {
				t.Fatal(err)
			}
			mend(t, url, s, at, bad)
			return depot, s, at, good
		}
	}
	t.Fatalf("node two has not shipped %s: %v", id, streams)
	return nil, s, at, nil
}

// mend puts bytes in the place of a piece.
func mend(t *testing.T, url string, s shipping.Stream, at shipping.Place, text []byte) {
	t.Helper()
	where, err := os.ReadFile(url)
	if err != nil {
		t.Fatal(err)
	}
	new(postgrestest.Server).Do(t, strings.TrimSpace(string(where)), fmt.Sprintf(`UPDATE countersign_records.piece SET encoded = '\x%x' WHERE node = '%s' AND part = 'lines' AND segment = %d AND place = %d`,
		text, s.Node, at.Segment, at.Offset))
}

// TestANodeServesWithoutItsDepot: it starts while the database of the records is away, says so, and refuses nobody for it.
func TestANodeServesWithoutItsDepot(t *testing.T) {
	file := madeWith(t, "")
	nowhere := filepath.Join(t.TempDir(), "records.url")
	if err := os.WriteFile(nowhere, []byte("postgres://nobody@127.0.0.1:1/nothing?connect_timeout=1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	changed(t, file, "\nrecords:\n", "\nrecords:\n  ship: {to: postgres, url_file: "+nowhere+", node: alone, every: 1s}\n  collect: {every: 1s}\n")
	s := served(t, file, nil)
	if status, body := s.signed("GET", fresh(), time.Now()); status != http.StatusOK {
		t.Errorf("%d %s", status, body)
	}
	s.asOften("it is told", s.ready, func(status int, body string) bool {
		return status == http.StatusOK && strings.Contains(body, "records_shipped") && strings.Contains(body, "wait to be shipped")
	})
	if value := s.metric("countersign_ship_failing"); value != "1" {
		t.Errorf("the metric says %q", value)
	}
	s.asOften("nothing was collected since the start, which is told as an age", func() (int, string) { return 0, s.metric("countersign_collect_age_seconds") },
		func(_ int, value string) bool {
			age, err := strconv.ParseFloat(value, 64)
			return err == nil && age > 0
		})
}
