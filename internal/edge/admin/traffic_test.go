package admin_test

import (
	"net/http"
	"testing"

	"countersign.dev/api"
	"countersign.dev/internal/edge/admin"
	"countersign.dev/internal/traffic"
)

// unrouted are the sums of requests that reached no environment at all, which may have been meant for any.
type unrouted struct{ admin.Traffic }

func (unrouted) Report(_ traffic.Span, sees traffic.Sees) (r traffic.Report, err error) {
	if sees("") {
		r.Series = []traffic.Series{{Count: traffic.Count{Refused: 7}}}
	}
	return r, nil
}

func (unrouted) LastCalls(_ []string, sees traffic.Sees) (list []traffic.LastCall, faults []string) {
	if sees("") {
		list = []traffic.LastCall{{Partner: "ptn_recorded"}}
	}
	return list, nil
}

func (unrouted) Rises(sees traffic.Sees) (list []traffic.Rise) {
	if sees("") {
		list = []traffic.Rise{{Reason: "unknown_host", Count: 70}}
	}
	return list
}

// TestWhatReachedNoEnvironmentIsNotForWhoIsConfined: not as a number of traffic, not as a call, and not as a rise.
func TestWhatReachedNoEnvironmentIsNotForWhoIsConfined(t *testing.T) {
	w := newWorld(t, func(c *admin.Config) { c.Traffic = unrouted{c.Traffic} })
	for who, want := range map[string]int{"viewer": 1, "sandbox": 0} {
		var out api.Traffic
		w.send(who, "GET", "/v1/traffic?last=24h", nil).want(http.StatusOK, &out)
		var calls api.LastCalls
		w.send(who, "GET", "/v1/last-calls?partners=ptn_recorded", nil).want(http.StatusOK, &calls)
		var needs api.Attention
		w.send(who, "GET", "/v1/attention", nil).want(http.StatusOK, &needs)
		rises := 0
		for _, n := range needs.Items {
			if n.Kind == api.AttentionItemKindRefusalsRise {
				rises++
			}
		}
		if len(out.Series) != want || len(calls.Items) != want || rises != want {
			t.Errorf("%s: %d series, %d calls, %d rises, expected %d of each", who, len(out.Series), len(calls.Items), rises, want)
		}
	}
}
