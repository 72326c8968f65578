package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzManifest: a manifest is whole, of a version that is known, or refused; it never panics.
func FuzzManifest(f *testing.F) {
	whole := `{"version":1,"made_at":"2026-11-20T10:00:00Z","record":"00","revision":4,"chain_head":"` + strings.Repeat("0", 64) +
		`","size":4096,"sha256":"` + strings.Repeat("0", 64) + `","key_ids":["00000001"]}`
	for _, seed := range []string{whole, whole + whole, "{}", "", "null", "[]", strings.Replace(whole, `"version":1`, `"version":2`, 1), strings.Replace(whole, "size", "sise", 1), whole + "\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		made, err := parseManifest(text)
		if err != nil && (made.Version != 0 || made.SHA256 != "") {
			t.Fatalf("refused, but given: %+v", made)
		}
		if err == nil && (made.Version != 1 || len(made.SHA256) != 64 || len(made.ChainHead) != 64 || made.Size < 1) {
			t.Fatalf("taken: %+v", made)
		}
	})
}

func TestAManifestIsStrict(t *testing.T) {
	whole := `{"version":1,"made_at":"2026-11-20T10:00:00Z","record":"00","revision":4,"chain_head":"` + strings.Repeat("0", 64) +
		`","size":4096,"sha256":"` + strings.Repeat("0", 64) + `","key_ids":["00000001"]}`
	if _, err := parseManifest([]byte(whole)); err != nil {
		t.Error(err)
	}
	for text, want := range map[string]string{
		whole + whole: "more than one value",
		"{}":          "version 0",
		strings.Replace(whole, `"version":1`, `"version":2`, 1): "version 2; this program knows version 1",
		strings.Replace(whole, `"size"`, `"sise"`, 1):           "unknown field",
		strings.Replace(whole, `4096`, `0`, 1):                  "a digest or the size is missing",
		"null":                                                  "version 0",
		"":                                                      "EOF",
	} {
		if _, err := parseManifest([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.80q: %v, want %q", text, err, want)
		}
	}
}

// TestRestoreNeedsThatNoServerRuns, also not one that has only just taken its lock.
func TestRestoreNeedsThatNoServerRuns(t *testing.T) {
	dir := t.TempDir()
	data, backup := filepath.Join(dir, "data"), filepath.Join(dir, "backup")
	if err := collaborate(t.Context(), []string{data, "register"}); err != nil {
		t.Fatal(err)
	}
	must(t, "partner", "add", "Example Bank", "--data", data)
	must(t, "backup", "--out", backup, "--data", data)
	lock, err := lockEnvironment(data, "production")
	if err != nil {
		t.Fatal(err)
	}
	restore := []string{"restore", "--from", backup, "--replace", "--yes", "--data", data}
	if code, _, said := command(t, restore...); code != exitFailed || !strings.Contains(said, "nothing was changed: another countersign serves") {
		t.Errorf("beside a server: exit code %d, %q", code, said)
	}
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
	must(t, restore...)
}

// TestALogLeftBehindIsNotTakenForTheRestoredRegisters: SQLite would apply it to whatever file has the name.
func TestALogLeftBehindIsNotTakenForTheRestoredRegisters(t *testing.T) {
	dir := t.TempDir()
	data, backup := filepath.Join(dir, "data"), filepath.Join(dir, "backup")
	if err := collaborate(t.Context(), []string{data, "register"}); err != nil {
		t.Fatal(err)
	}
	must(t, "partner", "add", "Example Bank", "--data", data)
	must(t, "backup", "--out", backup, "--data", data)
	register := filepath.Join(data, "countersign.db")
	if err := errors.Join(os.Remove(register), os.WriteFile(register+"-wal", []byte("left behind"), 0o600)); err != nil {
		t.Fatal(err)
	}
	must(t, "restore", "--from", backup, "--data", data)
	aside, err := filepath.Glob(register + ".before-*-wal")
	if err != nil || len(aside) != 1 {
		t.Errorf("set aside: %v, %v", aside, err)
	}
	if out, _ := must(t, "partner", "list", "--data", data); !strings.Contains(out, "Example Bank") {
		t.Error(out)
	}
}
