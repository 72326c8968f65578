package admin

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/routers"

	"countersign.dev/api"
	"countersign.dev/internal/operator"
	"countersign.dev/internal/registry"
)

// Words of x-permission that are no permission.
const (
	signedIn = "signed_in" // whoever is
	own      = "own"       // that of the operation which is proposed; a handler asks for it
)

// Bounds of a body, in bytes.
const (
	maxJSON     = 1 << 20
	maxEvidence = 10 << 20
)

const (
	typeJSON  = "application/json"
	typeBytes = "application/octet-stream"
)

// operation is one operation of the contract, as the pipeline needs it.
type operation struct {
	id, method, path string
	permissions      []string // any of them
	change           bool
	needsMatch       bool     // If-Match is required
	media            []string // content types of the body; nil: it takes none
	query            map[string]bool
	route            *routers.Route
}

// contract is the whole of it, read once.
type contract struct {
	operations []*operation
	byName     map[registry.OperationName]*operation
}

// readContract reads api.Contract. An error is a fault of this program: the contract is a part of it.
func readContract() (*contract, error) {
	doc, err := openapi3.NewLoader().LoadFromData(api.Contract)
	if err != nil {
		return nil, fmt.Errorf("admin: read the contract: %w", err)
	}
	if err := doc.Validate(context.Background()); err != nil {
		return nil, fmt.Errorf("admin: the contract: %w", err)
	}
	c := &contract{byName: map[registry.OperationName]*operation{}}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			one, err := readOperation(doc, path, item, method, op)
			if err != nil {
				return nil, err
			}
			c.operations = append(c.operations, one)
		}
	}
	slices.SortFunc(c.operations, func(a, b *operation) int { return strings.Compare(a.id, b.id) })
	for _, name := range registry.OperationNames() {
		i := slices.IndexFunc(c.operations, func(o *operation) bool { return o.id == camel(string(name)) })
		if i < 0 {
			return nil, fmt.Errorf("admin: the contract has no operation for %s", name)
		}
		c.byName[name] = c.operations[i]
	}
	return c, nil
}

func readOperation(doc *openapi3.T, path string, item *openapi3.PathItem, method string, op *openapi3.Operation) (*operation, error) {
	one := &operation{id: op.OperationID, method: method, path: path, change: method != http.MethodGet, query: map[string]bool{},
		route: &routers.Route{Spec: doc, Server: &openapi3.Server{URL: "/"}, Path: path, PathItem: item, Method: method, Operation: op}}
	switch p := op.Extensions["x-permission"].(type) {
	case string:
		one.permissions = []string{p}
	case []any:
		for _, word := range p {
			one.permissions = append(one.permissions, fmt.Sprint(word))
		}
	}
	for _, word := range one.permissions {
		if word != signedIn && word != own && !operator.Permission(word).Known() {
			return nil, fmt.Errorf("admin: %s: %q is no permission", op.OperationID, word)
		}
	}
	if len(one.permissions) == 0 {
		return nil, fmt.Errorf("admin: %s has no x-permission", op.OperationID)
	}
	// Nothing of a search is a change, though its question is a body.
	one.change = one.change && one.id != "whatIf"
	for _, p := range op.Parameters {
		switch p.Value.In {
		case openapi3.ParameterInQuery:
			one.query[p.Value.Name] = true
		case openapi3.ParameterInHeader:
			one.needsMatch = one.needsMatch || p.Value.Name == "If-Match" && method != http.MethodPost
		}
	}
	if op.RequestBody != nil {
		for media := range op.RequestBody.Value.Content {
			one.media = append(one.media, media)
		}
	}
	return one, nil
}

// camel is an operation's name as the contract writes it: "sealing_key.rotate" is sealingKeyRotate.
func camel(name string) string {
	parts := strings.FieldsFunc(name, func(r rune) bool { return r == '.' || r == '_' })
	for i := 1; i < len(parts); i++ {
		parts[i] = strings.ToUpper(parts[i][:1]) + parts[i][1:]
	}
	return strings.Join(parts, "")
}

// permission is the one that a registry operation needs.
func (c *contract) permission(name registry.OperationName) operator.Permission {
	if op := c.byName[name]; op != nil {
		return operator.Permission(op.permissions[0])
	}
	return ""
}
