package middleware_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestTheAPIIsUsableOutsideOfThisModule: what is exported, and that no signature and no exported field names a type that another module
// cannot name.
func TestTheAPIIsUsableOutsideOfThisModule(t *testing.T) {
	files, err := filepath.Glob("*.go")
	must(t, err)
	var exported []string
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		must(t, err)
		internal := map[string]bool{}
		for _, spec := range parsed.Imports {
			if path := strings.Trim(spec.Path.Value, `"`); strings.Contains(path, "/internal/") {
				internal[path[strings.LastIndexByte(path, '/')+1:]] = true
			}
		}
		public := func(name string, n ast.Node) {
			exported = append(exported, name)
			ast.Inspect(n, func(n ast.Node) bool {
				if s, ok := n.(*ast.SelectorExpr); ok {
					if pkg, ok := s.X.(*ast.Ident); ok && internal[pkg.Name] {
						t.Errorf("%s: %s names %s.%s", file, name, pkg.Name, s.Sel.Name)
					}
				}
				return true
			})
		}
		for _, d := range parsed.Decls {
			inspect(d, public)
		}
	}
	slices.Sort(exported)
	want := []string{"Config", "Config.ConfigFile", "Config.Environment", "Config.Log", "Config.LookupEnv", "Config.Now", "Config.RequireListener",
		"Identity", "Identity.API", "Identity.Address", "Identity.Credential", "Identity.Environment", "Identity.Partner", "Identity.RequestID", "Identity.Version",
		"IdentityOf", "Middleware", "Middleware.Close", "Middleware.Listener", "Middleware.Ready", "Middleware.Wrap", "Open"}
	if diff := cmp.Diff(want, exported); diff != "" {
		t.Errorf("exported (-want +got):\n%s", diff)
	}
}

// inspect tells each exported name of a declaration with the part of it that others see.
func inspect(d ast.Decl, public func(name string, n ast.Node)) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		receiver := ""
		if d.Recv != nil {
			star, ok := d.Recv.List[0].Type.(*ast.StarExpr)
			if !ok || !star.X.(*ast.Ident).IsExported() {
				return
			}
			receiver = star.X.(*ast.Ident).Name + "."
		}
		if d.Name.IsExported() {
			public(receiver+d.Name.Name, d.Type)
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			one, ok := spec.(*ast.TypeSpec)
			if !ok || !one.Name.IsExported() {
				continue
			}
			public(one.Name.Name, one.Name)
			body, ok := one.Type.(*ast.StructType)
			if !ok {
				continue
			}
			for _, f := range body.Fields.List {
				for _, name := range f.Names {
					if name.IsExported() {
						public(one.Name.Name+"."+name.Name, f.Type)
					}
				}
			}
		}
	}
}
