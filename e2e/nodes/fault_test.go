package nodes_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// fault is something that happens to the nodes, and what may be answered meanwhile besides what is always answered.
type fault struct {
	name     string
	begin    func(t *testing.T) // nil: nothing happens, and no change may fail either
	end      func(t *testing.T)
	refusals func(c cell) bool
	shown    func(c cell) bool // whether the fault was felt; nil: it need not be
}

// TestFaults kills, pauses, cuts off and restarts a node, the store and the cache, one after the other, under load. In all of it nothing
// that was acknowledged is lost, no write is let in twice by whichever nodes, nothing forged passes, and nothing is answered but what the
// table of faults says. What was answered is counted: docs/guide/many-nodes.md has the table of one run.
func TestFaults(t *testing.T) {
	s := newSite(t, 3, nil)
	l, c := s.startLoad(t), s.startChanges(t, false)
	l.served(t, s.nodes...)
	c.acknowledged(t, 2)
	l.check(t)
	report := &report{}
	for _, f := range slices.Concat([]fault{{name: "nothing", refusals: nobody}}, nodeFaults(s), storeFaults(s), cacheFaults(s)) {
		if !t.Run(f.name, func(t *testing.T) { undergo(t, s, l, c, f, report) }) {
			break // the next one would begin in the middle of this one
		}
	}
	l.end()
	l.check(t)
	c.check(t)
	for _, id := range s.upstream.where(func(id string, times int) bool { return times > 1 || strings.HasPrefix(id, forges) }) {
		t.Errorf("%s arrived %d times", id, s.upstream.times(id))
	}
	verifyRecords(t, s)
	report.tell(t)
}

// verifyRecords ends the nodes and verifies what each wrote down, and the register's own record: faults left no gap and no broken chain.
func verifyRecords(t *testing.T, s *site) {
	for _, n := range s.nodes {
		if err := n.process.stop(); err != nil {
			t.Errorf("%v\n%s", err, n.process.log.tail())
		}
		r := n.must(t, "audit", "verify")
		if !strings.Contains(r.out, "are one chain, and every row of the register is as they left it") {
			t.Errorf("%s: the register's own record is not whole:\n%s", n.host, r.out)
		}
		if strings.Contains(r.out, "gap told") && n != s.nodes[2] { // the third one was killed
			t.Errorf("%s: lines of the record are missing:\n%s", n.host, r.out)
		}
	}
}

// felt is how many answers a fault lasts: of nodes that answer.
const felt = 2000

// undergo is one fault: it begins, lasts while a load goes on, ends, and is over when every node serves everything again.
func undergo(t *testing.T, s *site, l *load, c *changes, f fault, into *report) {
	asked, failed := c.counted()
	l.allow(f.refusals)
	begun := time.Now()
	if f.begin != nil {
		f.begin(t)
	}
	l.more(t, felt)
	if f.shown != nil {
		eventually(t, "the fault is felt", func() bool { return l.number(f.shown) > 0 })
	}
	lasted := time.Since(begun)
	if f.end != nil {
		f.end(t)
	}
	l.served(t, s.nodes...)
	c.acknowledged(t, 2)
	l.round(t)
	over := time.Since(begun)
	row := l.seen()
	l.allow(nobody)
	l.round(t)
	l.check(t)
	moreAsked, moreFailed := c.counted()
	into.add(f.name, lasted, over-lasted, row, moreAsked-asked, moreFailed-failed)
	if f.begin == nil && moreFailed > failed {
		t.Errorf("%d changes failed while nothing was wrong: %s", moreFailed-failed, c.cause)
	}
	if t.Failed() {
		for _, n := range s.nodes {
			t.Logf("%s says\n%s", n.host, n.process.log.tail())
		}
		t.Logf("the last change that failed says\n%s", c.cause)
	}
}

func nobody(cell) bool { return false }

// at is what a node may answer or not, whatever it was asked.
func at(n *node, answers ...string) func(c cell) bool {
	return func(c cell) bool { return c.node == n.host && slices.Contains(answers, c.answer) }
}

// unjudged is what a node answers to writes alone while nobody can say whether they are new.
func unjudged(c cell) bool {
	return c.answer == "503 unavailable" && slices.Contains([]string{writes, doubles, repeats}, c.kind)
}

// nodeFaults are those of the third node. The other two answer as if nothing had happened.
func nodeFaults(s *site) []fault {
	n := s.nodes[2]
	gone := at(n, notReached, cutOff)
	signal := func(what syscall.Signal) func(t *testing.T) {
		return func(t *testing.T) {
			if err := n.process.signal(what); err != nil {
				t.Fatal(err)
			}
		}
	}
	return []fault{
		{"node: kill -9", func(*testing.T) { n.process.kill() }, func(t *testing.T) { n.start(t) }, gone, gone},
		{"node: paused", signal(syscall.SIGSTOP), signal(syscall.SIGCONT), func(c cell) bool { return at(n, notReached)(c) || c.node == n.host && unjudged(c) }, nil},
		{"node: cut off", func(*testing.T) { n.offline(cut) }, func(*testing.T) { n.offline(open) },
			func(c cell) bool { return c.node == n.host && unjudged(c) }, func(c cell) bool { return c.node == n.host && unjudged(c) }},
		{"node: no bytes pass", func(*testing.T) { n.offline(stalled) }, func(*testing.T) { n.offline(open) },
			func(c cell) bool { return c.node == n.host && unjudged(c) }, func(c cell) bool { return c.node == n.host && unjudged(c) }},
		{"node: restart", func(t *testing.T) {
			if err := n.process.stop(); err != nil {
				t.Errorf("%v\n%s", err, n.process.log.tail())
			}
		}, func(t *testing.T) { n.start(t) }, gone, gone},
	}
}

// storeFaults are those of PostgreSQL. No caller hears of them: nodes decide from memory.
func storeFaults(s *site) []fault {
	p := s.store
	everywhere := func(state relayState) func(*testing.T) {
		return func(*testing.T) {
			for _, n := range s.nodes {
				n.store.set(state)
			}
		}
	}
	return []fault{
		{"PostgreSQL: kill -9", func(t *testing.T) { p.kill(t) }, func(t *testing.T) { p.start(t) }, nobody, nil},
		{"PostgreSQL: paused", func(t *testing.T) { p.pause(t) }, func(t *testing.T) { p.resume(t) }, nobody, nil},
		{"PostgreSQL: cut off", everywhere(cut), everywhere(open), nobody, nil},
		{"PostgreSQL: restart", func(t *testing.T) { p.stop(t) }, func(t *testing.T) { p.start(t) }, nobody, nil},
	}
}

// cacheFaults are those of Redis. Reads are served; what must not be let in twice is refused while nobody can tell whether it is new.
func cacheFaults(s *site) []fault {
	r := s.cache
	everywhere := func(state relayState) func(*testing.T) {
		return func(*testing.T) {
			for _, n := range s.nodes {
				n.cache.set(state)
			}
		}
	}
	return []fault{
		{"Redis: kill -9", func(t *testing.T) { r.Kill(t) }, func(t *testing.T) { r.Run(t) }, unjudged, unjudged},
		{"Redis: paused", func(t *testing.T) { r.Pause(t) }, func(t *testing.T) { r.Resume(t) }, unjudged, unjudged},
		{"Redis: cut off", everywhere(cut), everywhere(open), unjudged, unjudged},
		{"Redis: restart", func(t *testing.T) { shutdown(t, r) }, func(t *testing.T) { r.Run(t) }, unjudged, unjudged},
	}
}

// report is the table of all faults.
type report struct{ rows []string }

func (r *report) add(name string, lasted, recovered time.Duration, counts map[cell]int, changes, failed int) {
	refused := map[string]int{}
	total := 0
	for c, n := range counts {
		total += n
		if !slices.Contains(always[c.kind], c.answer) {
			refused[c.answer] += n
		}
	}
	var texts []string
	for answer, n := range refused {
		texts = append(texts, fmt.Sprintf("%d × %s", n, answer))
	}
	slices.Sort(texts)
	if texts == nil {
		texts = []string{"none"}
	}
	r.rows = append(r.rows, fmt.Sprintf("| %s | %.1f s | %.1f s | %d | %s | %d of %d |", name, lasted.Seconds(), recovered.Seconds(), total, strings.Join(texts, ", "), failed, changes))
}

// tell prints the table, and writes it where COUNTERSIGN_NODES_TABLE says.
func (r *report) tell(t *testing.T) {
	table := "| fault | lasted | until all was well | requests | refused or unanswered | changes that failed |\n| --- | --- | --- | --- | --- | --- |\n" + strings.Join(r.rows, "\n") + "\n"
	t.Logf("\n%s", table)
	if file := os.Getenv("COUNTERSIGN_NODES_TABLE"); file != "" {
		write(t, file, table)
	}
}
