package problem_test

import (
	"strings"
	"testing"

	"countersign.dev/internal/access"
	"countersign.dev/internal/edge/problem"
)

// TestRateLimitField is the field's form: an item of a structured field, a string with integers behind it.
func TestRateLimitField(t *testing.T) {
	for want, status := range map[string]access.LimitStatus{
		"":                              {},
		`"partner_api";r=42;t=2`:        {Name: "partner_api", Remaining: 42, Reset: 2},
		`"credential_day";r=0;t=86400`:  {Name: "credential_day", Reset: 86400, Retry: 86400},
		`"partner";r=999999999999;t=1`:  {Name: "partner", Remaining: 999_999_999_999, Reset: 1},
		`"partner_api_day";r=1;t=57600`: {Name: "partner_api_day", Remaining: 1, Reset: 57600},
	} {
		if got := problem.RateLimit(&access.Decision{Limit: status}); got != want {
			t.Errorf("%+v: %q, want %q", status, got, want)
		}
	}
	if got := problem.RateLimitPolicy(&access.Decision{}); got != "" {
		t.Errorf("no limit: %q", got)
	}
}

// TestRefusalsByLimits: Retry-After is what the decision says, never less than a second; the scope is told in words of a
// closed list, whatever stands in the decision.
func TestRefusalsByLimits(t *testing.T) {
	for _, row := range []struct {
		reason access.Reason
		where  string
		retry  int64
		after  string
		text   string
	}{
		{access.RateLimited, "api", 3, "3", "Too many requests: the rate of this API is used up."},
		{access.RateLimited, "partner_api", 1, "1", "Too many requests: the rate of this partner on this API is used up."},
		{access.RateLimited, "partner", 0, "1", "Too many requests: the rate of this partner is used up."},
		{access.QuotaExceeded, "credential_api", 86400, "86400", "The quota of the day of this credential on this API is used up."},
		{access.QuotaExceeded, "credential", 57600, "57600", "The quota of the day of this credential is used up."},
		{access.QuotaExceeded, "X-From-The-Caller", 1, "1", "The quota of the day of this caller is used up."},
	} {
		for _, api := range []*access.API{card, accounts} {
			d := full(row.reason, api)
			d.Where, d.Limit.Retry = row.where, row.retry
			a := problem.Render(d, problem.JSON, requestID, now)
			if a.Status != 429 || a.Get("Retry-After") != row.after || !strings.Contains(string(a.Body), row.text) {
				t.Errorf("%s %s: %d, Retry-After %q, %s", row.reason, row.where, a.Status, a.Get("Retry-After"), a.Body)
			}
		}
	}
}
