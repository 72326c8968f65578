package archtest_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strings"
	"testing"
)

const (
	maxFileLines     = 500
	maxFunctionLines = 60
)

// TestHouseStyle checks what can be counted: a comment for every package, files and functions of a readable size, and no
// folder whose name says nothing.
func TestHouseStyle(t *testing.T) {
	comments := map[string]int{}
	for file, pkg := range sources(t) {
		set := token.NewFileSet()
		parsed, err := parser.ParseFile(set, file, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		if ast.IsGenerated(parsed) {
			continue // its source is a contract, and nobody reads it line by line
		}
		if lines := set.File(parsed.Pos()).LineCount(); lines > maxFileLines {
			t.Errorf("%s has %d lines, more than %d", file, lines, maxFileLines)
		}
		test := strings.HasSuffix(file, "_test.go")
		if !test {
			comments[pkg] += 0
			if parsed.Doc != nil {
				comments[pkg]++
			}
		}
		for _, declaration := range parsed.Decls {
			if f, ok := declaration.(*ast.FuncDecl); ok && !test {
				checkFunction(t, set, file, f)
			}
		}
		for _, word := range []string{"util", "utils", "common", "helpers", "types", "misc"} {
			if strings.HasSuffix("/"+pkg, "/"+word) {
				t.Errorf("%s: a folder called %s says nothing", file, word)
			}
		}
	}
	for pkg, n := range comments {
		if n != 1 {
			t.Errorf("package %s has %d package comments, want one", pkg, n)
		}
	}
}

func checkFunction(t *testing.T, set *token.FileSet, file string, f *ast.FuncDecl) {
	t.Helper()
	if lines := set.Position(f.End()).Line - set.Position(f.Pos()).Line + 1; lines > maxFunctionLines {
		t.Errorf("%s: %s has %d lines, more than %d", file, f.Name.Name, lines, maxFunctionLines)
	}
	if f.Name.IsExported() && f.Doc == nil && (f.Recv == nil || exportedReceiver(f)) {
		t.Errorf("%s: %s has no comment", file, f.Name.Name)
	}
}

func exportedReceiver(f *ast.FuncDecl) bool {
	e := f.Recv.List[0].Type
	if star, ok := e.(*ast.StarExpr); ok {
		e = star.X
	}
	if index, ok := e.(*ast.IndexExpr); ok {
		e = index.X
	}
	name, ok := e.(*ast.Ident)
	return ok && name.IsExported()
}
