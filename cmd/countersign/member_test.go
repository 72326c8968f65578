package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A member's link is for the portal: with its address where a configuration says it, and a word about it where none does.
func TestAMembersLinkLeadsToThePortal(t *testing.T) {
	at := newAnchored(t)
	out, said := must(t, "member", "invite", "Example Bank", "eve@bank.example", "--name", "Eve", "--data", at.data)
	if !strings.Contains(out, "/sign-in/link#csml_") || strings.Contains(out, "http") || !strings.Contains(said, "portal") {
		t.Errorf("%s%s", out, said)
	}
	file := filepath.Join(t.TempDir(), "link")
	out, _ = must(t, "member", "invite", "Example Bank", "eve@bank.example", "--secret-file", file, "-o", "json", "--data", at.data)
	var shown map[string]any
	if err := json.Unmarshal([]byte(out), &shown); err != nil || shown["login"] != "eve@bank.example" || strings.Contains(out, "csml_") {
		t.Errorf("%s, %v", out, err)
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", info, err)
	}
	link, err := os.ReadFile(file)
	if err != nil || !strings.Contains(string(link), "/sign-in/link#csml_") {
		t.Errorf("%s, %v", link, err)
	}
	if code, _, said := command(t, "member", "invite", "Example Bank", "eve@bank.example", "--name", "Other", "--data", at.data); code == exitOK || !strings.Contains(said, "is there already") {
		t.Errorf("%d %s", code, said)
	}
	rows, _ := must(t, "audit", "changes", "--kind", "member", "--data", at.data)
	if strings.Count(rows, "member.invited") != 2 || strings.Contains(rows, "csml_") {
		t.Errorf("%s", rows)
	}
}
