//go:build linux

package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// text is one workload as Markdown.
func (t *table) text() string {
	var w strings.Builder
	fmt.Fprintf(&w, "### %s\n\n`%s`, load average %s at the end.%s\n\n", t.workload.title, t.workload.name, t.load1, t.remarks())
	if t.rate > 0 {
		t.latencies(&w)
		return w.String()
	}
	w.WriteString("| peer | processor time of a request, µs, with all afterwards: median (least–most) | × " + yardstick +
		": median (least–most) | in the turn, µs | × | requests a second | caller, µs | resident, MiB |\n| --- | --- | --- | --- | --- | --- | --- | --- |\n")
	for _, p := range t.peers {
		whole, ratio, related := t.costs(p, turn.wholePerRequest)
		inTurn, turnRatio, _ := t.costs(p, turn.perRequest)
		relation, turnRelation := "–", "–"
		if related {
			relation, turnRelation = ratio.text(2), fmt.Sprintf("%.2f", turnRatio.median)
		}
		fmt.Fprintf(&w, "| %s | %s | %s | %.1f | %s | %.0f | %.1f | %s |\n", p.name, whole.text(1), relation, inTurn.median, turnRelation,
			t.over(p, turn.throughput).median, t.over(p, turn.callerPerRequest).median, t.resident(p))
	}
	return w.String()
}

// remarks are what a reader must know of this table.
func (t *table) remarks() string {
	var w strings.Builder
	switch {
	case t.peak > 0:
		fmt.Fprintf(&w, " Countersign's own peak was %.0f requests a second in this run, over as many connections; "+
			"every peer was asked for half of that, %d, and latency counts from the moment at which a request was due.", t.peak, t.rate)
	case t.rate > 0:
		fmt.Fprintf(&w, " Every peer was asked for %d requests a second (-rate).", t.rate)
	}
	if t.rate > 0 {
		fmt.Fprintf(&w, " A peer cannot do it that falls %s behind, or is still %s behind when the last request is due.", patience, patience/4)
	}
	for _, p := range t.peers {
		if !p.records() || len(t.turns[p]) == 0 {
			continue
		}
		packed, left := 0, 0
		for _, one := range t.turns[p] {
			packed, left = packed+one.packed, left+one.left
		}
		fmt.Fprintf(&w, " %s closed and compressed %d segments in what is counted", p.name, packed)
		if left > 0 {
			fmt.Fprintf(&w, "; **%d were not compressed when a round ended**", left)
		}
		w.WriteByte('.')
		if ratios := t.ratios(p, gateway, turn.wholePerRequest); t.rate == 0 && len(ratios) > 0 {
			fmt.Fprintf(&w, " It took %s × of %s, which only passes on.", spreadOf(ratios).text(2), gateway)
		}
	}
	for _, p := range t.peers {
		if p.name == besideName {
			ratio := spreadOf(t.ratios(p, "countersign", turn.wholePerRequest))
			fmt.Fprintf(&w, " In the same rounds %s took %s × of countersign, with all afterwards.", p.name, ratio.text(3))
		}
	}
	if t.restless > 0 {
		fmt.Fprintf(&w, " **%d times not everything was quiet within %s**, so that something is missing here or counted twice.", t.restless, quietBound)
	}
	return w.String()
}

// latencies is the table of a workload with a rate: all rounds together, and the p99 of each.
func (t *table) latencies(w *strings.Builder) {
	w.WriteString("| peer | served a second | p50 | p99 | p99 of each round | p99.9 | longest | processor time of a request, µs, with all afterwards | in the turn | caller, µs |\n" +
		"| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n")
	for _, p := range t.peers {
		if len(t.failed[p]) > 1 || len(t.turns[p]) == 0 {
			fmt.Fprintf(w, "| %s | **cannot**: its queue grew without end; it served %.0f | | | | | | | | |\n", p.name, spreadOf(failures(t.failed[p])).median)
			continue
		}
		name := p.name
		if len(t.failed[p]) == 1 {
			name += ", which fell behind in one turn more, not in these figures"
		}
		all := new(histogram)
		var each []string
		for _, one := range t.turns[p] {
			all.merge(one.late)
			each = append(each, fmt.Sprintf("%.2f", float64(one.late.quantile(.99).Microseconds())/1e3))
		}
		whole, _, _ := t.costs(p, turn.wholePerRequest)
		inTurn, _, _ := t.costs(p, turn.perRequest)
		fmt.Fprintf(w, "| %s | %.0f | %s | %s | %s | %s | %s | %.1f | %.1f | %.1f |\n", name, t.over(p, func(t turn) float64 { return t.served }).median,
			ms(all.quantile(.5)), ms(all.quantile(.99)), strings.Join(each, ", "), ms(all.quantile(.999)), ms(all.longest), whole.median, inTurn.median,
			t.over(p, turn.callerPerRequest).median)
	}
}

func failures(all []turn) (served []float64) {
	for _, one := range all {
		served = append(served, one.throughput())
	}
	return served
}

func ms(d time.Duration) string { return fmt.Sprintf("%.2f ms", float64(d.Microseconds())/1e3) }

// over is the spread of something over a peer's turns.
func (t *table) over(p *peer, of func(turn) float64) spread {
	var all []float64
	for _, one := range t.turns[p] {
		all = append(all, of(one))
	}
	return spreadOf(all)
}

func (t turn) throughput() float64       { return float64(t.requests) / t.elapsed.Seconds() }
func (t turn) callerPerRequest() float64 { return t.each(t.caller) }

// resident is the most that a peer held at the end of a turn of this workload.
func (t *table) resident(p *peer) string {
	if len(t.turns[p]) == 0 {
		return "–"
	}
	most := slices.MaxFunc(t.turns[p], func(a, b turn) int { return int(a.memory.resident - b.memory.resident) }).memory
	return fmt.Sprintf("%d (%d)", most.resident>>20, most.mapped>>20)
}
