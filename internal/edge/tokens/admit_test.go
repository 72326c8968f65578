package tokens_test

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"countersign.dev/internal/access"
	"countersign.dev/internal/registry"
)

// asking counts how often it is asked, and what stood in the decision and in the registry then.
type asking struct {
	b      *bench
	reason access.Reason
	times  int
	proved bool
	calls  int
}

func (a *asking) admit(context.Context) access.Reason {
	a.times++
	a.proved, a.calls = a.b.d.Proved, len(a.b.registry.calls)
	if a.reason == access.RateLimited {
		a.b.d.Where, a.b.d.Limit = "partner", access.LimitStatus{Retry: 7}
	}
	if a.reason == access.Unavailable {
		a.b.d.Cause = errors.New("the disk is full")
	}
	return a.reason
}

// TestAdmitIsAskedOnceBeforeAnythingThatLasts: for a token once the caller has proved itself, for a change of the secret
// right before it; never for a call that fails on its own.
func TestAdmitIsAskedOnceBeforeAnythingThatLasts(t *testing.T) {
	for _, row := range []struct {
		what, method, body string
		outcome            registry.Outcome
		admitted, says     access.Reason
		reason             access.Reason
		times, calls       int
		proved             bool
	}{
		{"a token", "POST", goodJSON, registry.Proved, access.Allowed, access.Allowed, access.Allowed, 1, 1, true},
		{"beyond a limit", "POST", goodJSON, registry.Proved, access.Allowed, access.RateLimited, access.RateLimited, 1, 1, true},
		{"not written down", "POST", goodJSON, registry.Proved, access.Allowed, access.Unavailable, access.Unavailable, 1, 1, true},
		{"a wrong secret", "POST", badJSON, registry.Wrong, access.Allowed, access.Allowed, access.BadSecret, 0, 0, false},
		{"locked", "POST", goodJSON, registry.Locked, access.Allowed, access.Allowed, access.Locked, 0, 0, false},
		{"not approved", "POST", goodJSON, registry.Proved, access.NotApproved, access.Allowed, access.NotApproved, 0, 0, false},
		{"no body", "POST", "", registry.Proved, access.Allowed, access.Allowed, access.MissingParameter, 0, 0, false},
		{"a change", "PUT", putJSON, registry.Proved, access.Allowed, access.Allowed, access.Allowed, 1, 0, false},
		{"a change that is not written down", "PUT", putJSON, registry.Proved, access.Allowed, access.Unavailable, access.Unavailable, 1, 0, false},
		{"a change by who is not admitted", "PUT", putJSON, registry.Proved, access.Suspended, access.Allowed, access.Suspended, 0, 0, false},
	} {
		b := newBench(t)
		b.registry.outcome, b.issuer.admitted = row.outcome, row.admitted
		a := &asking{b: b, reason: row.says}
		answer := b.exchange.Serve(context.Background(), row.method, http.Header{"Content-Type": {jsonType}}, []byte(row.body), b.d, a.admit)
		if b.d.Reason != row.reason || a.times != row.times || a.calls != row.calls || a.proved != row.proved {
			t.Errorf("%s: %s, asked %d times after %d calls, proved %v", row.what, b.d.Reason, a.times, a.calls, a.proved)
		}
		if made := b.issuer.issued == 1; made != (row.method == "POST" && row.reason == access.Allowed) {
			t.Errorf("%s: %d tokens were made", row.what, b.issuer.issued)
		}
		if row.method == "PUT" && row.says != access.Allowed && len(b.registry.calls) != 0 {
			t.Errorf("%s: the registry was asked", row.what)
		}
		if row.says == access.RateLimited && (answer.Get("Retry-After") != "7" || b.d.Where != "partner") {
			t.Errorf("%s: Retry-After %q, where %q", row.what, answer.Get("Retry-After"), b.d.Where)
		}
		if row.says == access.Unavailable && b.d.Cause == nil {
			t.Errorf("%s: the cause is lost", row.what)
		}
	}
}
