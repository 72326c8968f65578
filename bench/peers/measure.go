//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// turn is what one peer did in one round.
type turn struct {
	outcome
	round  int
	cpu    time.Duration // of the peer's processes, during the turn
	whole  time.Duration // the same until everything was quiet afterwards, less what it takes at rest
	memory memory        // at the turn's end
	packed int           // segments of the decision record that were compressed in that time
	left   int           // closed segments that were not compressed at its end
}

// perRequest is the processor time of one request in the turn, in microseconds.
func (t turn) perRequest() float64 { return t.each(t.cpu) }

// wholePerRequest is the same with everything that was done afterwards: what the goals are held against.
func (t turn) wholePerRequest() float64 { return t.each(t.whole) }

func (t turn) each(d time.Duration) float64 {
	return float64(d.Nanoseconds()) / float64(max(t.requests, 1)) / 1e3
}

// table is what a workload came to.
type table struct {
	workload *workload
	peers    []*peer
	turns    map[*peer][]turn
	failed   map[*peer][]turn // that ended because the peer fell behind
	rate     int              // requests a second that were asked for; 0: as many as come
	peak     float64          // of countersign, of which rate is the half; 0: the rate was given
	restless int              // rounds after which it was not quiet in time
	load1    string           // load average at its end
}

// trial is one workload while it is measured.
type trial struct {
	*table
	site *site
	form form
	load load
	rest rest // of the peers, in the table's order; before the round
}

// measure lets each peer that fits take its turn in every round. What keeps a record takes it last, and then everything waits until it is quiet, so that nobody's
// turn is disturbed by what another one does afterwards; the order of the others turns round, so that nobody is always the first.
func (s *site) measure(ctx context.Context, o *options, w *workload, peers []*peer) (*table, error) {
	t := &trial{table: &table{workload: w, turns: map[*peer][]turn{}, failed: map[*peer][]turn{}}, site: s, form: w.form, load: w.load}
	for _, p := range peers {
		if w.fits == nil || w.fits(p) {
			t.peers = append(t.peers, p)
		}
	}
	t.load.length, t.form.site = o.duration, s
	if t.form.kind == withToken {
		i := slices.IndexFunc(peers, func(p *peer) bool { return p.tokens })
		if i < 0 {
			return t.table, nil
		}
		var err error
		if t.form.token, err = s.exchange(peers[i]); err != nil {
			return nil, err
		}
	}
	if w.half {
		if err := t.aim(ctx, o); err != nil {
			return nil, err
		}
	}
	for round := range o.rounds + 1 { // the first one warms up and does not count
		if err := t.round(ctx, round); err != nil {
			return nil, err
		}
	}
	t.load1 = loadAverage()
	return t.table, nil
}

// round is one round: each turn, and the wait after it.
func (t *trial) round(ctx context.Context, round int) error {
	plain := slices.DeleteFunc(slices.Clone(t.peers), (*peer).records)
	ours := slices.DeleteFunc(slices.Clone(t.peers), func(p *peer) bool { return !p.records() })
	if round%2 == 1 {
		slices.Reverse(plain)
		slices.Reverse(ours)
	}
	if len(ours) == 0 {
		return t.group(ctx, round, plain)
	}
	for i, p := range ours {
		group := []*peer{p}
		if i == 0 {
			group = append(plain, p)
		}
		if err := t.group(ctx, round, group); err != nil {
			return err
		}
	}
	return nil
}

// started is where a peer stood when its turn began.
type started struct {
	at       time.Time
	cpu      time.Duration
	segments int
	done     turn
}

// group lets peers take their turns, waits until everything is quiet, and counts what they used until then.
func (t *trial) group(ctx context.Context, round int, group []*peer) error {
	begun := map[*peer]started{}
	for _, p := range group {
		if len(t.failed[p]) > 1 {
			continue
		}
		one, err := t.turn(ctx, p)
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		begun[p] = one
	}
	before := t.rest
	var err error
	if t.rest, err = settle(ctx, t.peers); err != nil {
		return err
	}
	if !t.rest.calm && round > 0 {
		t.restless++
	}
	for i, p := range t.peers {
		p.idle = t.rest.idle[i]
		one, took := begun[p]
		if !took {
			continue
		}
		if one.done.fell {
			t.failed[p] = append(t.failed[p], one.done)
			continue
		}
		if round == 0 {
			continue
		}
		one.done.whole = t.rest.used[i] - one.cpu - time.Duration(between(before, t.rest, i)*float64(t.rest.at.Sub(one.at)))
		one.done.round = round
		packed, left := t.site.segments(p)
		one.done.packed, one.done.left = packed-one.segments, max(left-1, 0)
		t.turns[p] = append(t.turns[p], one.done)
	}
	return nil
}

// turn is one turn of one peer.
func (t *trial) turn(ctx context.Context, p *peer) (s started, err error) {
	drive := t.workload.tool
	if drive == nil || t.load.rate > 0 {
		drive = (*site).call
	}
	before, err := p.process.usage()
	if err != nil {
		return s, err
	}
	s.at, s.cpu = time.Now(), before.cpu
	s.segments, _ = t.site.segments(p)
	form := t.form
	if s.done.outcome, err = drive(t.site, ctx, p, &form, t.load); err != nil {
		return s, err
	}
	after, err := p.process.usage()
	s.done.cpu, s.done.memory = after.cpu-before.cpu, after.memory
	return s, err
}

// shortestHalf is the shortest turn in which latency is measured.
const shortestHalf = 4 * time.Second

// aim finds the load of a workload that is measured at half of countersign's peak: the median of three turns without a rate, in this run.
func (t *trial) aim(ctx context.Context, o *options) error {
	t.rate = o.rate
	if o.rate == 0 {
		i := slices.IndexFunc(t.peers, ours)
		if i < 0 {
			return errors.New("half of countersign's peak is not known without countersign; give -rate")
		}
		var all []float64
		for range 4 {
			one, err := t.turn(ctx, t.peers[i])
			if err != nil {
				return fmt.Errorf("the peak of %s: %w", t.peers[i].name, err)
			}
			all = append(all, float64(one.done.requests)/one.done.elapsed.Seconds())
		}
		t.peak = spreadOf(all[1:]).median
		t.rate = max(int(t.peak/2), 1)
	}
	t.load.rate, t.load.length, t.load.tick = t.rate, max(o.duration, shortestHalf), o.tick
	return nil
}

// spread is the middle, the least and the most of some figures.
type spread struct{ median, least, most float64 }

func spreadOf(values []float64) spread {
	if len(values) == 0 {
		return spread{}
	}
	sorted := slices.Sorted(slices.Values(values))
	return spread{median: sorted[len(sorted)/2], least: sorted[0], most: sorted[len(sorted)-1]}
}

// text is the spread as tables have it.
func (s spread) text(decimals int) string {
	return fmt.Sprintf("%.*f (%.*f–%.*f)", decimals, s.median, decimals, s.least, decimals, s.most)
}

// costs are a peer's processor times of a request, and their ratios to the yardstick's of the same round. ok is false where there is no yardstick.
func (t *table) costs(p *peer, of func(turn) float64) (cost, ratio spread, ok bool) {
	var costs []float64
	for _, one := range t.turns[p] {
		costs = append(costs, of(one))
	}
	ratios := t.ratios(p, yardstick, of)
	return spreadOf(costs), spreadOf(ratios), len(ratios) > 0
}

// ratios hold a peer's turns against another one's of the same round.
func (t *table) ratios(p *peer, name string, of func(turn) float64) (ratios []float64) {
	i := slices.IndexFunc(t.peers, func(p *peer) bool { return p.name == name })
	if i < 0 {
		return nil
	}
	for _, one := range t.turns[p] {
		other := t.turns[t.peers[i]]
		if j := slices.IndexFunc(other, func(other turn) bool { return other.round == one.round }); j >= 0 {
			ratios = append(ratios, of(one)/of(other[j]))
		}
	}
	return ratios
}
