package rollup

import (
	"bytes"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"countersign.dev/internal/audit/search"
	"countersign.dev/internal/audit/search/recordtest"
	"countersign.dev/internal/audit/segment"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var exact = cmp.Options{cmp.AllowUnexported(Histogram{}), cmp.Comparer(func(a, b netip.Addr) bool { return a == b }), cmpopts.EquateEmpty()}

// world is a record that is written, indexed and counted, step by step.
type world struct {
	t      *testing.T
	random *rand.Rand
	record *recordtest.Record
	dir    string // of the counts
	path   string // of the segment that is written
	closed []uint64
	number uint64
	now    time.Time

	tally   *Tally
	index   *search.Searcher
	writer  *Writer
	follow  *follower
	log     bytes.Buffer
	looks   int
	inOne   int  // looks at which nothing had to be read for the counts alone
	failing bool // the disk of the counts
}

func newWorld(t *testing.T, seed uint64) *world {
	w := &world{t: t, random: rand.New(rand.NewPCG(seed, 1)), record: recordtest.New(t, t.TempDir()), dir: t.TempDir(), now: recordtest.Begin, tally: NewTally()}
	w.record.Step = 100 * time.Millisecond
	w.rotate()
	w.reopen()
	w.again()
	return w
}

func (w *world) config() Config {
	return Config{Dir: w.dir, Now: func() time.Time { return w.now }, Log: slog.New(slog.NewTextHandler(&w.log, nil)), Tally: w.tally}
}

// reopen is a restart of the counts.
func (w *world) reopen() {
	if w.writer != nil {
		w.follow.rest()
		if err := w.writer.Close(); err != nil {
			w.t.Fatal(err)
		}
	}
	writer, err := Open(w.config())
	if err != nil {
		w.t.Fatal(err)
	}
	w.writer, w.follow = writer, &follower{w: writer, dir: w.record.Dir}
}

// again is a restart of the index.
func (w *world) again() {
	index, err := search.Open(search.Config{Dir: w.record.Dir, Log: slog.New(slog.DiscardHandler), Companion: w.tally})
	if err != nil {
		w.t.Fatal(err)
	}
	w.index = index
}

func (w *world) rotate() {
	if w.number > 0 {
		w.closed = append(w.closed, w.number)
	}
	w.number++
	w.path = w.record.Write(0, false)
}

func (w *world) compress() {
	if len(w.closed) > 0 {
		if err := segment.CompressSegment(w.t.Context(), nil, w.record.Dir, w.closed[0]); err != nil {
			w.t.Fatal(err)
		}
		w.closed = w.closed[1:]
	}
}

// write adds lines, some of which are not decisions, or nothing at all.
func (w *world) write(lines int) {
	var b []byte
	for range lines {
		at := w.record.At.Format("2006-01-02T15:04:05.000000Z")
		switch dice := w.random.IntN(400); {
		case dice == 0:
			b = append(b, "noise\n"...)
		case dice == 1:
			b = append(b, w.record.Close(fmt.Appendf(nil, `{"time":"%s","gap":true,"lost":3`, at))...)
		case dice == 2:
			b = append(b, w.record.Close([]byte(`{"gap":true,"lost":5`))...)
		case dice == 3:
			b = append(b, w.record.Close(fmt.Appendf(nil, `{"time":"%s","decision":"refuse","reason":"no \"such\" thing","warnings":["a"]`, at))...)
		case dice == 4:
			b = append(b, w.record.Close([]byte(`{"decision":"nonsense"`))...)
		case dice == 5:
			b = append(b, w.record.Close([]byte(`{"environment":"e","decision":"allow","reason":"without a time"`))...)
		default:
			b = append(b, w.record.Decision()...)
		}
	}
	recordtest.Append(w.t, w.path, b)
	w.now = w.record.At.Add(time.Second)
}

func (w *world) look() {
	before := w.follow.reader
	idle := w.follow.idle
	err := w.follow.look(w.t.Context())
	if (err != nil) != w.failing && !(w.failing && err == nil) {
		w.t.Fatal(err)
	}
	if w.looks++; w.follow.idle > idle || before == nil && w.follow.reader == nil {
		w.inOne++
	}
}

func (w *world) refresh() {
	if err := w.index.Refresh(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

// fail lets the disk of the counts fail, or work again: where a day file should be, there is a folder.
func (w *world) fail(yes bool) {
	name := filepath.Join(w.dir, "2026-11-20.roll")
	if info, err := os.Lstat(name); yes == w.failing || yes && err == nil && info.Mode().IsRegular() {
		return
	}
	if w.failing = yes; yes {
		if err := os.Mkdir(name, 0o700); err != nil {
			w.t.Fatal(err)
		}
	} else if err := os.Remove(name); err != nil {
		w.t.Fatal(err)
	}
}

// finish compares what was counted on the way with what is counted anew.
func (w *world) finish() {
	w.fail(false)
	for range 3 {
		w.refresh()
		w.look()
	}
	w.now = w.now.Add(2 * time.Minute)
	w.look()
	if next := w.writer.Next(); next != w.record.Seq+1 {
		w.t.Errorf("%d of %d lines are counted", next-1, w.record.Seq)
	}
	w.follow.rest()
	if err := w.writer.Close(); err != nil {
		w.t.Fatal(err)
	}
	fresh := w.t.TempDir()
	if _, err := Rebuild(w.t.Context(), Config{Dir: fresh, Now: time.Now, Log: slog.New(slog.DiscardHandler)}, w.record.Dir); err != nil {
		w.t.Fatal(err)
	}
	want, _, err := Sum(fresh, time.Time{}, time.Time{})
	got, _, failed := Sum(w.dir, time.Time{}, time.Time{})
	if err != nil || failed != nil {
		w.t.Fatal(err, failed)
	}
	if diff := cmp.Diff(want, got, exact); diff != "" {
		w.t.Errorf("%.2000s", diff)
	}
}

// TestOnePassCountsWhatIsThere: whatever happens to the record, to the index and to the counts, in whatever order, what was counted
// while the index was made is what is counted of the record alone.
func TestOnePassCountsWhatIsThere(t *testing.T) {
	inOne, looks := 0, 0
	for seed := range uint64(5) {
		w := newWorld(t, seed)
		for range 120 {
			switch dice := w.random.IntN(100); {
			case dice < 30:
				w.write(1 + w.random.IntN(120))
			case dice < 60:
				w.refresh()
			case dice < 85:
				w.look()
			case dice < 89:
				w.rotate()
			case dice < 93:
				w.compress()
			case dice < 94:
				w.again()
			case dice < 95 && !w.failing:
				w.reopen()
			case dice < 96 && !w.failing:
				if _, err := w.writer.Rebuild(t.Context(), w.record.Dir); err != nil {
					t.Fatal(err)
				}
			case dice < 98:
				w.fail(true)
			default:
				w.fail(false)
			}
		}
		w.finish()
		inOne, looks = inOne+w.inOne, looks+w.looks
	}
	if inOne < looks/4 {
		t.Errorf("only %d of %d looks found everything in the tally", inOne, looks)
	}
}

// TestInStepNothingIsReadTwice: the counts read nothing of a record that the index has read.
func TestInStepNothingIsReadTwice(t *testing.T) {
	w := newWorld(t, 99)
	for range 3 { // at first, what the tally was told has been read here, too
		w.look()
		recordtest.Append(t, w.path, w.record.Decision())
		w.refresh()
	}
	w.look()
	recordtest.Append(t, w.path, w.record.Decision())
	w.refresh()
	w.look()
	w.follow.close()
	for i := range 60 {
		for range 30 {
			recordtest.Append(t, w.path, w.record.Decision())
		}
		if i%20 == 0 {
			w.rotate()
			w.refresh()
			w.compress()
		}
		w.now = w.record.At
		w.refresh()
		if w.look(); w.follow.reader != nil {
			t.Fatalf("look %d reads the record", i)
		}
	}
	w.finish()
}

// TestATallyThatNobodyTakesHasABound.
func TestATallyThatNobodyTakesHasABound(t *testing.T) {
	tally := NewTally()
	tally.want(1)
	l := search.Line{Kind: search.Allow, Time: recordtest.Begin, Proved: true}
	for n := range uint64(3 * maxKeys) {
		l.Seq, l.Credential, l.Partner = n+1, fmt.Appendf(nil, "crd_%d", n), fmt.Appendf(nil, "ptn_%d", n)
		tally.Begin()
		tally.Line(&l)
		tally.End(true)
		if n%50 > 0 {
			continue
		}
		if h := tally.held(); h.keys > maxKeys || len(tally.sums.known.names) > maxKeys+10 {
			t.Fatalf("%d things are counted apart, %d names known", h.keys, len(tally.sums.known.names))
		}
	}
	if h := tally.held(); h.to != 3*maxKeys || h.from <= 1 {
		t.Errorf("it holds %+v: the last lines, and not the first", h)
	}
}

// TestSumsAreWhatAddingOneByOneGives: the fast way of counting and the plain one, over minutes in disorder, many names, long ones, and
// more flows and entries than there is room for.
func TestSumsAreWhatAddingOneByOneGives(t *testing.T) {
	random := rand.New(rand.NewPCG(4, 4))
	some := func(n int) []byte { return fmt.Appendf(nil, "name_%d", random.IntN(n)) }
	fast, plain := newSums(), map[int64]*Totals{}
	for minute := range int64(2000) { // equal lines of many minutes
		l := search.Line{Kind: search.Allow, Time: time.Unix(60*minute, 0)}
		fast.add(&l, minute)
		plain[minute] = &Totals{}
		plain[minute].Add(&l)
	}
	for i := range 15_000 {
		names := 1 + i
		if i%3 > 0 {
			names = 2
		}
		l := search.Line{Kind: []search.Kind{search.Allow, search.Refuse, search.Admit, search.Gap, search.Allow}[random.IntN(5)], Lost: 2,
			Time: recordtest.Begin.Add(time.Duration(i+random.IntN(2000)) * 10 * time.Millisecond), Environment: some(2), API: some(1 + names/30), Reason: some(3),
			Partner: some(names), Credential: some(names), Version: 256 * random.IntN(2), Proved: random.IntN(3) > 0, Duration: time.Duration(random.IntN(1e9)),
			BytesIn: 7, BytesOut: random.Int64N(100), Address: fmt.Appendf(nil, "10.0.%d.%d", random.IntN(2), random.IntN(min(names, 200)))}
		switch random.IntN(50) {
		case 0:
			l.Partner, l.Credential = nil, nil
		case 1:
			l.Partner, l.API = bytes.Repeat([]byte("x"), 200), bytes.Repeat([]byte("y"), 129)
		case 2:
			l.Address = bytes.Repeat([]byte("1"), random.IntN(300))
		case 3:
			l.Time = time.Time{}
		}
		minute := max(0, l.Time.Unix()/60)
		fast.add(&l, minute)
		if plain[minute] == nil {
			plain[minute] = &Totals{}
		}
		plain[minute].Add(&l)
	}
	fast.settle()
	for minute, t := range plain {
		if len(t.Reasons) == 0 && t.Lost == 0 {
			delete(plain, minute)
		}
	}
	if diff := cmp.Diff(plain, fast.minutes, exact); diff != "" {
		t.Errorf("%.2000s", diff)
	}
	if held := 0; true {
		for _, t := range fast.minutes {
			held += t.size()
		}
		if fast.keys < held {
			t.Errorf("%d things are counted apart, and only %d known of", held, fast.keys)
		}
	}
	other := newSums()
	other.take(fast)
	if !fast.empty() || cmp.Diff(plain, other.minutes, exact) != "" {
		t.Error("taken sums are not those that were given")
	}
}

// TestAnEntryIsOfEqualLinesAlone: one field that differs, and it is another one.
func TestAnEntryIsOfEqualLinesAlone(t *testing.T) {
	base := search.Line{Kind: search.Allow, Version: 1, Proved: true, Environment: []byte("e"), API: []byte("a"), Reason: []byte("r"), Partner: []byte("p"),
		Credential: []byte("c"), Address: []byte("192.0.2.1"), Time: recordtest.Begin}
	s := newSums()
	s.add(&base, 5)
	e := s.entry(place(&base, 5))
	if !e.fits(&base, 5) || e.fits(&base, 6) {
		t.Fatal("a line does not fit its own entry, or fits that of another minute")
	}
	for name, change := range map[string]func(*search.Line){
		"kind": func(l *search.Line) { l.Kind = search.Refuse }, "version": func(l *search.Line) { l.Version = 2 }, "proof": func(l *search.Line) { l.Proved = false },
		"environment": func(l *search.Line) { l.Environment = nil }, "api": func(l *search.Line) { l.API = []byte("b") },
		"reason": func(l *search.Line) { l.Reason = []byte("s") }, "partner": func(l *search.Line) { l.Partner = []byte("pp") },
		"credential": func(l *search.Line) { l.Credential = nil }, "address": func(l *search.Line) { l.Address = []byte("192.0.2.2") },
	} {
		other := base
		if change(&other); e.fits(&other, 5) {
			t.Errorf("a line with another %s fits", name)
		}
	}
}
