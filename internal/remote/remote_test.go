package remote_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
	"countersign.dev/internal/remote"
)

const token = "csat_token-of-a-test-0123456789"

// serve answers with a handler, and returns a client of it.
func serve(t *testing.T, handler http.HandlerFunc) *remote.Client {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	c, err := remote.New(remote.Config{Server: server.URL, Token: token, Agent: "test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func say(w http.ResponseWriter, status int, kind, body string) {
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

// TestNewRefuses what would carry a token in clear, or could not be a server or a token.
func TestNewRefuses(t *testing.T) {
	for _, server := range []string{"", "h", "http://countersign.example.com", "ftp://h", "https://u:p@h", "https://h/v1", "https://h?q", "https://h#f", "http://127.0.0.1.example.com"} {
		if c, err := remote.New(remote.Config{Server: server, Token: token}); err == nil {
			t.Errorf("%q was taken: %v", server, c.Server())
		}
	}
	for _, bad := range []string{"short", strings.Repeat("x", 1025), "with a space in it 12345", "line\nfeed-0123456789", "umlaut-ä-0123456789"} {
		_, err := remote.New(remote.Config{Server: "https://h", Token: bad})
		if err == nil || strings.Contains(err.Error(), bad) {
			t.Errorf("token %q: %v", bad, err)
		}
	}
}

// TestEveryRequestSaysWhoAsks, and every change carries a key of its own.
func TestEveryRequestSaysWhoAsks(t *testing.T) {
	keys := map[string]bool{}
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+token || r.Header.Get("User-Agent") != "test" {
			t.Errorf("%s: %v", r.URL, r.Header)
		}
		if r.Method == http.MethodGet {
			if r.Header.Get("Idempotency-Key") != "" || r.Header.Get("Prefer") != "" {
				t.Errorf("a question carries %v", r.Header)
			}
			say(w, 200, "application/json", `{"items":[]}`)
			return
		}
		keys[r.Header.Get("Idempotency-Key")] = true
		if r.Header.Get("Prefer") != "wait=30" {
			t.Errorf("Prefer: %q", r.Header.Get("Prefer"))
		}
		w.Header().Set("Countersign-Revision", "7")
		say(w, 201, "application/json", `{"revision":7,"confirmed":true,"nodes":[{"name":"n1","environment":"sandbox","revision":7,"confirmed":true}],"partner":{"id":"ptn_x","name":"A","etag":"e"}}`)
	})
	c.Wait(10 * time.Minute)
	for range 3 {
		if _, err := c.CreatePartner(t.Context(), registry.Actor{}, "A"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.Partners(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(keys) != 3 || keys[""] {
		t.Errorf("keys: %v", keys)
	}
	if nodes := c.Confirmed(); c.Changed() != 7 || len(nodes) != 1 || nodes[0].Name != "n1" || nodes[0].Revision != 7 {
		t.Errorf("revision %d, %v", c.Changed(), nodes)
	}
}

// TestProblemsAreErrorsOfTheRegister, so that a command says the same of a server's register and of its own.
func TestProblemsAreErrorsOfTheRegister(t *testing.T) {
	for _, one := range []struct {
		status int
		kind   string
		want   error
	}{
		{401, "not-signed-in", remote.ErrNotSignedIn},
		{403, "forbidden", remote.ErrForbidden},
		{403, "four-eyes", registry.ErrFourEyes},
		{404, "not-found", registry.ErrNotFound},
		{409, "conflict", registry.ErrState},
		{412, "stale", registry.ErrStale},
		{422, "invalid", registry.ErrArgument},
	} {
		c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			say(w, one.status, "application/problem+json", fmt.Sprintf(`{"type":"https://countersign.dev/problems/%s","title":"T","status":%d,"detail":"said\u001b[2J so","errors":[{"pointer":"/a","message":"m"}]}`, one.kind, one.status))
		})
		_, err := c.FindPartner(t.Context(), "x")
		if !errors.Is(err, one.want) || err.Error() != "said [2J so; /a: m" {
			t.Errorf("%s: %q is no %v", one.kind, err, one.want)
		}
	}
}

// TestWaitingIsNoSuccess: a change that waits for a second person is an error of its own.
func TestWaitingIsNoSuccess(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		say(w, 202, "application/json", `{"id":"prp_x","state":"open"}`)
	})
	_, err := c.CreatePartner(t.Context(), registry.Actor{}, "A")
	var waiting *remote.Waiting
	if !errors.As(err, &waiting) || waiting.Proposal.ID != "prp_x" || c.Changed() != 0 {
		t.Errorf("%v", err)
	}
}

// TestAnswersOfSomethingElse are errors, and a redirect carries the token nowhere.
func TestAnswersOfSomethingElse(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a redirect was followed") }))
	defer other.Close()
	for name, handler := range map[string]http.HandlerFunc{
		"redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
		},
		"HTML":          func(w http.ResponseWriter, _ *http.Request) { say(w, 200, "text/html", "<html>") },
		"HTML error":    func(w http.ResponseWriter, _ *http.Request) { say(w, 502, "text/html", "<html>") },
		"broken JSON":   func(w http.ResponseWriter, _ *http.Request) { say(w, 200, "application/json", `{"items":[`) },
		"other members": func(w http.ResponseWriter, _ *http.Request) { say(w, 200, "application/json", `{"items":7}`) },
		"broken error":  func(w http.ResponseWriter, _ *http.Request) { say(w, 404, "application/problem+json", `{`) },
		"endless pages": func(w http.ResponseWriter, _ *http.Request) {
			say(w, 200, "application/json", `{"items":[],"next":"again"}`)
		},
	} {
		c := serve(t, handler)
		if _, err := c.Partners(t.Context()); !errors.Is(err, remote.ErrAnswer) {
			t.Errorf("%s: %v", name, err)
		}
	}
	gone := serve(t, func(http.ResponseWriter, *http.Request) {})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := gone.Partners(ctx); err == nil || strings.Contains(err.Error(), token) || !strings.Contains(err.Error(), "cannot be reached") {
		t.Errorf("%v", err)
	}
}

// TestWhatIsRemovedIsWhatWasRead: the ETag of the listing that somebody looked at goes along; what was never read is read first.
func TestWhatIsRemovedIsWhatWasRead(t *testing.T) {
	var matched []string
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodDelete:
			matched = append(matched, r.URL.Path+" "+r.Header.Get("If-Match"))
			say(w, 200, "application/json", `{"revision":1,"network":{"id":"net_a","etag":""}}`)
		case r.URL.Path == "/v1/networks":
			say(w, 200, "application/json", `{"items":[{"id":"net_a","partner_id":"p","environment":"sandbox","prefix":"192.0.2.0/24","etag":"aaaa"}]}`)
		default:
			say(w, 200, "application/json", `{"id":"net_b","partner_id":"p","environment":"sandbox","country":"DE","etag":"bbbb"}`)
		}
	})
	rules, err := c.Networks(t.Context(), "")
	if err != nil || len(rules) != 1 || rules[0].Prefix.String() != "192.0.2.0/24" {
		t.Fatal(rules, err)
	}
	for _, id := range []string{"net_a", "net_b"} {
		if err := c.RemoveNetwork(t.Context(), registry.Actor{}, id); err != nil {
			t.Error(err)
		}
	}
	if got := strings.Join(matched, ", "); got != `/v1/networks/net_a "aaaa", /v1/networks/net_b "bbbb"` {
		t.Error(got)
	}
}

// TestApplyKeepsEmptyAndAbsentApart: no networks at all is not the same as leaving them as they are; and what the server says of an
// item has the item's path.
func TestApplyKeepsEmptyAndAbsentApart(t *testing.T) {
	var body string
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		body = string(text)
		say(w, 422, "application/problem+json", `{"type":"https://countersign.dev/problems/invalid","title":"T","status":422,"errors":[{"pointer":"/desired/partners/0/environments/0/networks/2","message":"no"}]}`)
	})
	_, err := c.Apply(t.Context(), registry.Actor{}, registry.Desired{Partners: []registry.DesiredPartner{{Name: "A", Environments: []registry.DesiredEnvironment{
		{Name: "sandbox", Networks: []registry.DesiredNetwork{}}, {Name: "production"}}}}}, true)
	if !strings.Contains(body, `"networks":[]`) || strings.Count(body, `"networks"`) != 1 || strings.Contains(body, `"limits"`) || !strings.Contains(body, `"dry_run":true`) {
		t.Error(body)
	}
	var refused *registry.ApplyError
	if !errors.As(err, &refused) || len(refused.Items) != 1 || refused.Items[0].Path != "partners[0].environments[0].networks[2]" || !errors.Is(err, registry.ErrArgument) {
		t.Errorf("%v", err)
	}
}

// FuzzAnswers: whatever something that listens there answers is an error or a list, and nothing in it reaches a terminal as more
// than one line.
func FuzzAnswers(f *testing.F) {
	f.Add(200, "application/json", `{"items":[{"id":"ptn_x","name":"A\u001b[2J","etag":"e"}]}`)
	f.Add(404, "application/problem+json", `{"type":"x","title":"a\nb","status":404}`)
	f.Add(202, "application/json", `{"id":"prp_x"}`)
	f.Fuzz(func(t *testing.T, status int, kind, body string) {
		c, err := remote.New(remote.Config{Server: "http://localhost", Token: token, Transport: answering(func() *http.Response {
			return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {kind}}, Body: io.NopCloser(strings.NewReader(body))}
		})})
		if err != nil {
			t.Fatal(err)
		}
		found, err := c.Partners(t.Context())
		if err == nil {
			for _, p := range found {
				if strings.ContainsAny(p.Name, "\x1b\n\r") {
					t.Fatalf("%q", p.Name)
				}
			}
		}
		var problem *remote.Problem
		if errors.As(err, &problem) && strings.ContainsAny(problem.Error(), "\x1b\n\r") {
			t.Fatalf("%q", problem.Error())
		}
		_, _ = c.Networks(t.Context(), "")
		_, _ = c.Changes(t.Context(), 0, 1)
		_, _ = c.SetLimit(t.Context(), registry.Actor{}, partner.Limit{})
	})
}

type answering func() *http.Response

func (a answering) RoundTrip(r *http.Request) (*http.Response, error) {
	answer := a()
	answer.Request = r
	return answer, nil
}
