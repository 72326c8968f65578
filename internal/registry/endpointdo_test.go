package registry_test

import (
	"errors"
	"strings"
	"testing"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
)

func (w *world) operation(name registry.OperationName, partnerID, environment string, params any) registry.Operation {
	w.t.Helper()
	op, err := registry.NewOperation(name, partnerID, environment, params)
	w.must(err)
	return op
}

// TestOperationsOfEndpoints: the plane does with an endpoint what the command line does, and shows a key once.
func TestOperationsOfEndpoints(t *testing.T) {
	w := newWorld(t)
	p := w.admitted()
	do := func(name registry.OperationName, params any) registry.Done {
		t.Helper()
		done, err := w.Do(ctx, alice, w.operation(name, p.ID, "sandbox", params), registry.Intent{Reason: "ticket 4711"})
		w.must(err)
		if rows := w.rows(); name != registry.OpEndpointVerify && !strings.Contains(rows[len(rows)-1].Detail, "ticket 4711") {
			t.Errorf("%s: the row says %q", name, rows[len(rows)-1].Detail)
		}
		return done
	}
	add := w.operation(registry.OpEndpointAdd, p.ID, "sandbox", registry.EndpointAdd{URL: "https://hooks.example.com/", Events: []string{"card.created"}})
	added, err := w.Do(ctx, alice, add, registry.Intent{IdempotencyKey: "once"})
	w.must(err)
	if added.Endpoint == nil || added.Endpoint.State != partner.EndpointPending || !strings.HasPrefix(added.Secret, "whsec_") {
		t.Fatalf("added %+v", added.Endpoint)
	}
	again, err := w.Do(ctx, alice, add, registry.Intent{IdempotencyKey: "once"})
	w.must(err)
	if !again.Repeated || again.Secret != "" || again.Endpoint == nil || again.Endpoint.ID != added.Endpoint.ID {
		t.Errorf("repeated: %+v", again.Endpoint)
	}
	id := added.Endpoint.ID
	w.must(w.KeepHandshake(ctx, w.handshake(id, partner.HandshakeProved, added.Endpoint.Keys[0].ID)))
	if done := do(registry.OpEndpointVerify, registry.EndpointVerify{ID: id}); done.Endpoint.State != partner.EndpointVerified {
		t.Errorf("verified: %+v", done.Endpoint)
	}
	w.last(alice, audit.EndpointVerified, id)
	if done := do(registry.OpEndpointRotate, registry.EndpointRotate{ID: id}); !strings.HasPrefix(done.Secret, "whsec_") || done.Secret == added.Secret {
		t.Error("a rotation shows no new key")
	}
	if done := do(registry.OpEndpointDisable, registry.EndpointDisable{ID: id}); done.Endpoint.State != partner.EndpointDisabled {
		t.Errorf("disabled: %+v", done.Endpoint)
	}
	if done := do(registry.OpEndpointRemove, registry.EndpointRemove{ID: id}); done.Endpoint == nil || done.Endpoint.ID != id {
		t.Errorf("removed: %+v", done.Endpoint)
	}
}

// TestAnOperationClaimsNoProof: the parameters have no place for what the endpoint showed, and nothing is verified without it.
func TestAnOperationClaimsNoProof(t *testing.T) {
	w := newWorld(t)
	p := w.admitted()
	issued, err := w.AddEndpoint(ctx, alice, wanted(p.ID))
	w.must(err)
	op := w.operation(registry.OpEndpointVerify, p.ID, "sandbox", registry.EndpointVerify{ID: issued.Endpoint.ID})
	w.refuse(registry.ErrState, func() error { _, err := w.Do(ctx, alice, op, registry.Intent{}); return err })
	op.Params = []byte(`{"id":"` + issued.Endpoint.ID + `","result":"proved"}`)
	w.refuse(registry.ErrArgument, func() error { _, err := w.Do(ctx, alice, op, registry.Intent{}); return err })
}

// TestAnEndpointOfAnotherEnvironmentIsNotTouched: what may be done in one environment is not done in another one by its id.
func TestAnEndpointOfAnotherEnvironmentIsNotTouched(t *testing.T) {
	w := newWorld(t)
	p := w.admitted()
	issued, err := w.AddEndpoint(ctx, alice, wanted(p.ID))
	w.must(err)
	for _, home := range [][2]string{{p.ID, "production"}, {w.admitted().ID, "sandbox"}} {
		for name, params := range map[registry.OperationName]any{registry.OpEndpointDisable: registry.EndpointDisable{ID: issued.Endpoint.ID},
			registry.OpEndpointRemove: registry.EndpointRemove{ID: issued.Endpoint.ID}, registry.OpEndpointRotate: registry.EndpointRotate{ID: issued.Endpoint.ID},
			registry.OpEndpointVerify: registry.EndpointVerify{ID: issued.Endpoint.ID}} {
			before, err := w.Revision(ctx)
			w.must(err)
			_, err = w.Do(ctx, alice, w.operation(name, home[0], home[1], params), registry.Intent{})
			after, failed := w.Revision(ctx)
			w.must(failed)
			if !errors.Is(err, registry.ErrArgument) && !errors.Is(err, registry.ErrNotFound) || after != before {
				t.Errorf("%s in %v: %v", name, home, err)
			}
		}
	}
}
