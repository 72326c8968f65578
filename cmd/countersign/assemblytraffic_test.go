package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"countersign.dev/api"
	operators "countersign.dev/internal/operator"
	"countersign.dev/internal/registry"
)

// TestServeVerifiesItsRecordsAndCounts: a server at which people can look reads its counts, verifies both records in the background,
// and knows the checkpoints that it signs itself.
func TestServeVerifiesItsRecordsAndCounts(t *testing.T) {
	s := startPlane(t)
	defer s.stop()
	token := s.service(registry.ServiceCreate{Name: "auditor", Roles: []operators.Role{operators.Auditor}, NotAfter: time.Now().Add(time.Hour)})
	ask := func(path string, into any) {
		t.Helper()
		status, body := s.get(path, bearer(token))
		if status != http.StatusOK {
			t.Fatalf("%s: %d %s", path, status, body)
		}
		if err := json.Unmarshal([]byte(body), into); err != nil {
			t.Fatal(err)
		}
	}
	var page api.RecordPage
	until(t, "both records to be verified", func() bool {
		page = api.RecordPage{}
		ask("/v1/records", &page)
		return len(page.Items) == 2 && page.Items[0].State == api.RecordStateVerified && page.Items[1].State == api.RecordStateVerified
	})
	for _, r := range page.Items {
		if r.Verified == 0 || len(r.Faults) > 0 || !r.Whole {
			t.Errorf("%+v", r)
		}
	}
	if page.Items[0].Name != "changes" || page.Items[1].Name != "decisions" {
		t.Errorf("%s and %s", page.Items[0].Name, page.Items[1].Name)
	}
	again := func(r *http.Request) { bearer(token)(r); r.Method = http.MethodPost }
	until(t, "the server's own checkpoints to vouch for both", func() bool {
		for _, name := range []string{"changes", "decisions"} {
			if status, body := s.get("/v1/records/"+name+"/verify", again); status != http.StatusOK {
				t.Fatalf("%d %s", status, body)
			}
		}
		page = api.RecordPage{}
		ask("/v1/records", &page)
		return page.Items[0].Sealed > 0 && page.Items[1].Sealed > 0 && page.Items[0].SealedBy != "" && strings.Contains(page.Items[1].SealedIn, "elsewhere")
	})
	until(t, "the counts to be read", func() bool {
		var traffic api.Traffic
		ask("/v1/traffic?last=1h", &traffic)
		return len(traffic.Faults) == 0 && len(traffic.Series) == 0
	})
	var needs api.Attention
	ask("/v1/attention", &needs)
	for _, one := range needs.Items {
		if one.Kind == api.AttentionItemKindRecordFaulty {
			t.Errorf("%+v", one)
		}
	}
}

// TestRecordsAreCalledAfterTheirServers.
func TestRecordsAreCalledAfterTheirServers(t *testing.T) {
	for rollups, want := range map[string]string{"/data/rollups": "decisions", "/data/rollups-sandbox": "decisions-sandbox",
		"/data/rollups-sandbox+production": "decisions-sandbox-production"} {
		if got := recordName(rollups); got != want || strings.Contains(got, "+") {
			t.Errorf("%s: %s, expected %s", rollups, got, want)
		}
	}
}
