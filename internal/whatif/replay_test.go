package whatif_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/whatif"
)

// someRules draws rules of acme: networks of all kinds, limits of all scopes, settings of the APIs.
func someRules(t testing.TB, n *rand.Rand) rules {
	r := rules{apis: apis(t)}
	prefixes := []string{"192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/25", "192.0.2.2/32"}
	for i, prefix := range prefixes {
		if n.IntN(2) == 0 {
			r.networks = append(r.networks, network(fmt.Sprintf("net_%d", i), []string{"", "card", "bank"}[n.IntN(3)], prefix, ""))
		}
	}
	if n.IntN(3) == 0 {
		r.networks = append(r.networks, network("net_ca", []string{"", "card"}[n.IntN(2)], "", "CA"))
	}
	for i, scope := range [][2]string{{"", ""}, {"", "card"}, {"crd_1", ""}, {"crd_2", "bank"}} {
		switch n.IntN(5) {
		case 0:
			r.limits = append(r.limits, limit(fmt.Sprintf("lim_%d", i), scope[0], scope[1], 1+n.IntN(5), time.Duration(1+n.IntN(20))*time.Second, 1+n.IntN(8), 0))
		case 1:
			r.limits = append(r.limits, limit(fmt.Sprintf("lim_%d", i), scope[0], scope[1], 0, 0, 0, int64(20+n.IntN(300))))
		}
	}
	for _, api := range r.apis[:2] {
		if n.IntN(3) == 0 {
			api.Limits.PerPartner = &access.Rate{Rate: 1 + n.IntN(3), Per: 10 * time.Second, Burst: 1 + n.IntN(5)}
		}
		if n.IntN(3) == 0 {
			api.Limits.PerCredential = &access.Rate{Rate: 1 + n.IntN(3), Per: 7 * time.Second, Burst: 1 + n.IntN(5)}
		}
		api.Addresses = []access.AddressRule{access.AddressRequired, access.AddressOptional, access.AddressOff}[n.IntN(3)]
		api.AddressWarn = n.IntN(4) == 0
		api.Window = []time.Duration{0, time.Minute, 10 * time.Minute}[n.IntN(3)]
	}
	return r
}

func someAttempts(n *rand.Rand, count int) []attempt {
	addresses := []string{"192.0.2.1", "192.0.2.2", "198.51.100.1", "198.51.100.2", "203.0.113.1", "203.0.113.200", "2001:db8::1"}
	list := make([]attempt, count)
	for i := range list {
		list[i] = attempt{after: time.Duration(n.IntN(9000)) * time.Millisecond, credential: credentials[n.IntN(3)], api: []string{"card", "bank"}[n.IntN(2)],
			address: addresses[n.IntN(len(addresses))], forged: n.IntN(20) == 0}
		if n.IntN(4) == 0 {
			list[i].skew = time.Duration(n.IntN(1400)-700) * time.Second
		}
	}
	return list
}

// nothing is a proposal that changes what is there into itself.
func nothing(r rules) whatif.Proposed {
	p := whatif.Proposed{Environment: "sandbox", PartnerID: acme}
	for _, rule := range r.networks {
		p.RemoveNetworks = append(p.RemoveNetworks, rule.ID)
		add := whatif.Network{API: rule.API, Country: rule.Country}
		if rule.Prefix.IsValid() {
			add.Prefix = rule.Prefix.String()
		}
		p.AddNetworks = append(p.AddNetworks, add)
	}
	for _, l := range r.limits {
		p.SetLimits = append(p.SetLimits, proposedLimit(l))
	}
	for _, api := range r.apis[:2] {
		p.APIs = append(p.APIs, whatif.APIChange{API: api.Name, Addresses: addressWords[api.Addresses], WindowS: int(windowOf(api) / time.Second)})
	}
	return p
}

var addressWords = map[access.AddressRule]string{access.AddressRequired: "required", access.AddressOptional: "optional", access.AddressOff: "off"}

func windowOf(api *access.API) time.Duration {
	if api.Window > 0 {
		return api.Window
	}
	return api.Scheme.Window()
}

func proposedLimit(l partner.Limit) whatif.Limit {
	return whatif.Limit{CredentialID: l.CredentialID, API: l.API, Rate: l.Rate, PerS: int(l.Per / time.Second), Burst: l.Burst, Daily: l.Daily}
}

// TestNoChangeMakesNoDifference: on a record that the code that decides has made, a proposal that changes nothing cuts nobody off,
// lets nobody in, and the replay of the rules in force treats every request as was recorded.
func TestNoChangeMakesNoDifference(t *testing.T) {
	for seed := range uint64(25) {
		n := rand.New(rand.NewPCG(seed, 1))
		r := someRules(t, n)
		_, lines := play(t, r, someAttempts(n, 400))
		report, err := engine(t, r, lines).WhatIf(ctx, nothing(r), whatif.Span{})
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if whatif.Requests(report.CutOff)+whatif.Requests(report.LetIn)+report.Warned+report.Otherwise != 0 {
			t.Errorf("seed %d: %+v", seed, report)
		}
		if report.Read == 0 || report.Same == 0 || report.Truncated || report.Revision != 7 {
			t.Errorf("seed %d: read %d, same %d: %+v", seed, report.Read, report.Same, report)
		}
	}
}

// TestAReplayIsWhatHadHappened: the same requests are played under the rules in force and under the proposed ones, by the code that
// decides; the replay of the first record says how the second ends.
func TestAReplayIsWhatHadHappened(t *testing.T) {
	cut, let := uint64(0), uint64(0)
	for seed := range uint64(60) {
		n := rand.New(rand.NewPCG(seed, 2))
		now, then := someRules(t, n), someRules(t, n)
		for i, api := range then.apis { // what a proposal cannot change
			api.Limits, api.AddressWarn = now.apis[i].Limits, now.apis[i].AddressWarn
		}
		attempts := someAttempts(n, 400)
		before, lines := play(t, now, attempts)
		after, _ := play(t, then, attempts)
		p := nothing(then)
		p.RemoveNetworks = nil
		for _, rule := range now.networks {
			p.RemoveNetworks = append(p.RemoveNetworks, rule.ID)
		}
		p.SetLimits = nil
		for _, l := range now.limits {
			p.RemoveLimits = append(p.RemoveLimits, l.ID)
		}
		for _, l := range then.limits {
			p.SetLimits = append(p.SetLimits, proposedLimit(l))
		}
		report, err := engine(t, now, lines).WhatIf(ctx, p, whatif.Span{})
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		wantCut, wantLet := map[string]uint64{}, map[string]uint64{}
		for i := range before {
			b, a := &before[i], &after[i]
			switch {
			case b.Partner == nil || b.Partner.ID != acme:
			case b.Reason == access.Allowed && a.Reason != access.Allowed:
				wantCut[a.Reason.String()]++
			case b.Proved && b.Reason != access.Allowed && a.Reason == access.Allowed:
				wantLet[b.Reason.String()]++
			}
		}
		if timeChanged(now, then) { // requests that only the proposal's window admits count against its limits, and cannot be replayed
			continue
		}
		same(t, seed, "cut off", report.CutOff, wantCut)
		same(t, seed, "let in", report.LetIn, wantLet)
		cut, let = cut+whatif.Requests(report.CutOff), let+whatif.Requests(report.LetIn)
	}
	if cut < 500 || let < 500 {
		t.Errorf("%d cut off, %d let in: the rules of this test make too few differences", cut, let)
	}
}

// timeChanged reports whether some window is wider under then: what it lets in was never proved, and uses limits up.
func timeChanged(now, then rules) bool {
	limited := len(then.limits) > 0 || slices.ContainsFunc(then.apis, func(a *access.API) bool { return a.Limits != access.APILimits{} })
	return limited && slices.ContainsFunc([]int{0, 1}, func(i int) bool { return windowOf(then.apis[i]) > windowOf(now.apis[i]) })
}

func same(t *testing.T, seed uint64, what string, got []whatif.Difference, want map[string]uint64) {
	t.Helper()
	counts := map[string]uint64{}
	for _, d := range got {
		counts[d.Reason] = d.Requests
	}
	if fmt.Sprint(counts) != fmt.Sprint(want) {
		t.Errorf("seed %d: %s: %v, want %v", seed, what, counts, want)
	}
}
