// Package manifests_test reads what is shipped for Kubernetes into the published types of Kubernetes, the Gateway API and Envoy Gateway, and
// holds it to rules of our own: those types are dependencies of this module alone. Nothing here asks a cluster.
package manifests_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	envoygateway "github.com/envoyproxy/gateway/api/v1alpha1"
	apps "k8s.io/api/apps/v1"
	autoscaling "k8s.io/api/autoscaling/v2"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	gateway "sigs.k8s.io/gateway-api/apis/v1"
	"sigs.k8s.io/json"
	"sigs.k8s.io/yaml"
)

const folder = "../../deploy/kubernetes"

// head is what every document has.
type head struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   struct {
		Name      string `json:"name"`
		Namespace string `json:"namespace"`
	} `json:"metadata"`
}

// kustomization is as much of that format as is used here; its own module would bring more than it checks.
type kustomization struct {
	APIVersion string   `json:"apiVersion"`
	Kind       string   `json:"kind"`
	Namespace  string   `json:"namespace"`
	Resources  []string `json:"resources"`
	Images     []struct {
		Name   string `json:"name"`
		NewTag string `json:"newTag"`
	} `json:"images"`
}

// known are the types that documents are read into.
var known = map[string]func() any{
	"v1/Namespace":                                       func() any { return new(core.Namespace) },
	"v1/ConfigMap":                                       func() any { return new(core.ConfigMap) },
	"v1/Service":                                         func() any { return new(core.Service) },
	"v1/ServiceAccount":                                  func() any { return new(core.ServiceAccount) },
	"apps/v1/StatefulSet":                                func() any { return new(apps.StatefulSet) },
	"policy/v1/PodDisruptionBudget":                      func() any { return new(policy.PodDisruptionBudget) },
	"autoscaling/v2/HorizontalPodAutoscaler":             func() any { return new(autoscaling.HorizontalPodAutoscaler) },
	"networking.k8s.io/v1/NetworkPolicy":                 func() any { return new(networking.NetworkPolicy) },
	"gateway.networking.k8s.io/v1/GatewayClass":          func() any { return new(gateway.GatewayClass) },
	"gateway.networking.k8s.io/v1/Gateway":               func() any { return new(gateway.Gateway) },
	"gateway.networking.k8s.io/v1/HTTPRoute":             func() any { return new(gateway.HTTPRoute) },
	"gateway.networking.k8s.io/v1/ReferenceGrant":        func() any { return new(gateway.ReferenceGrant) },
	"gateway.networking.k8s.io/v1/BackendTLSPolicy":      func() any { return new(gateway.BackendTLSPolicy) },
	"gateway.envoyproxy.io/v1alpha1/SecurityPolicy":      func() any { return new(envoygateway.SecurityPolicy) },
	"gateway.envoyproxy.io/v1alpha1/EnvoyProxy":          func() any { return new(envoygateway.EnvoyProxy) },
	"kustomize.config.k8s.io/v1beta1/Kustomization":      func() any { return new(kustomization) },
	"gateway.envoyproxy.io/v1alpha1/ClientTrafficPolicy": func() any { return new(envoygateway.ClientTrafficPolicy) },
}

// document is one of a file.
type document struct {
	file string // below folder
	text []byte
	head head
	of   any // of the published type
}

func (d *document) kind() string { return d.head.APIVersion + "/" + d.head.Kind }

func (d *document) String() string {
	return fmt.Sprintf("%s: %s %s/%s", d.file, d.head.Kind, d.head.Metadata.Namespace, d.head.Metadata.Name)
}

// parse reads one document strictly: an unknown field, a value of the wrong type and a doubled key are errors.
func parse(file string, text []byte) (*document, error) {
	d := &document{file: file, text: text}
	if err := yaml.Unmarshal(text, &d.head); err != nil {
		return nil, err
	}
	make := known[d.kind()]
	if make == nil {
		return nil, fmt.Errorf("%s: %q is of no known type", file, d.kind())
	}
	d.of = make()
	plain, err := yaml.YAMLToJSONStrict(text) // a doubled key ends here
	if err != nil {
		return nil, fmt.Errorf("%s: %w", d, err)
	}
	faults, err := json.UnmarshalStrict(plain, d.of) // as the API server reads: cases differ, and nothing is unknown
	if err = errors.Join(append(faults, err)...); err != nil {
		return nil, fmt.Errorf("%s: %w", d, err)
	}
	return d, nil
}

// documents reads everything that is shipped.
func documents(t *testing.T) (list []*document) {
	t.Helper()
	err := filepath.WalkDir(folder, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || filepath.Ext(path) != ".yaml" {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(folder, path)
		for part := range bytes.SplitSeq(text, []byte("\n---\n")) {
			d, err := parse(name, part)
			if err != nil {
				return err
			}
			list = append(list, d)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(list) < 30 {
		t.Fatalf("%d documents were found", len(list))
	}
	return list
}

// each calls do with every document of a type.
func each[T any](t *testing.T, list []*document, do func(d *document, of *T)) {
	t.Helper()
	n := 0
	for _, d := range list {
		if of, ok := d.of.(*T); ok {
			n++
			do(d, of)
		}
	}
	if n == 0 {
		t.Fatalf("no %T is shipped", *new(T))
	}
}

func TestEveryDocumentIsOfAPublishedType(t *testing.T) {
	seen := map[string]string{}
	for _, d := range documents(t) {
		if d.head.Kind == "Kustomization" {
			continue
		}
		key := d.kind() + "/" + d.head.Metadata.Namespace + "/" + d.head.Metadata.Name
		if seen[key] != "" {
			t.Errorf("%s: is in %s, too", d, seen[key])
		}
		seen[key] = d.file
	}
}

// TestASpoiltDocumentIsRefused: what the test above could not see would be no check.
func TestASpoiltDocumentIsRefused(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(folder, "gateway", "scaling.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	good, _, _ := strings.Cut(string(text), "\n---\n")
	if _, err := parse("good", []byte(good)); err != nil {
		t.Fatal(err)
	}
	for what, edit := range map[string][2]string{
		"an unknown field":    {"maxUnavailable:", "maxUnavailible:"},
		"a field elsewhere":   {"spec:\n", "spec:\n  labels: {}\n"},
		"a value's type":      {"name: countersign\n", "name: [countersign]\n"},
		"a doubled key":       {"spec:\n", "spec:\n  maxUnavailable: 2\n"},
		"another case":        {"maxUnavailable:", "MaxUnavailable:"},
		"an unknown kind":     {"kind: PodDisruptionBudget", "kind: PodDisruptionBadget"},
		"an outdated version": {"policy/v1", "policy/v1beta1"},
	} {
		spoilt := strings.Replace(good, edit[0], edit[1], 1)
		if spoilt == good {
			t.Fatalf("%s: nothing to spoil", what)
		}
		if _, err := parse(what, []byte(spoilt)); err == nil {
			t.Errorf("%s is taken:\n%s", what, spoilt)
		}
	}
}

// TestKustomizationsNameEveryFile: what is not named is not applied, and what is named is there.
func TestKustomizationsNameEveryFile(t *testing.T) {
	list := documents(t)
	each(t, list, func(d *document, k *kustomization) {
		dir := filepath.Dir(d.file)
		named := map[string]bool{}
		for _, r := range k.Resources {
			named[filepath.Join(dir, r)] = true
			if _, err := os.Stat(filepath.Join(folder, dir, r)); err != nil {
				t.Errorf("%s: %v", d, err)
			}
		}
		for _, other := range list {
			if filepath.Dir(other.file) == dir && other.head.Kind != "Kustomization" && !named[other.file] {
				t.Errorf("%s does not name %s", d.file, other.file)
			}
			if k.Namespace != "" && filepath.Dir(other.file) == dir && other.head.Metadata.Namespace != "" && other.head.Metadata.Namespace != k.Namespace {
				t.Errorf("%s would be moved to %s", other, k.Namespace)
			}
		}
		for _, image := range k.Images {
			if image.Name != "registry.example/countersign" || image.NewTag == "" || image.NewTag == "latest" {
				t.Errorf("%s: the image is %+v", d, image)
			}
		}
	})
}
