package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// snippetLanguages are those whose runtime Debian packages, with the file that a program stands in. C# has none.
var snippetLanguages = []struct{ name, tool, file string }{
	{"sh", "sh", "call.sh"}, {"python", "python3", "call.py"}, {"node", "node", "call.mjs"}, {"go", "go", "call.go"},
	{"java", "java", "Call.java"}, {"php", "php", "call.php"}, {"ruby", "ruby", "call.rb"},
}

// TestSnippets: the programs that `snippet` writes call the real gateway, with both protocols: a GET with a query, and a change with
// a body in many alphabets; with a token that is got first, and one that is no longer good.
func TestSnippets(t *testing.T) {
	r := onModels(t)
	e := r.Environments[sandbox]
	card := []string{"API_TOKEN=" + e.Card.APIToken, "API_SECRET=" + e.Card.APISecret}
	aggregation := []string{"APP_KEY=" + e.Aggregation.AppKey, "PARTNER_ID=" + e.Aggregation.PartnerID, "PARTNER_SECRET=" + e.Aggregation.PartnerSecret}
	for _, l := range snippetLanguages {
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			need(t, l.tool, "curl", "openssl")
			note := fmt.Sprintf("Zoë, 東京, ½ €, 🂡, it's \"%s\", %d", l.name, time.Now().UnixNano())
			p := snippetRun{t: t, language: l.name, tool: l.tool, file: l.file, ca: r.trusted(t, l.name)}
			p.run(card, `"token_id":"10031000000000000001"`, "", "--url", e.BaseURL+"/api/v1/cards/10031000000000000001?a=%2f&&q=a+b%20c")
			p.run(card, `"status":"success"`, quoted(map[string]string{"token_status": "active", "comment": note}),
				"-X", "PATCH", "--url", e.BaseURL+"/api/v1/update-card-status/10031000000000000001")
			p.run(aggregation, `"institutions"`, "", "--profile", "app-token", "--url", e.BaseURL+"/aggregation/v1/institutions?limit=1")
			name := fmt.Sprintf("snippet-%s-%d", l.name, time.Now().UnixNano())
			p.run(append(aggregation, "APP_TOKEN=none of anybody"), `"username":"`+name, quoted(map[string]string{"username": name, "firstName": "Zoë", "lastName": "O'Neil & Söhne"}),
				"--profile", "app-token", "--url", e.BaseURL+"/aggregation/v2/customers/testing")
		})
	}
}

// snippetRun runs programs of one language.
type snippetRun struct {
	t                        *testing.T
	language, tool, file, ca string
}

// run writes a program and runs it; its answer has to hold want.
func (p snippetRun) run(env []string, want, body string, args ...string) {
	p.t.Helper()
	args = append([]string{"snippet", "--lang", p.language}, args...)
	if body != "" {
		args = append(args, "--body", "-")
	}
	file := filepath.Join(p.t.TempDir(), p.file)
	if err := os.WriteFile(file, []byte(pipe(p.t, body, 0, args...)), 0o600); err != nil {
		p.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(p.t.Context(), 2*time.Minute)
	defer cancel()
	how := []string{file}
	switch p.language {
	case "go":
		how = []string{"run", file}
	case "java":
		how = []string{"-Djavax.net.ssl.trustStore=" + p.ca, "-Djavax.net.ssl.trustStorePassword=changeit", file}
	}
	c := exec.CommandContext(ctx, p.tool, how...)
	for _, pair := range os.Environ() {
		if name, _, _ := strings.Cut(pair, "="); !strings.Contains(strings.ToLower(name), "proxy") {
			c.Env = append(c.Env, pair)
		}
	}
	c.Env = append(append(c.Env, "LC_ALL=C", "SSL_CERT_FILE="+p.ca, "CURL_CA_BUNDLE="+p.ca, "NODE_EXTRA_CA_CERTS="+p.ca), env...)
	var out, errOut bytes.Buffer
	c.Stdout, c.Stderr = &out, &errOut
	if err := c.Run(); err != nil || !strings.HasPrefix(out.String(), "20") || !strings.Contains(out.String(), want) {
		p.t.Errorf("%v: %v\n%s%s", args, err, &out, &errOut)
	}
}

// trusted is the file with the authority of dev, in the form that the language reads.
func (d *dev) trusted(t *testing.T, language string) string {
	t.Helper()
	if language != "java" {
		return d.CAFile
	}
	need(t, "keytool")
	store := filepath.Join(t.TempDir(), "ca.p12")
	c := exec.Command("keytool", "-importcert", "-noprompt", "-alias", "ca", "-file", d.CAFile, "-keystore", store, "-storepass", "changeit")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("keytool: %v\n%s", err, out)
	}
	return store
}

// quoted is an object of texts in JSON.
func quoted(fields map[string]string) string {
	text, _ := json.Marshal(fields) // texts do not fail
	return string(text)
}
