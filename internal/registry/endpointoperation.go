package registry

import (
	"context"
	"time"

	"countersign.dev/internal/partner"
)

// EndpointAdd are the parameters of OpEndpointAdd; partner and environment are those of the operation.
type EndpointAdd struct {
	URL         string   `json:"url"`
	Description string   `json:"description,omitempty"`
	Events      []string `json:"events,omitempty"` // empty: every event
}

// EndpointVerify are the parameters of OpEndpointVerify. What the endpoint proved is not among them: see KeepHandshake.
type EndpointVerify struct {
	ID string `json:"id"`
}

// EndpointDisable are the parameters of OpEndpointDisable.
type EndpointDisable struct {
	ID string `json:"id"`
}

// EndpointRemove are the parameters of OpEndpointRemove.
type EndpointRemove struct {
	ID string `json:"id"`
}

// EndpointRotate are the parameters of OpEndpointRotate.
type EndpointRotate struct {
	ID           string    `json:"id"`
	OverlapUntil time.Time `json:"overlap_until,omitzero"` // as of RotateEndpointKey
}

// doEndpointAdd makes a pending endpoint and yields its signing key.
func (r *Registry) doEndpointAdd(ctx context.Context, j job, p EndpointAdd) (Done, error) {
	return endpointDone(r.AddEndpoint(ctx, j.actor, partner.Endpoint{PartnerID: j.op.PartnerID, Environment: j.op.Environment,
		URL: p.URL, Description: p.Description, Events: p.Events}))
}

// doEndpointVerify takes up the handshake that KeepHandshake kept. Done.Endpoint says how it ended, also where it failed.
func (r *Registry) doEndpointVerify(ctx context.Context, j job, p EndpointVerify) (Done, error) {
	e, err := r.VerifyKeptEndpoint(ctx, j.actor, p.ID)
	return Done{Endpoint: &e}, err
}

func (r *Registry) doEndpointDisable(ctx context.Context, j job, p EndpointDisable) (Done, error) {
	e, err := r.DisableEndpoint(ctx, j.actor, p.ID)
	return Done{Endpoint: &e}, err
}

// doEndpointRemove answers with the endpoint as it was.
func (r *Registry) doEndpointRemove(ctx context.Context, j job, p EndpointRemove) (Done, error) {
	e, err := r.Endpoint(ctx, p.ID)
	if err != nil {
		return Done{}, err
	}
	return Done{Endpoint: &e}, r.RemoveEndpoint(ctx, j.actor, p.ID)
}

func (r *Registry) doEndpointRotate(ctx context.Context, j job, p EndpointRotate) (Done, error) {
	return endpointDone(r.RotateEndpointKey(ctx, j.actor, p.ID, p.OverlapUntil))
}

// endpointDone shows a new signing key, this once.
func endpointDone(issued IssuedEndpoint, err error) (Done, error) {
	if err != nil {
		return Done{}, err
	}
	defer issued.Key.Zero()
	return Done{Endpoint: &issued.Endpoint, Secret: EndpointSecret(issued.Key)}, nil
}

func endpointHome(tx Tx, id string) (home, error) {
	e, err := endpointNoun.get(tx, id)
	return home{e.PartnerID, e.Environment}, err
}
