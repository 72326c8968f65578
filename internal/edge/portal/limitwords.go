package portal

import (
	"fmt"
	"strings"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/edge/page"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
)

// limitWords is a rate, a quota or both in words; empty: there is neither.
func limitWords(count int, per time.Duration, burst int, daily int64) string {
	var parts []string
	if count > 0 && per > 0 {
		parts = append(parts, fmt.Sprintf("%s requests in %s, at most %s at once", page.Count(count), page.Span(per), page.Count(burst)))
	}
	if daily > 0 {
		parts = append(parts, fmt.Sprintf("%s requests a day (UTC)", page.Count(daily)))
	}
	return strings.Join(parts, "; ")
}

// limitsOf are the limits that hold for a partner on one API, the API's own ones first. A limit on all callers together is
// nobody's business but the operator's.
func limitsOf(own registry.MemberView, e Environment, a API) (out []string) {
	add := func(whose, words string) {
		if words != "" {
			out = append(out, whose+": "+words+".")
		}
	}
	replaced := map[bool]bool{} // by whether it is a credential's
	for _, l := range own.Limits {
		if l.Environment == e.Name && l.API == a.Name {
			replaced[l.CredentialID != ""] = true
		}
	}
	for _, own := range []struct {
		rate       *access.Rate
		credential bool
		whose      string
	}{{a.Limits.PerPartner, false, "All your calls to this API together"}, {a.Limits.PerCredential, true, "Each of your credentials on this API"}} {
		if own.rate != nil && !replaced[own.credential] {
			add(own.whose, limitWords(own.rate.Rate, own.rate.Per, own.rate.Burst, own.rate.Daily))
		}
	}
	for _, l := range own.Limits {
		if l.Environment == e.Name && (l.API == "" || l.API == a.Name) {
			add(scopeWords(own, l), limitWords(l.Rate, l.Per, l.Burst, l.Daily))
		}
	}
	return out
}

// scopeWords says whose requests a limit of the register counts.
func scopeWords(own registry.MemberView, l partner.Limit) string {
	whose := "All your calls"
	if l.CredentialID != "" {
		whose = "Calls with one of your credentials"
		for _, c := range own.Credentials {
			if c.ID == l.CredentialID {
				whose = "Calls with " + page.Short(c.KeyID)
			}
		}
	}
	if l.API == "" {
		return whose + " in " + l.Environment + " together"
	}
	return whose + " to this API together"
}
