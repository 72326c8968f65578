package tables

import (
	"errors"

	"countersign.dev/internal/partner"
)

// The readings of whole tables in pieces, as EachCredential does it: pieces of at most size, in the order of the lists, each whoever's it is
// yielded to; no statement is open while yield runs.

// EachPartner yields all partners by row identity.
func (t *Tx) EachPartner(size int, yield func([]partner.Partner) error) error {
	return eachPiece(t, table[partner.Partner]{"list partners", partnerColumns, "id", "id > ?", 4, scanPartner,
		func(p *partner.Partner) []any { return []any{p.ID} }}, size, yield)
}

// EachReview yields all reviews by partner and environment.
func (t *Tx) EachReview(size int, yield func([]partner.Review) error) error {
	return eachPiece(t, table[partner.Review]{"list reviews", reviewColumns, "partner_id, environment", "(partner_id, environment) > (?, ?)", 7, scanReview,
		func(r *partner.Review) []any { return []any{r.PartnerID, r.Environment} }}, size, yield)
}

// EachNetwork yields all network rules by row identity.
func (t *Tx) EachNetwork(size int, yield func([]partner.NetworkRule) error) error {
	return eachPiece(t, table[partner.NetworkRule]{"list network rules", networkColumns, "id", "id > ?", 8, scanNetwork,
		func(n *partner.NetworkRule) []any { return []any{n.ID} }}, size, yield)
}

// EachLimit yields all limits by row identity.
func (t *Tx) EachLimit(size int, yield func([]partner.Limit) error) error {
	return eachPiece(t, table[partner.Limit]{"list limits", limitColumns, "id", "id > ?", 10, scanLimit,
		func(l *partner.Limit) []any { return []any{l.ID} }}, size, yield)
}

// table is how a table is read in its order, a piece behind a row.
type table[T any] struct {
	what    string
	columns string
	order   string
	behind  string // the condition, with the key of a row as its arguments
	width   int    // columns
	scan    func(row scanner) (T, error)
	key     func(*T) []any // texts
}

func eachPiece[T any](t *Tx, of table[T], size int, yield func([]T) error) error {
	size = min(max(size, 1), maxPiece)
	var after []any
	for {
		var c clauses
		if after != nil {
			c.match(of.behind, after...)
		}
		query, args := c.query(of.columns, of.order, size)
		piece := make([]T, 0, size)
		err := t.bulk(of.what, func(row *fed) error {
			v, err := of.scan(row)
			piece = append(piece, v)
			return err
		}, of.width, query, args...)
		if err != nil {
			return err
		}
		for i := range piece {
			key := of.key(&piece[i])
			if after != nil && !behind(key, after) {
				return t.failed(of.what, errors.New("the rows are out of order"))
			}
			after = key
		}
		if len(piece) > 0 {
			if err := yield(piece); err != nil {
				return err
			}
		}
		if len(piece) < size {
			return nil
		}
	}
}

// behind reports whether a key of texts comes after another one.
func behind(key, other []any) bool {
	for i := range key {
		if a, b := key[i].(string), other[i].(string); a != b {
			return a > b
		}
	}
	return false
}
