package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"countersign.dev/api"
	"countersign.dev/internal/audit"
	"countersign.dev/internal/audit/search"
	"countersign.dev/internal/registry"
	"countersign.dev/internal/remote"
)

// search finds the changes of a filter: the last ones that fit, or the first ones after a number; the oldest first.
func (f *changeFilter) search(s *session, plane *remote.Client, forward bool) ([]audit.Change, error) {
	q := api.ChangeListParams{Actor: f.actor, Action: f.action, Kind: f.kind, From: f.from, Order: api.ChangeListParamsOrderNewest}
	if !f.to.IsZero() {
		q.To = f.to.Add(time.Microsecond) // the contract's end is exclusive
	}
	if f.who != "" {
		p, err := s.partner(f.who)
		if err != nil {
			return nil, err
		}
		q.Partner = p.ID
	}
	if forward {
		q.Order = api.ChangeListParamsOrderOldest
		return plane.SearchChanges(s.ctx, q, f.after, f.limit)
	}
	found, err := plane.SearchChanges(s.ctx, q, 0, f.limit)
	slices.Reverse(found)
	return found, err
}

// atServer is the question that the flags ask, as the contract has it.
func (f *decisionFilter) atServer(s *session) (api.DecisionListParams, error) {
	if f.scan {
		return api.DecisionListParams{}, hinted{errors.New("--scan needs the server's disk"), "leave it out, or run the command there"}
	}
	q, err := f.query(clock(), func(who string) (string, error) { return s.namedPartner(who) })
	if err != nil {
		return api.DecisionListParams{}, err
	}
	params := api.DecisionListParams{Environment: q.Environment, Partner: q.Partner, Credential: q.Credential, API: q.API, Reason: q.Reason, Warning: q.Warning,
		Shadow: q.Shadow, Decision: api.DecisionListParamsDecision(q.Decision), From: q.From, To: q.To, Order: api.DecisionListParamsOrderNewest}
	if q.Address.IsValid() {
		params.Address = q.Address.String()
	}
	if q.OldestFirst {
		params.Order = api.DecisionListParamsOrderOldest
	}
	return params, nil
}

// searchAt finds decisions in the records of a server.
func (f *decisionFilter) searchAt(s *session, limit int, cursor string) error {
	if limit < 1 || limit > search.MaxLimit {
		return fmt.Errorf("--limit is 1 to %d", search.MaxLimit)
	}
	params, err := f.atServer(s)
	if err != nil {
		return err
	}
	if f.requestID != "" {
		return f.oneAt(s)
	}
	page := search.Page{}
	for params.After = cursor; ; params.After = page.Next {
		params.Limit = min(limit-len(page.Found), 500)
		got, err := remote.Value(s.remote.API.DecisionList(s.ctx, params))
		if err != nil {
			return err
		}
		for _, item := range got.Items {
			found, err := foundLine(item.Line)
			if err != nil {
				return err
			}
			found.Node = item.Node
			page.Found = append(page.Found, found)
		}
		page.Next, page.Unread = got.Next, append(page.Unread, got.Unread...)
		if got.Next == "" || len(got.Items) == 0 || len(page.Found) >= limit {
			return s.out.decisions(page)
		}
	}
}

// oneAt finds the line of a request by its id, and compares it with the rest of the question.
func (f *decisionFilter) oneAt(s *session) error {
	q, err := f.query(clock(), func(who string) (string, error) { return s.namedPartner(who) })
	if err != nil {
		return err
	}
	story, err := remote.Value(s.remote.API.DecisionWhy(s.ctx, f.requestID))
	page := search.Page{}
	switch {
	case errors.Is(err, registry.ErrNotFound):
	case err != nil:
		return err
	default:
		found, err := foundLine(story.Line)
		if err != nil {
			return err
		}
		if q.Match(&found.Line) {
			page.Found = []search.Found{found}
		}
	}
	return s.out.decisions(page)
}

// foundLine reads a line of a record that a server sent.
func foundLine(text json.RawMessage) (search.Found, error) {
	found := search.Found{Text: text}
	if err := found.Line.Parse(found.Text); err != nil {
		return found, fmt.Errorf("%w: %w", remote.ErrAnswer, err)
	}
	return found, nil
}

// namedPartner takes an id as it is, since its partner may be in an older register; any other name is looked up.
func (s *session) namedPartner(who string) (string, error) {
	if who == "" || hasPartnerID(who) {
		return who, nil
	}
	p, err := s.partner(who)
	return p.ID, err
}
