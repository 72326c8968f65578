package main

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"countersign.dev/internal/engines"
)

// selfSignedFor is short on purpose: a trial ends.
const selfSignedFor = 30 * 24 * time.Hour

// askCheckpoints asks a person for the second place. Without one to ask it lies beside the rest, and next says that loudly.
func (o *initOptions) askCheckpoints(in io.Reader, notes io.Writer) error {
	if o.checkpoints == "" && isTerminal(in) && !isNull(in) {
		fmt.Fprint(notes, "Folder for checkpoints, best on another disk or machine (empty: checkpoints, in the same folder): ")
		line, err := bufio.NewReader(io.LimitReader(in, 4096)).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("read the answer: %w", err)
		}
		o.checkpoints = strings.TrimSpace(line)
	}
	if o.checkpoints == "" {
		o.checkpoints = filepath.Join(o.dir, "checkpoints")
	}
	return nil
}

// isNull reports whether f is the device that holds nothing: nobody answers there.
func isNull(f any) bool {
	file, ok := f.(*os.File)
	if !ok {
		return false
	}
	here, err := file.Stat()
	null, bad := os.Stat(os.DevNull)
	return err == nil && bad == nil && os.SameFile(here, null)
}

// makeSelfSigned makes a certificate that stands for itself, for loopback and the given names.
func makeSelfSigned(certFile, keyFile string, hosts []string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	now := clock()
	template := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: "Countersign trial certificate"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(selfSignedFor),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, BasicConstraintsValid: true,
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else if host != "localhost" {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	text, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	defer clear(text)
	if err := createFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: text}), 0o600); err != nil {
		return err
	}
	return createFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644)
}

// next says what was made and what to do.
func (w *initWork) next(out io.Writer) error {
	c := w.cfg
	var text strings.Builder
	fmt.Fprintf(&text, "Made in %s:\n", w.dir)
	for _, made := range [][2]string{
		{w.file, "the configuration"},
		{c.Keys.File, "opens every secret of the register: keep a copy where no copy of data is"},
		{c.Records.Checkpoints.KeyFile, "signs checkpoints; the public half is beside it, for those who verify"},
		{c.DigestKeyFile(), "makes the digests of queries in the record: without it nobody can tell whether a query was a certain one"},
		{c.Data, w.dataHolds()},
	} {
		fmt.Fprintf(&text, "  %s\n      %s\n", made[0], made[1])
	}
	if w.cert != "" {
		fmt.Fprintf(&text, "\nFOR A TRIAL ONLY: the certificate %s signs itself and ends in 30 days. Callers have to be told to trust it.\n", w.cert)
	}
	if within(c.Records.Checkpoints.Dir, w.dir) {
		fmt.Fprintf(&text, "\nCHECKPOINTS LIE BESIDE THE RECORDS (%s): who can alter the records can alter them too. Move them to another disk or machine.\n", c.Records.Checkpoints.Dir)
	}
	w.sayAdmin(&text)
	name, kind := c.Environments[0].Name, "signing-key"
	if w.o.protocol == "token" {
		kind = "app"
	}
	fmt.Fprintf(&text, `
Next:
  1. edit the lines that say EDIT in %[1]s, above all the upstream
  2. countersign config check %[1]s
  3. countersign serve --config %[1]s
  4. let the first partner in, each with --config %[1]s:
     countersign partner add "First Partner"
     countersign partner request-access "First Partner" --environment %[2]s
     countersign partner approve "First Partner" --environment %[2]s     (another user of this machine)
     countersign network allow "First Partner" --environment %[2]s PREFIX
     countersign credential issue "First Partner" --environment %[2]s --kind %[3]s
`, w.file, name, kind)
	_, err := io.WriteString(out, text.String())
	return err
}

func (w *initWork) dataHolds() string {
	if w.cfg.SharedRegister() {
		return "journals and records of this machine; the register is in " + engines.PlaceOf(w.cfg).String()
	}
	return "the register and journals"
}

func within(path, folder string) bool {
	rel, err := filepath.Rel(folder, path)
	return err == nil && filepath.IsLocal(rel)
}
