package e2e_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
)

// TestDoorExtAuthz asks the real binary over gRPC and TLS, with the secret of the door and a certificate of the proxy. The check
// requests are synthetic: built from the protocol definition, and not recorded from Envoy.
func TestDoorExtAuthz(t *testing.T) {
	s := newSite(t)
	address := freeAddress(t)
	const shared = "a-secret-of-the-tests-shared-by-a-door"
	secret := put(t, filepath.Join(t.TempDir(), "secret"), shared+"\n")
	text := strings.Replace(s.text(), "    apis:\n", fmt.Sprintf(`    doors:
      - kind: ext_authz
        address: %q
        proxies: [127.0.0.1/32]
        secret_file: %s
        tls: {certificate: %s, key: %s}
        client_ca_file: %s
        envoy: {with_request_body: true}
    apis:
`, address, secret, s.cert, s.key, s.cert), 1)
	s.writeText(t, text)
	server := s.serveAs(t, exec.Command(binary(t)))
	client, bare := s.envoyClient(t, address, true), s.envoyClient(t, address, false)
	card := server.Environments[sandbox].Card
	sign := func(method, target, body string) [][2]string {
		ts := strconv.FormatInt(time.Now().Unix(), 10)
		return [][2]string{{"accept", "application/json"}, {"x-auth-token", card.APIToken}, {"x-auth-timestamp", ts}, {"x-auth-signature", mac(card.APISecret, ts, method, target, body)}}
	}
	ask := func(check *authv3.CheckRequest, secret string) (*authv3.CheckResponse, decision) {
		t.Helper()
		ctx, cancel := context.WithTimeout(metadata.AppendToOutgoingContext(context.Background(), "countersign-door-secret", secret), startLimit)
		defer cancel()
		answer, err := client.Check(ctx, check)
		if err != nil {
			t.Fatal(err)
		}
		return answer, server.awaitLine(t, answer.GetDynamicMetadata().GetFields()["request_id"].GetStringValue())
	}
	answer, line := ask(syntheticCheckOf("POST", "x", 1, sign), shared)
	if answer.GetOkResponse() == nil || line.text("decision") != "allow" || line.text("door") != "envoy" || line.text("partner") == "" {
		t.Errorf("honest: %v, %v", answer, line)
	}
	forged := syntheticCheckOf("POST", "x", 2, sign)
	forged.Attributes.Request.Http.RawBody[2] ^= 1
	answer, line = ask(forged, shared)
	if answer.GetDeniedResponse().GetStatus().GetCode() != 401 || line.text("reason") != "bad_signature" {
		t.Errorf("forged: %v, %v", answer, line)
	}
	cut := syntheticCheckOf("POST", "x", 3, sign)
	cut.Attributes.Request.Http.RawBody = cut.Attributes.Request.Http.RawBody[:3]
	answer, line = ask(cut, shared)
	if answer.GetDeniedResponse().GetStatus().GetCode() != 400 || line.text("reason") != "body_not_seen" {
		t.Errorf("cut: %v, %v", answer, line)
	}
	answer, line = ask(syntheticExchange(server.Environments[sandbox]), shared)
	if denied := answer.GetDeniedResponse(); denied.GetStatus().GetCode() != 200 || !strings.Contains(denied.GetBody(), `"token"`) || line.text("decision") != "allow" {
		t.Errorf("the token endpoint: %v, %v", answer, line)
	}
	answer, line = ask(syntheticCheckOf("GET", "", 4, sign), "another-secret-of-the-tests")
	if answer.GetDeniedResponse().GetStatus().GetCode() != 403 || line.text("reason") != "unknown_proxy" {
		t.Errorf("another secret: %v, %v", answer, line)
	}
	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	if answer, err := bare.Check(ctx, syntheticCheckOf("GET", "", 5, sign)); err == nil {
		t.Errorf("without a certificate: %v", answer)
	}

	s.writeText(t, strings.Replace(text, "proxies: [127.0.0.1/32]", "proxies: [192.0.2.1/32]", 1))
	server.hangup(t)
	server.reloaded(t, 1)
	if answer, line = ask(syntheticCheckOf("GET", "", 6, sign), shared); line.text("reason") != "unknown_proxy" {
		t.Errorf("after a reload without the proxy: %v", answer)
	}
	mustStop(t, server)
	if answer, err := client.Check(ctx, syntheticCheckOf("GET", "", 7, sign)); err == nil {
		t.Errorf("after the end: %v", answer)
	}
}

// awaitLine waits for the decision line of a request.
func (d *dev) awaitLine(t *testing.T, id string) decision {
	t.Helper()
	for begun := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		if l := d.find(t, id); l != nil {
			return l
		}
		if time.Since(begun) > startLimit {
			t.Fatalf("no decision line for %q", id)
		}
	}
}

// envoyClient is a client of the door's, with or without the proxy's certificate.
func (s *site) envoyClient(t *testing.T, address string, shows bool) authv3.AuthorizationClient {
	t.Helper()
	pem, err := os.ReadFile(s.cert)
	if err != nil {
		t.Fatal(err)
	}
	policy := &tls.Config{RootCAs: x509.NewCertPool()}
	policy.RootCAs.AppendCertsFromPEM(pem)
	if shows {
		pair, err := tls.LoadX509KeyPair(s.cert, s.key)
		if err != nil {
			t.Fatal(err)
		}
		policy.Certificates = []tls.Certificate{pair}
	}
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(credentials.NewTLS(policy)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return authv3.NewAuthorizationClient(conn)
}

// syntheticExchange is a check request for a call of the token endpoint.
func syntheticExchange(e environment) *authv3.CheckRequest {
	app := e.Aggregation
	check := syntheticCheckOf("GET", "", 0, func(string, string, string) [][2]string { return nil })
	h := check.Attributes.Request.Http
	h.Method, h.Path = "POST", app.BasePath+"/v2/partners/authentication"
	h.RawBody = fmt.Appendf(nil, `{"partnerId":%q,"partnerSecret":%q}`, app.PartnerID, app.PartnerSecret)
	h.Size, h.HeaderMap.Headers = int64(len(h.RawBody)), nil
	for _, f := range [][2]string{{":authority", h.Host}, {":path", h.Path}, {":method", h.Method}, {"content-type", "application/json"}, {"accept", "application/json"},
		{"finicity-app-key", app.AppKey}, {"content-length", strconv.Itoa(len(h.RawBody))}, {"x-envoy-auth-partial-body", "false"}} {
		h.HeaderMap.Headers = append(h.HeaderMap.Headers, &corev3.HeaderValue{Key: f[0], RawValue: []byte(f[1])})
	}
	return check
}
