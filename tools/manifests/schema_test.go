package manifests_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	extensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

// crds are the folders, within modules that this one needs for their types, of the definitions that are installed into clusters.
var crds = map[string]string{
	"sigs.k8s.io/gateway-api":       "config/crd/standard",
	"github.com/envoyproxy/gateway": "charts/gateway-helm/charts/crds/crds/generated",
}

// schemas reads the published schemas of every kind that is not Kubernetes' own.
func schemas(t *testing.T) map[string]*jsonschema.Schema {
	t.Helper()
	all := map[string]*jsonschema.Schema{}
	for module, dir := range crds {
		out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", module).Output()
		if err != nil {
			t.Fatal(err)
		}
		files, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(out)), dir, "*.yaml"))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s publishes no definitions in %s: %v", module, dir, err)
		}
		for _, file := range files {
			read(t, file, all)
		}
	}
	return all
}

func read(t *testing.T, file string, all map[string]*jsonschema.Schema) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var c extensions.CustomResourceDefinition
	if err := yaml.Unmarshal(text, &c); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	for _, v := range c.Spec.Versions {
		kind := c.Spec.Group + "/" + v.Name + "/" + c.Spec.Names.Kind
		if known[kind] == nil {
			continue
		}
		plain, err := yaml.Marshal(v.Schema.OpenAPIV3Schema)
		if err == nil {
			plain, err = yaml.YAMLToJSON(plain)
		}
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(plain))
		compiler := jsonschema.NewCompiler()
		if err == nil {
			err = compiler.AddResource(kind, parsed)
		}
		if err == nil {
			all[kind], err = compiler.Compile(kind)
		}
		if err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
	}
}

// TestPublishedSchemasTakeThem: what the types cannot say, words of closed lists, bounds, patterns and what must be there, the definitions
// that are installed into clusters do. Their rules in CEL are not run.
func TestPublishedSchemasTakeThem(t *testing.T) {
	all, n := schemas(t), 0
	for _, d := range documents(t) {
		schema := all[d.kind()]
		if schema == nil {
			continue
		}
		n++
		if err := judge(schema, d.text); err != nil {
			t.Errorf("%s: %v", d, err)
		}
		if d.head.Kind == "SecurityPolicy" {
			spoilt := bytes.Replace(d.text, []byte("maxRequestBytes: 1048576"), []byte("maxRequestBytes: 0"), 1)
			if bytes.Equal(spoilt, d.text) || judge(schema, spoilt) == nil {
				t.Errorf("%s: a body of no bytes is taken", d)
			}
		}
	}
	if n < 8 {
		t.Errorf("%d documents were judged", n)
	}
}

func judge(schema *jsonschema.Schema, text []byte) error {
	plain, err := yaml.YAMLToJSONStrict(text)
	if err != nil {
		return err
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(plain))
	return errors.Join(err, schema.Validate(value))
}
