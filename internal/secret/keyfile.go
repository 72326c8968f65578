package secret

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// ErrKeyFile is wrapped when a key file must not be used as it stands: open to others, a symbolic link, damaged.
var ErrKeyFile = errors.New("key file refused")

const (
	keyFileHead = "countersign key ring 1"
	maxKeyFile  = 64 << 10
	maxKeys     = 256
)

// KeyFile is a KeySource on disk: a line that names the format, then one line for each key, the newest last. Whoever holds
// it and the data file can read every secret, so that the two belong into different backups.
type KeyFile struct {
	Path   string
	Create bool      // make the file with one fresh key when there is none; false: a missing file is an error
	Rand   io.Reader // for a fresh key; needed only with Create
}

// Keys reads the file, after making it when Create is set and it is missing. A file is made complete or not at all, with
// mode 0600, and never replaces another; symbolic links and modes that let others in are refused (security rule 39).
// Errors wrap ErrKeyFile, ErrRandom or fs.ErrNotExist. The caller of several processes needs no lock: one of them makes
// the file and all read the same.
func (k KeyFile) Keys(context.Context) ([]Key, error) {
	_, err := os.Lstat(k.Path)
	if errors.Is(err, fs.ErrNotExist) && k.Create {
		if err := k.make(); err != nil {
			return nil, fmt.Errorf("make key file %s: %w", k.Path, err)
		}
	}
	text, err := readPrivate(k.Path)
	if err != nil {
		return nil, fmt.Errorf("read key file %s: %w", k.Path, err)
	}
	defer Wipe(text)
	keys, err := ParseKeys(text)
	if err != nil {
		return nil, fmt.Errorf("read key file %s: %w", k.Path, err)
	}
	return keys, nil
}

// make writes a complete file beside the wanted one and links it there, which fails if another process was first.
func (k KeyFile) make() error {
	if k.Rand == nil {
		return fmt.Errorf("%w: without a source of randomness", ErrRandom)
	}
	raw, err := draw(k.Rand, 4+8+ringKeyLen)
	if err != nil {
		return err
	}
	defer Wipe(raw)
	id := max(binary.BigEndian.Uint32(raw[:4]), 1)
	line := fmt.Appendf(nil, "%s\n%08x %s\n", keyFileHead, id, base64.StdEncoding.EncodeToString(raw[12:]))
	defer Wipe(line)
	draft := fmt.Sprintf("%s.%s.new", k.Path, hex.EncodeToString(raw[4:12]))
	if err := writePrivate(draft, line); err != nil {
		return err
	}
	defer os.Remove(draft)
	if err := os.Link(draft, k.Path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDir(filepath.Dir(k.Path))
}

// ParseKeys reads the text of a key file strictly: the exact first line, then "8 hex digits, a space, base64 of 32 bytes"
// for each key, no id twice, no blank line. Errors wrap ErrKeyFile and hold nothing of the text.
func ParseKeys(text []byte) ([]Key, error) {
	body, found := bytes.CutPrefix(text, []byte(keyFileHead+"\n"))
	body, ended := bytes.CutSuffix(body, []byte("\n"))
	if !found || !ended || len(text) > maxKeyFile {
		return nil, fmt.Errorf("%w: not a complete key file of version 1", ErrKeyFile)
	}
	lines := bytes.Split(body, []byte("\n"))
	if len(lines) > maxKeys {
		return nil, fmt.Errorf("%w: more than %d keys", ErrKeyFile, maxKeys)
	}
	seen := map[uint32]bool{}
	keys := make([]Key, 0, len(lines))
	for i, line := range lines {
		key, err := parseKey(line)
		if err != nil || seen[key.ID] {
			return nil, fmt.Errorf("%w: line %d is not a key, or its id is doubled", ErrKeyFile, i+2)
		}
		seen[key.ID] = true
		keys = append(keys, key)
	}
	return keys, nil
}

func parseKey(line []byte) (Key, error) {
	id, encoded, found := bytes.Cut(line, []byte(" "))
	number := make([]byte, 4)
	if n, err := hex.Decode(number, id[:min(len(id), 8)]); !found || len(id) != 8 || n != 4 || err != nil {
		return Key{}, ErrKeyFile
	}
	raw := make([]byte, base64.StdEncoding.DecodedLen(len(encoded)))
	defer Wipe(raw)
	n, err := base64.StdEncoding.Strict().Decode(raw, encoded)
	if err != nil || n != ringKeyLen || base64.StdEncoding.EncodedLen(n) != len(encoded) {
		return Key{}, ErrKeyFile
	}
	key := Key{ID: binary.BigEndian.Uint32(number), Bytes: NewValue(raw[:n])}
	if key.ID == 0 || hex.EncodeToString(number) != string(id) {
		return Key{}, ErrKeyFile
	}
	return key, nil
}

// readPrivate reads a regular file that nobody but its owner can open.
func readPrivate(path string) ([]byte, error) {
	before, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !before.Mode().IsRegular() {
		return nil, fmt.Errorf("%w: it is not a regular file; a symbolic link is not followed", ErrKeyFile)
	}
	if loose := before.Mode().Perm() & 0o077; loose != 0 && runtime.GOOS != "windows" {
		return nil, fmt.Errorf("%w: its mode %04o lets others in; run: chmod 600 %s", ErrKeyFile, before.Mode().Perm(), path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if opened, err := f.Stat(); err != nil || !os.SameFile(before, opened) {
		return nil, fmt.Errorf("%w: it was exchanged while it was being opened", ErrKeyFile)
	}
	return io.ReadAll(io.LimitReader(f, maxKeyFile+1))
}

func writePrivate(path string, text []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

// syncDir makes a new name in dir survive a power cut. Systems that cannot open a folder for this keep names safe anyway.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
