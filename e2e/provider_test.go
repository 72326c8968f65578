package e2e_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"database/sql"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"countersign.dev/internal/heldport"
	_ "modernc.org/sqlite"
)

// provider is an OpenID provider that nobody here wrote: Debian's glewlwyd, a process of its own with a database of its own.
type provider struct {
	url    string // its own
	issuer string
	admin  *http.Client
	out    bytes.Buffer
	stop   func() // ends the process
}

// Where Debian puts what glewlwyd needs.
const (
	glewlwydSchema  = "/usr/share/dbconfig-common/data/glewlwyd/install/sqlite3"
	glewlwydModules = "/usr/lib/glewlwyd"
)

const glewlwydConf = `port=%[1]d
bind_address="127.0.0.1"
external_url="%[2]s"
login_url="login.html"
api_prefix="api"
log_mode="console"
log_level="WARNING"
cookie_secure=0
session_key="SESSION"
admin_scope="g_admin"
profile_scope="g_profile"
user_module_path="%[3]s/user"
client_module_path="%[3]s/client"
user_auth_scheme_module_path="%[3]s/scheme"
plugin_module_path="%[3]s/plugin"
hash_algorithm="SHA512"
database={ type="sqlite3" path="%[4]s" };
`

// startProvider starts glewlwyd, or skips the test where it is not installed; under CI it must be.
func startProvider(t *testing.T) *provider {
	t.Helper()
	program, err := exec.LookPath("glewlwyd")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("glewlwyd is missing")
		}
		t.Skip("glewlwyd is missing: apt-get install glewlwyd")
	}
	dir := t.TempDir()
	data := filepath.Join(dir, "provider.db")
	providerTables(t, data)
	port := heldport.Number(t)
	p := &provider{url: fmt.Sprintf("http://127.0.0.1:%d", port)}
	p.issuer = p.url + "/api/oidc"
	file := filepath.Join(dir, "provider.conf")
	if err := os.WriteFile(file, fmt.Appendf(nil, glewlwydConf, port, p.url, glewlwydModules, data), 0o600); err != nil {
		t.Fatal(err)
	}
	launch := func() (stop func()) {
		cmd := exec.Command(program, "--config-file="+file)
		cmd.Stdout, cmd.Stderr = &p.out, &p.out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		p.await(t)
		return func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }
	}
	stop := launch()
	p.signIn(t)
	// A module reads how users look when it starts: say it, and start again.
	p.call(t, "PUT", "/mod/user/database", map[string]any{"module": "database", "name": "database", "display_name": "Database", "order_rank": 0,
		"readonly": false, "enabled": true, "parameters": map[string]any{"use-glewlwyd-connection": true,
			"data-format": map[string]any{"groups": map[string]any{"multiple": true, "read": true, "write": true, "profile-read": true, "profile-write": false}}}})
	stop()
	p.stop = sync.OnceFunc(launch())
	t.Cleanup(p.stop)
	p.signIn(t)
	p.enableOIDC(t)
	return p
}

// providerTables makes the database of a new provider.
func providerTables(t *testing.T, path string) {
	t.Helper()
	schema, err := os.ReadFile(glewlwydSchema)
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", path)
	if err == nil {
		_, err = db.Exec(string(schema))
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// await waits until the provider answers.
func (p *provider) await(t *testing.T) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		r, err := http.Get(p.url + "/api/auth/")
		if err == nil {
			_ = r.Body.Close()
			return
		}
		if time.Now().After(end) {
			t.Fatalf("the provider does not answer: %v\n%s", err, p.out.String())
		}
	}
}

func (p *provider) signIn(t *testing.T) {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	p.admin = &http.Client{Jar: jar, Timeout: 30 * time.Second}
	p.call(t, "POST", "/auth/", map[string]string{"username": "admin", "password": "password"})
}

// call changes something of the provider.
func (p *provider) call(t *testing.T, method, path string, body any) {
	t.Helper()
	if err := providerCall(p.admin, method, p.url+"/api"+path, body); err != nil {
		t.Fatalf("%v\n%s", err, p.out.String())
	}
}

func providerCall(client *http.Client, method, target string, body any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	r, err := http.NewRequest(method, target, bytes.NewReader(text))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	answer, err := client.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	said, err := io.ReadAll(io.LimitReader(answer.Body, 4096))
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: %s: %s", method, target, answer.Status, said)
	}
	return err
}

// enableOIDC makes the provider sign with an RSA key and insist on PKCE.
func (p *provider) enableOIDC(t *testing.T) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	private, err1 := x509.MarshalPKCS8PrivateKey(key)
	public, err2 := x509.MarshalPKIXPublicKey(key.Public())
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	p.call(t, "POST", "/mod/plugin/", map[string]any{"module": "oidc", "name": "oidc", "display_name": "oidc", "enabled": true, "parameters": map[string]any{
		"iss": p.issuer, "jwt-type": "rsa", "jwt-key-size": "256",
		"key":                   string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})),
		"cert":                  string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})),
		"access-token-duration": 3600, "refresh-token-duration": 3600, "code-duration": 600, "refresh-token-rolling": true, "allow-non-oidc": false,
		"auth-type-code-enabled": true, "auth-type-token-enabled": false, "auth-type-id-token-enabled": false, "auth-type-none-enabled": false,
		"auth-type-password-enabled": false, "auth-type-client-enabled": false, "auth-type-device-enabled": false, "auth-type-refresh-enabled": true,
		"pkce-allowed": true, "pkce-required": true, "pkce-method-plain-allowed": false, "subject-type": "public", "jwks-show": true,
		"email-claim": "mandatory", "name-claim": "mandatory", "scope-claim": "no",
		"claims": []any{map[string]any{"name": "groups", "user-property": "groups", "type": "string", "mandatory": true},
			map[string]any{"name": "login", "user-property": "email", "type": "string", "mandatory": true}}}})
}

// client registers a program that may ask the provider who somebody is.
func (p *provider) client(t *testing.T, id, secret, redirect string) {
	t.Helper()
	p.call(t, "POST", "/client/", map[string]any{"client_id": id, "name": id, "confidential": true, "client_secret": secret, "password": secret,
		"redirect_uri": []string{redirect}, "authorization_type": []string{"code"}, "scope": []string{"openid"}, "enabled": true,
		"token_endpoint_auth_method": []string{"client_secret_basic", "client_secret_post"}})
}

// user registers a person.
func (p *provider) user(t *testing.T, name string, groups ...string) {
	t.Helper()
	p.call(t, "POST", "/user/", map[string]any{"username": name, "name": strings.ToUpper(name[:1]) + name[1:], "email": name + "@example.com",
		"password": name + "-password", "scope": []string{"openid", "g_profile"}, "groups": groups, "enabled": true})
}

// asks is what a person does in a browser whom a program has sent to the provider: sign in, agree, and go back. It returns where
// the provider sends the browser then. client keeps the person's cookies at the provider.
func (p *provider) asks(t *testing.T, client *http.Client, name, program string, at *url.URL) *url.URL {
	t.Helper()
	if err := providerCall(client, "POST", p.url+"/api/auth/", map[string]string{"username": name, "password": name + "-password"}); err != nil {
		t.Fatal(err)
	}
	if err := providerCall(client, "PUT", p.url+"/api/auth/grant/"+program, map[string]string{"scope": "openid"}); err != nil {
		t.Fatal(err)
	}
	on := *at
	on.RawQuery += "&g_continue"
	r, err := client.Get(on.String())
	if err != nil {
		t.Fatal(err)
	}
	_ = r.Body.Close()
	back, err := r.Location()
	if err != nil || r.StatusCode != http.StatusFound {
		t.Fatalf("the provider answered %s: %v", r.Status, err)
	}
	return back
}
