package rate_test

import (
	"errors"
	"math/big"
	"math/rand/v2"
	"testing"
	"time"

	"countersign.dev/internal/rate"
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// bucketOfTokens is the same rule in other words and exact fractions: tokens that time refills, one for each request.
type bucketOfTokens struct{ tokens, perNano, most *big.Rat }

func newTokens(count int64, per time.Duration, burst int64) *bucketOfTokens {
	return &bucketOfTokens{tokens: big.NewRat(burst, 1), perNano: big.NewRat(count, int64(per)), most: big.NewRat(burst, 1)}
}

func (b *bucketOfTokens) wait(ns int64) {
	b.tokens.Add(b.tokens, new(big.Rat).Mul(b.perNano, big.NewRat(ns, 1)))
	if b.tokens.Cmp(b.most) > 0 {
		b.tokens.Set(b.most)
	}
}

func (b *bucketOfTokens) take() (in bool, left int64) {
	one := big.NewRat(1, 1)
	if b.tokens.Cmp(one) < 0 {
		return false, 0
	}
	b.tokens.Sub(b.tokens, one)
	return true, new(big.Int).Quo(b.tokens.Num(), b.tokens.Denom()).Int64()
}

// TestPaceIsExact: over random paces and times, every answer is that of exact fractions, to the nanosecond; and Wait is the
// first nanosecond at which there is room.
func TestPaceIsExact(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		count, per, burst := random.Int64N(1_000_000)+1, time.Duration(random.Int64N(1<<random.IntN(47))+1), random.Int64N(1<<random.IntN(20))+1
		pace, err := rate.NewPace(count, per, burst)
		if err != nil {
			t.Fatal(err)
		}
		burst = pace.Burst()
		model, state, now := newTokens(count, per, burst), rate.State{}, time.Duration(0)
		for range 300 {
			step := random.Int64N(2*int64(per)/count + 3)
			now += time.Duration(step)
			model.wait(step)
			b := rate.Bucket{Pace: pace}
			taken, refused := state.Ask(&b, now, noon)
			in, left := model.take()
			if (b.Outcome == rate.Room) != in || b.Left != left {
				t.Fatalf("%d in %s, burst %d, at %d: %+v, want %v with %d left", count, per, burst, now, b, in, left)
			}
			if in {
				state = taken
				continue
			}
			state = refused
			early, late := b, b
			state.Ask(&early, now+b.Wait-1, noon)
			state.Ask(&late, now+b.Wait, noon)
			if early.Outcome == rate.Room || late.Outcome != rate.Room {
				t.Fatalf("%d in %s, burst %d: a wait of %d: %v before, %v then", count, per, burst, b.Wait, early.Outcome, late.Outcome)
			}
		}
	}
}

func TestNewPaceRefuses(t *testing.T) {
	for _, c := range []struct {
		count int64
		per   time.Duration
		burst int64
	}{{0, 1, 1}, {-1, 1, 1}, {1, 0, 1}, {1, -1, 1}, {1, 1, 0}, {1, 1, -1}, {rate.MaxRate + 1, 1, 1}, {1, rate.MaxSpan + 1, 1}} {
		if p, err := rate.NewPace(c.count, c.per, c.burst); p != nil || !errors.Is(err, rate.ErrPace) {
			t.Errorf("%+v: %v, %v", c, p, err)
		}
	}
}

// TestHugeBurstsAreBounded: what would take more than MaxSpan to refill counts as what does not, and no sum of times leaves
// its bounds.
func TestHugeBurstsAreBounded(t *testing.T) {
	for _, c := range []struct {
		count int64
		per   time.Duration
		burst int64
		want  int64
	}{
		{1, 24 * time.Hour, 1_000_000, 36_500}, {1, rate.MaxSpan, 1 << 62, 1}, {1, 1, 1 << 62, int64(rate.MaxSpan)},
		{rate.MaxRate, 1, 1<<63 - 1, 1<<63 - 1}, {1_000_000, time.Second, 1_000_000, 1_000_000},
	} {
		p, err := rate.NewPace(c.count, c.per, c.burst)
		if err != nil || p.Burst() != c.want || p.Span() < 1 || p.Span() > rate.MaxSpan {
			t.Errorf("%+v: burst %d, span %s, error %v", c, p.Burst(), p.Span(), err)
			continue
		}
		b := rate.Bucket{Pace: p}
		rate.State{}.Ask(&b, 50*365*24*time.Hour, noon)
		if b.Outcome != rate.Room || b.Left != c.want-1 {
			t.Errorf("%+v: %+v", c, b)
		}
	}
}

// TestIdle: a state is forgotten only when it says nothing any more.
func TestIdle(t *testing.T) {
	pace, err := rate.NewPace(1, time.Second, 2)
	if err != nil {
		t.Fatal(err)
	}
	today := rate.DayOf(noon)
	b := rate.Bucket{Pace: pace}
	used, _ := rate.State{}.Ask(&b, time.Hour, noon)
	for what, row := range map[string]struct {
		state rate.State
		at    time.Duration
		idle  bool
	}{
		"never used": {rate.State{}, 0, true}, "just used": {used, time.Hour, false}, "not whole yet": {used, time.Hour + time.Second - 1, false},
		"whole": {used, time.Hour + time.Second, true}, "counted today": {rate.State{Day: today, Count: 1}, 0, false},
		"counted for tomorrow": {rate.State{Day: today + 1, Count: 1}, 0, false}, "counted yesterday": {rate.State{Day: today - 1, Count: 1}, 0, true},
	} {
		if got := row.state.Idle(row.at, today); got != row.idle {
			t.Errorf("%s: %v", what, got)
		}
	}
}

func TestDayOf(t *testing.T) {
	for at, want := range map[int64]int32{0: 0, 86399: 0, 86400: 1, -1: -1, -86400: -1, -86401: -2} {
		if got := rate.DayOf(time.Unix(at, 0)); got != want {
			t.Errorf("%d: %d, want %d", at, got, want)
		}
	}
}
