// Package engines opens what a configuration names: the register in SQLite or PostgreSQL, and the Valkey or Redis server that nodes
// share for replay and limits. It owns the step from a name in a file to an open engine, so that a server, a command and a service with
// the check in its own process take the same one from the same file; and the copy of a whole register from one engine into another.
//
// It refuses a register that is not there, unless one shall be made: a misspelt path or an empty database must not become a register
// in which every partner is unknown. It refuses a file with a URL that others can read (security rule 39), and tells nothing of its
// text, which may hold a password (security rule 33).
//
// The attack it answers is the quiet replacement: a copy that lost a change or a row would be another register under the same name, so
// every copy is verified against the record of changes before anybody is told that it is there.
package engines

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"

	"countersign.dev/internal/config"
	"countersign.dev/internal/store"
	"countersign.dev/internal/store/sqlite"
)

// maxURL bounds the file with a database's URL, in bytes.
const maxURL = 4 << 10

// ErrURLFile is wrapped when the file of a database's URL must not be used as it stands.
var ErrURLFile = errors.New("the file with the database's URL is refused")

// errOlder keeps a look at a register from bringing it up to date.
var errOlder = errors.New("the register is of an older version")

// Place says where a register is: exactly one of File and URLFile is set.
type Place struct {
	File        string // the data file of SQLite
	URLFile     string // a file of mode 0600 that holds the URL of a PostgreSQL database on one line
	Connections int    // to the database at most; 0: the engine's default
}

// PlaceOf is where a configuration keeps the register.
func PlaceOf(cfg *config.Config) Place {
	if cfg.SharedRegister() {
		return Place{URLFile: cfg.Register.URLFile, Connections: cfg.Register.Connections}
	}
	return Place{File: cfg.RegisterFile()}
}

// Shared reports whether many machines can use the register.
func (p Place) Shared() bool { return p.URLFile != "" }

// String is the place for people; it holds no secret.
func (p Place) String() string {
	if p.Shared() {
		return "the PostgreSQL database of " + p.URLFile
	}
	return p.File
}

// There reports whether a register is at the place. It makes and changes nothing. Errors: those of the engines, ErrURLFile.
func (p Place) There(ctx context.Context) (bool, error) {
	if !p.Shared() {
		_, err := os.Lstat(p.File)
		if errors.Is(err, fs.ErrNotExist) {
			return false, nil
		}
		return err == nil, err
	}
	s, err := OpenStore(ctx, StoreConfig{Place: p, Convert: func() error { return errOlder }})
	switch {
	case errors.Is(err, store.ErrMissing):
		return false, nil
	case errors.Is(err, errOlder):
		return true, nil
	case err != nil:
		return false, err
	}
	return true, s.Close()
}

// CheckFile reads a whole SQLite file, see sqlite.CheckFile.
func CheckFile(ctx context.Context, path string) (FileInfo, error) {
	return sqlite.CheckFile(ctx, path)
}

// readURL reads the one line of a regular file that nobody but its owner can open. Its errors name the file and nothing in it.
func readURL(path string) (string, error) {
	before, err := os.Lstat(path)
	if err != nil {
		return "", fmt.Errorf("read the database's URL: %w", err)
	}
	if !before.Mode().IsRegular() {
		return "", fmt.Errorf("%w: %s is not a regular file; a symbolic link is not followed", ErrURLFile, path)
	}
	if before.Mode().Perm()&0o077 != 0 && runtime.GOOS != "windows" {
		return "", fmt.Errorf("%w: the mode %04o of %s lets others in; run: chmod 600 %s", ErrURLFile, before.Mode().Perm(), path, path)
	}
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("read the database's URL: %w", err)
	}
	defer f.Close()
	if opened, err := f.Stat(); err != nil || !os.SameFile(before, opened) {
		return "", fmt.Errorf("%w: %s was exchanged while it was being opened", ErrURLFile, path)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxURL+1))
	if err != nil {
		return "", fmt.Errorf("read the database's URL: %w", err)
	}
	return oneLine(path, text)
}

// oneLine is the one line of text.
func oneLine(path string, text []byte) (string, error) {
	line, rest, _ := bytes.Cut(text, []byte("\n"))
	line = bytes.TrimSuffix(line, []byte("\r"))
	if len(line) == 0 || len(rest) > 0 || len(text) > maxURL || bytes.ContainsFunc(line, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return "", fmt.Errorf("%w: %s must hold the URL of a PostgreSQL database on one line, of at most %d bytes", ErrURLFile, path, maxURL)
	}
	return string(line), nil
}
