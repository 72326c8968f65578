package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// login is who is signed in at a server, as it is kept between commands: one file of mode 0600 for each server.
type login struct {
	Server    string    `json:"server"`
	Token     string    `json:"token"`
	Account   string    `json:"account,omitempty"` // for people
	ExpiresAt time.Time `json:"expires_at,omitzero"`
	CAFile    string    `json:"ca_file,omitempty"` // that was named at the sign-in
}

// loginPath is the file for a server, in the user's folder for configuration. Its name is a digest: a URL is no file name.
func loginPath(server string) (string, error) {
	base, err := os.UserConfigDir()
	if err != nil {
		return "", hinted{fmt.Errorf("where to keep who is signed in: %w", err), "set HOME or XDG_CONFIG_HOME, or use $" + tokenVariable}
	}
	digest := sha256.Sum256([]byte(server))
	return filepath.Join(base, "countersign", "login-"+hex.EncodeToString(digest[:8])+".json"), nil
}

// readLogin is who is signed in at a server; zero: nobody. A file that others could read, or a symbolic link, is refused
// (security rule 39), and so is one that is of another server.
func readLogin(server string) (login, error) {
	path, err := loginPath(server)
	if err != nil {
		return login{}, nil // no home: a service account of a pipeline
	}
	text, err := readPrivate(path)
	if errors.Is(err, fs.ErrNotExist) {
		return login{}, nil
	}
	if err != nil {
		return login{}, fmt.Errorf("read who is signed in: %w", err)
	}
	defer clear(text)
	var kept login
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	err = decoder.Decode(&kept)
	if _, more := decoder.Token(); err == nil && !errors.Is(more, io.EOF) {
		err = errors.New("something stands behind its object")
	}
	if err != nil || kept.Server != server {
		return login{}, hinted{fmt.Errorf("%s is damaged", path), "countersign logout --server " + server + " takes it away"}
	}
	return kept, nil
}

// keepLogin writes it down, in the place of the one before. The file is made anew with O_EXCL and mode 0600 and then moved to its
// place, which replaces a symbolic link there and does not follow it.
func keepLogin(kept login) error {
	path, err := loginPath(kept.Server)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("keep who is signed in: %w", err)
	}
	info, err := os.Lstat(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("keep who is signed in: %w", err)
	}
	if !info.IsDir() || !ownedByMe(info) || info.Mode().Perm()&0o022 != 0 {
		return hinted{fmt.Errorf("%s is not a folder of yours alone", filepath.Dir(path)), "chmod 700 it, or make it anew"}
	}
	text, err := json.Marshal(kept)
	if err != nil {
		return err
	}
	defer clear(text)
	if err := replaceFile(path, append(text, '\n')); err != nil {
		return fmt.Errorf("keep who is signed in: %w", err)
	}
	return nil
}

// forgetLogin takes the file away, whatever is in it. It reports whether there was one.
func forgetLogin(server string) (bool, error) {
	path, err := loginPath(server)
	if err != nil {
		return false, err
	}
	err = os.Remove(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}
