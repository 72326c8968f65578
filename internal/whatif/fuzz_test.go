package whatif_test

import (
	"bytes"
	"context"
	"io"
	"testing"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/audit/search"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/whatif"
)

// anything is a record that gives whatever it holds, in pieces of a size.
type anything struct {
	text []byte
	size int
}

func (a anything) Export(_ context.Context, w io.Writer, _ search.Query, _ search.Format) (search.Exported, error) {
	for rest := a.text; len(rest) > 0; {
		n, err := w.Write(rest[:min(a.size, len(rest))])
		if err != nil {
			return search.Exported{}, err
		}
		rest = rest[n:]
	}
	return search.Exported{}, nil
}

func (a anything) Find(_ context.Context, q search.Query) (page search.Page, err error) {
	for text := range bytes.Lines(a.text) {
		found := search.Found{Text: bytes.TrimRight(text, "\n")}
		if found.Line.Parse(found.Text) == nil && q.Match(&found.Line) && len(page.Found) < max(1, q.Limit) {
			page.Found = append(page.Found, found)
		}
	}
	return page, nil
}

// FuzzLines: whatever the lines of a record say, every question about them ends, and each line that was read is counted once.
func FuzzLines(f *testing.F) {
	for _, r := range []row{allow("192.0.2.1"), refuse("address_not_listed", "198.51.100.1"), stranger("stale_timestamp").with(func(r *row) { r.skew = "-500000" }),
		refuse("rate_limited", "::ffff:192.0.2.1"), allow("fe80::1%eth0")} {
		f.Add(append(r.line(0), "}\n"...), 7, 900, 3)
	}
	f.Add([]byte("{}\n\n{\"time\":\"2026-11-20T08:00:00.000000Z\",\"decision\":\"allow\",\"skew_ms\":-999999999999999999}\n"), 1, 1, 1)
	finci := apis(f)
	f.Fuzz(func(t *testing.T, text []byte, size, window, rate int) {
		r := rules{apis: finci, networks: []partner.NetworkRule{network("net_1", "", "192.0.2.0/24", "")}}
		e, err := whatif.New(whatif.Config{Records: []whatif.Records{anything{text, 1 + size&0xfff}}, Register: register{rules: r}, APIs: func() []*access.API { return r.apis },
			Now: func() time.Time { return begin.Add(day) }, Countries: file, Told: told})
		if err != nil {
			t.Fatal(err)
		}
		p := whatif.Proposed{Environment: "sandbox", PartnerID: acme, RemoveNetworks: []string{"net_1"}, AddNetworks: []whatif.Network{{Country: "CA"}},
			SetLimits: []whatif.Limit{{Rate: 1 + rate&0xff, PerS: 1, Burst: 1}}, APIs: []whatif.APIChange{{API: "card", WindowS: 1 + window&0x1ff, Addresses: "optional"}}}
		report, err := e.WhatIf(ctx, p, whatif.Span{})
		if err != nil {
			if len(text) < search.MaxLine {
				t.Fatal(err)
			}
			return
		}
		sum := whatif.Requests(report.CutOff) + whatif.Requests(report.LetIn) + report.Same
		for _, n := range report.NotJudged {
			sum += n.Requests
		}
		if sum != report.Read {
			t.Errorf("%d lines were read, %d counted", report.Read, sum)
		}
		ask(t, e)
	})
}

// ask asks the other questions.
func ask(t *testing.T, e *whatif.Engine) {
	t.Helper()
	if _, err := e.Rehearsal(ctx, "crd_1", whatif.Span{}); err != nil {
		t.Error(err)
	}
	if p, err := e.RevocationPreview(ctx, "crd_1", 1, whatif.Span{}); err != nil || (p.Requests == 0) != (p.First == nil) {
		t.Errorf("%+v, %v", p, err)
	}
	if c, err := e.Collect(ctx, acme, "sandbox"); err != nil || len(c.Addresses) > partner.MaxCollected {
		t.Errorf("%+v, %v", c, err)
	}
	if s, err := e.Why(ctx, "00000000000000000000000000000001"); err == nil {
		if len(s.Steps) == 0 || s.Cause == "" || len(asJSON(t, s)) == 0 {
			t.Errorf("%+v", s)
		}
	}
}
