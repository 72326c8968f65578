package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
	"countersign.dev/internal/secret"
	"countersign.dev/internal/store/sqlite"
)

const (
	million         = 1_000_000
	millionReadings = 5 // of the whole, while requests are decided on
	millionChange   = 100 * time.Millisecond
)

// BenchmarkMillion is a register of a million signing keys of 100,000 partners: how long until it is in force after a start, what a
// credential takes in memory then, how long a change needs until it is in force, and how long requests wait for their answers meanwhile:
// while nothing else is done, at changes, and while the whole register is read anew. COUNTERSIGN_MILLION names a folder that keeps the
// register as a data folder, for trying backup, restore and serve by hand; where it has one, that one is taken.
func BenchmarkMillion(b *testing.B) {
	r, folder := millionRegister(b)
	keys := millionKeys(b, r)
	for b.Loop() {
		before := liveHeap()
		start := time.Now()
		reading := r.Reader(nil)
		decider := millionDecider(b)
		load := func(since uint64) (took time.Duration) {
			begun := time.Now()
			roster, err := reading.Roster(b.Context(), since)
			if err == nil {
				err = decider.Load(roster, begun)
			}
			if err != nil {
				b.Fatal(err)
			}
			roster.Wipe()
			return time.Since(begun)
		}
		load(0)
		b.ReportMetric(time.Since(start).Seconds(), "s/ready")
		b.ReportMetric(float64(liveHeap()-before)/million, "bytes/credential")
		var worst time.Duration
		report(b, "changes", underCalls(b, decider, keys, func() {
			for n := range 20 {
				address := netip.AddrFrom4([4]byte{198, 18, byte(decider.Revision() >> 8), byte(decider.Revision())}) // also where the folder was kept
				rule := partner.NetworkRule{PartnerID: fmt.Sprintf("ptn_%026d", n*997), Environment: "sandbox", Prefix: netip.PrefixFrom(address, 32)}
				if _, err := r.Allow(b.Context(), registry.Actor{Kind: registry.Operator, Name: "alice"}, rule); err != nil {
					b.Fatal(err)
				}
				worst = max(worst, load(decider.Revision()))
				time.Sleep(millionChange)
			}
		}))
		b.ReportMetric(float64(worst.Microseconds())/1000, "ms/change")
		var took time.Duration
		var whole, nothing millionWaits
		for range millionReadings {
			whole = whole.worse(b, "whole", underCalls(b, decider, keys, func() { took = load(0) }))
			nothing = nothing.worse(b, "nothing", underCalls(b, decider, keys, func() { time.Sleep(took) }))
		}
		b.ReportMetric(took.Seconds(), "s/whole")
		report(b, "whole", whole)
		report(b, "nothing", nothing)
		runtime.KeepAlive(decider)
	}
	b.Log(folder)
}

// report says how long requests waited while something was done.
func report(b *testing.B, during string, w millionWaits) {
	b.Helper()
	b.Logf("%s, the worst: %v", during, w)
	b.ReportMetric(float64(w.worst.Microseconds())/1000, "ms/longest-wait-at-"+during)
	b.ReportMetric(float64(w.p999.Microseconds())/1000, "ms/p99.9-wait-at-"+during)
}

// worse is the worse of two in every figure.
func (w millionWaits) worse(b *testing.B, during string, other millionWaits) millionWaits {
	b.Helper()
	b.Logf("%s: %v", during, other)
	return millionWaits{w.count + other.count, max(w.median, other.median), max(w.p99, other.p99), max(w.p999, other.p999), max(w.worst, other.worst)}
}

// millionKeys are some of the keys.
func millionKeys(b *testing.B, r *registry.Registry) (keys []string) {
	b.Helper()
	for n := range 2000 {
		list, err := r.Credentials(b.Context(), fmt.Sprintf("ptn_%026d", n*50))
		if err != nil {
			b.Fatal(err)
		}
		for _, c := range list {
			keys = append(keys, c.KeyID)
		}
	}
	return keys
}

func liveHeap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func millionDecider(b *testing.B) *access.Decider {
	b.Helper()
	apis, err := devAPIs(&devOptions{tokenLifetime: time.Hour})
	if err != nil {
		b.Fatal(err)
	}
	decider, err := access.New(access.Config{APIs: apis, Replay: noReplay{}, Now: time.Now})
	if err != nil {
		b.Fatal(err)
	}
	return decider
}

func millionRegister(b *testing.B) (*registry.Registry, string) {
	b.Helper()
	folder := os.Getenv("COUNTERSIGN_MILLION")
	if folder == "" {
		folder = b.TempDir()
	}
	db, err := sqlite.Open(b.Context(), sqlite.Config{Path: filepath.Join(folder, "countersign.db")})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = db.Close() })
	ring, err := secret.OpenRing(b.Context(), secret.KeyFile{Path: filepath.Join(folder, "master.key"), Create: true, Rand: rand.Reader}, rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	store := registry.Adapt(db)
	filled, err := store.Revision(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	for from := 0; from < million && filled == 0; from += million / 10 {
		err := store.Update(context.Background(), func(tx registry.Tx) error { return fillMillion(tx, ring, from) })
		if err != nil {
			b.Fatal(err)
		}
	}
	r, err := registry.New(registry.Config{Store: store, Ring: ring, Hasher: noHasher{}, Now: time.Now, Rand: rand.Reader})
	if err != nil {
		b.Fatal(err)
	}
	return r, folder
}

func fillMillion(tx registry.Tx, ring *secret.Ring, from int) error {
	now := time.Now()
	for i := from; i < from+million/10; i++ {
		owner := fmt.Sprintf("ptn_%026d", i/10)
		if i%10 == 0 {
			if err := tx.PutPartner(partner.Partner{ID: owner, Name: owner, CreatedAt: now}); err != nil {
				return err
			}
			if err := tx.PutReview(partner.Review{PartnerID: owner, Environment: "sandbox", State: partner.ReviewApproved, RequestedBy: "operator:a", ApprovedBy: "operator:b", ChangedAt: now}); err != nil {
				return err
			}
			if err := tx.PutNetwork(partner.NetworkRule{ID: fmt.Sprintf("net_%026d", i), PartnerID: owner, Environment: "sandbox", Prefix: netip.MustParsePrefix("198.51.100.0/24"), CreatedAt: now}); err != nil {
				return err
			}
		}
		keyID, err := secret.KeyID(rand.Reader)
		if err != nil {
			return err
		}
		c := partner.Credential{ID: fmt.Sprintf("crd_%026d", i), PartnerID: owner, Environment: "sandbox", Kind: partner.SigningKey, KeyID: keyID, CreatedAt: now}
		sealed, err := ring.Seal(secret.Row("api secret", "sandbox", c.ID, "1"), make([]byte, 43))
		if err != nil {
			return err
		}
		c.Versions = []partner.Version{{Number: 1, Sealed: sealed}}
		if err := tx.PutCredential(c); err != nil {
			return err
		}
	}
	return tx.Record(audit.Change{At: now, Actor: "system:bench", Action: audit.CredentialIssued, Subject: "crd_all"})
}

type noHasher struct{}

func (noHasher) Hash(context.Context, []byte) (string, error)         { return "", nil }
func (noHasher) Verify(context.Context, string, []byte) (bool, error) { return false, nil }
func (noHasher) Dummy(context.Context, []byte) error                  { return nil }
