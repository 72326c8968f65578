package nodes_test

import (
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// staleAfter is the max_staleness of these tests. A busy machine may read the register later than that: who has to be served is asked
// again until it is.
const staleAfter = 4 * time.Second

func staleSite(t *testing.T) *site {
	t.Helper()
	return newSite(t, 3, map[string]string{"STALENESS": staleAfter.String()})
}

// TestARevocationCountsEverywhere: the command on one machine returns when all nodes have confirmed it, and from then on the very first
// request to each of them is refused. How long that took is told, not judged.
func TestARevocationCountsEverywhere(t *testing.T) {
	s := newSite(t, 3, nil)
	a := s.nodes[0]
	for range 5 {
		one := s.issue(t, a, "--wait=30s")
		var lastLet atomic.Int64 // after the command began, in nanoseconds
		first := make([]*caller, len(s.nodes))
		for i, n := range s.nodes {
			first[i] = s.caller(t, n)
			if got := first[i].send(signed(one.key(), time.Now(), http.MethodPost, s.id("issued"))); got.is() != "200" {
				t.Fatalf("%s answers %s to what was issued, after the command said that it counts (%v)", n.host, got.is(), got.cause)
			}
		}
		ended, begun := make(chan struct{}), time.Now()
		var watching sync.WaitGroup
		for _, n := range s.others(a) {
			k := s.caller(t, n)
			watching.Go(func() { letIn(k, s, one, begun, &lastLet, ended) })
		}
		r := a.must(t, "credential", "revoke", one.ID, "--yes", "--wait=30s")
		for i, n := range s.nodes {
			if got := first[i].send(signed(one.key(), time.Now(), http.MethodPost, s.id("revoked"))); got.is() != "401 unauthorized" {
				t.Errorf("%s answers %s to the first request after the revocation was confirmed", n.host, got.is())
			}
		}
		close(ended)
		watching.Wait()
		t.Logf("the command took %s; the last request that another node let in came in %s after the command's start\n%s%s", r.took.Round(time.Millisecond),
			time.Duration(lastLet.Load()).Round(time.Millisecond), r.out, r.says)
	}
}

// letIn asks a node as fast as it can and notes when a credential was honoured for the last time.
func letIn(k *caller, s *site, one credential, begun time.Time, last *atomic.Int64, ended chan struct{}) {
	for {
		select {
		case <-ended:
			return
		default:
		}
		sent := time.Since(begun)
		if a := k.send(signed(one.key(), time.Now(), http.MethodGet, s.id("watched"))); a.status != http.StatusOK {
			return
		}
		for before := last.Load(); int64(sent) > before && !last.CompareAndSwap(before, int64(sent)); before = last.Load() {
		}
	}
}

// TestAPausedNodeIsNamedUntilItStopsByItself: a revocation that a node does not confirm says which one, and when it stops by itself. The
// command that waits so long is told that all is well; and the node that goes on then does not decide by what it knew.
func TestAPausedNodeIsNamedUntilItStopsByItself(t *testing.T) {
	s := staleSite(t)
	a, paused := s.nodes[0], s.nodes[2]
	one, other := s.issue(t, a, "--wait=30s"), s.issue(t, a, "--wait=30s")
	k := s.caller(t, paused)
	ask := func(c credential) answer { return k.send(signed(c.key(), time.Now(), http.MethodGet, s.id("paused"))) }
	eventually(t, "the node serves", func() bool { return ask(one).is() == "200" })
	if err := paused.process.signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	r := a.run("credential", "revoke", one.ID, "--yes", "--wait=1s")
	if name := ":" + strconv.Itoa(paused.process.pid()); r.ok() || !strings.Contains(r.says, name) || !strings.Contains(r.says, "stops by itself at") {
		t.Errorf("the command that %s does not confirm ends with %d and says %q; want its name and when it stops", name, r.code, r.says)
	}
	t.Logf("a node that does not confirm is told so: %s", r.says)
	a.must(t, "credential", "revoke", other.ID, "--yes", "--wait=60s")
	sent := make(chan answer)
	go func() { sent <- ask(one) }() // it waits in the node's connection
	if err := paused.process.signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	for _, got := range []answer{<-sent, ask(one), ask(other)} {
		if got.status == http.StatusOK {
			t.Errorf("the node goes on and lets in what was revoked while it was paused: %s", got.is())
		}
	}
	eventually(t, "the node knows the register of now", func() bool { return ask(one).is() == "401 unauthorized" && ask(other).is() == "401 unauthorized" })
}

// TestANodeThatIsCutOffSaysHowOldItIs: without the store, a node decides by what it knows for max_staleness, says how old that is, and then
// answers 503 snapshot_stale; a revocation that is confirmed counts on it as well, since it has stopped. The others go on.
func TestANodeThatIsCutOffSaysHowOldItIs(t *testing.T) {
	s := staleSite(t)
	a, away := s.nodes[0], s.nodes[2]
	one := s.issue(t, a, "--wait=30s")
	k, near := s.caller(t, away), s.caller(t, s.nodes[1])
	ask := func(k *caller) answer { return k.send(signed(one.key(), time.Now(), http.MethodGet, s.id("cut"))) }
	for _, state := range []relayState{cut, stalled} {
		away.store.set(state)
		eventually(t, "the node stops by itself", func() bool {
			got := ask(k)
			if got.is() != "200" && got.is() != "503 snapshot_stale" {
				t.Fatalf("a node without the store answers %s (%v)", got.is(), got.cause)
			}
			return got.status != http.StatusOK
		})
		status, page := away.page("/readyz")
		if status != http.StatusServiceUnavailable || !strings.Contains(page, `"snapshot"`) {
			t.Errorf("/readyz of a node that is too old: %d %s", status, page)
		}
		t.Logf("/readyz: %s", page)
		r := a.must(t, "node", "list")
		t.Logf("node list:\n%s", r.out)
		eventually(t, "another node serves", func() bool { return ask(near).is() == "200" })
		away.store.set(open)
		eventually(t, "the node is back", func() bool { return ask(k).is() == "200" })
	}
	away.store.set(cut)
	a.must(t, "credential", "revoke", one.ID, "--yes", "--wait=60s")
	for range 20 {
		if got := ask(k); got.status == http.StatusOK {
			t.Errorf("the revocation is confirmed, and the node that is cut off lets the credential in: %s", got.is())
		}
	}
	away.store.set(open)
}
