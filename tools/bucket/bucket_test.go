// Package bucket_test runs the suite of depots against an S3-compatible server in the process: it is a dependency of this module alone.
package bucket_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"countersign.dev/internal/audit/shipping"
	"countersign.dev/internal/audit/shipping/bucket"
	"countersign.dev/internal/audit/shipping/depottest"
	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
)

var number atomic.Int64

// store runs a store with one bucket; wrap may alter its answers, or what it hears.
func store(t *testing.T, wrap func(http.Handler) http.Handler) bucket.Config {
	t.Helper()
	backend := s3mem.New()
	if err := backend.CreateBucket("records"); err != nil {
		t.Fatal(err)
	}
	handler := gofakes3.New(backend).Server()
	if wrap != nil {
		handler = wrap(handler)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return bucket.Config{Endpoint: strings.TrimPrefix(server.URL, "http://"), Bucket: "records", Access: "access", Secret: "secret", Plain: true}
}

func open(t *testing.T, cfg bucket.Config) *bucket.Depot {
	t.Helper()
	d, err := bucket.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

func TestADepotInABucket(t *testing.T) {
	shared := store(t, nil)
	prefixes := map[*testing.T]string{}
	depottest.Run(t, func(t *testing.T) shipping.Depot {
		if prefixes[t] == "" {
			prefixes[t] = fmt.Sprintf("team/p%d", number.Add(1))
		}
		cfg := shared
		cfg.Prefix = prefixes[t]
		return open(t, cfg)
	})
}

// TestAStoreThatWritesOverIsRefused: one that passes over If-None-Match would let a node write its history anew.
func TestAStoreThatWritesOverIsRefused(t *testing.T) {
	cfg := store(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.Header.Del("If-None-Match")
			next.ServeHTTP(w, r)
		})
	})
	if _, err := bucket.Open(t.Context(), cfg); !errors.Is(err, shipping.ErrForeign) {
		t.Error(err)
	}
}

// TestAWrongBucketIsRefused when it is opened, not when the first piece is lost.
func TestAWrongBucketIsRefused(t *testing.T) {
	cfg := store(t, nil)
	cfg.Bucket = "another"
	if _, err := bucket.Open(t.Context(), cfg); err == nil {
		t.Error("a bucket that is not there was opened")
	}
}

// TestAnObjectThatIsNoPieceIsRefused: also one that is far too long, of which no more is read than a piece can have.
func TestAnObjectThatIsNoPieceIsRefused(t *testing.T) {
	var lie atomic.Pointer[string]
	cfg := store(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			text := lie.Load()
			if text == nil || r.Method != http.MethodGet || !strings.Contains(r.URL.Path, "/pieces/") {
				next.ServeHTTP(w, r)
				return
			}
			w.Header().Set("Last-Modified", "Fri, 20 Nov 2026 10:00:00 GMT")
			w.Header().Set("Etag", `"x"`)
			_, _ = fmt.Fprint(w, *text)
		})
	})
	d, p := open(t, cfg), depottest.PieceOf("a", 1, 0, "x\n")
	if err := d.Put(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"", "{}\n", strings.Repeat("x", shipping.MaxEncoded+100)} {
		lie.Store(&text)
		if _, err := d.Get(t.Context(), p.Stream, p.Place); !errors.Is(err, shipping.ErrMalformed) {
			t.Errorf("%.10q: %v", text, err)
		}
	}
}

// TestRule39CredentialsOfABucketAreOurs: a file that others can read, and a symbolic link, is refused.
func TestRule39CredentialsOfABucketAreOurs(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "credentials")
	if err := os.WriteFile(path, []byte("access\nsecret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if access, secret, err := bucket.LoadCredentials(path); access != "access" || secret != "secret" || err != nil {
		t.Errorf("%q, %v", access, err)
	}
	if err := os.Symlink(path, path+".link"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := bucket.LoadCredentials(path + ".link"); err == nil {
		t.Error("a symbolic link was followed")
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, _, err := bucket.LoadCredentials(path); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("others can read it: %v", err)
	}
	for _, text := range []string{"", "access", "access\n", "\nsecret\n", "access\nsecret\nmore\n", "ac cess\nsecret\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_ = os.Chmod(path, 0o600)
		if access, secret, err := bucket.LoadCredentials(path); err == nil || access+secret != "" {
			t.Errorf("%q: %q %q %v", text, access, secret, err)
		}
	}
}
