// Package sandbox owns the model upstreams that make `countersign dev` real: one for
// the data-aggregation family and one for the card family, as plain http.Handler
// values with state in memory that lasts for the run.
//
// They stand behind the gateway and authenticate nobody themselves. They refuse a
// request without the gateway's identity headers, so that reaching one directly
// opens nothing; they never look at a vendor's credential header; and they keep the
// state of each partner in each environment apart, which answers one partner reading
// another's data through the model. Everything is bounded: partners, customers,
// bodies, pages. docs/model-upstreams.md lists the calls and says which are ours.
package sandbox

import (
	"cmp"
	"fmt"
	"net/http"
	"time"

	"countersign.dev/internal/sandbox/aggregation"
	"countersign.dev/internal/sandbox/card"
)

// Bounds that hold where a Config leaves them at zero.
const (
	// DefaultMaxPartners is how many (environment, partner) pairs one model keeps.
	DefaultMaxPartners = 16
	// DefaultMaxCustomers is how many customers each of them may have at a time.
	DefaultMaxCustomers = 10_000
)

// Ids of the demo cards, for banners and documentation. Every partner has its own
// copy of these cards under the same ids.
const (
	// DemoPersonID is a person with two cards, DemoCardTokenID the first of them.
	DemoPersonID = card.DemoPersonID
	// DemoCorporateID is a corporate with one card.
	DemoCorporateID = card.DemoCorporateID
	// DemoCardTokenID is the person's first card.
	DemoCardTokenID = card.DemoCardTokenID
)

// Config is what a model upstream is made of.
type Config struct {
	// Environment is the environment that is served; a request that the gateway
	// admitted to another is refused. Empty, the default, serves any, each with its
	// own state.
	Environment string
	// Now is the clock: Unix seconds are taken from it. Required. It must be safe for
	// concurrent use.
	Now func() time.Time
	// MaxPartners bounds the (environment, partner) pairs. Zero is DefaultMaxPartners;
	// below zero is an error. Beyond it a new pair is answered 503.
	MaxPartners int
	// MaxCustomers bounds the customers of one pair. Zero is DefaultMaxCustomers;
	// below zero is an error. Beyond it a creation is answered 409. The card model
	// ignores it.
	MaxCustomers int
}

// NewAggregation returns the model of the aggregation family. Targets may carry the
// base path "/aggregation" or not. The handler is safe for concurrent use, performs
// no I/O of its own and has nothing to close. Errors: Now is missing, a bound is
// negative (spec: token access, "Resource calls for the model upstream").
func NewAggregation(c Config) (http.Handler, error) {
	model, err := aggregation.New(aggregation.Config{
		Environment:  c.Environment,
		Now:          c.Now,
		MaxPartners:  cmp.Or(c.MaxPartners, DefaultMaxPartners),
		MaxCustomers: cmp.Or(c.MaxCustomers, DefaultMaxCustomers),
	})
	if err != nil {
		return nil, fmt.Errorf("new aggregation model: %w", err)
	}
	return model, nil
}

// NewCard returns the model of the card family. Targets carry "/api/v1". The handler
// is safe for concurrent use, performs no I/O of its own and has nothing to close.
// Errors: Now is missing, a bound is negative (spec: signed access, "Model upstream").
func NewCard(c Config) (http.Handler, error) {
	model, err := card.New(card.Config{
		Environment: c.Environment,
		Now:         c.Now,
		MaxPartners: cmp.Or(c.MaxPartners, DefaultMaxPartners),
	})
	if err != nil {
		return nil, fmt.Errorf("new card model: %w", err)
	}
	return model, nil
}
