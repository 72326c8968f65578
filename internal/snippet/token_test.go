package snippet_test

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"countersign.dev/internal/snippet"
)

const (
	endpoint      = "/aggregation/v2/partners/authentication"
	appKey        = "0123456789abcdef0123456789abcdef"
	partnerSecret = `a "secret" \ with 'marks' $HOME`
)

// exchange is an API with access tokens. It takes the tokens that it has issued, from the good one on.
type exchange struct {
	*httptest.Server
	ca     string
	mu     sync.Mutex // over what follows
	good   int        // the first token that is taken
	code   int        // what is said of the others
	status int        // of the token endpoint
	issued int
	seen   []string // requests that bring a token
}

func newExchange(t *testing.T) *exchange {
	e := &exchange{ca: filepath.Join(t.TempDir(), "ca.pem")}
	e.Server = httptest.NewTLSServer(e)
	t.Cleanup(e.Close)
	if err := os.WriteFile(e.ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: e.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return e
}

func (e *exchange) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	e.mu.Lock()
	defer e.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	if r.Header.Get("Finicity-App-Key") != appKey || r.Header.Get("Accept") != "application/json" {
		http.Error(w, `{"code":10027,"message":"headers"}`, http.StatusUnauthorized)
		return
	}
	if r.RequestURI == endpoint {
		e.issued++
		var secret struct{ PartnerID, PartnerSecret string }
		if err := json.Unmarshal(body, &secret); err != nil || r.Method != "POST" || secret.PartnerID != "2445581234567" || secret.PartnerSecret != partnerSecret {
			http.Error(w, fmt.Sprintf(`{"code":10001,"message":"%q"}`, body), http.StatusUnauthorized)
			return
		}
		w.WriteHeader(e.status)
		fmt.Fprintf(w, `{"token":"token-%d"}`, e.issued)
		return
	}
	e.seen = append(e.seen, fmt.Sprintf("%s %s %s %s", r.Method, r.RequestURI, body, r.Header.Get("Finicity-App-Token")))
	var n int
	if _, err := fmt.Sscanf(r.Header.Get("Finicity-App-Token"), "token-%d", &n); err != nil || n < e.good {
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprintf(w, `{"code":%d,"message":"no"}`, e.code)
		return
	}
	w.WriteHeader(http.StatusCreated)
	_, _ = io.WriteString(w, `{"id":"½"}`)
}

// TestTokenPrograms: what the programs do with a good token, one that has ended, one that is never good, and a refused secret.
func TestTokenPrograms(t *testing.T) {
	request := "POST " + target + " " + patch + " "
	for _, language := range snippet.Names() {
		if runners[language].tool == "" {
			continue
		}
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			need(t, runners[language].tool)
			e := newExchange(t)
			if language == "java" {
				(&verifier{ca: e.ca}).trust(t)
			}
			for _, c := range []struct {
				what, token        string
				good, code, status int
				exit, issued       int
				out                string
				seen               []string
			}{
				{"none yet", "", 1, 0, 200, 0, 1, "201\n{\"id\":\"½\"}\n", []string{"token-1"}},
				{"one that is good", "token-7", 1, 0, 200, 0, 0, "201\n{\"id\":\"½\"}\n", []string{"token-7"}},
				{"one that has expired", "token-0", 1, 10023, 200, 0, 1, "201\n{\"id\":\"½\"}\n", []string{"token-0", "token-1"}},
				{"never a good one", "other", 9, 10022, 200, 1, 1, "401\n{\"code\":10022,\"message\":\"no\"}\n", []string{"other", "token-1"}},
				{"another refusal", "other", 9, 10021, 200, 1, 0, "401\n{\"code\":10021,\"message\":\"no\"}\n", []string{"other"}},
				{"no token to be had", "", 1, 0, 503, -1, 1, "", nil},
			} {
				e.mu.Lock()
				e.good, e.code, e.status, e.issued, e.seen = c.good, c.code, c.status, 0, nil
				e.mu.Unlock()
				code, err := snippet.Token(endpoint, language, snippet.Request{Method: "POST", URL: e.URL + target, Body: []byte(patch)})
				if err != nil {
					t.Fatal(err)
				}
				exit, out, errOut := execute(t, language, code, e.ca, "APP_KEY="+appKey, "PARTNER_ID=2445581234567", "PARTNER_SECRET="+partnerSecret, "APP_TOKEN="+c.token)
				if c.exit < 0 && exit == 0 || c.exit >= 0 && (exit != c.exit || out != c.out) {
					t.Errorf("%s: exit code %d: %s%s", c.what, exit, out, errOut)
				}
				var want []string
				for _, used := range c.seen {
					want = append(want, request+used)
				}
				if language == "node" {
					for i := range want {
						want[i] = nodeTarget(want[i])
					}
				}
				e.mu.Lock()
				if !slices.Equal(e.seen, want) || e.issued != c.issued {
					t.Errorf("%s: %d exchanges, arrived: %q", c.what, e.issued, e.seen)
				}
				e.mu.Unlock()
			}
		})
	}
}
