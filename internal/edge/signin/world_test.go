package signin_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/edge/signin"
	"countersign.dev/internal/operator"
	"countersign.dev/internal/registry"
	"countersign.dev/internal/secret"
	"countersign.dev/internal/store/sqlite"
)

const public = "https://admin.example.com"

var (
	ctx   = context.Background()
	local = registry.Actor{Kind: registry.Operator, Name: "root"}
)

// clock stands still until it is moved.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// world is a handler over a real register, with a clock that stands still.
type world struct {
	t        testing.TB
	handler  *signin.Handler
	register *registry.Registry
	clock    *clock
	failed   map[string]int
	mu       sync.Mutex
	log      strings.Builder
	cfg      signin.Config
}

type noHasher struct{}

func (noHasher) Hash(context.Context, []byte) (string, error)         { return "", secret.ErrBusy }
func (noHasher) Verify(context.Context, string, []byte) (bool, error) { return false, secret.ErrBusy }
func (noHasher) Dummy(context.Context, []byte) error                  { return secret.ErrBusy }

func newWorld(t testing.TB, change ...func(*signin.Config)) *world {
	t.Helper()
	w := &world{t: t, clock: &clock{at: time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)}, failed: map[string]int{}}
	dir := t.TempDir()
	db, err := sqlite.Open(ctx, sqlite.Config{Path: filepath.Join(dir, "register.db")})
	w.must(err)
	t.Cleanup(func() { w.must(db.Close()) })
	ring, err := secret.OpenRing(ctx, secret.KeyFile{Path: filepath.Join(dir, "keys"), Create: true, Rand: rand.Reader}, rand.Reader)
	w.must(err)
	w.register, err = registry.New(registry.Config{Store: registry.Adapt(db), Ring: ring, Hasher: noHasher{}, Now: w.clock.now, Rand: rand.Reader})
	w.must(err)
	w.cfg = signin.Config{Register: w.register, PublicURL: public, Now: w.clock.now, Passkeys: true,
		Failed: func(way string) { w.failed[way]++ },
		Log: func(what string, err error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.log.WriteString(what + ": " + err.Error() + "\n")
		}}
	for _, c := range change {
		c(&w.cfg)
	}
	w.handler, err = signin.New(w.cfg)
	w.must(err)
	return w
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// actions are the newest change rows' actions.
func (w *world) rows() []audit.Change {
	w.t.Helper()
	rows, err := w.register.Changes(ctx, 0, 0)
	w.must(err)
	return rows
}

func (w *world) count(action audit.Action) (n int) {
	w.t.Helper()
	for _, row := range w.rows() {
		if row.Action == action {
			n++
		}
	}
	return n
}

// browser is one browser: it keeps cookies and says where its requests come from, as browsers do.
type browser struct {
	w      *world
	jar    *cookiejar.Jar
	host   string
	peer   string
	site   string // Sec-Fetch-Site; empty: an old browser, which sends Origin alone
	origin string
}

func (w *world) browser() *browser {
	jar, err := cookiejar.New(nil)
	w.must(err)
	base, err := url.Parse(w.cfg.PublicURL)
	w.must(err)
	return &browser{w: w, jar: jar, host: base.Host, peer: "192.0.2.1:4444", site: "same-origin", origin: base.Scheme + "://" + base.Host}
}

// copied is a browser with the cookies that b has now, whatever b does next.
func (b *browser) copied() *browser {
	b.w.t.Helper()
	c := *b
	u, err := url.Parse(b.w.cfg.PublicURL)
	b.w.must(err)
	if c.jar, err = cookiejar.New(nil); err != nil {
		b.w.t.Fatal(err)
	}
	kept := b.jar.Cookies(u)
	for _, one := range kept {
		one.Path, one.Secure = "/", true
	}
	c.jar.SetCookies(u, kept)
	return &c
}

// answer is what came back.
type answer struct {
	*http.Response
	body string
}

func (b *browser) send(method, path, contentType string, body []byte) answer {
	b.w.t.Helper()
	u, err := url.Parse(b.w.cfg.PublicURL + path)
	b.w.must(err)
	r := httptest.NewRequest(method, u.RequestURI(), bytes.NewReader(body))
	r.Host, r.RemoteAddr = b.host, b.peer
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	if b.site != "" {
		r.Header.Set("Sec-Fetch-Site", b.site)
	}
	if b.origin != "" && method != http.MethodGet {
		r.Header.Set("Origin", b.origin)
	}
	for _, c := range b.jar.Cookies(u) {
		r.AddCookie(c)
	}
	rec := httptest.NewRecorder()
	b.w.handler.ServeHTTP(rec, r)
	res := rec.Result()
	b.jar.SetCookies(u, res.Cookies())
	text, err := io.ReadAll(res.Body)
	b.w.must(err)
	return answer{res, string(text)}
}

func (b *browser) get(path string) answer { b.w.t.Helper(); return b.send("GET", path, "", nil) }

func (b *browser) form(path string, fields ...string) answer {
	b.w.t.Helper()
	v := url.Values{}
	for i := 0; i < len(fields); i += 2 {
		v.Set(fields[i], fields[i+1])
	}
	return b.send("POST", path, "application/x-www-form-urlencoded", []byte(v.Encode()))
}

func (b *browser) json(path string, v any) answer {
	b.w.t.Helper()
	body, err := json.Marshal(v)
	b.w.must(err)
	return b.send("POST", path, "application/json", body)
}

// request is one of the admin API by this browser.
func (b *browser) request() *http.Request {
	b.w.t.Helper()
	r := httptest.NewRequest("GET", "/v1/me", nil)
	u, err := url.Parse(b.w.cfg.PublicURL)
	b.w.must(err)
	for _, c := range b.jar.Cookies(u) {
		r.AddCookie(c)
	}
	return r
}

// is checks who this browser is now; empty: nobody.
func (b *browser) is(login string) operator.Principal {
	b.w.t.Helper()
	p, err := b.w.handler.Authenticate(b.request())
	if p.Name != login || (login == "") != (err != nil) {
		b.w.t.Errorf("this browser is %q (%v), expected %q", p.Name, err, login)
	}
	return p
}

func (a answer) want(t testing.TB, status int, location string) answer {
	t.Helper()
	if a.StatusCode != status || a.Header.Get("Location") != location {
		t.Errorf("%s, Location %q, expected %d %q: %.300s", a.Status, a.Header.Get("Location"), status, location, a.body)
	}
	return a
}

func (a answer) read(t testing.TB, v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.body), v); err != nil {
		t.Fatalf("%v: %s", err, a.body)
	}
}
