package registry

import (
	"context"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
)

// ETag is the digest of a row as it is now, in lower-case hex; empty where there is no such row. Rows are named by the functions of
// package audit: audit.NetworkRow(id). Errors: ErrArgument for what names no row, the store's.
func (r *Registry) ETag(ctx context.Context, row string) (string, error) {
	tags, err := r.ETags(ctx, row)
	if err != nil {
		return "", err
	}
	return tags[0], nil
}

// ETags is ETag of several rows at one moment, in their order.
func (r *Registry) ETags(ctx context.Context, rows ...string) ([]string, error) {
	return view(ctx, r.store, func(tx Tx) ([]string, error) {
		states, err := rowStates(tx, rows)
		tags := make([]string, len(states))
		for i, s := range states {
			tags[i] = s.ETag
		}
		return tags, err
	})
}

// TagOf is the ETag of a row that was digested: TagOf(audit.TouchNetwork(rule)). Nouns that the registry shows without their
// secrets have another digest: take the ETag of a page's Item, or ETag.
func TagOf(t audit.Touch) string {
	if t.Digest == ([32]byte{}) {
		return ""
	}
	return hex.EncodeToString(t.Digest[:])
}

// Match makes of a row and an ETag what Intent.IfMatch compares. An empty ETag: the row must not be there. Errors: ErrArgument for
// what is no ETag, which therefore matches nothing.
func Match(row, etag string) (audit.Touch, error) {
	t := audit.Touch{Row: row}
	if etag == "" {
		return t, nil
	}
	b, err := hex.DecodeString(etag)
	if err != nil || len(b) != len(t.Digest) || etag != strings.ToLower(etag) {
		return t, fmt.Errorf("%w: an ETag has 64 lower-case hex digits", ErrArgument)
	}
	copy(t.Digest[:], b)
	if t.Digest == ([32]byte{}) { // no row has it, and it must not mean that the row is not there
		return t, fmt.Errorf("%w: no row has this ETag", ErrArgument)
	}
	return t, nil
}

func rowStates(tx Tx, rows []string) ([]RowState, error) {
	states := make([]RowState, 0, len(rows))
	for _, row := range rows {
		t, err := touchOf(tx, row)
		if err != nil {
			return nil, err
		}
		states = append(states, RowState{Row: row, ETag: TagOf(t)})
	}
	return states, nil
}

// matches returns ErrStale where one of the rows is not as it was.
func matches(tx Tx, rows []audit.Touch) error {
	for _, want := range rows {
		now, err := touchOf(tx, want.Row)
		if err != nil {
			return err
		}
		if now.Digest != want.Digest {
			return fmt.Errorf("%s: %w", clip(want.Row, 100), ErrStale)
		}
	}
	return nil
}

// touchOf digests a row by its name; a zero digest: it is not there.
func touchOf(tx Tx, row string) (audit.Touch, error) {
	kind, id, _ := strings.Cut(row, "/")
	first, second, two := strings.Cut(id, "/")
	switch {
	case id == "" || checkLine("a row", row, 500) != nil:
	case kind == "partner":
		return touched(row, audit.TouchPartner)(tx.Partner(id))
	case kind == "credential":
		return touched(row, audit.TouchCredential)(tx.Credential(id))
	case kind == "network":
		return touched(row, audit.TouchNetwork)(tx.Network(id))
	case kind == "limit":
		return touched(row, audit.TouchLimit)(tx.Limit(id))
	case kind == limitScope && two:
		return touchLimitScope(tx, row, first, second)
	case kind == "review" && two:
		return touched(row, audit.TouchReview)(tx.Review(first, second))
	case kind == "document" && two:
		return touched(row, audit.TouchDocument)(tx.Document(first, second))
	case kind == "sealing_key" && two:
		return touchSealingKey(tx, row, first, second)
	}
	return audit.Touch{}, fmt.Errorf("%w: %q names no row", ErrArgument, clip(row, 60))
}

// limitScope is the kind of a name that stands for the limit of a scope, whichever that is.
const limitScope = "limit_scope"

// LimitScopeRow names the limit that bounds what l would bound (partner.Limit.Scope), for ETag and Match: also where there is none
// yet, whose id nobody could know. Its ETag is that of the limit's own row.
func LimitScopeRow(l partner.Limit) string {
	scope := l.Scope()
	digest := digestOf(limitScope+" 1\n", []byte(scope[1]), []byte(scope[2]), []byte(scope[3]))
	return limitScope + "/" + l.PartnerID + "/" + hex.EncodeToString(digest[:])
}

func touchLimitScope(tx Tx, row, partnerID, _ string) (audit.Touch, error) {
	present, err := tx.Limits(partnerID)
	for _, l := range present {
		if LimitScopeRow(l) == row {
			return audit.Touch{Row: row, Digest: audit.TouchLimit(l).Digest}, err
		}
	}
	return audit.Touch{Row: row}, err
}

// touched adapts a lookup.
func touched[T any](row string, digest func(T) audit.Touch) func(T, bool, error) (audit.Touch, error) {
	return func(v T, found bool, err error) (audit.Touch, error) {
		if err != nil || !found {
			return audit.Touch{Row: row}, err
		}
		return digest(v), nil
	}
}

func touchSealingKey(tx Tx, row, environment, number string) (audit.Touch, error) {
	id, err := strconv.ParseUint(number, 10, 32)
	if err != nil {
		return audit.Touch{}, fmt.Errorf("%w: %q names no row", ErrArgument, clip(row, 60))
	}
	keys, err := tx.SealingKeys(environment)
	for _, k := range keys {
		if uint64(k.ID) == id {
			return audit.TouchSealingKey(k), err
		}
	}
	return audit.Touch{Row: row}, err
}
