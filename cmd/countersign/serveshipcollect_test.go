package main

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/audit/inspect"
	"countersign.dev/internal/audit/shipping"
)

// TestPagesSayHowItStandsWithOtherNodes: in the words of the records of this machine, and by names that the contract takes.
func TestPagesSayHowItStandsWithOtherNodes(t *testing.T) {
	id := strings.Repeat("ab", 16)
	named := regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,80}$`) // api/openapi.yaml, recordVerify
	for name, c := range map[string]struct {
		st          shipping.Status
		state       inspect.State
		fault, note string
	}{
		"all is well":                 {shipping.Status{Node: "b", Begun: 1, Verified: 9, Sealed: 8, SealedBy: "k", Confirmed: true}, inspect.Verified, "", ""},
		"a key that nobody confirmed": {shipping.Status{Node: "b", Begun: 1, Verified: 9, Sealed: 8, SealedBy: "k"}, inspect.Verified, "", "nobody has confirmed it"},
		"nothing is signed":           {shipping.Status{Node: "b", Begun: 1, Verified: 9}, inspect.Verified, "", "No checkpoint"},
		"a late beginning":            {shipping.Status{Node: "b", Begun: 7, Verified: 9}, inspect.Verified, "", "begins with segment 7"},
		"a gap":                       {shipping.Status{Node: "b", Begun: 1, Gaps: []shipping.Gap{{After: 3, Before: 8}}}, inspect.Verified, "", "Lines 4 to 7"},
		"a fault": {shipping.Status{Node: "b.example", Scope: "production+sandbox", Begun: 1, Fault: &shipping.Fault{Segment: 3, Line: 12, What: "changed"}},
			inspect.Faulty, "node b.example (production+sandbox) record " + id + ", segment 3, line 12: changed", ""},
		"long names": {shipping.Status{Node: strings.Repeat("a", 63), Scope: strings.Repeat("b", 32) + "+" + strings.Repeat("c", 32), BookFault: "forged"}, inspect.Faulty, "forged", ""},
	} {
		t.Run(name, func(t *testing.T) {
			c.st.Record, c.st.Taken = id, time.Now()
			got := statusOf(&shipping.Collected{Status: c.st})
			if got.State != c.state || !named.MatchString(got.Name) || got.Verified != c.st.Verified {
				t.Errorf("%+v", got)
			}
			if c.fault == "" != (len(got.Faults) == 0) || c.fault != "" && !strings.Contains(got.Faults[0], c.fault) {
				t.Errorf("faults: %q", got.Faults)
			}
			if !strings.Contains(strings.Join(got.Notes, " "), c.note) {
				t.Errorf("notes: %q", got.Notes)
			}
		})
	}
	names := map[string]bool{}
	for _, node := range []string{"a.b", "a-b"} {
		for _, scope := range []string{"", "c"} {
			names[collectedName(&shipping.Collected{Status: shipping.Status{Node: node, Scope: scope, Record: id}})] = true
		}
	}
	if names[collectedName(&shipping.Collected{Status: shipping.Status{Node: "a-b-c", Record: id}})] = true; len(names) != 5 {
		t.Errorf("five records have %d names: %v", len(names), names)
	}
	var none *collecting
	if none.collected() != nil || none.beside() != nil || none.Rollups() != nil || none.Faults() != nil {
		t.Error("a server that collects nothing has something")
	}
}
