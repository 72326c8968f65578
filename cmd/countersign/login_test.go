package main

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// stubSignIn stands in for internal/edge/signin: it keeps to the contract in that package's comment, and lets everybody in.
type stubSignIn struct {
	mu        sync.Mutex
	challenge string
	ended     []string
}

const loginToken = "csct_made-at-a-sign-in-0123456789"

func (s *stubSignIn) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch r.Method + " " + r.URL.Path {
	case "GET /sign-in/cli":
		q := r.URL.Query()
		s.challenge = q.Get("challenge")
		http.Redirect(w, r, "http://127.0.0.1:"+q.Get("port")+"/?"+url.Values{"code": {"the-code"}, "state": {q.Get("state")}}.Encode(), http.StatusSeeOther)
	case "POST /sign-in/cli/token":
		var in struct{ Code, Verifier string }
		err := json.NewDecoder(r.Body).Decode(&in)
		digest := sha256.Sum256([]byte(in.Verifier))
		w.Header().Set("Content-Type", "application/json")
		if err != nil || in.Code != "the-code" || len(in.Verifier) < 43 || base64.RawURLEncoding.EncodeToString(digest[:]) != s.challenge {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"error":"invalid_grant","message":"The code is unknown.\u001b[2J"}`)
			return
		}
		_, _ = fmt.Fprintf(w, `{"token":%q,"expires_at":"2126-11-20T16:00:00Z","kind":"operator","name":"alice@example.com","session":"ses_x"}`, loginToken)
	case "DELETE /sign-in/cli/token":
		s.ended = append(s.ended, r.Header.Get("Authorization"))
		w.WriteHeader(http.StatusNoContent)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

// noteReader gives what a command has noted to whoever plays the browser.
type noteReader struct {
	mu   sync.Mutex
	text strings.Builder
	said chan string
}

var signInAddress = regexp.MustCompile(`https?://[^\s"]+/sign-in/cli\?[^\s"]+`)

func (n *noteReader) Write(p []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.text.Write(p)
	if at := signInAddress.FindString(n.text.String()); at != "" {
		select {
		case n.said <- at:
		default:
		}
	}
	return len(p), nil
}

// signIn runs login and plays the browser; visit may do something else with the address.
func signIn(t *testing.T, server string, visit func(address string)) (code int, out, said string) {
	t.Helper()
	notes := &noteReader{said: make(chan string, 1)}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var played sync.WaitGroup
	played.Go(func() {
		select {
		case address := <-notes.said:
			visit(address)
		case <-ctx.Done():
		}
	})
	var b strings.Builder
	code = run(ctx, []string{"login", "--server", server, "--no-browser"}, strings.NewReader(""), &b, notes)
	cancel()
	played.Wait()
	return code, b.String(), notes.text.String()
}

func browse(t *testing.T, address string) {
	t.Helper()
	answer, err := http.Get(address)
	if err != nil {
		t.Error(err)
		return
	}
	defer answer.Body.Close()
	page, err := io.ReadAll(answer.Body)
	if err != nil || !strings.Contains(string(page), "You can close this tab") || answer.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%v, %v, %s", err, answer.Header, page)
	}
}

// TestLogin: the browser hands the code over on the loopback interface, the token is kept in a file of one's own and never printed,
// and logout ends it at the server and here.
func TestLogin(t *testing.T) {
	stub := new(stubSignIn)
	server := httptest.NewServer(stub)
	defer server.Close()
	home := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", home)
	code, out, said := signIn(t, server.URL, func(address string) { browse(t, address) })
	if code != exitOK || out != "signed in at "+server.URL+" as alice@example.com, until 2126-11-20T16:00:00Z\n" || strings.Contains(out+said, loginToken) {
		t.Fatalf("exit code %d, %q %q", code, out, said)
	}
	files, err := filepath.Glob(filepath.Join(home, "countersign", "*"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	info, err := os.Lstat(files[0])
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatal(info, err)
	}
	kept, err := readLogin(server.URL)
	if err != nil || kept.Token != loginToken || kept.Account != "alice@example.com" {
		t.Fatal(kept.Account, err)
	}
	if code, out, said := command(t, "logout", "--server", server.URL); code != exitOK || out != "signed out at "+server.URL+"\n" || said != "" {
		t.Errorf("exit code %d, %q %q", code, out, said)
	}
	if len(stub.ended) != 1 || stub.ended[0] != "Bearer "+loginToken {
		t.Error(stub.ended)
	}
	if code, out, _ := command(t, "logout", "--server", server.URL, "-o", "json"); code != exitOK || !strings.Contains(out, `"signed_out":false`) {
		t.Errorf("exit code %d, %q", code, out)
	}
}

// TestLoginTakesNothingFromStrangers: a request to the waiting terminal without the state is nobody's, and a refusal in the browser
// ends the sign-in.
func TestLoginTakesNothingFromStrangers(t *testing.T) {
	stub := new(stubSignIn)
	server := httptest.NewServer(stub)
	defer server.Close()
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	code, out, said := signIn(t, server.URL, func(address string) {
		u, err := url.Parse(address)
		if err != nil {
			t.Error(err)
			return
		}
		terminal := "http://127.0.0.1:" + u.Query().Get("port")
		for _, path := range []string{"/?code=stolen&state=guessed", "/?code=stolen", "/other?code=x&state=" + u.Query().Get("state")} {
			answer, err := http.Get(terminal + path)
			if err != nil {
				t.Error(err)
				return
			}
			_ = answer.Body.Close()
			if answer.StatusCode != http.StatusNotFound {
				t.Errorf("%s: %d", path, answer.StatusCode)
			}
		}
		answer, err := http.Get(terminal + "/?error=access_denied&state=" + u.Query().Get("state"))
		if err != nil {
			t.Error(err)
			return
		}
		_ = answer.Body.Close()
	})
	if code != exitFailed || out != "" || !strings.Contains(said, "the sign-in was refused in the browser") {
		t.Errorf("exit code %d, %q %q", code, out, said)
	}
}

// TestRule39LoginFile: what is kept of a sign-in is refused where others could read it, or where it is a symbolic link; signing in
// anew replaces it.
func TestRule39LoginFile(t *testing.T) {
	const server = "https://countersign.example.com"
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	t.Setenv(tokenVariable, "")
	if err := keepLogin(login{Server: server, Token: loginToken}); err != nil {
		t.Fatal(err)
	}
	path, err := loginPath(server)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := readLogin(server); err == nil || !strings.Contains(err.Error(), "holds secrets but has mode 0640") {
		t.Errorf("others can read it: %v", err)
	}
	elsewhere := filepath.Join(t.TempDir(), "elsewhere")
	if err := os.Rename(path, elsewhere); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(elsewhere, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(elsewhere, path); err != nil {
		t.Fatal(err)
	}
	if _, err := readLogin(server); err == nil {
		t.Error("a symbolic link was followed")
	}
	if err := keepLogin(login{Server: server, Token: loginToken + "2"}); err != nil {
		t.Fatal(err)
	}
	if kept, err := readLogin(server); err != nil || kept.Token != loginToken+"2" {
		t.Error(err)
	}
	if text, err := os.ReadFile(elsewhere); err != nil || strings.Contains(string(text), loginToken+"2") {
		t.Errorf("it was written through the link: %v", err)
	}
	if _, err := readLogin("https://other.example.com"); err != nil {
		t.Error(err)
	}
}

// TestParseServer: https, or http to this machine, and nothing behind host and port.
func TestParseServer(t *testing.T) {
	for text, want := range map[string]string{
		"https://Countersign.example.com": "https://countersign.example.com", "https://h:8443/": "https://h:8443", "http://127.0.0.1:9901": "http://127.0.0.1:9901",
		"http://localhost:1": "http://localhost:1", "http://[::1]:1": "http://[::1]:1",
		"http://countersign.example.com": "", "https://user:pass@h": "", "https://h/path": "", "https://h?x": "", "https://h/?": "", "https://h#f": "", "ftp://h": "", "https://": "",
		"http://127.0.0.1.example.com": "", "http://localhost.example.com": "", "//h": "", "h:1": "",
	} {
		if got, err := parseServer(text); got != want || (err == nil) != (want != "") {
			t.Errorf("%s: %q, %v", text, got, err)
		}
	}
}

// FuzzParseServer: whatever is taken is one origin, and nothing that would carry a token in clear over a network.
func FuzzParseServer(f *testing.F) {
	for _, seed := range []string{"https://h", "http://127.0.0.1:1", "http://localhost", "https://u@h", "https://h/%2e", "http://[::1%25lo]:1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := parseServer(text)
		if err != nil {
			return
		}
		u, err := url.Parse(got)
		if err != nil || u.User != nil || u.Path != "" || u.RawQuery != "" || u.Fragment != "" || u.Host == "" {
			t.Fatalf("%q became %q: %v", text, got, err)
		}
		if u.Scheme != "https" && !isLoopbackName(u.Hostname()) {
			t.Fatalf("%q became %q", text, got)
		}
	})
}
