package tlsfile_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/tlsfile"
)

var start = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// bench is a folder with files and a clock.
type bench struct {
	t   *testing.T
	dir string
	now time.Time
	log bytes.Buffer
}

func newBench(t *testing.T) *bench { return &bench{t: t, dir: t.TempDir(), now: start} }

func (b *bench) path(name string) string { return filepath.Join(b.dir, name) }

func (b *bench) write(name string, text []byte, mode os.FileMode) {
	b.t.Helper()
	if err := errors.Join(os.WriteFile(b.path(name), text, mode), os.Chmod(b.path(name), mode)); err != nil {
		b.t.Fatal(err)
	}
}

// issue makes a self-signed pair for a name, valid from now for so long.
func (b *bench) issue(name string, until time.Duration) (cert, key []byte) {
	b.t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: b.now.Add(min(0, until) - time.Hour), NotAfter: b.now.Add(until), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, k.Public(), k)
	if err != nil {
		b.t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		b.t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})
}

// pair writes a fresh pair as NAME.pem and NAME.key.
func (b *bench) pair(name string, until time.Duration) tlsfile.Pair {
	b.t.Helper()
	cert, key := b.issue(name, until)
	b.write(name+".pem", cert, 0o644)
	b.write(name+".key", key, 0o600)
	return tlsfile.Pair{Certificate: b.path(name + ".pem"), Key: b.path(name + ".key")}
}

func (b *bench) open(ca string, pairs ...tlsfile.Pair) (*tlsfile.Files, error) {
	return tlsfile.Open(tlsfile.Config{Pairs: pairs, ClientCA: ca, Now: func() time.Time { return b.now }, Log: slog.New(slog.NewTextHandler(&b.log, nil))})
}

func (b *bench) must(ca string, pairs ...tlsfile.Pair) *tlsfile.Files {
	b.t.Helper()
	f, err := b.open(ca, pairs...)
	if err != nil {
		b.t.Fatal(err)
	}
	return f
}

// served is the certificate that a caller who asks for a name gets.
func served(t *testing.T, f *tlsfile.Files, name string) string {
	t.Helper()
	c, err := f.Certificate(&tls.ClientHelloInfo{ServerName: name, SupportedVersions: []uint16{tls.VersionTLS13}, SignatureSchemes: []tls.SignatureScheme{tls.ECDSAWithP256AndSHA256}, CipherSuites: []uint16{tls.TLS_AES_128_GCM_SHA256}})
	if err != nil {
		t.Fatal(err)
	}
	return c.Leaf.Subject.CommonName + " " + c.Leaf.SerialNumber.String()
}

func TestANewPairIsPutInForce(t *testing.T) {
	for name, publish := range map[string]func(b *bench, cert, key []byte){
		"written in place": func(b *bench, cert, key []byte) {
			b.write("api.pem", cert, 0o644)
			b.write("api.key", key, 0o600)
		},
		"renamed": func(b *bench, cert, key []byte) {
			b.write("new.pem", cert, 0o644)
			b.write("new.key", key, 0o600)
			for _, end := range []string{".pem", ".key"} {
				if err := os.Rename(b.path("new"+end), b.path("api"+end)); err != nil {
					b.t.Fatal(err)
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			f := b.must("", b.pair("api", 24*time.Hour))
			before := served(t, f, "api")
			if f.Poll() {
				t.Error("nothing changed, and something new is in force")
			}
			cert, key := b.issue("api", 48*time.Hour)
			publish(b, cert, key)
			if !f.Poll() || served(t, f, "api") == before {
				t.Error("the new pair is not in force")
			}
			if s := f.Status(); s[0].Problem != nil || !s[0].NotAfter.Equal(start.Add(48*time.Hour)) {
				t.Errorf("status %+v", s)
			}
		})
	}
}

// TestALinkThatIsExchanged: Kubernetes exchanges a link to a folder, certbot links to files.
func TestALinkThatIsExchanged(t *testing.T) {
	b := newBench(t)
	put := func(folder string) {
		t.Helper()
		cert, key := b.issue("api", time.Hour)
		if err := os.Mkdir(b.path(folder), 0o700); err != nil {
			t.Fatal(err)
		}
		b.write(folder+"/tls.crt", cert, 0o644)
		b.write(folder+"/tls.key", key, 0o640)
		if err := errors.Join(os.Symlink(folder, b.path("next")), os.Rename(b.path("next"), b.path("data"))); err != nil {
			t.Fatal(err)
		}
	}
	put("one")
	if err := errors.Join(os.Symlink("data/tls.crt", b.path("tls.crt")), os.Symlink("data/tls.key", b.path("tls.key"))); err != nil {
		t.Fatal(err)
	}
	f := b.must("", tlsfile.Pair{Certificate: b.path("tls.crt"), Key: b.path("tls.key")})
	before := served(t, f, "api")
	put("two")
	if !f.Poll() || served(t, f, "api") == before {
		t.Error("the exchanged link was not noticed")
	}
}

// TestRule28TheFormerPairStaysWhileTheNewOneIsBad, is told, once in the log, and goes when the files are good.
func TestRule28TheFormerPairStaysWhileTheNewOneIsBad(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(b *bench)
		says  string
	}{
		"half a certificate": {func(b *bench) {
			cert, _ := b.issue("api", time.Hour)
			b.write("api.pem", cert[:len(cert)/2], 0o644)
		}, "not a pair"},
		"a certificate without its key": {func(b *bench) {
			cert, _ := b.issue("api", time.Hour)
			b.write("api.pem", cert, 0o644)
		}, "not a pair"},
		"an empty key":                     {func(b *bench) { b.write("api.key", nil, 0o600) }, "not a pair"},
		"a missing file":                   {func(b *bench) { _ = os.Remove(b.path("api.pem")) }, "no such file"},
		"a folder":                         {func(b *bench) { _ = os.Remove(b.path("api.key")); _ = os.Mkdir(b.path("api.key"), 0o700) }, "not a regular file"},
		"a certificate whose time is over": {func(b *bench) { b.pair("api", -time.Minute) }, "expired"},
		"a certificate of tomorrow": {func(b *bench) {
			b.now = start.Add(24 * time.Hour)
			b.pair("api", time.Hour)
			b.now = start
		}, "not valid until"},
		"a key that others can read": {func(b *bench) { b.pair("api", time.Hour); b.write("api.key", mustRead(b, "api.key"), 0o644) }, "mode 0644"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			f := b.must("", b.pair("api", 24*time.Hour))
			before := served(t, f, "api")
			c.spoil(b)
			for range 3 {
				if f.Poll() {
					t.Fatal("something new is in force")
				}
			}
			if served(t, f, "api") != before {
				t.Error("the former pair is not served any more")
			}
			if s := f.Status()[0]; s.Problem == nil || !strings.Contains(s.Problem.Error(), c.says) {
				t.Errorf("told %v, want %q", s.Problem, c.says)
			}
			if n := strings.Count(b.log.String(), "level=ERROR"); n != 1 {
				t.Errorf("%d errors in the log, want one:\n%s", n, &b.log)
			}
			_ = os.RemoveAll(b.path("api.key"))
			b.pair("api", time.Hour)
			if !f.Poll() || f.Status()[0].Problem != nil || served(t, f, "api") == before {
				t.Errorf("good files are not in force: %v", f.Status()[0].Problem)
			}
		})
	}
}

func mustRead(b *bench, name string) []byte {
	text, err := os.ReadFile(b.path(name))
	if err != nil {
		b.t.Fatal(err)
	}
	return text
}

// TestACertificateThatEndsIsTold, loudly, and served on: there is nothing else to serve.
func TestACertificateThatEndsIsTold(t *testing.T) {
	b := newBench(t)
	f := b.must("", b.pair("api", time.Hour))
	b.now = start.Add(2 * time.Hour)
	f.Poll()
	if err := f.Status()[0].Problem; !errors.Is(err, tlsfile.ErrExpired) {
		t.Errorf("told %v", err)
	}
	again := b.must("", tlsfile.Pair{Certificate: b.path("api.pem"), Key: b.path("api.key")})
	if err := again.Status()[0].Problem; !errors.Is(err, tlsfile.ErrExpired) || served(t, again, "api") != served(t, f, "api") {
		t.Errorf("a start with it: %v", err)
	}
}

func TestAStartNeedsGoodFiles(t *testing.T) {
	b := newBench(t)
	good := b.pair("api", time.Hour)
	b.write("junk.pem", []byte("junk"), 0o600)
	b.write("key-in-ca.pem", append(mustRead(b, "api.pem"), mustRead(b, "api.key")...), 0o600)
	b.write("tail.pem", append(mustRead(b, "api.pem"), "not PEM"...), 0o600)
	for name, open := range map[string]func() error{
		"no pair": func() error { _, err := b.open(""); return err },
		"no file": func() error {
			_, err := b.open("", tlsfile.Pair{Certificate: b.path("x"), Key: b.path("y")})
			return err
		},
		"swapped": func() error {
			_, err := b.open("", tlsfile.Pair{Certificate: good.Key, Key: good.Certificate})
			return err
		},
		"junk authorities":   func() error { _, err := b.open(b.path("junk.pem"), good); return err },
		"a key among them":   func() error { _, err := b.open(b.path("key-in-ca.pem"), good); return err },
		"text behind them":   func() error { _, err := b.open(b.path("tail.pem"), good); return err },
		"no authorities":     func() error { _, err := b.open(b.path("none.pem"), good); return err },
		"nothing configured": func() error { _, err := tlsfile.Open(tlsfile.Config{}); return err },
	} {
		if err := open(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestTheNameChoosesTheCertificate(t *testing.T) {
	b := newBench(t)
	f := b.must("", b.pair("one.example", time.Hour), b.pair("two.example", time.Hour))
	for asked, want := range map[string]string{"one.example": "one.example", "two.example": "two.example", "three.example": "one.example", "": "one.example"} {
		if got := served(t, f, asked); !strings.HasPrefix(got, want+" ") {
			t.Errorf("asked for %q: %s, want %s", asked, got, want)
		}
	}
}

func TestClientAuthoritiesAreReplaced(t *testing.T) {
	b := newBench(t)
	ca := b.pair("ca", time.Hour).Certificate
	f := b.must(ca, b.pair("api", time.Hour))
	before := f.ClientCAs()
	if f.Poll(); f.ClientCAs() != before {
		t.Error("the pool was replaced by itself")
	}
	b.write("ca.pem", []byte("half"), 0o644)
	if f.Poll() || f.ClientCAs() != before || f.Status()[1].Problem == nil {
		t.Error("a bad file replaced the pool, or was not told")
	}
	b.pair("ca", 2*time.Hour)
	if !f.Poll() || f.ClientCAs() == before || f.ClientCAs().Equal(before) || f.Status()[1].Problem != nil {
		t.Error("the new authorities are not in force")
	}
	if b.must("", tlsfile.Pair{Certificate: b.path("api.pem"), Key: b.path("api.key")}).ClientCAs() != nil {
		t.Error("authorities out of nowhere")
	}
}
