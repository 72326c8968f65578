package registry_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
	"countersign.dev/internal/secret"
	"countersign.dev/internal/store/sqlite"
)

var (
	ctx   = context.Background()
	alice = registry.Actor{Kind: registry.Operator, Name: "alice"}
	bob   = registry.Actor{Kind: registry.Operator, Name: "bob"}
	robot = registry.Actor{Kind: registry.System, Name: "dev"}
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

// hasher counts, can be made to wait, and hashes cheaply enough for thousands of calls.
type hasher struct {
	mu       sync.Mutex
	verified int
	dummies  int
	hashed   int
	during   func()       // runs inside every Verify
	fail     func() error // for every call; nil: none fails
}

func (h *hasher) do(count *int) error {
	h.mu.Lock()
	*count++
	during, fail := h.during, h.fail
	h.mu.Unlock()
	if during != nil && count == &h.verified {
		during()
	}
	if fail != nil {
		return fail()
	}
	return nil
}

func (h *hasher) Hash(_ context.Context, plain []byte) (string, error) {
	if err := h.do(&h.hashed); err != nil {
		return "", err
	}
	return "fake$" + reversed(plain), nil
}

func (h *hasher) Verify(_ context.Context, hash string, plain []byte) (bool, error) {
	if err := h.do(&h.verified); err != nil {
		return false, err
	}
	return hash == "fake$"+reversed(plain), nil
}

func (h *hasher) Dummy(context.Context, []byte) error { return h.do(&h.dummies) }

func (h *hasher) counts() (verified, dummies int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.verified, h.dummies
}

// reversed keeps the plain text out of the files.
func reversed(plain []byte) string {
	b := bytes.Clone(plain)
	for i, j := 0, len(b)-1; i < j; i, j = i+1, j-1 {
		b[i], b[j] = b[j], b[i]
	}
	return string(b)
}

// world is a registry over a real store, with a fake hasher and a clock that stands still.
type world struct {
	*registry.Registry
	t      *testing.T
	db     *sqlite.DB
	ring   *secret.Ring
	hasher *hasher
	clock  *clock
	path   string
	cfg    registry.Config
}

func newWorld(t *testing.T, change ...func(*registry.Config)) *world {
	t.Helper()
	w := &world{t: t, hasher: &hasher{}, clock: &clock{at: time.Date(2026, 11, 20, 10, 0, 0, 123456789, time.UTC)}}
	w.path = filepath.Join(t.TempDir(), "register.db")
	keys := secret.KeyFile{Path: filepath.Join(filepath.Dir(w.path), "keys"), Create: true, Rand: rand.Reader}
	var err error
	if w.ring, err = secret.OpenRing(ctx, keys, rand.Reader); err != nil {
		t.Fatal(err)
	}
	w.cfg = registry.Config{Ring: w.ring, Hasher: w.hasher, Now: w.clock.now, Rand: rand.Reader}
	for _, c := range change {
		c(&w.cfg)
	}
	w.start()
	t.Cleanup(func() {
		if err := w.db.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

// start opens the store and makes a registry that remembers nothing.
func (w *world) start() {
	w.t.Helper()
	var err error
	if w.db, err = sqlite.Open(ctx, sqlite.Config{Path: w.path}); err != nil {
		w.t.Fatal(err)
	}
	w.cfg.Store = registry.Adapt(w.db)
	if w.Registry, err = registry.New(w.cfg); err != nil {
		w.t.Fatal(err)
	}
}

// restart ends everything that lives in memory.
func (w *world) restart() {
	w.t.Helper()
	w.must(w.db.Close())
	w.start()
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// admitted is a new partner that is approved for sandbox.
func (w *world) admitted() partner.Partner {
	w.t.Helper()
	p, err := w.CreatePartner(ctx, alice, "Acme")
	w.must(err)
	w.must(w.RequestReview(ctx, alice, p.ID, "sandbox", ""))
	w.must(w.Approve(ctx, bob, p.ID, "sandbox", ""))
	return p
}

func (w *world) app() registry.Issued {
	w.t.Helper()
	issued, err := w.IssueApp(ctx, alice, w.admitted().ID, "sandbox")
	w.must(err)
	return issued
}

func (w *world) signingKey() registry.Issued {
	w.t.Helper()
	issued, err := w.IssueSigningKey(ctx, alice, w.admitted().ID, "sandbox")
	w.must(err)
	return issued
}

// credential is how the register sees a credential now.
func (w *world) credential(id string) partner.Credential {
	w.t.Helper()
	all, err := w.Credentials(ctx, "")
	w.must(err)
	for _, c := range all {
		if c.ID == id {
			return c
		}
	}
	w.t.Fatalf("no credential %s", id)
	return partner.Credential{}
}

// rows is every change row so far.
func (w *world) rows() []audit.Change {
	w.t.Helper()
	rows, err := w.Changes(ctx, 0, 0)
	w.must(err)
	return rows
}

// last is the newest change row, which must say this.
func (w *world) last(actor registry.Actor, action audit.Action, subject string) audit.Change {
	w.t.Helper()
	rows := w.rows()
	got := rows[len(rows)-1]
	if got.Actor != actor.String() || got.Action != action || got.Subject != subject {
		w.t.Errorf("the newest row says %+v, expected %s %s %s", got, actor, action, subject)
	}
	return got
}

// refuse checks that a use case failed as it should and changed nothing.
func (w *world) refuse(want error, use func() error) {
	w.t.Helper()
	before, err := w.Revision(ctx)
	w.must(err)
	if err := use(); !errors.Is(err, want) {
		w.t.Errorf("got %v, expected %v", err, want)
	}
	after, err := w.Revision(ctx)
	w.must(err)
	if before != after {
		w.t.Errorf("a refused use case raised the revision from %d to %d", before, after)
	}
}
