package main

import (
	"bufio"
	"crypto/tls"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	operators "countersign.dev/internal/operator"
	"countersign.dev/internal/registry"
)

const portalKeys = "portal: {listen: \"127.0.0.1:0\", tls: {certificate: tls/self-signed.pem, key: tls/self-signed-key.pem}}\n"

// at asks a listener of the server for a page.
func (s *planeServer) at(base, path string, edit func(*http.Request)) (int, string) {
	s.t.Helper()
	admin := s.state.Admin
	s.state.Admin = base
	defer func() { s.state.Admin = admin }()
	return s.get(path, edit)
}

// TestServeHasAPortalOnlyWhereItIsAskedFor: on a listener of its own, which answers nothing of the operators' plane.
func TestServeHasAPortalOnlyWhereItIsAskedFor(t *testing.T) {
	s := startPlane(t)
	defer s.stop()
	if s.state.Portal != "" {
		t.Fatalf("without being asked for, there is a portal at %s", s.state.Portal)
	}
	token := s.token()
	s.edit("\nrecords:\n", "\n"+portalKeys+"records:\n")
	until(t, "the portal is open", func() bool { s.look(); return s.state.Portal != "" })
	first := s.state.Portal
	if !strings.HasPrefix(first, "https://localhost:") || first == s.state.Admin {
		t.Errorf("the portal is at %q, the plane at %q", first, s.state.Admin)
	}
	if status, body := s.at(first, "/", nil); status != http.StatusOK || !strings.Contains(body, "Sign in") {
		t.Errorf("the portal: %d %s", status, body)
	}
	for _, path := range []string{"/v1/partners", "/v1/me", "/console/", "/console/tail"} {
		if status, body := s.at(first, path, bearer(token)); status == http.StatusOK || strings.Contains(body, "Example Bank") {
			t.Errorf("%s at the portal: %d %s", path, status, body)
		}
	}
	if status, _ := s.at(first, "/portal/start", func(r *http.Request) { r.Host = "evil.example" }); status != http.StatusMisdirectedRequest {
		t.Errorf("as another host: %d", status)
	}
	if status, _ := s.get("/portal/start", nil); status != http.StatusNotFound {
		t.Errorf("the portal's pages at the operators' plane: %d", status)
	}
	// A reload that changes something else keeps it open; one that takes it away closes it.
	s.edit("keep: 400d", "keep: 400d # unchanged", "\nportal: {", "\nreviews: {production: {checklist: [{id: a, title: The title}]}}\nportal: {")
	until(t, "the checklist is in force", func() bool {
		_, body := s.get("/v1/environments", bearer(token))
		return strings.Contains(body, "The title")
	})
	if status, _ := s.at(first, "/", nil); status != http.StatusOK {
		t.Errorf("after a reload: %d", status)
	}
	s.edit(portalKeys, "")
	until(t, "the portal is gone", func() bool { s.look(); return s.state.Portal == "" })
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: s.roots}}
	defer transport.CloseIdleConnections()
	until(t, "nobody answers where it was", func() bool {
		answer, err := (&http.Client{Transport: transport}).Get(first)
		if err == nil {
			_ = answer.Body.Close()
		}
		return err != nil
	})
}

// TestALiveTailHoldsNothingUp: neither a reload, which it is told of, nor the end of the server.
func TestALiveTailHoldsNothingUp(t *testing.T) {
	s := startPlane(t)
	stopped := false
	defer func() {
		if !stopped {
			s.stop()
		}
	}()
	token := s.service(registry.ServiceCreate{Name: "tail", Roles: []operators.Role{operators.Viewer}, NotAfter: time.Now().Add(time.Hour)})
	tail := func() *bufio.Reader {
		r, err := http.NewRequestWithContext(t.Context(), "GET", s.state.Admin+"/v1/decisions/tail", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token)
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: s.roots}}
		t.Cleanup(transport.CloseIdleConnections)
		answer, err := (&http.Client{Transport: transport}).Do(r)
		if err != nil || answer.StatusCode != http.StatusOK {
			t.Fatalf("%v, %v\n%s", answer, err, s.log)
		}
		t.Cleanup(func() { _ = answer.Body.Close() })
		lines := bufio.NewReader(answer.Body)
		if line, err := lines.ReadString('\n'); err != nil || line != ": open\n" {
			t.Fatalf("%q, %v", line, err)
		}
		return lines
	}
	ends := func(what string, lines *bufio.Reader) {
		t.Helper()
		rest, err := io.ReadAll(lines)
		if err != nil || !strings.HasSuffix(string(rest), "event: end\ndata: {\"reason\":\"closing\"}\n\n") {
			t.Errorf("%s: the stream ends with %q, %v", what, rest, err)
		}
	}
	first := tail()
	s.edit("\nrecords:\n", "\nreviews: {production: {checklist: [{id: a, title: The title}]}}\nrecords:\n")
	ends("at a reload", first)
	second := tail()
	done := make(chan struct{})
	go func() {
		defer close(done)
		ends("at the end", second)
	}()
	stopped = true
	s.stop()
	<-done
	if strings.Contains(s.log.String(), "were cut off\"") {
		t.Errorf("the stream was cut off:\n%s", s.log)
	}
}
