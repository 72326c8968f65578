package signingproxy_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"countersign.dev/client"
	"countersign.dev/internal/signingproxy"
	"countersign.dev/profile/library"
	"countersign.dev/scheme"
)

const (
	keyID  = "00112233445566778899aabbccddeeff"
	secret = "the secret of the partner"
)

// world is an API that verifies, and a proxy in front of it.
type world struct {
	api, proxy *httptest.Server
	log        bytes.Buffer
	handle     func(w http.ResponseWriter, r *http.Request, body []byte)
}

func newWorld(t *testing.T, change func(*signingproxy.Config)) *world {
	t.Helper()
	s, err := library.Load("finci/lf")
	if err != nil {
		t.Fatal(err)
	}
	key, err := s.NewKey([]byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	w := &world{}
	w.api = httptest.NewTLSServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		request := &scheme.Request{Method: r.Method, Target: r.RequestURI, Header: r.Header, Body: body}
		var p scheme.Presented
		fault := s.Parse(request, &p)
		if fault == nil {
			fault = s.Verify(&key, request, &p, nil)
		}
		if fault != nil {
			http.Error(rw, fault.Error(), http.StatusUnauthorized)
			return
		}
		w.handle(rw, r, body)
	}))
	t.Cleanup(w.api.Close)
	w.handle = func(rw http.ResponseWriter, r *http.Request, body []byte) {
		rw.Header().Set("X-Upstream", "yes")
		fmt.Fprintf(rw, "%s %s %s", r.Method, r.RequestURI, body)
	}
	transport, err := client.New(client.Config{Scheme: s, KeyID: keyID, Secret: []byte(secret), Hosts: []string{w.api.Listener.Addr().String()}, Base: w.api.Client().Transport})
	if err != nil {
		t.Fatal(err)
	}
	base, _ := url.Parse(w.api.URL)
	cfg := signingproxy.Config{Base: base, Transport: transport, Log: slog.New(slog.NewJSONHandler(&w.log, nil)), MaxBody: 1000}
	if change != nil {
		change(&cfg)
	}
	handler, err := signingproxy.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	w.proxy = httptest.NewServer(handler)
	t.Cleanup(w.proxy.Close)
	return w
}

// raw sends bytes to the proxy and returns status and body.
func (w *world) raw(t *testing.T, text string) (int, string) {
	t.Helper()
	c, err := net.Dial("tcp", w.proxy.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(body)
}

// TestTargetsGoByteForByte: as they came, or not at all.
func TestTargetsGoByteForByte(t *testing.T) {
	w := newWorld(t, nil)
	api := w.api.Listener.Addr().String()
	for target, want := range map[string]string{
		"/api/v1/cards?page=2":     "",
		"/a%2Fb%20c?x=%2f;y&&z":    "",
		"/a?":                      "",
		"/":                        "",
		"/a!b'c(d)*":               "",
		"http://" + api + "/x?y=1": "/x?y=1",
	} {
		if want == "" {
			want = target
		}
		status, body := w.raw(t, "GET "+target+" HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
		if status != 200 || body != "GET "+want+" " {
			t.Errorf("%s: %d %q", target, status, body)
		}
	}
	status, body := w.raw(t, "PATCH /x HTTP/1.1\r\nHost: localhost:1\r\nContent-Length: 6\r\nConnection: close\r\n\r\nZo\xc3\xab\r\n")
	if status != 200 || body != "PATCH /x Zoë\r\n" {
		t.Errorf("%d %q", status, body)
	}
}

// TestWhoIsRefused: browsers, names that are bound to this machine, other hosts, tunnels, long bodies; nothing reaches the API.
func TestWhoIsRefused(t *testing.T) {
	w := newWorld(t, nil)
	w.handle = func(http.ResponseWriter, *http.Request, []byte) { t.Error("a request reached the API") }
	for name, c := range map[string]struct {
		head   string
		status int
	}{
		"a page":              {"GET /x HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: https://evil.example\r\n", 403},
		"an image":            {"GET /x HTTP/1.1\r\nHost: 127.0.0.1\r\nSec-Fetch-Site: cross-site\r\n", 403},
		"a bound name":        {"GET /x HTTP/1.1\r\nHost: evil.example\r\n", 403},
		"another host":        {"GET http://evil.example/x HTTP/1.1\r\nHost: evil.example\r\n", 403},
		"another scheme":      {"GET https://evil.example/x HTTP/1.1\r\nHost: evil.example\r\n", 400},
		"a tunnel":            {"CONNECT api.example.com:443 HTTP/1.1\r\nHost: api.example.com:443\r\n", 405},
		"an upgrade":          {"GET /x HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: upgrade\r\nUpgrade: websocket\r\n", 405},
		"raw bytes in a path": {"GET /\xc3\xa4 HTTP/1.1\r\nHost: 127.0.0.1\r\n", 400},
		"no path":             {"GET http://127.0.0.1?x HTTP/1.1\r\nHost: 127.0.0.1\r\n", 400},
		"a long body":         {"POST /x HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1001\r\n", 413},
	} {
		body := ""
		if strings.Contains(c.head, "1001") {
			body = strings.Repeat("x", 1001)
		}
		if status, told := w.raw(t, c.head+"\r\n"+body); status != c.status || strings.Contains(told, secret) {
			t.Errorf("%s: status %d instead of %d: %s", name, status, c.status, told)
		}
	}
}

// TestWord: where one is asked for, nobody passes without it, and it does not travel on.
func TestWord(t *testing.T) {
	w := newWorld(t, func(c *signingproxy.Config) { c.Token, c.Remote = []byte("word"), true })
	w.handle = func(rw http.ResponseWriter, r *http.Request, _ []byte) {
		if r.Header.Get(signingproxy.TokenHeader) != "" {
			t.Error("the word reached the API")
		}
	}
	for head, want := range map[string]int{"": 401, signingproxy.TokenHeader + ": wrong\r\n": 401, signingproxy.TokenHeader + ": word\r\n": 200} {
		if status, _ := w.raw(t, "GET /x HTTP/1.1\r\nHost: proxy.internal\r\n"+head+"\r\n"); status != want {
			t.Errorf("%q: %d instead of %d", head, status, want)
		}
	}
}

// TestHeadersAndAnswersPass: but for what belongs to the connection, or to the signature.
func TestHeadersAndAnswersPass(t *testing.T) {
	w := newWorld(t, nil)
	w.handle = func(rw http.ResponseWriter, r *http.Request, _ []byte) {
		if r.Header.Get("X-Mine") != "1" || r.Header.Get("X-Hop") != "" || r.Header["User-Agent"] != nil || r.Header.Get("X-Auth-Token") != keyID {
			t.Errorf("the API got %v", r.Header)
		}
		rw.Header().Set("X-Answer", "2")
		rw.WriteHeader(http.StatusTeapot)
		_, _ = io.WriteString(rw, "first")
		_ = http.NewResponseController(rw).Flush()
		_, _ = io.WriteString(rw, " second")
	}
	c, err := net.Dial("tcp", w.proxy.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprint(c, "GET /x HTTP/1.1\r\nHost: localhost\r\nX-Mine: 1\r\nX-Hop: 1\r\nX-Auth-Token: other\r\nConnection: X-Hop, close\r\n\r\n")
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil || string(body) != "first second" || resp.StatusCode != 418 || resp.Header.Get("X-Answer") != "2" {
		t.Errorf("%d %q %v %v", resp.StatusCode, body, resp.Header, err)
	}
}

// TestAnswersThatBreakOffAreNotWhole.
func TestAnswersThatBreakOffAreNotWhole(t *testing.T) {
	w := newWorld(t, nil)
	w.handle = func(rw http.ResponseWriter, _ *http.Request, _ []byte) {
		_, _ = io.WriteString(rw, "half")
		_ = http.NewResponseController(rw).Flush()
		panic(http.ErrAbortHandler)
	}
	resp, err := http.Get(w.proxy.URL + "/x")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err == nil {
		t.Errorf("%q was taken for whole", body)
	}
}

// TestLogHoldsNoSecrets: neither secret nor signature, query or body.
func TestLogHoldsNoSecrets(t *testing.T) {
	w := newWorld(t, nil)
	resp, err := http.Post(w.proxy.URL+"/x?q=QUERYSENTINEL", "text/plain", strings.NewReader("BODYSENTINEL"))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	w.proxy.Close() // the line is written when the request has ended
	for _, word := range []string{secret, "QUERYSENTINEL", "BODYSENTINEL", "Signature"} {
		if strings.Contains(w.log.String(), word) {
			t.Errorf("the log holds %q: %s", word, &w.log)
		}
	}
	if !strings.Contains(w.log.String(), `"path":"/x","status":200`) {
		t.Errorf("the log: %s", &w.log)
	}
}

func BenchmarkProxy(b *testing.B) {
	handler, err := signingproxy.New(signingproxy.Config{Base: &url.URL{Scheme: "https", Host: "api.example.com"}, Transport: answering{},
		Log: slog.New(slog.DiscardHandler), MaxBody: 1000})
	if err != nil {
		b.Fatal(err)
	}
	r := httptest.NewRequest("GET", "/api/v1/cards?page=2", nil)
	r.Host = "127.0.0.1"
	b.ReportAllocs()
	for b.Loop() {
		handler.ServeHTTP(httptest.NewRecorder(), r)
	}
}

type answering struct{}

func (answering) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 200, Header: http.Header{}, Body: http.NoBody}, nil
}
