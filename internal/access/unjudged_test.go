package access_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"countersign.dev/internal/access"
)

// choice is an error of a guard that nobody asked, with what the configuration says of such requests.
type choice bool

func (c choice) Error() string { return "the shared guard does not answer" }
func (c choice) Admit() bool   { return bool(c) }

// TestRule8AnUnjudgedRequestIsRefusedUnlessTheGuardSaysOtherwise: only an error that says so lets one in, and then the record has a warning.
// Nothing else that is wrong with a request is forgiven for it.
func TestRule8AnUnjudgedRequestIsRefusedUnlessTheGuardSaysOtherwise(t *testing.T) {
	post := func(d *door, body string) *access.Request {
		return sign(with(request(), func(r *access.Request) { r.Method, r.Body = "POST", content(body) }), goodToken, d.now)
	}
	for _, c := range []struct {
		name string
		err  error
		in   bool
	}{
		{"any other error", errBroken, false},
		{"one that says no", choice(false), false},
		{"one that says yes", choice(true), true},
		{"one that says yes, wrapped", fmt.Errorf("claim: %w", choice(true)), true},
		{"one that says yes beside another", errors.Join(errBroken, choice(true)), true},
	} {
		d := newDoor(t)
		d.guard.err = c.err
		if !c.in {
			if out := d.refuse(access.Unavailable, c.name, post(d, "{}")); len(out.Warnings) > 0 || !errors.Is(out.Cause, c.err) {
				t.Errorf("%s: warnings %v, cause %v", c.name, out.Warnings, out.Cause)
			}
			continue
		}
		out := d.allow(c.name, post(d, "{}"))
		if !slices.Equal(out.Warnings, []string{access.ReplayUnjudged}) || out.Cause != nil || !out.Proved {
			t.Errorf("%s: warnings %v, cause %v, proved %v", c.name, out.Warnings, out.Cause, out.Proved)
		}
		forged := post(d, "{}")
		forged.Body = content(`{"more":1}`)
		d.refuse(access.BadSignature, c.name+", forged", forged)
		if out := d.allow("reading", sign(request(), goodToken, d.now)); len(out.Warnings) > 0 {
			t.Errorf("%s: a GET has %v", c.name, out.Warnings)
		}
	}
}
