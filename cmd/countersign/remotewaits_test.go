package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"countersign.dev/api"
)

// as runs a command line at a server as one of the colleagues.
func as(t *testing.T, server, who string, args ...string) (code int, out, said string) {
	t.Helper()
	t.Setenv(tokenVariable, "csct_token-of-"+who+"-0123456789")
	return command(t, append(args, "--server", server)...)
}

// productionWorld has a partner that is admitted to production, and a server where what widens its access waits.
func productionWorld(t *testing.T) (server, data string) {
	t.Helper()
	r := newAnchored(t)
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	asColleague(t, r.data, []string{"request-access", "Example Bank", "production"})
	must(t, "partner", "approve", "Example Bank", "-e", "production", "--data", r.data)
	return serverOn(t, r.data), r.data
}

var proposalID = regexp.MustCompile(`prp_[a-z2-7]{26}`)

// TestChangeThatWaits: it says so with exit code 4, changes nothing, and is made by another person's approval of what was shown.
func TestChangeThatWaits(t *testing.T) {
	server, data := productionWorld(t)
	code, out, said := as(t, server, "alice", "network", "allow", "Example Bank", "-e", "production", "198.51.100.0/24", "192.0.2.0/24", "--wait")
	ids := proposalID.FindAllString(out, -1)
	if code != exitWaits || len(ids) != 4 || !strings.Contains(out, "waits for approval: "+ids[0]+"; another operator: countersign proposal approve "+ids[0]) || said != "" {
		t.Fatalf("exit code %d, %q %q", code, out, said)
	}
	if list, _ := must(t, "network", "list", "--data", data); strings.Contains(list, "198.51.100.0/24") {
		t.Fatalf("it did not wait:\n%s", list)
	}
	first := ids[0]
	code, out, said = as(t, server, "alice", "proposal", "show", first, "-o", "json")
	var shown api.Proposal
	if err := json.Unmarshal([]byte(out), &shown); err != nil || code != exitOK || shown.Operation != "network.allow" || shown.State != "open" {
		t.Fatalf("exit code %d, %v, %q %q", code, err, out, said)
	}
	for _, refused := range []struct {
		who, says string
		args      []string
	}{
		{"alice", "hint: ", []string{"proposal", "approve", first, "--yes", "--digest", shown.Digest}}, // no approver
		{"carol", "--yes approves nothing that was not looked at", []string{"proposal", "approve", first, "--yes"}},
		{"carol", "not confirmed", []string{"proposal", "approve", first}},
		{"carol", "is not what was looked at", []string{"proposal", "approve", first, "--yes", "--digest", strings.Repeat("0", 64)}},
		{"carol", "not 64 hex digits", []string{"proposal", "approve", first, "--yes", "--digest", "beef"}},
		{"victor", "hint: countersign whoami", []string{"proposal", "reject", first}},
		{"carol", "countersign proposal list --all shows the ids", []string{"proposal", "show", "prp_nothing"}},
	} {
		if code, out, said := as(t, server, refused.who, refused.args...); code != exitFailed || !strings.Contains(said, refused.says) {
			t.Errorf("%s %q: exit code %d, %q %q", refused.who, refused.args, code, out, said)
		}
	}
	if code, out, said = as(t, server, "carol", "proposal", "approve", first, "--yes", "--digest", shown.Digest, "--comment", "as agreed"); code != exitOK || !strings.Contains(out, "the change is made") {
		t.Fatalf("exit code %d, %q %q", code, out, said)
	}
	if list, _ := must(t, "network", "list", "--data", data); !strings.Contains(list, "198.51.100.0/24") || strings.Contains(list, "192.0.2.0/24") {
		t.Fatalf("approved:\n%s", list)
	}
	if code, out, said = as(t, server, "carol", "proposal", "reject", ids[2], "--reason", "too wide"); code != exitOK || !strings.Contains(out, "rejected") {
		t.Fatalf("exit code %d, %q %q", code, out, said)
	}
	if code, out, _ = as(t, server, "victor", "proposal", "list", "--all"); code != exitOK || !strings.Contains(out, "applied") || !strings.Contains(out, "rejected") {
		t.Errorf("exit code %d\n%s", code, out)
	}
	if code, out, _ = as(t, server, "victor", "proposal", "list"); code != exitOK || out != "no proposal waits\n" {
		t.Errorf("exit code %d\n%s", code, out)
	}
}

// TestEditingVoidsAnApproval, and the edited proposal is another one to approve.
func TestEditingVoidsAnApproval(t *testing.T) {
	server, _ := productionWorld(t)
	_, out, _ := as(t, server, "alice", "limit", "set", "Example Bank", "-e", "production", "--rate", "50/s", "--reason", "they grow", "-o", "json")
	var made api.Proposal
	if err := json.Unmarshal([]byte(out), &made); err != nil || made.Reason != "they grow" || made.PartnerName != "Example Bank" {
		t.Fatal(err, out)
	}
	params := filepath.Join(t.TempDir(), "params.json")
	if err := os.WriteFile(params, []byte(strings.Replace(string(made.Params), `"rate":50`, `"rate":60`, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out, said := as(t, server, "alice", "proposal", "edit", made.ID, "--params", params); code != exitOK || !strings.Contains(out, "approvals that it had are void") {
		t.Fatalf("exit code %d, %q %q", code, out, said)
	}
	if code, _, said := as(t, server, "carol", "proposal", "approve", made.ID, "--yes", "--digest", made.Digest); code != exitFailed || !strings.Contains(said, "is not what was looked at") {
		t.Errorf("exit code %d, %q", code, said)
	}
	if code, out, said := as(t, server, "alice", "proposal", "comment", made.ID, "sixty is enough"); code != exitOK {
		t.Errorf("exit code %d, %q %q", code, out, said)
	}
	if code, out, said := as(t, server, "alice", "proposal", "what-if", made.ID); code != exitOK || !strings.Contains(out, "nobody would be cut off") {
		t.Errorf("exit code %d, %q %q", code, out, said)
	}
	code, out, _ := as(t, server, "carol", "proposal", "show", made.ID)
	for _, part := range []string{"limit.set, open, 0 of 1 approvals", "partner       Example Bank (ptn_", "sixty is enough", `"rate": 60`, "nobody would be cut off", "digest  "} {
		if code != exitOK || !strings.Contains(out, part) {
			t.Errorf("exit code %d, no %q in\n%s", code, part, out)
		}
	}
	if regexp.MustCompile(`(?m)[ \t]+$`).MatchString(out) {
		t.Errorf("blanks at the end of a line:\n%q", out)
	}
	if _, out, _ := as(t, server, "carol", "proposal", "list"); !strings.Contains(out, "Example Bank (ptn_") {
		t.Errorf("the list does not name the partner:\n%s", out)
	}
	if code, out, said := as(t, server, "alice", "proposal", "withdraw", made.ID); code != exitOK || !strings.Contains(out, "withdrawn") {
		t.Errorf("exit code %d, %q %q", code, out, said)
	}
}

// TestSecretOfAProposalGoesToWhoAsked: the approver never sees it.
func TestSecretOfAProposalGoesToWhoAsked(t *testing.T) {
	server, _ := productionWorld(t)
	secret := filepath.Join(t.TempDir(), "secret")
	code, out, said := as(t, server, "alice", "credential", "issue", "Example Bank", "-e", "production", "--kind", "signing-key", "--secret-file", secret)
	id := proposalID.FindString(out)
	if _, err := os.Stat(secret); code != exitWaits || id == "" || err == nil {
		t.Fatalf("exit code %d, %q %q, %v", code, out, said, err)
	}
	_, out, _ = as(t, server, "carol", "proposal", "show", id, "-o", "json")
	var shown api.Proposal
	if err := json.Unmarshal([]byte(out), &shown); err != nil || !shown.YieldsSecret {
		t.Fatal(err, out)
	}
	code, out, said = as(t, server, "carol", "proposal", "approve", id, "--yes", "--digest", shown.Digest)
	if code != exitOK || !strings.Contains(out, "countersign proposal apply "+id) {
		t.Fatalf("exit code %d, %q %q", code, out, said)
	}
	if code, _, said := as(t, server, "carol", "proposal", "apply", id, "--secret-file", secret); code != exitFailed {
		t.Errorf("somebody else applied it: %d %q", code, said)
	}
	code, out, said = as(t, server, "alice", "proposal", "apply", id, "--secret-file", secret)
	content, err := os.ReadFile(secret)
	if code != exitOK || err != nil || len(content) < 16 || strings.Contains(out, string(content)) || !strings.Contains(out, "API token") {
		t.Fatalf("exit code %d, %q %q, %v", code, out, said, err)
	}
}

// TestRotationOfAProposalTellsItsOverlap, as the command that asks nobody does.
func TestRotationOfAProposalTellsItsOverlap(t *testing.T) {
	server, data := productionWorld(t)
	made, _ := must(t, "credential", "issue", "Example Bank", "-e", "production", "--kind", "signing-key", "--data", data)
	key := regexp.MustCompile(`crd_[a-z2-7]{26}`).FindString(made)
	code, out, said := as(t, server, "alice", "credential", "rotate", key, "--overlap-until", "7d", "--reason", "once a year", "-o", "json")
	var waits api.Proposal
	if err := json.Unmarshal([]byte(out), &waits); err != nil || code != exitWaits || waits.Reason != "once a year" {
		t.Fatalf("exit code %d, %v, %q %q", code, err, out, said)
	}
	_, out, _ = as(t, server, "carol", "proposal", "show", waits.ID)
	if !strings.Contains(out, key+" is signing key, key id ") {
		t.Errorf("what it is about is not told:\n%s", out)
	}
	if code, out, said = as(t, server, "carol", "proposal", "approve", waits.ID, "--yes", "--digest", waits.Digest); code != exitOK {
		t.Fatalf("exit code %d, %q %q", code, out, said)
	}
	code, out, said = as(t, server, "alice", "proposal", "apply", waits.ID)
	if code != exitOK || !strings.Contains(out, "older secrets until  20") {
		t.Errorf("exit code %d, %q %q", code, out, said)
	}
}

// TestWhatCannotBeUndone: an approval is asked for as what it is.
func TestWhatCannotBeUndone(t *testing.T) {
	for _, c := range []struct {
		operation, params string
		want              bool
	}{
		{"network.allow", `{"prefix":"192.0.2.0/24"}`, false},
		{"limit.set", `{"daily":5}`, false},
		{"account.invite", `{}`, false},
		{"credential.rotate", `{"overlap_until":"2026-12-01T00:00:00Z"}`, false},
		{"credential.rotate", `{}`, true},
		{"credential.revoke", `{}`, true},
		{"partner.close", `{}`, true},
		{"register.apply", `{"partners":[{"name":"a"}]}`, false},
		{"register.apply", `{"partners":[{"name":"a"},{"name":"b","closed":true}]}`, true},
		{"register.apply", `{"close_pruned":true}`, true},
		{"limit.set", `unreadable`, true},
	} {
		if got := final(api.Proposal{Operation: c.operation, Params: json.RawMessage(c.params)}); got != c.want {
			t.Errorf("%s %s: %v", c.operation, c.params, got)
		}
	}
}

// TestServerIsAskedAsSomebody: without a token, and with one that the server does not know, the next step is told and no token is.
func TestServerIsAskedAsSomebody(t *testing.T) {
	server, data := productionWorld(t)
	t.Setenv(tokenVariable, "")
	if code, _, said := command(t, "partner", "list", "--server", server); code != exitFailed || !strings.Contains(said, "hint: countersign login --server "+server) {
		t.Errorf("nobody: exit code %d, %q", code, said)
	}
	if code, _, said := as(t, server, "mallory", "partner", "list"); code != exitFailed || !strings.Contains(said, "countersign login --server") || strings.Contains(said, "mallory") {
		t.Errorf("a stranger: exit code %d, %q", code, said)
	}
	if code, out, said := as(t, server, "victor", "partner", "add", "x"); code != exitFailed || !strings.Contains(said, "hint: countersign whoami") {
		t.Errorf("a viewer who adds: exit code %d, %q %q", code, out, said)
	}
	if code, out, said := as(t, server, "victor", "whoami"); code != exitOK || !strings.HasPrefix(out, "operator:victor@example.com at ") || !strings.Contains(out, "partners.read") {
		t.Errorf("whoami: exit code %d, %q %q", code, out, said)
	}
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte(testToken+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out, said := as(t, server, "mallory", "partner", "list", "--token-file", token); code != exitOK || !strings.Contains(out, "Example Bank") {
		t.Errorf("--token-file: exit code %d, %q", code, said)
	}
	if err := os.Chmod(token, 0o644); err != nil {
		t.Fatal(err)
	}
	if code, _, said := command(t, "partner", "list", "--server", server, "--token-file", token); code != exitFailed || !strings.Contains(said, "has mode 0644") {
		t.Errorf("a token that others read: exit code %d, %q", code, said)
	}
	t.Setenv(tokenVariable, testToken)
	t.Setenv(serverVariable, server)
	if code, out, said := command(t, "partner", "list"); code != exitOK || !strings.Contains(out, "Example Bank") {
		t.Errorf("$%s: exit code %d, %q", serverVariable, code, said)
	}
	if code, out, said := command(t, "partner", "list", "--data", data); code != exitOK || !strings.Contains(out, "Example Bank") {
		t.Errorf("--data beside $%s: exit code %d, %q", serverVariable, code, said)
	}
}

// TestDiskCommandsSaySo where they are asked of a server.
func TestDiskCommandsSaySo(t *testing.T) {
	t.Setenv(tokenVariable, testToken)
	for _, line := range []string{"backup --out x", "restore --from x", "key list", "key rotate", "key reseal", "key retire 00000001", "network test --partner x --address 192.0.2.1",
		"audit tail", "audit index rebuild", "audit rollup rebuild"} {
		args := append(strings.Fields(line), "--server", "https://countersign.example.com")
		if code, _, said := command(t, args...); code != exitFailed || !strings.Contains(said, "needs the server's disk") || !strings.Contains(said, "hint: run it on the server's machine") {
			t.Errorf("%s: exit code %d, %q", line, code, said)
		}
	}
	if code, _, said := command(t, "audit", "verify", "--server", "https://countersign.example.com"); code != exitFailed || !strings.Contains(said, "countersign audit export --server") {
		t.Errorf("audit verify: exit code %d, %q", code, said)
	}
}
