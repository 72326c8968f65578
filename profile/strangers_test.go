package profile_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"countersign.dev/profile"
	"countersign.dev/scheme"
)

const strangers = "testdata/strangers/"

// TestShapesOfStrangers holds profiles of vendors that the language was not made with, each written from the vendor's page and docs/profile.md alone, against examples
// that a script computes. It keeps the language able to say them.
func TestShapesOfStrangers(t *testing.T) {
	text, err := os.ReadFile(strangers + "vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	list, err := profile.LoadVectors("vectors.json", text)
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	for i := range list {
		v := &list[i]
		used[v.ID] = true
		text, err := os.ReadFile(strangers + v.ID + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		p, err := profile.Parse(v.ID+".yaml", text)
		if err != nil {
			t.Error(err)
			continue
		}
		holds(t, p, v)
	}
	files, err := filepath.Glob(strangers + "*.yaml")
	if err != nil || len(files) < 100 || len(files) != len(used) {
		t.Errorf("%d profiles, %d of them with examples (%v)", len(files), len(used), err)
	}
}

func holds(t *testing.T, p *profile.Profile, v *profile.Vector) {
	t.Helper()
	r := profile.Run(p, v)
	if !r.OK || r.Diff >= 0 {
		t.Errorf("%s: %s\n got %q\nwant %q %v", v.ID, r.Problem, r.Canonical, r.Want, r.Fields)
		return
	}
	captured := asCaptured(t, v, r.Fields)
	if r := profile.Run(p, &captured); !r.OK || r.Diff >= 0 {
		t.Errorf("%s as captured: %s\n got %q\nwant %q %v", v.ID, r.Problem, r.Canonical, r.Want, r.Fields)
	}
}

// asCaptured is the example as a page prints a whole request: what is on the wire stands in the request, and in no variable.
func asCaptured(t *testing.T, v *profile.Vector, fields []scheme.Field) profile.Vector {
	t.Helper()
	r, err := v.Request()
	if err != nil {
		t.Fatal(err)
	}
	if r, err = scheme.Apply(&r, fields); err != nil {
		t.Fatal(err)
	}
	out := *v
	out.URL, out.Body, out.Headers, out.Vars = r.Scheme+"://"+r.Host+r.Target, r.Body, map[string]string{}, map[string]string{}
	for name, values := range r.Header {
		out.Headers[name] = values[0]
	}
	if v.ID == "cex-io" { // its user is agreed, and nowhere in the request
		out.Vars["user"] = v.Vars["user"]
	}
	return out
}

// TestTheScriptMakesTheShapes runs the independent script again: nobody edits the expected values by hand.
func TestTheScriptMakesTheShapes(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("python3 is missing; .ci/run must install it")
		}
		t.Skip("python3 is missing: this test needs it")
	}
	made, err := exec.Command(python, strangers+"make.py").Output()
	if err != nil {
		t.Fatal(err)
	}
	kept, err := os.ReadFile(strangers + "vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	if strings.TrimSpace(string(made)) != strings.TrimSpace(string(kept)) {
		t.Error("vectors.json is not what make.py prints")
	}
}
