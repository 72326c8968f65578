package main

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// asked is what the operators' listener of d answers.
func (d *devRun) asked(path string) (status int, text []byte) {
	d.t.Helper()
	response, err := http.Get(d.ready.OpsURL + path)
	if err != nil {
		d.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err = io.ReadAll(response.Body)
	if err != nil {
		d.t.Fatal(err)
	}
	return response.StatusCode, text
}

// TestDerivedDataIsNoReasonNotToServe: what can be made again from the record must not keep a server from starting. Readiness
// and a metric tell.
func TestDerivedDataIsNoReasonNotToServe(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	if err := os.Mkdir(data, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(data, "rollups"), []byte("in the way"), 0o600); err != nil {
		t.Fatal(err)
	}
	d := startDev(t, data)
	if status, body := d.get(); status == http.StatusServiceUnavailable || status == http.StatusUnauthorized {
		t.Errorf("%d %s", status, body)
	}
	status, text := d.asked("/readyz")
	var told struct {
		Checks []struct {
			Name, State, Cause string
			Matters            bool
		}
	}
	if err := json.Unmarshal(text, &told); err != nil || status != http.StatusOK {
		t.Fatalf("%d %s, %v", status, text, err)
	}
	found := false
	for _, c := range told.Checks {
		found = found || c.Name == "derived" && c.State == "failing" && !c.Matters && strings.Contains(c.Cause, "open the per-minute counts")
	}
	if !found {
		t.Errorf("readiness does not tell: %s", text)
	}
	_, text = d.asked("/metrics")
	for _, line := range []string{`countersign_derived_failing{what="rollups"} 1`, `countersign_derived_failing{what="index"} 0`} {
		if !strings.Contains(string(text), line) {
			t.Errorf("metrics lack %s", line)
		}
	}
	d.ends()
}
