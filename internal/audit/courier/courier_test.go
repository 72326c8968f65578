package courier_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"countersign.dev/internal/audit/checkpoint"
	"countersign.dev/internal/audit/courier"
	"github.com/google/go-cmp/cmp"
)

// world is a book, a receiver and a clock.
type world struct {
	t      *testing.T
	dir    string
	signer *checkpoint.Signer
	book   *checkpoint.Book
	now    time.Time
	url    string

	mu     sync.Mutex
	answer func(w http.ResponseWriter, r *http.Request) bool // false: it has answered itself
	got    []string                                          // keys that were taken
	lines  []string
	calls  int
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), now: time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)}
	var err error
	if w.signer, err = checkpoint.NewKey(nil, filepath.Join(w.dir, "key"), rand.Reader); err != nil {
		t.Fatal(err)
	}
	w.open("book")
	receiver := httptest.NewServer(w)
	t.Cleanup(receiver.Close)
	w.url = receiver.URL + "/anchors"
	return w
}

func (w *world) open(dir string) {
	w.t.Helper()
	var err error
	cfg := checkpoint.BookConfig{Dir: filepath.Join(w.dir, dir), Record: checkpoint.Changes, Signer: w.signer, Log: slog.New(slog.DiscardHandler)}
	if w.book, err = checkpoint.OpenBook(cfg); err != nil {
		w.t.Fatal(err)
	}
}

// ServeHTTP is the receiver.
func (w *world) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls++
	if w.answer != nil && !w.answer(out, r) {
		return
	}
	body, _ := io.ReadAll(io.LimitReader(r.Body, 2*checkpoint.MaxLine))
	if r.Method != http.MethodPost || r.URL.Path != "/anchors" || r.Header.Get("Content-Type") != "application/json" {
		w.t.Errorf("got %s %s as %s", r.Method, r.URL, r.Header.Get("Content-Type"))
	}
	w.got = append(w.got, r.Header.Get("Idempotency-Key"))
	w.lines = append(w.lines, string(body))
	out.WriteHeader(http.StatusCreated)
}

func (w *world) answers(status int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answer = func(out http.ResponseWriter, _ *http.Request) bool {
		if status == 0 {
			return true
		}
		out.WriteHeader(status)
		return false
	}
}

// sign adds statements up to a seq.
func (w *world) sign(from, to uint64) {
	w.t.Helper()
	for seq := from; seq <= to; seq++ {
		a := checkpoint.Anchor{Record: checkpoint.Changes, ID: strings.Repeat("0a", 16), Seq: seq, Hash: [32]byte{byte(seq)}, At: w.now}
		if err := w.book.Add(func() (checkpoint.Anchor, error) { return a, nil }); err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *world) config() courier.Config {
	return courier.Config{Book: filepath.Join(w.dir, "book", checkpoint.FileName(checkpoint.Changes)), URL: w.url, Transport: http.DefaultTransport,
		Position: filepath.Join(w.dir, "position"), Now: func() time.Time { return w.now }, Log: slog.New(slog.DiscardHandler)}
}

func (w *world) courier(cfg courier.Config) *courier.Courier {
	w.t.Helper()
	c, err := courier.Open(cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

func keys(from, to int) []string {
	var all []string
	for i := from; i <= to; i++ {
		all = append(all, fmt.Sprintf("changes-%s-%d", strings.Repeat("0a", 16), i))
	}
	return all
}

func (w *world) has(want []string) {
	w.t.Helper()
	if diff := cmp.Diff(want, w.got); diff != "" {
		w.t.Error(diff)
	}
}

// TestEveryStatementArrivesOnceAndInOrder: the lines of the book, as they stand, each with its own key; a restart goes on behind.
func TestEveryStatementArrivesOnceAndInOrder(t *testing.T) {
	w := newWorld(t)
	c := w.courier(w.config())
	if err := c.Deliver(t.Context()); err != nil || w.calls != 0 {
		t.Errorf("of an empty book: %v, %d calls", err, w.calls)
	}
	w.sign(1, 3)
	if err := c.Deliver(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.sign(4, 120)
	again := w.courier(w.config())
	if err := again.Deliver(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.has(keys(1, 120))
	text, err := os.ReadFile(w.config().Book)
	if err != nil || strings.Join(w.lines, "") != string(text) {
		t.Errorf("what arrived is not the book: %v", err)
	}
	if s := again.Status(); s.Confirmed != 120 || s.Waiting != 0 || !s.Since.IsZero() || s.Problem != nil {
		t.Errorf("%+v", s)
	}
	if err := again.Deliver(t.Context()); err != nil || w.calls != 120 {
		t.Errorf("nothing waits: %v, %d calls", err, w.calls)
	}
}

// TestNothingIsLostWhileTheReceiverFails: after the pause all of it comes, whatever the receiver said before.
func TestNothingIsLostWhileTheReceiverFails(t *testing.T) {
	for _, status := range []int{500, 503, 404, 401, 409, 429, 301, 307} {
		w := newWorld(t)
		c := w.courier(w.config())
		w.sign(1, 2)
		w.answers(status)
		err := c.Deliver(t.Context())
		if !errors.Is(err, courier.ErrRefused) || errors.Is(err, courier.ErrContradiction) != (status == 409) {
			t.Errorf("%d: %v", status, err)
		}
		if s := c.Status(); s.Confirmed != 0 || s.Waiting != 2 || !s.Since.Equal(w.now) || s.Problem == nil {
			t.Errorf("%d: %+v", status, s)
		}
		w.answers(0)
		before := w.calls
		if err := c.Deliver(t.Context()); err == nil || w.calls != before {
			t.Errorf("%d: it was tried before the pause was over: %v", status, err)
		}
		w.now = w.now.Add(courier.MinPause)
		if err := c.Deliver(t.Context()); err != nil {
			t.Errorf("%d: %v", status, err)
		}
		w.has(keys(1, 2))
	}
}

// TestThePauseDoublesUpToItsBound, and a clock that is set back does not prolong it.
func TestThePauseDoublesUpToItsBound(t *testing.T) {
	w := newWorld(t)
	c := w.courier(w.config())
	w.sign(1, 1)
	w.answers(500)
	for want := courier.MinPause; want < 3*courier.MaxPause; want *= 2 {
		if err := c.Deliver(t.Context()); err == nil {
			t.Fatal("no error")
		}
		calls := w.calls
		w.now = w.now.Add(min(want, courier.MaxPause) - 1)
		_ = c.Deliver(t.Context())
		if w.calls != calls {
			t.Errorf("tried again within %s", want)
		}
		w.now = w.now.Add(1)
	}
	_ = c.Deliver(t.Context())
	calls := w.calls
	w.now = w.now.Add(-48 * time.Hour)
	if _ = c.Deliver(t.Context()); w.calls != calls+1 {
		t.Error("a clock that was set back by two days stops the courier for two days")
	}
}

// TestAFailureInTheMiddle loses nothing before or behind it; what was taken is not sent again.
func TestAFailureInTheMiddle(t *testing.T) {
	w := newWorld(t)
	w.sign(1, 9)
	w.answer = func(out http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.Header.Get("Idempotency-Key"), "-5") && w.calls < 7 {
			out.WriteHeader(http.StatusBadGateway)
			return false
		}
		return true
	}
	c := w.courier(w.config())
	_ = c.Deliver(t.Context())
	w.has(keys(1, 4))
	again := w.courier(w.config()) // the process ended in between: its pause is gone with it
	_ = again.Deliver(t.Context())
	w.now = w.now.Add(time.Minute)
	if err := again.Deliver(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.has(keys(1, 9))
}

// TestRule33CredentialsGoToNobodyElse: a redirect is not followed, the token stands in no error, and neither does the URL.
func TestRule33CredentialsGoToNobodyElse(t *testing.T) {
	w := newWorld(t)
	w.sign(1, 1)
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the redirect was followed") }))
	defer other.Close()
	w.answer = func(out http.ResponseWriter, r *http.Request) bool {
		if r.Header.Get("Authorization") != "Bearer s3cret" {
			t.Errorf("Authorization is %q", r.Header.Get("Authorization"))
		}
		http.Redirect(out, r, other.URL, http.StatusTemporaryRedirect)
		return false
	}
	cfg := w.config()
	cfg.Token = func() (string, error) { return "s3cret", nil }
	if err := w.courier(cfg).Deliver(t.Context()); err == nil || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("%v", err)
	}
	for _, bad := range []string{"", "two words", "line\nfeed"} {
		cfg.Token = func() (string, error) { return bad, nil }
		calls := w.calls
		if err := w.courier(cfg).Deliver(t.Context()); err == nil || w.calls != calls || bad != "" && strings.Contains(err.Error(), bad) {
			t.Errorf("token %q: %v", bad, err)
		}
	}
	cfg = w.config()
	cfg.URL = "http://127.0.0.1:1/?secret=abc"
	if err := w.courier(cfg).Deliver(t.Context()); err == nil || strings.Contains(err.Error(), "abc") {
		t.Errorf("%v", err)
	}
}

// TestAnotherBookIsSentFromItsBegin: a position that does not fit to the book must not pass statements over.
func TestAnotherBookIsSentFromItsBegin(t *testing.T) {
	w := newWorld(t)
	w.sign(1, 3)
	if err := w.courier(w.config()).Deliver(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(w.dir, "book")); err != nil {
		t.Fatal(err)
	}
	w.now = w.now.Add(time.Hour)
	w.open("book")
	w.sign(1, 5)
	w.got = nil
	if err := w.courier(w.config()).Deliver(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.has(keys(1, 5))
	if err := os.RemoveAll(filepath.Join(w.dir, "book")); err != nil {
		t.Fatal(err)
	}
	w.open("book")
	w.sign(1, 1) // shorter than the position
	w.got = nil
	if err := w.courier(w.config()).Deliver(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.has(keys(1, 1))
}

// TestWhatIsUnfinishedIsNotSent: a torn line is no statement, and what is none is not sent.
func TestWhatIsUnfinishedIsNotSent(t *testing.T) {
	w := newWorld(t)
	w.sign(1, 2)
	f, err := os.OpenFile(w.config().Book, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(`{"checkpoint":3,"record":"chan`); err != nil {
		t.Fatal(err)
	}
	c := w.courier(w.config())
	if err := c.Deliver(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.has(keys(1, 2))
	if _, err := f.WriteString("\n"); err != nil {
		t.Fatal(err)
	}
	if err := c.Deliver(t.Context()); !errors.Is(err, checkpoint.ErrMalformed) || w.calls != 2 {
		t.Errorf("%v after %d calls", err, w.calls)
	}
}

// TestAStopEndsADelivery without counting as a failure of the receiver.
func TestAStopEndsADelivery(t *testing.T) {
	w := newWorld(t)
	w.sign(1, 1)
	ctx, stop := context.WithCancel(t.Context())
	stop()
	c := w.courier(w.config())
	if err := c.Deliver(ctx); !errors.Is(err, context.Canceled) || c.Status().Problem != nil {
		t.Errorf("%v %+v", err, c.Status())
	}
	if err := c.Deliver(t.Context()); err != nil {
		t.Error(err)
	}
	w.has(keys(1, 1))
}

func TestAPositionThatIsNone(t *testing.T) {
	w := newWorld(t)
	cfg := w.config()
	for _, text := range []string{"", "{}", `{"number":1,"line":"00"}`, `{"number":0,"line":"` + strings.Repeat("0", 64) + `"}`, `{"number":1,"line":"` + strings.Repeat("0", 64) + `"}{}`, strings.Repeat(" ", 2000)} {
		if err := os.WriteFile(cfg.Position, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := courier.Open(cfg); !errors.Is(err, courier.ErrPosition) {
			t.Errorf("%q: %v", text, err)
		}
	}
	cfg.Position = filepath.Join(w.dir, "link")
	if err := os.Symlink(filepath.Join(w.dir, "elsewhere"), cfg.Position); err != nil {
		t.Fatal(err)
	}
	if _, err := courier.Open(cfg); !errors.Is(err, courier.ErrPosition) {
		t.Errorf("a symbolic link: %v", err)
	}
}

func TestAMissingFieldIsAnError(t *testing.T) {
	w := newWorld(t)
	for name, lacking := range map[string]func(*courier.Config){
		"book": func(c *courier.Config) { c.Book = "" }, "URL": func(c *courier.Config) { c.URL = "" }, "transport": func(c *courier.Config) { c.Transport = nil },
		"position": func(c *courier.Config) { c.Position = "" }, "clock": func(c *courier.Config) { c.Now = nil }, "log": func(c *courier.Config) { c.Log = nil },
		"http to another machine": func(c *courier.Config) { c.URL = "http://10.0.0.1/x" },
		"password in the URL":     func(c *courier.Config) { c.URL = "https://a:b@c.example" },
	} {
		cfg := w.config()
		lacking(&cfg)
		if _, err := courier.Open(cfg); err == nil {
			t.Errorf("%s is missing, and nothing was said", name)
		}
	}
}

// FuzzPosition: whatever stands in the file, it is a position or an error.
func FuzzPosition(f *testing.F) {
	f.Add(`{"number":7,"line":"` + strings.Repeat("ab", 32) + `"}`)
	f.Fuzz(func(t *testing.T, text string) {
		path := filepath.Join(t.TempDir(), "position")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg := courier.Config{Book: "b", URL: "https://a.example", Transport: http.DefaultTransport, Position: path, Now: time.Now, Log: slog.New(slog.DiscardHandler)}
		if c, err := courier.Open(cfg); err == nil && c.Status().Confirmed == 0 {
			t.Errorf("%q is a position of nothing", text)
		}
	})
}
