package registry

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"countersign.dev/internal/operator"
	"countersign.dev/internal/partner"
)

// IdempotencyLife is for how long an idempotency key is remembered.
const IdempotencyLife = 24 * time.Hour

const (
	receiptKind     = "idempotency"
	receiptLabel    = "countersign idempotency 1\n"
	maxReceiptDiff  = 100 // steps of an applied file that a receipt holds; a longer list is left out of the repetition
	maxReceiptPiece = 500 // credentials that were unlocked
)

// receipt is what is kept beside an idempotency key: which operation it was used for, and what became of it, without any secret.
// It is written in the transaction of the change, so that there is never one without the other.
type receipt struct {
	Operation  string                   `json:"operation"` // digest, hex
	Revision   uint64                   `json:"revision"`
	Proposal   string                   `json:"proposal,omitempty"`
	Partner    string                   `json:"partner,omitempty"`
	Credential string                   `json:"credential,omitempty"`
	Version    int                      `json:"version,omitempty"` // of what was issued; 0: nothing was
	Review     bool                     `json:"review,omitempty"`
	Unlocked   []string                 `json:"unlocked,omitempty"`
	Network    *partner.NetworkRule     `json:"network,omitempty"`
	Limit      *partner.Limit           `json:"limit,omitempty"`
	Endpoint   *partner.Endpoint        `json:"endpoint,omitempty"`
	Applied    *Diff                    `json:"applied,omitempty"`
	Approvals  *Approvals               `json:"approvals,omitempty"`
	Account    *operator.Account        `json:"account,omitempty"`
	Member     *operator.Account        `json:"member,omitempty"`
	Service    *operator.ServiceAccount `json:"service,omitempty"`
	BreakGlass *operator.BreakGlassCode `json:"break_glass,omitempty"`
}

// receiptID is one key of one actor. Keys of different actors never meet.
func receiptID(a asked) string {
	digest := digestOf(receiptLabel, []byte(a.actor.String()), []byte(a.in.IdempotencyKey))
	return hex.EncodeToString(digest[:])
}

// keepReceipt remembers what became of a.
func (r *Registry) keepReceipt(tx Tx, a asked, done Done) error {
	if a.in.IdempotencyKey == "" {
		return nil
	}
	body, err := encodeJSON(receiptOf(a, done))
	if err != nil {
		return fmt.Errorf("keep idempotency key: %w", err)
	}
	return tx.PutTransient(partner.Transient{Kind: receiptKind, ID: receiptID(a), Owner: a.actor.String(),
		ExpiresAt: r.now().Add(IdempotencyLife), Body: body})
}

func receiptOf(a asked, done Done) receipt {
	digest := a.c.op.Digest()
	kept := receipt{Operation: hex.EncodeToString(digest[:]), Revision: done.Revision, Review: done.Review != nil,
		Network: done.Network, Limit: done.Limit, Approvals: done.Approvals, Account: done.Account, Member: done.Member, Service: done.Service,
		BreakGlass: done.BreakGlass, Unlocked: done.Unlocked[:min(len(done.Unlocked), maxReceiptPiece)]}
	if done.Endpoint != nil {
		e := done.Endpoint.Clone()
		kept.Endpoint = &e
	}
	if done.Proposal != nil {
		kept.Proposal = done.Proposal.ID
	}
	if done.Partner != nil {
		kept.Partner = done.Partner.ID
	}
	if done.Credential != nil {
		kept.Credential = done.Credential.ID
	}
	if done.Issued != nil {
		kept.Credential, kept.Version = done.Issued.Credential.ID, done.Issued.Version
	}
	if done.Applied != nil && len(done.Applied.Steps)+len(done.Applied.Unnamed) <= maxReceiptDiff {
		kept.Applied = done.Applied
	}
	return kept
}

// repeated is what became of an earlier call with a's key; found is false where there was none, or it is too long ago.
func (r *Registry) repeated(ctx context.Context, tx Tx, a asked) (done Done, found bool, err error) {
	if a.in.IdempotencyKey == "" {
		return Done{}, false, nil
	}
	t, found, err := tx.Transient(receiptKind, receiptID(a))
	if err != nil || !found || r.now().After(t.ExpiresAt) {
		return Done{}, false, err
	}
	var kept receipt
	dec := json.NewDecoder(bytes.NewReader(t.Body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&kept); err != nil {
		return Done{}, false, fmt.Errorf("read idempotency key: %w", err)
	}
	if digest := a.c.op.Digest(); kept.Operation != hex.EncodeToString(digest[:]) {
		return Done{}, false, ErrIdempotency
	}
	done, err = r.recalled(ctx, tx, a, kept)
	return done, err == nil, err
}

// recalled reads anew what a receipt names.
func (r *Registry) recalled(ctx context.Context, tx Tx, a asked, kept receipt) (Done, error) {
	done := Done{Repeated: true, Revision: kept.Revision, Unlocked: kept.Unlocked, Network: kept.Network, Limit: kept.Limit,
		Endpoint: kept.Endpoint, Applied: kept.Applied, Approvals: kept.Approvals, Account: kept.Account, Member: kept.Member,
		Service: kept.Service, BreakGlass: kept.BreakGlass}
	if kept.Proposal != "" {
		p, err := r.shownProposal(tx, kept.Proposal)
		if err != nil {
			return Done{}, err
		}
		done.Proposal = &p
	}
	if kept.Partner != "" {
		p, _, err := tx.Partner(kept.Partner)
		if err != nil {
			return Done{}, err
		}
		done.Partner = &p
	}
	if kept.Review {
		file, err := r.within(tx).ReviewFile(ctx, a.c.op.PartnerID, a.c.op.Environment)
		switch {
		case err == nil:
			done.Review = &file
		case !errors.Is(err, ErrNotFound): // it was withdrawn since
			return Done{}, err
		}
	}
	if kept.Credential == "" {
		return done, nil
	}
	c, err := credential(tx, kept.Credential)
	if err != nil {
		return Done{}, err
	}
	c = withoutSecrets(c)
	done.Credential = &c
	if kept.Version > 0 {
		done.Issued = &Issued{Credential: c, Login: c.Login, KeyID: c.KeyID, Version: kept.Version}
	}
	return done, nil
}
