package console_test

import (
	"net/http"
	"net/url"
	"testing"
)

// FuzzAuditFilters: whatever is typed or linked, a search answers with a page that says what is wrong, and loses nothing.
func FuzzAuditFilters(f *testing.F) {
	for _, seed := range []string{"2026-11-20T14:30", "2026-11-20", "x", "<b>", "\x00", "203.0.113.0/24", "crd_\u202e", "0001-01-01T00:00:00Z", "99999-01-01"} {
		f.Add(seed, seed)
	}
	v := newVouched(f)
	v.admitted("Acme", "sandbox")
	f.Fuzz(func(t *testing.T, a, b string) {
		v.TB = t
		v.world.TB = t
		for _, path := range []string{
			"/console/changes?" + url.Values{"from": {a}, "actor": {b}}.Encode(), "/console/changes?" + url.Values{"kind": {a}, "subject": {b}, "after": {a}}.Encode(),
			"/console/decisions?" + url.Values{"to": {a}, "address": {b}}.Encode(), "/console/decisions?" + url.Values{"reason": {a}, "partner": {b}, "order": {a}}.Encode(),
		} {
			if s := v.get("auditor", path); s.Code != http.StatusOK && s.Code != http.StatusUnprocessableEntity {
				t.Errorf("%s: %d %s", path, s.Code, s.text())
			}
		}
	})
}
