package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestRule12ABackupIsHeldAgainstItsManifest: what was exchanged in either of them is not put in place, is said, and leaves nothing.
func TestRule12ABackupIsHeldAgainstItsManifest(t *testing.T) {
	dir := t.TempDir()
	data, backup, other := filepath.Join(dir, "data"), filepath.Join(dir, "backup"), filepath.Join(dir, "other")
	if err := errors.Join(collaborate(t.Context(), []string{data, "register"}), collaborate(t.Context(), []string{other, "register"})); err != nil {
		t.Fatal(err)
	}
	must(t, "partner", "add", "Example Bank", "--data", data)
	must(t, "backup", "--out", backup, "--data", data)
	must(t, "partner", "add", "Another Bank", "--data", other)
	must(t, "backup", "--out", filepath.Join(dir, "foreign"), "--data", other)
	var made manifest
	text, err := os.ReadFile(filepath.Join(backup, backupManifest))
	if err == nil {
		err = json.Unmarshal(text, &made)
	}
	sound, err2 := os.ReadFile(filepath.Join(backup, backupRegister))
	foreign, err3 := os.ReadFile(filepath.Join(dir, "foreign", backupRegister))
	if err = errors.Join(err, err2, err3); err != nil {
		t.Fatal(err)
	}
	signed := func(m *manifest, file []byte) { // whoever exchanges the file can write its digest, too
		sum := sha256.Sum256(file)
		m.SHA256, m.Size = hex.EncodeToString(sum[:]), int64(len(file))
	}
	bent := func(at int) []byte {
		file := append([]byte(nil), sound...)
		file[at] ^= 1
		return file
	}
	for what, one := range map[string]struct {
		spoil func(m *manifest) []byte
		says  string
	}{
		"nothing":                   {func(*manifest) []byte { return sound }, ""},
		"one bit":                   {func(*manifest) []byte { return bent(len(sound) - 50) }, "is not the file that was written"},
		"one bit, in the header":    {func(*manifest) []byte { return bent(18) }, "is not the file that was written"},
		"its end":                   {func(*manifest) []byte { return sound[:len(sound)-4096] }, "is not the file that was written"},
		"its end, with its digest":  {func(m *manifest) []byte { signed(m, sound[:len(sound)-4096]); return sound[:len(sound)-4096] }, "nothing was changed"},
		"another register":          {func(m *manifest) []byte { signed(m, foreign); return foreign }, "the manifest says"},
		"the revision":              {func(m *manifest) []byte { m.Revision++; return sound }, "the manifest says 2 of"},
		"the record":                {func(m *manifest) []byte { m.Record = strings.Repeat("0", 32); return sound }, "the manifest says 1 of"},
		"the end of the record":     {func(m *manifest) []byte { m.ChainHead = strings.Repeat("0", 64); return sound }, "its record ends with the hash"},
		"a key that nobody has":     {func(m *manifest) []byte { m.KeyIDs = []string{"00000001"}; return sound }, "sealed with key 00000001"},
		"the digest":                {func(m *manifest) []byte { m.SHA256 = strings.Repeat("0", 64); return sound }, "is not the file that was written"},
		"the file, it is no file":   {func(m *manifest) []byte { signed(m, text); return text }, "not an SQLite file"},
		"the file, it holds a text": {func(m *manifest) []byte { signed(m, []byte("x")); return []byte("x") }, "nothing was changed"},
	} {
		from, m := filepath.Join(t.TempDir(), "from"), made
		file := one.spoil(&m)
		written, err := json.Marshal(m)
		if err = errors.Join(err, os.Mkdir(from, 0o700), os.WriteFile(filepath.Join(from, backupRegister), file, 0o600), os.WriteFile(filepath.Join(from, backupManifest), written, 0o600)); err != nil {
			t.Fatal(err)
		}
		before, err := os.ReadFile(filepath.Join(data, "countersign.db"))
		if err != nil {
			t.Fatal(err)
		}
		code, _, said := command(t, "restore", "--from", from, "--replace", "--yes", "--data", data)
		left, err := filepath.Glob(filepath.Join(data, "*.restoring*"))
		if (code == exitOK) != (one.says == "") || !strings.Contains(said, one.says) || err != nil || len(left) > 0 {
			t.Errorf("%s: exit code %d, %q, left behind %v", what, code, said, left)
		}
		if after, err := os.ReadFile(filepath.Join(data, "countersign.db")); one.says != "" && (err != nil || string(after) != string(before)) {
			t.Errorf("%s: the register is another one: %v", what, err)
		}
	}
}

// TestNothingIsInspectedBeforeItIsServed: a start has the processors for itself.
func TestNothingIsInspectedBeforeItIsServed(t *testing.T) {
	a := &assembly{}
	ended, end := context.WithCancel(t.Context())
	end()
	if a.serves(ended) {
		t.Error("nothing is in force")
	}
	answer := make(chan bool, 1)
	go func() { answer <- a.serves(t.Context()) }()
	select {
	case <-answer:
		t.Fatal("it did not wait")
	default:
	}
	a.current.Store(&generation{})
	if !<-answer {
		t.Error("it is in force")
	}
}
