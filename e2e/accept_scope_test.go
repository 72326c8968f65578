package e2e_test

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestAuditOfOneEnvironmentAlone: a server of one environment has a record of its own, and each audit command works on it, named or
// found.
func TestAuditOfOneEnvironmentAlone(t *testing.T) {
	s := newSite(t)
	d := s.serve(t, sandbox)
	a := d.signed(t, sandbox, get("alone")).want(t, 200)
	id := a.requestID()
	d.line(t, a)
	exported := filepath.Join(s.dir, "exported.csv")
	for args, want := range map[string]string{
		"audit search " + id: id,
		"audit search --environment sandbox --decision allow": id,
		"audit search --scan " + id:                           id,
		"audit tail -n 5":                                     id,
		"audit export --format csv --out " + exported:         "1 line",
		"audit verify":                                        "decisions of sandbox: ",
		"audit index rebuild":                                 "indexed",
	} {
		if said, code := s.operate(t, append(strings.Fields(args), "--server", sandbox)...); code != 0 || !strings.Contains(said, want) {
			t.Errorf("countersign %s --server sandbox: exit code %d, want %q in\n%s", args, code, want, said)
		}
	}
	// Where none is named and there are several, none is left out without a word.
	if said := s.must(t, "audit", "verify"); !strings.Contains(said, "decisions of sandbox: ") {
		t.Errorf("verify leaves a record out:\n%s", said)
	}
	for _, command := range []string{"search", "tail"} {
		if said := s.must(t, "audit", command); !strings.Contains(said, "--server sandbox") {
			t.Errorf("%s does not say that there is another record:\n%s", command, said)
		}
	}
	s.must(t, "audit", "changes", "--action", "partner.created")
	rebuild := []string{"audit", "rollup", "rebuild", "--server", sandbox}
	if said, code := s.operate(t, rebuild...); code != 2 || !strings.Contains(said, "hint: stop the server first") {
		t.Errorf("rollups under a running server: exit code %d\n%s", code, said)
	}
	mustStop(t, d)
	s.must(t, rebuild...)
	if said, code := s.operate(t, "audit", "search", id, "--server", production); code != 2 || !strings.Contains(said, "hint: ") {
		t.Errorf("the record of a server that never ran: exit code %d\n%s", code, said)
	}
}
