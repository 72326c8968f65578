package e2e_test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestRestoreGoesOn: a backup is put back after more was changed and signed. The record says who did it, the checkpoints contradict it,
// and what the command says to do about that works: a new book begins, and the old one stays the proof of what is missing.
func TestRestoreGoesOn(t *testing.T) {
	s := newSite(t)
	elsewhere, key := filepath.Join(s.dir, "else where"), filepath.Join(s.dir, "checkpoint.key")
	if out, err := exec.Command(binary(t), "key", "checkpoint-new", "--out", key).CombinedOutput(); err != nil {
		t.Fatal(string(out), err)
	}
	s.settings["DECISIONS"] = "{when_full: refuse, patience: 60s}\n  checkpoints: {dir: \"" + elsewhere + "\", key_file: " + key + ", every: 1s}"
	d := s.serve(t)
	backup := filepath.Join(s.dir, "backup")
	s.must(t, "backup", "--out", backup)
	s.must(t, "partner", "add", "Bank That Is Forgotten", "--wait")
	if said, code := s.operate(t, "restore", "--from", backup, "--replace", "--yes"); code != 2 || !strings.Contains(said, "another countersign serves") {
		t.Errorf("a restore under a running server: exit code %d\n%s", code, said)
	}
	mustStop(t, d) // which signs what there is

	said := s.must(t, "restore", "--from", backup, "--replace", "--yes")
	at := strings.Index(said, "\n  mv ")
	if at < 0 {
		t.Fatalf("restore does not say how checkpoints go on:\n%s", said)
	}
	if listed := s.must(t, "partner", "list"); strings.Contains(listed, "Forgotten") {
		t.Errorf("after the restore there is\n%s", listed)
	}
	if told := s.must(t, "audit", "changes", "--action", "register.restored"); !strings.Contains(told, "operator:") || !strings.Contains(told, "from the backup of ") {
		t.Errorf("the record says of the restore\n%s", told)
	}
	if verdict, code := s.operate(t, "audit", "verify", "--only", "changes"); code != 1 || !strings.Contains(verdict, "WRONG") {
		t.Errorf("the checkpoints do not tell of the restore: exit code %d\n%s", code, verdict)
	}
	d = s.serve(t)
	d.until(t, "/readyz", 200, `"name":"checkpoints","state":"failing"`)
	d.signed(t, sandbox, get("meanwhile")).want(t, 200)
	mustStop(t, d)

	command, _, _ := strings.Cut(said[at+1:], "\n")
	if out, err := exec.Command("sh", "-c", command).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", command, err, out)
	}
	d = s.serve(t)
	d.until(t, "/readyz", 200, `"name":"checkpoints","state":"ok"`)
	mustStop(t, d)
	if verdict := s.must(t, "audit", "verify"); !strings.Contains(verdict, "changes: proven up to change ") {
		t.Errorf("the new book proves nothing:\n%s", verdict)
	}
	old, err := filepath.Glob(filepath.Join(elsewhere, "changes.checkpoints.until-*"))
	if err != nil || len(old) != 1 {
		t.Fatalf("the old book: %v, %v", old, err)
	}
	if verdict, code := s.operate(t, "audit", "verify", "--only", "changes", "--checkpoint", old[0], "--checkpoint-key", key+".pub"); code != 1 {
		t.Errorf("the old book proves nothing any more: exit code %d\n%s", code, verdict)
	}
}

// TestAFreshRegisterIsReady: right after init, before the first change, nothing is wrong: there is nothing yet that could be anchored.
func TestAFreshRegisterIsReady(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	out, err := exec.Command(binary(t), "init", "--dir", dir, "--self-signed", "--protocol", "signed", "--listen", "127.0.0.1:0", "--listen-ops", "127.0.0.1:0", "--listen-admin", "127.0.0.1:0",
		"--checkpoints", filepath.Join(dir, "elsewhere")).CombinedOutput()
	if err != nil {
		t.Fatal(string(out), err)
	}
	s := &site{dir: dir, data: filepath.Join(dir, "data")}
	d := s.serveAs(t, exec.Command(binary(t)), production)
	d.until(t, "/readyz", 200, `"name":"checkpoints","state":"ok"`)
	if contains(d.stderr, `"level":"ERROR"`) {
		t.Errorf("a fresh server complains: %s", d.stderr)
	}
}
