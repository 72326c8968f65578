package registry

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"countersign.dev/internal/partner"
)

// Where several processes answer Authenticate on one store, a count that is full may be full of honest attempts that other processes have
// under way. Each process therefore says in a row of the credential how many it has, in the transactions that count them: nobody is locked
// out for attempts that are not decided, and no guess goes uncounted.

const (
	attemptsKind  = "attempts"
	attemptsLive  = 2 * time.Minute        // after that, attempts that a killed process left are failures as any other
	elsewhereWait = 100 * time.Millisecond // until it is looked again whether another process has settled one
)

// underWay is how many attempts one process has written down and not settled.
type underWay struct {
	Process string `json:"process"`
	Number  int    `json:"number"`
	Until   int64  `json:"until"` // microseconds since 1970, by the database's clock
}

// elsewhere is how many attempts with a credential other processes have under way, and what all of them say.
func (r *Registry) elsewhere(tx Tx, id string) (number int, all []underWay, err error) {
	if r.process == "" {
		return 0, nil, nil
	}
	row, found, err := tx.Transient(attemptsKind, id)
	if err != nil || !found {
		return 0, nil, err
	}
	if err := json.Unmarshal(row.Body, &all); err != nil {
		return 0, nil, fmt.Errorf("read the attempts with %s: %w", id, err)
	}
	now, err := tx.Now()
	if err != nil {
		return 0, nil, err
	}
	all = slices.DeleteFunc(all, func(u underWay) bool { return u.Process == r.process || u.Number <= 0 || u.Until < now.UnixMicro() })
	for _, u := range all {
		number += u.Number
	}
	return number, all, nil
}

// tellAttempts says how many attempts this process has under way, beside what others said.
func (r *Registry) tellAttempts(tx Tx, id string, others []underWay, mine int) error {
	if r.process == "" {
		return nil
	}
	now, err := tx.Now()
	if err != nil {
		return err
	}
	until := now.Add(attemptsLive)
	if mine > 0 {
		others = append(others, underWay{Process: r.process, Number: mine, Until: until.UnixMicro()})
	}
	if len(others) == 0 {
		return tx.DeleteTransient(attemptsKind, id)
	}
	body, err := json.Marshal(others)
	if err != nil {
		return err
	}
	// The end is by this process's clock, as a sweep asks for it.
	return tx.PutTransient(partner.Transient{Kind: attemptsKind, ID: id, ExpiresAt: r.now().Add(attemptsLive), Body: body})
}

// elsewhereSettles gives the turn away for a moment in which other processes may settle their attempts, then takes it again; false when ctx
// ended first, and then the caller does not have the turn.
func (g *gate) elsewhereSettles(ctx context.Context) bool {
	g.give()
	pause := time.NewTimer(elsewhereWait)
	defer pause.Stop()
	select {
	case <-pause.C:
		return g.take(ctx)
	case <-ctx.Done():
		return false
	}
}
