package deploy_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"countersign.dev/internal/heldport"
	"countersign.dev/internal/redistest"
	"countersign.dev/internal/store/postgrestest"
)

// TestTheGatewaysConfigurationServes runs what a pod of the gateway runs, as processes of this machine: own-secrets over a volume as it is
// mounted, then serve with the configuration of the ConfigMap, over a PostgreSQL and a Redis server; it becomes ready, and drains.
func TestTheGatewaysConfigurationServes(t *testing.T) {
	binary, dir := program(t), t.TempDir()
	at := func(path string) string { return filepath.Join(dir, path) }
	for _, folder := range []string{"mounted/..data", "run/countersign", "etc/countersign/tls", "etc/countersign/valkey-ca", "etc/countersign/upstream-ca", "var/lib/countersign", "var/lib/checkpoints"} {
		if err := os.MkdirAll(at(folder), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	certificate, key := testCertificate(t)
	for file, text := range map[string]string{"etc/countersign/tls/tls.crt": certificate, "etc/countersign/tls/tls.key": key, "etc/countersign/valkey-ca/ca.crt": certificate,
		"etc/countersign/upstream-ca/ca.crt": certificate, "mounted/..data/valkey-password": "hush\n"} {
		write(t, at(file), text, 0o440)
	}
	cache := redistest.StartTLS(t, at("etc/countersign/tls/tls.crt"), at("etc/countersign/tls/tls.key"))
	cache.Do(t, "CONFIG", "SET", "maxmemory-policy", "noeviction")
	cache.Do(t, "ACL", "SETUSER", "countersign", "on", ">hush", "~*", "+@all")
	url := at("register.url")
	write(t, url, postgrestest.Start(t).Database(t)+"\n", 0o600)
	command(t, binary, "init", "--dir", at("seed"), "--register", url, "--self-signed", "--checkpoints", at("else"), "--listen-admin", "off")
	for name, from := range map[string]string{"master.key": at("seed/keys/master.key"), "checkpoint.key": at("seed/keys/checkpoint.key"), "register.url": url} {
		text, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		write(t, at("mounted/..data/"+name), string(text), 0o440)
	}
	for _, name := range []string{"master.key", "checkpoint.key", "register.url", "valkey-password"} {
		if err := os.Symlink("..data/"+name, at("mounted/"+name)); err != nil {
			t.Fatal(err)
		}
	}
	command(t, binary, "own-secrets", at("mounted"), at("run/countersign/own"))
	file, ops := at("countersign.yaml"), heldport.Hold(t, "127.0.0.1")
	write(t, file, strings.NewReplacer("countersign-valkey.countersign.svc:6379", cache.Address, "0.0.0.0:8443", "127.0.0.1:0", "0.0.0.0:9900", ops, "lameduck: 15s", "lameduck: 1s",
		"/run/countersign/", dir+"/run/countersign/", "/etc/countersign/", dir+"/etc/countersign/", "/var/lib/", dir+"/var/lib/").Replace(configMap(t)), 0o600)
	serves(t, binary, file)
}

// configMap is the configuration of the gateway's nodes, as text.
func configMap(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("kubernetes/gateway/config.yaml")
	if err != nil {
		t.Fatal(err)
	}
	_, body, found := strings.Cut(string(text), "  countersign.yaml: |\n")
	if !found {
		t.Fatal("the ConfigMap has no configuration")
	}
	return strings.ReplaceAll("\n"+body, "\n    ", "\n")[1:]
}

// serves runs a server until it is ready, and ends it as a pod is ended.
func serves(t *testing.T, binary, file string) {
	t.Helper()
	var log strings.Builder
	s := exec.CommandContext(t.Context(), binary, "serve", "--config", file)
	s.Stderr, s.SysProcAttr = &log, &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Wait() }()
	deadline, ticker := time.After(2*time.Minute), time.NewTicker(100*time.Millisecond)
	defer ticker.Stop()
	for last := ""; ; {
		select {
		case err := <-ended:
			t.Fatalf("it ended: %v\n%s", err, &log)
		case <-deadline:
			_ = s.Process.Kill()
			<-ended
			t.Fatalf("it does not become ready: %s\n%s", last, &log)
		case <-ticker.C:
		}
		out, err := exec.CommandContext(t.Context(), binary, "ready", "--config", file).CombinedOutput()
		if last = string(out); err == nil {
			break
		}
	}
	if err := s.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Errorf("it ended with %v\n%s", err, &log)
	}
}

func command(t *testing.T, binary string, args ...string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), binary, args...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", args, err, out)
	}
}

func write(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

// testCertificate is one for loopback and the name of the gateway, and its key.
func testCertificate(t *testing.T) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, DNSNames: []string{"api.example.com"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(90 * 24 * time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	text, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: text}))
}
