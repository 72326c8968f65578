package registry_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
	"countersign.dev/internal/secret"
)

// wanted is an endpoint as it is asked for.
func wanted(partnerID string) partner.Endpoint {
	return partner.Endpoint{PartnerID: partnerID, Environment: "sandbox", URL: "https://Hooks.example.com", Description: " for cards ",
		Events: []string{"card.updated", "card.created"}}
}

func (w *world) endpoint() registry.IssuedEndpoint {
	w.t.Helper()
	issued, err := w.AddEndpoint(ctx, alice, wanted(w.admitted().ID))
	w.must(err)
	return issued
}

func (w *world) handshake(id string, result partner.HandshakeResult, keyID string) partner.Handshake {
	return partner.Handshake{EndpointID: id, At: w.clock.now(), Result: result, KeyID: keyID, Address: netip.MustParseAddr("203.0.113.5"), Status: 200, Millis: 12}
}

func TestAnEndpointFromItsBeginningToItsEnd(t *testing.T) {
	w := newWorld(t)
	issued := w.endpoint()
	e := issued.Endpoint
	if e.URL != "https://hooks.example.com/" || e.Description != "for cards" || e.State != partner.EndpointPending || strings.Join(e.Events, " ") != "card.created card.updated" ||
		!strings.HasPrefix(e.ID, "whe_") || len(e.Keys) != 1 || e.Keys[0].ID != issued.KeyID || e.Keys[0].Sealed != nil || issued.Key.Len() != partner.EndpointKeySize {
		t.Fatalf("added %+v", issued)
	}
	w.last(alice, audit.EndpointAdded, e.ID)
	if text := registry.EndpointSecret(issued.Key); !strings.HasPrefix(text, "whsec_") || len(text) != len("whsec_")+44 {
		t.Errorf("a key is shown in %d bytes", len(text))
	}

	failed, err := w.VerifyEndpoint(ctx, bob, w.handshake(e.ID, partner.HandshakeTimeout, ""))
	w.must(err)
	if failed.State != partner.EndpointPending || failed.LastHandshake.Result != partner.HandshakeTimeout || !failed.VerifiedAt.IsZero() {
		t.Errorf("after a failure: %+v", failed)
	}
	w.last(bob, audit.EndpointFailed, e.ID)

	verified, err := w.VerifyEndpoint(ctx, bob, w.handshake(e.ID, partner.HandshakeProved, issued.KeyID))
	w.must(err)
	if verified.State != partner.EndpointVerified || verified.VerifiedAt.IsZero() || verified.LastHandshake.Address.String() != "203.0.113.5" {
		t.Errorf("verified: %+v", verified)
	}
	if row := w.last(bob, audit.EndpointVerified, e.ID); !strings.Contains(row.Detail, "203.0.113.5") || !strings.Contains(row.Detail, issued.KeyID) {
		t.Errorf("the row says %q", row.Detail)
	}
	down, err := w.VerifyEndpoint(ctx, bob, w.handshake(e.ID, partner.HandshakeUnreachable, ""))
	w.must(err)
	if down.State != partner.EndpointVerified {
		t.Error("an endpoint that was down for a moment is lost")
	}

	disabled, err := w.DisableEndpoint(ctx, alice, e.ID)
	w.must(err)
	if disabled.State != partner.EndpointDisabled {
		t.Errorf("disabled: %+v", disabled)
	}
	w.last(alice, audit.EndpointDisabled, e.ID)
	w.refuse(nil, func() error { _, err := w.DisableEndpoint(ctx, alice, e.ID); return err })
	w.refuse(registry.ErrState, func() error {
		_, err := w.VerifyEndpoint(ctx, alice, w.handshake(e.ID, partner.HandshakeProved, issued.KeyID))
		return err
	})
	w.refuse(registry.ErrState, func() error { _, err := w.RotateEndpointKey(ctx, alice, e.ID, time.Time{}); return err })
	w.refuse(registry.ErrState, func() error { _, err := w.EndpointTarget(ctx, e.ID); return err })

	w.must(w.RemoveEndpoint(ctx, alice, e.ID))
	w.last(alice, audit.EndpointRemoved, e.ID)
	w.refuse(registry.ErrNotFound, func() error { return w.RemoveEndpoint(ctx, alice, e.ID) })
	if _, err := w.Endpoint(ctx, e.ID); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("it is still there: %v", err)
	}
	report, err := w.VerifyChanges(ctx, nil)
	w.must(err)
	if len(report.Faults) != 0 {
		t.Errorf("the record does not hold: %+v", report.Faults)
	}
}

func TestEndpointsAreListedByWhatIsAsked(t *testing.T) {
	w := newWorld(t)
	first := w.endpoint().Endpoint
	other := wanted(first.PartnerID)
	other.Environment, other.Events = "production", nil
	second, err := w.AddEndpoint(ctx, alice, other)
	w.must(err)
	third := w.endpoint().Endpoint
	for _, c := range []struct {
		filter registry.EndpointFilter
		want   string
	}{
		{registry.EndpointFilter{}, first.ID + second.Endpoint.ID + third.ID},
		{registry.EndpointFilter{PartnerID: first.PartnerID}, first.ID + second.Endpoint.ID},
		{registry.EndpointFilter{PartnerID: first.PartnerID, Environment: "production"}, second.Endpoint.ID},
		{registry.EndpointFilter{State: partner.EndpointVerified}, ""},
	} {
		list, err := w.Endpoints(ctx, c.filter)
		w.must(err)
		got := map[string]bool{}
		for _, e := range list {
			got[e.ID] = true
			if e.Keys[0].Sealed != nil {
				t.Error("a sealed key is shown")
			}
		}
		if len(list)*len(first.ID) != len(c.want) || len(got) != len(list) {
			t.Errorf("%+v: %d endpoints, want %q", c.filter, len(list), c.want)
		}
		for id := range got {
			if !strings.Contains(c.want, id) {
				t.Errorf("%+v: %s is listed", c.filter, id)
			}
		}
	}
}

func TestAnEndpointThatIsRefused(t *testing.T) {
	w := newWorld(t)
	p := w.admitted()
	add := func(change func(*partner.Endpoint)) func() error {
		return func() error {
			e := wanted(p.ID)
			change(&e)
			_, err := w.AddEndpoint(ctx, alice, e)
			return err
		}
	}
	w.refuse(registry.ErrActor, func() error { _, err := w.AddEndpoint(ctx, registry.Actor{}, wanted(p.ID)); return err })
	w.refuse(registry.ErrNotFound, add(func(e *partner.Endpoint) { e.PartnerID = "ptn_none" }))
	w.refuse(registry.ErrArgument, add(func(e *partner.Endpoint) { e.Environment = "Sandbox" }))
	w.refuse(registry.ErrArgument, add(func(e *partner.Endpoint) { e.Description = "two\nlines" }))
	w.refuse(registry.ErrArgument, add(func(e *partner.Endpoint) { e.ID = "whe_mine" }))
	w.refuse(registry.ErrArgument, add(func(e *partner.Endpoint) { e.State = partner.EndpointVerified }))
	w.refuse(registry.ErrArgument, add(func(e *partner.Endpoint) { e.Keys = []partner.EndpointKey{{}} }))
	w.refuse(partner.ErrInvalid, add(func(e *partner.Endpoint) { e.Events = []string{"Card"} }))
	w.refuse(partner.ErrInvalid, add(func(e *partner.Endpoint) { e.URL = "https://user@hooks.example.com/" }))
	w.must(add(func(*partner.Endpoint) {})())
	w.refuse(registry.ErrState, add(func(e *partner.Endpoint) { e.URL = "https://hooks.example.com:443/" }))
	w.must(add(func(e *partner.Endpoint) { e.Environment = "production" })())
	for i := 1; i < partner.MaxEndpoints; i++ {
		w.must(add(func(e *partner.Endpoint) { e.URL = fmt.Sprintf("https://hooks.example.com/%d", i) })())
	}
	w.refuse(registry.ErrState, add(func(e *partner.Endpoint) { e.URL = "https://hooks.example.com/more" }))
	w.must(w.ClosePartner(ctx, alice, p.ID, "for the tests"))
	w.refuse(registry.ErrState, add(func(e *partner.Endpoint) { e.URL = "https://hooks.example.com/late" }))
}

func TestRule32PlainHTTPOnlyWhereDevAllowsIt(t *testing.T) {
	here := func(partnerID, environment string) partner.Endpoint {
		return partner.Endpoint{PartnerID: partnerID, Environment: environment, URL: "http://127.0.0.1:8080/hooks"}
	}
	w := newWorld(t)
	outside := w.admitted()
	w.refuse(partner.ErrInvalid, func() error { _, err := w.AddEndpoint(ctx, alice, here(outside.ID, "sandbox")); return err })
	dev := newWorld(t, func(cfg *registry.Config) {
		cfg.PlainEndpoints = func(environment string) bool { return environment == "sandbox" }
	})
	p := dev.admitted()
	_, err := dev.AddEndpoint(ctx, alice, here(p.ID, "sandbox"))
	dev.must(err)
	dev.refuse(partner.ErrInvalid, func() error { _, err := dev.AddEndpoint(ctx, alice, here(p.ID, "production")); return err })
}

func TestRule33AWebhookKeyIsSealedToItsEndpoint(t *testing.T) {
	w := newWorld(t)
	issued := w.endpoint()
	target, err := w.EndpointTarget(ctx, issued.Endpoint.ID)
	w.must(err)
	if len(target.Keys) != 1 || !target.Keys[0].Secret.Equal(issued.Key) || target.URL != issued.Endpoint.URL {
		t.Fatalf("the target is %+v", target)
	}
	target.Zero()
	if !target.Keys[0].Secret.IsZero() {
		t.Error("a target that is done with keeps its key")
	}
	for _, suffix := range []string{"", "-wal"} {
		if text, err := os.ReadFile(w.path + suffix); err == nil && (bytes.Contains(text, issued.Key.Bytes()) || bytes.Contains(text, []byte(registry.EndpointSecret(issued.Key)))) {
			t.Error("the key stands in the data file")
		}
	}
}

func TestRotationOfAWebhookKeyOverlaps(t *testing.T) {
	w := newWorld(t)
	first := w.endpoint()
	id := first.Endpoint.ID
	second, err := w.RotateEndpointKey(ctx, alice, id, w.clock.now().Add(time.Hour))
	w.must(err)
	w.last(alice, audit.EndpointRotated, id)
	keys := func() string {
		t.Helper()
		target, err := w.EndpointTarget(ctx, id)
		w.must(err)
		var ids []string
		for _, k := range target.Keys {
			ids = append(ids, k.ID)
		}
		return strings.Join(ids, " ")
	}
	if got := keys(); got != second.KeyID+" "+first.KeyID {
		t.Errorf("live are %s", got)
	}
	_, err = w.VerifyEndpoint(ctx, alice, w.handshake(id, partner.HandshakeProved, first.KeyID))
	w.must(err)
	w.last(alice, audit.EndpointVerified, id)

	w.clock.pass(2 * time.Hour)
	if got := keys(); got != second.KeyID {
		t.Errorf("live are %s", got)
	}
	e, err := w.VerifyEndpoint(ctx, alice, w.handshake(id, partner.HandshakeProved, first.KeyID))
	w.must(err)
	if e.LastHandshake.Result != partner.HandshakeWrongProof {
		t.Errorf("a key that has ended proved it: %+v", e.LastHandshake)
	}
	third, err := w.RotateEndpointKey(ctx, alice, id, w.clock.now().Add(time.Hour))
	w.must(err)
	fourth, err := w.RotateEndpointKey(ctx, alice, id, w.clock.now().Add(48*time.Hour))
	w.must(err)
	if got := keys(); got != fourth.KeyID+" "+third.KeyID {
		t.Errorf("live are %s", got)
	}
	last, err := w.RotateEndpointKey(ctx, alice, id, time.Time{})
	w.must(err)
	if got := keys(); got != last.KeyID || len(last.Endpoint.Keys) != 1 {
		t.Errorf("live are %s", got)
	}
	w.refuse(registry.ErrArgument, func() error {
		_, err := w.RotateEndpointKey(ctx, alice, id, w.clock.now().Add(91*24*time.Hour))
		return err
	})
	w.refuse(registry.ErrNotFound, func() error { _, err := w.RotateEndpointKey(ctx, alice, "whe_none", time.Time{}); return err })
}

// TestTheLongestEndpointFitsItsRow: a change row has a bound, and an endpoint that no row could hold could not be changed.
func TestTheLongestEndpointFitsItsRow(t *testing.T) {
	w := newWorld(t)
	p, err := w.CreatePartner(ctx, alice, "Acme")
	w.must(err)
	want := partner.Endpoint{PartnerID: p.ID, Environment: strings.Repeat("e", 63), Description: strings.Repeat("d", partner.MaxEndpointText)}
	want.URL = "https://" + strings.Repeat("a.", 100) + "example/"
	want.URL += strings.Repeat("p", partner.MaxEndpointURL-len(want.URL))
	for i := range partner.MaxEndpointEvents {
		want.Events = append(want.Events, fmt.Sprintf("a%03d%s", i, strings.Repeat("x", partner.MaxEventName-4)))
	}
	issued, err := w.AddEndpoint(ctx, alice, want)
	w.must(err)
	h := w.handshake(issued.Endpoint.ID, partner.HandshakeProved, issued.KeyID)
	h.Address = netip.MustParseAddr("2001:db8:1111:2222:3333:4444:5555:6666")
	_, err = w.VerifyEndpoint(ctx, alice, h)
	w.must(err)
	op := w.operation(registry.OpEndpointDisable, p.ID, want.Environment, registry.EndpointDisable{ID: issued.Endpoint.ID})
	_, err = w.Do(ctx, alice, op, registry.Intent{Reason: strings.Repeat("r", 500)})
	w.must(err)
	w.must(w.RemoveEndpoint(ctx, alice, issued.Endpoint.ID))
}

// TestAHandshakeIsTakenUpOnceAndOnlyWhileItIsNew: an operation names the endpoint; what it proved is what was kept.
func TestAHandshakeIsTakenUpOnceAndOnlyWhileItIsNew(t *testing.T) {
	w := newWorld(t)
	issued := w.endpoint()
	id := issued.Endpoint.ID
	verify := func() error { _, err := w.VerifyKeptEndpoint(ctx, alice, id); return err }
	w.refuse(registry.ErrState, verify)
	w.refuse(nil, func() error { return w.KeepHandshake(ctx, w.handshake(id, partner.HandshakeProved, issued.KeyID)) })
	w.must(verify())
	w.last(alice, audit.EndpointVerified, id)
	w.refuse(registry.ErrState, verify)
	w.must(w.KeepHandshake(ctx, w.handshake(id, partner.HandshakeProved, issued.KeyID)))
	w.clock.pass(registry.HandshakeLifetime + time.Second)
	w.refuse(registry.ErrState, verify)
	for name, change := range map[string]func(*partner.Handshake){
		"of an unknown result": func(h *partner.Handshake) { h.Result = "fine" }, "of long ago": func(h *partner.Handshake) { h.At = h.At.Add(-time.Hour) },
		"of the future": func(h *partner.Handshake) { h.At = h.At.Add(time.Hour) }, "of nothing": func(h *partner.Handshake) { h.EndpointID = "" },
	} {
		h := w.handshake(id, partner.HandshakeProved, issued.KeyID)
		change(&h)
		t.Log(name)
		w.refuse(registry.ErrArgument, func() error { return w.KeepHandshake(ctx, h) })
		w.refuse(registry.ErrArgument, func() error { _, err := w.VerifyEndpoint(ctx, alice, h); return err })
	}
	w.refuse(registry.ErrNotFound, func() error { return w.KeepHandshake(ctx, w.handshake("whe_none", partner.HandshakeProved, "")) })
}

// TestWebhookKeysAreSealedAgain: a key-encryption key is needed as long as a webhook key is sealed with it.
func TestWebhookKeysAreSealedAgain(t *testing.T) {
	w := newWorld(t)
	issued := w.endpoint()
	_, err := w.RotateEndpointKey(ctx, alice, issued.Endpoint.ID, w.clock.now().Add(time.Hour))
	w.must(err)
	old := w.ring.Newest()
	if n := w.sealedWith()[old]; n != 2 {
		t.Fatalf("%d values are sealed with the old key, not 2", n)
	}
	added, err := w.keyFile().Add(ctx)
	w.must(err)
	w.must(w.ring.Reload(ctx))
	n, err := w.Reseal(ctx, alice)
	w.must(err)
	if counts := w.sealedWith(); n != 2 || counts[old] != 0 || counts[added] != 2 {
		t.Errorf("sealed %d again: %v", n, counts)
	}
	target, err := w.EndpointTarget(ctx, issued.Endpoint.ID)
	w.must(err)
	if len(target.Keys) != 2 || !target.Keys[1].Secret.Equal(issued.Key) {
		t.Error("the keys are others now")
	}
	w.must(w.keyFile().Retire(ctx, old, w.SealedWith))
}

func TestAnEndpointIsNotMadeWithoutRandomness(t *testing.T) {
	w := newWorld(t, func(cfg *registry.Config) { cfg.Rand = &failing{left: 20, rest: rand.Reader} })
	p := partner.Partner{ID: "ptn_x"}
	w.refuse(secret.ErrRandom, func() error { _, err := w.AddEndpoint(ctx, alice, wanted(p.ID)); return err })
}

// failing gives out some bytes and then fails.
type failing struct {
	left int
	rest interface{ Read([]byte) (int, error) }
}

func (f *failing) Read(b []byte) (int, error) {
	if f.left < len(b) {
		return 0, errors.New("no randomness")
	}
	f.left -= len(b)
	return f.rest.Read(b)
}
