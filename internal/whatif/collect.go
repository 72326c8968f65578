package whatif

import (
	"context"

	"countersign.dev/internal/audit/search"
	"countersign.dev/internal/partner"
)

// maxCollected is how many lines Collect reads, the newest first.
const maxCollected = 200_000

// Collect gathers what the system itself can say about the calls of a partner in an environment, for its review. Calls before
// Collected.Since are not in its numbers, but FirstCall is the first of all that are recorded. Every listener asks for TLS 1.2 or
// later, so that every recorded call came over it. Errors: the record's.
func (e *Engine) Collect(ctx context.Context, partnerID, environment string) (partner.Collected, error) {
	if partnerID == "" || environment == "" {
		return partner.Collected{}, wrong("evidence is about one partner in one environment")
	}
	g := new(gathering)
	made := partner.Collected{At: e.cfg.Now().UTC()}
	read := reading{left: min(maxCollected, e.cfg.MaxLines)}
	q := search.Query{Environment: environment, Partner: partnerID, Decision: "final"}
	if err := e.each(ctx, q, &read, g.line); err != nil {
		return made, err
	}
	if read.read == 0 {
		return made, nil
	}
	oldest, err := e.one(ctx, search.Query{Decision: "final", OldestFirst: true})
	if err != nil {
		return made, err
	}
	made.Since = g.oldest.At
	if !read.truncated && oldest != nil && oldest.Line.Time.Before(made.Since) {
		made.Since = oldest.Line.Time // nothing older is recorded
	}
	g.into(&made)
	if made.Calls == 0 {
		return made, nil
	}
	q.Decision, q.OldestFirst = "allow", true
	first, err := e.one(ctx, q)
	if err != nil {
		return made, err
	}
	if first != nil && first.Line.Time.Before(made.FirstCall) {
		made.FirstCall = first.Line.Time
	}
	return made, nil
}

// gathering adds lines up.
type gathering struct {
	calls       uint64
	first, last Example
	oldest      Example // line of any kind
	addresses   addressTally
	refusals    countTally
}

func (g *gathering) line(l *search.Line) error {
	at := Example{string(l.RequestID), l.Time}
	if g.oldest.At.IsZero() || l.Time.Before(g.oldest.At) {
		g.oldest = at
	}
	if l.Kind != search.Allow {
		g.refusals.add(string(l.Reason))
		return nil
	}
	if !l.Proved {
		return nil
	}
	g.calls++
	if g.first.At.IsZero() || l.Time.Before(g.first.At) {
		g.first = at
	}
	if l.Time.After(g.last.At) {
		g.last = at
	}
	if a := l.IP(); a.IsValid() {
		g.addresses.add(a, l.Time)
	}
	return nil
}

func (g *gathering) into(made *partner.Collected) {
	made.Calls, made.TLSCalls, made.FirstCall, made.LastCall = g.calls, g.calls, g.first.At, g.last.At
	all := g.addresses.list()
	for _, a := range all.Top {
		made.Addresses = append(made.Addresses, partner.CollectedAddress{Address: a.Address, Count: a.Requests, First: a.First, Last: a.Last})
	}
	made.Others = all.Number - uint64(len(all.Top))
	for _, r := range g.refusals.list().Top {
		made.Refusals = append(made.Refusals, partner.CollectedRefusal{Reason: r.Name, Count: r.Requests})
	}
}
