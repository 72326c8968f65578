package main

import (
	"fmt"
	"io"
	"strings"

	"countersign.dev/internal/access"
	"countersign.dev/internal/partner"
)

// apis are those that a server of this place has, as far as networks are concerned: without limits and replay guard.
func (q *networkQuestion) apis(at place) ([]*access.API, error) {
	apis, err := at.apis()
	return withoutState(apis), err
}

// withoutState takes away what a decision about an address does not look at, and what would need a server's state.
func withoutState(apis []*access.API) []*access.API {
	for _, api := range apis {
		api.Limits = access.APILimits{}
		if api.Protocol == access.Signed {
			api.Replay = access.ReplayOff
		}
	}
	return apis
}

// show tells the answers for people.
func (q *networkQuestion) show(s *session, p partner.Partner, answers []networkAnswer) error {
	if s.out.json {
		return s.out.encode(answers)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s (%s)", p.Name, p.ID)
	derivation := ""
	for _, a := range answers {
		if a.Derivation != "" && a.Derivation != derivation {
			derivation = a.Derivation
			fmt.Fprintf(&b, "\n%s", strings.TrimRight(derivation, "\n"))
		}
	}
	b.WriteByte('\n')
	for _, a := range answers {
		a.print(&b)
	}
	_, err := io.WriteString(s.out.out, b.String())
	return err
}

func (a networkAnswer) print(b *strings.Builder) {
	outcome := "let in"
	switch {
	case !a.Allowed:
		outcome = "refused: " + a.Reason
	case a.Warned:
		outcome = "let in with a warning: no rule holds the address, and the API only warns"
	}
	from := a.Address
	if from == "" {
		from = "an unknown address"
	}
	if a.Country != "" {
		from += " in " + a.Country
	}
	fmt.Fprintf(b, "%s/%s from %s: %s (addresses: %s)\n", a.Environment, a.API, from, outcome, a.Addresses)
	held := false
	for _, r := range a.Rules {
		what := "does not hold it"
		switch {
		case !r.Applies:
			what = "is for " + r.API + " alone"
		case r.Matches:
			what = "holds it"
		}
		fmt.Fprintf(b, "  %s %s\n", r.Network, what)
		held = held || r.Matches
	}
	if held && !a.Allowed && a.Addresses == "required" && a.Reason == access.AddressNotListed.String() {
		b.WriteString("  a country alone lets nobody in where addresses are required: a network has to hold it, too\n")
	}
}
