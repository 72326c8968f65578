package tlsfile

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// maxFile bounds each file. A chain has some kilobytes, a bundle of authorities some hundred.
const maxFile = 4 << 20

// readFile reads a regular file whole. A symbolic link is followed: these files are commonly published by exchanging one.
// secret refuses a file that others may read, or that its group may write (security rule 39; a group that may read it is
// how such a key is given to a service account).
func readFile(path string, secret bool) ([]byte, error) {
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
	if info, err = f.Stat(); err != nil {
		return nil, err
	}
	if mode := info.Mode().Perm(); secret && mode&0o027 != 0 {
		return nil, fmt.Errorf("%s holds a key but has mode %04o: others may use it; make it 0600, or 0640 for a group", path, mode)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = fmt.Errorf("%s has more than %d bytes", path, maxFile)
	}
	return text, err
}

// parsePair makes a certificate of two texts and checks that it can be used at a moment.
func parsePair(p Pair, cert, key []byte, now time.Time) (*tls.Certificate, error) {
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("%s and %s are not a pair: %w", p.Certificate, p.Key, err)
	}
	leaf := pair.Leaf
	switch {
	case now.Before(leaf.NotBefore):
		return &pair, fmt.Errorf("%s: %w until %s", p.Certificate, ErrNotYet, leaf.NotBefore.UTC().Format(time.RFC3339))
	case now.After(leaf.NotAfter):
		return &pair, fmt.Errorf("%s: %w since %s", p.Certificate, ErrExpired, leaf.NotAfter.UTC().Format(time.RFC3339))
	}
	return &pair, nil
}

// parseAuthorities reads one or more certificates. Anything else in the file is an error: what was left out silently would
// be an authority that somebody relies upon.
func parseAuthorities(path string, text []byte) (*x509.CertPool, time.Time, error) {
	pool, until := x509.NewCertPool(), time.Time{}
	count := 0
	for rest := text; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			if len(bytes.TrimSpace(rest)) > 0 {
				return nil, until, fmt.Errorf("%s: what follows certificate %d is not PEM", path, count)
			}
			break
		}
		if block.Type != "CERTIFICATE" {
			return nil, until, fmt.Errorf("%s holds a block of type %q; only certificates belong there", path, printable(block.Type))
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, until, fmt.Errorf("%s: certificate %d: %w", path, count+1, err)
		}
		pool.AddCert(c)
		if count++; until.IsZero() || c.NotAfter.Before(until) {
			until = c.NotAfter
		}
	}
	if count == 0 {
		return nil, until, errors.New(path + " holds no certificate")
	}
	return pool, until, nil
}

// printable caps and cleans a word from a file for an error's text.
func printable(word string) string {
	if len(word) > 40 {
		word = word[:40]
	}
	b := []byte(word)
	for i, c := range b {
		if c < ' ' || c > '~' {
			b[i] = '?'
		}
	}
	return string(b)
}
