package forwardauth_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// FuzzQuestion: whatever stands in the headers of a question, there is no panic, one record, and nothing passes that was not
// signed: the one signature in here is over another target.
func FuzzQuestion(f *testing.F) {
	f.Add("GET", "/api/v1/a", "/api/v1/a", "HTTP/1.1 length= held= encoding=", "192.0.2.7", "close", "")
	f.Add("POST", "/api/v1/b", "/api/v1/a", "HTTP/1.1 length=2 held=2 encoding=", "10.0.0.1", "x-auth-token", "{}")
	f.Add("GET", "//", "http://x/", "HTTP/2.0 length= held=0 encoding=chunked", "::1%z", "", "x")
	var worlds []*world
	for _, kind := range kinds {
		worlds = append(worlds, newWorld(f, kind))
	}
	f.Fuzz(func(t *testing.T, method, target, other, told, peer, connection, body string) {
		honest := signed("GET", "/api/v1/signed", "")
		for _, w := range worlds {
			kind := w.kind
			w.t, w.records = t, nil
			r := w.question(honest)
			r.RequestURI, r.Body, r.ContentLength = other, io.NopCloser(strings.NewReader(body)), int64(len(body))
			for name, value := range map[string]string{"X-Original-Method": method, "X-Forwarded-Method": method, "X-Original-Uri": target, "X-Forwarded-Uri": target, "X-Original-Body": told,
				"X-Original-Peer": peer, "X-Forwarded-For": peer, "X-Original-Connection": connection} {
				r.Header[http.CanonicalHeaderKey(name)] = []string{value}
			}
			if out, _ := w.ask(r); passed(out) && (method != "GET" || target != "/api/v1/signed" || body != "" && kind.String() != "nginx_auth_request" && kind.String() != "caddy") {
				t.Errorf("%s: %q %q with %q passes", kind, method, target, body)
			}
		}
	})
}
