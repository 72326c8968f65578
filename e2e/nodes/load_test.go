package nodes_test

import (
	"crypto/tls"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"
)

// pace is how often one caller of the load begins a request at most: a fault is about what is answered, not about how much a machine bears.
const pace = 10 * time.Millisecond

// Kinds of requests of a load.
const (
	reads   = "read"    // an honest GET
	writes  = "write"   // an honest POST that nobody has sent before
	forges  = "forged"  // one that nobody with the secret has signed
	doubles = "doubled" // an honest POST that two or three nodes get at the same moment
	repeats = "again"   // a POST that some node has let in before, to any node
)

// cell is what is counted: answers of a node to a kind of request.
type cell struct{ kind, node, answer string }

// load is a number of callers that ask the nodes until they are told to end, and judge every answer by what arrived at the upstream.
type load struct {
	site   *site
	trust  *tls.Config
	ended  chan struct{}
	all    sync.WaitGroup
	signer func() (signingKey, time.Time) // whose requests, and by which clock

	mu      sync.Mutex
	counts  map[cell]int
	rounds  []int             // how often each caller has asked
	passed  []request         // writes that were let in, to be sent again: the last ones, and some of long ago
	wrong   []string          // what must not happen
	faults  int               // how many such there were
	refused func(c cell) bool // what may be answered now besides what every load may hear
	stood   func() bool       // whether the callers themselves were held up
}

// startLoad begins a load on all nodes of the site. It ends with t, or before.
func (s *site) startLoad(t testing.TB) *load {
	t.Helper()
	l := s.newLoad(t)
	l.begin()
	return l
}

// newLoad is one that has not begun.
func (s *site) newLoad(t testing.TB) *load {
	t.Helper()
	l := &load{site: s, trust: s.trust(t), ended: make(chan struct{}), counts: map[cell]int{}, refused: nobody, stood: heart().stood}
	l.signer = func() (signingKey, time.Time) { return s.given, time.Now() }
	t.Cleanup(l.end)
	return l
}

// begin begins it on all nodes.
func (l *load) begin() {
	s := l.site
	for _, n := range s.nodes {
		for range 2 {
			l.all.Go(func() { l.single(n) })
		}
	}
	for i := range s.nodes {
		one, next := s.nodes[i], s.nodes[(i+1)%len(s.nodes)]
		l.all.Go(func() { l.double(one, next) })
	}
	l.all.Go(func() { l.double(s.nodes...) })
	l.all.Go(func() { l.again() })
}

// end ends the load and waits for the last answers.
func (l *load) end() {
	l.mu.Lock()
	select {
	case <-l.ended:
	default:
		close(l.ended)
	}
	l.mu.Unlock()
	l.all.Wait()
}

// each calls do at the load's pace until the load ends.
func (l *load) each(do func(i int)) {
	l.mu.Lock()
	me := len(l.rounds)
	l.rounds = append(l.rounds, 0)
	l.mu.Unlock()
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for i := 0; ; i++ {
		select {
		case <-l.ended:
			return
		case <-tick.C:
			do(i)
			l.mu.Lock()
			l.rounds[me]++
			l.mu.Unlock()
		}
	}
}

func (l *load) to(n *node) *caller { return &caller{address: n.address, tls: l.trust} }

// single asks one node: reads, writes, forged ones.
func (l *load) single(n *node) {
	c := l.to(n)
	defer c.close()
	l.each(func(i int) { l.mixed(i, n, c) })
}

// mixed is the ith request of a caller to a node.
func (l *load) mixed(i int, n *node, c *caller) {
	k, now := l.signer()
	switch i % 8 {
	case 1, 3, 5:
		r := signed(k, now, http.MethodPost, l.site.id(writes))
		l.judge(writes, n, r, c.send(r))
	case 2, 6:
		r := forged(k, now, l.site.id(forges), i/4)
		l.judge(forges, n, r, c.send(r))
	default:
		r := signed(k, now, http.MethodGet, l.site.id(reads))
		l.judge(reads, n, r, c.send(r))
	}
}

// double sends the same write to several nodes at the same moment.
func (l *load) double(nodes ...*node) {
	callers := make([]*caller, len(nodes))
	for i, n := range nodes {
		callers[i] = l.to(n)
		defer callers[i].close()
	}
	l.each(func(int) {
		k, now := l.signer()
		r := signed(k, now, http.MethodPost, l.site.id(doubles))
		answers, begin := make([]answer, len(nodes)), make(chan struct{})
		var sent sync.WaitGroup
		for i, c := range callers {
			sent.Go(func() {
				<-begin
				answers[i] = c.send(r)
			})
		}
		close(begin)
		sent.Wait()
		l.judgeDoubles(nodes, r, answers)
	})
}

// again sends what was let in before to any node.
func (l *load) again() {
	callers := map[*node]*caller{}
	for _, n := range l.site.nodes {
		callers[n] = l.to(n)
		defer callers[n].close()
	}
	l.each(func(i int) {
		l.mu.Lock()
		if len(l.passed) == 0 {
			l.mu.Unlock()
			return
		}
		r := l.passed[rand.IntN(len(l.passed))]
		l.mu.Unlock()
		if time.Since(r.at) > repeatable {
			return
		}
		n := l.site.nodes[i%len(l.site.nodes)]
		l.judge(repeats, n, r, callers[n].send(r))
	})
}

// judge counts an answer and compares it with what arrived at the upstream.
func (l *load) judge(kind string, n *node, r request, a answer) {
	times := l.site.upstream.times(r.id)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.counted(cell{kind, n.host, a.is()}, a)
	let := a.status == http.StatusOK
	switch {
	case kind == forges && (let || times > 0):
		l.fail("%s let in the forged request %s: %s, %d times at the upstream", n.host, r.id, a.is(), times)
	case kind == repeats && (let || times > 1):
		l.fail("%s let in %s again: %s, %d times at the upstream", n.host, r.id, a.is(), times)
	case times > 1:
		l.fail("%s arrived %d times", r.id, times)
	case (kind == reads || kind == writes) && let != (times == 1) && a.status != 0:
		l.fail("%s answered %s to %s, and it arrived %d times", n.host, a.is(), r.id, times)
	case kind == writes && let:
		l.keep(r)
	}
}

func (l *load) judgeDoubles(nodes []*node, r request, answers []answer) {
	times, let := l.site.upstream.times(r.id), 0
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, a := range answers {
		l.counted(cell{doubles, nodes[i].host, a.is()}, a)
		if a.status == http.StatusOK {
			let++
		}
	}
	if let > 1 || times > 1 || let > times {
		l.fail("%s was sent to %d nodes at once: %d let it in, and it arrived %d times", r.id, len(nodes), let, times)
	}
	if let == 1 {
		l.keep(r)
	}
}

// What is sent again: so many at most, and as long as they lie well within the time window of the profile, five minutes.
const (
	keptPassed = 2000
	repeatable = 4 * time.Minute
)

// keep is for what was let in.
func (l *load) keep(r request) {
	if len(l.passed) < keptPassed {
		l.passed = append(l.passed, r)
		return
	}
	l.passed[rand.IntN(keptPassed)] = r
}

// always is what a load may hear at any time.
var always = map[string][]string{
	reads: {"200"}, writes: {"200"}, forges: {"401 unauthorized"}, doubles: {"200", "409 replayed"}, repeats: {"409 replayed"},
}

func (l *load) counted(c cell, a answer) {
	l.counts[c]++
	if !slices.Contains(always[c.kind], c.answer) && !l.refused(c) && !(unheard(c) && l.stood()) {
		l.fail("%s answered %q to a %s request (%v)", c.node, c.answer, c.kind, a.cause)
	}
}

// fail notes what must not happen. Its caller holds the lock.
func (l *load) fail(format string, args ...any) {
	l.faults++
	if len(l.wrong) < 20 {
		l.wrong = append(l.wrong, fmt.Sprintf(format, args...))
	}
}

// allow says what may be answered from now on, and begins to count anew.
func (l *load) allow(refused func(c cell) bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refused, l.counts = refused, map[cell]int{}
}

// seen is what was counted.
func (l *load) seen() map[cell]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.counts)
}

// number counts the answers for which so holds.
func (l *load) number(so func(c cell) bool) (n int) {
	for c, times := range l.seen() {
		if so(c) {
			n += times
		}
	}
	return n
}

// more waits for so many further answers of any kind.
func (l *load) more(t testing.TB, n int) {
	t.Helper()
	l.until(t, fmt.Sprintf("%d more answers", n), func(cell) bool { return true }, n)
}

// until waits for n further answers for which so holds.
func (l *load) until(t testing.TB, what string, so func(c cell) bool, n int) {
	t.Helper()
	from := l.number(so)
	eventually(t, what, func() bool { return l.number(so) >= from+n })
}

// served waits until a node lets reads and writes in.
func (l *load) served(t testing.TB, nodes ...*node) {
	t.Helper()
	for _, n := range nodes {
		for _, kind := range []string{reads, writes} {
			l.until(t, n.host+" serves a "+kind, func(c cell) bool { return c == cell{kind, n.host, "200"} }, 5)
		}
	}
}

// round waits until every caller has begun and ended a request: what went wrong before is counted by then.
func (l *load) round(t testing.TB) {
	t.Helper()
	l.mu.Lock()
	from := slices.Clone(l.rounds)
	l.mu.Unlock()
	eventually(t, "every caller has asked again", func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		for i, n := range from {
			if l.rounds[i] < n+2 {
				return false
			}
		}
		return true
	})
}

// check fails the test for what must not have happened.
func (l *load) check(t testing.TB) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, text := range l.wrong {
		t.Error(text)
	}
	if more := l.faults - len(l.wrong); more > 0 {
		t.Errorf("and %d more", more)
	}
	l.wrong, l.faults = nil, 0
}
