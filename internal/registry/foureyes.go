package registry

import (
	"fmt"
	"slices"
	"strings"

	"countersign.dev/internal/operator"
	"countersign.dev/internal/partner"
)

// bar is somebody who is no second person for something, and why.
type bar struct{ actor, why string }

// authors bars who did something to it, and who made the service accounts that did: they hold what those ask with. Of a member it
// bars who made its links, and the operator under the same login: that is one person with two accounts.
func authors(tx Tx, did string, names ...string) (list []bar, err error) {
	for _, name := range names {
		list = append(list, bar{name, "has " + did + " it"})
		makers, err := makersOf(tx, name)
		if err != nil {
			return nil, err
		}
		why := "has made " + name + ", which has " + did + " it"
		if isMember(name) {
			why = "has made a link of " + name + ", who has " + did + " it"
			list = append(list, bar{Actor{Operator, memberLogin(name)}.String(), "has the login of " + name + ", who has " + did + " it"})
		}
		for _, maker := range makers {
			list = append(list, bar{maker, why})
		}
	}
	return list, nil
}

// invitersOf is who made the links of the member that acted, and where that was a service account, who made it: whoever had a link
// could have used it.
func invitersOf(tx Tx, author string) (list []string, err error) {
	a, found, err := memberNoun.find(tx, strings.TrimPrefix(author, string(Member)+":"))
	if err != nil || !found {
		return nil, err
	}
	for _, by := range a.InvitedBy {
		makers, err := makersOf(tx, by)
		if err != nil {
			return nil, err
		}
		list = append(append(list, by), makers...)
	}
	return list, nil
}

// makersOf is who made the service account that acted, and where that was a service account, who made this one, and so on to a
// person; none for everybody else. Names of service accounts are unique for good, so that this ends.
func makersOf(tx Tx, author string) (makers []string, err error) {
	if isMember(author) {
		return invitersOf(tx, author)
	}
	if !strings.HasPrefix(author, string(Service)+":") {
		return nil, nil
	}
	all, err := serviceNoun.list(tx, partner.DocumentQuery{})
	for range all {
		i := slices.IndexFunc(all, func(s operator.ServiceAccount) bool { return Actor{Service, s.Name}.String() == author })
		if i < 0 {
			break
		}
		author = all[i].CreatedBy
		makers = append(makers, author)
	}
	return makers, err
}

// secondPerson returns nil if nothing bars actor.
func secondPerson(actor Actor, barred []bar) error {
	by := actor.String()
	for _, b := range barred {
		if b.actor == by {
			return fmt.Errorf("%s %s: %w", by, b.why, ErrFourEyes)
		}
	}
	return nil
}

// bars are those who are no second person for p: its authors, and whose account it is about.
func bars(tx Tx, p Proposal, c command) ([]bar, error) {
	list, err := authors(tx, "asked for", p.RequestedBy)
	if err != nil {
		return nil, err
	}
	editors, err := authors(tx, "edited", p.Editors...)
	if err != nil {
		return nil, err
	}
	list = append(list, editors...)
	about, err := accountOf(tx, c.params)
	if err == nil && about.Login != "" {
		list = append(list, bar{self(about).String(), "is whom it is about"})
	}
	return list, err
}

// given are the approvals of p that still count: an account that was disabled since, or could not approve p any more, has taken its
// own back. So has whoever made a link of the member who asked since: with it that person could be the member, and take the secret
// that was approved. Who has no account is the user of the operating system, who has the disk (design decision 14).
func (p Proposal) given(tx Tx, accounts []operator.Account) ([]ProposalApproval, error) {
	barred, err := authors(tx, "asked for", p.RequestedBy)
	return slices.DeleteFunc(slices.Clone(p.Approvals), func(yes ProposalApproval) bool {
		i := slices.IndexFunc(accounts, func(a operator.Account) bool { return self(a).String() == yes.By })
		return i >= 0 && !approver(accounts[i], p) || slices.ContainsFunc(barred, func(b bar) bool { return b.actor == yes.By })
	}), err
}

// approver reports whether an account may approve what p asks for, whoever it is that asks.
func approver(a operator.Account, p Proposal) bool {
	e := p.Operation.Environment // empty: it reaches into all of them
	return a.State() == operator.Active && slices.Contains(operator.PermissionsOf(a.Roles), operator.ProposalsApprove) &&
		(a.Environments == nil || e != "" && slices.Contains(a.Environments, e))
}

// memberGone says that a member has asked for p who is none of its partner any more, or may not sign in.
func memberGone(tx Tx, p Proposal) (why string, err error) {
	a, found, err := memberNoun.find(tx, strings.TrimPrefix(p.RequestedBy, string(Member)+":"))
	if err != nil {
		return "", err
	}
	shut := !found || a.State() != operator.Active || a.PartnerID != p.Operation.PartnerID
	if !shut {
		shut, err = barred(tx, a)
	}
	if shut {
		why = p.RequestedBy + " has asked for it and cannot sign in: a colleague may ask for the same"
	}
	return why, err
}

// abandoned says that p would be done in the name of an account that was disabled, or of a service account that was revoked; empty:
// it would not. That the token of a service account has run out says nothing against what it asked for.
func abandoned(tx Tx, p Proposal, accounts []operator.Account) (why string, err error) {
	for _, a := range accounts {
		if self(a).String() == p.RequestedBy && a.State() == operator.Disabled {
			return p.RequestedBy + " has asked for it and is disabled: somebody else may ask for the same", nil
		}
	}
	if isMember(p.RequestedBy) {
		return memberGone(tx, p)
	}
	if !strings.HasPrefix(p.RequestedBy, string(Service)+":") {
		return "", nil
	}
	all, err := serviceNoun.list(tx, partner.DocumentQuery{State: serviceRevoked})
	if slices.ContainsFunc(all, func(s operator.ServiceAccount) bool { return Actor{Service, s.Name}.String() == p.RequestedBy }) {
		why = p.RequestedBy + " has asked for it and is revoked: somebody else may ask for the same"
	}
	return why, err
}
