package main

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestInitInvitesTheFirstAdminOnce: the link is printed and kept nowhere in clear; the configuration has the plane on loopback;
// who wants none gets none.
func TestInitInvitesTheFirstAdminOnce(t *testing.T) {
	dir, out := initialized(t)
	links := linkLine.FindAllStringSubmatch(out, -1)
	if len(links) != 1 || strings.Contains(out, "password") {
		t.Fatalf("%d links in\n%s", len(links), out)
	}
	_, token, _ := strings.Cut(links[0][1], "#")
	if len(token) < 40 {
		t.Errorf("the token is %q", token)
	}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if bytes.Contains(text, []byte(token)) {
			t.Errorf("%s holds the link", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, out := initialized(t, "--listen-admin", "off"); linkLine.MatchString(out) || strings.Contains(out, "ADMIN") {
		t.Errorf("without a plane:\n%s", out)
	}
	said := new(lockedBuffer)
	for _, flags := range [][]string{{"--listen-admin", "0.0.0.0:9901"}, {"--listen-admin", "9901"}} {
		args := append([]string{"init", "--dir", filepath.Join(t.TempDir(), "x"), "--self-signed"}, flags...)
		if code := run(t.Context(), args, strings.NewReader(""), said, said); code == exitOK {
			t.Errorf("%v: %s", flags, said)
		}
	}
}

// TestInitVouchesForTheInvitation: nothing of a new record stands before its book, which would look like a book that was taken away.
func TestInitVouchesForTheInvitation(t *testing.T) {
	dir, _ := initialized(t)
	out, _ := must(t, "audit", "verify", "--only", "changes", "--config", filepath.Join(dir, "countersign.yaml"))
	if !strings.Contains(out, "proven up to change 1 by the checkpoint") || strings.Contains(out, "was begun at seq") {
		t.Error(out)
	}
}
