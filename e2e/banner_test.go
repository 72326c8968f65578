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

// pasted is one block of commands that the banner offers.
type pasted struct{ title, text string }

var heading = regexp.MustCompile(`^# [0-9]+\. (.+)$`)

// blocks finds them: each begins with a numbered comment and ends at an empty line.
func blocks(banner string) (all []pasted) {
	open := false
	for line := range strings.Lines(banner) {
		text := strings.TrimSuffix(line, "\n")
		if found := heading.FindStringSubmatch(text); found != nil {
			all, open = append(all, pasted{title: found[1]}), true
		}
		if open = open && text != ""; open {
			all[len(all)-1].text += line
		}
	}
	return all
}

func TestBlocks(t *testing.T) {
	got := blocks("Welcome\n# not one\n\n# 1. First\na\n\nb\n# 2. Second\nc <<'E'\nd\nE\n")
	want := []pasted{{"First", "# 1. First\na\n"}, {"Second", "# 2. Second\nc <<'E'\nd\nE\n"}}
	if len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Fatalf("%q", got)
	}
}

// banner waits until everything is printed, which may be after the ready file was written.
func (d *dev) banner(t *testing.T, count int) []pasted {
	t.Helper()
	deadline := time.Now().Add(startLimit)
	for wait := time.Millisecond; ; wait = min(2*wait, 100*time.Millisecond) {
		text := d.stdout.String()
		if all := blocks(text); len(all) >= count && strings.HasSuffix(text, "\n") {
			return all
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d commands expected in the banner:\n%s", count, text)
		}
		time.Sleep(wait)
	}
}

// offered are the commands that a first start prints, what they need, and what their answer must and must not hold.
var offered = []struct {
	about      []string // words of the title
	tools      []string
	good, evil string
}{
	{[]string{"GET", "curl"}, []string{"curl", "openssl"}, `"token_id"`, `"error"`},
	{[]string{"PATCH", "curl"}, []string{"curl", "openssl"}, `"status":"success"`, `"error"`},
	{[]string{"GET", "Python"}, []string{"python3"}, `"token_id"`, `"error"`},
	{[]string{"PATCH", "Python"}, []string{"python3"}, `"status":"success"`, `"error"`},
	{[]string{"Partner Authentication", "JSON"}, []string{"curl"}, `{"token":"`, `"code"`},
	{[]string{"Partner Authentication", "XML"}, []string{"curl"}, xmlHead + "<access><token>", "<error>"},
	{[]string{"call", "token"}, []string{"curl"}, `"found"`, `"code"`},
	{[]string{"Admin API"}, []string{"curl"}, `"Demo Partner"`, `"status"`},
}

// TestPrintedCommands runs every command as printed, in a folder and with a home of its own.
func TestPrintedCommands(t *testing.T) {
	r := onModels(t)
	all := r.banner(t, len(offered))
	for _, o := range offered {
		found := find(all, o.about)
		if len(found) == 0 {
			t.Errorf("no command about %q is printed", o.about)
		}
		for _, block := range found {
			t.Run(block.title, func(t *testing.T) {
				need(t, append(o.tools, "bash")...)
				out := paste(t, block.text)
				if !strings.Contains(out, o.good) || strings.Contains(out, o.evil) {
					t.Errorf("%s\n%s", block.text, out)
				}
			})
		}
	}
}

func find(all []pasted, words []string) (found []pasted) {
	for _, block := range all {
		hit := true
		for _, word := range words {
			hit = hit && strings.Contains(block.title, word)
		}
		if hit {
			found = append(found, block)
		}
	}
	return found
}

func paste(t *testing.T, text string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	home := t.TempDir()
	cmd := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", text)
	cmd.Dir, cmd.Env = home, []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "LC_ALL=C"}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, text, out)
	}
	return string(out)
}

// TestBannerShowsBothEnvironments: base URLs and credentials of both stand there; none of them is in the log.
func TestBannerShowsBothEnvironments(t *testing.T) {
	r := onModels(t)
	r.banner(t, len(offered))
	text := r.stdout.String()
	for name, e := range r.Environments {
		for _, wanted := range []string{
			e.BaseURL, e.Aggregation.AppKey, e.Aggregation.PartnerID, e.Aggregation.PartnerSecret, e.Card.APIToken, e.Card.APISecret,
		} {
			if wanted == "" || !strings.Contains(text, wanted) {
				t.Errorf("%s: %q is not printed", name, wanted)
			}
		}
	}
}

// TestPrintedCommandsInAnAwkwardFolder: the commands work as printed where the folder's name has what a shell or Python
// would read as its own.
func TestPrintedCommandsInAnAwkwardFolder(t *testing.T) {
	need(t, "bash", "curl", "openssl", "python3")
	d := start(t, filepath.Join(t.TempDir(), `o'neil's $HOME "data" \new`))
	for _, block := range d.banner(t, len(offered)) {
		t.Run(block.title, func(t *testing.T) {
			if out := paste(t, block.text); strings.Contains(out, `"error"`) || strings.Contains(out, `"code"`) {
				t.Errorf("%s\n%s", block.text, out)
			}
		})
	}
}
