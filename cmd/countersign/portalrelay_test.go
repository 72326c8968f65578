package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestRule21OnlyTheRelaySaysWhoseAddressAConnectionHas: the way into a listener from inside is used in one place, for the tester.
func TestRule21OnlyTheRelaySaysWhoseAddressAConnectionHas(t *testing.T) {
	uses := regexp.MustCompile(`\.Inject\(`)
	root, found := filepath.Join("..", ".."), []string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		if err == nil && uses.Match(text) {
			found = append(found, filepath.ToSlash(strings.TrimPrefix(path, root+string(filepath.Separator))))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) != 1 || found[0] != "cmd/countersign/portalrelay.go" {
		t.Errorf("Inject is called in %v", found)
	}
}
