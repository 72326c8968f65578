package traffic_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/audit/rollup"
	"countersign.dev/internal/audit/search"
	"countersign.dev/internal/traffic"
)

// allowed is how many requests a report counts as let in.
func (w *world) allowed(span traffic.Span) (n uint64) {
	w.Helper()
	r, err := w.Report(span, nil)
	w.must(err)
	for _, s := range r.Series {
		n += s.Allowed
	}
	return n
}

func (w *world) faults() string {
	w.Helper()
	r, err := w.Report(traffic.Hour, nil)
	w.must(err)
	return strings.Join(r.Faults, "\n")
}

// TestBeforeTheFirstPollEveryAnswerSaysSo: nothing is quietly empty.
func TestBeforeTheFirstPollEveryAnswerSaysSo(t *testing.T) {
	w := newWorld(t, 1)
	w.add(0, at(noon))
	w.flush()
	if !strings.Contains(w.faults(), "still being read") || w.allowed(traffic.Hour) != 0 {
		t.Errorf("%q", w.faults())
	}
	if _, faults := w.LastCalls([]string{"ptn_a"}, nil); len(faults) != 1 {
		t.Errorf("last calls: %v", faults)
	}
	over, end := context.WithCancel(ctx)
	end()
	w.Poll(over)
	if !strings.Contains(w.faults(), "still being read") {
		t.Errorf("after a poll that was broken off: %q", w.faults())
	}
	w.Poll(ctx)
	if w.faults() != "" || w.allowed(traffic.Hour) != 1 {
		t.Errorf("%q, %d", w.faults(), w.allowed(traffic.Hour))
	}
}

// TestWhatIsWrittenMeanwhileFollows, and nothing is counted twice.
func TestWhatIsWrittenMeanwhileFollows(t *testing.T) {
	w := newWorld(t, 2)
	for i := range uint64(20) {
		w.add(int(i)%2, at(noon.Add(-time.Duration(i)*time.Hour)))
		if i%3 == 0 {
			w.flush()
			w.Poll(ctx)
		}
		w.Poll(ctx)
	}
	w.flush()
	w.Poll(ctx)
	if n := w.allowed(traffic.Day); n != 20 {
		t.Errorf("%d of 20", n)
	}
}

// TestAFolderThatComesLaterIsRead: another server on the data folder begins when it likes.
func TestAFolderThatComesLaterIsRead(t *testing.T) {
	w := newWorld(t, 1)
	w.dirs = append(w.dirs, filepath.Join(t.TempDir(), "rollups-sandbox"))
	w.begin()
	w.Poll(ctx)
	w.writers, w.seq = append(w.writers, nil), append(w.seq, 0)
	w.open(1)
	w.add(1, at(noon))
	w.flush()
	w.Poll(ctx)
	if n := w.allowed(traffic.Hour); n != 1 || w.faults() != "" {
		t.Errorf("%d %q", n, w.faults())
	}
}

// TestFramesThatAreCutOffAreReadWhenTheyAreWhole: a file that is being written is no damage.
func TestFramesThatAreCutOffAreReadWhenTheyAreWhole(t *testing.T) {
	w := newWorld(t, 1)
	w.add(0, at(noon))
	w.flush()
	w.add(0, at(noon))
	w.flush()
	path := filepath.Join(w.dirs[0], "2026-11-20.roll")
	whole, err := os.ReadFile(path)
	w.must(err)
	for cut := range len(whole) {
		w.must(os.WriteFile(path, whole[:cut], 0o600))
		w.begin()
		w.Poll(ctx)
		if w.faults() != "" {
			t.Fatalf("cut at %d: %q", cut, w.faults())
		}
		w.must(os.WriteFile(path, whole, 0o600))
		w.Poll(ctx)
		if n := w.allowed(traffic.Hour); n != 2 {
			t.Fatalf("cut at %d, then whole: %d", cut, n)
		}
	}
}

// TestADamagedDayIsSaid as long as its numbers are too low, also after lines that can be read follow; a rebuild mends it.
func TestADamagedDayIsSaid(t *testing.T) {
	w := newWorld(t, 1)
	w.add(0, at(noon.Add(-24*time.Hour)))
	w.add(0, at(noon))
	w.flush()
	path := filepath.Join(w.dirs[0], "2026-11-19.roll")
	text, err := os.ReadFile(path)
	w.must(err)
	damaged := slices.Clone(text)
	damaged[len(text)-1] ^= 1
	w.must(os.WriteFile(path, damaged, 0o600))
	w.Poll(ctx)
	for _, said := range []string{"2026-11-19.roll", "too low", "countersign audit rollup rebuild"} {
		if !strings.Contains(w.faults(), said) {
			t.Errorf("%q is not in %q", said, w.faults())
		}
	}
	if strings.Contains(w.faults(), w.dirs[0]) {
		t.Errorf("it names a folder of this machine: %q", w.faults())
	}
	if n := w.allowed(traffic.Week); n != 1 {
		t.Errorf("%d of the day that can be read", n)
	}
	w.add(0, at(noon))
	w.flush()
	w.Poll(ctx)
	if n := w.allowed(traffic.Week); n != 2 || w.faults() == "" {
		t.Errorf("what follows: %d, %q", n, w.faults())
	}
	if r, err := w.Usage("ptn_a", []string{"crd_a"}, traffic.Week, nil); err != nil || len(r.Faults) != 1 {
		t.Errorf("usage does not say it: %v %v", r, err)
	}
	w.must(os.WriteFile(path+".new", text, 0o600)) // as a rebuild does: another file takes its place
	w.must(os.Rename(path+".new", path))
	w.Poll(ctx)
	if n := w.allowed(traffic.Week); n != 3 || w.faults() != "" {
		t.Errorf("after it was made again: %d, %q", n, w.faults())
	}
}

// TestARebuildIsReadAnew: the former sums are not added to the new ones.
func TestARebuildIsReadAnew(t *testing.T) {
	w := newWorld(t, 1)
	for i := range 5 {
		w.add(0, at(noon.Add(-time.Duration(i)*24*time.Hour)))
	}
	w.flush()
	w.Poll(ctx)
	fresh := t.TempDir()
	other, err := rollup.Open(rollup.Config{Dir: fresh, Now: w.clock.now, Log: slog.New(slog.DiscardHandler)})
	w.must(err)
	for i := range w.lines[:3] {
		w.must(other.Add(&w.lines[i]))
	}
	w.must(other.Close())
	days, err := rollup.Days(fresh)
	w.must(err)
	for _, d := range days {
		w.must(os.Rename(filepath.Join(fresh, d.Name), filepath.Join(w.dirs[0], d.Name)))
	}
	w.Poll(ctx)
	if n := w.allowed(traffic.Week); n != 5 {
		t.Errorf("%d of 5 after a rebuild", n)
	}
	w.must(os.Remove(filepath.Join(w.dirs[0], "2026-11-16.roll"))) // retention takes the oldest; its numbers age by themselves
	w.Poll(ctx)
	if n := w.allowed(traffic.Week); n != 5 || w.faults() != "" {
		t.Errorf("after retention: %d %q", n, w.faults())
	}
	w.must(os.Remove(filepath.Join(w.dirs[0], "2026-11-18.roll"))) // a rebuild that knows nothing of this day
	w.Poll(ctx)
	if n := w.allowed(traffic.Week); n != 3 {
		t.Errorf("after a rebuild without a day: %d", n)
	}
}

// TestTheClockIsFollowed: ahead, back, and on.
func TestTheClockIsFollowed(t *testing.T) {
	w := newWorld(t, 1)
	w.add(0, at(noon))
	w.add(0, at(noon.Add(30*time.Minute)))
	w.add(0, at(noon.Add(5*time.Hour)))
	w.add(0, at(noon.Add(100*24*time.Hour)))
	w.flush()
	for _, step := range []struct {
		name string
		now  time.Duration
		want uint64
	}{
		{"now: what is ahead is not shown", 0, 1},
		{"half an hour on", 30 * time.Minute, 2},
		{"what was far ahead has come", 5 * time.Hour, 1},
		{"the clock was set back", 0, 1},
		{"a week back", -7 * 24 * time.Hour, 0},
		{"and on again", 20 * time.Minute, 1},
		{"far on", 100 * 24 * time.Hour, 1},
		{"and back", 31 * time.Minute, 2},
	} {
		w.clock.set(noon.Add(step.now))
		w.Poll(ctx)
		if n := w.allowed(traffic.Hour); n != step.want || w.faults() != "" {
			t.Errorf("%s: %d, expected %d; %q", step.name, n, step.want, w.faults())
		}
	}
}

// TestLastCallsAreThoseOfThePartnersThatWereAskedFor, in the environments that may be seen.
func TestLastCallsAreThoseOfThePartnersThatWereAskedFor(t *testing.T) {
	w := newWorld(t, 1)
	sandbox := func(l *search.Line) { l.Environment = []byte("sandbox") }
	w.add(0, at(noon.Add(-time.Hour)))
	w.add(0, at(noon.Add(-time.Minute), refused("suspended")))
	w.add(0, at(noon.Add(-3*time.Hour), sandbox))
	w.add(0, at(noon.Add(-3*time.Hour), sandbox, refused("suspended")))
	w.add(0, at(noon, func(l *search.Line) { l.Partner = []byte("ptn_b") }))
	w.flush()
	w.Poll(ctx)
	text := func(list []traffic.LastCall) (out []string) {
		for _, l := range list {
			out = append(out, fmt.Sprintf("%s %s %s %t", l.Partner, l.Environment, l.At.Format("15:04:05"), l.Allowed))
		}
		return out
	}
	list, _ := w.LastCalls([]string{"ptn_none", "ptn_a"}, nil)
	if got := text(list); !slices.Equal(got, []string{"ptn_a production 12:06:00 false", "ptn_a sandbox 09:07:00 true"}) {
		t.Errorf("%v", got)
	}
	list, _ = w.LastCalls([]string{"ptn_a", "ptn_b"}, func(environment string) bool { return environment == "sandbox" })
	if got := text(list); !slices.Equal(got, []string{"ptn_a sandbox 09:07:00 true"}) {
		t.Errorf("confined: %v", got)
	}
}

// TestAddressesAreThoseThatWereSeenLast: the bound drops the one of longest ago, and says so only where that lies in the span.
func TestAddressesAreThoseThatWereSeenLast(t *testing.T) {
	w := newWorld(t, 1)
	for i := range traffic.MaxAddresses + 3 {
		w.add(0, at(noon.Add(-10*24*time.Hour).Add(time.Duration(i)*time.Minute), func(l *search.Line) { l.Address = fmt.Appendf(nil, "203.0.113.%d", i) }))
	}
	w.flush()
	w.Poll(ctx)
	of := func(span traffic.Span) traffic.VersionUsage {
		u, err := w.Usage("ptn_a", []string{"crd_a"}, span, nil)
		w.must(err)
		return u.Environments[0].Versions[0]
	}
	v := of(traffic.Month)
	if len(v.Addresses) != traffic.MaxAddresses || !v.Cut || v.Addresses[0].String() != "203.0.113.3" {
		t.Errorf("a month: %d from %v on, cut %t", len(v.Addresses), v.Addresses[0], v.Cut)
	}
	if v := of(traffic.Day); len(v.Addresses) != 0 || v.Cut || v.Last.IsZero() {
		t.Errorf("a day: %+v", v)
	}
}

// TestNothingGrowsBeyondItsBound: what is beyond is left out, and every answer says so.
func TestNothingGrowsBeyondItsBound(t *testing.T) {
	w := newWorld(t, 1)
	for i := range traffic.MaxSeries + 10 {
		w.add(0, at(noon, func(l *search.Line) { l.API = fmt.Appendf(nil, "api-%d", i) }))
	}
	w.flush()
	w.Poll(ctx)
	r, err := w.Report(traffic.Hour, nil)
	if err != nil || len(r.Series) != traffic.MaxSeries || len(r.Faults) != 1 || !strings.Contains(r.Faults[0], "more than is counted apart") {
		t.Errorf("%d series, %v, %v", len(r.Series), r.Faults, err)
	}
}

// TestConfig: what is missing is an error.
func TestConfig(t *testing.T) {
	good := traffic.Config{Folders: []string{"x"}, Now: time.Now, Log: slog.New(slog.DiscardHandler)}
	for name, change := range map[string]func(*traffic.Config){"folders": func(c *traffic.Config) { c.Folders = nil },
		"clock": func(c *traffic.Config) { c.Now = nil }, "log": func(c *traffic.Config) { c.Log = nil }} {
		cfg := good
		change(&cfg)
		if _, err := traffic.New(cfg); err == nil {
			t.Errorf("without %s", name)
		}
	}
}

// TestAFolderThatCannotBeListedIsSaid until it can be.
func TestAFolderThatCannotBeListedIsSaid(t *testing.T) {
	w := newWorld(t, 1)
	w.add(0, at(noon))
	w.flush()
	odd := filepath.Join(t.TempDir(), "rollups-odd")
	w.must(os.WriteFile(odd, nil, 0o600))
	w.dirs = append(w.dirs, odd)
	w.begin()
	for range 2 {
		w.Poll(ctx)
		if !strings.Contains(w.faults(), "cannot be listed") || strings.Contains(w.faults(), filepath.Dir(odd)) || w.allowed(traffic.Hour) != 1 {
			t.Errorf("%q, %d", w.faults(), w.allowed(traffic.Hour))
		}
	}
	w.must(os.Remove(odd))
	w.Poll(ctx)
	if w.faults() != "" {
		t.Errorf("%q", w.faults())
	}
}
