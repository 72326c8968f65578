package valkeylink

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"

	"github.com/valkey-io/valkey-go"
)

// maxPassword bounds the password's file.
const maxPassword = 4 << 10

// ErrPasswordFile is wrapped when the file of the password must not be used as it stands.
var ErrPasswordFile = errors.New("the password file is refused")

// credentials reads the password anew for each connection. Its errors name the file and nothing in it.
func (l *Link) credentials(valkey.AuthCredentialsContext) (valkey.AuthCredentials, error) {
	if l.cfg.PasswordFile == "" {
		return valkey.AuthCredentials{}, nil
	}
	password, err := readPassword(l.cfg.PasswordFile)
	if err != nil {
		return valkey.AuthCredentials{}, fmt.Errorf("password file %s: %w", l.cfg.PasswordFile, err)
	}
	return valkey.AuthCredentials{Username: l.cfg.Username, Password: password}, nil
}

// readPassword reads the one line of a regular file that nobody but its owner can open.
func readPassword(path string) (string, error) {
	before, err := os.Lstat(path)
	if err != nil {
		return "", err
	}
	if !before.Mode().IsRegular() {
		return "", fmt.Errorf("%w: it is not a regular file; a symbolic link is not followed", ErrPasswordFile)
	}
	if before.Mode().Perm()&0o077 != 0 && runtime.GOOS != "windows" {
		return "", fmt.Errorf("%w: its mode %04o lets others in; run: chmod 600 %s", ErrPasswordFile, before.Mode().Perm(), path)
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	if opened, err := f.Stat(); err != nil || !os.SameFile(before, opened) {
		return "", fmt.Errorf("%w: it was exchanged while it was being opened", ErrPasswordFile)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxPassword+1))
	if err != nil {
		return "", err
	}
	line, rest, _ := bytes.Cut(text, []byte("\n"))
	line = bytes.TrimSuffix(line, []byte("\r"))
	if len(line) == 0 || len(rest) > 0 || len(text) > maxPassword {
		return "", fmt.Errorf("%w: it must hold the password on one line, of at most %d bytes", ErrPasswordFile, maxPassword)
	}
	return string(line), nil
}
