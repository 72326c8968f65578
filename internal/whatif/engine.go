package whatif

import (
	"context"
	"errors"
	"io"
	"net/netip"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/audit/search"
	"countersign.dev/internal/partner"
)

// Bounds of what is read for one answer.
const (
	DefaultMaxLines = 2_000_000            // decision lines, unless Config says otherwise
	DefaultSpan     = 7 * 24 * time.Hour   // of a WhatIf or a Rehearsal
	PreviewSpan     = 24 * time.Hour       // of a RevocationPreview
	MaxSpan         = 366 * 24 * time.Hour // of any of them
	MaxAddresses    = 100                  // addresses, credentials and partners that a list names; the others are counted
)

// ErrSpan is wrapped when a Span ends before it begins or is longer than MaxSpan.
var ErrSpan = errors.New("invalid span of time")

// ErrProposed is wrapped by everything that is wrong with a Proposed.
var ErrProposed = errors.New("this cannot be replayed")

// ErrNoRequest is returned by Why when no record has the request.
var ErrNoRequest = errors.New("no such request is recorded")

// Records is one decision record. *search.Searcher is one.
type Records interface {
	Find(ctx context.Context, q search.Query) (search.Page, error)
	Export(ctx context.Context, w io.Writer, q search.Query, f search.Format) (search.Exported, error)
}

// Register is what is asked of the register: no secret comes with any of it. *registry.Registry is one.
type Register interface {
	Revision(ctx context.Context) (uint64, error)
	Networks(ctx context.Context, partnerID string) ([]partner.NetworkRule, error)
	Limits(ctx context.Context, partnerID string) ([]partner.Limit, error)
	FindCredential(ctx context.Context, text string) (partner.Credential, error)
}

// Teller says what a decision becomes outside. It stands at the edge, which this package does not know: d has what the record
// keeps of the decision.
type Teller func(d *access.Decision, requestID string, at time.Time) Told

// Config makes an Engine.
type Config struct {
	Records []Records // the decision records, one for each server that writes one; at least one
	Rollups []string  // the folders of their per-minute counts; none: last uses are not known beyond the span of the record that is read
	// Others are further records that come and go while the engine works: those that were collected from other nodes. Its records are
	// asked like Records, its rollups like Rollups, and what it cannot vouch for is a fault of last uses. nil: there are none.
	Others   Others
	Register Register             // required
	APIs     func() []*access.API // those that are served now; nothing of them is changed; required
	Now      func() time.Time     // required

	Countries access.Countries // for addresses whose country was not recorded; nil: there is no country file
	// HasCountries says whether there is a country file at the moment, where Countries stands for whichever there is; nil: there is
	// one where Countries is set.
	HasCountries func() bool

	Trusted  func(environment string) []netip.Prefix // the proxies that are believed now; nil: not told
	Told     Teller                                  // nil: what the outside was told is left out
	MaxLines int                                     // that one answer may read; 0: DefaultMaxLines
}

// Engine answers. It holds nothing open and keeps nothing between calls. Safe for concurrent use. Each call takes as long as the
// lines that it has to read, and ends with its context; its error wraps the record's, the register's or the context's.
type Engine struct{ cfg Config }

// New checks cfg.
func New(cfg Config) (*Engine, error) {
	if len(cfg.Records) == 0 || cfg.Register == nil || cfg.APIs == nil || cfg.Now == nil {
		return nil, errors.New("what-if: a decision record, the register, the APIs and a clock are needed")
	}
	if cfg.MaxLines == 0 {
		cfg.MaxLines = DefaultMaxLines
	}
	if cfg.MaxLines < 0 {
		return nil, errors.New("what-if: the number of lines to read is not negative")
	}
	return &Engine{cfg: cfg}, nil
}
