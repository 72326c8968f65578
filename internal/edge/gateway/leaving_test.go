package gateway_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"countersign.dev/internal/access"
	"countersign.dev/internal/edge/gateway/upstream"
)

// TestAServerThatLeavesSaysSo: a Connection that stands in the header before the gateway is asked goes out with every answer.
func TestAServerThatLeavesSaysSo(t *testing.T) {
	d := newWorld(t).open(t, func(s *settings) {
		s.doers = func(all map[*access.API]upstream.Doer) {
			for api := range all {
				all[api] = fakeDoer{do: instantly}
			}
		}
	})
	for name, r := range map[string]*http.Request{
		"refused":   d.inHand(call{method: "GET", target: "/api/v1/cards/1"}),
		"forwarded": d.inHand(d.signed(d.keys["good"], "GET", "/api/v1/cards/1", "")),
	} {
		w := httptest.NewRecorder()
		w.Header().Set("Connection", "close")
		w.Header().Set("X-Left-Behind", "x")
		d.gateway.ServeHTTP(w, r)
		if w.Header().Get("Connection") != "close" || name == "refused" && w.Header().Get("X-Left-Behind") != "" {
			t.Errorf("%s: %d %v", name, w.Code, w.Header())
		}
	}
}
