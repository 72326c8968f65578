package explain_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"net/textproto"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"countersign.dev/internal/explain"
	"countersign.dev/profile/library"
	"countersign.dev/scheme"
)

var update = flag.Bool("update", false, "rewrite docs/explain-matrix.md")

const matrixFile = "../../docs/explain-matrix.md"

// mistake is one case of testdata/mistakes.json, which a script makes that has signers of its own.
type mistake struct {
	Profile, Mistake string
	Names            []string
	Request          struct {
		Method, Target string
		Headers        map[string]string
		Body           []byte `json:"body_base64"`
	}
	Secret, Other string
}

func mistakes(t *testing.T) []mistake {
	t.Helper()
	text, err := os.ReadFile("testdata/mistakes.json")
	if err != nil {
		t.Fatal(err)
	}
	var out []mistake
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func (m *mistake) report(t *testing.T) *explain.Report {
	t.Helper()
	r := scheme.Request{Method: m.Request.Method, Target: m.Request.Target, Scheme: "https", Header: map[string][]string{}, Body: m.Request.Body}
	for name, value := range m.Request.Headers {
		if name == "Host" {
			r.Host = value
			continue
		}
		r.Header[textproto.CanonicalMIMEHeaderKey(name)] = []string{value}
	}
	return ask(t, m.Profile, &explain.Observed{Request: r}, func(q *explain.Question) {
		q.Secrets = []explain.Secret{{Label: "the secret", Text: []byte(m.Secret)}, {Label: "the previous secret", Text: []byte(m.Other)}}
		q.Hosts = []string{"internal.example.net"}
	})
}

// outcome is what a report says of a mistake: named exactly, explained in other words, or nothing.
func (m *mistake) outcome(r *explain.Report) string {
	for _, names := range m.Names {
		if named(r, strings.Fields(names)...) {
			return "named"
		}
	}
	if len(r.Findings) > 0 {
		return "other"
	}
	return "none"
}

// TestExplainMatrix holds the guesses against mistakes that were made without them, and writes down what came of each.
func TestExplainMatrix(t *testing.T) {
	all := mistakes(t)
	results := map[[2]string]string{}
	var profiles, kinds []string
	count := map[string]int{}
	for i := range all {
		m := &all[i]
		if i%every != 0 {
			continue
		}
		r := m.report(t)
		if m.Mistake == "" {
			if r.Verdict != explain.Valid {
				t.Errorf("%s: the script's own signer is refused: %s", m.Profile, r.Text())
			}
			continue
		}
		got := m.outcome(r)
		count[got]++
		results[[2]string{m.Mistake, m.Profile}] = got
		if !slices.Contains(profiles, m.Profile) {
			profiles = append(profiles, m.Profile)
		}
		if !slices.Contains(kinds, m.Mistake) {
			kinds = append(kinds, m.Mistake)
		}
		if got != "named" {
			t.Logf("%s, %s: %s: %s", m.Profile, m.Mistake, got, steps(r))
		}
	}
	if every > 1 {
		return
	}
	if len(profiles) < 12 || len(all) < 300 {
		t.Errorf("only %d mistakes under %d profiles", len(all), len(profiles))
	}
	if count["named"]*100 < 95*(len(all)-len(profiles)) {
		t.Errorf("%d of %d named exactly: less than 95 of 100", count["named"], len(all)-len(profiles))
	}
	writeMatrix(t, profiles, kinds, results, count, len(all)-len(profiles))
}

func steps(r *explain.Report) string {
	if r.Fault != nil && len(r.Findings) == 0 {
		return "no finding; fault " + r.Fault.Kind + " " + r.Fault.Where + " " + r.Fault.Detail
	}
	var out []string
	for _, f := range r.Findings {
		for _, s := range f.Steps {
			out = append(out, s.Family+"/"+s.Name)
		}
	}
	return strings.Join(out, " ")
}

func writeMatrix(t *testing.T, profiles, kinds []string, results map[[2]string]string, count map[string]int, total int) {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, `# What `+"`countersign explain`"+` finds

This file is made by a test: `+"`go test ./internal/explain -run Matrix -update`"+`. Each cell is a request that was signed with one mistake, or two, by a
signer written by hand (`+"`internal/explain/testdata/mistakes.py`"+`), which shares nothing with the code that guesses. A cell is empty where the
mistake changes nothing under the profile, for example in a part that it does not sign.

%d mistakes under %d profiles: **%d named exactly** (%.1f %%), %d explained in other words, %d not found.

● named exactly · ○ a true explanation in other words · ✗ no guess matches

| mistake | %s |
| --- |%s
`, total, len(profiles), count["named"], 100*float64(count["named"])/float64(total), count["other"], count["none"],
		strings.Join(profiles, " | "), strings.Repeat(" :-: |", len(profiles)))
	for _, kind := range kinds {
		fmt.Fprintf(&b, "| %s |", kind)
		for _, p := range profiles {
			fmt.Fprintf(&b, " %s |", map[string]string{"named": "●", "other": "○", "none": "✗"}[results[[2]string{kind, p}]])
		}
		b.WriteByte('\n')
	}
	if *update {
		if err := os.WriteFile(matrixFile, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(matrixFile)
	if err != nil || string(have) != b.String() {
		t.Errorf("%s is not what the test finds; run it with -update (%v)", matrixFile, err)
	}
}

// TestMistakesAreMadeByTheScript: the cases are what the script makes today.
func TestMistakesAreMadeByTheScript(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("no python3 here, and CI=true allows no skipping")
		}
		t.Skip("no python3 here")
	}
	made, err := exec.Command(python, "testdata/mistakes.py").Output()
	if err != nil {
		t.Fatal(err)
	}
	have, err := os.ReadFile("testdata/mistakes.json")
	if err != nil || !bytes.Equal(made, have) {
		t.Errorf("testdata/mistakes.json is not what mistakes.py makes (%v)", err)
	}
}

// TestMatrixProfilesAreShipped: a misspelt name would test nothing.
func TestMatrixProfilesAreShipped(t *testing.T) {
	for _, m := range mistakes(t) {
		if !slices.Contains(library.Names(), m.Profile) {
			t.Errorf("no profile %s", m.Profile)
		}
	}
}
