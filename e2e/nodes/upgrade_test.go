package nodes_test

import (
	"database/sql"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// What the next version of the program adds to the register (expand).
const nextAdds = "CREATE TABLE of_the_next_version (n BIGINT NOT NULL); ALTER TABLE partner ADD COLUMN of_the_next_version TEXT"

var (
	schemaNumber = regexp.MustCompile(`(?m)^(\s*schemaVersion\s*=\s*)(\d+)`)
	schemaAdded  = regexp.MustCompile(`(?m)^(var added = \[\]string\{[^}\n]*)\}`)
)

// nextSchema makes the next version's source of the register's number, for go build -overlay, and returns the file that says so.
func nextSchema() (string, error) {
	source, err := filepath.Abs(filepath.Join("..", "..", "internal", "store", "postgres", "schema.go"))
	if err != nil {
		return "", err
	}
	text, err := os.ReadFile(source)
	if err != nil {
		return "", err
	}
	found := schemaNumber.FindStringSubmatch(string(text))
	if found == nil || !schemaAdded.Match(text) {
		return "", errors.New("internal/store/postgres/schema.go does not say its version and what each version adds as this test knows it")
	}
	now, err := strconv.Atoi(found[2])
	if err != nil {
		return "", err
	}
	next := schemaNumber.ReplaceAllString(string(text), "${1}"+strconv.Itoa(now+1))
	next = schemaAdded.ReplaceAllString(next, "${1}, "+strings.ReplaceAll(strconv.Quote(nextAdds), "$", "$$")+"}")
	file, overlay := filepath.Join(scratch, "schema.go"), filepath.Join(scratch, "overlay.json")
	list, err := json.Marshal(map[string]any{"Replace": map[string]string{source: file}})
	if err != nil {
		return "", err
	}
	return overlay, errors.Join(os.WriteFile(file, []byte(next), 0o600), os.WriteFile(overlay, list, 0o600))
}

// balancer is what stands before nodes: it asks them whether they are ready, and its callers go to those in turn that are.
type balancer struct {
	site  *site
	ready sync.Map // *node: whether it is
	turn  atomic.Int64
}

// watch asks a node until the load ends.
func (b *balancer) watch(n *node, ended chan struct{}) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		b.ready.Store(n, n.ready())
		select {
		case <-ended:
			return
		case <-tick.C:
		}
	}
}

// next is whose turn it is; nil: nobody is ready.
func (b *balancer) next() *node {
	for range b.site.nodes {
		n := b.site.nodes[int(b.turn.Add(1))%len(b.site.nodes)]
		if ready, _ := b.ready.Load(n); ready == true {
			return n
		}
	}
	return nil
}

// startBalanced is a load that goes through a balancer: reads, writes and forged requests, to whoever is ready.
func (s *site) startBalanced(t testing.TB) *load {
	t.Helper()
	l, b := s.newLoad(t), &balancer{site: s}
	for _, n := range s.nodes {
		b.ready.Store(n, n.ready())
		l.all.Go(func() { b.watch(n, l.ended) })
	}
	for range 6 {
		l.all.Go(func() { l.balanced(b) })
	}
	return l
}

func (l *load) balanced(b *balancer) {
	callers := map[*node]*caller{}
	defer func() {
		for _, c := range callers {
			c.close()
		}
	}()
	l.each(func(i int) {
		for n, c := range callers {
			if ready, _ := b.ready.Load(n); ready != true {
				c.close() // as a balancer does with those that it takes out
			}
		}
		n := b.next()
		if n == nil {
			l.mu.Lock()
			l.fail("no node is ready")
			l.mu.Unlock()
			return
		}
		if callers[n] == nil {
			callers[n] = l.to(n)
		}
		l.mixed(i, n, callers[n])
	})
}

// TestRollingUpgrade: three nodes are replaced one after the other by the next version of the program, which changes the tables of the
// register when the first of them starts. Both versions serve and write side by side, and not one request fails, nor one change.
func TestRollingUpgrade(t *testing.T) {
	next := built(t, successor)
	s := newSite(t, 3, map[string]string{"LAMEDUCK": "3s"})
	version, least := schemaOf(t, s)
	l, c := s.startBalanced(t), s.startChanges(t, true)
	l.more(t, 100)
	for i, n := range s.nodes {
		if err := n.process.stop(); err != nil {
			t.Errorf("%v\n%s", err, n.process.log.tail())
		}
		l.more(t, 100)
		n.replace(next)
		n.start(t)
		l.until(t, n.host+" is taken up again", func(c cell) bool { return c.node == n.host && c.answer == "200" }, 20)
		c.acknowledged(t, 4) // at machines with either version
		if v, l := schemaOf(t, s); v != version+1 || l != least {
			t.Errorf("%d nodes are new: the tables have version %d for programs from %d on", i+1, v, l)
		}
	}
	l.round(t)
	l.end()
	l.check(t)
	c.check(t)
	if asked, failed := c.counted(); failed > 0 {
		t.Errorf("%d of %d changes failed: %s", failed, asked, c.cause)
	}
	t.Logf("%d requests, none failed", l.number(func(cell) bool { return true }))
}

// schemaOf is the version of the tables, and the lowest version of a program that may share them.
func schemaOf(t testing.TB, s *site) (version, least int) {
	t.Helper()
	db, err := sql.Open("pgx", s.url)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.QueryRow("SELECT version, least FROM countersign_schema").Scan(&version, &least); err != nil {
		t.Fatal(err)
	}
	return version, least
}
