package whatif

import (
	"context"
	"slices"
	"time"

	"countersign.dev/internal/audit/search"
)

// WhatIf replays every decision of the span (its zero value: the last seven days) that concerns p, against the rules in force
// and against the proposed ones. Errors: ErrProposed and ErrSpan for what cannot be asked; the record's, the register's, or
// that of the context.
func (e *Engine) WhatIf(ctx context.Context, p Proposed, s Span) (Report, error) {
	s, err := s.fill(e.cfg.Now(), DefaultSpan)
	if err != nil {
		return Report{}, err
	}
	revision, err := e.cfg.Register.Revision(ctx) // before the rules: a change in between makes the report look older than it is
	if err != nil {
		return Report{}, err
	}
	c, err := e.resolve(ctx, p)
	if err != nil {
		return Report{}, err
	}
	r := &replay{ctx: ctx, change: c, span: s, networks: e.newNetworks(c, c.apis), names: names{}, unjudged: map[Why]*NotJudged{}}
	if err := r.openLimits(); err != nil {
		return Report{}, err
	}
	read := reading{left: e.cfg.MaxLines}
	q := search.Query{Environment: p.Environment, Partner: p.PartnerID, API: c.only(), Decision: "final", From: r.warm(), To: s.To,
		OldestFirst: true}
	if err := e.each(ctx, q, &read, r.line); err != nil {
		return Report{}, err
	}
	if err := r.rest(); err != nil {
		return Report{}, err
	}
	lost, err := e.lost(ctx, s)
	if err != nil {
		return Report{}, err
	}
	made := r.report(&read)
	made.Revision, made.MadeAt, made.Lost = revision, e.cfg.Now().UTC(), lost
	return made, nil
}

// replay is one WhatIf at work.
type replay struct {
	ctx      context.Context
	change   *change
	span     Span
	networks *networks
	now      *limits // nil: limits are not replayed
	then     *limits
	names    names
	order    order

	cut, let      differences
	counted       uint64
	same          uint64
	warned        uint64
	otherwise     uint64
	sharedRefused bool
	places        Countries
	unjudged      map[Why]*NotJudged
}

// openLimits makes the limits of both sides, where the proposal is about one partner and there are any: those of everybody could
// only be replayed with the requests of everybody.
func (r *replay) openLimits() (err error) {
	if r.change.PartnerID == "" {
		return nil
	}
	if r.now, err = newLimits(r.change.present.limits, r.change.apis); err != nil {
		return err
	}
	if r.then, err = newLimits(r.change.proposed.limits, r.change.apis); err != nil {
		return wrong("%v", err)
	}
	if r.now.none() && r.then.none() {
		r.now, r.then = nil, nil
	}
	return nil
}

// warm is from when on decisions are read: a limit remembers what was before the span. At most a day of it.
func (r *replay) warm() time.Time {
	if r.now == nil {
		return r.span.From
	}
	from := r.span.From.Add(-min(max(r.now.longer, r.then.longer), 24*time.Hour))
	if midnight := r.span.From.Truncate(24 * time.Hour); (r.now.quota || r.then.quota) && midnight.Before(from) {
		from = midnight
	}
	return from
}

// line takes a line of the record.
func (r *replay) line(l *search.Line) error {
	if len(r.change.APIs) > 0 && r.change.PartnerID == "" && !r.concerned(l.API) {
		return nil
	}
	c := r.names.read(l)
	if r.now == nil {
		return r.judge(&c)
	}
	if earliest, full := r.order.push(c); full {
		return r.judge(&earliest)
	}
	return nil
}

// concerned reports whether the proposal changes something of an API.
func (r *replay) concerned(api []byte) bool {
	return slices.ContainsFunc(r.change.APIs, func(o APIChange) bool { return o.API == string(api) })
}

// rest judges what was held back.
func (r *replay) rest() error {
	for len(r.order.held) > 0 {
		c := r.order.pop()
		if err := r.judge(&c); err != nil {
			return err
		}
	}
	return nil
}
