package gateway_test

import (
	"context"
	"crypto/rand"
	"net/netip"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
	"countersign.dev/internal/replay/memory"
	"countersign.dev/internal/secret"
	"countersign.dev/internal/store/sqlite"
)

var (
	ctx   = context.Background()
	alice = registry.Actor{Kind: registry.Operator, Name: "alice"}
	bob   = registry.Actor{Kind: registry.Operator, Name: "bob"}
)

// base is when every test happens: the clock of everything that decides stands still, that of sockets does not.
const base = 1_800_000_000

var environments = []string{"sandbox", "production"}

// world is a register with partners in every state that a request can meet, over a real store.
type world struct {
	t        testing.TB
	clock    atomic.Int64 // Unix seconds
	db       *sqlite.DB
	register *registry.Registry
	guard    *memory.Guard
	keys     map[string]registry.Issued // "good", "good/production", …: signing keys
	apps     map[string]registry.Issued // likewise
}

func (w *world) now() time.Time { return time.Unix(w.clock.Load(), 0) }

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, keys: map[string]registry.Issued{}, apps: map[string]registry.Issued{}}
	w.clock.Store(base)
	dir := t.TempDir()
	ring, err := secret.OpenRing(ctx, secret.KeyFile{Path: filepath.Join(dir, "keys"), Create: true, Rand: rand.Reader}, rand.Reader)
	w.must(err)
	hasher, err := secret.NewHasher(secret.HasherConfig{Rand: rand.Reader, Cost: secret.Cost{Memory: 8, Time: 1, Threads: 1}})
	w.must(err)
	w.db, err = sqlite.Open(ctx, sqlite.Config{Path: filepath.Join(dir, "register.db")})
	w.must(err)
	t.Cleanup(func() { _ = w.db.Close() })
	w.register, err = registry.New(registry.Config{Store: registry.Adapt(w.db), Ring: ring, Hasher: hasher, Now: w.now, Rand: rand.Reader})
	w.must(err)
	w.guard, err = memory.Open(memory.Config{Dir: filepath.Join(dir, "replay"), Now: w.now})
	w.must(err)
	t.Cleanup(func() { _ = w.guard.Close() })
	w.populate()
	return w
}

// populate makes one partner for every state.
func (w *world) populate() {
	for _, environment := range environments {
		w.must(w.register.EnsureSealingKey(ctx, alice, environment))
	}
	good := w.admit("good", environments...)
	for _, environment := range environments {
		w.issue("good/"+environment, good, environment)
	}
	w.keys["good"], w.apps["good"] = w.keys["good/sandbox"], w.apps["good/sandbox"]
	for _, name := range []string{"revoked", "suspended", "pending", "stray", "canada", "locked"} {
		w.issue(name, w.admit(name, "sandbox"), "sandbox")
	}
	w.must(w.register.RevokeCredential(ctx, alice, w.keys["revoked"].Credential.ID, "for the tests"))
	w.must(w.register.RevokeCredential(ctx, alice, w.apps["revoked"].Credential.ID, "for the tests"))
	w.must(w.register.Suspend(ctx, alice, w.partner("suspended"), "sandbox", "for the tests"))
	w.must(w.db.Update(ctx, func(tx *sqlite.Tx) error { // no use case leads back here: a credential is issued after approval
		review := partner.Review{PartnerID: w.partner("pending"), Environment: "sandbox", State: partner.ReviewRequested, RequestedBy: "operator:alice", ChangedAt: w.now()}
		if err := tx.PutReview(review); err != nil {
			return err
		}
		return tx.Record(audit.Change{At: w.now(), Actor: "operator:alice", Action: audit.ReviewRequested, Subject: review.PartnerID})
	}))
	w.allow("canada", partner.NetworkRule{Environment: "sandbox", Country: "CA"})
}

func (w *world) partner(name string) string { return w.keys[name].Credential.PartnerID }

// admit makes an approved partner that may call from loopback, unless it is the stray one.
func (w *world) admit(name string, environments ...string) partner.Partner {
	p, err := w.register.CreatePartner(ctx, alice, name)
	w.must(err)
	for _, environment := range environments {
		w.must(w.register.RequestReview(ctx, alice, p.ID, environment, ""))
		w.must(w.register.Approve(ctx, bob, p.ID, environment, ""))
		if name == "stray" {
			continue
		}
		for _, prefix := range []string{"127.0.0.0/8", "192.0.2.0/24"} {
			_, err := w.register.Allow(ctx, alice, partner.NetworkRule{PartnerID: p.ID, Environment: environment, Prefix: netip.MustParsePrefix(prefix)})
			w.must(err)
		}
	}
	return p
}

func (w *world) allow(name string, rule partner.NetworkRule) {
	rule.PartnerID = w.partner(name)
	_, err := w.register.Allow(ctx, alice, rule)
	w.must(err)
}

func (w *world) issue(name string, p partner.Partner, environment string) {
	var err error
	w.keys[name], err = w.register.IssueSigningKey(ctx, alice, p.ID, environment)
	w.must(err)
	w.apps[name], err = w.register.IssueApp(ctx, alice, p.ID, environment)
	w.must(err)
}
