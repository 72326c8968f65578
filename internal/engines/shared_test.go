package engines_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/config"
	"countersign.dev/internal/engines"
	"countersign.dev/internal/rate"
	"countersign.dev/internal/redistest"
	replays "countersign.dev/internal/replay/valkey"
	"countersign.dev/internal/secret"
	"countersign.dev/internal/store"
)

// configured is a configuration of one environment with further settings.
func configured(t *testing.T, settings string) *config.Config {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "countersign.yaml")
	text := "data: data\nkeys: {file: master.key}\n" + settings + `
environments:
  sandbox:
    listeners: [{address: "127.0.0.1:0", tls: {certificate: c, key: k}}]
    apis:
      card: {profile: finci, base_paths: [/api], upstream: {url: "http://127.0.0.1:1"}}
`
	key := secret.KeyFile{Path: filepath.Join(dir, "master.key"), Create: true, Rand: rand.Reader}
	if _, err := key.Keys(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Mkdir(filepath.Join(dir, "data"), 0o700), os.WriteFile(file, []byte(text), 0o600)); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func shared(t *testing.T, settings string) (*engines.Shared, error) {
	t.Helper()
	s, err := engines.OpenShared(engines.SharedConfig{Config: configured(t, settings), Now: time.Now, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if s != nil {
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	return s, err
}

// TestWhatIsNamedIsOpened: one link for what the configuration keeps on the server, and nothing for what it does not.
func TestWhatIsNamedIsOpened(t *testing.T) {
	server := redistest.Start(t)
	at := "valkey: {addresses: [" + server.Address + "], timeout: 5s, prefix: mine}\n"
	for _, c := range []struct {
		settings           string
		opens, guard, rate bool
	}{
		{"", false, false, false},
		{at, false, false, false},
		{at + "replay: {engine: valkey}\n", true, true, false},
		{at + "limits: {engine: valkey}\n", true, false, true},
		{at + "replay: {engine: valkey}\nlimits: {engine: valkey}\n", true, true, true},
	} {
		s, err := shared(t, c.settings)
		if err != nil || (s != nil) != c.opens {
			t.Errorf("%q: %v, %v", c.settings, s, err)
			continue
		}
		if s != nil && ((s.Guard != nil) != c.guard || (s.Limiter != nil) != c.rate || s.Link.Ready() != nil) {
			t.Errorf("%q: guard %v, limiter %v, %v", c.settings, s.Guard, s.Limiter, s.Link.Ready())
		}
	}
	s, err := shared(t, at+"replay: {engine: valkey}\nlimits: {engine: valkey}\n")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().Unix()
	if fresh, err := s.Guard.Claim([32]byte{1}, now+60, now); !fresh || err != nil {
		t.Errorf("a claim: %v, %v", fresh, err)
	}
	pace, err := rate.NewPace(1, time.Hour, 1)
	if err != nil {
		t.Fatal(err)
	}
	if in, err := s.Limiter.Take([]rate.Bucket{{Key: rate.Key{1}, Pace: pace}}); !in || err != nil {
		t.Errorf("a request: %v, %v", in, err)
	}
	keys := server.Do(t, "KEYS", "*")
	if !strings.Contains(keys, "mine{") || strings.Contains(keys, "countersign:") {
		t.Errorf("the prefix is not that of the configuration: %s", keys)
	}
	if w := s.Warnings(); len(w) != 1 || !strings.Contains(w[0], "appendonly yes") {
		t.Errorf("of a server without an append-only file is said: %q", w)
	}
}

// TestChoicesReachTheEngines: refusing is the default of both.
func TestChoicesReachTheEngines(t *testing.T) {
	dead := redistest.Start(t)
	dead.Kill(t)
	at := "valkey: {addresses: [" + dead.Address + "]}\n"
	for _, choice := range []string{"", "refuse", "allow"} {
		word := ""
		if choice != "" {
			word = ", unreachable: " + choice
		}
		s, err := shared(t, at+"replay: {engine: valkey"+word+"}\nlimits: {engine: valkey"+word+"}\n")
		if err != nil {
			t.Fatalf("a server that is away keeps nobody from starting: %v", err)
		}
		now := time.Now().Unix()
		fresh, err := s.Guard.Claim([32]byte{1}, now+60, now)
		var unjudged *replays.Unjudged
		if fresh || err == nil || errors.As(err, &unjudged) != (choice == "allow") {
			t.Errorf("%q: a claim: %v, %v", choice, fresh, err)
		}
		if in, err := s.Limiter.Take([]rate.Bucket{{Key: rate.Key{1}, Daily: 1}}); in != (choice == "allow") || (err == nil) != in {
			t.Errorf("%q: a request: %v, %v", choice, in, err)
		}
	}
}

func TestACacheThatMayForgetDoesNotOpen(t *testing.T) {
	server := redistest.Start(t, "--maxmemory", "50mb", "--maxmemory-policy", "allkeys-lru")
	if s, err := shared(t, "valkey: {addresses: ["+server.Address+"]}\nreplay: {engine: valkey}\n"); !errors.Is(err, replays.ErrPolicy) || s != nil {
		t.Errorf("%v, %v", s, err)
	}
}

// TestTheCacheProvesItself: with the authority that the configuration names, and with no other.
func TestTheCacheProvesItself(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := selfSigned(t, dir, "cache")
	other, _ := selfSigned(t, dir, "other")
	server := redistest.StartTLS(t, certFile, keyFile)
	at := `valkey: {addresses: ["` + server.Address + `"], timeout: 5s, tls: {ca_file: `
	s, err := shared(t, at+certFile+"}}\nreplay: {engine: valkey}\n")
	if err != nil || s.Link.Ready() != nil {
		t.Errorf("the right authority: %v, %v", s, err)
	}
	s, err = shared(t, at+other+"}}\nreplay: {engine: valkey}\n")
	if err != nil || s.Link.Ready() == nil {
		t.Errorf("another authority: %v", err)
	}
	for _, file := range []string{filepath.Join(dir, "none"), keyFile, dir} {
		if s, err := shared(t, at+file+"}}\nreplay: {engine: valkey}\n"); err == nil || s != nil {
			t.Errorf("%s as authorities: %v", file, err)
		}
	}
	if err := os.Chmod(keyFile, 0o644); err != nil {
		t.Fatal(err)
	}
	if s, err := shared(t, at+certFile+", cert_file: "+certFile+", key_file: "+keyFile+"}}\nreplay: {engine: valkey}\n"); err == nil || s != nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("rule 39, a key that others can read: %v", err)
	}
	if s, err := shared(t, at+certFile+", cert_file: "+certFile+", key_file: "+other+"}}\nreplay: {engine: valkey}\n"); err == nil || s != nil {
		t.Errorf("a certificate without its key: %v", err)
	}
}

func selfSigned(t *testing.T, dir, name string) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	text, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile = filepath.Join(dir, name+".pem"), filepath.Join(dir, name+"-key.pem")
	err = errors.Join(os.WriteFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644),
		os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: text}), 0o600))
	if err != nil {
		t.Fatal(err)
	}
	return certFile, keyFile
}

// TestARegisterIsOpenedAsItIsNamed: in either engine, never made, and never without its keys.
func TestARegisterIsOpenedAsItIsNamed(t *testing.T) {
	for _, settings := range []string{"", "register: {engine: postgres, url_file: " + database(t).URLFile + "}\n"} {
		c := configured(t, settings)
		if _, _, err := engines.OpenRegister(t.Context(), engines.RegisterConfig{Config: c}); !errors.Is(err, store.ErrMissing) {
			t.Errorf("%q: nothing is there: %v", settings, err)
		}
		made, err := engines.OpenStore(t.Context(), engines.StoreConfig{Place: engines.PlaceOf(c), Create: true})
		if err != nil || made.Close() != nil {
			t.Fatal(err)
		}
		r, s, err := engines.OpenRegister(t.Context(), engines.RegisterConfig{Config: c})
		if err != nil {
			t.Fatalf("%q: %v", settings, err)
		}
		if err := errors.Join(r.EnsureSealingKey(t.Context(), admin, "sandbox"), s.Close()); err != nil {
			t.Errorf("%q: seal: %v", settings, err)
		}
		if s.Shared() != (settings != "") {
			t.Errorf("%q: shared %v", settings, s.Shared())
		}
		if err := os.Remove(c.Keys.File); err != nil {
			t.Fatal(err)
		}
		if _, _, err := engines.OpenRegister(t.Context(), engines.RegisterConfig{Config: c}); !errors.Is(err, engines.ErrKeys) || !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%q: without keys: %v", settings, err)
		}
	}
}
