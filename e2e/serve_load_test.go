package e2e_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// load is a number of callers that never stop asking.
type load struct {
	d    *dev
	env  string
	ctx  context.Context
	stop context.CancelFunc
	all  sync.WaitGroup

	served atomic.Int64
	ended  atomic.Bool // from now on it is no failure that no connection can be had
	mu     sync.Mutex
	failed []error
}

// underLoad begins the load: callers that keep their connections over HTTP/1.1 and over HTTP/2, and some that open a new one for each
// request.
func (d *dev) underLoad(t *testing.T, env string) *load {
	t.Helper()
	roots, err := d.roots()
	if err != nil {
		t.Fatal(err)
	}
	l := &load{d: d, env: env}
	l.ctx, l.stop = context.WithCancel(t.Context())
	for i := range 6 {
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: i%3 == 1, DisableKeepAlives: i%3 == 2, DisableCompression: true}
		l.all.Go(func() {
			defer transport.CloseIdleConnections()
			l.caller(&http.Client{Transport: transport, Timeout: wireLimit})
		})
	}
	return l
}

// heldUp is between two answers of one caller, and less than the lame duck of these tests: whoever slept for longer while the server
// ended was not there to hear that its connection would be closed.
const heldUp = 500 * time.Millisecond

var errAnswer = errors.New("another answer")

func (l *load) caller(client *http.Client) {
	for before := time.Now(); l.ctx.Err() == nil; {
		connected, err := l.once(client)
		gap := time.Since(before)
		before = before.Add(gap)
		switch {
		case err == nil:
			l.served.Add(1)
		case l.ctx.Err() != nil:
		case l.ended.Load() && !connected:
			return // the listener is gone: nobody accepted this one
		case l.ended.Load() && gap > heldUp && !errors.Is(err, errAnswer):
		default:
			l.mu.Lock()
			l.failed = append(l.failed, err)
			l.mu.Unlock()
		}
	}
}

// once makes one signed request. connected says whether a connection was had, with its handshake.
func (l *load) once(client *http.Client) (connected bool, err error) {
	c := get("load")
	e := l.d.Environments[l.env]
	var got atomic.Bool
	ctx := httptrace.WithClientTrace(l.ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { got.Store(true) }})
	r, err := http.NewRequestWithContext(ctx, c.method, e.BaseURL+c.target, nil)
	if err != nil {
		return true, err
	}
	ts := now()
	r.Header.Set("X-Auth-Token", e.Card.APIToken)
	r.Header.Set("X-Auth-Timestamp", ts)
	r.Header.Set("X-Auth-Signature", mac(e.Card.APISecret, ts, c.method, c.target, ""))
	resp, err := client.Do(r)
	if err != nil {
		return got.Load(), err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && (resp.StatusCode != 200 || string(body) != success) {
		err = fmt.Errorf("%w: %d %.300q", errAnswer, resp.StatusCode, body)
	}
	return true, err
}

// end ends the load and fails the test if any request failed.
func (l *load) end(t *testing.T) {
	t.Helper()
	l.stop()
	l.all.Wait()
	t.Logf("%d requests were served", l.served.Load())
	if len(l.failed) > 0 {
		t.Errorf("%d requests failed, the first: %v", len(l.failed), l.failed[0])
	}
	if l.served.Load() == 0 {
		t.Error("no request was served: this proves nothing")
	}
}

// after waits until so many more requests were served.
func (l *load) after(t *testing.T, n int64) {
	t.Helper()
	begun := time.Now()
	for from := l.served.Load(); l.served.Load() < from+n; time.Sleep(time.Millisecond) {
		if time.Since(begun) > startLimit {
			t.Fatal("no progress under load")
		}
	}
}

// withEachServer runs a test with each of the two servers of HTTP/1.
func withEachServer(t *testing.T, test func(t *testing.T, s *site)) {
	for standard, name := range map[string]string{"true": "net/http", "false": "our own"} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			s.settings["STANDARD"] = standard
			test(t, s)
		})
	}
}

// TestReloadsUnderLoad: twice twenty-five configurations are put in force one after the other, listeners come and go, and not one request fails.
func TestReloadsUnderLoad(t *testing.T) { withEachServer(t, reloadsUnderLoad) }

func reloadsUnderLoad(t *testing.T, s *site) {
	d := s.serve(t)
	l := d.underLoad(t, sandbox)
	l.after(t, 50)
	for i := range 25 {
		s.settings["MAX_BODY"] = fmt.Sprintf("%dKiB", 64+i)
		s.settings["REPLAY"] = []string{"writes", "all"}[i%2]
		s.settings["MORE_SANDBOX"] = []string{"", "\n      - address: \"localhost:0\"\n        tls: {certificate: CERT, key: KEY}"}[i%2]
		s.write(t)
		before := d.metric(t, "countersign_config_reloads_total")
		d.hangup(t)
		d.reloaded(t, before+1)
		l.after(t, 20)
	}
	l.end(t)
	if n := d.metric(t, "countersign_config_reload_failed_total"); n != 0 {
		t.Errorf("%v configurations were refused: %s", n, d.stderr)
	}
	if n := d.metric(t, "countersign_record_lost_total"); n != 0 {
		t.Errorf("%v lines of the record were lost", n)
	}
}

// TestDrainUnderLoad: a stop that is announced costs no request that was accepted, and none that runs.
func TestDrainUnderLoad(t *testing.T) { withEachServer(t, drainUnderLoad) }

func drainUnderLoad(t *testing.T, s *site) {
	s.settings["LAMEDUCK"] = "1s"
	d := s.serve(t)
	running, release := make(chan struct{}), make(chan struct{})
	slow := get("slow")
	s.upstream.on(slow.target, func(w io.Writer, one *seen) {
		close(running)
		<-release
		answerSuccess(w, one)
	})
	answered := make(chan error, 1)
	go func() {
		a, err := d.try(sandbox, slow.raw(d.Environments[sandbox]))
		if err == nil && a.status != 200 {
			err = errors.New(a.String())
		}
		answered <- err
	}()
	<-running
	l := d.underLoad(t, sandbox)
	l.after(t, 50)
	l.ended.Store(true)
	stopped := make(chan error, 1)
	go func() { stopped <- d.stop() }()
	d.until(t, "/readyz", 503, `"name":"draining","state":"failing"`)
	l.all.Wait() // until every caller has found the door shut
	if _, err := net.DialTimeout("tcp", d.Environments[sandbox].address(), time.Second); err == nil {
		t.Error("the listener still accepts")
	}
	select {
	case err := <-answered:
		t.Errorf("the slow request was answered before its upstream did: %v", err)
	default:
	}
	close(release)
	if err := <-answered; err != nil {
		t.Errorf("the request that ran when the stop was asked for: %v", err)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	l.end(t)
}

// TestADrainHasADeadline: what runs longer is cut off, told in the log, and the server ends in good order.
func TestADrainHasADeadline(t *testing.T) { withEachServer(t, drainHasADeadline) }

func drainHasADeadline(t *testing.T, s *site) {
	s.settings["DEADLINE"] = "1s"
	d := s.serve(t)
	running, release := make(chan struct{}), make(chan struct{})
	defer close(release)
	slow := get("endless")
	s.upstream.on(slow.target, func(io.Writer, *seen) { close(running); <-release })
	go func() { _, _ = d.try(sandbox, slow.raw(d.Environments[sandbox])) }()
	<-running
	mustStop(t, d)
	if !contains(d.stderr, "were cut off") {
		t.Errorf("the log does not say that a request was cut off: %s", d.stderr)
	}
}
