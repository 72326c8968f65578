package ops_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/edge/ops"
)

// TestEveryDecisionIsCounted: outcomes that come for the first time and again, at one time, and more of them than are kept at hand.
func TestEveryDecisionIsCounted(t *testing.T) {
	m := ops.NewMetrics()
	const apis, callers, rounds = 5000, 4, 3
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			for range rounds {
				for i := range apis {
					m.Record(&audit.Decision{Environment: "sandbox", API: fmt.Sprint("api", i), Reason: "allowed", Allowed: true})
				}
			}
		})
	}
	all.Wait()
	text := page(t, m, nil, "GET", "/metrics").Body.String()
	for i := range apis {
		want := fmt.Sprintf(`countersign_decisions_total{api="api%d",decision="allow",environment="sandbox",reason="allowed"} %d`, i, callers*rounds)
		if !strings.Contains(text, want+"\n") {
			t.Fatalf("there is no %s", want)
		}
	}
	if want := fmt.Sprintf(`countersign_request_duration_seconds_count{decision="allow",environment="sandbox"} %d`, apis*callers*rounds); !strings.Contains(text, want) {
		t.Errorf("there is no %s", want)
	}
}
