package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestEveryWarningCanBeSearched: the flag knows the words that the pipeline writes, and no others.
func TestEveryWarningCanBeSearched(t *testing.T) {
	files, err := filepath.Glob("../../internal/access/*.go")
	if err != nil {
		t.Fatal(err)
	}
	written := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`Warnings = append\(d\.Warnings, (.+)\)`).FindAllStringSubmatch(string(text), -1) {
			written++
			word := strings.ToLower(regexp.MustCompile(`([a-z])([A-Z])`).ReplaceAllString(strings.TrimSuffix(strings.Trim(m[1], `"`), ".String()"), "${1}_$2"))
			if !strings.Contains(" "+strings.Join(warningNames, " ")+" ", " "+word+" ") {
				t.Errorf("%s writes %s, which --warning does not know", file, word)
			}
		}
	}
	if written != len(warningNames) {
		t.Errorf("%d places write warnings, %d words are known", written, len(warningNames))
	}
	r := newAnchored(t)
	if code, _, errOut := command(t, "audit", "search", "--data", r.data, "--warning", "header"); code == exitOK || !strings.Contains(errOut, "hint: one of address_not_listed,") {
		t.Errorf("%d %s", code, errOut)
	}
	if out, _ := must(t, "audit", "search", "--data", r.data, "--warning", "header_name"); !strings.Contains(out, "no decision") {
		t.Error(out)
	}
}
