package signin_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/edge/signin"
	"countersign.dev/internal/operator"
	"countersign.dev/internal/registry"
)

// broken is a register whose disk has failed.
type broken struct{ signin.Register }

func (broken) Principal(context.Context, operator.Prefix, string) (operator.Principal, error) {
	return operator.Principal{}, errors.New("the disk is gone")
}

// forgetful is a register that keeps no ticket, for tests that begin more than a disk likes.
type forgetful struct{ signin.Register }

func (forgetful) KeepTicket(context.Context, registry.TicketKind, []byte, time.Duration) (string, error) {
	return "forgotten", nil
}

// FuzzPages: no request to any page is answered with a 5xx, panics, or redirects to another host than the terminal's loopback.
func FuzzPages(f *testing.F) {
	f.Add("GET", "/sign-in/?next=//evil.example", "", "")
	f.Add("GET", "/sign-in/cli?challenge="+challenge+"&port=5000&state="+state, "", "")
	f.Add("POST", "/sign-in/link", "application/x-www-form-urlencoded", "token=csln_")
	f.Add("POST", "/sign-in/recovery", "application/x-www-form-urlencoded", "login=a&code=b")
	f.Add("POST", "/sign-in/break-glass", "application/x-www-form-urlencoded", "code=a&why=aaaaaaaaaaaaaa&next=/%5cevil")
	f.Add("POST", "/sign-in/passkey/finish", "application/json", `{"credential":{"id":"AA","rawId":"AA","type":"public-key","response":{}}}`)
	f.Add("POST", "/sign-in/passkey/add", "application/json", `{"credential":{}}`)
	f.Add("POST", "/sign-in/cli/token", "application/json", `{"code":"a","verifier":"b"}`)
	f.Add("GET", "/sign-in/oidc/callback?code=a&state=b", "", "")
	w := newWorld(f)
	f.Fuzz(func(t *testing.T, method, target, kind, body string) {
		u, err := url.ParseRequestURI(target)
		if err != nil || !strings.HasPrefix(target, "/sign-in/") || strings.ContainsAny(method, " \r\n\t/") || method == "" || method == "CONNECT" {
			return
		}
		r := &http.Request{Method: method, URL: u, RequestURI: target, Host: "admin.example.com", RemoteAddr: "192.0.2.1:1", Proto: "HTTP/1.1",
			ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{"Content-Type": {kind}, "Origin": {public}, "Sec-Fetch-Site": {"same-origin"}},
			Body: io.NopCloser(strings.NewReader(body))}
		rec := httptest.NewRecorder()
		w.handler.ServeHTTP(rec, r)
		to := rec.Header().Get("Location")
		if rec.Code >= 500 || to != "" && (!strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || strings.Contains(to, `\`)) {
			t.Errorf("%s %q: %d, Location %q", method, target, rec.Code, to)
		}
	})
}
