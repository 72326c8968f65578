package e2e_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestRule39FilesAreClosed: everything in the data folder but the certificate is for its owner alone, and no secret stands
// in the register in clear.
func TestRule39FilesAreClosed(t *testing.T) {
	data := folder(t)
	d := start(t, data)
	d.token(t, sandbox)
	err := filepath.WalkDir(data, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return unlessGone(err)
		}
		info, err := entry.Info()
		if err = unlessGone(err); info == nil || err != nil || path == d.CAFile {
			return err
		}
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode().Perm())
		}
		if entry.Type().IsRegular() && strings.Contains(entry.Name(), ".db") {
			d.noSecretIn(t, path)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	mustStop(t, d)
	refusesToRun(t, data)
}

// unlessGone is an error, unless it says that a file is there no more: the server replaces some while it is looked at.
func unlessGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func (d *dev) noSecretIn(t *testing.T, path string) {
	t.Helper()
	content, err := os.ReadFile(path)
	if unlessGone(err) != nil {
		t.Fatal(err)
	}
	for name, e := range d.Environments {
		for _, secret := range []string{e.Card.APISecret, e.Aggregation.PartnerSecret} {
			if bytes.Contains(content, []byte(secret)) {
				t.Errorf("a secret of %s stands in %s", name, path)
			}
		}
	}
}

// refusesToRun spoils a data folder in one way after the other; each is refused with a word on the file, and mended.
func refusesToRun(t *testing.T, data string) {
	t.Helper()
	key := filepath.Join(data, "master.key")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	expectRefusal := func(about, says string) {
		t.Helper()
		d, err := launch(binary(t), data)
		if err == nil {
			d.kill()
			t.Errorf("%s: dev starts", about)
			return
		}
		if !strings.Contains(err.Error(), says) {
			t.Errorf("%s: the message does not name %s: %v", about, says, err)
		}
	}
	must(os.Chmod(key, 0o644))
	expectRefusal("a key that others can read", "master.key")
	must(os.Chmod(key, 0o600))
	must(os.Rename(key, key+".away"))
	must(os.Symlink(key+".away", key))
	expectRefusal("a symbolic link for the key", "master.key")
	must(os.Remove(key))
	expectRefusal("no key", "master.key")
	if _, err := os.Lstat(key); err == nil {
		must(os.Remove(key)) // a new key was made: it opens nothing
	}
	must(os.Rename(key+".away", key))
	register := filepath.Join(data, "countersign.db")
	whole, err := os.ReadFile(register)
	must(err)
	must(os.WriteFile(register, append([]byte("not a database at all"), whole[21:]...), 0o600))
	expectRefusal("a corrupt register", "countersign.db")
	must(os.WriteFile(register, whole, 0o600))
	start(t, data)
}

// TestUnlockOfNobody: the command says what is wrong and changes nothing.
func TestUnlockOfNobody(t *testing.T) {
	data := folder(t)
	d := start(t, data)
	for _, args := range [][]string{
		{"partner", "unlock", "--data", data, "--login", "1"}, {"partner", "unlock", "--data", data},
		{"partner", "unlock", "--data", data + "-missing", "--login", d.Environments[sandbox].Aggregation.PartnerID},
	} {
		out, err := exec.Command(binary(t), args...).CombinedOutput()
		if err == nil || len(out) == 0 {
			t.Errorf("%v: %v %q", args, err, out)
		}
	}
	if _, err := os.Stat(data + "-missing"); err == nil {
		t.Error("a data folder was made by a command that reads one")
	}
}
