package signin_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"
)

// stubProvider is a stub of an OIDC provider, written for these tests and named a stub: it signs whatever a test tells it to, so
// that wrong answers can be had. A provider that nobody here wrote is asked by the end-to-end tests.
type stubProvider struct {
	t      testing.TB
	server *httptest.Server
	ec     *ecdsa.PrivateKey
	rsa    *rsa.PrivateKey
	ed     ed25519.PrivateKey
	now    func() time.Time

	mu       sync.Mutex
	dead     bool
	codes    map[string]grant
	tokens   int               // calls of the token endpoint
	lastForm url.Values        // of the token endpoint
	metadata map[string]any    // over those of the discovery
	alg      string            // of the next ID tokens
	change   func(m claimsMap) // of the next ID tokens
	answer   func(w http.ResponseWriter) bool
}

type claimsMap = map[string]any

// grant is what a code stands for.
type grant struct {
	nonce, challenge, redirect string
	claims                     claimsMap
}

func newStubProvider(t testing.TB, now func() time.Time) *stubProvider {
	t.Helper()
	p := &stubProvider{t: t, now: now, codes: map[string]grant{}, alg: "ES256"}
	var err error
	if p.ec, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	if p.rsa, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		t.Fatal(err)
	}
	if _, p.ed, err = ed25519.GenerateKey(rand.Reader); err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", p.discovery)
	mux.HandleFunc("GET /keys", p.keys)
	mux.HandleFunc("POST /token", p.token)
	p.server = httptest.NewServer(mux)
	t.Cleanup(p.server.Close)
	return p
}

func (p *stubProvider) issuer() string { return p.server.URL }

func (p *stubProvider) discovery(w http.ResponseWriter, _ *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.dead {
		http.Error(w, "dead", http.StatusBadGateway)
		return
	}
	doc := map[string]any{"issuer": p.issuer(), "authorization_endpoint": p.issuer() + "/authorize", "token_endpoint": p.issuer() + "/token",
		"jwks_uri": p.issuer() + "/keys", "id_token_signing_alg_values_supported": []string{"RS256", "ES256", "EdDSA", "HS256", "none"}}
	for k, v := range p.metadata {
		doc[k] = v
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(doc)
}

func (p *stubProvider) keys(w http.ResponseWriter, _ *http.Request) {
	point, err := p.ec.PublicKey.Bytes()
	if err != nil {
		p.t.Error(err)
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"keys": []any{
		map[string]string{"kty": "EC", "crv": "P-256", "kid": "ec", "use": "sig", "x": b64(point[1:33]), "y": b64(point[33:])},
		map[string]string{"kty": "RSA", "kid": "rsa", "use": "sig", "n": b64(p.rsa.N.Bytes()), "e": b64(big.NewInt(int64(p.rsa.E)).Bytes())},
		map[string]string{"kty": "OKP", "crv": "Ed25519", "kid": "ed", "use": "sig", "x": b64(p.ed.Public().(ed25519.PublicKey))},
	}})
}

// authorize signs somebody in at the provider: what its page would do. It returns the parameters of the way back.
func (p *stubProvider) authorize(location string, claims claimsMap) url.Values {
	p.t.Helper()
	u, err := url.Parse(location)
	if err != nil {
		p.t.Fatal(err)
	}
	q := u.Query()
	if u.Path != "/authorize" || q.Get("response_type") != "code" || q.Get("client_id") != "countersign" || q.Get("code_challenge_method") != "S256" ||
		q.Get("redirect_uri") != public+"/sign-in/oidc/callback" || q.Get("state") == "" || q.Get("nonce") == "" || len(q.Get("code_challenge")) != 43 {
		p.t.Fatalf("the browser is sent to %s", location)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	code := "code-" + q.Get("state")[:12]
	p.codes[code] = grant{q.Get("nonce"), q.Get("code_challenge"), q.Get("redirect_uri"), claims}
	return url.Values{"code": {code}, "state": {q.Get("state")}}
}

func (p *stubProvider) token(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tokens++
	if p.answer != nil && p.answer(w) {
		return
	}
	_ = r.ParseForm()
	p.lastForm = r.PostForm
	g, ok := p.codes[r.PostForm.Get("code")]
	delete(p.codes, r.PostForm.Get("code"))
	sum := sha256.Sum256([]byte(r.PostForm.Get("code_verifier")))
	id, password, _ := r.BasicAuth()
	w.Header().Set("Content-Type", "application/json")
	if !ok || b64(sum[:]) != g.challenge || r.PostForm.Get("redirect_uri") != g.redirect || id != "countersign" || password != "s3cret" {
		w.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(w).Encode(map[string]string{"error": "invalid_grant"})
		return
	}
	claims := claimsMap{"iss": p.issuer(), "aud": "countersign", "iat": p.now().Unix(), "exp": p.now().Add(5 * time.Minute).Unix(), "nonce": g.nonce}
	for k, v := range g.claims {
		claims[k] = v
	}
	if p.change != nil {
		p.change(claims)
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"access_token": "at", "token_type": "Bearer", "expires_in": 300, "id_token": p.sign(claims)})
}

// sign makes a JWT with the algorithm that the test wants (RFC 7519, RFC 7518).
func (p *stubProvider) sign(claims claimsMap) string {
	kid := map[string]string{"ES256": "ec", "RS256": "rsa", "EdDSA": "ed", "PS256": "rsa"}[p.alg]
	head, _ := json.Marshal(map[string]string{"alg": p.alg, "kid": kid, "typ": "JWT"})
	body, err := json.Marshal(claims)
	if err != nil {
		p.t.Error(err)
	}
	text := b64(head) + "." + b64(body)
	sum := sha256.Sum256([]byte(text))
	var signature []byte
	switch p.alg {
	case "ES256":
		r, s, _ := ecdsa.Sign(rand.Reader, p.ec, sum[:])
		signature = append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	case "RS256":
		signature, _ = rsa.SignPKCS1v15(rand.Reader, p.rsa, crypto.SHA256, sum[:])
	case "PS256":
		signature, _ = rsa.SignPSS(rand.Reader, p.rsa, crypto.SHA256, sum[:], nil)
	case "EdDSA":
		signature = ed25519.Sign(p.ed, []byte(text))
	case "HS256": // the confusion of keys: the public modulus, or the client secret, as an HMAC key
		mac := hmac.New(sha256.New, []byte("s3cret"))
		mac.Write([]byte(text))
		signature = mac.Sum(nil)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(signature)
}
