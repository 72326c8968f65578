package portal_test

import (
	"net/http"
	"testing"

	"countersign.dev/internal/registry"
)

// TestEveryPageShowsItself goes through all pages of a partner that has one of everything, under a hostile name.
func TestEveryPageShowsItself(t *testing.T) {
	w := newWorld(t)
	id := w.partner(hostile, "ann")
	w.approve(id, "sandbox")
	c := w.credential(id, "sandbox")
	w.called(aCall(1, id, c.ID, "allowed"), aCall(2, id, c.ID, "bad_signature"))
	w.post("ann", "/portal/addresses", key("environment", "sandbox", "prefix", "203.0.113.0/24", "note", hostile[:60])).leads("/portal/addresses?done=asked")
	for path, text := range map[string]string{
		"/portal/start": "Getting started", "/portal/start/sandbox": "countersign-v1", "/portal/start/production": "Request production access",
		"/portal/credentials": c.KeyID, "/portal/credentials/" + c.ID: "Make a new secret", "/portal/requests": "203.0.113.0/24",
		"/portal/calls": "Bad signature", "/portal/calls/00000000000000000000000000000002": "it may have been somebody else",
		"/portal/addresses": "Register an address", "/portal/address": "198.51.100.9", "/portal/account": "ann@example.org",
	} {
		w.get("ann", path).is(http.StatusOK, text).lacks("<script>alert", "ZgotmplZ", "<no value>")
	}
	if w.log.Len() > 0 {
		t.Errorf("the log says %s", w.log)
	}
}

// TestAnOperatorsCommentIsReadWhereItIsShared, and without the operator's name.
func TestAnOperatorsCommentIsReadWhereItIsShared(t *testing.T) {
	w := newWorld(t)
	id := w.partner("Acme", "ann")
	w.must(w.RequestReview(ctx, alice, id, "sandbox", "test"))
	for _, add := range []registry.CommentAdd{{Text: "for operators alone"}, {Text: "please send the report", Shared: true}} {
		op, err := registry.NewOperation(registry.OpCommentAdd, id, "sandbox", add)
		w.must(err)
		_, err = w.Do(ctx, alice, op, registry.Intent{})
		w.must(err)
	}
	w.get("ann", "/portal/start/sandbox").is(http.StatusOK, "please send the report", "<strong>Operator</strong>").lacks("for operators alone", "alice@example.com")
}
