package main

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/config"
	"countersign.dev/internal/tlsfile"
)

const scopedConfig = `data: /data
admin: ADMIN
records: {checkpoints: {dir: /else, key_file: /keys/c}}
environments:
  sandbox: {hosts: [s.example.com], listeners: [{address: "127.0.0.1:1", tls: {certificate: c, key: k}}], apis: {a: {profile: finci, base_paths: [/a], upstream: {url: "http://127.0.0.1:9"}}}}
  production: {hosts: [p.example.com], listeners: [{address: "127.0.0.1:2", tls: {certificate: c, key: k}}], apis: {a: {profile: finci, base_paths: [/a], upstream: {url: "http://127.0.0.1:9"}}}}
`

// TestOneServerOfAFolderHasThePlane: that of every environment, or of several the one that is told to. Without the key nobody has.
func TestOneServerOfAFolderHasThePlane(t *testing.T) {
	for _, c := range []struct {
		admin  string
		o      serveOptions
		listen bool
	}{
		{"{}", serveOptions{}, true},
		{"{}", serveOptions{environments: []string{"sandbox"}}, false},
		{"{}", serveOptions{environments: []string{"sandbox"}, admin: true}, true},
		{"", serveOptions{admin: true}, false},
	} {
		text := strings.Replace(scopedConfig, "admin: ADMIN", "admin: "+c.admin, 1)
		if c.admin == "" {
			text = strings.Replace(scopedConfig, "admin: ADMIN\n", "", 1)
		}
		cfg, err := config.Parse("c.yaml", []byte(text), nil)
		if err != nil {
			t.Fatal(err)
		}
		s, err := newServer(&c.o, cfg, new(lockedBuffer))
		if err != nil {
			t.Fatal(err)
		}
		p := s.planeOf(cfg)
		if (p != nil) != c.listen || p != nil && (p.address != "127.0.0.1:9901" || !p.loopback() || p.tls != nil) {
			t.Errorf("admin %q, %+v: %+v", c.admin, c.o, p)
		}
		s.close()
	}
}

// TestAnEndedPlaneCertificateTakesNoCallerOut: operators cannot connect any more, and readiness says so under its own name; what
// partners are served by is judged by their listeners' certificates alone.
func TestAnEndedPlaneCertificateTakesNoCallerOut(t *testing.T) {
	a := newAssembly(t.TempDir(), nil, discard(), 1)
	t.Cleanup(a.close)
	pair := tlsfile.Pair{Certificate: filepath.Join(a.dir, "c.pem"), Key: filepath.Join(a.dir, "k.pem")}
	if err := makeSelfSigned(pair.Certificate, pair.Key, []string{"localhost"}); err != nil {
		t.Fatal(err)
	}
	files, err := tlsfile.Open(tlsfile.Config{Pairs: []tlsfile.Pair{pair}, Now: clock, Log: discard()})
	if err != nil {
		t.Fatal(err)
	}
	g := &generation{a: a, blueprint: &blueprint{}, surfaces: []*surface{{files: files}}}
	a.current.Store(g)
	if a.planeCertificate() != nil || a.certificatesInTime() != nil {
		t.Errorf("a fresh certificate: %v, %v", a.planeCertificate(), a.certificatesInTime())
	}
	a.now = func() time.Time { return clock().Add(selfSignedFor + time.Hour) }
	if a.planeCertificate() == nil || a.certificatesInTime() != nil {
		t.Errorf("an ended one: %v, %v", a.planeCertificate(), a.certificatesInTime())
	}
	g.doors = map[string]*door{"x": {files: files}}
	if a.certificatesInTime() == nil {
		t.Error("an ended certificate of partners' listener goes unnoticed")
	}
}
