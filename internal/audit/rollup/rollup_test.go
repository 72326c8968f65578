package rollup_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"countersign.dev/internal/audit/rollup"
	"countersign.dev/internal/audit/search"
	"countersign.dev/internal/audit/search/recordtest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var exactly = cmp.Options{cmp.AllowUnexported(rollup.Histogram{}), cmp.Comparer(func(a, b netip.Addr) bool { return a == b }), cmpopts.EquateEmpty()}

func config(dir string) rollup.Config {
	return rollup.Config{Dir: dir, Now: func() time.Time { return recordtest.Begin.Add(24 * time.Hour) }, Log: slog.New(slog.DiscardHandler)}
}

func open(t testing.TB, dir string) *rollup.Writer {
	t.Helper()
	w, err := rollup.Open(config(dir))
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// aRecord has decisions over two days, compressed and plain. It returns its lines, too.
func aRecord(t testing.TB) (dir string, lines []search.Line) {
	t.Helper()
	dir = t.TempDir()
	r := recordtest.New(t, dir)
	r.Step = 20 * time.Second // 5,000 decisions are a bit more than a day
	r.Write(2000, true)
	path := r.Write(3000, false)
	recordtest.Append(t, path, r.Close(fmt.Appendf(nil, `{"time":"%s","gap":true,"lost":17`, r.At.Format("2006-01-02T15:04:05.000000Z"))))
	err := search.Tail(t.Context(), dir, 0, search.Query{}, time.Millisecond, func(f search.Found) error {
		if lines = append(lines, f.Line); f.Line.Kind == search.Gap {
			return errEnough
		}
		return nil
	})
	if !errors.Is(err, errEnough) || len(lines) != 5001 {
		t.Fatalf("%d lines, %v", len(lines), err)
	}
	return dir, lines
}

var errEnough = errors.New("enough")

func sum(t testing.TB, dir string) rollup.Totals {
	t.Helper()
	total, faults, err := rollup.Sum(dir, time.Time{}, time.Time{})
	if err != nil || len(faults) > 0 {
		t.Fatalf("%v %v", err, faults)
	}
	return total
}

func series(t testing.TB, dir string) rollup.Series {
	t.Helper()
	s, err := rollup.Read(dir, recordtest.Begin, recordtest.Begin.Add(48*time.Hour), 5*time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestTheSumsAreThoseOfTheLines, counted here in the simplest way.
func TestTheSumsAreThoseOfTheLines(t *testing.T) {
	record, lines := aRecord(t)
	dir := t.TempDir()
	if _, err := rollup.Rebuild(t.Context(), config(dir), record); err != nil {
		t.Fatal(err)
	}
	total := sum(t, dir)
	reasons, partners, bytesIn := map[string]uint64{}, map[string]uint64{}, uint64(0)
	for _, l := range lines {
		if l.Kind.Final() {
			reasons[string(l.Environment)+" "+string(l.API)+" "+string(l.Reason)]++
			partners[string(l.Environment)+" "+string(l.Partner)+" "+l.Kind.String()]++
			bytesIn += uint64(l.BytesIn)
		}
	}
	gotReasons, gotPartners, gotIn, requests := map[string]uint64{}, map[string]uint64{}, uint64(0), uint64(0)
	for k, n := range total.Reasons {
		gotReasons[k.Environment+" "+k.API+" "+k.Reason] += n
	}
	for k, n := range total.Partners {
		gotPartners[k.Environment+" "+k.Partner+" "+k.Decision] += n
	}
	for _, v := range total.Traffic {
		gotIn += v.BytesIn
		requests += v.Requests
		if v.Latency.Count() != v.Requests {
			t.Errorf("%d durations of %d requests", v.Latency.Count(), v.Requests)
		}
	}
	if diff := cmp.Diff([]any{reasons, partners, bytesIn, uint64(5000), uint64(17)}, []any{gotReasons, gotPartners, gotIn, requests, total.Lost}); diff != "" {
		t.Error(diff)
	}
}

// TestLiveAndRebuiltAreEqual, however often the live one was stopped, and wherever a crash cut its files.
func TestLiveAndRebuiltAreEqual(t *testing.T) {
	record, lines := aRecord(t)
	live, again := t.TempDir(), t.TempDir()
	random := rand.New(rand.NewPCG(3, 4))
	w := open(t, live)
	for {
		from := w.Next()
		stop := from + uint64(random.IntN(900))
		for i := range lines {
			if lines[i].Seq >= from && lines[i].Seq <= stop {
				if err := w.Add(&lines[i]); err != nil {
					t.Fatal(err)
				}
			}
		}
		ended := stop >= lines[len(lines)-1].Seq
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if !ended && random.IntN(2) == 0 {
			cutNewest(t, live)
		}
		w = open(t, live)
		if ended && w.Next() > lines[len(lines)-1].Seq {
			break
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	done, err := rollup.Rebuild(context.Background(), config(again), record)
	if err != nil || done.Lines != lines[len(lines)-1].Seq || len(done.Days) != 2 {
		t.Fatalf("%+v, %v", done, err)
	}
	if diff := cmp.Diff(series(t, live), series(t, again), exactly); diff != "" {
		t.Errorf("%.2000s", diff)
	}
	if diff := cmp.Diff(sum(t, live), sum(t, again), exactly); diff != "" {
		t.Errorf("%.2000s", diff)
	}
}

// cutNewest takes some bytes off the end of the newest day file, as a crash in the middle of a write leaves it.
func cutNewest(t testing.TB, dir string) {
	t.Helper()
	names, _ := filepath.Glob(filepath.Join(dir, "*.roll"))
	if len(names) == 0 {
		return
	}
	newest := slices.Max(names)
	info, err := os.Stat(newest)
	if err == nil {
		err = os.Truncate(newest, max(0, info.Size()-7))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestOneDayWrittenAndTheOtherNot: after a crash between two files of one flush, nothing is counted twice and nothing is lost.
func TestOneDayWrittenAndTheOtherNot(t *testing.T) {
	line := func(seq uint64, at time.Time) *search.Line {
		l := &search.Line{}
		text := fmt.Sprintf(`{"time":"%s","environment":"e","decision":"allow","reason":"allowed","duration_us":5,"seq":%d}`, at.UTC().Format("2006-01-02T15:04:05.000000Z"), seq)
		if err := l.Parse([]byte(text)); err != nil {
			t.Fatal(err)
		}
		return l
	}
	midnight := time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
	lines := []*search.Line{line(1, midnight.Add(-time.Hour)), line(2, midnight.Add(time.Second)), line(3, midnight.Add(-time.Second)),
		line(4, midnight.Add(2*time.Second)), line(5, midnight.Add(-2*time.Second))}
	dir := t.TempDir()
	add := func(w *rollup.Writer) {
		for _, l := range lines {
			if err := w.Add(l); err != nil {
				t.Fatal(err)
			}
		}
	}
	w := open(t, dir)
	add(w)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "2026-11-21.roll")); err != nil {
		t.Fatal(err)
	}
	w = open(t, dir)
	if next := w.Next(); next > 2 {
		t.Errorf("goes on with %d: line 2 is lost", next)
	}
	add(w)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if n := sum(t, dir).Reasons[rollup.ReasonKey{Environment: "e", Reason: "allowed"}]; n != 5 {
		t.Errorf("counted %d, want 5", n)
	}
}

// TestAFollowerCountsWhatIsWritten, over a rotation, and goes on behind a rebuild in the middle.
func TestAFollowerCountsWhatIsWritten(t *testing.T) {
	record := t.TempDir()
	r := recordtest.New(t, record)
	r.Write(1000, true)
	dir := t.TempDir()
	w := open(t, dir)
	ctx, stop := context.WithCancel(t.Context())
	tick, done := make(chan time.Time), make(chan error, 1)
	go func() { done <- w.Follow(ctx, record, tick) }()
	tick <- time.Time{} // taken at the end of the record
	path := r.Write(500, false)
	tick <- time.Time{}
	tick <- time.Time{}
	if _, err := w.Rebuild(ctx, record); err != nil {
		t.Fatal(err)
	}
	recordtest.Append(t, path, r.Decision())
	for w.Next() <= r.Seq {
		tick <- time.Time{}
	}
	stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	n := uint64(0)
	for _, v := range sum(t, dir).Traffic {
		n += v.Requests
	}
	if n != 1501 {
		t.Errorf("counted %d of 1501", n)
	}
}

// TestADamagedFileIsToldAndMadeAgain.
func TestADamagedFileIsToldAndMadeAgain(t *testing.T) {
	record, _ := aRecord(t)
	dir := t.TempDir()
	if _, err := rollup.Rebuild(t.Context(), config(dir), record); err != nil {
		t.Fatal(err)
	}
	want := sum(t, dir)
	name := filepath.Join(dir, "2026-11-20.roll")
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	_, faults, err := rollup.Sum(dir, time.Time{}, time.Time{})
	if err != nil || len(faults) != 1 || !bytes.Contains([]byte(faults[0]), []byte("2026-11-20.roll")) {
		t.Errorf("told %q, %v", faults, err)
	}
	if _, err := rollup.Rebuild(t.Context(), config(dir), record); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, sum(t, dir), exactly); diff != "" {
		t.Errorf("%.1000s", diff)
	}
}
