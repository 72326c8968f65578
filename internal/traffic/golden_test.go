package traffic_test

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"countersign.dev/internal/audit/rollup"
	"countersign.dev/internal/audit/search"
	"countersign.dev/internal/traffic"
)

var ctx = context.Background()

// noon is when the tests look.
var noon = time.Date(2026, 11, 20, 12, 7, 30, 0, time.UTC)

// clock stands still until it is moved.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) set(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = at
}

// world is one or several folders of counts, the lines that are in them, and sums over them.
type world struct {
	testing.TB
	*traffic.Sums
	clock   *clock
	dirs    []string
	writers []*rollup.Writer
	seq     []uint64
	lines   []search.Line
}

func newWorld(t testing.TB, folders int) *world {
	t.Helper()
	w := &world{TB: t, clock: &clock{at: noon}}
	for range folders {
		w.dirs = append(w.dirs, t.TempDir())
		w.writers, w.seq = append(w.writers, nil), append(w.seq, 0)
		w.open(len(w.dirs) - 1)
	}
	t.Cleanup(func() {
		for _, one := range w.writers {
			_ = one.Close()
		}
	})
	w.begin()
	return w
}

// begin makes sums that have read nothing.
func (w *world) begin() {
	w.Helper()
	s, err := traffic.New(traffic.Config{Folders: w.dirs, Now: w.clock.now, Log: slog.New(slog.DiscardHandler)})
	w.must(err)
	w.Sums = s
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) open(folder int) {
	w.Helper()
	one, err := rollup.Open(rollup.Config{Dir: w.dirs[folder], Now: w.clock.now, Log: slog.New(slog.DiscardHandler)})
	w.must(err)
	w.writers[folder] = one
}

// add counts a line in a folder.
func (w *world) add(folder int, l search.Line) {
	w.Helper()
	w.seq[folder]++
	l.Seq = w.seq[folder]
	w.must(w.writers[folder].Add(&l))
	w.lines = append(w.lines, l)
}

// flush writes everything down.
func (w *world) flush() {
	w.Helper()
	for _, one := range w.writers {
		w.must(one.Flush())
	}
}

// at is a line of a moment.
func at(when time.Time, change ...func(*search.Line)) search.Line {
	l := search.Line{Kind: search.Allow, Time: when, Environment: []byte("production"), API: []byte("card"), Reason: []byte("allowed"),
		Partner: []byte("ptn_a"), Credential: []byte("crd_a"), Version: 1, Proved: true, Address: []byte("203.0.113.7"),
		Duration: 3 * time.Millisecond, BytesIn: 10, BytesOut: 100}
	for _, c := range change {
		c(&l)
	}
	return l
}

func refused(reason string) func(*search.Line) {
	return func(l *search.Line) { l.Kind, l.Reason = search.Refuse, []byte(reason) }
}

// life is how requests of forty days come, some of them late, some by a clock that was in front.
func (w *world) life(number int) {
	random := rand.New(rand.NewPCG(5, 7))
	reasons := []string{"bad_signature", "replayed", "address_not_listed", "upstream_timeout"}
	for i := range number {
		ago := time.Duration(float64(40*24*time.Hour) * (1 - float64(i)/float64(number)))
		when := noon.Add(-ago)
		if random.IntN(10) == 0 {
			when = when.Add(-time.Duration(random.Int64N(int64(50 * time.Hour)))) // late, or the clock was set back
		}
		switch i % 4 { // enough for every span
		case 0:
			when = noon.Add(-time.Duration(random.Int64N(int64(time.Hour))))
		case 1:
			when = noon.Add(-time.Duration(random.Int64N(int64(24 * time.Hour))))
		}
		w.add(random.IntN(len(w.dirs)), at(when, func(l *search.Line) {
			l.Environment = []byte([]string{"production", "sandbox"}[random.IntN(2)])
			l.API = []byte([]string{"card", "aggregation", ""}[random.IntN(3)])
			l.Duration = time.Duration(random.ExpFloat64() * float64(20*time.Millisecond))
			l.BytesIn, l.BytesOut = random.Int64N(3000), random.Int64N(9000)
			n := random.IntN(4)
			l.Partner, l.Credential = fmt.Appendf(nil, "ptn_%d", n), fmt.Appendf(nil, "crd_%d", n)
			l.Version, l.Address = 1+random.IntN(2), fmt.Appendf(nil, "198.51.100.%d", random.IntN(200))
			switch dice := random.IntN(20); {
			case dice < 6:
				refused(reasons[dice%3])(l)
			case dice == 6:
				l.Reason = []byte(reasons[3]) // let in, and failed behind the door
			case dice == 7:
				l.Kind = search.Admit // no final line: it does not count
			case dice == 8:
				*l = search.Line{Kind: search.Gap, Time: l.Time, Lost: uint64(random.IntN(5))}
			case dice == 9:
				refused("unknown_credential")(l)
				l.Partner, l.Proved = nil, false
			}
		}))
	}
	w.flush()
	w.Poll(ctx)
}

// slow is a report by reading all lines for every number.
func (w *world) slow(from, to time.Time, step time.Duration) traffic.Report {
	r := traffic.Report{From: from, To: to, Step: step}
	known := map[[2]string]bool{}
	for _, l := range w.lines {
		if l.Kind == search.Gap && !l.Time.Before(from) && l.Time.Before(to) {
			r.Lost += l.Lost
		}
		if l.Kind.Final() && l.Time.After(noon.Add(-traffic.Reach)) {
			known[[2]string{string(l.Environment), string(l.API)}] = true
		}
	}
	for k := range known {
		s := traffic.Series{Environment: k[0], API: k[1]}
		counts := map[string]uint64{}
		var all []time.Duration
		ours := slices.DeleteFunc(slices.Clone(w.lines), func(l search.Line) bool {
			return !l.Kind.Final() || string(l.Environment) != k[0] || string(l.API) != k[1] || l.Time.Before(from) || !l.Time.Before(to)
		})
		for begin := from; begin.Before(to); begin = begin.Add(step) {
			p := traffic.Point{At: begin}
			var some []time.Duration
			for _, l := range ours {
				if l.Time.Before(begin) || !l.Time.Before(begin.Add(step)) {
					continue
				}
				if string(l.Reason) != "allowed" {
					counts[string(l.Reason)]++
				}
				s.BytesIn += uint64(l.BytesIn)
				s.BytesOut += uint64(l.BytesOut)
				if l.Kind == search.Allow {
					p.Allowed++
					some = append(some, l.Duration)
				} else {
					p.Refused++
				}
			}
			s.Allowed += p.Allowed
			s.Refused += p.Refused
			p.Latency = latency(some)
			all = append(all, some...)
			s.Points = append(s.Points, p)
		}
		s.Latency = latency(all)
		for name, n := range counts {
			s.Reasons = append(s.Reasons, traffic.Reason{Name: name, Count: n})
		}
		slices.SortFunc(s.Reasons, func(a, b traffic.Reason) int {
			return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Name, b.Name))
		})
		r.Series = append(r.Series, s)
	}
	slices.SortFunc(r.Series, func(a, b traffic.Series) int {
		return cmp.Or(cmp.Compare(a.Environment, b.Environment), cmp.Compare(a.API, b.API))
	})
	return r
}

// latency is the nearest rank of each share.
func latency(all []time.Duration) traffic.Latency {
	if len(all) == 0 {
		return traffic.Latency{}
	}
	slices.Sort(all)
	rank := func(percent int) time.Duration { return all[max(0, (len(all)*percent+99)/100-1)] }
	return traffic.Latency{P50: rank(50), P95: rank(95), P99: rank(99)}
}

// near compares durations as far as buckets are exact: 3.2 %, and a microsecond for what is cut off.
var near = gocmp.Comparer(func(a, b time.Duration) bool {
	return (a - b).Abs() <= max(a, b)*32/1000+time.Microsecond
})

// TestReportsAreTheSumOfTheLines, for every span, over two folders, with late lines and such of clocks that were set back.
func TestReportsAreTheSumOfTheLines(t *testing.T) {
	w := newWorld(t, 2)
	w.life(24_000)
	for span, of := range map[traffic.Span]struct {
		steps int
		step  time.Duration
	}{traffic.Hour: {60, time.Minute}, traffic.Day: {96, 15 * time.Minute}, traffic.Week: {84, 2 * time.Hour}} {
		end := noon.Truncate(of.step).Add(of.step)
		want := w.slow(end.Add(-time.Duration(of.steps)*of.step), end, of.step)
		got, err := w.Report(span, nil)
		w.must(err)
		if diff := gocmp.Diff(want, got, near); diff != "" {
			t.Errorf("%s: (-lines +sums)\n%s", span, diff)
		}
		if n := got.Series[0].Allowed; n < 50 {
			t.Errorf("%s: %d requests prove little", span, n)
		}
	}
	if _, err := w.Report("1y", nil); err != traffic.ErrSpan {
		t.Errorf("a span that is none: %v", err)
	}
}

// slowUsage is how a partner called since a moment, by reading all lines.
func (w *world) slowUsage(partner, credential string, from time.Time) (list []traffic.EnvironmentUsage) {
	for _, environment := range []string{"production", "sandbox"} {
		e := traffic.EnvironmentUsage{Environment: environment}
		for version := 2; version > 0; version-- {
			v := traffic.VersionUsage{Credential: credential, Version: version}
			last := map[netip.Addr]time.Time{}
			for _, l := range w.lines {
				if string(l.Environment) != environment || !l.Kind.Final() || l.Time.Before(noon.Add(-traffic.Reach)) {
					continue
				}
				if string(l.Credential) != credential || l.Version != version || !l.Proved {
					continue
				}
				if when := l.Time.Truncate(time.Second); when.After(v.Last) {
					v.Last = when
				}
				if l.Time.Before(from) {
					continue
				}
				if minute := l.Time.Truncate(time.Minute); minute.After(last[l.IP()]) {
					last[l.IP()] = minute
				}
				if l.Kind == search.Allow {
					v.Allowed++
				} else {
					v.Refused++
				}
			}
			v.Cut = len(last) > traffic.MaxAddresses
			e.Versions = append(e.Versions, v)
		}
		for _, l := range w.lines {
			if string(l.Environment) != environment || !l.Kind.Final() || string(l.Partner) != partner {
				continue
			}
			if minute := l.Time.Truncate(time.Minute); minute.After(e.Last) {
				e.Last = minute
			}
			switch {
			case l.Time.Before(from):
			case l.Kind == search.Allow:
				e.Allowed++
			default:
				e.Refused++
			}
		}
		list = append(list, e)
	}
	return list
}

// TestUsageIsTheSumOfTheLines, and the addresses are those that were seen last.
func TestUsageIsTheSumOfTheLines(t *testing.T) {
	w := newWorld(t, 2)
	w.life(24_000)
	for span, from := range map[traffic.Span]time.Time{traffic.Day: noon.Truncate(time.Hour).Add(-24 * time.Hour),
		traffic.Week: noon.Truncate(24 * time.Hour).Add(-7 * 24 * time.Hour), traffic.Month: noon.Truncate(24 * time.Hour).Add(-30 * 24 * time.Hour)} {
		got, err := w.Usage("ptn_2", []string{"crd_2", "crd_none"}, span, nil)
		w.must(err)
		if !got.From.Equal(from) || !got.To.Equal(noon) || got.Faults != nil {
			t.Errorf("%s: from %s to %s, %v", span, got.From, got.To, got.Faults)
		}
		for i := range got.Environments {
			for j := range got.Environments[i].Versions {
				v := &got.Environments[i].Versions[j]
				if len(v.Addresses) == 0 || len(v.Addresses) > traffic.MaxAddresses || !slices.IsSortedFunc(v.Addresses, netip.Addr.Compare) {
					t.Errorf("%s: addresses %v", span, v.Addresses)
				}
				v.Addresses = nil
			}
		}
		if diff := gocmp.Diff(w.slowUsage("ptn_2", "crd_2", from), got.Environments); diff != "" {
			t.Errorf("%s: (-lines +sums)\n%s", span, diff)
		}
	}
	if _, err := w.Usage("ptn_2", nil, traffic.Hour, nil); err != traffic.ErrSpan {
		t.Errorf("a span that is none: %v", err)
	}
}
