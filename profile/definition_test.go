package profile

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"countersign.dev/scheme"
)

// TestFormattedExpressionsParseToThemselves writes every expression of the library and reads it back.
func TestFormattedExpressionsParseToThemselves(t *testing.T) {
	files, err := filepath.Glob("library/*.yaml")
	if err != nil || len(files) < 50 {
		t.Fatalf("%d profiles, %v", len(files), err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		p, err := Parse(file, text)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range append([]string{""}, p.Names()...) {
			d, err := p.Definition(name)
			if err != nil {
				t.Fatal(err)
			}
			list := []scheme.Expr{d.Message, d.Key, d.Signature}
			for _, v := range d.Vars {
				list = append(list, v.Value)
			}
			for _, c := range d.Checks {
				list = append(list, c.Left, c.Right)
			}
			for _, e := range list {
				if e.Kind == 0 {
					continue
				}
				back, bad := parseExpression(FormatTop(e))
				if bad != nil {
					t.Errorf("%s: %s: %s", d.Name, FormatTop(e), bad.message)
					continue
				}
				if diff := cmp.Diff(e, back, cmpopts.IgnoreFields(scheme.Expr{}, "Pos"), cmpopts.IgnoreFields(scheme.Option{}, "Pos")); diff != "" {
					t.Errorf("%s: %s:\n%s", d.Name, FormatTop(e), diff)
				}
			}
		}
	}
}

// TestDefinitionOfNoAlternative: a definition compiles again, and a name that is none is an error.
func TestDefinitionOfNoAlternative(t *testing.T) {
	text, err := os.ReadFile("library/finci.yaml")
	if err != nil {
		t.Fatal(err)
	}
	p, err := Parse("finci.yaml", text)
	if err != nil {
		t.Fatal(err)
	}
	d, err := p.Definition("lf")
	if err != nil || d.Name != "finci/lf" {
		t.Errorf("%q, %v", d.Name, err)
	}
	if _, err := scheme.Compile(d); err != nil {
		t.Errorf("the definition does not compile again: %v", err)
	}
	if _, err := p.Definition("none"); !errors.Is(err, ErrNoAlternative) {
		t.Errorf("%v", err)
	}
	if _, err := (&Profile{}).Definition(""); !errors.Is(err, ErrNoAlternative) {
		t.Errorf("the zero profile: %v", err)
	}
}
