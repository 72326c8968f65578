//go:build linux

package main

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// turn is what one peer did in one round.
type turn struct {
	requests  int64
	elapsed   time.Duration
	cpu       time.Duration // of the peer's processes
	latencies []time.Duration
}

// perRequest is the processor time of one request.
func (t turn) perRequest() float64 {
	return float64(t.cpu.Nanoseconds()) / float64(max(t.requests, 1)) / 1e3
}

// table is what a workload came to.
type table struct {
	workload *workload
	peers    []*peer
	turns    map[*peer][]turn
	load1    string // load average at its end
}

// measure lets each peer that fits take its turn in every round; the order turns round, so that nobody is always the first.
func (s *site) measure(ctx context.Context, o *options, w *workload, peers []*peer) (*table, error) {
	t := &table{workload: w, turns: map[*peer][]turn{}}
	for _, p := range peers {
		if w.fits == nil || w.fits(p) {
			t.peers = append(t.peers, p)
		}
	}
	l, f := w.load, w.form
	l.length, f.site = o.duration, s
	if l.rate > 0 {
		l.rate = o.rate
	}
	if f.kind == withToken {
		i := slices.IndexFunc(peers, func(p *peer) bool { return p.tokens })
		if i < 0 {
			return t, nil
		}
		var err error
		if f.token, err = s.exchange(peers[i]); err != nil {
			return nil, err
		}
	}
	for round := range o.rounds + 1 { // the first one warms up and does not count
		order := slices.Clone(t.peers)
		if round%2 == 1 {
			slices.Reverse(order)
		}
		for _, p := range order {
			one, err := s.turn(ctx, p, w, f, l)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", p.name, err)
			}
			if round > 0 {
				t.turns[p] = append(t.turns[p], one)
			}
		}
	}
	t.load1 = loadAverage()
	return t, nil
}

func (s *site) turn(ctx context.Context, p *peer, w *workload, f form, l load) (turn, error) {
	drive := w.tool
	if drive == nil {
		drive = (*site).drive
	}
	before, err := p.process.usage()
	if err != nil {
		return turn{}, err
	}
	done, err := drive(s, ctx, p, &f, l)
	if err != nil {
		return turn{}, err
	}
	after, err := p.process.usage()
	return turn{requests: done.requests, elapsed: done.elapsed, cpu: after.cpu - before.cpu, latencies: done.latencies}, err
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

// costs are a peer's processor times of a request, and their ratios to the yardstick's of the same round.
func (t *table) costs(p *peer) (cost, ratio spread, ok bool) {
	var costs, ratios []float64
	i := slices.IndexFunc(t.peers, func(p *peer) bool { return p.name == yardstick })
	for round, one := range t.turns[p] {
		costs = append(costs, one.perRequest())
		if i >= 0 && round < len(t.turns[t.peers[i]]) {
			ratios = append(ratios, one.perRequest()/t.turns[t.peers[i]][round].perRequest())
		}
	}
	return spreadOf(costs), spreadOf(ratios), len(ratios) > 0
}
