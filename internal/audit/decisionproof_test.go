package audit_test

import (
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/audit"
)

// TestALineSaysWhatIsKnownOfTheSignature: the clock of the caller also where it agrees, and nothing where nothing was read.
func TestALineSaysWhatIsKnownOfTheSignature(t *testing.T) {
	many := make([]uint16, 20)
	for _, c := range []struct {
		d    audit.Decision
		want string // what stands where the line knows more
	}{
		{audit.Decision{Lead: time.Second, ShadowProfile: "x"}, ``},
		{audit.Decision{Timed: true}, `,"skew_ms":0`},
		{audit.Decision{Timed: true, Lead: -1500 * time.Millisecond}, `,"skew_ms":-1500`},
		{audit.Decision{Timed: true, Lead: 2*time.Second + 900*time.Microsecond, Tried: []uint16{3, 1}}, `,"skew_ms":2000,"tried":[3,1]`},
		{audit.Decision{Tried: many}, `,"tried":[0,0,0,0,0,0,0,0]`},
		{audit.Decision{Shadow: "ok"}, `,"shadow":"ok"`},
		{audit.Decision{Shadow: "bad_signature", ShadowProfile: "stronger\""}, `,"shadow":"bad_signature","shadow_profile":"stronger\u0022"`},
	} {
		got := lines(c.d)
		want := lines(audit.Decision{})
		cut := strings.Index(want, `,"duration_us"`)
		want = want[:cut] + c.want + want[cut:]
		if strings.ReplaceAll(got, `\"`, `\u0022`) != want {
			t.Errorf("got  %swant %s", got, want)
		}
	}
	admitted := audit.Decision{Timed: true, Shadow: "ok"}
	if line := string(admitted.AppendOpen(nil, audit.Form{Admit: true})); !strings.Contains(line, `"skew_ms":0,"shadow":"ok"`) {
		t.Errorf("an admission says %s", line)
	}
}
