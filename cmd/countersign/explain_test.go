package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"countersign.dev/internal/access"
	"github.com/spf13/cobra"
)

// TestGuideHasEveryReason: docs/guide/why-refused.md has each reason once, with cause, cure and a command that exists.
func TestGuideHasEveryReason(t *testing.T) {
	text, err := os.ReadFile("../../docs/guide/why-refused.md")
	if err != nil {
		t.Fatal(err)
	}
	sections := map[string]string{}
	for _, part := range strings.Split(string(text), "\n### `")[1:] {
		name, body, ok := strings.Cut(part, "`\n")
		if !ok || sections[name] != "" {
			t.Errorf("%s stands there twice, or is no heading", name)
		}
		sections[name] = body
	}
	for _, r := range access.Reasons() {
		body, there := sections[r.String()]
		if !there {
			t.Errorf("%s is missing", r)
		}
		delete(sections, r.String())
		for _, need := range []string{"**Cause.** ", "**Cure.** ", "**See it.** `countersign "} {
			if !strings.Contains(body, need) {
				t.Errorf("%s: no %s", r, need)
			}
		}
	}
	for name := range sections {
		t.Errorf("%s is no reason", name)
	}
}

// TestGuideCommandsExist: each command of the guide is one of the program's, with its flags.
func TestGuideCommandsExist(t *testing.T) {
	text, err := os.ReadFile("../../docs/guide/why-refused.md")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile("(?m)(?:^|`)countersign ([^`\n]+)").FindAllStringSubmatch(string(text), -1)
	if len(found) < 50 {
		t.Fatalf("only %d commands", len(found))
	}
	for _, f := range found {
		words := strings.Fields(f[1])
		c, rest, err := newRoot().Find(words)
		if err != nil || c.HasSubCommands() {
			t.Errorf("countersign %s: no such command (%v)", f[1], err)
			continue
		}
		for _, word := range rest {
			if strings.HasPrefix(word, "-") && !hasFlag(c, word) {
				t.Errorf("countersign %s: %s has no flag %s", f[1], c.CommandPath(), word)
			}
		}
	}
}

func hasFlag(c *cobra.Command, word string) bool {
	if name, long := strings.CutPrefix(word, "--"); long {
		return c.Flags().Lookup(name) != nil || c.InheritedFlags().Lookup(name) != nil
	}
	return c.Flags().ShorthandLookup(word[1:2]) != nil || c.InheritedFlags().ShorthandLookup(word[1:2]) != nil
}
