package admin_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/edge/admin"
)

// FuzzHandler sends anything at all: no answer is a fault of the server, and each is as the contract says.
func FuzzHandler(f *testing.F) {
	w, ids := populated(f)
	for i, s := range w.shapes() {
		f.Add(uint8(i), s.target(ids)+s.query(), []byte(encode(f, s.body())), "application/json", `"none"`, "wait=0")
	}
	f.Add(uint8(0), "/v1/partners?after=AAAA", []byte("{}"), "", "*", "")
	who := []string{"glass", "operator", "sandbox", "viewer", "", "approver", "admin"}
	methods := []string{"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE"}
	f.Fuzz(func(t *testing.T, pick uint8, target string, body []byte, media, tag, prefer string) {
		u, err := url.Parse(target)
		if err != nil || !strings.HasPrefix(target, "/") || len(body) > 1<<16 {
			return
		}
		mine := &world{TB: t, Registry: w.Registry, server: w.server, clock: w.clock, contract: w.contract}
		mine.clock.pass(time.Minute)
		r := httptest.NewRequest(methods[int(pick)%len(methods)], public+"/", bytes.NewReader(body))
		r.URL, r.Host, r.RequestURI = u, "admin.example.com", target
		r.Header = http.Header{"Content-Type": {media}, "If-Match": {tag}, "Prefer": {strings.ReplaceAll(prefer, "wait", "")}, "Idempotency-Key": {tag}}
		r.Header.Set("Authorization", "Bearer "+who[int(pick)%len(who)])
		if len(body) == 0 {
			r.ContentLength = 0
		}
		mine.serve(r)
	})
}

// FuzzStrict: what is let through is one JSON value that the standard library reads as well, with no name twice.
func FuzzStrict(f *testing.F) {
	for _, s := range []string{`{}`, `{"a":1,"a":2}`, `{"a":{"b":[1,2,{"c":null}]}}`, `[]]`, `{"a":"\ud800"}`, strings.Repeat("[", 30), `1 2`, "\"\xff\"", `{"a":1}x`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if admin.Strict(body) != nil {
			return
		}
		var v any
		if err := json.Unmarshal(body, &v); err != nil {
			t.Fatalf("let through and not JSON: %q", body)
		}
		if depth(v) > admin.MaxDepth {
			t.Errorf("let through at depth %d", depth(v))
		}
		// A name that comes twice is one in what was decoded, and two in what was sent.
		if sent := bytes.Count(outsideOfTexts(body), []byte(":")); sent != names(v) {
			t.Errorf("%d names were sent, and %d are left: %q", sent, names(v), body)
		}
	})
}

func depth(v any) (n int) {
	switch v := v.(type) {
	case []any:
		for _, one := range v {
			n = max(n, depth(one))
		}
		return n + 1
	case map[string]any:
		for _, one := range v {
			n = max(n, depth(one))
		}
		return n + 1
	}
	return 0
}

// names is how many members all objects in v have.
func names(v any) (n int) {
	switch v := v.(type) {
	case []any:
		for _, one := range v {
			n += names(one)
		}
	case map[string]any:
		for _, one := range v {
			n += 1 + names(one)
		}
	}
	return n
}

// outsideOfTexts is JSON without what is inside of its strings.
func outsideOfTexts(body []byte) (left []byte) {
	inside := false
	for i := 0; i < len(body); i++ {
		switch {
		case inside && body[i] == '\\':
			i++
		case body[i] == '"':
			inside = !inside
		case !inside:
			left = append(left, body[i])
		}
	}
	return left
}

// TestStrict: what is refused, and where it says so.
func TestStrict(t *testing.T) {
	for body, want := range map[string]string{`{"a":{"b":1,"b":2}}`: "/a/b comes twice", `{"a":[{"x":1},{"x":1,"x":1}]}`: "/a/1/x comes twice", `{"a/b":1,"a/b":1}`: "/a~1b comes twice",
		`{} {}`: "there is something behind the JSON value", "{\"a\":\"\xc3\"}": "it is not valid UTF-8", strings.Repeat("[", 25): "it is nested deeper than 24", `{"a"`: "it is not JSON at byte 4", ``: "it is not JSON at byte 0"} {
		if err := admin.Strict([]byte(body)); err == nil || err.Error() != want {
			t.Errorf("%q: %v, expected %s", body, err, want)
		}
	}
	for _, body := range []string{`{}`, `[{"a":1},{"a":1}]`, `"x"`, ` {"a" : null}` + "\n", strings.Repeat("[", 24) + strings.Repeat("]", 24)} {
		if err := admin.Strict([]byte(body)); err != nil {
			t.Errorf("%q: %v", body, err)
		}
	}
}

// TestPreferWait reads RFC 7240 as senders write it.
func TestPreferWait(t *testing.T) {
	for value, want := range map[string]time.Duration{"wait=5": 5 * time.Second, "respond-async, WAIT = 7": 7 * time.Second, "wait=31": 30 * time.Second, `wait="3"; x=y`: 3 * time.Second,
		"wait=-1": 0, "wait": 0, "": 0, "wait=1.5": 0, "waiting=5": 0, "wait=99999999": 0} {
		if got := admin.PreferWait([]string{value}); got != want {
			t.Errorf("%q is %s, expected %s", value, got, want)
		}
	}
}

// TestIsETag: one strong entity tag, or *.
func TestIsETag(t *testing.T) {
	good := []string{"*", `"a"`, `""`, `"none"`}
	for _, tag := range append(good, `W/"a"`, `a`, `"`, `"a" `, `"a","b"`, "\"a\x7f\"", `"a b"`, `**`) {
		if admin.IsETag(tag) != slices.Contains(good, tag) {
			t.Errorf("%q", tag)
		}
	}
}
