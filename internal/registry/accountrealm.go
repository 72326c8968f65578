package registry

import (
	"errors"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/operator"
	"countersign.dev/internal/partner"
)

// realm is one of the two groups of people who sign in: operators, who run the register, and members, who are people of partners.
// The machinery of accounts, links, sessions, passkeys and recovery codes is one; what it works on is the realm's alone. A session, a
// link, a ticket, a login or a passkey of one realm is nothing in the other: it has another prefix, stands under another kind, and
// names another sort of row (record 40).
type realm struct {
	accounts noun[operator.Account]
	rows     string          // the prefix of row identities; of WebAuthn user handles too
	session  operator.Prefix // of browser sessions
	link     operator.Prefix // of one-time links
	sessions string          // transient kind
	links    string          // transient kind
	tickets  string          // in front of the kind of a ticket

	invited, changed, disabled, enabled, signedIn, signedOut, keyAdded, keyRemoved, recovered audit.Action
}

func operatorsRealm() *realm {
	return &realm{accounts: accountNoun, rows: "opr_", session: operator.SessionToken, link: operator.LinkToken,
		sessions: "session", links: "invitation",
		invited: audit.AccountInvited, changed: audit.AccountChanged, disabled: audit.AccountDisabled, enabled: audit.AccountEnabled,
		signedIn: audit.AccountSignedIn, signedOut: audit.AccountSignedOut, keyAdded: audit.AccountKeyAdded,
		keyRemoved: audit.AccountKeyRemoved, recovered: audit.AccountRecovered}
}

func membersRealm() *realm {
	return &realm{accounts: memberNoun, rows: "mbr_", session: operator.MemberSessionToken, link: operator.MemberLinkToken,
		sessions: "member_session", links: "member_invitation", tickets: "member_",
		invited: audit.MemberInvited, changed: audit.MemberChanged, disabled: audit.MemberDisabled, enabled: audit.MemberEnabled,
		signedIn: audit.MemberSignedIn, signedOut: audit.MemberSignedOut, keyAdded: audit.MemberKeyAdded,
		keyRemoved: audit.MemberKeyRemoved, recovered: audit.MemberRecovered}
}

// takes reports whether tokens of a prefix count in this realm. Terminals and service accounts are operators' alone.
func (l *realm) takes(prefix operator.Prefix) bool {
	return prefix == l.session || l.rows == "opr_" && (prefix == operator.TerminalToken || prefix == operator.ServiceToken)
}

// owns reports whether a row identity is one of this realm's: an account's, or of operators a break-glass code's.
func (l *realm) owns(id string) bool {
	return len(id) > len(l.rows) && id[:len(l.rows)] == l.rows || l.rows == "opr_" && isBreakGlass(id)
}

// barred says why nobody acts in the name of an account, whatever it proves: of a member whose partner is closed, or gone. Errors:
// the store's.
func barred(tx Tx, a operator.Account) (bool, error) {
	if !a.Member() {
		return false, nil
	}
	_, err := openPartner(tx, a.PartnerID)
	if errors.Is(err, ErrNotFound) || errors.Is(err, ErrState) {
		return true, nil
	}
	return false, err
}

// putNoun writes an account where accounts of its sort are kept.
func putNoun(tx Tx, a operator.Account) error {
	if a.Member() {
		return memberNoun.put(tx, a)
	}
	return accountNoun.put(tx, a)
}

// memberNoun keeps members, each with its partner; the login is the alias, so that it is unique among members.
var memberNoun = noun[operator.Account]{"member", func(a operator.Account) partner.Document {
	return partner.Document{ID: a.ID, PartnerID: a.PartnerID, State: string(a.State()), Alias: a.Login, CreatedAt: a.CreatedAt}
}}
