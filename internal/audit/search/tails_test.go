package search_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"countersign.dev/internal/audit/search"
	"countersign.dev/internal/audit/search/recordtest"
)

// tails is a record that grows, and its followers. Time stands still; the reader looks when it is told to.
type tails struct {
	*testing.T
	*search.Tails
	record *recordtest.Record
	path   string
	tick   chan time.Time
	now    time.Time
	log    bytes.Buffer
	end    context.CancelFunc
}

func newTails(t *testing.T, change func(*search.TailsConfig)) *tails {
	t.Helper()
	dir := t.TempDir()
	w := &tails{T: t, record: recordtest.New(t, dir), tick: make(chan time.Time), now: recordtest.Begin}
	w.path = w.record.Write(0, false)
	cfg := search.TailsConfig{Dir: dir, Now: func() time.Time { return w.now }, Log: slog.New(slog.NewTextHandler(&w.log, nil))}
	if change != nil {
		change(&cfg)
	}
	var err error
	if w.Tails, err = search.NewTails(cfg); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	w.end = cancel
	done := make(chan struct{})
	go func() { defer close(done); w.Tails.Run(ctx, w.tick) }()
	t.Cleanup(func() { cancel(); <-done })
	return w
}

// write adds decisions of one environment, and returns their last seq.
func (w *tails) write(n int, environment string) uint64 {
	w.Helper()
	for range n {
		b := fmt.Appendf(nil, `{"time":"%s","request_id":"%032x","environment":"%s","api":"card","decision":"refuse","reason":"bad_signature","status":401`,
			w.now.Format("2006-01-02T15:04:05.000000Z"), w.record.Seq, environment)
		recordtest.Append(w, w.path, w.record.Close(b))
	}
	return w.record.Seq
}

// look has the reader look, to the end of what is there: the second tick is only taken when the first look is over.
func (w *tails) look() {
	w.tick <- w.now
	w.tick <- w.now
}

func (w *tails) open(q search.Query, sees func(*search.Line) bool, after uint64) *search.Tailing {
	w.Helper()
	one, err := w.Open(q, sees, after)
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(one.Close)
	return one
}

func (w *tails) expect(one *search.Tailing, lost uint64, gap bool, seqs ...uint64) {
	w.Helper()
	got, err := one.Take()
	if err != nil {
		w.Fatal(err)
	}
	var have []uint64
	for _, f := range got.Found {
		have = append(have, f.Line.Seq)
	}
	if fmt.Sprint(have) != fmt.Sprint(seqs) || got.Lost != lost || got.Gap != gap {
		w.Errorf("took %v, lost %d, gap %v; want %v, %d, %v", have, got.Lost, got.Gap, seqs, lost, gap)
	}
}

func TestATailGetsWhatIsWrittenFromNowOn(t *testing.T) {
	w := newTails(t, nil)
	w.write(3, "sandbox")
	w.now = w.now.Add(time.Second)
	one := w.open(search.Query{}, nil, 0)
	w.look()
	w.expect(one, 0, false)
	a := w.write(2, "sandbox")
	w.look()
	w.expect(one, 0, false, a-1, a)
	b := w.write(1, "sandbox")
	w.look()
	w.expect(one, 0, false, b)
}

// A line of a request that came after the tail was opened is not lost, however late the reader begins.
func TestATailMissesNothingWhileTheReaderBegins(t *testing.T) {
	w := newTails(t, nil)
	one, err := w.Open(search.Query{}, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer one.Close()
	seq := w.write(1, "sandbox")
	w.look()
	w.expect(one, 0, false, seq)
}

func TestATailGoesOnBehindAPlace(t *testing.T) {
	w := newTails(t, nil)
	first := w.write(5, "sandbox")
	w.now = w.now.Add(time.Minute)
	one := w.open(search.Query{}, nil, first-2)
	w.look()
	w.expect(one, 0, false, first-1, first)
	other := w.open(search.Query{}, nil, first+100) // of another record: from now on
	w.look()
	w.expect(other, 0, false)
}

func TestAPlaceThatIsNotKeptIsTold(t *testing.T) {
	w := newTails(t, func(c *search.TailsConfig) { c.Keep = 1000 })
	begin := w.write(1, "sandbox")
	last := w.write(30, "sandbox")
	one := w.open(search.Query{}, nil, begin)
	w.look()
	got, err := one.Take()
	if err != nil || !got.Gap || len(got.Found) == 0 || got.Found[len(got.Found)-1].Line.Seq != last || len(got.Found) > 5 {
		t.Errorf("took %d lines, gap %v, %v; want a gap and the last ones", len(got.Found), got.Gap, err)
	}
}

func TestASlowTailLosesItsOwnLinesAndIsTold(t *testing.T) {
	w := newTails(t, func(c *search.TailsConfig) { c.Buffer = 2 })
	slow, quick := w.open(search.Query{}, nil, 0), w.open(search.Query{Environment: "production"}, nil, 0)
	w.look()
	a := w.write(3, "sandbox")
	w.look()
	b := w.write(1, "production")
	w.look()
	w.expect(slow, 2, false, a-2, a-1)
	w.expect(quick, 0, false, b)
}

// What a follower may not see takes no room of theirs and is not counted to them.
func TestWhatATailMayNotSeeIsNotEvenCounted(t *testing.T) {
	w := newTails(t, func(c *search.TailsConfig) { c.Buffer = 2 })
	one := w.open(search.Query{}, func(l *search.Line) bool { return string(l.Environment) == "sandbox" }, 0)
	w.look()
	w.write(10, "production")
	seq := w.write(1, "sandbox")
	w.look()
	w.expect(one, 0, false, seq)
}

func TestTailsEndWithTheirReader(t *testing.T) {
	w := newTails(t, nil)
	one := w.open(search.Query{}, nil, 0)
	w.look()
	seq := w.write(1, "sandbox")
	w.look()
	w.end()
	<-one.Ready()
	for taken := false; ; {
		got, err := one.Take()
		if errors.Is(err, search.ErrTailsClosed) {
			if !taken {
				t.Error("what had come was thrown away")
			}
			break
		}
		if taken = taken || len(got.Found) == 1 && got.Found[0].Line.Seq == seq; !taken {
			<-one.Ready()
		}
	}
	if _, err := w.Open(search.Query{}, nil, 0); !errors.Is(err, search.ErrTailsClosed) {
		t.Errorf("opened behind the end: %v", err)
	}
}

func TestTailsGoOverTheEndOfASegment(t *testing.T) {
	w := newTails(t, nil)
	one := w.open(search.Query{}, nil, 0)
	w.look()
	a := w.write(1, "sandbox")
	w.path = w.record.Write(0, false)
	b := w.write(1, "sandbox")
	w.look()
	w.expect(one, 0, false, a, b)
	if filepath.Base(w.path) != "00000002.jsonl" {
		t.Fatal(w.path)
	}
}

// With nobody there the reader is closed and the past forgotten; whoever comes next begins anew.
func TestTailsReadNothingForNobody(t *testing.T) {
	w := newTails(t, nil)
	one := w.open(search.Query{}, nil, 0)
	w.look()
	one.Close()
	for range 160 {
		w.tick <- w.now
	}
	w.write(4, "sandbox")
	w.now = w.now.Add(time.Second)
	next := w.open(search.Query{}, nil, 0)
	w.look()
	w.expect(next, 0, false)
	seq := w.write(1, "sandbox")
	w.look()
	w.expect(next, 0, false, seq)
}
