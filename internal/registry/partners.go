package registry

import (
	"context"
	"fmt"
	"strings"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/secret"
)

// CreatePartner adds a partner, which is admitted nowhere yet. Names need not be unique: they are for people. Errors:
// ErrActor, ErrArgument, partner.ErrInvalid, the store's.
func (r *Registry) CreatePartner(ctx context.Context, actor Actor, name string) (partner.Partner, error) {
	name = strings.TrimSpace(name)
	if err := checkLine("a partner's name", name, 200); err != nil {
		return partner.Partner{}, fmt.Errorf("create partner: %w", err)
	}
	id, err := secret.RowID(r.random, "ptn_")
	if err != nil {
		return partner.Partner{}, fmt.Errorf("create partner: %w", err)
	}
	p := partner.Partner{ID: id, Name: name, CreatedAt: r.now().Truncate(time.Second)}
	if err := p.Validate(); err != nil {
		return partner.Partner{}, fmt.Errorf("create partner: %w", err)
	}
	err = r.update(ctx, actor, "create partner", func(tx Tx) error {
		if err := tx.PutPartner(p); err != nil {
			return err
		}
		return r.record(tx, actor, audit.PartnerCreated, p.ID, p.Name)
	})
	if err != nil {
		return partner.Partner{}, err
	}
	return p, nil
}

// ClosePartner refuses a partner everywhere and for good, and signs its members out. Errors: ErrActor, ErrArgument, ErrNotFound,
// ErrState if it is closed already, the store's.
func (r *Registry) ClosePartner(ctx context.Context, actor Actor, partnerID, reason string) error {
	if err := checkLine("a reason", reason, maxReason); err != nil {
		return fmt.Errorf("close partner: %w", err)
	}
	return r.update(ctx, actor, "close partner", func(tx Tx) error {
		p, err := openPartner(tx, partnerID)
		if err != nil {
			return err
		}
		p.Closed = true
		if err := tx.PutPartner(p); err != nil {
			return err
		}
		if err := r.signOutMembers(tx, p.ID); err != nil {
			return err
		}
		return r.record(tx, actor, audit.PartnerClosed, p.ID, reason)
	})
}

// FindPartner finds a partner by its row identity, by the key id, login or row identity of one of its credentials, or by
// its exact name, in this order. Errors: ErrNotFound, ErrAmbiguous when several carry the name, the store's.
func (r *Registry) FindPartner(ctx context.Context, text string) (partner.Partner, error) {
	var found partner.Partner
	err := r.store.View(ctx, func(tx Tx) error {
		var err error
		found, err = findPartner(tx, text)
		return err
	})
	if err != nil {
		return partner.Partner{}, fmt.Errorf("find partner: %w", err)
	}
	return found, nil
}

func findPartner(tx Tx, text string) (partner.Partner, error) {
	id := text
	c, found, err := tx.CredentialByName(text)
	if err == nil && !found {
		c, found, err = tx.Credential(text)
	}
	if err != nil {
		return partner.Partner{}, err
	}
	if found {
		id = c.PartnerID
	}
	p, found, err := tx.Partner(id)
	if err != nil || found {
		return p, err
	}
	named, err := tx.PartnersByName(text)
	switch {
	case err != nil:
		return partner.Partner{}, err
	case len(named) == 0:
		return partner.Partner{}, ErrNotFound
	case len(named) > 1:
		return partner.Partner{}, fmt.Errorf("%w: %d carry this name; say which by its id", ErrAmbiguous, len(named))
	}
	return named[0], nil
}

// FindCredential finds a credential by its row identity, its key id or its login, without any secret or hash. Errors:
// ErrNotFound, the store's.
func (r *Registry) FindCredential(ctx context.Context, text string) (partner.Credential, error) {
	c, err := view(ctx, r.store, func(tx Tx) (partner.Credential, error) {
		c, found, err := tx.CredentialByName(text)
		if err != nil || found {
			return c, err
		}
		return credential(tx, text)
	})
	if err != nil {
		return partner.Credential{}, fmt.Errorf("find credential: %w", err)
	}
	return withoutSecrets(c), nil
}
