package whatif

import (
	"fmt"
	"strings"

	"countersign.dev/internal/access"
)

// cause is the exact cause in a sentence.
func (t *telling) cause(s *Story) string {
	cause, known := causes[t.trace.reason]
	switch {
	case !known:
		cause = "The reason is " + s.Reason + ", which this program does not know."
	case s.Allowed && !s.Finished:
		cause = "Every check passed; what came of it is not recorded, or not yet."
	case t.trace.reason == access.Allowed:
		cause = fmt.Sprintf("Every check passed; the answer was %d.", s.Status)
	}
	parts := []string{cause}
	if len(t.line.Other) > 0 {
		parts = append(parts, "It belongs to the environment "+plain(t.line.Other)+".")
	}
	for _, step := range s.Steps {
		if step.State == Failed {
			parts = append(parts, sentences(step.Facts)...)
		}
	}
	if len(t.line.Cause) > 0 {
		parts = append(parts, "The fault was: "+plain(t.line.Cause)+".")
	}
	return strings.Join(parts, " ")
}

func sentences(facts []string) (made []string) {
	for _, f := range facts {
		if f != "" && f[0] >= 'a' && f[0] <= 'z' {
			f = string(f[0]-'a'+'A') + f[1:]
		}
		made = append(made, f+".")
	}
	return made
}

// hints say what to do next. They name ids of our own, never a text of the caller's.
func (t *telling) hints(s *Story) []string {
	var list []string
	for _, template := range hintsFor(t.trace) {
		command := strings.NewReplacer("PARTNER", s.Partner, "CREDENTIAL", s.Credential, "ENVIRONMENT", s.Environment, "ADDRESS",
			s.Address.Address).Replace(template)
		if !lacks(template, s) {
			list = append(list, command)
		}
	}
	return listed(list)
}

// lacks reports whether a command needs something that is not known, or that is no name: then the line was not written by us, and
// nobody shall copy it into a shell.
func lacks(template string, s *Story) bool {
	for word, value := range map[string]string{"PARTNER": s.Partner, "CREDENTIAL": s.Credential, "ENVIRONMENT": s.Environment,
		"ADDRESS": s.Address.Address} {
		if strings.Contains(template, word) && !isName(value) {
			return true
		}
	}
	return false
}

func hintsFor(t trace) []string {
	switch t.reason {
	case access.AddressNotListed, access.CountryNotAllowed, access.UnprovedAddress:
		return []string{"countersign network test --partner PARTNER --address ADDRESS -e ENVIRONMENT", "countersign network list PARTNER",
			"countersign audit search --address ADDRESS"}
	case access.BadSignature:
		return []string{"countersign credential show CREDENTIAL", "countersign explain --help"}
	case access.RevokedCredential, access.WrongEnvironment, access.ClientCertificate:
		return []string{"countersign credential show CREDENTIAL", "countersign audit changes --partner PARTNER"}
	case access.NotApproved, access.Suspended:
		return []string{"countersign partner show PARTNER", "countersign audit changes --partner PARTNER"}
	case access.RateLimited, access.QuotaExceeded:
		return []string{"countersign limit list PARTNER"}
	case access.Locked, access.BadSecret:
		return []string{"countersign credential show CREDENTIAL", "countersign audit search --credential CREDENTIAL --reason bad_secret"}
	case access.StaleTimestamp, access.FutureTimestamp:
		return []string{"countersign audit search --reason " + t.reason.String() + " --address ADDRESS"}
	case access.Replayed:
		return []string{"countersign audit search --credential CREDENTIAL --address ADDRESS"}
	case access.UnknownCredential, access.InvalidToken, access.ExpiredToken, access.AddressUnknown, access.Throttled:
		return []string{"countersign audit search --address ADDRESS"}
	case access.Allowed:
		return nil
	}
	return []string{"countersign audit search --reason " + t.reason.String()}
}
