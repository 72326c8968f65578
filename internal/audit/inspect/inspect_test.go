package inspect_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/audit/checkpoint"
	"countersign.dev/internal/audit/inspect"
	"countersign.dev/internal/audit/search/recordtest"
	"countersign.dev/internal/audit/segment"
)

var ctx = context.Background()

// register says of its record what a test says.
type register struct {
	report  audit.ChangeReport
	anchors []audit.Anchor
	asked   int
	err     error
}

func (r *register) VerifyChanges(_ context.Context, anchors []audit.Anchor) (audit.ChangeReport, error) {
	r.asked++
	r.anchors = anchors
	return r.report, r.err
}

func (r *register) Head(context.Context) (audit.Head, error) {
	return audit.Head{Seq: r.report.Last}, r.err
}

// world is an inspection of a fake register and a real decision record with its book.
type world struct {
	testing.TB
	*inspect.Inspector
	register register
	record   *recordtest.Record
	dir      string
	book     string
	signer   *checkpoint.Signer
	now      time.Time
	paused   int // how often a verification paused: once for each segment that it read
	pause    error
}

func newWorld(t testing.TB, change ...func(*inspect.Config)) *world {
	t.Helper()
	w := &world{TB: t, dir: t.TempDir(), book: t.TempDir(), now: recordtest.Begin.Add(time.Hour)}
	w.register.report = audit.ChangeReport{Changes: 5, Last: 5, Rows: 3}
	w.record = recordtest.New(t, w.dir)
	var err error
	w.signer, err = checkpoint.NewKey(nil, filepath.Join(t.TempDir(), "key"), rand.Reader)
	w.must(err)
	keys := func() ([]checkpoint.Public, error) { return []checkpoint.Public{w.signer.Public()}, nil }
	book := func(record string) *inspect.Book {
		path := filepath.Join(w.book, checkpoint.FileName(record))
		return &inspect.Book{Place: path, Keys: keys, Text: func() ([]byte, error) { return os.ReadFile(path) }}
	}
	cfg := inspect.Config{Changes: &w.register, ChangesBook: book("changes"), Decisions: []inspect.DecisionRecord{{Name: "decisions", Dir: w.dir, Book: book("decisions"),
		Head: func() uint64 { return w.record.Seq }}},
		Now: func() time.Time { return w.now }, Log: slog.New(slog.DiscardHandler), Pause: func(context.Context, time.Duration) error { w.paused++; return w.pause }}
	for _, c := range change {
		c(&cfg)
	}
	w.Inspector, err = inspect.New(cfg)
	w.must(err)
	return w
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// sign adds a checkpoint of a record.
func (w *world) sign(record string, a checkpoint.Anchor) {
	w.Helper()
	b, err := checkpoint.OpenBook(checkpoint.BookConfig{Dir: w.book, Record: record, Signer: w.signer, Log: slog.New(slog.DiscardHandler)})
	w.must(err)
	a.Record, a.At = record, w.now
	w.must(b.Add(func() (checkpoint.Anchor, error) { return a, nil }))
}

// signEnd signs the last line of the decision record.
func (w *world) signEnd() {
	w.Helper()
	chain, err := segment.ChainAt(nil, w.dir, w.record.Seq)
	w.must(err)
	w.sign("decisions", checkpoint.Anchor{ID: fmt.Sprintf("%032x", 7), Seq: w.record.Seq, Hash: chain})
}

// of is the status of a record in one line, with the parts that are not there left out.
func (w *world) of(name string) string {
	w.Helper()
	for _, s := range w.Records(ctx) {
		if s.Name == name {
			whole := ""
			if s.Whole {
				whole = " whole"
			}
			return fmt.Sprintf("%s %d/%d sealed %d faults %d%s", s.State, s.Verified, s.Lines, s.Sealed, len(s.Faults), whole)
		}
	}
	w.Fatalf("no record %s", name)
	return ""
}

func (w *world) want(name, want string) {
	w.Helper()
	if got := w.of(name); got != want {
		w.Errorf("%s: %s, expected %s", name, got, want)
	}
}

func (w *world) said(name string) string {
	w.Helper()
	for _, s := range w.Records(ctx) {
		if s.Name == name {
			return strings.Join(append(s.Notes, s.Faults...), "\n")
		}
	}
	return ""
}

// TestNothingIsClaimedBeforeItWasVerified.
func TestNothingIsClaimedBeforeItWasVerified(t *testing.T) {
	w := newWorld(t)
	w.record.Write(10, false)
	w.want("changes", "unverified 0/5 sealed 0 faults 0")
	w.want("decisions", "unverified 0/11 sealed 0 faults 0")
	if _, ok := w.Verify(ctx, "decisions"); !ok {
		t.Error("it cannot be asked for")
	}
	w.want("decisions", "running 0/11 sealed 0 faults 0")
	if _, ok := w.Verify(ctx, "nothing"); ok {
		t.Error("a record that is not there was asked for")
	}
}

// TestVerifiedAndAnchored: what a checkpoint vouches for, and what it does not.
func TestVerifiedAndAnchored(t *testing.T) {
	w := newWorld(t)
	w.record.Write(10, false)
	w.Round(ctx)
	w.want("decisions", "verified 11/11 sealed 0 faults 0 whole")
	if !strings.Contains(w.said("decisions"), "Not anchored") {
		t.Error(w.said("decisions"))
	}
	w.signEnd()
	w.now = w.now.Add(inspect.DefaultEvery)
	w.Round(ctx)
	w.want("decisions", "verified 11/11 sealed 11 faults 0 whole")
	if s := w.Records(ctx)[1]; s.SealedBy != w.signer.Public().ID() || !s.SealedAt.Equal(w.now.Add(-inspect.DefaultEvery)) || !strings.HasSuffix(s.SealedIn, "decisions.checkpoints") || len(s.Notes) > 1 {
		t.Errorf("%+v", s)
	}
	w.record.Write(5, false)
	w.now = w.now.Add(inspect.DefaultEvery)
	w.Round(ctx)
	w.want("decisions", "verified 17/17 sealed 11 faults 0 whole") // the first one was the open one before
	if !strings.Contains(w.said("decisions"), "Tail not anchored: entries 12 to 17") {
		t.Error(w.said("decisions"))
	}
}

// TestOnlyWhatIsNewIsReadBetweenTwoWholeVerifications, and the status says what that does not prove.
func TestOnlyWhatIsNewIsReadBetweenTwoWholeVerifications(t *testing.T) {
	w := newWorld(t)
	first := w.record.Write(10, false)
	w.record.Write(10, true)
	w.record.Write(10, false)
	step := func(after time.Duration, segments int, want string) {
		t.Helper()
		w.now, w.paused = w.now.Add(after), 0
		w.Round(ctx)
		if w.paused != segments {
			t.Errorf("%d segments were read, expected %d", w.paused, segments)
		}
		w.want("decisions", want)
	}
	step(0, 3, "verified 33/33 sealed 0 faults 0 whole")
	step(time.Minute, 0, "verified 33/33 sealed 0 faults 0 whole") // not due
	step(inspect.DefaultEvery, 1, "verified 33/33 sealed 0 faults 0")
	if !strings.Contains(w.said("decisions"), "1 of 3 segments were read") || !strings.Contains(w.said("decisions"), "set a file's times back") {
		t.Error(w.said("decisions"))
	}
	info, err := os.Stat(first)
	w.must(err)
	text, err := os.ReadFile(first)
	w.must(err)
	altered := strings.Replace(string(text), `"status":200`, `"status":401`, 1)
	w.must(os.WriteFile(first, []byte(altered), 0o600))
	w.must(os.Chtimes(first, info.ModTime(), info.ModTime()))
	step(inspect.DefaultEvery, 1, "verified 33/33 sealed 0 faults 0") // it says that it cannot see this
	w.must(os.Chtimes(first, time.Time{}, info.ModTime().Add(time.Second)))
	step(inspect.DefaultEvery, 2, "faulty 0/33 sealed 0 faults 1")
	w.must(os.WriteFile(first, text, 0o600))
	step(inspect.DefaultEvery, 2, "verified 33/33 sealed 0 faults 0")
	w.must(os.WriteFile(first, []byte(altered), 0o600))
	stamp, err := os.Stat(first)
	w.must(err)
	w.must(os.Chtimes(first, time.Time{}, stamp.ModTime()))
	step(inspect.DefaultWhole, 3, "faulty 0/33 sealed 0 faults 1 whole")
	w.must(os.WriteFile(first, text, 0o600))
	_, _ = w.Verify(ctx, "decisions")
	step(time.Second, 3, "verified 33/33 sealed 0 faults 0 whole") // asked for
}

// TestWhatChangesAreVerifiedBy: the anchors of the book, and their faults by number.
func TestWhatChangesAreVerifiedBy(t *testing.T) {
	w := newWorld(t)
	id := strings.Repeat("a", 32)
	w.sign("changes", checkpoint.Anchor{ID: id, Seq: 3, Hash: [32]byte{3}})
	w.register.report.Anchored = 3
	w.Round(ctx)
	w.want("changes", "verified 5/5 sealed 3 faults 0 whole")
	if len(w.register.anchors) != 1 || w.register.anchors[0].Seq != 3 || w.register.anchors[0].ID != id || w.register.anchors[0].Hash != [32]byte{3} {
		t.Errorf("%+v", w.register.anchors)
	}
	for _, said := range []string{"3 rows of the register", "Tail not anchored: entries 4 to 5", "was begun at entry 3"} {
		if !strings.Contains(w.said("changes"), said) {
			t.Errorf("%q is not in %q", said, w.said("changes"))
		}
	}
	w.register.report.Faults = []audit.Fault{{Kind: audit.FaultAltered, Seq: 4, Text: "change 4 is not what was hashed"}}
	w.register.report.MoreFaults = 100
	w.now = w.now.Add(inspect.DefaultEvery)
	w.Round(ctx)
	w.want("changes", "faulty 3/5 sealed 3 faults 2 whole")
	if !strings.Contains(w.said("changes"), "and 100 faults more") {
		t.Error(w.said("changes"))
	}
}

// TestABookThatIsNotWhatWasSignedIsAFault, and it is not read again and again where it only grows.
func TestABookThatIsNotWhatWasSignedIsAFault(t *testing.T) {
	w := newWorld(t)
	w.record.Write(3, false)
	w.signEnd()
	w.record.Write(3, false)
	w.signEnd()
	w.Round(ctx)
	w.want("decisions", "verified 8/8 sealed 8 faults 0 whole")
	path := filepath.Join(w.book, "decisions.checkpoints")
	text, err := os.ReadFile(path)
	w.must(err)
	lines := strings.SplitAfter(string(text), "\n")
	for name, altered := range map[string]string{
		"a number":        strings.Replace(string(text), `"seq":4`, `"seq":3`, 1),
		"a line out":      lines[1],
		"in other places": lines[1] + lines[0],
		"doubled":         string(text) + lines[1],
	} {
		w.must(os.WriteFile(path, []byte(altered), 0o600))
		w.now = w.now.Add(inspect.DefaultEvery)
		w.Round(ctx)
		if s := w.Records(ctx)[1]; s.State != inspect.Faulty || !strings.Contains(s.Faults[0], "not what was signed") {
			t.Errorf("%s: %+v", name, s)
		}
	}
	w.must(os.WriteFile(path, text, 0o600))
	w.now = w.now.Add(inspect.DefaultEvery)
	w.Round(ctx)
	if s := w.Records(ctx)[1]; s.State != inspect.Verified || s.Sealed != 8 {
		t.Errorf("the book as it was: %+v", s)
	}
}

// TestACutTailIsFound where a checkpoint has seen it.
func TestACutTailIsFound(t *testing.T) {
	w := newWorld(t)
	path := w.record.Write(9, false)
	w.signEnd()
	text, err := os.ReadFile(path)
	w.must(err)
	w.must(os.WriteFile(path, []byte(strings.Join(strings.SplitAfter(string(text), "\n")[:6], "")), 0o600))
	w.Round(ctx)
	if s := w.Records(ctx)[1]; s.State != inspect.Faulty || !strings.Contains(s.Faults[0], "the tail was cut off") {
		t.Errorf("%+v", s)
	}
}

// TestWhatWasThereBeforeIsMissed: a record, or a book, that is shorter than what this process has verified was cut, though what is
// left of it follows from entry to entry, and no checkpoint of the book that is left has seen more.
func TestWhatWasThereBeforeIsMissed(t *testing.T) {
	for name, cut := range map[string]func(w *world, record, book string){
		"a tail that no checkpoint has seen": func(_ *world, record, _ string) { cutLines(t, record, 9) },
		"a book and the lines that it saw":   func(_ *world, record, book string) { cutLines(t, record, 7); cutLines(t, book, 1) },
		"a book":                             func(_ *world, _, book string) { cutLines(t, book, 1) },
		"all of a book":                      func(w *world, _, book string) { w.must(os.Remove(book)) },
		"a tail of the register":             func(w *world, _, _ string) { w.register.report.Changes, w.register.report.Last = 4, 4 },
	} {
		w := newWorld(t)
		record, book := w.record.Write(5, false), filepath.Join(w.book, "decisions.checkpoints")
		w.signEnd()
		recordtest.Append(w, record, w.record.Close([]byte(`{"time":"2026-11-20T09:00:00.000000Z","environment":"sandbox","decision":"refuse"`)))
		w.signEnd()
		for range 3 {
			recordtest.Append(w, record, w.record.Close([]byte(`{"time":"2026-11-20T09:00:00.000000Z","environment":"sandbox","decision":"refuse"`)))
		}
		w.Round(ctx)
		w.want("decisions", "verified 10/10 sealed 7 faults 0 whole")
		was, err := os.ReadFile(record)
		w.must(err)
		signed, err := os.ReadFile(book)
		w.must(err)
		cut(w, record, book)
		for range 2 { // it is not forgotten by the next one
			w.now = w.now.Add(inspect.DefaultEvery)
			w.Round(ctx)
			if said := w.said("decisions") + w.said("changes"); !strings.Contains(said, "cut off") || !strings.Contains(w.of("decisions")+w.of("changes"), "faulty") {
				t.Errorf("%s: %s, %s: %s", name, w.of("changes"), w.of("decisions"), said)
			}
		}
		w.must(os.WriteFile(record, was, 0o600))
		w.must(os.WriteFile(book, signed, 0o600))
		w.register.report.Last = 5
		w.now = w.now.Add(inspect.DefaultEvery)
		w.Round(ctx)
		w.want("decisions", "verified 10/10 sealed 7 faults 0 whole")
		w.want("changes", "verified 5/5 sealed 0 faults 0 whole")
	}
}

// cutLines leaves the first lines of a file.
func cutLines(t *testing.T, path string, n int) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, []byte(strings.Join(strings.SplitAfter(string(text), "\n")[:n], "")), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestWhatCannotBeReadProvesNothing, neither good nor bad, and is tried again when it is due.
func TestWhatCannotBeReadProvesNothing(t *testing.T) {
	w := newWorld(t)
	w.record.Write(3, false)
	w.register.err, w.pause = errors.New("the store is gone"), errors.New("the disk is gone")
	w.Round(ctx)
	for _, name := range []string{"changes", "decisions"} {
		if s := w.said(name); !strings.Contains(s, "failed") || strings.Contains(s, "gone") || !strings.HasPrefix(w.of(name), "unverified") {
			t.Errorf("%s: %q %s", name, s, w.of(name))
		}
	}
	w.register.err, w.pause = nil, nil
	w.Round(ctx)
	if w.register.asked != 1 {
		t.Error("it was tried again at once")
	}
	w.now = w.now.Add(inspect.DefaultEvery)
	w.Round(ctx)
	w.want("changes", "verified 5/5 sealed 0 faults 0 whole")
	w.want("decisions", "verified 4/4 sealed 0 faults 0 whole")
}

// TestRunVerifiesWhenSomebodyAsks, without a tick, and ends with its context.
func TestRunVerifiesWhenSomebodyAsks(t *testing.T) {
	over, end := context.WithCancel(ctx)
	done := make(chan struct{})
	read := make(chan struct{}, 10)
	w := newWorld(t, func(c *inspect.Config) {
		c.Pause = func(context.Context, time.Duration) error { read <- struct{}{}; return nil }
	})
	w.record.Write(3, false)
	go func() { defer close(done); w.Run(over, nil) }()
	<-read
	if _, ok := w.Verify(ctx, "decisions"); !ok {
		t.Error("not there")
	}
	<-read
	end()
	<-done
}

// TestConfig: what makes no inspection is an error.
func TestConfig(t *testing.T) {
	good := func() inspect.Config {
		return inspect.Config{Changes: &register{}, Now: time.Now, Log: slog.New(slog.DiscardHandler), Decisions: []inspect.DecisionRecord{{Name: "decisions", Dir: "x"}}}
	}
	for name, change := range map[string]func(*inspect.Config){
		"no register":  func(c *inspect.Config) { c.Changes = nil },
		"no clock":     func(c *inspect.Config) { c.Now = nil },
		"no log":       func(c *inspect.Config) { c.Log = nil },
		"a bad name":   func(c *inspect.Config) { c.Decisions[0].Name = "../x" },
		"no folder":    func(c *inspect.Config) { c.Decisions[0].Dir = "" },
		"twice":        func(c *inspect.Config) { c.Decisions = append(c.Decisions, c.Decisions[0]) },
		"below a zero": func(c *inspect.Config) { c.Every = -1 },
	} {
		cfg := good()
		change(&cfg)
		if _, err := inspect.New(cfg); err == nil {
			t.Error(name)
		}
	}
	if _, err := inspect.New(good()); err != nil {
		t.Error(err)
	}
}
