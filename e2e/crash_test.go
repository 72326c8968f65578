package e2e_test

import (
	"reflect"
	"testing"
)

// TestRule8ReplayAfterKill: a write that was let in stays refused after kill -9, and nothing that was acknowledged is lost:
// credentials, tokens, a changed secret, failures that were counted.
func TestRule8ReplayAfterKill(t *testing.T) {
	data := folder(t)
	r := recording(t, data)
	before, e := r.withoutURLs(t), r.Environments[sandbox]
	write, other := patch("killed").raw(e), patch("killed-too").raw(r.Environments[production])
	r.ask(t, sandbox, write).want(t, 200)
	r.ask(t, production, other).want(t, 200)
	token := r.token(t, sandbox)
	for range 4 {
		r.called(t, production, authentication(r.Environments[production], "wrong-secret-9")).want(t, 401)
	}
	r.kill()

	r.dev = start(t, data, r.upstream.flags()...)
	if after := r.withoutURLs(t); !reflect.DeepEqual(before, after) {
		t.Errorf("before kill -9\n%+v\nafter\n%+v", before, after)
	}
	r.untouched(t, func() {
		r.refused(t, r.ask(t, sandbox, write), 409, "replayed", "replayed")
		r.refused(t, r.ask(t, production, other), 409, "replayed", "replayed")
	})
	r.called(t, sandbox, tokenCall{method: "GET", path: "/v1/customers", token: token}).want(t, 200)
	wrong := authentication(r.Environments[production], "wrong-secret-9")
	if got := r.called(t, production, wrong).want(t, 401).code(t); got != 10001 {
		t.Errorf("the fifth wrong secret is answered by %d", got)
	}
	if got := r.called(t, production, wrong).want(t, 401).code(t); got != 24302 {
		t.Errorf("kill -9 forgot failures: the sixth wrong secret is answered by %d", got)
	}
	killChanged(t, r, data)
	if err := r.leaks(); err != nil {
		t.Error(err)
	}
}

// killChanged kills dev right behind the answer to a changed secret; the change is there afterwards.
func killChanged(t *testing.T, r *rig, data string) {
	t.Helper()
	const fresh = "after-the_Kill+7"
	e := r.Environments[sandbox]
	r.called(t, sandbox, modified(e, e.Aggregation.PartnerSecret, fresh, nil)).want(t, 204)
	r.kill()
	r.dev = start(t, data, r.upstream.flags()...)
	if got := r.Environments[sandbox].Aggregation.PartnerSecret; got != "" {
		t.Errorf("a changed secret is still printed after kill -9")
	}
	r.called(t, sandbox, authentication(e, fresh)).want(t, 200)
	if got := r.called(t, sandbox, authentication(e, "")).want(t, 401).code(t); got != 10001 {
		t.Errorf("the old secret is answered by %d after kill -9", got)
	}
}

// TestTwoOnOneFolder: a second dev over the same folder does not start, and the first goes on.
func TestTwoOnOneFolder(t *testing.T) {
	data := folder(t)
	d := start(t, data)
	if second, err := launch(binary(t), data); err == nil {
		second.kill()
		t.Error("a second dev runs over the same folder")
	}
	d.signed(t, sandbox, call{method: "GET", target: "/api/v1/cards/" + demoCard}).want(t, 200)
}
