package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

var updateReference = flag.Bool("update", false, "rewrite docs/reference/cli.md")

// TestReferenceIsCurrent: docs/reference/cli.md is made from the commands themselves.
func TestReferenceIsCurrent(t *testing.T) {
	path := filepath.Join("..", "..", "docs", "reference", "cli.md")
	want := reference()
	if *updateReference {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil || string(got) != want {
		t.Errorf("docs/reference/cli.md is not what the commands say (%v); run: go test ./cmd/countersign -run Reference -update", err)
	}
}

func reference() string {
	var b strings.Builder
	b.WriteString("# Command line\n\nEvery command with its flags, made from the commands themselves: `go test ./cmd/countersign -run Reference -update`\n" +
		"rewrites it. `countersign man DIR` writes the same as man pages.\n\n")
	fmt.Fprintf(&b, "Exit codes: %s\n", exitCodes)
	for _, c := range manualOf(newRoot()) {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n```text\n%s\n", c.CommandPath(), markdownText(description(c)), c.UseLine())
		for _, flags := range []string{c.NonInheritedFlags().FlagUsagesWrapped(110), c.InheritedFlags().FlagUsagesWrapped(110)} {
			if flags = strings.TrimRight(flags, "\n"); flags != "" {
				fmt.Fprintf(&b, "\n%s\n", flags)
			}
		}
		b.WriteString("```\n")
		if c.Example != "" {
			fmt.Fprintf(&b, "\n```sh\n%s\n```\n", strings.TrimSpace(strings.ReplaceAll(c.Example, "\n  ", "\n")))
		}
	}
	return b.String()
}

// markdownText keeps what a text holds of <, > and | from being read as markup.
func markdownText(text string) string {
	return strings.NewReplacer("<", "&lt;", ">", "&gt;").Replace(strings.TrimSpace(text))
}

// TestEveryCommandSaysWhatItIs: a summary of one line, a page of its own, and no flag without a text.
func TestEveryCommandSaysWhatItIs(t *testing.T) {
	dir := t.TempDir()
	n, err := writeManual(newRoot(), dir)
	if err != nil || n < 30 {
		t.Fatalf("%d pages, %v", n, err)
	}
	for _, c := range manualOf(newRoot()) {
		page, err := os.ReadFile(filepath.Join(dir, pageName(c)+".1"))
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range []string{".TH \"COUNTERSIGN", ".SH NAME\n", ".SH SYNOPSIS\n", ".SH DESCRIPTION\n", ".SH \"EXIT STATUS\"\n"} {
			if !strings.Contains(string(page), part) {
				t.Errorf("%s: no %q", c.CommandPath(), part)
			}
		}
		if c.Short == "" || strings.HasSuffix(c.Short, ".") || strings.Contains(c.Short, "\n") {
			t.Errorf("%s: its summary is %q", c.CommandPath(), c.Short)
		}
	}
}

// TestManPagesAreReadable by man's own formatter, without a warning.
func TestManPagesAreReadable(t *testing.T) {
	groff, err := exec.LookPath("groff")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("groff is not installed, and CI=true allows no skipping")
		}
		t.Skip("groff is not installed")
	}
	dir := t.TempDir()
	if _, err := writeManual(newRoot(), dir); err != nil {
		t.Fatal(err)
	}
	pages, err := filepath.Glob(filepath.Join(dir, "*.1"))
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(groff, append([]string{"-man", "-Tascii", "-z", "-ww"}, pages...)...).CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("%v: %.2000s", err, out)
	}
}

// TestRoffEscapes what would be read as a request.
func TestRoffEscapes(t *testing.T) {
	if got, want := roff(".x\n'y\na\\b -c"), "\\&.x\n\\&'y\na\\eb \\-c"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
