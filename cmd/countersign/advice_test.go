package main

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"countersign.dev/api"
	"countersign.dev/internal/registry"
	"countersign.dev/internal/remote"
)

// TestAdviceFitsWhereItIsGiven: over the plane there are accounts with roles, on this disk users of the operating system.
func TestAdviceFitsWhereItIsGiven(t *testing.T) {
	_, problem := remote.Value(api.Answer[int]{}, &api.Error{Problem: api.Problem{Type: api.FourEyes.URI(), Status: 403}})
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"four eyes over the plane":     {fmt.Errorf("approve: %w", problem), "role approver"},
		"four eyes on this disk":       {fmt.Errorf("approve: %w", registry.ErrFourEyes), "user of the operating system"},
		"a state of whatever it is":    {fmt.Errorf("make code: %w", registry.ErrState), "with show or list of the same command"},
		"what has a hint already":      {hinted{registry.ErrState, "its own"}, "its own"},
		"an error nobody has met":      {errors.New("whatever"), ""},
		"a session that is over or so": {fmt.Errorf("list: %w", remote.ErrNotSignedIn), "countersign login"},
	} {
		var h hinted
		got := ""
		if errors.As(advise(c.err), &h) {
			got = h.hint
		}
		if (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q", name, got)
		}
	}
	if advise(nil) != nil {
		t.Error("nothing went wrong, and there is an error")
	}
}
