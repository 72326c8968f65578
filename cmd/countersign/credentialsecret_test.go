package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"countersign.dev/internal/registry"
)

// TestRule39ASecretFileIsNewAndPrivate: one that is there, also as a symbolic link to nothing, is refused before anything is
// issued.
func TestRule39ASecretFileIsNewAndPrivate(t *testing.T) {
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	steps := [][]string{{data, "register"}, {data, "request-access", "Example Bank", "sandbox"}}
	if err := collaborate(t.Context(), steps[0]); err != nil {
		t.Fatal(err)
	}
	must(t, "partner", "add", "Example Bank", "--data", data)
	if err := collaborate(t.Context(), steps[1]); err != nil {
		t.Fatal(err)
	}
	must(t, "partner", "approve", "Example Bank", "-e", "sandbox", "--data", data)
	link := filepath.Join(dir, "link")
	if err := os.Symlink(filepath.Join(dir, "target"), link); err != nil {
		t.Fatal(err)
	}
	issue := []string{"credential", "issue", "Example Bank", "-e", "sandbox", "--kind", "app", "--data", data, "--secret-file"}
	if code, out, said := command(t, append(issue, link)...); code != exitFailed || !strings.Contains(said, "nothing was changed") {
		t.Errorf("through a link: exit code %d, %q, %q", code, out, said)
	}
	file := filepath.Join(dir, "secret")
	out, _ := must(t, append(issue, file)...)
	secret, err := os.ReadFile(file)
	info, statErr := os.Stat(file)
	if err != nil || statErr != nil || info.Mode().Perm() != 0o600 || len(secret) != 32 {
		t.Errorf("%v, %v: mode %v, %d bytes", err, statErr, info.Mode(), len(secret))
	}
	if strings.Contains(out, string(secret)) {
		t.Error("a secret that went into a file is shown as well")
	}
	err = withRegister(t.Context(), data, func(r *registry.Registry) error {
		credentials, err := r.Credentials(t.Context(), "")
		if len(credentials) != 1 {
			t.Errorf("%d credentials, want the one that was handed over", len(credentials))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	// No command that only reads knows the secret.
	for _, args := range [][]string{{"partner", "show", "Example Bank"}, {"credential", "list"}, {"audit", "changes"}} {
		for _, format := range []string{"text", "json"} {
			if out, _ := must(t, append(args, "-o", format, "--data", data)...); strings.Contains(out, string(secret)) || strings.Contains(out, "argon2id") {
				t.Errorf("%v tells a secret", args)
			}
		}
	}
}
