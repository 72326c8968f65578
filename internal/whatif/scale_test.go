package whatif_test

import (
	"context"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/audit/search"
	"countersign.dev/internal/audit/search/recordtest"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/whatif"
)

// TestQuestionsAtScale asks about a busy partner, a rare one, and about everybody, on as many lines as COUNTERSIGN_WHATIF_LINES says
// (20,000 unless it is set; the figures of the documents are of 10,000,000), nine tenths of them compressed. It prints times and
// does not judge them; it fails where the numbers do not add up. COUNTERSIGN_WHATIF_DIR keeps the record between runs.
func TestQuestionsAtScale(t *testing.T) {
	total, dir := 20_000, t.TempDir()
	if text := os.Getenv("COUNTERSIGN_WHATIF_LINES"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		total = n
	}
	if kept := os.Getenv("COUNTERSIGN_WHATIF_DIR"); kept != "" {
		dir = kept
	}
	if first, _ := filepath.Glob(filepath.Join(dir, "00000001.jsonl*")); len(first) == 0 {
		r := recordtest.New(t, dir)
		r.Step = 7 * 24 * time.Hour / time.Duration(total) // a week in all
		for i := range 10 {
			r.Write(total/10, i < 9)
		}
	}
	s, err := search.Open(search.Config{Dir: dir, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	if err := s.Refresh(ctx); err != nil {
		t.Fatal(err)
	}
	t.Logf("indexed, or the index read, in %s", time.Since(begun).Round(time.Millisecond))
	r := scaleRules(t)
	e, err := whatif.New(whatif.Config{Records: []whatif.Records{s}, Register: scaleRegister{register{rules: r}}, APIs: func() []*access.API { return r.apis },
		Now: func() time.Time { return recordtest.Begin.Add(8 * 24 * time.Hour) }, MaxLines: 20_000_000})
	if err != nil {
		t.Fatal(err)
	}
	week := whatif.Span{From: recordtest.Begin, To: recordtest.Begin.Add(8 * 24 * time.Hour)}
	everybody := whatif.Proposed{Environment: "production", APIs: []whatif.APIChange{{API: "card", Addresses: "required"}}}
	busy, rare := removal("ptn_000001"), removal("ptn_000700")
	limited := removal("ptn_000001")
	limited.SetLimits = []whatif.Limit{{Rate: 1, PerS: 60, Burst: 5, Daily: 1000}}
	for what, p := range map[string]whatif.Proposed{"busy partner": busy, "busy partner, with limits": limited, "rare partner": rare, "everybody, one API": everybody} {
		t.Run(what, func(t *testing.T) {
			begun := time.Now()
			report, err := e.WhatIf(ctx, p, week)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%8d requests judged, %8d would be cut off, %6d not judged, in %s", report.Read, whatif.Requests(report.CutOff), unjudged(report), time.Since(begun).Round(time.Millisecond))
			if report.Truncated || report.Read != whatif.Requests(report.CutOff)+whatif.Requests(report.LetIn)+report.Same+unjudged(report) {
				t.Errorf("%+v", report)
			}
		})
	}
	t.Run("revocation preview of a day", func(t *testing.T) {
		begun := time.Now()
		p, err := e.RevocationPreview(ctx, "crd_000003", 0, whatif.Span{From: recordtest.Begin.Add(6 * 24 * time.Hour), To: recordtest.Begin.Add(7 * 24 * time.Hour)})
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%8d requests, in %s", p.Requests, time.Since(begun).Round(time.Millisecond))
	})
}

func unjudged(r whatif.Report) (n uint64) {
	for _, one := range r.NotJudged {
		n += one.Requests
	}
	return n
}

func removal(partnerID string) whatif.Proposed {
	return whatif.Proposed{Environment: "production", PartnerID: partnerID, RemoveNetworks: []string{"net_" + partnerID}, AddNetworks: []whatif.Network{{Prefix: "203.0.113.0/24"}}}
}

func scaleRules(t testing.TB) rules {
	r := rules{apis: apis(t)[:2]}
	r.apis[0].Environment, r.apis[1].Environment, r.apis[1].Name = "production", "production", "aggregation"
	r.apis[0].Addresses = access.AddressOptional
	return r
}

// scaleRegister gives every partner the prefix of its generated addresses.
type scaleRegister struct{ register }

func (s scaleRegister) Networks(_ context.Context, partnerID string) ([]partner.NetworkRule, error) {
	return []partner.NetworkRule{{ID: "net_" + partnerID, PartnerID: partnerID, Environment: "production", Prefix: netip.MustParsePrefix("198.51.0.0/16")}}, nil
}

func (s scaleRegister) FindCredential(_ context.Context, id string) (partner.Credential, error) {
	return partner.Credential{ID: id, PartnerID: "ptn_000001", Environment: "production", Kind: partner.SigningKey}, nil
}

// BenchmarkWhatIf replays 20,000 decisions of one partner against a network rule and a limit.
func BenchmarkWhatIf(b *testing.B) {
	var rows []row
	for i := range 20_000 {
		rows = append(rows, allow("192.0.2.1").with(func(r *row) { r.at = time.Duration(i) * time.Second }))
	}
	e := engine(b, plain(b), linesOf(rows...))
	p := noNetwork
	p.SetLimits = []whatif.Limit{{Rate: 1, PerS: 2, Burst: 5}}
	b.ReportAllocs()
	for b.Loop() {
		if report, err := e.WhatIf(ctx, p, whatif.Span{}); err != nil || report.Read != 20_000 {
			b.Fatalf("%+v, %v", report, err)
		}
	}
}
