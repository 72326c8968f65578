package e2e_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// hook is a partner's webhook endpoint, written from the guide: it checks the signature and proves that it holds the key.
type hook struct {
	url string
	mu  sync.Mutex
	key []byte
}

func newHook(t *testing.T, o *office) *hook {
	t.Helper()
	h := new(hook)
	pair, err := tls.LoadX509KeyPair(o.cert, o.key)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(h)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	server.StartTLS()
	t.Cleanup(server.Close)
	h.url = server.URL + "/hooks"
	return h
}

// holds gives the endpoint a signing key.
func (h *hook) holds(secret string) {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.key = key; err != nil {
		h.key = nil
	}
}

func hexMAC(key []byte, text string) []byte {
	m := hmac.New(sha256.New, key)
	_, _ = io.WriteString(m, text)
	return m.Sum(nil)
}

func (h *hook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	body, err := io.ReadAll(io.LimitReader(r.Body, 64<<10))
	var asked struct{ Type, Challenge string }
	if err != nil || json.Unmarshal(body, &asked) != nil || asked.Type != "endpoint.verify" {
		http.Error(w, "what is this?", http.StatusBadRequest)
		return
	}
	signed := base64.StdEncoding.EncodeToString(hexMAC(h.key, r.Header.Get("Webhook-Id")+"."+r.Header.Get("Webhook-Timestamp")+"."+string(body)))
	if !strings.Contains(r.Header.Get("Webhook-Signature"), "v1,"+signed) {
		http.Error(w, "not signed with my key", http.StatusUnauthorized)
		return
	}
	sum := sha256.Sum256([]byte(asked.Challenge))
	fmt.Fprintf(w, `{"proof":"%x"}`, hexMAC(h.key, "verify:"+hex.EncodeToString(sum[:])))
}
