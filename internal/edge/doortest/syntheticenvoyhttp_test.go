package doortest_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/edge/doortest"
	"countersign.dev/internal/edge/doortest/worldtest"
	"countersign.dev/internal/edge/extauthz"
	"countersign.dev/internal/edge/gateway"
)

// TestRule16TheDoorOfEnvoyOverHTTPDecidesAlike: the check request is the caller's own, with what the filter has buffered of its body,
// over a real connection to the real handler. Not run against Envoy itself.
func TestRule16TheDoorOfEnvoyOverHTTPDecidesAlike(t *testing.T) {
	w := worldtest.New(t)
	d, own, record := decided(t, w, "envoy", true)
	checker, err := extauthz.New(extauthz.Config{Door: d, Proxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Buffered: true, RawHeaders: true, Covered: extauthz.Covered(own),
		Bodies: gateway.NewBudget(64 << 20), Now: time.Now})
	must(t, err)
	server := httptest.NewServer(checker)
	defer server.Close()
	synthetic(t, w, doortest.EnvoyHTTP, record, func(t *testing.T, raw string) (answer, []arrival) {
		r := apart(t, raw)
		if status := r.throughEnvoy(); status != 0 {
			return answer{status: status}, nil
		}
		c, err := net.Dial("tcp", server.Listener.Addr().String())
		must(t, err)
		defer c.Close()
		_, err = io.WriteString(c, overHTTP(r))
		must(t, err)
		resp, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: r.method})
		must(t, err)
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		must(t, err)
		id := resp.Header.Get("Countersign-Request-Id")
		if resp.StatusCode != 200 {
			return answer{resp.StatusCode, id, resp.Header, string(body)}, nil
		}
		return answer{status: 200, id: id}, []arrival{of(r, mutated(r, resp.Header))}
	})
}

// overHTTP is the check request of a filter with an HTTP service, and what its example adds.
func overHTTP(r plainRequest) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\n", r.method, r.target, r.host)
	for _, f := range r.fields {
		if !slices.Contains([]string{"content-length", "x-envoy-auth-partial-body", "x-original-peer"}, strings.ToLower(f[0])) {
			fmt.Fprintf(&b, "%s: %s\r\n", strings.ToLower(f[0]), f[1])
		}
	}
	if r.body != "" {
		b.WriteString("x-envoy-auth-partial-body: false\r\n")
	}
	fmt.Fprintf(&b, "x-original-peer: 127.0.0.1\r\ncontent-length: %d\r\n\r\n%s", len(r.body), r.body)
	return b.String()
}

// mutated is what is forwarded after an answer that lets in: what the example allows is set, and then what the answer names removed.
func mutated(r plainRequest, answer http.Header) http.Header {
	header := http.Header{}
	for _, f := range r.fields {
		header.Add(f[0], f[1])
	}
	for name, values := range answer {
		if strings.HasPrefix(name, "Countersign-") {
			header[name] = values
		}
	}
	for name := range strings.SplitSeq(answer.Get("X-Envoy-Auth-Headers-To-Remove"), ",") {
		header.Del(name)
	}
	return header
}
