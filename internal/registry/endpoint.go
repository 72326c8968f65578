package registry

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/secret"
)

// endpoints is how webhook endpoints are kept.
var endpointNoun = noun[partner.Endpoint]{kind: "endpoint", row: func(e partner.Endpoint) partner.Document {
	return partner.Document{ID: e.ID, PartnerID: e.PartnerID, Environment: e.Environment, State: string(e.State),
		Alias: endpointAlias(e), CreatedAt: e.CreatedAt}
}}

// endpointAlias makes one URL of one partner in one environment one endpoint.
func endpointAlias(e partner.Endpoint) string {
	sum := sha256.Sum256(secret.Row("endpoint url", e.Environment, e.PartnerID, e.URL))
	return hex.EncodeToString(sum[:])
}

// putEndpoint writes what holds for an endpoint, or nothing.
func putEndpoint(tx Tx, e partner.Endpoint) error {
	if err := e.Validate(); err != nil {
		return err
	}
	return endpointNoun.put(tx, e)
}

// IssuedEndpoint is an endpoint with the signing key that was just made for it. It is the only time that the key is shown;
// whoever has handed it over wipes it. EndpointSecret writes it as its owner needs it.
type IssuedEndpoint struct {
	Endpoint partner.Endpoint // without sealed keys
	KeyID    string
	Key      secret.Value // partner.EndpointKeySize bytes; zero where nothing was made
}

// EndpointFilter says which endpoints are listed. Empty fields ask for nothing.
type EndpointFilter struct {
	PartnerID   string
	Environment string
	State       partner.EndpointState
}

// Endpoints lists webhook endpoints by the time of their making, without sealed keys. Errors: the store's.
func (r *Registry) Endpoints(ctx context.Context, f EndpointFilter) (list []partner.Endpoint, err error) {
	err = r.store.View(ctx, func(tx Tx) error {
		list, err = endpointNoun.list(tx, partner.DocumentQuery{PartnerID: f.PartnerID, Environment: f.Environment, State: string(f.State)})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list endpoints: %w", err)
	}
	for i := range list {
		list[i] = list[i].Clone()
	}
	return list, nil
}

// Endpoint finds one, without sealed keys. Errors: ErrNotFound, the store's.
func (r *Registry) Endpoint(ctx context.Context, id string) (e partner.Endpoint, err error) {
	err = r.store.View(ctx, func(tx Tx) error {
		e, err = endpointNoun.get(tx, id)
		return err
	})
	if err != nil {
		return partner.Endpoint{}, fmt.Errorf("show endpoint: %w", err)
	}
	return e.Clone(), nil
}

// AddEndpoint registers a webhook endpoint. The fields of want that are read are PartnerID, Environment, URL, Description and
// Events; the others must be empty. It is pending until VerifyEndpoint has seen it prove that it holds the key that is returned
// here and nowhere else. A partner that is not approved yet may have endpoints: a review may ask for one. Errors: ErrActor,
// ErrArgument, partner.ErrInvalid, ErrNotFound for the partner, ErrState (the URL is there already, or MaxEndpoints are),
// ErrNoRing, secret.ErrRandom, the store's.
func (r *Registry) AddEndpoint(ctx context.Context, actor Actor, want partner.Endpoint) (IssuedEndpoint, error) {
	const what = "add endpoint"
	e, err := r.draftEndpoint(want)
	if err != nil {
		return IssuedEndpoint{}, fmt.Errorf("%s: %w", what, err)
	}
	plain, err := r.newEndpointKey(&e)
	if err != nil {
		return IssuedEndpoint{}, fmt.Errorf("%s: %w", what, err)
	}
	err = r.update(ctx, actor, what, func(tx Tx) error {
		if _, err := openPartner(tx, e.PartnerID); err != nil {
			return err
		}
		if err := roomForEndpoint(tx, e); err != nil {
			return err
		}
		if err := putEndpoint(tx, e); err != nil {
			return err
		}
		return r.record(tx, actor, audit.EndpointAdded, e.ID, endpointDetail(e))
	})
	if err != nil {
		plain.Zero()
		return IssuedEndpoint{}, err
	}
	return IssuedEndpoint{Endpoint: e.Clone(), KeyID: e.Keys[0].ID, Key: plain}, nil
}

// draftEndpoint makes an endpoint of what was asked for, without a key.
func (r *Registry) draftEndpoint(want partner.Endpoint) (e partner.Endpoint, err error) {
	if want.ID != "" || want.State != "" || len(want.Keys) > 0 || !want.CreatedAt.IsZero() || !want.VerifiedAt.IsZero() || want.LastHandshake != nil {
		return e, fmt.Errorf("%w: a new endpoint has no id, state, key and history yet", ErrArgument)
	}
	if err := checkEnvironment(want.Environment); err != nil {
		return e, err
	}
	if err := checkLine("a description", want.Description, partner.MaxEndpointText); err != nil {
		return e, err
	}
	e = partner.Endpoint{PartnerID: want.PartnerID, Environment: want.Environment, Description: strings.TrimSpace(want.Description),
		State: partner.EndpointPending, CreatedAt: r.now().Truncate(time.Second)}
	if e.URL, err = partner.ParseEndpointURL(want.URL, r.plain != nil && r.plain(want.Environment)); err != nil {
		return e, err
	}
	if e.Events, err = partner.ParseEvents(want.Events); err != nil {
		return e, err
	}
	e.ID, err = secret.RowID(r.random, "whe_")
	return e, err
}

// roomForEndpoint refuses one endpoint too many, and a URL that is there.
func roomForEndpoint(tx Tx, e partner.Endpoint) error {
	if other, found, err := endpointNoun.find(tx, endpointAlias(e)); err != nil || found {
		if err != nil {
			return err
		}
		return fmt.Errorf("endpoint %s has this URL already: %w", other.ID, ErrState)
	}
	list, err := endpointNoun.list(tx, partner.DocumentQuery{PartnerID: e.PartnerID, Environment: e.Environment})
	if err != nil {
		return err
	}
	if len(list) >= partner.MaxEndpoints {
		return fmt.Errorf("a partner has at most %d endpoints in an environment; remove one first: %w", partner.MaxEndpoints, ErrState)
	}
	return nil
}

// DisableEndpoint ends the use of an endpoint for good. One that is disabled already stays so, and nothing
// is recorded. Errors: ErrActor, ErrNotFound, the store's.
func (r *Registry) DisableEndpoint(ctx context.Context, actor Actor, id string) (e partner.Endpoint, err error) {
	err = r.update(ctx, actor, "disable endpoint", func(tx Tx) error {
		if e, err = endpointNoun.get(tx, id); err != nil || e.State == partner.EndpointDisabled {
			return err
		}
		e.State = partner.EndpointDisabled
		if err := putEndpoint(tx, e); err != nil {
			return err
		}
		return r.record(tx, actor, audit.EndpointDisabled, e.ID, endpointDetail(e))
	})
	if err != nil {
		return partner.Endpoint{}, err
	}
	return e.Clone(), nil
}

// RemoveEndpoint takes an endpoint away, with its keys. Errors: ErrActor, ErrNotFound, the store's.
func (r *Registry) RemoveEndpoint(ctx context.Context, actor Actor, id string) error {
	return r.update(ctx, actor, "remove endpoint", func(tx Tx) error {
		e, err := endpointNoun.get(tx, id)
		if err != nil {
			return err
		}
		if err := tx.DeleteDocument(endpointNoun.kind, id); err != nil {
			return err
		}
		if err := tx.DeleteTransient(handshakeKind, id); err != nil {
			return err
		}
		return r.record(tx, actor, audit.EndpointRemoved, e.ID, endpointDetail(e))
	})
}

// endpointDetail says which endpoint a change row is about. It ends with whose it is: a partner's changes are found by that when
// the endpoint is gone.
func endpointDetail(e partner.Endpoint) string {
	return detail(e.Environment, endpointText(e)+" of "+e.PartnerID)
}

// endpointText names an endpoint in a change row, without its query: callers put tokens there. It is short enough for a reason
// of maxReason bytes beside it.
func endpointText(e partner.Endpoint) string {
	place, _, _ := strings.Cut(e.URL, "?")
	if len(place) > 120 {
		place = place[:120] + "..."
	}
	if len(e.Events) == 0 {
		return place + " for every event"
	}
	shown := slices.Clone(e.Events[:min(len(e.Events), 2)])
	if more := len(e.Events) - len(shown); more > 0 {
		shown = append(shown, fmt.Sprintf("and %d more", more))
	}
	return place + " for " + strings.Join(shown, ", ")
}
