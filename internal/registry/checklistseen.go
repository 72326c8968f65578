package registry

import (
	"fmt"
	"slices"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
)

// sighting is whether the system sees what an item of its own waits for.
type sighting struct {
	done  bool
	fact  string   // for people
	marks []string // what makes it done, so exactly that other rows have other marks; sorted
}

// sightings is what the system sees of a partner in an environment.
type sightings struct {
	facts                          []SystemFacts
	addresses, calls, tls, webhook sighting
}

func (s sightings) of(kind partner.EvidenceKind) sighting {
	switch kind {
	case partner.EvidenceAddresses:
		return s.addresses
	case partner.EvidenceCalls:
		return s.calls
	case partner.EvidenceTLS:
		return s.tls
	case partner.EvidenceWebhook:
		return s.webhook
	}
	return sighting{}
}

// look gathers what the system's items of a policy are about.
func look(tx Tx, at home, policy partner.ReviewPolicy) (s sightings, err error) {
	for _, environment := range []string{at.environment, policy.After} {
		facts, found, err := readFacts(tx, home{at.partner, environment})
		if err != nil {
			return s, err
		}
		if found {
			s.facts = append(s.facts, SystemFacts{Environment: environment, Collected: facts.Collected})
		}
	}
	s.calls, s.tls = sightCalls(s.facts), sightTLS(s.facts)
	if s.addresses, err = sightAddresses(tx, at); err != nil {
		return s, err
	}
	s.webhook, err = sightWebhook(tx, at)
	return s, err
}

func sightAddresses(tx Tx, at home) (sighting, error) {
	rules, err := tx.Networks(at.partner)
	if err != nil {
		return sighting{}, err
	}
	s := sighting{fact: "no network rule in " + at.environment + " yet"}
	for _, rule := range rules {
		if rule.Environment == at.environment {
			touch := audit.TouchNetwork(rule)
			s.marks = append(s.marks, fmt.Sprintf("%s %x", touch.Row, touch.Digest))
		}
	}
	slices.Sort(s.marks)
	if s.done = len(s.marks) > 0; s.done {
		s.fact = fmt.Sprintf("network rules in %s: %d", at.environment, len(s.marks))
	}
	return s, nil
}

func sightCalls(facts []SystemFacts) sighting {
	for _, f := range facts {
		if f.Calls > 0 {
			first := f.FirstCall.UTC().Format(time.RFC3339Nano)
			return sighting{done: true, fact: "first call in " + f.Environment + " at " + first, marks: []string{f.Environment, first}}
		}
	}
	return sighting{fact: "no call seen yet"}
}

// sightTLS is done by calls alone: an API without calls says nothing about TLS.
func sightTLS(facts []SystemFacts) sighting {
	s := sighting{fact: "no call seen yet"}
	for _, f := range facts {
		switch {
		case f.Calls > 0 && f.TLSCalls < f.Calls:
			return sighting{fact: fmt.Sprintf("%d of %d calls in %s came without TLS 1.2 or later", f.Calls-f.TLSCalls, f.Calls, f.Environment)}
		case f.Calls > 0 && !s.done:
			s = sighting{done: true, fact: "every call in " + f.Environment + " came over TLS 1.2 or later", marks: []string{f.Environment}}
		}
	}
	return s
}

func sightWebhook(tx Tx, at home) (sighting, error) {
	list, err := endpointNoun.list(tx, partner.DocumentQuery{PartnerID: at.partner, Environment: at.environment,
		State: string(partner.EndpointVerified)})
	if err != nil {
		return sighting{}, err
	}
	s := sighting{fact: "no verified webhook endpoint in " + at.environment + " yet"}
	for _, e := range list {
		s.marks = append(s.marks, e.ID)
	}
	slices.Sort(s.marks)
	if s.done = len(list) > 0; s.done {
		s.fact = fmt.Sprintf("verified webhook endpoints in %s: %d", at.environment, len(list))
	}
	return s, nil
}
