package api_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"countersign.dev/api"
)

func contract(t *testing.T) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(api.Contract)
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(context.Background()); err != nil {
		t.Fatal(err)
	}
	return doc
}

// TestGeneratedCodeIsThatOfTheContract: nobody has changed one of them alone. The generator is in the module tools.
func TestGeneratedCodeIsThatOfTheContract(t *testing.T) {
	tools := filepath.Join("..", "tools")
	if out, err := command(tools, "tool", "-n", "oapi-codegen").CombinedOutput(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("the generator cannot be built: %v\n%s", err, out)
		}
		t.Skip("the generator is not here: go mod download in tools")
	}
	for _, part := range []string{"types", "client", "server"} {
		made := filepath.Join(t.TempDir(), part+".go")
		out, err := command(tools, "tool", "oapi-codegen", "-config", "../api/generate-"+part+".yaml", "-o", made, "../api/openapi.yaml").CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", part, err, out)
		}
		want, err1 := os.ReadFile(made)
		got, err2 := os.ReadFile(part + ".gen.go")
		if err1 != nil || err2 != nil || !bytes.Equal(want, got) {
			t.Errorf("%s.gen.go is not what the contract generates; run go generate ./api (%v, %v)", part, err1, err2)
		}
	}
}

func command(dir string, arguments ...string) *exec.Cmd {
	c := exec.Command("go", arguments...)
	c.Dir = dir
	c.Env = append(os.Environ(), "GOFLAGS=-mod=readonly", "GOWORK=off")
	return c
}

// TestRequestsAreClosedAndBounded: a body has no members that nobody reads, and no text, list or number without a bound.
func TestRequestsAreClosedAndBounded(t *testing.T) {
	for path, item := range contract(t).Paths.Map() {
		for method, op := range item.Operations() {
			for _, p := range op.Parameters {
				bounded(t, method+" "+path+" "+p.Value.Name, p.Value.Schema)
			}
			if op.RequestBody == nil {
				continue
			}
			if !op.RequestBody.Value.Required {
				t.Errorf("%s %s: the body is not required", method, path)
			}
			if media := op.RequestBody.Value.Content.Get("application/json"); media != nil {
				bounded(t, method+" "+path, media.Schema)
			}
		}
	}
}

func bounded(t *testing.T, at string, ref *openapi3.SchemaRef) {
	t.Helper()
	s := ref.Value
	switch {
	case s.Type.Is("object"):
		closed := s.AdditionalProperties.Has != nil && !*s.AdditionalProperties.Has
		if !closed && (s.MaxProps == nil || !strings.HasSuffix(at, "/params")) {
			t.Errorf("%s: an object takes members that nobody reads", at)
		}
		for name, one := range s.Properties {
			bounded(t, at+"/"+name, one)
		}
	case s.Type.Is("array"):
		if s.MaxItems == nil {
			t.Errorf("%s: a list without a bound", at)
		}
		bounded(t, at+"/0", s.Items)
	case s.Type.Is("string"):
		if s.MaxLength == nil && len(s.Enum) == 0 && s.Pattern == "" && s.Format == "" {
			t.Errorf("%s: a text without a bound", at)
		}
		if s.Pattern != "" && (!strings.HasPrefix(s.Pattern, "^") || s.MaxLength == nil && !strings.HasSuffix(s.Pattern, "$")) {
			t.Errorf("%s: the pattern %s is open", at, s.Pattern)
		}
	case s.Type.Is("integer"):
		if s.Min == nil || s.Max == nil {
			t.Errorf("%s: a number without bounds", at)
		}
	case s.Type.Is("boolean"):
	default:
		t.Errorf("%s: a schema without a plain type", at)
	}
}

// TestEveryOperationIsWhole: an id, a summary, a tag, a permission, one answer besides problems.
func TestEveryOperationIsWhole(t *testing.T) {
	doc, seen := contract(t), map[string]bool{}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			if op.OperationID == "" || seen[op.OperationID] || op.Summary == "" || len(op.Tags) != 1 || op.Extensions["x-permission"] == nil {
				t.Errorf("%s %s: id %q, summary %q, tags %v, permission %v", method, path, op.OperationID, op.Summary, op.Tags, op.Extensions["x-permission"])
			}
			seen[op.OperationID] = true
			if op.Responses.Default() == nil || op.Responses.Default().Ref != "#/components/responses/Problem" {
				t.Errorf("%s %s: problems are not declared", method, path)
			}
			if doc.Tags.Get(op.Tags[0]) == nil {
				t.Errorf("%s %s: the tag %s is not described", method, path, op.Tags[0])
			}
			ifMatch := op.Parameters.GetByInAndName(openapi3.ParameterInHeader, "If-Match") != nil
			if (method == "PUT" || method == "PATCH" || method == "DELETE") && !ifMatch && op.OperationID != "sessionEnd" {
				t.Errorf("%s %s: replaces or removes without If-Match", method, path)
			}
		}
	}
	if len(seen) < 90 {
		t.Errorf("the contract has %d operations", len(seen))
	}
}

// TestProblemsAreAClosedList: each type once, with a status of an error and what to do.
func TestProblemsAreAClosedList(t *testing.T) {
	seen := map[api.ProblemType]bool{}
	for _, p := range api.Problems() {
		if seen[p.Type] || p.Status < 400 || p.Status > 503 || p.Title == "" || p.Help == "" {
			t.Errorf("problem %+v", p)
		}
		seen[p.Type] = true
	}
}
