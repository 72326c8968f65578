package e2e_test

import (
	"strings"
	"testing"
)

// untouched runs attack and then proves that not one byte of it reached the upstream: an honest request that is sent
// afterwards is the only one to arrive.
func (r *rig) untouched(t testing.TB, attack func()) {
	t.Helper()
	requests, size := r.upstream.mark()
	attack()
	barrier := get("barrier")
	barrier.extra = r.hops
	r.signed(t, sandbox, barrier).want(t, 200)
	got, raw := r.upstream.since(requests, size)
	if len(got) != 1 || got[0].target != barrier.target || !strings.HasPrefix(raw, "GET "+barrier.target+" HTTP/1.1\r\n") {
		t.Errorf("the upstream saw something of a refused request: %.1000q", raw)
	}
}

// forwarded sends one honest raw request and returns what arrived of it.
func (r *rig) forwarded(t testing.TB, env, raw string) (*seen, *answer) {
	t.Helper()
	requests, size := r.upstream.mark()
	a := r.ask(t, env, raw)
	got, bytes := r.upstream.since(requests, size)
	if a.status != 200 || len(got) != 1 {
		t.Fatalf("one request should have arrived, not %d: %v\nsent %.600q\nupstream %.600q", len(got), a, raw, bytes)
	}
	return got[0], a
}
