package e2e_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// shBlock is a block of commands in a guide.
var shBlock = regexp.MustCompile("(?ms)^```sh\n(.*?)^```$")

// TestFirstCallGuides runs the commands of "your first call", as they stand there, in a folder beside a running dev. Only the port
// is another one, and the values that a reader pastes are set.
func TestFirstCallGuides(t *testing.T) {
	need(t, "sh", "curl", "openssl", "python3")
	r := onModels(t)
	e := r.Environments[sandbox]
	for guide, want := range map[string][]string{
		"first-call-signed.md": {`"token_status":"`, "signed with finci, 55 bytes:\n  | ", "?lang=en\n", "200\n{\"status\":\"success\"", `"card_number"`},
		"first-call-token.md":  {`"institutions":[`, `{"token":"`, "200\n{\"found\"", "201\n{\"id\":\"", `"username":"zoe-`},
	} {
		t.Run(guide, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join("..", "docs", "guide", guide))
			if err != nil {
				t.Fatal(err)
			}
			var script strings.Builder
			script.WriteString("set -eu\n")
			for _, block := range shBlock.FindAllStringSubmatch(string(text), -1) {
				if block[1] != "countersign dev\n" && !strings.Contains(block[1], "=…") {
					script.WriteString(strings.ReplaceAll(block[1], "https://127.0.0.1:8443", e.BaseURL))
				}
			}
			dir := t.TempDir()
			if err := os.Symlink(r.data, filepath.Join(dir, "countersign-data")); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			c := exec.CommandContext(ctx, "sh", "-c", script.String())
			c.Dir = dir
			c.Env = append(os.Environ(), "PATH="+filepath.Dir(binary(t))+":"+os.Getenv("PATH"), "XDG_CONFIG_HOME="+dir,
				"API_TOKEN="+e.Card.APIToken, "API_SECRET="+e.Card.APISecret, "APP_KEY="+e.Aggregation.AppKey,
				"PARTNER_ID="+e.Aggregation.PartnerID, "PARTNER_SECRET="+e.Aggregation.PartnerSecret)
			out, err := c.CombinedOutput()
			if err != nil {
				t.Errorf("%v\n%s", err, out)
			}
			for _, part := range want {
				if !strings.Contains(string(out), part) {
					t.Errorf("%s prints no %q:\n%s", guide, part, out)
				}
			}
		})
	}
}
