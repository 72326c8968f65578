package doortest_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/audit"
	"countersign.dev/internal/blueprint"
	"countersign.dev/internal/edge/clientip"
	"countersign.dev/internal/edge/doortest"
	"countersign.dev/internal/edge/doortest/worldtest"
	"countersign.dev/internal/edge/gateway"
	"countersign.dev/internal/edge/gateway/strict"
	"countersign.dev/internal/edge/gateway/upstream"
	"countersign.dev/internal/edge/tokens"
	rates "countersign.dev/internal/rate/memory"
	"countersign.dev/internal/replay/memory"
	"countersign.dev/middleware"
)

var ctx = context.Background()

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// patience is until a test that hangs is told so; nothing else depends on it.
const patience = 30 * time.Second

// protected is what stands behind every door: it notes what arrives.
type protected struct {
	mu  sync.Mutex
	all []arrival
}

// arrival is one request behind a door.
type arrival struct {
	Method, Target, Body string
	Fields               []string // sorted; without what a transport sets
}

// ServeHTTP implements http.Handler.
func (p *protected) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		body = []byte("unreadable: " + err.Error())
	}
	a := arrival{Method: r.Method, Target: r.RequestURI, Body: string(body)}
	for name, values := range r.Header {
		switch name {
		case "Content-Length", "Accept-Encoding", "Countersign-Request-Id":
		default:
			a.Fields = append(a.Fields, name+": "+strings.Join(values, " | "))
		}
	}
	slices.Sort(a.Fields)
	p.mu.Lock()
	p.all = append(p.all, a)
	p.mu.Unlock()
	w.WriteHeader(http.StatusOK)
}

func (p *protected) take() []arrival {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := p.all
	p.all = nil
	return all
}

// reasons are the decisions that were recorded, by request id.
type reasons struct {
	mu  sync.Mutex
	all map[string]string
}

// Record implements gateway.Recorder.
func (r *reasons) Record(d *audit.Decision) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.all == nil {
		r.all = map[string]string{}
	}
	r.all[d.RequestID] = d.Reason
}

// door is one way to what is protected.
type door struct {
	name   string
	addr   string
	policy *tls.Config
	behind *protected
	close  func() map[string]string // ends it and says what was recorded
}

// answer is what a caller got.
type answer struct {
	status int
	id     string
	header http.Header
	body   string
}

// send makes one request on a connection of its own. A status of 0: there was no answer.
func (d *door) send(t *testing.T, c *doortest.Case, raw string) answer {
	t.Helper()
	conn, err := net.Dial("tcp", d.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if d.policy != nil {
		conn = tls.Client(conn, d.policy)
	}
	_ = conn.SetDeadline(time.Now().Add(patience))
	go func() {
		_, _ = io.WriteString(conn, raw)
		if half, ok := conn.(interface{ CloseWrite() error }); ok && c.Ends {
			_ = half.CloseWrite()
		}
	}()
	in := bufio.NewReader(conn)
	for {
		resp, err := http.ReadResponse(in, &http.Request{Method: c.Method})
		if err != nil {
			return answer{}
		}
		body, _ := io.ReadAll(resp.Body)
		if resp.StatusCode >= 200 {
			return answer{resp.StatusCode, resp.Header.Get("Countersign-Request-Id"), resp.Header, string(body)}
		}
	}
}

func certificate(t testing.TB) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

// listen starts srv over TLS. wrap puts a listener between.
func listen(t *testing.T, srv *http.Server, wrap func(net.Listener, *tls.Config) (net.Listener, error)) (addr string, policy *tls.Config, end func()) {
	t.Helper()
	cert, pool := certificate(t)
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv.TLSConfig = &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"http/1.1"}}
	srv.ErrorLog = log.New(io.Discard, "", 0)
	l, err := wrap(inner, srv.TLSConfig)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { defer close(done); _ = srv.Serve(l) }()
	return inner.Addr().String(), &tls.Config{RootCAs: pool, ServerName: "127.0.0.1", NextProtos: []string{"http/1.1"}}, func() {
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		_ = srv.Shutdown(ctx) // the record of the last request is written when its handler returns
		_ = srv.Close()
		<-done
	}
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// openGateway is the door that all others are compared with.
func openGateway(t *testing.T, w *worldtest.World) *door {
	t.Helper()
	d, record := &door{name: "gateway", behind: new(protected)}, new(reasons)
	up := &http.Server{Handler: d.behind}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	go func() { _ = up.Serve(l) }()
	served, schemes := w.Config.Environment("sandbox"), blueprint.Schemes{}
	guard, err := memory.Open(memory.Config{Dir: filepath.Join(t.TempDir(), "replay"), Now: time.Now})
	must(t, err)
	limiter, err := rates.Open(rates.Config{Now: time.Now})
	must(t, err)
	decides := access.Config{Replay: guard, Limiter: limiter, Now: time.Now}
	doers := map[*access.API]upstream.Doer{}
	for i := range w.Config.Environments {
		for j := range w.Config.Environments[i].APIs {
			api, err := schemes.API(&w.Config.Environments[i], &w.Config.Environments[i].APIs[j])
			must(t, err)
			decides.APIs = append(decides.APIs, api)
		}
	}
	for _, api := range decides.APIs {
		if api.Environment != served.Name {
			continue
		}
		doers[api], err = upstream.New(upstream.Config{URL: &url.URL{Scheme: "http", Host: l.Addr().String()}})
		must(t, err)
	}
	decider, err := access.New(decides)
	must(t, err)
	roster, err := w.Register.Roster(ctx)
	must(t, err)
	must(t, decider.Load(roster, time.Now()))
	address, err := clientip.New(clientip.Config{})
	must(t, err)
	exchange, err := tokens.New(tokens.Config{Registry: w.Register, Issuer: decider, Now: time.Now})
	must(t, err)
	gate, err := gateway.New(gateway.Config{Environment: "sandbox", Decider: decider, Address: address, Upstreams: doers, Exchange: exchange, Record: record,
		Log: quiet(), Now: time.Now, Bodies: gateway.NewBudget(64 << 20), BodyTimeout: served.BodyTimeout})
	must(t, err)
	srv := &http.Server{Handler: gate}
	var end func()
	d.addr, d.policy, end = listen(t, srv, func(inner net.Listener, policy *tls.Config) (net.Listener, error) {
		l, err := strict.New(inner, strict.Config{TLS: policy, Answer: gate.AnswerUnread})
		if err == nil {
			strict.Configure(srv, l)
		}
		return l, err
	})
	d.close = func() map[string]string {
		end()
		for _, doer := range doers {
			_ = doer.Close()
		}
		_ = up.Close()
		_, _ = guard.Close(), limiter.Close()
		record.mu.Lock()
		defer record.mu.Unlock()
		return record.all
	}
	return d
}

// openMiddleware is the check in a service's own process.
func openMiddleware(t *testing.T, w *worldtest.World, listener bool) *door {
	t.Helper()
	d := &door{name: doortest.MiddlewareAlone, behind: new(protected)}
	if listener {
		d.name = doortest.Middleware
	}
	m, err := middleware.Open(ctx, middleware.Config{ConfigFile: w.File, Environment: "sandbox", RequireListener: listener, Log: quiet()})
	must(t, err)
	srv := &http.Server{Handler: m.Wrap(d.behind)}
	var end func()
	d.addr, d.policy, end = listen(t, srv, func(inner net.Listener, policy *tls.Config) (net.Listener, error) {
		if listener {
			return m.Listener(srv, inner)
		}
		return tls.NewListener(inner, policy), nil
	})
	d.close = func() map[string]string {
		end()
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		must(t, m.Close(ctx))
		return recorded(t, filepath.Join(filepath.Dir(w.File), "data", "decisions-sandbox"))
	}
	return d
}

// recorded reads a decision record.
func recorded(t *testing.T, dir string) map[string]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no record in %s: %v", dir, err)
	}
	all := map[string]string{}
	for _, file := range files {
		for line := range bytes.Lines(read(t, file)) {
			var fields struct {
				RequestID string `json:"request_id"`
				Reason    string `json:"reason"`
			}
			if err := json.Unmarshal(line, &fields); err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			if fields.RequestID != "" {
				all[fields.RequestID] = fields.Reason
			}
		}
	}
	return all
}

// token has the app's token made by the door itself.
func (d *door) token(t *testing.T, k *doortest.Keys) string {
	t.Helper()
	body := fmt.Sprintf(`{"partnerId":%q,"partnerSecret":%q}`, k.App.Login, k.App.Secret)
	raw := fmt.Sprintf("POST /aggregation/v2/partners/authentication HTTP/1.1\r\nHost: %s\r\nFinicity-App-Key: %s\r\nContent-Type: application/json\r\nAccept: application/json\r\nContent-Length: %d\r\n\r\n%s",
		k.Host, k.App.Key, len(body), body)
	a := d.send(t, &doortest.Case{Method: "POST"}, raw)
	var granted struct{ Token string }
	if err := json.Unmarshal([]byte(a.body), &granted); err != nil || granted.Token == "" {
		t.Fatalf("no token: %d %s", a.status, a.body)
	}
	return granted.Token
}
