package doortest_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/blueprint"
	"countersign.dev/internal/edge/clientip"
	asked "countersign.dev/internal/edge/door"
	"countersign.dev/internal/edge/doortest"
	"countersign.dev/internal/edge/doortest/worldtest"
	"countersign.dev/internal/edge/extauthz"
	"countersign.dev/internal/edge/forwardauth"
	"countersign.dev/internal/edge/gateway"
	"countersign.dev/internal/edge/tokens"
	rates "countersign.dev/internal/rate/memory"
	"countersign.dev/internal/replay/memory"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/protobuf/proto"
)

// Neither Envoy nor Traefik ran here. What follows does with a request what their documentation says that they do.

// plainRequest is a request taken apart as it stands, for a proxy that mends nothing.
type plainRequest struct {
	method, target, protocol, host string
	fields                         [][2]string // names as they came
	body                           string
	length                         string // as declared; empty: it was not
}

// apart takes raw bytes apart. Whatever is wrong with them on the wire is not for here.
func apart(t *testing.T, raw string) plainRequest {
	t.Helper()
	head, body, _ := strings.Cut(raw, "\r\n\r\n")
	lines := strings.Split(head, "\r\n")
	r := plainRequest{}
	r.method, r.target, _ = strings.Cut(lines[0], " ")
	at := strings.LastIndexByte(r.target, ' ')
	r.target, r.protocol = r.target[:at], r.target[at+1:]
	chunks := false
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ":")
		value = strings.Trim(value, " \t")
		switch strings.ToLower(name) {
		case "host":
			r.host = value
			continue
		case "content-length":
			r.length = value
		case "transfer-encoding":
			chunks = true
		}
		r.fields = append(r.fields, [2]string{name, value})
	}
	if chunks {
		parsed, err := http.ReadRequest(bufio.NewReader(strings.NewReader("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + body)))
		must(t, err)
		whole, err := io.ReadAll(parsed.Body)
		must(t, err)
		body = string(whole)
	}
	r.body = body
	return r
}

// decided is the pipeline of a world, as the doors for other proxies have it.
func decided(t *testing.T, w *worldtest.World, kind string, exchange bool) (*asked.Door, []*access.API, *reasons) {
	t.Helper()
	guard, err := memory.Open(memory.Config{Dir: filepath.Join(t.TempDir(), "replay"), Now: time.Now})
	must(t, err)
	t.Cleanup(func() { _ = guard.Close() })
	limiter, err := rates.Open(rates.Config{Now: time.Now})
	must(t, err)
	t.Cleanup(func() { _ = limiter.Close() })
	cfg, schemes := access.Config{Replay: guard, Limiter: limiter, Now: time.Now}, blueprint.Schemes{}
	var own []*access.API
	for i := range w.Config.Environments {
		e := &w.Config.Environments[i]
		for j := range e.APIs {
			api, err := schemes.API(e, &e.APIs[j])
			must(t, err)
			cfg.APIs = append(cfg.APIs, api)
			if e.Name == "sandbox" {
				own = append(own, api)
			}
		}
	}
	decider, err := access.New(cfg)
	must(t, err)
	roster, err := w.Register.Roster(ctx)
	must(t, err)
	must(t, decider.Load(roster, time.Now()))
	address, err := clientip.New(clientip.Config{})
	must(t, err)
	record := new(reasons)
	question := asked.Config{Environment: "sandbox", Kind: kind, Decider: decider, APIs: own, Address: address, Record: record, Now: time.Now}
	if exchange {
		question.Exchange, err = tokens.New(tokens.Config{Registry: w.Register, Issuer: decider, Now: time.Now})
		must(t, err)
	}
	d, err := asked.New(question)
	must(t, err)
	return d, own, record
}

// asker is a synthetic proxy: it holds a request, asks, and forwards or answers.
type asker func(t *testing.T, raw string) (answer, []arrival)

// TestRule16TheDoorOfEnvoyDecidesAlike: check requests from the protocol definition, answered by the real checker. Not run against Envoy
// itself.
func TestRule16TheDoorOfEnvoyDecidesAlike(t *testing.T) {
	w := worldtest.New(t)
	d, own, record := decided(t, w, "envoy", true)
	checker, err := extauthz.New(extauthz.Config{Door: d, Proxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Buffered: true, RawHeaders: true, Covered: extauthz.Covered(own), Now: time.Now})
	must(t, err)
	synthetic(t, w, doortest.Envoy, record, func(t *testing.T, raw string) (answer, []arrival) {
		r := apart(t, raw)
		if status := r.throughEnvoy(); status != 0 {
			return answer{status: status}, nil
		}
		message, err := proto.Marshal(syntheticCheck(r))
		must(t, err)
		said := new(authv3.CheckResponse)
		must(t, proto.Unmarshal(checker.Check(ctx, message, netip.MustParseAddr("127.0.0.1")), said))
		if ok := said.GetOkResponse(); ok != nil {
			return forwardedByEnvoy(r, ok)
		}
		denied := said.GetDeniedResponse()
		a := answer{status: int(denied.GetStatus().GetCode()), header: http.Header{}, body: denied.GetBody()}
		for _, h := range denied.GetHeaders() {
			a.header.Add(h.GetHeader().GetKey(), text(h.GetHeader()))
		}
		a.id = a.header.Get("Countersign-Request-Id")
		return a, nil
	})
}

func text(h *corev3.HeaderValue) string {
	if len(h.GetRawValue()) > 0 {
		return string(h.GetRawValue())
	}
	return h.GetValue()
}

// syntheticCheck is the check request that the filter makes with encode_raw_headers and pack_as_bytes.
func syntheticCheck(r plainRequest) *authv3.CheckRequest {
	h := &authv3.AttributeContext_HttpRequest{Id: "1", Method: r.method, Path: strings.ToValidUTF8(r.target, "!"), Host: r.host, Scheme: "https", Protocol: r.protocol, Size: int64(len(r.body)), HeaderMap: &corev3.HeaderMap{}}
	add := func(name, value string) {
		h.HeaderMap.Headers = append(h.HeaderMap.Headers, &corev3.HeaderValue{Key: name, RawValue: []byte(value)})
	}
	add(":authority", r.host)
	add(":path", r.target)
	add(":method", r.method)
	add(":scheme", "https")
	for _, f := range r.fields {
		if name := strings.ToLower(f[0]); name != "x-envoy-auth-partial-body" { // the filter leaves a caller's own out
			add(name, f[1])
		}
	}
	if r.body != "" {
		h.RawBody = []byte(r.body)
		add("x-envoy-auth-partial-body", "false")
	}
	peer := &authv3.AttributeContext_Peer{Address: &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{Address: "127.0.0.1",
		PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: 1}}}}}
	return &authv3.CheckRequest{Attributes: &authv3.AttributeContext{Source: peer, Request: &authv3.AttributeContext_Request{Http: h}}}
}

// forwardedByEnvoy overwrites and then removes what it was told to, in the filter's order, and forwards.
func forwardedByEnvoy(r plainRequest, ok *authv3.OkHttpResponse) (answer, []arrival) {
	header := http.Header{}
	for _, f := range r.fields {
		header.Add(f[0], f[1])
	}
	for _, h := range ok.GetHeaders() {
		header.Set(h.GetHeader().GetKey(), text(h.GetHeader()))
	}
	id := header.Get("Countersign-Request-Id")
	for _, name := range ok.GetHeadersToRemove() {
		header.Del(name)
	}
	return answer{status: 200, id: id}, []arrival{of(r, header)}
}

// of is what arrives of a request with a header.
func of(r plainRequest, header http.Header) arrival {
	a := arrival{Method: r.method, Target: r.target, Body: r.body}
	for name, values := range header {
		a.Fields = append(a.Fields, name+": "+strings.Join(values, " | "))
	}
	slices.Sort(a.Fields)
	return a
}

// TestRule16TheDoorOfTraefikDecidesAlike: questions as Traefik's documentation has them, with forwardBody and preserved methods, answered
// by the real handler. Not run against Traefik itself.
func TestRule16TheDoorOfTraefikDecidesAlike(t *testing.T) {
	w := worldtest.New(t)
	d, _, record := decided(t, w, "traefik", false)
	handler, err := forwardauth.New(forwardauth.Config{Door: d, Kind: forwardauth.Traefik, Proxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, WholeBody: true, Bodies: gateway.NewBudget(64 << 20)})
	must(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	server := httptest.NewUnstartedServer(handler)
	_ = server.Listener.Close()
	server.Listener = listener
	server.Start()
	defer server.Close()
	synthetic(t, w, doortest.Traefik, record, func(t *testing.T, raw string) (answer, []arrival) {
		r := apart(t, raw)
		question, err := http.NewRequest("GET", server.URL, strings.NewReader(r.body))
		must(t, err)
		for _, f := range r.fields {
			switch http.CanonicalHeaderKey(f[0]) {
			case "Connection", "Upgrade", "Te", "Transfer-Encoding", "Content-Length", "Keep-Alive", "Trailer", "X-Forwarded-For", "X-Forwarded-Method", "X-Forwarded-Uri", "X-Forwarded-Host", "X-Forwarded-Proto":
			default:
				question.Header[http.CanonicalHeaderKey(f[0])] = append(question.Header[http.CanonicalHeaderKey(f[0])], f[1])
			}
		}
		for name, value := range map[string]string{"X-Forwarded-Method": r.method, "X-Forwarded-Uri": r.target, "X-Forwarded-Host": r.host, "X-Forwarded-Proto": "https", "X-Forwarded-For": "127.0.0.1"} {
			question.Header.Set(name, value)
		}
		resp, err := http.DefaultTransport.RoundTrip(question)
		if err != nil {
			return answer{}, nil // net/http of the proxy cannot write it
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		must(t, err)
		if resp.StatusCode != 200 {
			return answer{resp.StatusCode, resp.Header.Get("Countersign-Request-Id"), resp.Header, string(body)}, nil
		}
		header := http.Header{}
		for _, f := range r.fields {
			header.Add(f[0], f[1])
		}
		for _, name := range append(asked.IdentityNames(), d.CredentialHeaders()...) { // what the example lists
			header.Del(name)
			if value := resp.Header.Get(name); value != "" {
				header.Set(name, value)
			}
		}
		return answer{status: 200, id: resp.Header.Get("Countersign-Request-Id")}, []arrival{of(r, header)}
	})
}

// synthetic sends what a proxy can hold through it and compares it with the gateway and the list.
func synthetic(t *testing.T, w *worldtest.World, name string, record *reasons, ask asker) {
	t.Helper()
	keys := w.Keys
	keys.Host = "api.example.com:8443"
	gate := openGateway(t, w)
	keys.App.Token = gate.token(t, &keys)
	gate.close()
	keys.Now = time.Now().Unix()
	listed := doortest.DifferencesOf(name)
	for _, c := range doortest.Corpus() {
		if c.OnTheWire() {
			continue
		}
		raw := c.Raw(&keys)
		if c.Twice {
			ask(t, raw)
		}
		a, arrived := ask(t, raw)
		got, want := doortest.Outcome{Status: a.status, Reason: record.of(a.id), Passed: len(arrived) > 0}, c.AtGateway()
		if d := listed[c.Name]; d != nil {
			if d.Outcome == want {
				t.Errorf("%s: listed as a difference, but there is none", c.Name)
			}
			want = d.Outcome
		}
		delete(listed, c.Name)
		if got != want {
			t.Errorf("CASE\t%s\t%d\t%s\t%v\t(gateway %+v)", c.Name, got.Status, got.Reason, got.Passed, c.AtGateway())
		}
		checkArrival(t, w, &c, arrived)
		checkRemoved(t, &c, arrived)
	}
	for name := range listed {
		t.Errorf("%s: listed as a difference, but it was not sent", name)
	}
}

// checkRemoved: no credential and nothing of the identity name space that a caller sent arrives.
func checkRemoved(t *testing.T, c *doortest.Case, arrived []arrival) {
	t.Helper()
	for _, a := range arrived {
		for _, f := range a.Fields {
			name, value, _ := strings.Cut(f, ": ")
			name = strings.ToLower(name)
			if strings.HasPrefix(name, "x-auth-") || strings.HasPrefix(name, "finicity-app-") || name == "countersign-anything" || strings.Contains(value, "evil") && strings.HasPrefix(name, "countersign") {
				t.Errorf("%s: %s arrived", c.Name, f)
			}
		}
	}
}

// of is the reason of a request.
func (r *reasons) of(id string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.all[id]
}
