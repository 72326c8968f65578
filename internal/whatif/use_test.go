package whatif_test

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/audit/rollup"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/whatif"
)

// old and new are the versions of a credential in the middle of a rotation.
var rotating = partner.Credential{ID: "crd_rotating", PartnerID: acme, Environment: "sandbox", Kind: partner.SigningKey, KeyID: keyID("crd_9"), CreatedAt: begin,
	Versions: []partner.Version{{Number: 2, NotBefore: begin}, {Number: 1, NotAfter: begin.Add(9 * 24 * time.Hour)}}}

func used(version int, after time.Duration, address string) row {
	return allow(address).with(func(r *row) { r.credential, r.version, r.at = rotating.ID, version, after })
}

const day = 24 * time.Hour

// rotationLines are its uses: of version 1 from two addresses, of version 2 from one, a refusal of each kind, and one of another.
func rotationLines() [][]byte {
	return linesOf(
		used(1, time.Hour, "192.0.2.1"), used(1, 2*time.Hour, "192.0.2.1"), used(2, 3*time.Hour, "192.0.2.2"),
		used(1, day, "192.0.2.3").with(func(r *row) { r.decision, r.reason = "refuse", "rate_limited" }),
		used(0, day+time.Hour, "192.0.2.1").with(func(r *row) { r.decision, r.reason, r.proved = "refuse", "bad_signature", false }),
		used(1, 5*day+16*time.Hour, "192.0.2.1").with(func(r *row) { r.method = "POST" }), used(2, 5*day+17*time.Hour, "192.0.2.2"),
		allow("192.0.2.9").with(func(r *row) { r.at = 5*day + 18*time.Hour }))
}

// counted makes the per-minute counts of a record, and an engine with both, six days after begin.
func counted(t testing.TB, lines [][]byte, change ...func(*whatif.Config)) *whatif.Engine {
	t.Helper()
	records, dir := keep(t, lines)
	sums := t.TempDir()
	if _, err := rollup.Rebuild(ctx, rollup.Config{Dir: sums, Now: func() time.Time { return begin.Add(6 * day) }, Log: slog.New(slog.DiscardHandler)}, dir); err != nil {
		t.Fatal(err)
	}
	all := append([]func(*whatif.Config){func(cfg *whatif.Config) {
		cfg.Records, cfg.Rollups = []whatif.Records{records}, []string{sums}
		cfg.Register = register{rules: plain(t), credentials: []partner.Credential{rotating}}
	}}, change...)
	return engine(t, plain(t), nil, all...)
}

func TestRehearsalTellsEachVersionApart(t *testing.T) {
	r, err := counted(t, rotationLines()).Rehearsal(ctx, rotating.ID, whatif.Span{})
	if err != nil || len(r.Versions) != 2 || r.Truncated || r.PartnerID != acme || len(r.Unread) > 0 {
		t.Fatalf("%+v, %v", r, err)
	}
	second, first := r.Versions[0], r.Versions[1]
	if second.Version != 2 || !second.Newest || !second.Live || second.Allowed != 2 || second.Refused != 0 || second.NotAfter != nil {
		t.Errorf("%+v", second)
	}
	if first.Version != 1 || first.Newest || !first.Live || first.Allowed != 3 || first.Refused != 1 || !first.NotAfter.Equal(rotating.Versions[1].NotAfter) {
		t.Errorf("%+v", first)
	}
	if !first.FirstUse.Equal(begin.Add(time.Hour)) || !first.LastUse.Equal(begin.Add(5*day+16*time.Hour)) {
		t.Errorf("used from %s to %s", first.FirstUse, first.LastUse)
	}
	if a := first.Addresses; a.Number != 2 || a.Top[0].Address.String() != "192.0.2.1" || a.Top[0].Requests != 3 {
		t.Errorf("%+v", a)
	}
	if fmt.Sprint(first.Days) != "[{2026-11-20 2 0} {2026-11-21 0 1} {2026-11-26 1 0}]" || fmt.Sprint(first.Refusals.Top) != "[{rate_limited 1}]" {
		t.Errorf("%v %v", first.Days, first.Refusals)
	}
	if fmt.Sprint(r.Unproved.Top) != "[{bad_signature 1}]" || r.ByToken != nil || !r.Reaches.Equal(begin.Truncate(day)) {
		t.Errorf("unproved %v, by token %v, reaches %s", r.Unproved, r.ByToken, r.Reaches)
	}
}

// TestALastUseIsOlderThanTheSpan: it comes from the counts.
func TestALastUseIsOlderThanTheSpan(t *testing.T) {
	r, err := counted(t, rotationLines()).Rehearsal(ctx, rotating.ID, whatif.Span{From: begin.Add(5*day + 17*time.Hour)})
	if err != nil || len(r.Versions) != 2 {
		t.Fatalf("%+v, %v", r, err)
	}
	if first := r.Versions[1]; first.Allowed != 0 || first.FirstUse != nil || first.LastUse == nil || !first.LastUse.Equal(begin.Add(5*day+16*time.Hour)) {
		t.Errorf("%+v", first)
	}
}

func TestPreviewCountsWhatARevocationWouldHaveRefused(t *testing.T) {
	e := counted(t, rotationLines())
	for _, c := range []struct {
		version             int
		requests, spared    uint64
		text, method, first string
	}{
		{1, 1, 1, "ending version 1 now would have refused 1 request of the last 24 h, from 1 address", "POST", "6"},
		{2, 1, 1, "ending version 2 now would have refused 1 request of the last 24 h, from 1 address", "GET", "7"},
		{0, 2, 0, "revoking it now would have refused 2 requests of the last 24 h, from 2 addresses", "GET", "6"},
	} {
		p, err := e.RevocationPreview(ctx, rotating.ID, c.version, whatif.Span{})
		if err != nil || p.Requests != c.requests || p.Spared != c.spared || p.Text != c.text || p.Methods.Top[0].Name != c.method || p.First.RequestID != fmt.Sprintf("%032s", c.first) {
			t.Errorf("version %d: %+v, %v", c.version, p, err)
		}
	}
	p, err := e.RevocationPreview(ctx, rotating.ID, 1, whatif.Span{From: begin.Add(2 * day), To: begin.Add(3 * day)})
	if err != nil || p.Requests != 0 || p.First != nil || p.Last != nil || p.Text != "ending version 1 now would have refused no request of the 24 h from 2026-11-22 08:00Z on" {
		t.Errorf("%+v, %v", p, err)
	}
	now, err := e.RevocationPreview(ctx, rotating.ID, 0, whatif.Span{})
	if err != nil {
		t.Fatal(err)
	}
	p, err = e.RevocationPreview(ctx, rotating.ID, 0, whatif.Span{From: now.MadeAt.Add(5*time.Millisecond - day)}) // by the clock of whoever asks
	if err != nil || !strings.Contains(p.Text, "of the last 24 h") {
		t.Errorf("%+v, %v", p, err)
	}
	p, err = e.RevocationPreview(ctx, rotating.ID, 1, whatif.Span{From: begin, To: begin.Add(6 * day)})
	if err != nil || p.Requests != 3 || p.Addresses.Number != 1 || p.Last.RequestID != fmt.Sprintf("%032d", 6) || p.First.RequestID != fmt.Sprintf("%032d", 1) {
		t.Errorf("%+v, %v", p, err)
	}
	if _, err := e.RevocationPreview(ctx, rotating.ID, 3, whatif.Span{}); !errors.Is(err, whatif.ErrProposed) {
		t.Errorf("a version that is not there: %v", err)
	}
	if _, err := e.RevocationPreview(ctx, "crd_unknown", 0, whatif.Span{}); !errors.Is(err, errNotThere) {
		t.Errorf("an unknown credential: %v", err)
	}
}

func TestSilenceIsOnlyWhatIsCounted(t *testing.T) {
	last, err := counted(t, rotationLines()).LastUse(ctx)
	if err != nil || len(last.Faults) > 0 || !last.Reaches.Equal(begin.Truncate(day)) || last.Until.IsZero() {
		t.Fatalf("%+v, %v", last, err)
	}
	at := begin.Add(5*day + 16*time.Hour)
	for _, c := range []struct {
		version int
		since   time.Time
		want    bool
	}{
		{1, at.Add(time.Second), true},
		{1, at, false},
		{3, begin, true},
		{3, begin.Add(-10 * day), false}, // nobody knows
	} {
		if got := last.Silent(rotating.ID, c.version, c.since); got != c.want {
			t.Errorf("version %d silent since %s: %v, want %v", c.version, c.since, got, c.want)
		}
	}
	none, err := engine(t, plain(t), rotationLines()).LastUse(ctx)
	if err != nil || !none.Until.IsZero() || none.Silent(rotating.ID, 3, begin.Add(time.Hour)) {
		t.Errorf("without counts something is silent: %+v, %v", none, err)
	}
}

// TestCountsThatLagBehindProveNoSilence: nobody followed the record for a while.
func TestCountsThatLagBehindProveNoSilence(t *testing.T) {
	_, dir := keep(t, rotationLines()[:3])
	sums := t.TempDir()
	if _, err := rollup.Rebuild(ctx, rollup.Config{Dir: sums, Now: func() time.Time { return begin.Add(day) }, Log: slog.New(slog.DiscardHandler)}, dir); err != nil {
		t.Fatal(err)
	}
	late := func(cfg *whatif.Config) { cfg.Rollups = []string{sums} }
	last, err := counted(t, rotationLines(), late).LastUse(ctx)
	if err != nil || len(last.Faults) != 1 || !last.Until.IsZero() || last.Silent(rotating.ID, 1, begin.Add(4*day)) {
		t.Errorf("%+v, %v", last, err)
	}
}

func TestDamagedCountsProveNoSilence(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "2026-11-20.roll"), []byte(strings.Repeat("no counts ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	last, err := counted(t, nil, func(cfg *whatif.Config) { cfg.Rollups = []string{dir} }).LastUse(ctx)
	if err != nil || len(last.Faults) == 0 || last.Silent(rotating.ID, 3, begin.Add(day)) {
		t.Errorf("%+v, %v", last, err)
	}
}

func TestCollectIsWhatWasSeen(t *testing.T) {
	e := counted(t, append(rotationLines(), linesOf(stranger("bad_signature").with(func(r *row) { r.at = 6 * day }))...))
	c, err := e.Collect(ctx, acme, "sandbox")
	if err != nil || c.Validate() != nil {
		t.Fatalf("%+v, %v, %v", c, err, c.Validate())
	}
	if c.Calls != 6 || c.TLSCalls != 6 || !c.FirstCall.Equal(begin.Add(time.Hour)) || !c.LastCall.Equal(begin.Add(5*day+18*time.Hour)) || !c.Since.Equal(begin.Add(time.Hour)) {
		t.Errorf("%+v", c)
	}
	if len(c.Addresses) != 3 || c.Addresses[0].Address.String() != "192.0.2.1" || c.Addresses[0].Count != 3 || c.Others != 0 {
		t.Errorf("%+v", c.Addresses)
	}
	if fmt.Sprint(c.Refusals) != "[{bad_signature 2} {rate_limited 1}]" {
		t.Errorf("%v", c.Refusals)
	}
	empty, err := e.Collect(ctx, "ptn_nobody", "sandbox")
	if err != nil || empty.Validate() != nil || empty.Calls != 0 || !empty.Since.IsZero() {
		t.Errorf("%+v, %v", empty, err)
	}
	if _, err := e.Collect(ctx, "", "sandbox"); err == nil {
		t.Error("evidence about everybody was collected")
	}
}

// TestCollectReadsTheNewest: the numbers are of the newest lines, the first call is the first of all.
func TestCollectReadsTheNewest(t *testing.T) {
	e := counted(t, rotationLines(), func(cfg *whatif.Config) { cfg.MaxLines = 2 })
	c, err := e.Collect(ctx, acme, "sandbox")
	if err != nil || c.Validate() != nil || c.Calls != 2 || !c.FirstCall.Equal(begin.Add(time.Hour)) || !c.Since.Equal(begin.Add(5*day+17*time.Hour)) {
		t.Errorf("%+v, %v", c, err)
	}
}
