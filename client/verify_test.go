package client_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"countersign.dev/client"
	"countersign.dev/scheme"
)

const webhook = `
profile: webhook
language: 1
algorithm: hmac-sha256
message: join('.', nonce, ts, body)
signature: b64(mac)
wire:
  webhook-id: "{nonce}"
  webhook-timestamp: "{ts}"
  webhook-signature: "v1,{sig}"
time: {window: 5m}
nonce: {min: 1, max: 64, chars: A-Za-z0-9_-}
uncovered: [method, path, query]
`

// seenKeys is a replay guard in a map.
type seenKeys map[[32]byte]bool

func (s seenKeys) Claim(_ context.Context, key [32]byte, _ int64) (bool, error) {
	fresh := !s[key]
	s[key] = true
	return fresh, nil
}

// TestVerifyMiddleware: what a webhook receiver admits, and what it answers otherwise.
func TestVerifyMiddleware(t *testing.T) {
	s := compile(t, webhook)
	secrets, broken := [][]byte{[]byte("new"), []byte("old")}, error(nil)
	var cause error
	protect, err := client.Verify(client.VerifyConfig{
		Scheme: s, MaxBody: 100, Replay: seenKeys{}, Refused: func(_ *http.Request, err error) { cause = err },
		Secrets: func(context.Context, string) ([][]byte, error) { return secrets, broken },
	})
	if err != nil {
		t.Fatal(err)
	}
	handler := protect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) }))
	id := 0
	send := func(secret, body string, at time.Time, change func(*http.Request)) *httptest.ResponseRecorder {
		cause = nil
		id++
		key, _ := s.NewKey([]byte(secret))
		fields, err := s.Sign(&key, &scheme.Request{Method: "POST", Target: "/hook", Body: []byte(body)}, scheme.Claims{Time: at, Nonce: "msg_" + strings.Repeat("x", id)})
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest("POST", "/hook", strings.NewReader(body))
		for _, f := range fields {
			r.Header.Set(f.Name, f.Value)
		}
		if change != nil {
			change(r)
		}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		return w
	}
	for _, secret := range []string{"new", "old"} {
		if w := send(secret, `{"a":1}`, time.Now(), nil); w.Code != 200 || w.Body.String() != `{"a":1}` {
			t.Errorf("secret %q: %d %q, %v", secret, w.Code, w.Body, cause)
		}
	}
	refused := func(name string, w *httptest.ResponseRecorder, status int, want error) {
		t.Helper()
		fault := (*scheme.Fault)(nil)
		if w.Code != status || cause == nil || want != nil && !errors.Is(cause, want) || want == nil && !errors.As(cause, &fault) {
			t.Errorf("%s: status %d instead of %d, cause %v", name, w.Code, status, cause)
		}
		if strings.TrimSpace(w.Body.String()) != http.StatusText(status) {
			t.Errorf("%s: told %q", name, w.Body)
		}
	}
	refused("another secret", send("other", "x", time.Now(), nil), 401, nil)
	refused("an old one", send("new", "x", time.Now().Add(-time.Hour), nil), 401, nil)
	refused("no signature", send("new", "x", time.Now(), func(r *http.Request) { r.Header.Del("Webhook-Signature") }), 401, nil)
	refused("another body", send("new", "x", time.Now(), func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader("y")) }), 401, nil)
	refused("a long body", send("new", strings.Repeat("x", 101), time.Now(), nil), 413, client.ErrTooLong)
	refused("a long body of unknown length", send("new", strings.Repeat("x", 101), time.Now(), func(r *http.Request) { r.ContentLength = -1 }), 413, client.ErrTooLong)
	refused("a body that breaks off", send("new", "x", time.Now(), func(r *http.Request) { r.Body = io.NopCloser(failing{}) }), 400, client.ErrBody)
	refused("the same message again", send("new", `{"a":2}`, time.Now(), func(r *http.Request) {
		handler.ServeHTTP(httptest.NewRecorder(), r.Clone(r.Context()))
		r.Body = io.NopCloser(strings.NewReader(`{"a":2}`))
	}), 401, client.ErrReplayed)
	secrets = nil
	refused("no secret", send("new", "x", time.Now(), nil), 401, client.ErrUnknownKey)
	broken = errors.New("the store is away")
	refused("secrets that fail", send("new", "x", time.Now(), nil), 503, broken)
}
