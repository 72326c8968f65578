package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// until asks again and again; a server has taken a file up within seconds.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	late := time.After(60 * time.Second)
	for !is() {
		select {
		case <-poll.C:
		case <-late:
			t.Fatalf("never: %s", what)
		}
	}
}

// TestThePlaneFollowsTheConfiguration: what may change without a restart does, and a configuration that cannot be put in force
// leaves the plane as it was.
func TestThePlaneFollowsTheConfiguration(t *testing.T) {
	s := startPlane(t)
	defer s.stop()
	token := s.token()
	before := s.state.Admin
	ok := func() bool { status, _ := s.get("/v1/partners", bearer(token)); return status == http.StatusOK }

	// A checklist and a provider: the same listener, other answers.
	secret := filepath.Join(s.dir, "oidc-secret")
	if err := os.WriteFile(secret, []byte("between us\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.edit("\nrecords:\n", "\nreviews:\n  production:\n    checklist:\n      - {id: contract, title: The contract is signed}\nrecords:\n",
		"tls: {certificate: tls/self-signed.pem", "public_url: "+before+"\n  oidc: {issuer: \"https://login.example.com\", client_id: us, client_secret_file: oidc-secret, roles: [{group: staff, role: admin}]}\n  tls: {certificate: tls/self-signed.pem")
	until(t, "the checklist is in force", func() bool {
		_, body := s.get("/v1/environments", bearer(token))
		return strings.Contains(body, "The contract is signed")
	})
	if _, body := s.get("/sign-in/", nil); !strings.Contains(body, "/sign-in/oidc") {
		t.Errorf("the provider is not offered:\n%s", body)
	}
	if !ok() {
		t.Error("the plane does not answer any more")
	}

	// A secret that others can read is refused, and what was in force goes on (security rule 39).
	if err := os.Chmod(secret, 0o644); err != nil {
		t.Fatal(err)
	}
	s.edit("client_id: us", "client_id: them")
	until(t, "the configuration is refused", func() bool { return strings.Contains(s.log.String(), "holds secrets but has mode 0644") })
	if !ok() {
		t.Error("after a refused configuration the plane does not answer")
	}

	// No plane: nobody listens there any more; and back again, on another port.
	s.edit("client_id: them", "client_id: us", "\nadmin: #", "\n# admin: #")
	if text, err := os.ReadFile(s.file); err != nil || !strings.Contains(string(text), "\n# admin: #") {
		t.Fatalf("%v", err)
	}
	text, err := os.ReadFile(s.file)
	if err != nil {
		t.Fatal(err)
	}
	from, to := strings.Index(string(text), "# admin: #"), strings.Index(string(text), "\nreviews:")
	if err := replaceFile(s.file, append(append([]byte{}, text[:from]...), text[to+1:]...)); err != nil {
		t.Fatal(err)
	}
	until(t, "the plane is gone", func() bool { s.look(); return s.state.Admin == "" })
	if err := replaceFile(s.file, append(append(append([]byte{}, text[:from]...), []byte("admin: {listen: \"127.0.0.1:0\", tls: {certificate: tls/self-signed.pem, key: tls/self-signed-key.pem}}\n")...), text[to+1:]...)); err != nil {
		t.Fatal(err)
	}
	until(t, "the plane is back", func() bool { s.look(); return s.state.Admin != "" })
	if s.state.Admin == before || !ok() {
		t.Errorf("it was at %s and is at %s", before, s.state.Admin)
	}
}
