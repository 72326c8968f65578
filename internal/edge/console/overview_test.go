package console_test

import (
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"countersign.dev/api"
	"countersign.dev/internal/browsertest"
)

// hostile are names as a partner could choose them: markup, quotes, bidirectional controls, no place to break.
var hostile = []string{
	`<script>alert(1)</script>`, `" onmouseover="alert(1)`, "\u202egnp.exe\u202c Ltd", strings.Repeat("Donaudampfschifffahrt", 10), `'/><img src=x onerror=alert(1)>`,
}

// busy makes a plane with a day of traffic and one need of each kind.
func busy(t testing.TB) *plane {
	p := newPlane(t)
	draw := rand.New(rand.NewPCG(1, 2))
	series := func(environment, name string, scale int64) api.TrafficSeries {
		s := api.TrafficSeries{Environment: environment, API: name, Latency: api.Latency{P50Us: 740, P95Us: 4100, P99Us: 18300}, Points: []api.TrafficPoint{}}
		for i := range 96 {
			allowed := scale + draw.Int64N(scale) + int64(i)*scale/96
			refused := draw.Int64N(max(2, scale/20))
			if i > 80 {
				refused *= 6
			}
			if i == 40 || i == 42 {
				allowed, refused = 0, 0
			}
			s.Allowed, s.Refused = s.Allowed+allowed, s.Refused+refused
			s.Points = append(s.Points, api.TrafficPoint{At: now.Add(time.Duration(i-96) * 15 * time.Minute), Allowed: allowed, Refused: refused,
				Latency: api.Latency{P50Us: 600 + draw.Int64N(300), P95Us: 3000 + draw.Int64N(2500), P99Us: 12000 + draw.Int64N(9000)}})
		}
		s.Reasons = []api.ReasonCount{{Reason: "bad_signature", Count: s.Refused * 6 / 10}, {Reason: "network_not_allowed", Count: s.Refused * 3 / 10}, {Reason: "stale_timestamp", Count: s.Refused / 10}}
		return s
	}
	p.says("GET /v1/traffic", api.Traffic{From: now.Add(-24 * time.Hour), To: now, StepSeconds: 900, Faults: []string{}, Series: []api.TrafficSeries{
		series("sandbox", "payments", 40), series("production", "payments", 1200), series("production", "accounts", 300),
		{Environment: "sandbox", API: "accounts", Points: []api.TrafficPoint{}, Reasons: []api.ReasonCount{}}}})
	at := now.Add(-26 * time.Hour)
	p.says("GET /v1/attention", api.Attention{At: now, More: 3, Items: []api.AttentionItem{
		{Kind: api.AttentionItemKindCredentialLocked, Grave: true, PartnerID: "ptn_1", PartnerName: hostile[0], Environment: "production", CredentialID: "crd_1", At: at, Text: "The partner’s secret was wrong ten times; its app key is locked."},
		{Kind: api.AttentionItemKindReviewWaiting, PartnerID: "ptn_2", PartnerName: hostile[3], Environment: "production", At: at, Text: "A review is waiting to be approved."},
		{Kind: api.AttentionItemKindProposalWaiting, PartnerID: "ptn_3", PartnerName: hostile[2], ProposalID: "prp_1", At: at, Text: "Remove the network rule 203.0.113.0/24: asked for by olga@example.com."},
		{Kind: api.AttentionItemKindRefusalsRise, Environment: "production", API: "payments", Reason: "bad_signature", Count: 412, Usual: 11, At: now.Add(-15 * time.Minute), Text: "412 refusals for bad_signature in 15 minutes, where 11 are usual."},
		{Kind: api.AttentionItemKindCredentialExpires, PartnerID: "ptn_4", PartnerName: hostile[1], Environment: "sandbox", CredentialID: "crd_2", At: now.Add(9 * 24 * time.Hour), Text: "Version 3 of the signing key ends, and nothing follows it."},
		{Kind: api.AttentionItemKindNodeBehind, Grave: true, At: at, Text: "node-2 decides by revision 812; the register is at 840."},
	}})
	return p
}

func TestOverviewShowsTrafficAndNeeds(t *testing.T) {
	p := busy(t)
	w := get(p.console(), "/console/")
	text := body(t, w)
	if w.Code != http.StatusOK {
		t.Fatal(w.Code, text)
	}
	for _, want := range []string{"What needs a person now", "Change waits", `href="/console/proposals/prp_1"`, `href="/console/credentials/crd_1"`,
		"/console/decisions?api=payments&amp;environment=production&amp;reason=bad_signature", "And 3 more", "<svg role=\"img\"", "The numbers as a table", "18 ms",
		"&lt;script&gt;alert(1)&lt;/script&gt;"} {
		if !strings.Contains(text, want) {
			t.Errorf("the overview has no %s", want)
		}
	}
	if strings.Contains(text, "<script>alert") || strings.Contains(text, `" onmouseover="`) {
		t.Error("a name became markup")
	}
}

// TestOverviewSaysHowLongACountTakes: with numbers and without, so that nobody who has just called thinks that nothing arrived. A latency is
// only there where something was let in.
func TestOverviewSaysHowLongACountTakes(t *testing.T) {
	p := busy(t)
	if text := body(t, get(p.console(), "/console/")); !strings.Contains(text, "Counts appear within two minutes") {
		t.Error("numbers without the time that they take")
	}
	empty := api.Traffic{From: now.Add(-time.Hour), To: now, StepSeconds: 60, Faults: []string{}, Series: []api.TrafficSeries{}}
	p.says("GET /v1/traffic", empty)
	text := body(t, get(p.console(), "/console/"))
	for _, want := range []string{"No requests in this time.", "up to two minutes"} {
		if !strings.Contains(text, want) {
			t.Errorf("nothing, and the page does not say %q", want)
		}
	}
	empty.Series = []api.TrafficSeries{{Environment: "sandbox", API: "card", Refused: 5, Points: []api.TrafficPoint{}, Reasons: []api.ReasonCount{}}}
	p.says("GET /v1/traffic", empty)
	if text := body(t, get(p.console(), "/console/")); strings.Contains(text, `<td class="n">0 µs</td>`) {
		t.Error("refusals alone have a latency")
	}
}

func TestOverviewAsksForTheSpanOfItsAddress(t *testing.T) {
	for query, want := range map[string]string{"": "24h", "?last=1h": "1h", "?last=7d": "7d", "?last=99y": "24h"} {
		p := newPlane(t)
		get(p.console(), "/console/"+query)
		found := ""
		for _, r := range p.asked {
			if r.URL.Path == "/v1/traffic" {
				found = r.URL.Query().Get("last")
			}
		}
		if found != want {
			t.Errorf("%q asks for %q, not %q", query, found, want)
		}
	}
}

func TestOverviewShowsOneHalfWithoutTheOther(t *testing.T) {
	p := busy(t)
	p.refuses("GET /v1/traffic", problem(api.Unavailable, "The record is being read."))
	text := body(t, get(p.console(), "/console/"))
	if !strings.Contains(text, "Change waits") || !strings.Contains(text, "The record is being read.") {
		t.Error("what needs a person is not shown without the traffic")
	}
	p = busy(t)
	p.refuses("GET /v1/attention", problem(api.Forbidden, ""))
	text = body(t, get(p.console(), "/console/"))
	if !strings.Contains(text, "Refusals by reason") || !strings.Contains(text, "which you do not have") {
		t.Error("the traffic is not shown without what needs a person")
	}
}

// BenchmarkOverview is the console's own part of its largest page: what the plane is asked is answered from memory.
func BenchmarkOverview(b *testing.B) {
	p := busy(b)
	h := p.console()
	for b.Loop() {
		if w := get(h, "/console/"); w.Code != http.StatusOK {
			b.Fatal(w.Code)
		}
		p.asked = p.asked[:0]
	}
}

// TestOverviewInABrowser: what WCAG asks, with the names that strangers choose, and pictures for a person's eye.
func TestOverviewInABrowser(t *testing.T) {
	b := browsertest.Open(t)
	for name, p := range map[string]*plane{"overview": busy(t), "overview-quiet": newPlane(t)} {
		s := httptest.NewServer(p.console())
		t.Cleanup(s.Close)
		tab := b.Page(s.URL + "/console/")
		tab.Accessible(t)
		for _, width := range []int{1280, 390} {
			tab.Screenshot(name, width, false)
			tab.Screenshot(name, width, true)
		}
	}
}
