package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// demoPerson and demoCard are of the model upstream, as docs/model-upstreams.md names them.
const (
	demoPerson = "10011000000000000001"
	demoCard   = "10031000000000000001"
)

// told are the secrets that this test run has used: MACs that really were valid, and access tokens.
var told struct {
	mu   sync.Mutex
	list []string
}

func tell(secret string) {
	if len(secret) < 16 {
		return
	}
	told.mu.Lock()
	defer told.mu.Unlock()
	told.list = append(told.list, secret)
}

// leaks looks for secrets where none may be: in the decision log and on standard error (security rules 4 and 33).
func (r *rig) leaks() error {
	text, err := os.ReadFile(r.DecisionLog)
	if err != nil {
		return err
	}
	if len(text) == 0 {
		return fmt.Errorf("%s is empty after a whole test run", r.DecisionLog)
	}
	told.mu.Lock()
	secrets := append([]string(nil), told.list...)
	told.mu.Unlock()
	for _, e := range r.Environments {
		secrets = append(secrets, e.Card.APISecret, e.Aggregation.PartnerSecret)
	}
	for _, place := range []struct{ name, text string }{{"the decision log", string(text)}, {"standard error", r.stderr.String()}} {
		for _, secret := range secrets {
			if at := strings.Index(place.text, secret); secret != "" && at >= 0 {
				return fmt.Errorf("a secret, MAC or token stands in %s: …%.200q", place.name, place.text[max(0, at-120):])
			}
		}
		if strings.Contains(place.text, querySentinel) {
			return fmt.Errorf("a query stands in clear in %s", place.name)
		}
	}
	return nil
}

// querySentinel goes out in the query of some requests; records hold a keyed digest of a query instead.
const querySentinel = "query-that-no-record-shows"

// TestLeaksAreFound: the search above finds what it looks for.
func TestLeaksAreFound(t *testing.T) {
	tell("a-secret-that-was-really-used")
	for _, text := range []string{"", `{"query":"` + querySentinel + `"}`, `{"mac":"a-secret-that-was-really-used"}`, `{"secret":"of the environment"}`} {
		file := filepath.Join(t.TempDir(), "decisions.jsonl")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		d := &dev{ready: ready{DecisionLog: file, Environments: map[string]environment{}}, stderr: new(buffer)}
		var e environment
		e.Card.APISecret = "of the environment"
		d.Environments[sandbox] = e
		if (&rig{dev: d}).leaks() == nil {
			t.Errorf("not found in %q", text)
		}
	}
}
