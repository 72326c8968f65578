package registry_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
	"countersign.dev/internal/secret"
)

func (w *world) keyFile() secret.KeyFile {
	return secret.KeyFile{Path: filepath.Join(filepath.Dir(w.path), "keys"), Rand: rand.Reader}
}

// secrets are all that the roster holds in clear.
func (w *world) secrets() (out []string) {
	w.t.Helper()
	roster, err := w.Roster(ctx)
	w.must(err)
	for _, c := range roster.Credentials {
		for _, v := range c.Versions {
			if c.Kind == partner.SigningKey {
				out = append(out, fmt.Sprintf("%s %d %x", c.ID, v.Number, v.Secret.Bytes()))
			}
		}
	}
	for _, k := range roster.SealingKeys {
		out = append(out, fmt.Sprintf("%s %d %x", k.Environment, k.ID, k.Key.Bytes()))
	}
	roster.Wipe()
	return out
}

func (w *world) sealedWith() map[uint32]int {
	w.t.Helper()
	counts, err := w.SealedWith(ctx)
	w.must(err)
	return counts
}

// The whole way of replacing the key-encryption key: two processes, none of which stops.
func TestTheKeyIsReplacedWithoutAStop(t *testing.T) {
	w := newWorld(t)
	key := w.signingKey()
	_, err := w.Rotate(ctx, alice, key.Credential.ID, w.clock.now().Add(time.Hour))
	w.must(err)
	w.app()
	w.must(w.EnsureSealingKey(ctx, robot, "sandbox"))
	w.must(w.EnsureSealingKey(ctx, robot, "production"))
	old := w.ring.Newest()
	before := w.secrets()
	if len(before) != 4 || w.sealedWith()[old] != 4 {
		t.Fatal(before, w.sealedWith())
	}
	server, serving := *w, w.Registry // goes on with the ring that it has

	fresh, err := w.keyFile().Add(ctx)
	w.must(err)
	if w.ring, err = secret.OpenRing(ctx, w.keyFile(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	w.cfg.Ring = w.ring
	cli, err := registry.New(w.cfg)
	w.must(err)
	w.refuse(secret.ErrKeyInUse, func() error { return w.keyFile().Retire(ctx, old, cli.SealedWith) })
	n, err := cli.Reseal(ctx, alice)
	if n != 4 || err != nil {
		t.Errorf("%d values, %v", n, err)
	}
	if counts := w.sealedWith(); counts[fresh] != 4 || len(counts) != 1 {
		t.Errorf("%v", counts)
	}
	rows := w.rows()
	details := map[string]string{}
	for _, row := range rows[len(rows)-2:] {
		if row.Action != audit.SecretsResealed || row.Actor != alice.String() {
			t.Errorf("%+v", row)
		}
		details[row.Subject] = row.Detail
	}
	if details["sandbox"] != fmt.Sprintf("3 values with key %08x", fresh) || details["production"] != fmt.Sprintf("1 values with key %08x", fresh) {
		t.Error(details)
	}
	// The server meets values of a key that it does not know, and reads the key file again by itself.
	if after := server.secrets(); strings.Join(after, "\n") != strings.Join(before, "\n") {
		t.Error("secrets changed")
	}
	w.must(w.keyFile().Retire(ctx, old, cli.SealedWith))
	if after := server.secrets(); len(after) != 4 {
		t.Error("secrets are gone")
	}
	// What the server makes from now on is sealed with the new key.
	w.must(serving.RotateSealingKey(ctx, alice, "sandbox"))
	if counts := w.sealedWith(); counts[fresh] != 5 || len(counts) != 1 {
		t.Errorf("%v", counts)
	}
	if again, err := cli.Reseal(ctx, alice); again != 0 || err != nil {
		t.Errorf("%d values, %v", again, err)
	}
	report, err := w.VerifyChanges(ctx, nil)
	if err != nil || !report.OK() {
		t.Errorf("%q, %v", report.Lines(), err)
	}
}

// More rows than one transaction takes, and a process with the older ring that seals meanwhile.
func TestResealWorksInBatchesAndLooksAgain(t *testing.T) {
	w := newWorld(t)
	owner := w.admitted().ID
	const many = 210
	for range many {
		_, err := w.IssueSigningKey(ctx, alice, owner, "sandbox")
		w.must(err)
	}
	server := w.Registry
	fresh, err := w.keyFile().Add(ctx)
	w.must(err)
	ring, err := secret.OpenRing(ctx, w.keyFile(), rand.Reader)
	w.must(err)
	late := false
	w.cfg.Ring = ring
	w.cfg.Store = meanwhile{w.cfg.Store, func() {
		if !late {
			late = true
			_, err := server.IssueSigningKey(ctx, bob, owner, "sandbox")
			w.must(err)
		}
	}}
	cli, err := registry.New(w.cfg)
	w.must(err)
	rows := len(w.rows())
	n, err := cli.Reseal(ctx, alice)
	if n != many+1 || err != nil || w.sealedWith()[fresh] != many+1 {
		t.Errorf("%d values, %v, %v", n, err, w.sealedWith())
	}
	if batches := len(w.rows()) - rows - 1; batches != 3 { // two, and one for what came late
		t.Errorf("%d transactions", batches)
	}
}

// meanwhile is a store in which something happens before every change.
type meanwhile struct {
	registry.Store
	do func()
}

func (m meanwhile) Update(c context.Context, change func(registry.Tx) error) error {
	m.do()
	return m.Store.Update(c, change)
}

func TestADamagedValueStopsNeitherTheOthersNorIsForgotten(t *testing.T) {
	w := newWorld(t)
	a, b := w.signingKey().Credential.ID, w.signingKey().Credential.ID
	w.raw("UPDATE version SET sealed = CAST(sealed || x'00' AS BLOB) WHERE credential_id = '" + a + "'")
	old := w.ring.Newest()
	fresh, err := w.keyFile().Add(ctx)
	w.must(err)
	w.must(w.ring.Reload(ctx))
	n, err := w.Reseal(ctx, alice)
	if n != 1 || !errors.Is(err, secret.ErrSealed) || !strings.Contains(err.Error(), a) || strings.Contains(err.Error(), b) {
		t.Errorf("%d values, %v", n, err)
	}
	if counts := w.sealedWith(); counts[old] != 1 || counts[fresh] != 1 {
		t.Errorf("%v", counts)
	}
	w.refuse(secret.ErrKeyInUse, func() error { return w.keyFile().Retire(ctx, old, w.SealedWith) })
	w.refuse(registry.ErrActor, func() error { _, err := w.Reseal(ctx, registry.Actor{}); return err })
}

// A ring that is lost is no reason to make a new one.
func TestALostKeyFileIsNotMadeAnew(t *testing.T) {
	w := newWorld(t)
	w.signingKey()
	w.must(os.Remove(w.keyFile().Path))
	if err := w.ring.Reload(ctx); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	if _, err := os.Lstat(w.keyFile().Path); !errors.Is(err, os.ErrNotExist) {
		t.Error("a new key file was made")
	}
	if len(w.secrets()) != 1 {
		t.Error("the keys in memory are gone")
	}
}

// newRings gives sandbox and production a ring each, and no other environment any.
func newRings(t *testing.T) (rings map[string]*secret.Ring, of func(string) registry.Sealer) {
	t.Helper()
	rings = map[string]*secret.Ring{}
	for _, name := range []string{"sandbox", "production"} {
		file := secret.KeyFile{Path: filepath.Join(t.TempDir(), name), Create: true, Rand: rand.Reader}
		ring, err := secret.OpenRing(ctx, file, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		rings[name] = ring
	}
	return rings, func(name string) registry.Sealer {
		if ring := rings[name]; ring != nil {
			return ring
		}
		return nil
	}
}

func TestRule11EnvironmentsHaveRingsOfTheirOwn(t *testing.T) {
	rings, of := newRings(t)
	w := newWorld(t, func(cfg *registry.Config) { cfg.Ring, cfg.RingOf = nil, of })
	p := w.admitted()
	w.must(w.RequestReview(ctx, alice, p.ID, "production", ""))
	w.must(w.Approve(ctx, bob, p.ID, "production", ""))
	for _, name := range []string{"sandbox", "production"} {
		_, err := w.IssueSigningKey(ctx, alice, p.ID, name)
		w.must(err)
		w.must(w.EnsureSealingKey(ctx, robot, name))
		_, err = w.Allow(ctx, alice, partner.NetworkRule{PartnerID: p.ID, Environment: name, Country: "CA"})
		w.must(err)
		_, err = w.SetLimit(ctx, alice, partner.Limit{PartnerID: p.ID, Environment: name, Daily: 1})
		w.must(err)
	}
	if counts := w.sealedWith(); counts[rings["sandbox"].Newest()] != 2 || counts[rings["production"].Newest()] != 2 {
		t.Errorf("%v", counts)
	}
	w.refuse(registry.ErrNoRing, func() error { return w.EnsureSealingKey(ctx, alice, "other") })
	all, err := w.Roster(ctx)
	w.must(err)
	if len(all.Credentials) != 2 || len(all.SealingKeys) != 2 {
		t.Errorf("%+v", all)
	}
	// A process for one environment has that ring alone, and reads nothing of the other environment.
	delete(rings, "production")
	if _, err := w.Roster(ctx); !errors.Is(err, registry.ErrNoRing) {
		t.Errorf("a roster of what cannot be opened: %v", err)
	}
	mine, err := w.RosterOf(ctx, []string{"sandbox"})
	w.must(err)
	if len(mine.Partners) != 1 || len(mine.Reviews) != 1 || len(mine.Credentials) != 1 || len(mine.Networks) != 1 || len(mine.Limits) != 1 ||
		len(mine.SealingKeys) != 1 || mine.Credentials[0].Environment != "sandbox" || mine.Credentials[0].Versions[0].Secret.IsZero() {
		t.Errorf("%+v", mine)
	}
	none, err := w.RosterOf(ctx, []string{})
	w.must(err)
	if len(none.Partners) != 1 || len(none.Reviews)+len(none.Credentials)+len(none.Networks)+len(none.Limits)+len(none.SealingKeys) != 0 {
		t.Errorf("%+v", none)
	}
}

func TestNewWantsARing(t *testing.T) {
	w := newWorld(t)
	w.cfg.Ring = nil
	if _, err := registry.New(w.cfg); err == nil {
		t.Error("made without a ring")
	}
	_, w.cfg.RingOf = newRings(t)
	if _, err := registry.New(w.cfg); err != nil {
		t.Error(err)
	}
}
