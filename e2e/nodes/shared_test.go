package nodes_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"
)

// TestALimitIsOneForAllNodes: whoever spreads requests over three nodes gets the limit once, to the request; and while nobody can count, what
// has a limit is refused.
func TestALimitIsOneForAllNodes(t *testing.T) {
	s := newSite(t, 3, nil)
	a := s.nodes[0]
	one := s.issue(t, a)
	const burst = 30
	a.must(t, "limit", "set", partner, "--environment", sandbox, "--credential", one.ID, "--rate", "1/h", "--burst", "30", "--wait=30s")
	var mu sync.Mutex
	answers := map[string]int{}
	var all sync.WaitGroup
	for _, n := range s.nodes {
		k := s.caller(t, n)
		all.Go(func() {
			for range burst {
				got := k.send(signed(one.key(), time.Now(), http.MethodGet, s.id("limited")))
				mu.Lock()
				answers[got.is()]++
				mu.Unlock()
			}
		})
	}
	all.Wait()
	if len(answers) != 2 || answers["200"] != burst || answers["429 rate_limited"] != 2*burst {
		t.Errorf("%d requests to three nodes under one limit of %d: %v", 3*burst, burst, answers)
	}
	last := s.nodes[2]
	last.cache.set(cut)
	k := s.caller(t, last)
	eventually(t, "the node knows that nobody can count", func() bool {
		return k.send(signed(one.key(), time.Now(), http.MethodGet, s.id("uncounted"))).is() == "503 unavailable"
	})
	if got := k.send(signed(s.given, time.Now(), http.MethodGet, s.id("unlimited"))); got.is() != "200" {
		t.Errorf("what has no limit is answered %s (%v)", got.is(), got.cause)
	}
	last.cache.set(open)
	eventually(t, "the node counts again", func() bool {
		return k.send(signed(one.key(), time.Now(), http.MethodGet, s.id("counted"))).is() == "429 rate_limited"
	})
}

// exchange asks for an access token.
func (a app) exchange(secret string) request {
	return request{method: http.MethodPost, target: "/aggregation/v2/partners/authentication", body: fmt.Sprintf(`{"partnerId":%q,"partnerSecret":%q}`, a.PartnerID, secret),
		headers: "Accept: application/json\r\nFinicity-App-Key: " + a.Key + "\r\n"}
}

// with is a call with an access token.
func (a app) with(token string) request {
	return request{method: http.MethodGet, target: "/aggregation/v1/token",
		headers: "Accept: application/json\r\nFinicity-App-Key: " + a.Key + "\r\nFinicity-App-Token: " + token + "\r\n"}
}

// TestAnAccessTokenCountsOnEveryNode: what one node issued, the others honour without asking anybody, also while the register and the cache
// are away; when it is revoked, it counts nowhere. Wrong secrets are counted for all nodes together.
func TestAnAccessTokenCountsOnEveryNode(t *testing.T) {
	s := newSite(t, 3, nil)
	callers := map[*node]*caller{}
	for _, n := range s.nodes {
		callers[n] = s.caller(t, n)
	}
	a, last := s.nodes[0], s.nodes[2]
	var issued struct{ Token string }
	if got := callers[a].send(s.app.exchange(s.app.Secret)); json.Unmarshal(got.body, &issued) != nil || issued.Token == "" {
		t.Fatalf("%s: %s (%v)", got.is(), got.body, got.cause)
	}
	everywhere := func(want string) {
		t.Helper()
		for _, n := range s.nodes {
			if got := callers[n].send(s.app.with(issued.Token)); got.is() != want {
				t.Errorf("%s answers %s, want %s (%v)", n.host, got.is(), want, got.cause)
			}
		}
	}
	everywhere("200")
	last.offline(cut)
	everywhere("200")
	last.offline(open)
	eventually(t, "the node is back", last.ready)
	a.must(t, "credential", "revoke-tokens", s.app.Key, "--yes", "--wait=30s")
	everywhere("401 10022")

	// Five wrong secrets lock, wherever they come.
	for i := range 5 {
		n := s.nodes[i%len(s.nodes)]
		if got := callers[n].send(s.app.exchange("wrong-secret-9")); got.is() != "401 10001" {
			t.Errorf("wrong secret %d, to %s: %s (%v)", i+1, n.host, got.is(), got.cause)
		}
	}
	for _, n := range s.nodes {
		if got := callers[n].send(s.app.exchange(s.app.Secret)); got.is() != "401 24302" {
			t.Errorf("%s answers %s after five wrong secrets (%v)", n.host, got.is(), got.cause)
		}
	}
}
