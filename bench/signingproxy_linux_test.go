package bench_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"countersign.dev/profile/library"
	"countersign.dev/scheme"
)

// The bare reverse proxy is this test binary, started again with these variables.
const bareUpstream, bareCA = "COUNTERSIGN_BENCH_UPSTREAM", "COUNTERSIGN_BENCH_CA"

func TestMain(m *testing.M) {
	if os.Getenv(bareUpstream) != "" {
		if err := bareProxy(os.Getenv(bareUpstream), os.Getenv(bareCA)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	code := m.Run()
	if built.dir != "" {
		_ = os.RemoveAll(built.dir)
	}
	os.Exit(code)
}

// bareProxy passes everything through, over TLS to the upstream, and does nothing else: what anybody writes with the standard library.
func bareProxy(upstream, ca string) error {
	pool := x509.NewCertPool()
	text, err := os.ReadFile(ca)
	if err != nil || !pool.AppendCertsFromPEM(text) {
		return fmt.Errorf("read %s: %w", ca, err)
	}
	target, err := url.Parse(upstream)
	if err != nil {
		return err
	}
	proxy := &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(target) },
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, MaxIdleConnsPerHost: 64, DisableCompression: true},
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println("http://" + listener.Addr().String())
	return http.Serve(listener, proxy)
}

// proxyUpstream answers 75 bytes of JSON over TLS, and verifies what it gets while checking says so.
type proxyUpstream struct {
	*httptest.Server
	key    scheme.Key
	scheme *scheme.Scheme

	mu       sync.Mutex
	checking bool
	accepted int
	refused  []error
}

func newProxyUpstream(tb testing.TB, dir string) *proxyUpstream {
	tb.Helper()
	u := new(proxyUpstream)
	var err error
	if u.scheme, err = library.Load("finci"); err != nil {
		tb.Fatal(err)
	}
	if u.key, err = u.scheme.NewKey([]byte("a secret of the benchmark")); err != nil {
		tb.Fatal(err)
	}
	answer := []byte(`{"token_id":"10031000000000000001","token_status":"active","last":"4242"}` + "  ")
	u.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		u.check(r, body)
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(answer)
	}))
	u.StartTLS()
	tb.Cleanup(u.Close)
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: u.Certificate().Raw})
	if err := os.WriteFile(filepath.Join(dir, "ca.pem"), ca, 0o600); err != nil {
		tb.Fatal(err)
	}
	return u
}

func (u *proxyUpstream) check(r *http.Request, body []byte) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if !u.checking {
		return
	}
	if _, f := u.scheme.Check([]*scheme.Key{&u.key}, &scheme.Request{Method: r.Method, Target: r.RequestURI, Header: r.Header, Body: body}, time.Now(), 0); f != nil {
		u.refused = append(u.refused, f)
		return
	}
	u.accepted++
}

// send makes so many requests over so many connections that are kept.
func send(tb testing.TB, base, method string, body []byte, requests, callers int) {
	tb.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: callers, DisableCompression: true}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: 30 * time.Second}
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			for range requests / callers {
				r, err := http.NewRequest(method, base+"/api/v1/cards/10031000000000000001?page=2", bytes.NewReader(body))
				if err != nil {
					tb.Error(err)
					return
				}
				r.Header.Set("Content-Type", "application/json")
				resp, err := client.Do(r)
				if err != nil {
					tb.Error(err)
					return
				}
				_, err = io.Copy(io.Discard, resp.Body)
				if resp.Body.Close(); err != nil || resp.StatusCode != 200 {
					tb.Errorf("%s: %d, %v", base, resp.StatusCode, err)
					return
				}
			}
		})
	}
	all.Wait()
}

// signingPair starts the signing proxy and the bare one before the same upstream.
func signingPair(tb testing.TB) (u *proxyUpstream, signing, bare *process, signingURL, bareURL string) {
	tb.Helper()
	dir := tb.TempDir()
	u = newProxyUpstream(tb, dir)
	binary, ca, callers := countersign(tb), filepath.Join(dir, "ca.pem"), filepath.Join(dir, "callers.yaml")
	add := exec.Command(binary, "caller", "add", "card", "--callers", callers, "--base", u.URL, "--profile", "finci", "--key-id", strings.Repeat("0123456789abcdef", 2), "--ca-file", ca)
	add.Stdin = strings.NewReader("a secret of the benchmark\n")
	if out, err := add.CombinedOutput(); err != nil {
		tb.Fatalf("caller add: %v\n%s", err, out)
	}
	signing = run(tb, nil, binary, "signing-proxy", "--callers", callers, "--as", "card", "--listen", "127.0.0.1:0")
	self, err := os.Executable()
	if err != nil {
		tb.Fatal(err)
	}
	bare = run(tb, []string{bareUpstream + "=" + u.URL, bareCA + "=" + ca}, self)
	return u, signing, bare, signing.url(tb), bare.url(tb)
}

// TestTheSigningProxySigns: what is measured is a proxy whose signatures are good, and one that signs nothing.
func TestTheSigningProxySigns(t *testing.T) {
	u, _, _, signing, bare := signingPair(t)
	u.checking = true
	send(t, signing, "POST", bytes.Repeat([]byte("{"), 1024), 4, 2)
	send(t, signing, "GET", nil, 4, 2)
	if u.accepted != 8 || len(u.refused) > 0 {
		t.Errorf("%d requests had good signatures, refused: %v", u.accepted, u.refused)
	}
	send(t, bare, "GET", nil, 4, 2)
	if len(u.refused) != 4 {
		t.Errorf("%d requests of the bare proxy were refused", len(u.refused))
	}
}

// BenchmarkSigningProxy is the processor time of a request in the signing proxy and in a bare httputil.ReverseProxy, in turns of 4,000 requests over 16 connections,
// to the same upstream over TLS. Reported are medians over the turns.
func BenchmarkSigningProxy(b *testing.B) {
	const requests, callers = 4000, 16
	for _, kind := range []struct {
		method string
		body   []byte
	}{{"GET", nil}, {"POST", bytes.Repeat([]byte("{"), 1024)}} {
		b.Run(kind.method, func(b *testing.B) {
			_, signing, bare, signingURL, bareURL := signingPair(b)
			turn := func(p *process, base string) float64 {
				before := p.cpu(b)
				send(b, base, kind.method, kind.body, requests, callers)
				return float64((p.cpu(b) - before).Microseconds()) / requests
			}
			turn(signing, signingURL) // connections, pools
			turn(bare, bareURL)
			var ours, theirs, ratios []float64
			for b.Loop() {
				s, p := turn(signing, signingURL), turn(bare, bareURL)
				ours, theirs, ratios = append(ours, s), append(theirs, p), append(ratios, s/p)
			}
			b.ReportMetric(0, "ns/op") // a turn is no unit that anybody needs
			b.ReportMetric(median(ours), "signing-us")
			b.ReportMetric(median(theirs), "bare-us")
			b.ReportMetric(median(ratios), "signing/bare")
		})
	}
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}
