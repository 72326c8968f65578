//go:build linux && amd64 && !race

package access_test

import (
	"testing"

	"countersign.dev/internal/access"
	"countersign.dev/internal/stepcount"
)

// TestInstructionsOfDecide: a signed read that is let in, from the parts of its request to the decision. With Go 1.26: 10,597 (a few more
// where a map has another order); 20,647 where the processor does not compute SHA-256 itself.
func TestInstructionsOfDecide(t *testing.T) {
	d := newDoor(t)
	r := sign(with(request(), func(r *access.Request) { r.Method, r.Body = "GET", content(`{"a":1}`) }), goodToken, d.now)
	out := new(access.Decision)
	stepcount.AtMost(t, stepcount.Bound{SHA: 12_200, NoSHA: 25_000}, func() {
		*out = access.Decision{}
		if !d.a.Decide(r, out) {
			panic(out.Reason)
		}
	})
}
