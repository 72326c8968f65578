package secret_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"countersign.dev/internal/secret"
)

func line(id string, fill byte) string {
	return id + " " + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{fill}, 32)) + "\n"
}

const head = "countersign key ring 1\n"

func read(file secret.KeyFile) ([]secret.Key, error) { return file.Keys(context.Background()) }

func TestKeyFileIsMadeOnceAndKept(t *testing.T) {
	file := secret.KeyFile{Path: filepath.Join(t.TempDir(), "keys"), Rand: rand.Reader, Create: true}
	first, err := read(file)
	if err != nil || len(first) != 1 {
		t.Fatalf("%v, %v", first, err)
	}
	second, err := read(secret.KeyFile{Path: file.Path})
	if err != nil || len(second) != 1 || second[0].ID != first[0].ID || !second[0].Bytes.Equal(first[0].Bytes) {
		t.Fatalf("%v, %v", second, err)
	}
	entries, err := os.ReadDir(filepath.Dir(file.Path))
	if err != nil || len(entries) != 1 {
		t.Errorf("drafts were left behind: %v, %v", entries, err)
	}
}

func TestKeyFileMadeByManyAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	ids := make([]uint32, 20)
	var all sync.WaitGroup
	for i := range ids {
		all.Go(func() {
			got, err := read(secret.KeyFile{Path: path, Rand: rand.Reader, Create: true})
			if err != nil || len(got) != 1 {
				t.Errorf("%v, %v", got, err)
				return
			}
			ids[i] = got[0].ID
		})
	}
	all.Wait()
	for _, id := range ids {
		if id != ids[0] {
			t.Fatalf("several rings: %x", ids)
		}
	}
}

func TestRule39KeyFileOpenToOthersIsRefused(t *testing.T) {
	dir := t.TempDir()
	good := filepath.Join(dir, "good")
	if _, err := read(secret.KeyFile{Path: good, Rand: rand.Reader, Create: true}); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(good); err != nil || info.Mode() != 0o600 {
		t.Errorf("made with mode %v, %v", info.Mode(), err)
	}
	for _, mode := range []fs.FileMode{0o640, 0o604, 0o660, 0o666, 0o610, 0o601, 0o644} {
		if err := os.Chmod(good, mode); err != nil {
			t.Fatal(err)
		}
		_, err := read(secret.KeyFile{Path: good})
		if !errors.Is(err, secret.ErrKeyFile) || !strings.Contains(err.Error(), "chmod 600 "+good) {
			t.Errorf("mode %04o: %v", mode, err)
		}
	}
	if err := os.Chmod(good, 0o400); err != nil {
		t.Fatal(err)
	}
	if _, err := read(secret.KeyFile{Path: good}); err != nil {
		t.Errorf("a file that even its owner may only read: %v", err)
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink(good, link); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{link, dir} {
		if _, err := read(secret.KeyFile{Path: path, Rand: rand.Reader, Create: true}); !errors.Is(err, secret.ErrKeyFile) {
			t.Errorf("%s: %v", path, err)
		}
	}
	dangling := filepath.Join(dir, "dangling")
	if err := os.Symlink(filepath.Join(dir, "elsewhere"), dangling); err != nil {
		t.Fatal(err)
	}
	if _, err := read(secret.KeyFile{Path: dangling, Rand: rand.Reader, Create: true}); !errors.Is(err, secret.ErrKeyFile) {
		t.Errorf("a dangling link: %v", err)
	}
	if _, err := os.Lstat(filepath.Join(dir, "elsewhere")); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a key was written through a symbolic link")
	}
}

func TestKeyFileThatIsMissing(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "none")
	if _, err := read(secret.KeyFile{Path: missing}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without Create: %v", err)
	}
	if _, err := read(secret.KeyFile{Path: missing, Create: true}); !errors.Is(err, secret.ErrRandom) {
		t.Errorf("without randomness: %v", err)
	}
}

var badKeyFiles = map[string]string{
	"empty":           "",
	"no key":          head,
	"other version":   "countersign key ring 2\n" + line("00000001", 1),
	"no line end":     strings.TrimSuffix(head+line("00000001", 1), "\n"),
	"blank line":      head + "\n" + line("00000001", 1),
	"blank end":       head + line("00000001", 1) + "\n",
	"carriage return": strings.ReplaceAll(head+line("00000001", 1), "\n", "\r\n"),
	"id 0":            head + line("00000000", 1),
	"short id":        head + line("1", 1),
	"upper-case id":   head + line("0000000A", 1),
	"doubled id":      head + line("00000001", 1) + line("00000001", 2),
	"two spaces":      head + strings.Replace(line("00000001", 1), " ", "  ", 1),
	"short key":       head + "00000001 AAAA\n",
	"long key":        head + "00000001 " + base64.StdEncoding.EncodeToString(make([]byte, 33)) + "\n",
	"loose base64":    head + strings.Replace(line("00000001", 0), "AAA=", "AAB=", 1),
	"comment":         head + "# comment\n" + line("00000001", 1),
}

func TestParseKeys(t *testing.T) {
	got, err := secret.ParseKeys([]byte(head + line("0000000a", 1) + line("00000009", 2)))
	if err != nil || len(got) != 2 || got[0].ID != 10 || got[1].ID != 9 || got[1].Bytes.Bytes()[0] != 2 {
		t.Errorf("%v, %v", got, err)
	}
	for name, text := range badKeyFiles {
		if got, err := secret.ParseKeys([]byte(text)); !errors.Is(err, secret.ErrKeyFile) || got != nil {
			t.Errorf("%s: accepted, or %v", name, err)
		}
	}
}

func FuzzParseKeys(f *testing.F) {
	f.Add([]byte(head + line("0000000a", 1) + line("00000009", 2)))
	for _, text := range badKeyFiles {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := secret.ParseKeys(text)
		if err != nil {
			if !errors.Is(err, secret.ErrKeyFile) {
				t.Errorf("error without its sentinel: %v", err)
			}
			return
		}
		again := []byte(head)
		for _, key := range got {
			again = fmt.Appendf(again, "%08x %s\n", key.ID, base64.StdEncoding.EncodeToString(key.Bytes.Bytes()))
		}
		if !bytes.Equal(again, text) {
			t.Errorf("%q has a second spelling", text)
		}
	})
}
