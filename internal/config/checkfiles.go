package config

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"countersign.dev/profile"
	"countersign.dev/profile/library"
	"countersign.dev/scheme"
)

// maxNamed bounds a file that the configuration names, but for the country file.
const maxNamed = 4 << 20

// readNamed reads a plain file, or what a symbolic link leads to.
func readNamed(path string) ([]byte, error) {
	info, err := os.Stat(path) // before the opening: to open a pipe would wait for its other end
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxNamed+1))
	if err == nil && len(text) > maxNamed {
		err = fmt.Errorf("%s has more than %d bytes", path, maxNamed)
	}
	return text, err
}

// Scheme compiles the profile: a shipped one from memory, a file from the disk. Errors in the file are *profile.Error with
// line and column.
func (p *Profile) Scheme() (*scheme.Scheme, error) {
	if p.Name != "" {
		return library.Load(p.shipped())
	}
	text, err := readNamed(p.File)
	if err != nil {
		return nil, fmt.Errorf("read profile: %w", err)
	}
	parsed, err := profile.Parse(p.File, text)
	if err != nil {
		return nil, err
	}
	return parsed.Alternative(p.Alternative)
}

// authorities reads a file of certificate authorities; no file is none.
func (k checker) authorities(path, file string) {
	if file == "" {
		return
	}
	text, err := readNamed(file)
	if err != nil {
		k.wrong(path, err, "")
		return
	}
	if !x509.NewCertPool().AppendCertsFromPEM(text) {
		k.wrong(path, errors.New(file+" holds no certificate"), "it wants PEM: lines between BEGIN CERTIFICATE and END CERTIFICATE")
	}
}

// client reads a certificate that the server itself shows, and its key.
func (k checker) client(path, certFile, keyFile string) {
	if certFile == "" || keyFile == "" {
		return
	}
	info, err := os.Stat(keyFile)
	if err == nil && info.Mode().Perm()&0o027 != 0 {
		k.wrong(path+".key_file", fmt.Errorf("%s holds a secret but has mode %04o", keyFile, info.Mode().Perm()), "chmod 600 "+keyFile)
		return
	}
	certificate, err := readNamed(certFile)
	if err != nil {
		k.wrong(path+".cert_file", err, "")
		return
	}
	key, err := readNamed(keyFile)
	if err != nil {
		k.wrong(path+".key_file", err, "")
		return
	}
	defer clear(key)
	pair, err := tls.X509KeyPair(certificate, key)
	switch {
	case err != nil:
		k.wrong(path+".cert_file", fmt.Errorf("%s and %s are not a pair: %w", certFile, keyFile, err), "")
	case k.scope.Now.After(pair.Leaf.NotAfter):
		k.wrong(path+".cert_file", fmt.Errorf("%s expired at %s", certFile, pair.Leaf.NotAfter.UTC().Format(time.RFC3339)), "get a new one")
	}
}
