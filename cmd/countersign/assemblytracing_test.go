package main

import (
	"bytes"
	"compress/gzip"
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"
)

// gatewayClient calls the production listener of s.
func (s *planeServer) gatewayClient() (client *http.Client, base string) {
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: s.roots}}
	s.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 30 * time.Second}, "https://" + s.state.Listeners[0]
}

// TestServeSendsSpans: what the configuration names gets them, with the headers of its file, the last ones at the end of the server;
// a receiver that is away holds nobody up and is told.
func TestServeSendsSpans(t *testing.T) {
	batches, refuse := make(chan *collector.ExportTraceServiceRequest, 100), make(chan bool, 1)
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-refuse:
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		default:
		}
		if got := r.Header.Get("Authorization"); got != "Bearer hush" {
			t.Errorf("the receiver was told %q", got)
		}
		text, err := gzip.NewReader(r.Body)
		if err != nil {
			t.Error(err)
			return
		}
		raw, _ := io.ReadAll(text)
		m := new(collector.ExportTraceServiceRequest)
		if err := proto.Unmarshal(raw, m); err != nil || bytes.Contains(raw, []byte("secret-query")) {
			t.Errorf("%v: %q", err, raw)
		}
		batches <- m
	}))
	t.Cleanup(receiver.Close)
	file := filepath.Join(t.TempDir(), "headers")
	if err := os.WriteFile(file, []byte("Authorization: Bearer hush\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := startPlane(t, "\nenvironments:", "\ntracing: {endpoint: \""+receiver.URL+"/v1/traces\", sample: 100%, headers_file: "+file+"}\n\nenvironments:")
	refuse <- true
	client, base := s.gatewayClient()
	ask := func() {
		answer, err := client.Get(base + "/nothing?secret-query")
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
	}
	ask()
	until(t, "readiness tells that the receiver is away", func() bool {
		code, text := fetchPlain(t, s.state.Ops+"/readyz")
		_, metrics := fetchPlain(t, s.state.Ops+"/metrics")
		return code == http.StatusOK && strings.Contains(text, `"tracing","state":"failing"`) && strings.Contains(metrics, "countersign_spans_failed_total 1")
	})
	ask()
	s.stop()
	select {
	case m := <-batches:
		span := m.ResourceSpans[0].ScopeSpans[0].Spans[0]
		if !strings.HasPrefix(span.Name, "GET") || len(span.TraceId) != 16 {
			t.Errorf("the span is %v", span)
		}
	default:
		t.Errorf("the last span was not sent\n%s", s.log)
	}
	if strings.Contains(s.log.String(), "hush") {
		t.Error("the log holds the token")
	}
}
