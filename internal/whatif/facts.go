package whatif

import (
	"fmt"
	"slices"
	"time"

	"countersign.dev/internal/access"
)

// facts are what is known of a step, where it was reached.
func (t *telling) facts(step *Step, s *Story) []string {
	if step.State == NotReached {
		return nil
	}
	l := t.line
	switch step.Name {
	case stepConnection:
		return slices.Concat(when(s.Address.Peer != "", "from "+s.Address.Peer), when(len(l.Protocol) > 0, plain(l.Protocol)))
	case stepFraming:
		return when(step.State == Failed && s.Where != "", "what was found: "+s.Where)
	case stepTarget:
		return slices.Concat(when(s.Path != "", s.Method+" "+s.Path), when(s.API != "", "API "+s.API))
	case stepHeaders:
		return slices.Concat(
			when(slices.Contains(s.Warnings, "header_name"), "let in with a warning: a header name has unusual characters"),
			when(step.State == Failed && s.Where != "", "header "+s.Where))
	case stepAddress:
		return when(s.Address.Address != "", "the client is "+s.Address.Address)
	case stepAuthentication:
		return when(step.State == Failed && s.Where != "", "header "+s.Where)
	case stepTime:
		return t.timeFacts()
	}
	return t.proofFacts(step, s)
}

// when is a text whose condition holds.
func when(is bool, text string) []string {
	if !is {
		return nil
	}
	return []string{text}
}

func (t *telling) timeFacts() []string {
	skew, ok := skewOf(t.line)
	if !ok {
		return nil
	}
	text := fmt.Sprintf("the caller's clock is %s behind ours", (-skew).Round(time.Millisecond))
	if skew > 0 {
		text = fmt.Sprintf("the caller's clock is %s ahead of ours", skew.Round(time.Millisecond))
	}
	if skew.Abs() < time.Second { // most times are written in whole seconds: less says nothing
		text = "the caller's clock and ours are within a second of each other"
	}
	if t.api == nil || t.api.Scheme == nil {
		return []string{text}
	}
	window := t.api.Window
	if window == 0 {
		window = t.api.Scheme.Window()
	}
	return []string{text, fmt.Sprintf("the window is %s now", window)}
}

// proofFacts are those of the steps from the credential on.
func (t *telling) proofFacts(step *Step, s *Story) []string {
	l := t.line
	switch step.Name {
	case stepCredential:
		return slices.Concat(when(s.Credential != "", "credential "+s.Credential), when(len(l.Other) > 0, "it belongs to the environment "+plain(l.Other)))
	case stepToken:
		return when(len(l.Other) > 0, "it is a token of the environment "+plain(l.Other))
	case stepBody:
		return slices.Concat(when(l.BytesIn > 0, fmt.Sprintf("%d bytes arrived", l.BytesIn)), when(step.State == Failed && s.Where != "", "it was about "+s.Where))
	case stepSignature:
		return t.versionFacts(step, s)
	case stepSecret:
		return slices.Concat(
			when(l.Version > 0, fmt.Sprintf("version %d was proved", l.Version)),
			when(s.Where == access.ClientCertificate.String(), "the secret was not looked at: the client certificate is not one that the credential is bound to"))
	case stepReview:
		return when(s.Partner != "", "partner "+s.Partner)
	case stepCertificate:
		return when(slices.Contains(s.Warnings, access.ClientCertificate.String()),
			"let in with a warning: the certificate that is asked for was not there")
	case stepNetwork:
		return slices.Concat(
			when(s.Address.Address != "", "address "+s.Address.Address),
			when(s.Address.Country != "", "country "+s.Address.Country),
			when(slices.Contains(s.Warnings, access.AddressNotListed.String()), "let in with a warning: the address is on no list"))
	case stepLimits:
		return when(step.State == Failed && s.Where != "", "the limit of: "+s.Where)
	case stepReplay:
		return when(slices.Contains(s.Warnings, access.ReplayUnjudged), "let in with a warning: the shared cache did not answer, and nobody could say whether it is a repetition")
	case stepForward, stepIssue:
		return slices.Concat(
			when(s.Finished && s.Allowed, fmt.Sprintf("answered with %d after %s", s.Status, l.Duration.Round(time.Microsecond))),
			when(len(l.Cause) > 0 && step.State == Failed, plain(l.Cause)))
	}
	return nil
}

func (t *telling) versionFacts(step *Step, s *Story) (facts []string) {
	if v := s.Version.Proved; v > 0 {
		facts = append(facts, fmt.Sprintf("version %d fits", v))
	}
	for i, v := range s.Version.Tried {
		if v == s.Version.Proved {
			continue
		}
		fits := "does not fit"
		if t.trace.reason == access.RevokedCredential && i == len(s.Version.Tried)-1 {
			fits = "was the last that was tried: if it fits, it does not count any more"
		}
		facts = append(facts, fmt.Sprintf("version %d %s", v, fits))
	}
	if step.State != Failed {
		return facts
	}
	for _, v := range s.Version.Then {
		if v.State != "in force" {
			facts = append(facts, fmt.Sprintf("version %d: %s: %s", v.Version, v.State, v.Text))
		}
	}
	return facts
}
