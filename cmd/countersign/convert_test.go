//go:build unix

package main

import (
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// olderRegister makes a data folder with a register of version 1.
func olderRegister(t *testing.T) (data string) {
	t.Helper()
	data = filepath.Join(t.TempDir(), "data")
	migration, err := os.ReadFile("../../internal/store/sqlite/migrations/00001_register.sql")
	if err == nil {
		err = os.Mkdir(data, 0o700)
	}
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(data, "countersign.db")
	db, err := sql.Open("sqlite", file)
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	for _, statement := range []string{"PRAGMA application_id = 1129531214", string(migration),
		`CREATE TABLE goose_db_version (id INTEGER PRIMARY KEY AUTOINCREMENT, version_id INTEGER NOT NULL, is_applied INTEGER NOT NULL,
			tstamp TIMESTAMP DEFAULT (datetime('now')))`,
		"INSERT INTO goose_db_version (version_id, is_applied) VALUES (0, 1), (1, 1)"} {
		if _, err := db.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(file, 0o600); err != nil {
		t.Fatal(err)
	}
	return data
}

// TestACommandDoesNotConvertTheRegisterOfARunningServer: an older server could not read it any more.
func TestACommandDoesNotConvertTheRegisterOfARunningServer(t *testing.T) {
	data := olderRegister(t)
	lock, err := lockEnvironment(data, "production")
	if err != nil {
		t.Fatal(err)
	}
	code, _, errOut := command(t, "partner", "list", "--data", data)
	if code == exitOK || !strings.Contains(errOut, "a server of production runs on it: it is not converted") || !strings.Contains(errOut, "hint: stop every server on "+data) {
		t.Errorf("%d %s", code, errOut)
	}
	if err := unservedBut(data, []string{"production"}); err != nil {
		t.Errorf("the server itself: %v", err)
	}
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
	old, err := os.OpenFile(filepath.Join(data, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err == nil {
		err = flock(old.Fd())
	}
	if err != nil {
		t.Fatal(err)
	}
	if code, _, errOut := command(t, "partner", "list", "--data", data); code == exitOK || !strings.Contains(errOut, "a server of every environment runs on it") {
		t.Errorf("as 0.1 holds its lock: %d %s", code, errOut)
	}
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	must(t, "partner", "list", "--data", data)
	if lock, err = lockEnvironment(data, "production"); err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	must(t, "partner", "list", "--data", data)
}
