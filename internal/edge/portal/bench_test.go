package portal_test

import (
	"bufio"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/audit/search"
	"countersign.dev/internal/audit/search/recordtest"
	"countersign.dev/internal/edge/portal"
)

// The size that the issue asks for is 10,000 partners and 10,000,000 decisions. COUNTERSIGN_BENCH_LINES sets the latter; without it
// there are fewer, so that trying the benchmark is quick.
func benchLines() (n int) {
	n = 200_000
	_, _ = fmt.Sscanf(os.Getenv("COUNTERSIGN_BENCH_LINES"), "%d", &n)
	return n
}

const (
	benchPartners = 10_000
	benchSegment  = 250_000 // decisions in one segment
	benchOwn      = 2_000   // every so many decisions one is the partner's own
)

// BenchmarkPages renders each page of a partner among ten thousand others, over a record of many decisions. It says how long one
// takes and asserts nothing; the goal is 50 ms.
func BenchmarkPages(b *testing.B) {
	w := newWorld(b)
	for n := range benchPartners - 1 {
		_, err := w.CreatePartner(ctx, alice, fmt.Sprintf("Partner %d", n))
		w.must(err)
	}
	places := w.furnish()
	own := w.view(w.people["ann"].PartnerID)
	w.server = w.big(b, own.Partner.ID, own.Credentials[0].ID)
	for _, at := range places {
		if at.status != http.StatusOK {
			continue
		}
		b.Run(at.name, func(b *testing.B) {
			for b.Loop() {
				w.get("ann", at.path).is(http.StatusOK)
			}
		})
	}
	for name, path := range map[string]string{"calls-refused": "/portal/calls?result=refuse", "calls-by-reason": "/portal/calls?reason=bad_signature&environment=sandbox",
		"calls-of-none": "/portal/calls?reason=replayed", "calls-by-address": "/portal/calls?address=203.0.113.0/24", "call-of-none": "/portal/calls/" + fmt.Sprintf("%032x", 1<<40)} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if a := w.get("ann", path); a.Code >= 500 {
					b.Fatal(a.Code)
				}
			}
		})
	}
}

// big is the portal of the same world over a record of many decisions, indexed.
func (w *world) big(b *testing.B, partnerID, credential string) *portal.Server {
	b.Helper()
	dir := b.TempDir()
	record := recordtest.New(b, dir)
	total := benchLines()
	own := 0
	for segment := 1; total > 0; segment++ {
		file, err := os.Create(filepath.Join(dir, fmt.Sprintf("%08d.jsonl", segment)))
		w.must(err)
		out := bufio.NewWriterSize(file, 1<<20)
		_, _ = out.Write(record.Header())
		for n := range min(total, benchSegment) {
			if n%benchOwn == 0 {
				own++
				reason := "allowed"
				if own%5 == 0 {
					reason = "bad_signature"
				}
				d := aCall(own, partnerID, credential, reason)
				d.Time = record.At
				_, _ = out.Write(record.Close(d.AppendOpen(nil, audit.Form{})))
			} else {
				_, _ = out.Write(record.Decision())
			}
		}
		total -= benchSegment
		w.must(out.Flush())
		w.must(file.Close())
	}
	records, err := search.Open(search.Config{Dir: dir, Log: slog.New(slog.DiscardHandler)})
	w.must(err)
	w.must(records.Refresh(ctx))
	cfg := w.cfg
	cfg.Records = records
	s, err := portal.New(cfg)
	w.must(err)
	return s
}
