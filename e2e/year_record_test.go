package e2e_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// deed is one thing that was done, as the test did it: who, what, and what the record has to say of it.
type deed struct {
	actor, action string
	texts         []string
}

func (y *year) did(p *person, action string, texts ...string) {
	y.story = append(y.story, deed{"operator:" + p.login, action, texts})
}

func (y *year) didBySystem(action string, texts ...string) {
	y.story = append(y.story, deed{"system:", action, texts})
}

// didLocally is done on the server's own disk.
func (y *year) didLocally(action string, texts ...string) {
	name := "operator:"
	if who, err := user.Current(); err == nil {
		name += who.Username
	}
	y.story = append(y.story, deed{name, action, texts})
}

// row is a line of the record of changes.
type row struct {
	Seq                            uint64
	At                             time.Time
	Actor, Action, Subject, Detail string
}

// recorded: the record verifies against checkpoints that were kept elsewhere, so does what is exported of it, on a machine that has
// nothing else; and it tells the whole story by itself.
func (y *year) recorded(t *testing.T) {
	y.readStory(t)
	out := filepath.Join(t.TempDir(), "export")
	y.carol.must(t, "audit", "export", "--out", out)
	if text, ok := y.verified(t, "--export", out); !ok {
		t.Errorf("the export does not verify:\n%s", text)
	}
	var exported []row // whoever takes a record away is in it
	if y.carol.read(t, &exported, "audit", "changes", "--action", "record.exported"); len(exported) == 0 ||
		exported[0].Actor != "operator:"+y.carol.login {
		t.Errorf("of the export the record says %+v", exported)
	}
	y.altered(t, out)
	mustStop(t, y.d)
	if text, ok := y.verified(t, "--config", y.file()); !ok || strings.Contains(text, "not anchored") {
		t.Errorf("audit verify says\n%s", text)
	}
	y.secretsStay(t, out)
}

// verified runs "audit verify" with the public key that was copied when it was made.
func (y *year) verified(t *testing.T, args ...string) (said string, ok bool) {
	t.Helper()
	said, code := y.carol.offline(t, append([]string{"audit", "verify", "--checkpoint-key", filepath.Join(y.dir, "keys",
		"checkpoint.key.pub")}, args...)...)
	return said, code == 0
}

// readStory reads the record of changes as an auditor does, who knows nothing else, and compares it with what was done.
func (y *year) readStory(t *testing.T) {
	t.Helper()
	var rows []row
	y.carol.read(t, &rows, "audit", "changes", "--limit", "10000")
	at, reader, story := 0, reader{}, ""
	for _, r := range rows {
		text := reader.line(r)
		if incidental(r) {
			continue
		}
		story += text + "\n"
		if at == len(y.story) {
			t.Errorf("the record goes on with %s", text)
			continue
		}
		d := y.story[at]
		at++
		if r.Actor != d.actor && (d.actor != "system:" || !strings.HasPrefix(r.Actor, d.actor)) || r.Action != d.action {
			t.Fatalf("what was done: %+v\nthe record: %s\nall of it:\n%s", d, text, story)
		}
		for _, want := range d.texts {
			if !strings.Contains(text, want) {
				t.Errorf("what was done: %+v\nthe record: %s", d, text)
			}
		}
	}
	if at < len(y.story) {
		t.Errorf("the record lacks %+v", y.story[at:])
	}
	if span := rows[len(rows)-1].At.Sub(rows[0].At); span < 365*day {
		t.Errorf("the record is of %v, no year", span)
	}
	t.Log("the story as the record tells it:\n" + story) // go test -v shows it
}

// reader reads a record of changes from its beginning: what a row calls by its id is called by what earlier rows said of it.
type reader map[string]string

var rowID = regexp.MustCompile(`\b[a-z]{3}_[a-z2-7]{26}\b`)

func (r reader) name(id string) string {
	if name, ok := r[id]; ok {
		return name
	}
	return id
}

func (r reader) line(c row) string {
	detail := rowID.ReplaceAllStringFunc(c.Detail, r.name)
	environment, rest, _ := strings.Cut(detail, ": ")
	switch c.Action {
	case "partner.created":
		r[c.Subject] = detail
	case "account.invited", "account.passkey_added":
		who, _, _ := strings.Cut(detail, " as ")
		who, _, _ = strings.Cut(who, ": ")
		r[c.Subject] = who
	case "proposal.made":
		what, _, _ := strings.Cut(detail, ", needs ")
		r[c.Subject] = "[" + what + "]"
	case "credential.issued":
		r[c.Subject] = "the " + strings.Replace(rest, " for ", " of ", 1) + " in " + environment
	case "network.allowed", "endpoint.added":
		r[c.Subject] = rest + " in " + environment
	}
	return fmt.Sprintf("%s %s %s %s: %s", c.At.Format(time.DateOnly), c.Actor, c.Action, r.name(c.Subject), detail)
}

// incidental rows are not deeds of this story: that people signed in, and what the server does by itself at times of its own.
func incidental(r row) bool {
	switch r.Action {
	case "account.signed_in", "sealing_key.made", "sealing_key.rotated":
		return true
	case "evidence.added":
		return strings.HasPrefix(r.Actor, "system:")
	}
	return false
}

// altered: whoever changes one word of what was exported, or takes a line or half of it away, is found out.
func (y *year) altered(t *testing.T, dir string) {
	t.Helper()
	for name, words := range map[string][2]string{"changes.jsonl": {"unpaid since October", "unpaid since August."}, "decisions.jsonl": {`"127.0.0.1"`, `"127.0.0.9"`}} {
		file := filepath.Join(dir, name)
		kept, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text, lines := string(kept), strings.SplitAfter(string(kept), "\n")
		for what, next := range map[string]string{
			"one word is another":     strings.Replace(text, words[0], words[1], 1),
			"the second half is gone": strings.Join(lines[:len(lines)/2], ""),
			"one line is gone":        strings.Join(slices.Concat(lines[:5], lines[6:]), ""),
			"a line stands twice":     strings.Join(slices.Concat(lines[:6], lines[5:]), ""),
		} {
			if next == text {
				t.Fatalf("%s has no %q", name, words[0])
			}
			if err := os.WriteFile(file, []byte(next), 0o600); err != nil {
				t.Fatal(err)
			}
			if said, ok := y.verified(t, "--export", dir); ok {
				t.Errorf("%s: %s, and verify says\n%s", name, what, said)
			}
			if said, ok := y.verified(t, "--export", dir, "--part", "--only", "decisions"); name == "decisions.jsonl" &&
				ok != strings.HasSuffix(what, "gone") {
				t.Errorf("%s: %s, and verify says of a part\n%s", name, what, said)
			}
		}
		if err := os.WriteFile(file, kept, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// secretsStay: no secret of this year is in the records, their export or the server's log.
func (y *year) secretsStay(t *testing.T, export string) {
	t.Helper()
	texts := map[string]string{"log": y.d.stderr.String(), "stdout": y.d.stdout.String()}
	for _, pattern := range []string{filepath.Join(export, "*"), filepath.Join(y.data, "decisions", "*")} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatal(pattern, err)
		}
		for _, file := range files {
			if text, err := os.ReadFile(file); err == nil {
				texts[file] = string(text)
			}
		}
	}
	told.mu.Lock()
	defer told.mu.Unlock()
	for _, secret := range told.list {
		quoted, _ := json.Marshal(secret)
		for place, text := range texts {
			if strings.Contains(text, secret) || strings.Contains(text, strings.Trim(string(quoted), `"`)) {
				t.Errorf("%s holds a secret of this year", place)
			}
		}
	}
}
