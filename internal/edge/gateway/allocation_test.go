package gateway_test

import (
	"net/http"
	"testing"

	"countersign.dev/internal/access"
	"countersign.dev/internal/edge/gateway/upstream"
)

// The door itself, from the parsed request to the answer's last byte, leaves this much for the garbage collector: two of it are the
// fake upstream's. What goes over this is a regression, however fast the machine is. The race detector adds some.
func TestAForwardedRequestAllocatesLittle(t *testing.T) {
	const most = 7
	d := newWorld(t).open(t, func(s *settings) {
		s.gateway.Record = nowhere{}
		s.doers = func(all map[*access.API]upstream.Doer) {
			for api := range all {
				all[api] = fakeDoer{do: instantly}
			}
		}
	})
	r := d.inHand(d.signed(d.keys["good"], "GET", "/api/v1/cards/1?a=b", "", "Accept: application/json", "User-Agent: bench"))
	w := &sink{header: http.Header{}}
	allocs := testing.AllocsPerRun(500, func() {
		clear(w.header)
		d.gateway.ServeHTTP(w, r)
	})
	if w.status != http.StatusOK {
		t.Fatalf("status %d", w.status)
	}
	if allocs > most+raceAllocations {
		t.Errorf("%v allocations for a request, want at most %d", allocs, most)
	}
}
