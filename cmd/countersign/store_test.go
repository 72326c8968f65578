package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"countersign.dev/internal/engines"
	"countersign.dev/internal/store/postgrestest"
)

// checked is what config check says of a good configuration.
func checked(t *testing.T, file string) string {
	t.Helper()
	out, _ := must(t, "config", "check", file)
	return out
}

// refusedCommand runs a command that has to fail, and returns what it says.
func refusedCommand(t *testing.T, args ...string) string {
	t.Helper()
	code, out, errOut := command(t, args...)
	if code == exitOK {
		t.Fatalf("countersign %s: done\n%s", strings.Join(args, " "), out)
	}
	return out + errOut
}

// says holds a text against what it has to tell.
func says(t *testing.T, text string, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
}

// TestAnInstallationMovesToPostgresAndBack: with what operators do at each step, and what the commands say.
func TestAnInstallationMovesToPostgresAndBack(t *testing.T) {
	server := postgrestest.Start(t)
	url := urlFile(t, server)
	file := madeWith(t, "")
	at := []string{"--config", file}
	on := func(args ...string) string { out, _ := must(t, append(args, at...)...); return out }
	on("partner", "add", "Example Bank")
	on("partner", "request-access", "Example Bank", "--environment", "production")
	register := filepath.Join(filepath.Dir(file), "data", "countersign.db")

	says(t, refusedCommand(t, append([]string{"store", "copy", "--to", "sqlite"}, at...)...), "is in SQLite already")
	out := on("store", "copy", "--to", url)
	says(t, out, "copied "+register, "to the PostgreSQL database of "+url, "partners 1, reviews 1", "3 changes, head ", "verified there",
		"register: {engine: postgres, url_file: "+url+"}", "mv ")
	says(t, refusedCommand(t, append([]string{"store", "copy", "--to", url}, at...)...), "has 3 changes already", "nothing was changed; name an empty database")

	changed(t, file, "\nops:", "\nregister: {engine: postgres, url_file: "+url+"}\nops:")
	if err := os.Rename(register, register+".moved"); err != nil {
		t.Fatal(err)
	}
	says(t, on("partner", "list"), "Example Bank")
	says(t, on("audit", "verify", "--only", "changes"), "3")
	on("partner", "add", "Second Bank")
	says(t, checked(t, file), ": good")

	backup := filepath.Join(t.TempDir(), "backup")
	says(t, on("backup", "--out", backup), "revision 4")
	if got := refusedCommand(t, append([]string{"restore", "--from", backup}, at...)...); !strings.Contains(got, "revision 4") || !strings.Contains(got, "make another, empty database") {
		t.Errorf("over a register: %s", got)
	}
	says(t, refusedCommand(t, append([]string{"restore", "--from", backup, "--replace", "--yes"}, at...)...), "a database is never emptied by a command")
	second := urlFile(t, server)
	changed(t, file, url, second)
	says(t, refusedCommand(t, append([]string{"partner", "list"}, at...)...), "there is no register", "countersign store copy")
	says(t, refusedCommand(t, "config", "check", file), "register.url_file", "there is no register")
	says(t, on("restore", "--from", backup), "restored, revision 4", "change 5")
	says(t, on("partner", "list"), "Second Bank")
	says(t, on("audit", "changes", "--action", "register.restored"), "revision 4")
	says(t, on("audit", "verify", "--only", "changes"), "5")

	for _, suffix := range []string{"", "-wal"} {
		if err := os.WriteFile(register+suffix, []byte("of another"), 0o600); err != nil {
			t.Fatal(err)
		}
		says(t, refusedCommand(t, append([]string{"store", "copy", "--to", "sqlite"}, at...)...), register+suffix+" is there already", "move the file that is there away")
		if err := os.Remove(register + suffix); err != nil {
			t.Fatal(err)
		}
	}
	says(t, on("store", "copy", "--to", "sqlite", "-o", "json"), `"revision":5`, `"setting":"register: {engine: sqlite}"`)
	changed(t, file, "register: {engine: postgres, url_file: "+second+"}", "register: {engine: sqlite}")
	says(t, on("partner", "list"), "Second Bank")
	on("partner", "add", "Third Bank")
	left, err := filepath.Glob(register + "*")
	if err != nil || len(left) > 5 {
		t.Errorf("beside the register lies %v, %v", left, err)
	}
	for _, name := range left {
		if strings.Contains(name, "restoring") || strings.Contains(name, ".part") {
			t.Errorf("%s was left behind", name)
		}
	}
}

// TestARegisterInUseIsNotCopied: neither from a folder whose server runs, nor from a database on which another machine's does.
func TestARegisterInUseIsNotCopied(t *testing.T) {
	server := postgrestest.Start(t)
	url, other := urlFile(t, server), urlFile(t, server)
	one := served(t, madeWith(t, ""), nil)
	says(t, refusedCommand(t, "store", "copy", "--config", one.file, "--to", url), "nothing was changed")

	two := served(t, madeWith(t, "", "--register", url), nil)
	elsewhere := filepath.Join(t.TempDir(), "elsewhere") // another machine with the same configuration
	if err := os.CopyFS(elsewhere, os.DirFS(filepath.Dir(two.file))); err != nil {
		t.Fatal(err)
	}
	closedToOthers(t, elsewhere)
	said := refusedCommand(t, "store", "copy", "--config", filepath.Join(elsewhere, "countersign.yaml"), "--to", other)
	says(t, said, "is served: ", "stop every server on it")
	place := engines.Place{URLFile: other}
	if there, err := place.There(t.Context()); there || err != nil {
		t.Errorf("something was made there: %v, %v", there, err)
	}
	two.stop()
	two.stop = func() {}
	must(t, "store", "copy", "--config", two.file, "--to", other)
}

// TestInitMakesARegisterInPostgres: with the admin's link, a clean check, and no second time.
func TestInitMakesARegisterInPostgres(t *testing.T) {
	url := urlFile(t, postgrestest.Start(t))
	dir, out := initialized(t, "--register", url)
	says(t, out, "the register is in the PostgreSQL database of "+url, "/sign-in/link#")
	file := filepath.Join(dir, "countersign.yaml")
	said, _ := must(t, "config", "check", "-o", "json", file)
	var verdict configVerdict
	if err := json.Unmarshal([]byte(said), &verdict); err != nil || !verdict.OK || len(verdict.Warnings) != 2 {
		t.Errorf("%s, %v", said, err)
	}
	says(t, said, "with replay.engine memory each of them remembers")
	if _, err := os.Lstat(filepath.Join(dir, "data", "countersign.db")); err == nil {
		t.Error("there is a file, too")
	}
	must(t, "partner", "add", "Example Bank", "--config", file)
	again := filepath.Join(t.TempDir(), "again")
	said = refusedCommand(t, "init", "--dir", again, "--self-signed", "--register", url, "--checkpoints", filepath.Join(again, "checkpoints"))
	says(t, said, "holds a register already", "copy the configuration and the key files")
	if _, err := os.Lstat(again); err == nil {
		t.Error("something was made all the same")
	}
}

// TestCheckTriesTheDatabase: with other keys than those it was sealed with, and when it is away.
func TestCheckTriesTheDatabase(t *testing.T) {
	server := postgrestest.Start(t)
	url := urlFile(t, server)
	file := madeWith(t, "", "--register", url)
	colleagueSeals(t, file)
	must(t, "config", "check", file)
	key := filepath.Join(filepath.Dir(file), "keys", "master.key")
	if err := os.Rename(key, key+".old"); err != nil {
		t.Fatal(err)
	}
	other := madeWith(t, "")
	if err := os.Rename(filepath.Join(filepath.Dir(other), "keys", "master.key"), key); err != nil {
		t.Fatal(err)
	}
	says(t, refusedCommand(t, "config", "check", file), "keys: ", "every server needs the same one")
	if err := os.Rename(key+".old", key); err != nil {
		t.Fatal(err)
	}
	if err := server.Stop("immediate"); err != nil {
		t.Fatal(err)
	}
	says(t, refusedCommand(t, "config", "check", file), "register.url_file", "a server does not start without its register")
	says(t, refusedCommand(t, "partner", "list", "--config", file), "cannot be reached")
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	must(t, "config", "check", file)
}

// colleagueSeals has something sealed in the register.
func colleagueSeals(t *testing.T, file string) {
	t.Helper()
	must(t, "key", "rotate-sealing", "--environment", "production", "--config", file)
}
