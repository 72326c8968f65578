package audit

import (
	"maps"
	"slices"
	"strings"

	"countersign.dev/internal/partner"
)

// RowSource is every row of a register at one moment; an empty argument lists all.
type RowSource interface {
	Partners() ([]partner.Partner, error)
	Reviews(partnerID string) ([]partner.Review, error)
	Credentials(partnerID string) ([]partner.Credential, error)
	Networks(partnerID string) ([]partner.NetworkRule, error)
	Limits(partnerID string) ([]partner.Limit, error)
	SealingKeys(environment string) ([]partner.SealingKey, error)
	Documents(partner.DocumentQuery) ([]partner.Document, error)
}

// credentialPieces is what a source may have, too: all credentials in their order, in pieces, so that they need not be in memory at once.
type credentialPieces interface {
	EachCredential(size int, yield func([]partner.Credential) error) error
}

// credentialPiece is how many credentials are in memory at once where the source has them in pieces.
const credentialPiece = 4096

// Rows digests every row of a register, in the order of their names.
func Rows(src RowSource) ([]Touch, error) {
	var rows []Touch
	err := eachRow(src, func(t Touch) { rows = append(rows, t) })
	slices.SortFunc(rows, func(a, b Touch) int { return strings.Compare(a.Row, b.Row) })
	return rows, err
}

// eachRow digests every row of a register, in no order.
func eachRow(src RowSource, visit func(Touch)) error {
	return firstError(
		func() error { return digests(visit, src.Partners, TouchPartner) },
		func() error { return digests(visit, all(src.Reviews), TouchReview) },
		func() error { return eachCredential(src, visit) },
		func() error { return digests(visit, all(src.Networks), TouchNetwork) },
		func() error { return digests(visit, all(src.Limits), TouchLimit) },
		func() error { return digests(visit, all(src.SealingKeys), TouchSealingKey) },
		func() error {
			return digests(visit, func() ([]partner.Document, error) { return src.Documents(partner.DocumentQuery{}) }, TouchDocument)
		},
	)
}

func eachCredential(src RowSource, visit func(Touch)) error {
	pieces, ok := src.(credentialPieces)
	if !ok {
		return digests(visit, all(src.Credentials), TouchCredential)
	}
	return pieces.EachCredential(credentialPiece, func(piece []partner.Credential) error {
		for i := range piece {
			visit(TouchCredential(piece[i]))
		}
		return nil
	})
}

func firstError(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func all[T any](list func(string) ([]T, error)) func() ([]T, error) {
	return func() ([]T, error) { return list("") }
}

func digests[T any](visit func(Touch), list func() ([]T, error), touch func(T) Touch) error {
	found, err := list()
	for _, v := range found {
		visit(touch(v))
	}
	return err
}

// compare holds the rows of the register against what the changes left of them, and returns those that are not as they must
// be, each with its digest: date says whether that is an older one.
func (v *changeVerifier) compare(src RowSource) (suspects map[string][32]byte, err error) {
	suspects = map[string][32]byte{}
	err = eachRow(src, func(row Touch) {
		v.report.Rows++
		left := v.left.find(row.Row)
		if left == nil || left.seen || left.digest != row.Digest {
			suspects[row.Row] = row.Digest
		}
		if left != nil {
			left.seen = true
		}
	})
	if err != nil {
		return nil, err
	}
	for _, name := range v.left.unseen() {
		v.fault(FaultRowRemoved, 0, name, "%s is gone without a change", clip(name))
	}
	return suspects, nil
}

// date reads the record once more and says for each suspect whether it is as an older change left it: then it was rolled
// back.
func (v *changeVerifier) date(src ChangeSource, suspects map[string][32]byte) error {
	old := map[string]uint64{}
	err := eachChange(src, func(c Change) {
		for _, t := range c.Touched {
			if digest, suspect := suspects[t.Row]; suspect && digest == t.Digest {
				old[t.Row] = c.Seq
			}
		}
	})
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(suspects)) {
		seq, rolledBack := old[name]
		switch {
		case rolledBack:
			v.fault(FaultRowOld, seq, name, "%s is again as change %d left it, without a change", clip(name), seq)
		case v.left.find(name).gone():
			v.fault(FaultRowAdded, 0, name, "%s is there without a change", clip(name))
		default:
			v.fault(FaultRowChanged, 0, name, "%s is not as the record left it", clip(name))
		}
	}
	return nil
}
