package middleware_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"countersign.dev/client"
	"countersign.dev/internal/edge/doortest/worldtest"
	"countersign.dev/middleware"
	"countersign.dev/profile/library"
)

// A service with the check in it. The configuration file is that of `countersign serve`.
func Example() {
	file, keyID, secret, end := somePartner() // in life: countersign init, and a partner that is approved
	defer end()

	check, err := middleware.Open(context.Background(), middleware.Config{ConfigFile: file, Environment: "sandbox"})
	if err != nil {
		log.Fatal(err)
	}
	defer check.Close(context.Background())

	cards := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, _ := middleware.IdentityOf(r.Context())
		body, _ := io.ReadAll(r.Body) // the bytes that were signed
		fmt.Fprintf(w, "%s %s for the API %s: %s", r.Method, r.URL.Path, id.API, body)
	})
	service := httptest.NewServer(check.Wrap(cards))
	defer service.Close()
	health := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { // on a listener of its own
		if err := check.Ready(); err != nil {
			http.Error(w, "not ready", http.StatusServiceUnavailable)
		}
	}))
	defer health.Close()

	// The partner's side, and somebody who is no partner.
	profile, _ := library.Load("finci")
	signs, _ := client.New(client.Config{Scheme: profile, KeyID: keyID, Secret: []byte(secret), Hosts: []string{strings.TrimPrefix(service.URL, "http://")}})
	for _, caller := range []*http.Client{{Transport: signs}, {}} {
		resp, err := caller.Post(service.URL+"/api/v1/cards", "application/json", strings.NewReader(`{"product":"gold"}`))
		if err != nil {
			log.Fatal(err)
		}
		text, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		shown, _, _ := strings.Cut(string(text), `,"request_id"`)
		fmt.Println(resp.StatusCode, shown)
	}
	// Output:
	// 200 POST /api/v1/cards for the API card: {"product":"gold"}
	// 401 {"status":"error","errors":["missing_header"],"message":"The request lacks the header X-Auth-Token."
}

// Listener puts the strict reader of the gateway in front of the service's own server.
func ExampleMiddleware_Listener() {
	check, err := middleware.Open(context.Background(), middleware.Config{ConfigFile: "countersign.yaml", Environment: "production", RequireListener: true})
	if err != nil {
		log.Fatal(err)
	}
	service := &http.Server{Addr: ":8443", Handler: check.Wrap(http.NotFoundHandler())}
	// service.TLSConfig = &tls.Config{GetCertificate: …}
	listener, err := check.Listener(service, nil) // in the place of nil: net.Listen("tcp", service.Addr)
	if err != nil {
		log.Fatal(err)
	}
	log.Print(service.Serve(listener))
}

// somePartner makes a data folder with an approved partner in it.
func somePartner() (file, keyID, secret string, end func()) {
	dir, err := os.MkdirTemp("", "countersign-example-*")
	if err != nil {
		log.Fatal(err)
	}
	t := &folder{dir: dir}
	w := worldtest.New(t)
	return w.File, w.Keys.Good.ID, w.Keys.Good.Secret, t.end
}

// folder is what a world needs of a test.
type folder struct {
	testing.TB
	dir  string
	done []func()
}

func (f *folder) Helper()          {}
func (f *folder) TempDir() string  { return f.dir }
func (f *folder) Cleanup(d func()) { f.done = append(f.done, d) }
func (f *folder) Fatal(a ...any)   { log.Fatal(a...) }

func (f *folder) end() {
	for _, d := range f.done {
		d()
	}
	_ = os.RemoveAll(f.dir)
}
