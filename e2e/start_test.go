package e2e_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// TestSecondStartKeepsEverything: credentials, local CA and the commands that are printed.
func TestSecondStartKeepsEverything(t *testing.T) {
	data := folder(t)
	d := start(t, data)
	first := d.withoutURLs(t)
	token := d.token(t, sandbox)
	mode(t, d.readyFile, 0o600)
	mustStop(t, d)
	again := start(t, data)
	if second := again.withoutURLs(t); !reflect.DeepEqual(first, second) {
		t.Errorf("first start\n%+v\nsecond start\n%+v", first, second)
	}
	again.called(t, sandbox, tokenCall{method: "GET", path: "/v1/customers", token: token}).want(t, 200)
	again.signed(t, sandbox, call{method: "GET", target: "/api/v1/cards/" + demoCard}).want(t, 200)
	again.banner(t, len(offered))
}

// withoutURLs is what a start must keep: all but the ports.
func (d *dev) withoutURLs(t *testing.T) map[string]any {
	t.Helper()
	ca, err := os.ReadFile(d.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	kept := map[string]any{"ca": string(ca), "ca_file": d.CAFile}
	for name, e := range d.Environments {
		e.BaseURL = ""
		kept[name] = e
	}
	return kept
}

func mode(t *testing.T, file string, want os.FileMode) {
	t.Helper()
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != want {
		t.Errorf("%s has mode %v instead of %v", file, info.Mode().Perm(), want)
	}
}

// TestOwnCertificate: with --tls-cert, clients are told to trust that very file.
func TestOwnCertificate(t *testing.T) {
	cert, key := certificate(t)
	d := start(t, folder(t), "--tls-cert", cert, "--tls-key", key)
	if d.CAFile != cert {
		t.Errorf("ca_file is %s instead of %s", d.CAFile, cert)
	}
	d.signed(t, production, call{method: "GET", target: "/api/v1/cards/" + demoCard}).want(t, 200)
}

func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "own"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for file, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

// TestTLSVersions: 1.2 and 1.3 are served, 1.0 and 1.1 are not, and nothing is served in plain text.
func TestTLSVersions(t *testing.T) {
	r := onModels(t)
	roots, err := r.roots()
	if err != nil {
		t.Fatal(err)
	}
	address := r.Environments[sandbox].address()
	for version, served := range map[uint16]bool{tls.VersionTLS10: false, tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
		conn, err := tls.Dial("tcp", address, &tls.Config{RootCAs: roots, MinVersion: version, MaxVersion: version})
		if err == nil {
			_ = conn.Close()
		}
		if (err == nil) != served {
			t.Errorf("%s: %v", tls.VersionName(version), err)
		}
	}
	plain, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	_ = plain.SetDeadline(time.Now().Add(wireLimit))
	if _, err := plain.Write([]byte(get("plain").raw(r.Environments[sandbox]))); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 64)
	if n, _ := plain.Read(answer); strings.Contains(string(answer[:n]), " 200 ") {
		t.Errorf("plain text is answered by %q", answer[:n])
	}
}

// TestRefusesToStart: settings that would open what must stay closed end the program before it listens, with a word on why.
func TestRefusesToStart(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing")
	broken := filepath.Join(t.TempDir(), "broken.mmdb")
	if err := os.WriteFile(broken, []byte("no country file"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		flags []string
		says  string
	}{
		"all addresses":          {[]string{"--listen-sandbox", "0.0.0.0:0"}, "allow-remote"},
		"all addresses, IPv6":    {[]string{"--listen-production", "[::]:0"}, "allow-remote"},
		"no address":             {[]string{"--listen-production", ":0"}, "allow-remote"},
		"everybody is a proxy":   {[]string{"--trusted-proxy", "0.0.0.0/0"}, "0.0.0.0/0"},
		"everybody, IPv6":        {[]string{"--trusted-proxy", "::/0"}, "::/0"},
		"two halves":             {[]string{"--trusted-proxy", "0.0.0.0/1", "--trusted-proxy", "128.0.0.0/1"}, ""},
		"no country file":        {[]string{"--country-file", missing}, "missing"},
		"a broken country file":  {[]string{"--country-file", broken}, "broken.mmdb"},
		"certificate, no key":    {[]string{"--tls-cert", missing}, "tls-key"},
		"no certificate":         {[]string{"--tls-cert", missing, "--tls-key", missing}, "missing"},
		"operations for all":     {[]string{"--listen-ops", "0.0.0.0:0"}, ""},
		"unknown flag":           {[]string{"--no-such-flag"}, "no-such-flag"},
		"an upstream of no form": {[]string{"--card-upstream", "ftp://127.0.0.1"}, ""},
		"negative lifetime":      {[]string{"--token-lifetime", "-1s"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			args := append([]string{"dev", "--data", folder(t), "--ready-file", filepath.Join(t.TempDir(), "ready"),
				"--listen-sandbox", "127.0.0.1:0", "--listen-production", "127.0.0.1:0", "--listen-ops", "127.0.0.1:0"}, c.flags...)
			cmd := exec.CommandContext(t.Context(), binary(t), args...)
			timer := time.AfterFunc(startLimit, func() { _ = cmd.Process.Kill() })
			defer timer.Stop()
			out, err := cmd.CombinedOutput()
			if cmd.ProcessState.ExitCode() <= 0 {
				t.Fatalf("%v: %v\n%s", c.flags, err, out)
			}
			if !strings.Contains(string(out), c.says) || len(out) == 0 {
				t.Errorf("the message does not name %q:\n%s", c.says, out)
			}
		})
	}
}

// TestVersion says which program this is.
func TestVersion(t *testing.T) {
	out, err := exec.Command(binary(t), "version").Output()
	if err != nil || !strings.Contains(string(out), "countersign") {
		t.Errorf("%v: %q", err, out)
	}
}
