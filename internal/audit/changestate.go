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

// Rows digests every row of a register, in the order of their names.
func Rows(src RowSource) ([]Touch, error) {
	var rows []Touch
	err := firstError(
		func() error { return digests(&rows, src.Partners, TouchPartner) },
		func() error { return digests(&rows, all(src.Reviews), TouchReview) },
		func() error { return digests(&rows, all(src.Credentials), TouchCredential) },
		func() error { return digests(&rows, all(src.Networks), TouchNetwork) },
		func() error { return digests(&rows, all(src.Limits), TouchLimit) },
		func() error { return digests(&rows, all(src.SealingKeys), TouchSealingKey) },
		func() error {
			return digests(&rows, func() ([]partner.Document, error) { return src.Documents(partner.DocumentQuery{}) }, TouchDocument)
		},
	)
	slices.SortFunc(rows, func(a, b Touch) int { return strings.Compare(a.Row, b.Row) })
	return rows, err
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

func digests[T any](rows *[]Touch, list func() ([]T, error), touch func(T) Touch) error {
	found, err := list()
	for _, v := range found {
		*rows = append(*rows, touch(v))
	}
	return err
}

// compare holds the rows of the register against what the changes left of them, and returns those that are not as they must
// be, each with its digest: date says whether that is an older one.
func (v *changeVerifier) compare(rows []Touch) map[string][32]byte {
	suspects := map[string][32]byte{}
	seen := make(map[string]bool, len(rows))
	for _, row := range rows {
		want, known := v.latest[row.Row]
		if seen[row.Row] || !known || want != row.Digest {
			suspects[row.Row] = row.Digest
		}
		seen[row.Row] = true
	}
	v.report.Rows = len(rows)
	for _, name := range slices.Sorted(maps.Keys(v.latest)) {
		if !seen[name] && v.latest[name] != ([32]byte{}) {
			v.fault(FaultRowRemoved, 0, name, "%s is gone without a change", clip(name))
		}
	}
	return suspects
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
		case v.latest[name] == ([32]byte{}):
			v.fault(FaultRowAdded, 0, name, "%s is there without a change", clip(name))
		default:
			v.fault(FaultRowChanged, 0, name, "%s is not as the record left it", clip(name))
		}
	}
	return nil
}
