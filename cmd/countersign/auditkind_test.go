package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestChangesAreFoundByKind: the part of the action before the point, of the closed list.
func TestChangesAreFoundByKind(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	if err := collaborate(t.Context(), []string{data, "register"}); err != nil {
		t.Fatal(err)
	}
	must(t, "partner", "add", "Example Bank", "--data", data)
	must(t, "partner", "request-access", "Example Bank", "-e", "sandbox", "--data", data)
	out, _ := must(t, "audit", "changes", "--data", data, "--kind", "review")
	if !strings.Contains(out, "review.requested") || strings.Contains(out, "partner.created") {
		t.Error(out)
	}
	if code, _, said := command(t, "audit", "changes", "--data", data, "--kind", "reviews"); code != exitFailed || !strings.Contains(said, "credential, ") {
		t.Errorf("exit code %d, %q", code, said)
	}
}
