package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"countersign.dev/client"
	"countersign.dev/internal/partnerfile"
	"countersign.dev/scheme"
	"github.com/spf13/cobra"
)

// callersVariable names the file of callers, where --callers does not.
const callersVariable = "COUNTERSIGN_CALLERS"

// callers says which file has the names of the partner's side, and which of them is meant.
type callers struct{ file, as string }

func (o *callers) flags(c *cobra.Command) {
	c.Flags().StringVar(&o.file, "callers", "", "`FILE` with names and credentials, mode 0600; else $"+callersVariable+", else countersign/callers.yaml in the user's configuration folder")
}

func (o *callers) asFlag(c *cobra.Command) {
	o.flags(c)
	c.Flags().StringVar(&o.as, "as", "", "`NAME` in the callers file whose credentials are used; not needed where there is only one")
}

// path is where the file is, or would be.
func (o *callers) path() (string, error) {
	if o.file != "" {
		return o.file, nil
	}
	if file := os.Getenv(callersVariable); file != "" {
		return file, nil
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", hinted{fmt.Errorf("find the callers file: %w", err), "name it with --callers"}
	}
	return filepath.Join(dir, "countersign", "callers.yaml"), nil
}

// read returns path, text and entries; a file that is missing has none.
func (o *callers) read() (path string, text []byte, entries []partnerfile.Entry, err error) {
	if path, err = o.path(); err != nil {
		return "", nil, nil, err
	}
	if text, err = readPrivate(path); errors.Is(err, fs.ErrNotExist) {
		return path, nil, nil, nil
	}
	if err != nil {
		return path, nil, nil, fmt.Errorf("read the callers file: %w", err)
	}
	entries, err = partnerfile.Parse(path, text)
	return path, text, entries, err
}

// entry finds the caller that is meant.
func (o *callers) entry() (partnerfile.Entry, error) {
	path, _, entries, err := o.read()
	if err != nil {
		return partnerfile.Entry{}, err
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name)
	}
	i := slices.Index(names, o.as)
	switch {
	case len(entries) == 0:
		return partnerfile.Entry{}, hinted{fmt.Errorf("no callers in %s", path), "make one: countersign caller add NAME --base https://HOST --profile finci --key-id ID"}
	case o.as == "" && len(entries) == 1:
		i = 0
	case o.as == "":
		return partnerfile.Entry{}, hinted{errors.New("as whom?"), "--as one of " + strings.Join(names, ", ")}
	case i < 0:
		hint := scheme.Nearest(o.as, names)
		if hint == "" {
			hint = "one of " + strings.Join(names, ", ")
		}
		return partnerfile.Entry{}, hinted{fmt.Errorf("no caller %q in %s", o.as, path), hint}
	}
	return entries[i], nil
}

// callerSecret finds the secret: the environment first, then the file that the entry names, then the entry.
func callerSecret(e partnerfile.Entry) ([]byte, error) {
	variable := partnerfile.Variable(e.Name)
	if text := os.Getenv(variable); text != "" {
		return []byte(text), nil
	}
	if e.SecretFile != "" {
		return (&signingOptions{secretFile: e.SecretFile}).secret()
	}
	if len(e.Secret) == 0 {
		return nil, hinted{fmt.Errorf("caller %s has no secret", e.Name), "put it into $" + variable + ", or add the caller again"}
	}
	return e.Secret, nil
}

// transport makes the round tripper of a caller over base. hosts are others, beside that of the caller's base URL, that get
// its credentials. Close it where it can be closed.
func callerTransport(e partnerfile.Entry, base http.RoundTripper, hosts []string) (http.RoundTripper, error) {
	secret, err := callerSecret(e)
	if err != nil {
		return nil, err
	}
	hosts = append([]string{hostPort(e)}, hosts...)
	if t := e.Token; t != nil {
		return client.NewToken(client.TokenConfig{Endpoint: e.Base.String() + t.Endpoint, AppKey: t.AppKey, PartnerID: t.PartnerID,
			Secret: secret, XML: t.XML, Hosts: hosts, Base: base, Now: clock})
	}
	s, err := loadScheme(e.Profile)
	if err != nil {
		return nil, fmt.Errorf("caller %s: %w", e.Name, err)
	}
	return client.New(client.Config{Scheme: s, KeyID: e.KeyID, Secret: secret, Vars: e.Vars, Hosts: hosts, Base: base, Now: clock})
}

func hostPort(e partnerfile.Entry) string {
	if e.Base.Port() == "" && e.Base.Scheme == "http" {
		return e.Base.Host + ":80"
	}
	return e.Base.Host
}

// plainTransport is the one that sends: no proxy from the environment decides where a signature goes unless it is asked to,
// TLS 1.2 or higher, nothing decompressed.
func plainTransport(e partnerfile.Entry, caFile string) (*http.Transport, error) {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.DisableCompression = true
	t.ExpectContinueTimeout = time.Second
	t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	if caFile == "" {
		caFile = e.CAFile
	}
	if caFile == "" {
		return t, nil
	}
	text, err := os.ReadFile(caFile)
	if err != nil {
		return nil, fmt.Errorf("read the authority: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s holds no certificate in PEM form", caFile)
	}
	t.TLSClientConfig.RootCAs = pool
	return t, nil
}
