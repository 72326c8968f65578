package rollup

import (
	"sync"
	"sync/atomic"

	"countersign.dev/internal/audit/search"
)

// Tally adds up lines that somebody else reads, who tells it of each: search.Companion. What it holds are the sums of lines that follow
// one another without a gap, for the one Writer that has it; where the Writer finds that lines are missing before them, it reads these
// itself. So nothing depends on the other one: whatever it tells twice, late or never, the counts are the same. While no Writer
// follows a record with it, it counts nothing. It does no I/O, and its memory has a bound. Safe for concurrent use.
type Tally struct {
	due atomic.Uint64 // the line that the writer wants next; 0: it wants none

	mu     sync.Mutex // from Begin to End, too
	sums   *sums
	from   uint64 // the first line in sums
	to     uint64 // the last one; from-1: there is none
	latest int64  // minute of all of them
	broken bool   // the next line does not follow
	rounds uint64 // how often the whole record had been read
}

// NewTally makes one that holds nothing.
func NewTally() *Tally { return &Tally{sums: newSums(), from: 1} }

var _ search.Companion = (*Tally)(nil)

// Begin locks t.
func (t *Tally) Begin() { t.mu.Lock() }

// Line adds l, if the Writer wants it. Only between Begin and End.
func (t *Tally) Line(l *search.Line) {
	if due := t.due.Load(); due == 0 || l.Seq < due {
		return
	}
	if l.Seq != t.to+1 || t.broken {
		t.restart(l.Seq)
	}
	if l.Time.IsZero() && (l.Kind.Final() || l.Kind == search.Gap) {
		return // in which minute it counts, the Writer knows, who reads it: the next line does not follow
	}
	t.to = l.Seq
	if !l.Time.IsZero() {
		minute := max(0, l.Time.Unix()/60)
		t.latest = max(t.latest, minute)
		t.sums.add(l, minute)
	}
	if t.sums.keys > maxKeys {
		t.restart(l.Seq + 1) // nobody takes it
	}
}

// Unread ends a run of lines. Only between Begin and End.
func (t *Tally) Unread() { t.broken = true }

// End unlocks t. ended: what was told are all lines that there are.
func (t *Tally) End(ended bool) {
	if ended {
		t.rounds++
	}
	t.mu.Unlock()
}

// restart forgets what there is. The next line that counts is that with the number from.
func (t *Tally) restart(from uint64) {
	if t.to >= t.from {
		t.sums.reset()
	}
	t.from, t.to, t.latest, t.broken = from, from-1, 0, false
}

// want says which line the writer needs next; 0: none. What it has counted itself meanwhile is forgotten.
func (t *Tally) want(next uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.due.Store(next)
	if t.from < next && t.to >= t.from {
		t.restart(t.to + 1)
	}
}

// held is what t holds: the lines from from to to, none where to is from-1; the latest minute among them, how many things are
// counted apart, and how often the whole record had been read.
func (t *Tally) held() (h holding) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return holding{from: t.from, to: t.to, latest: t.latest, keys: t.sums.keys, rounds: t.rounds}
}

type holding struct {
	from, to uint64
	latest   int64
	keys     int
	rounds   uint64
}

// give adds what t holds to sums, if it begins with the line that is due, and returns which line is due then.
func (t *Tally) give(to *sums, due uint64) (next uint64, latest int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.from != due || t.to < t.from {
		return due, 0
	}
	next, latest = t.to+1, t.latest
	to.take(t.sums)
	t.from, t.latest = next, 0
	t.due.Store(next)
	return next, latest
}
