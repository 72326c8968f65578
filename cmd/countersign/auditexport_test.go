package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// exportOf fetches both records of a server, beside the books that were kept elsewhere.
func exportOf(t *testing.T) (dir string, r *anchoredRecords) {
	t.Helper()
	r = newAnchored(t)
	t.Setenv(tokenVariable, testToken)
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	dir = filepath.Join(t.TempDir(), "export")
	out, _ := must(t, "audit", "export", "--server", serverOn(t, r.data), "--out", dir)
	if !strings.Contains(out, "changes.jsonl decisions.jsonl") || !strings.Contains(out, "countersign audit verify --export "+dir) {
		t.Fatal(out)
	}
	return dir, r
}

// TestExportOfAServerIsProvenOffline: with neither register nor server, up to where the checkpoints reach.
func TestExportOfAServerIsProvenOffline(t *testing.T) {
	dir, r := exportOf(t)
	out, _ := must(t, "audit", "verify", "--export", dir, "--checkpoint", r.books, "--checkpoint-key", r.key+".pub")
	for _, part := range []string{"changes: ", "decisions: ", "proven up to", "nothing was altered, as far as it is proven above"} {
		if !strings.Contains(out, part) {
			t.Errorf("no %q in\n%s", part, out)
		}
	}
	out, _ = must(t, "audit", "verify", "--export", dir, "-o", "json")
	if !strings.Contains(out, `"ok":true`) || !strings.Contains(out, `"checkpoints":[]`) {
		t.Errorf("without checkpoints: %s", out)
	}
	if code, _, said := command(t, "audit", "verify", "--export", dir, "--checkpoint", r.books); code != exitFailed || !strings.Contains(said, "--checkpoint-key") {
		t.Errorf("without a key: exit code %d, %q", code, said)
	}
	if code, _, said := command(t, "audit", "verify", "--export", t.TempDir()); code != exitFailed || !strings.Contains(said, "no export in") {
		t.Errorf("an empty folder: exit code %d, %q", code, said)
	}
}

// TestAlteredExportShows, whichever of its files was altered.
func TestAlteredExportShows(t *testing.T) {
	dir, r := exportOf(t)
	for _, step := range []struct{ file, old, new string }{
		{"changes.jsonl", "Example Bank", "Exempla Bank"},
		{"decisions.jsonl", `"status":200`, `"status":201`},
	} {
		path := filepath.Join(dir, step.file)
		before, err := os.ReadFile(path)
		if err != nil || !bytes.Contains(before, []byte(step.old)) {
			t.Fatalf("%s: %v, %.300s", step.file, err, before)
		}
		last := bytes.LastIndex(before, []byte(step.old)) // of the first line of an export nothing is known but what it says
		after := append(append(bytes.Clone(before[:last]), step.new...), before[last+len(step.old):]...)
		if err := os.WriteFile(path, after, 0o600); err != nil {
			t.Fatal(err)
		}
		code, out, said := command(t, "audit", "verify", "--export", dir, "--checkpoint", r.books, "--checkpoint-key", r.key+".pub")
		if code != exitRefused || !strings.Contains(out, "THE RECORDS ARE NOT WHAT WAS WRITTEN") {
			t.Errorf("%s: exit code %d, %q %q", step.file, code, out, said)
		}
		if err := os.WriteFile(path, before, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// selected is an export of changes without its last one, made to look like a choice of rows.
func selected(lines []string) []string {
	lines = slices.Clone(lines)
	lines[0] = strings.Replace(lines[0], `"selection":false`, `"selection":true`, 1)
	rows := lines[:len(lines)-2]
	return append(rows, fmt.Sprintf("{\"end\":%d}", len(rows)-1))
}

// TestWhatIsMissingInAnExportShows: a file, all of its lines, its end or one of its lines.
func TestWhatIsMissingInAnExportShows(t *testing.T) {
	dir, r := exportOf(t)
	for _, step := range []struct {
		what, file string
		rest       func(lines []string) []string // nil: the file is gone
		flags      string
		code       int
	}{
		{"nothing", "decisions.jsonl", func(lines []string) []string { return lines }, "", exitOK},
		{"the decisions", "decisions.jsonl", nil, "", exitRefused},
		{"the decisions, which nobody asks for", "decisions.jsonl", nil, "--only changes", exitOK},
		{"the changes", "changes.jsonl", nil, "", exitRefused},
		{"the changes, which nobody asks for", "changes.jsonl", nil, "--only decisions", exitOK},
		{"every line", "decisions.jsonl", func([]string) []string { return nil }, "", exitRefused},
		{"the last line", "decisions.jsonl", func(lines []string) []string { return lines[:len(lines)-1] }, "", exitRefused},
		{"a change, and called a selection", "changes.jsonl", selected, "", exitRefused},
		{"a change of a part", "changes.jsonl", selected, "--part", exitOK},
		{"a line", "decisions.jsonl", func(lines []string) []string { return slices.Delete(slices.Clone(lines), 5, 6) }, "", exitRefused},
		{"a line of a part", "decisions.jsonl", func(lines []string) []string { return slices.Delete(slices.Clone(lines), 5, 6) }, "--part", exitOK},
		{"the header", "decisions.jsonl", func(lines []string) []string { return lines[1:] }, "", exitRefused},
		{"the header of a part", "decisions.jsonl", func(lines []string) []string { return lines[1:] }, "--part", exitOK},
	} {
		path := filepath.Join(dir, step.file)
		before, err := os.ReadFile(path)
		if err == nil && step.rest == nil {
			err = os.Remove(path)
		} else if err == nil {
			err = os.WriteFile(path, []byte(strings.Join(step.rest(strings.SplitAfter(strings.TrimSuffix(string(before), "\n"), "\n")), "")+"\n"), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		args := append([]string{"audit", "verify", "--export", dir, "--checkpoint", r.books, "--checkpoint-key", r.key + ".pub"}, strings.Fields(step.flags)...)
		if code, out, said := command(t, args...); code != step.code {
			t.Errorf("%s: exit code %d, %q %q", step.what, code, out, said)
		}
		if err := os.WriteFile(path, before, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestAnExportSaysWhatCouldNotBeRead: it holds the rest, and the exit code tells.
func TestAnExportSaysWhatCouldNotBeRead(t *testing.T) {
	r := newAnchored(t)
	segments, err := filepath.Glob(filepath.Join(r.data, "decisions", "*.jsonl"))
	if err != nil || len(segments) == 0 {
		t.Fatal(segments, err)
	}
	text, err := os.ReadFile(segments[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(segments[0], bytes.Replace(text, []byte(`"seq":5,`), []byte(`"seq":5;`), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "export")
	code, out, said := command(t, "audit", "export", "--data", r.data, "--record", "all", "--out", dir)
	if code != exitFailed || !strings.Contains(out, "decisions.jsonl") || !strings.Contains(said, "could not be read") {
		t.Errorf("exit code %d, %q %q", code, out, said)
	}
	if code, out, _ := command(t, "audit", "verify", "--export", dir); code != exitRefused {
		t.Errorf("exit code %d: %s", code, out)
	}
}

// TestExportRefusesWhatIsNone before anything is asked or written.
func TestExportRefusesWhatIsNone(t *testing.T) {
	r := newAnchored(t)
	dir := t.TempDir()
	for _, refused := range []struct{ line, says string }{
		{"--record all --out " + dir, "name a folder that is not there yet"},
		{"--record all --format csv --out x", "hint: leave filters and --format out"},
		{"--record all --out -", "in a folder"},
		{"--record both --out x", "hint: decisions, changes or all"},
		{"--record changes --reason allowed --out x", "hint: countersign audit changes"},
		{"--record changes --format xml --out x", "hint: jsonl or csv"},
	} {
		args := append([]string{"audit", "export", "--data", r.data}, strings.Fields(refused.line)...)
		if code, out, said := command(t, args...); code != exitFailed || !strings.Contains(said, refused.says) {
			t.Errorf("%s: exit code %d, %q %q", refused.line, code, out, said)
		}
	}
	local := filepath.Join(dir, "all")
	must(t, "audit", "export", "--data", r.data, "--record", "all", "--out", local)
	must(t, "audit", "verify", "--export", local, "--checkpoint", r.books, "--checkpoint-key", r.key+".pub")
	if _, err := os.Stat("x"); err == nil {
		t.Error("something was written")
	}
}
