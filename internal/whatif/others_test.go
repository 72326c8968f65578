package whatif_test

import (
	"log/slog"
	"testing"
	"time"

	"countersign.dev/internal/audit/rollup"
	"countersign.dev/internal/whatif"
)

// elsewhere are the records of another node.
type elsewhere struct {
	records []whatif.Records
	rollups []string
	faults  []string
}

func (e *elsewhere) Records() []whatif.Records { return e.records }
func (e *elsewhere) Rollups() []string         { return e.rollups }
func (e *elsewhere) Faults() []string          { return e.faults }

// TestRecordsOfOtherNodesAreAsked: a use at another node is one, a preview counts its requests, and while they cannot be vouched for, no
// version is taken for a silent one.
func TestRecordsOfOtherNodesAreAsked(t *testing.T) {
	records, dir := keep(t, linesOf(used(1, 5*day+20*time.Hour, "192.0.2.77")))
	sums := t.TempDir()
	if _, err := rollup.Rebuild(ctx, rollup.Config{Dir: sums, Now: func() time.Time { return begin.Add(6 * day) }, Log: slog.New(slog.DiscardHandler)}, dir); err != nil {
		t.Fatal(err)
	}
	other := new(elsewhere)
	e := counted(t, rotationLines(), func(cfg *whatif.Config) { cfg.Others = other })
	key := whatif.VersionKey{CredentialID: rotating.ID, Version: 1}
	before, err := e.LastUse(ctx)
	if err != nil || !before.Uses[key].Before(begin.Add(5*day+20*time.Hour)) {
		t.Fatalf("%+v, %v", before, err)
	}
	preview := func() uint64 {
		p, err := e.RevocationPreview(ctx, rotating.ID, 1, whatif.Span{From: begin, To: begin.Add(6 * day)})
		if err != nil {
			t.Fatal(err)
		}
		return p.Requests
	}
	alone := preview()
	other.records, other.rollups = []whatif.Records{records}, []string{sums} // it comes while the engine works
	after, err := e.LastUse(ctx)
	if err != nil || !after.Uses[key].Equal(begin.Add(5*day+20*time.Hour)) {
		t.Errorf("%+v, %v", after, err)
	}
	if n := preview(); n != alone+1 {
		t.Errorf("%d requests, %d of them here", n, alone)
	}
	other.faults = []string{"node b does not verify"}
	if last, err := e.LastUse(ctx); err != nil || !last.Until.IsZero() || last.Silent(rotating.ID, 3, begin.Add(time.Hour)) {
		t.Errorf("%+v, %v", last, err)
	}
}
