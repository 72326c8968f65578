// Package worldtest makes, for tests alone, a data folder with a configuration and a register in which every state stands that a
// request of the corpus can meet. It owns what those states are; it refuses to be used outside of tests, and ends one where it fails.
// The attack that it answers is the test that passes because its register lacks the case.
package worldtest

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/config"
	"countersign.dev/internal/edge/doortest"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
	"countersign.dev/internal/secret"
	"countersign.dev/internal/store/sqlite"
)

// settings are the configuration of every door here, as `countersign serve` takes it.
const settings = `data: %[1]s
ops: {listen: off}
records: {decisions: {flush_every: 10ms}}
environments:
  sandbox:
    captures: {enabled: false}
    body_timeout: 2s
    listeners:
      - address: 127.0.0.1:0
        tls: {certificate: none.pem, key: none.pem}
    apis:
      card:
        profile: finci
        base_paths: [/api/v1]
        upstream: {url: "http://127.0.0.1:1"}
      aggregation:
        token: {endpoint: /aggregation/v2/partners/authentication}
        base_paths: [/aggregation]
        upstream: {url: "http://127.0.0.1:1"}
  production:
    apis:
      card:
        profile: finci
        base_paths: [/api/v1]
        upstream: {url: "http://127.0.0.1:1"}
`

var ctx = context.Background()

// Those who change the register in tests: whoever asks, and whoever approves.
var (
	Alice = registry.Actor{Kind: registry.Operator, Name: "alice"}
	Bob   = registry.Actor{Kind: registry.Operator, Name: "bob"}
)

// World is a data folder with a configuration and a register in it.
type World struct {
	T        testing.TB
	File     string // the configuration
	Data     string // the folder that it names
	Config   *config.Config
	Register *registry.Registry
	Keys     doortest.Keys     // Host and the token of App are not set
	Partners map[string]string // ids, by name
}

func (w *World) must(err error) {
	w.T.Helper()
	if err != nil {
		w.T.Fatal(err)
	}
}

// New makes one in a folder of the test. more is added to its configuration, as text with top-level keys.
func New(t testing.TB, more ...string) *World {
	t.Helper()
	dir := t.TempDir()
	w := &World{T: t, File: filepath.Join(dir, "countersign.yaml"), Partners: map[string]string{}}
	data := filepath.Join(dir, "data")
	w.must(os.Mkdir(data, 0o700))
	w.Data = data
	w.must(os.WriteFile(w.File, append(fmt.Appendf(nil, settings, data), strings.Join(more, "")...), 0o600))
	var err error
	w.Config, err = config.Load(w.File, nil)
	w.must(err)
	ring, err := secret.OpenRing(ctx, secret.KeyFile{Path: filepath.Join(data, "master.key"), Create: true, Rand: rand.Reader}, rand.Reader)
	w.must(err)
	hasher, err := secret.NewHasher(secret.HasherConfig{Rand: rand.Reader, Cost: secret.Cost{Memory: 8, Time: 1, Threads: 1}})
	w.must(err)
	db, err := sqlite.Open(ctx, sqlite.Config{Path: w.Config.RegisterFile()})
	w.must(err)
	t.Cleanup(func() { _ = db.Close() })
	w.Register, err = registry.New(registry.Config{Store: registry.Adapt(db), Ring: ring, Hasher: hasher, Now: time.Now, Rand: rand.Reader})
	w.must(err)
	w.populate(db)
	return w
}

// populate makes one partner for every state that a request can meet.
func (w *World) populate(db *sqlite.DB) {
	for _, environment := range []string{"sandbox", "production"} {
		w.must(w.Register.EnsureSealingKey(ctx, Alice, environment))
	}
	w.Keys.Now = time.Now().Unix()
	w.Keys.Good = w.signer(w.admit("good", "sandbox", "production"), "sandbox")
	w.Keys.Other = w.signer(w.Partners["good"], "production")
	w.Keys.App = w.app(w.Partners["good"])
	w.Keys.Clumsy = w.app(w.admit("clumsy", "sandbox"))
	w.Keys.Stray = w.signer(w.admit("stray", "sandbox"), "sandbox")
	issued, err := w.Register.IssueSigningKey(ctx, Alice, w.admit("revoked", "sandbox"), "sandbox")
	w.must(err)
	w.Keys.Revoked = doortest.Signer{ID: issued.KeyID, Secret: string(issued.Secret.Bytes())}
	w.must(w.Register.RevokeCredential(ctx, Alice, issued.Credential.ID, "for the tests"))
	w.Keys.Suspended = w.signer(w.admit("suspended", "sandbox"), "sandbox")
	w.must(w.Register.Suspend(ctx, Alice, w.Partners["suspended"], "sandbox", "for the tests"))
	w.Keys.Pending = w.signer(w.admit("pending", "sandbox"), "sandbox")
	w.must(db.Update(ctx, func(tx *sqlite.Tx) error { // no use case leads back here: a credential is issued after approval
		review := partner.Review{PartnerID: w.Partners["pending"], Environment: "sandbox", State: partner.ReviewRequested, RequestedBy: "operator:alice", ChangedAt: time.Now()}
		if err := tx.PutReview(review); err != nil {
			return err
		}
		return tx.Record(audit.Change{At: time.Now(), Actor: "operator:alice", Action: audit.ReviewRequested, Subject: review.PartnerID})
	}))
}

// admit makes an approved partner that may call from loopback, unless it is the stray one.
func (w *World) admit(name string, environments ...string) string {
	p, err := w.Register.CreatePartner(ctx, Alice, name)
	w.must(err)
	w.Partners[name] = p.ID
	for _, environment := range environments {
		w.must(w.Register.RequestReview(ctx, Alice, p.ID, environment, ""))
		w.must(w.Register.Approve(ctx, Bob, p.ID, environment, ""))
		if name == "stray" {
			continue
		}
		_, err := w.Register.Allow(ctx, Alice, partner.NetworkRule{PartnerID: p.ID, Environment: environment, Prefix: netip.MustParsePrefix("127.0.0.0/8")})
		w.must(err)
	}
	return p.ID
}

func (w *World) signer(partnerID, environment string) doortest.Signer {
	issued, err := w.Register.IssueSigningKey(ctx, Alice, partnerID, environment)
	w.must(err)
	return doortest.Signer{ID: issued.KeyID, Secret: string(issued.Secret.Bytes())}
}

func (w *World) app(partnerID string) doortest.App {
	issued, err := w.Register.IssueApp(ctx, Alice, partnerID, "sandbox")
	w.must(err)
	return doortest.App{Key: issued.KeyID, Login: issued.Login, Secret: string(issued.Secret.Bytes())}
}
