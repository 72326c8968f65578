package registry

import (
	"fmt"
	"strconv"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
)

// Bounds of what the members of one partner may do.
const (
	MaxMemberProposals   = 10  // of all members of a partner, that wait
	MaxMemberCredentials = 4   // of one kind in one environment, revoked ones too; further ones an operator issues
	MaxMemberComments    = 100 // of one round of a review
	MaxMemberEvidence    = 80  // pieces of one round of a review, replaced ones too
	MaxMemberReviews     = 20  // environments that a partner has a review in; further ones an operator asks for
	MaxMemberChanges     = 300 // rows that one member may put into the record in memberDay: nobody fills the register by asking
)

// MaxMemberEvidenceBytes is how long the files of members may be together in one round of a review.
const MaxMemberEvidenceBytes = 40 << 20

const memberDay = 24 * time.Hour

// memberAsks is the closed table of what members ask for.
func memberAsks(name OperationName) bool {
	switch name {
	case OpReviewRequest, OpEvidenceAdd, OpCommentAdd, OpNetworkAllow, OpNetworkRemove, OpCredentialIssue, OpCredentialRotate,
		OpCredentialRetire:
		return true
	}
	return false
}

// stands refuses a member who is none any more, or has asked for very much in a day.
func (r *Registry) stands(tx Tx, a asked) error {
	if a.actor.Kind != Member {
		return nil
	}
	if err := stands(tx, a.member); err != nil {
		return err
	}
	again, err := r.spent(tx, a.actor)
	if err == nil && !again.IsZero() {
		err = fmt.Errorf("%w: %s has asked for very much today; go on at %s", ErrState, a.member.Name, again.Format(time.RFC3339))
	}
	return err
}

// spent is when a member may go on that has put MaxMemberChanges rows into the record in a day; zero: now.
func (r *Registry) spent(tx Tx, actor Actor) (again time.Time, err error) {
	last, err := tx.ChangePage(audit.ChangeQuery{Actor: actor.String(), Newest: true, Limit: MaxMemberChanges})
	if err != nil || len(last) < MaxMemberChanges {
		return again, err
	}
	if at := last[len(last)-1].At.Add(memberDay); at.After(r.now()) {
		again = at
	}
	return again, nil
}

// memberNeeds is how many persons must approve what a member asks for, where the settings want n. What members may not have is
// refused here, before a secret is made and hashed for it.
func (a asked) memberNeeds(tx Tx, n int) (int, error) {
	if err := memberFits(tx, a.c); err != nil {
		return 0, err
	}
	switch p := a.c.params.(type) {
	case NetworkAllow:
		return max(n, 1), nil
	case NetworkRemove:
		opens, err := removalOpens(tx, p.ID)
		if err != nil || !opens {
			return 0, err
		}
		return max(n, 1), nil
	}
	return n, nil
}

// removalOpens reports whether an API could be open to more addresses without a rule: prefixes and countries must both agree as long
// as there are any (record 7), so that the last one of its sort is not taken away without a second look.
func removalOpens(tx Tx, id string) (bool, error) {
	rule, found, err := tx.Network(id)
	if err != nil || !found {
		return true, err
	}
	all, err := tx.Networks(rule.PartnerID)
	for _, other := range all {
		same := other.ID != rule.ID && other.Environment == rule.Environment && (other.Country == "") == (rule.Country == "")
		if same && (other.API == "" || other.API == rule.API) {
			return false, err
		}
	}
	return true, err
}

// memberFits holds what a member asks for to what members may. It is asked in the transaction that makes the change, whenever that
// is: also for a proposal that an operator has edited since.
func memberFits(tx Tx, c command) error {
	if !memberAsks(c.op.Name) {
		return fmt.Errorf("%w: members do not do this", ErrActor)
	}
	switch p := c.params.(type) {
	case ReviewRequest:
		return fewReviews(tx, c.op)
	case EvidenceAdd:
		if err := ownEvidence(tx, c.op, p); err != nil {
			return err
		}
		return fewEvidence(tx, c.op, p)
	case CommentAdd:
		return fewComments(tx, c.op)
	case NetworkAllow:
		if p.Country != "" || !p.Prefix.IsValid() {
			return fmt.Errorf("%w: members register addresses, as a prefix; countries are the operators' to set", ErrArgument)
		}
	case CredentialIssue:
		return firstCredential(tx, c.op, p.Kind)
	case CredentialRetire:
		return olderVersion(tx, p)
	}
	return nil
}

// fewReviews bounds the environments that members can name: the register does not know which ones there are.
func fewReviews(tx Tx, op Operation) error {
	reviews, err := tx.Reviews(op.PartnerID)
	if err == nil && len(reviews) >= MaxMemberReviews {
		err = fmt.Errorf("%w: there are %d reviews of this partner; an operator asks for further ones", ErrState, len(reviews))
	}
	return err
}

// ownEvidence lets members put something in the place of what members attached, and not of what operators did, which they do not see.
func ownEvidence(tx Tx, op Operation, p EvidenceAdd) error {
	if p.Supersedes == "" {
		return nil
	}
	e, err := evidenceNoun.get(tx, p.Supersedes)
	if ignoreMissing(err) != nil {
		return err
	}
	if err != nil || e.PartnerID != op.PartnerID || e.Environment != op.Environment || !isMember(e.AddedBy) {
		return fmt.Errorf("evidence %.60q of this item in this round: %w", p.Supersedes, ErrNotFound)
	}
	return nil
}

// fewEvidence leaves operators room for what they attach.
func fewEvidence(tx Tx, op Operation, p EvidenceAdd) error {
	at := home{op.PartnerID, op.Environment}
	record, err := readFile(tx, at)
	if err != nil {
		return err
	}
	list, err := roundEvidence(tx, at, record.Round)
	n, size := 1, int64(len(p.Content))
	for _, e := range list {
		if isMember(e.AddedBy) {
			n, size = n+1, size+e.Size
		}
	}
	if err == nil && (n > MaxMemberEvidence || size > MaxMemberEvidenceBytes) {
		err = fmt.Errorf("%w: members attach at most %d pieces and %d MiB of files to a review", ErrState, MaxMemberEvidence,
			MaxMemberEvidenceBytes>>20)
	}
	return err
}

// fewComments leaves operators room to answer.
func fewComments(tx Tx, op Operation) error {
	at := home{op.PartnerID, op.Environment}
	record, err := readFile(tx, at)
	if err != nil {
		return err
	}
	list, err := commentNoun.list(tx, partner.DocumentQuery{PartnerID: at.partner, Environment: at.environment, State: strconv.Itoa(record.Round)})
	n := 0
	for _, c := range list {
		if isMember(c.By) {
			n++
		}
	}
	if err == nil && n >= MaxMemberComments {
		err = fmt.Errorf("%w: members have written %d comments on this review", ErrState, n)
	}
	return err
}

// firstCredential is a member's to issue where the partner has none of the kind that counts.
func firstCredential(tx Tx, op Operation, kind partner.Kind) error {
	all, err := tx.Credentials(op.PartnerID)
	n := 0
	for _, c := range all {
		if c.Environment != op.Environment || c.Kind != kind {
			continue
		}
		n++
		if err == nil && c.RevokedAt.IsZero() {
			err = fmt.Errorf("%w: there is one already, with key id %s; rotate its secret, or ask an operator for a further one", ErrState, c.KeyID)
		}
	}
	if err == nil && n >= MaxMemberCredentials {
		err = fmt.Errorf("%w: %d were issued and revoked; an operator issues the next one", ErrState, n)
	}
	return err
}

// olderVersion lets members end what a newer version has taken the place of.
func olderVersion(tx Tx, p CredentialRetire) error {
	c, err := credential(tx, p.Credential)
	if err == nil && len(c.Versions) > 0 && c.Versions[0].Number == p.Version {
		err = fmt.Errorf("%w: version %d is the newest one; rotate first, then retire the older one", ErrState, p.Version)
	}
	return err
}
