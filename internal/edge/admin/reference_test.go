package admin_test

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"countersign.dev/api"
	"countersign.dev/internal/operator"
)

var update = flag.Bool("update", false, "write docs/reference/admin-api.md and docs/reference/roles.md anew")

const generated = "<!-- Made from the contract by: go test ./internal/edge/admin -run Reference -update -->\n\n"

// compare holds a document to what the contract says.
func compare(t *testing.T, name, want string) {
	t.Helper()
	path := filepath.Join("..", "..", "..", "docs", "reference", name)
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(path)
	if err != nil || string(got) != want {
		t.Errorf("%s is not what the contract says (%v): go test ./internal/edge/admin -run Reference -update", name, err)
	}
}

// allowed reports whether a role may ask for an operation at all.
func allowed(s shape, role operator.Role) string {
	for _, word := range s.permissions {
		switch {
		case word == "signed_in" || slices.Contains(role.Permissions(), operator.Permission(word)):
			return "yes"
		case word == "own" && role == operator.Operator:
			return "own"
		case word == "own" && role == operator.Admin:
			return "own"
		}
	}
	return "–"
}

// TestReferenceOfRoles: the table of role and operation is that of the contract and of the policy.
func TestReferenceOfRoles(t *testing.T) {
	w := newWorld(t)
	var b strings.Builder
	b.WriteString("# Roles\n\n" + generated)
	b.WriteString("Nobody has a permission by any other way than these tables. A service account may have single permissions, and never one that\n" +
		"approves. Whoever is confined to some environments has a permission there alone, and none of those that reach into every environment.\n\n" +
		"## Role and permission\n\n| permission | allows to | viewer | operator | approver | auditor | admin | every environment |\n| --- | --- | --- | --- | --- | --- | --- | --- |\n")
	for _, p := range operator.Permissions() {
		fmt.Fprintf(&b, "| `%s` | %s |", p, p.Means())
		for _, role := range operator.Roles() {
			b.WriteString(map[bool]string{true: " yes |", false: " – |"}[slices.Contains(role.Permissions(), p)])
		}
		b.WriteString(map[bool]string{true: " yes |\n", false: " – |\n"}[p.Wide()])
	}
	b.WriteString("\n## Role and operation\n\n\"own\": who may ask for the operation that is proposed.\n\n| operation | viewer | operator | approver | auditor | admin |\n| --- | --- | --- | --- | --- | --- |\n")
	for _, s := range byTag(w) {
		fmt.Fprintf(&b, "| `%s %s` |", s.method, s.path)
		for _, role := range operator.Roles() {
			b.WriteString(" " + allowed(s, role) + " |")
		}
		b.WriteString("\n")
	}
	compare(t, "roles.md", b.String())
}

// TestEachRoleMayWhatTheTableSays, through the handler: an operation answers that a permission is missing, or not, as the table
// says. What it answers else is another test's.
func TestEachRoleMayWhatTheTableSays(t *testing.T) {
	w, ids := populated(t)
	for _, s := range w.shapes() {
		for _, role := range operator.Roles() {
			w.clock.pass(time.Minute)
			a := attack{target: s.target(ids) + s.query(), headers: s.headers(`"` + strings.Repeat("a", 64) + `"`), who: string(role)}
			if body := s.body(); body != nil {
				a.body = body
			}
			answer := w.attack(s.method, a)
			denied := answer.Code == http.StatusForbidden && problemOf(answer).Permission != ""
			want := allowed(s, role)
			if want == "own" && role == operator.Admin { // the proposal of this test is an operator's
				want = "–"
			}
			if denied != (want == "–") {
				t.Errorf("%s %s as %s: the table says %s, the answer is %d %s", s.method, s.path, role, want, answer.Code, answer.Body)
			}
		}
	}
}

// byTag are the operations in the order of the documentation.
func byTag(w *world) []shape {
	list := w.shapes()
	order := func(s shape) int {
		return slices.IndexFunc(w.contract.Tags, func(tag *openapi3.Tag) bool { return tag.Name == s.op.Tags[0] })
	}
	slices.SortStableFunc(list, func(a, b shape) int {
		if n := order(a) - order(b); n != 0 {
			return n
		}
		if n := strings.Compare(a.path, b.path); n != 0 {
			return n
		}
		return strings.Compare(a.method, b.method)
	})
	return list
}

// TestReferenceOfTheAdminAPI: what it says is what the contract says.
func TestReferenceOfTheAdminAPI(t *testing.T) {
	w := newWorld(t)
	var b strings.Builder
	b.WriteString("# Admin API\n\n" + generated)
	b.WriteString("The contract is [`api/openapi.yaml`](../../api/openapi.yaml) (OpenAPI 3.1); a server gives its own out at `GET /v1/openapi.yaml`. Who may do\nwhat is in [roles](roles.md).\n\n")
	b.WriteString(strings.TrimSpace(w.contract.Info.Description) + "\n\n## Problems\n\n`type` is `https://countersign.dev/problems/` and the name. The list is closed.\n\n| name | status | title | what to do |\n| --- | --- | --- | --- |\n")
	for _, p := range api.Problems() {
		fmt.Fprintf(&b, "| `%s` | %d | %s | %s |\n", p.Type, p.Status, p.Title, p.Help)
	}
	tag := ""
	for _, s := range byTag(w) {
		if s.op.Tags[0] != tag {
			tag = s.op.Tags[0]
			fmt.Fprintf(&b, "\n## %s\n\n%s.\n", strings.ToUpper(tag[:1])+tag[1:], w.contract.Tags.Get(tag).Description)
		}
		describe(&b, s)
	}
	compare(t, "admin-api.md", b.String())
}

func describe(b *strings.Builder, s shape) {
	fmt.Fprintf(b, "\n### `%s %s`\n\n%s. ", s.method, s.path, s.op.Summary)
	if s.op.Description != "" {
		b.WriteString(s.op.Description + " ")
	}
	fmt.Fprintf(b, "Operation `%s`; permission `%s`.\n", s.id, strings.Join(s.permissions, "` or `"))
	for _, p := range s.op.Parameters {
		if p.Value.In == openapi3.ParameterInPath {
			continue
		}
		need := ""
		if p.Value.Required {
			need = ", required"
		}
		fmt.Fprintf(b, "\n- `%s` (%s%s): %s", p.Value.Name, p.Value.In, need, p.Value.Description)
	}
	if s.op.RequestBody != nil {
		for _, media := range []string{"application/json", "application/octet-stream"} {
			if content := s.op.RequestBody.Value.Content.Get(media); content != nil {
				fmt.Fprintf(b, "\n- body `%s`%s", media, members(content.Schema))
			}
		}
	}
	for _, status := range []string{"200", "201", "202"} {
		if r := s.op.Responses.Value(status); r != nil {
			fmt.Fprintf(b, "\n- %s: %s", status, *r.Value.Description)
			for _, media := range []string{"application/json", "application/x-ndjson", "text/csv", "text/plain", "application/yaml", "application/octet-stream"} {
				if content := r.Value.Content.Get(media); content != nil {
					fmt.Fprintf(b, ", `%s`%s", media, members(content.Schema))
				}
			}
		}
	}
	b.WriteString("\n")
}

// members are the names of an object, those that are required first marked with a star.
func members(ref *openapi3.SchemaRef) string {
	required, all := []string{}, []string{}
	var walk func(*openapi3.Schema)
	walk = func(s *openapi3.Schema) {
		required = append(required, s.Required...)
		for name := range s.Properties {
			all = append(all, name)
		}
		for _, part := range s.AllOf {
			walk(part.Value)
		}
	}
	walk(ref.Value)
	if len(all) == 0 {
		return ""
	}
	slices.Sort(all)
	for i, name := range all {
		all[i] = "`" + name + "`"
		if slices.Contains(required, name) {
			all[i] += "*"
		}
	}
	return " " + ref.Ref[strings.LastIndex(ref.Ref, "/")+1:] + ": " + strings.Join(all, ", ")
}
