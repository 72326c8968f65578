package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// machineTime are the files that measure spans which only the machine sees, or are the clock themselves.
var machineTime = map[string]string{
	"clock.go":           "it is the clock",
	"clocktest.go":       "it is the clock of a test build",
	"assemblydoor.go":    "deadlines of sockets",
	"assemblydrain.go":   "how long a stop took",
	"assemblydisk.go":    "how often the disk is tried",
	"assemblyreplay.go":  "for how long a failure is remembered",
	"assemblyexplain.go": "so many captures in a second",
	"wait.go":            "patience for servers",
	"devtls.go":          "a serial number, where there is no randomness",
}

// TestEverythingAsksTheOneClock: a time that does not come from clock would stand still while the rest goes through a year, in
// the end-to-end test that plays one; and in a real server it would be another clock beside the one that decides.
func TestEverythingAsksTheOneClock(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) < 100 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") || machineTime[file] != "" {
			continue
		}
		set := token.NewFileSet()
		parsed, err := parser.ParseFile(set, file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok {
				if pkg, ok := s.X.(*ast.Ident); ok && pkg.Name == "time" && (s.Sel.Name == "Now" || s.Sel.Name == "Since" || s.Sel.Name == "Until") {
					t.Errorf("%s: time.%s; ask clock()", set.Position(n.Pos()), s.Sel.Name)
				}
			}
			return true
		})
	}
}
