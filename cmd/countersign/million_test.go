package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
	"countersign.dev/internal/secret"
	"countersign.dev/internal/store/sqlite"
)

const million = 1_000_000

// BenchmarkMillion is a register of a million signing keys of 100,000 partners: how long until it is in force after a start, what a
// credential takes in memory then, how long a change needs until it is in force, and how long a decision is kept waiting meanwhile, at
// changes and while the whole register is read anew. COUNTERSIGN_MILLION names an empty folder that keeps it as a data folder, for
// trying backup, restore and serve by hand.
func BenchmarkMillion(b *testing.B) {
	r, folder := millionRegister(b)
	for b.Loop() {
		before := liveHeap()
		start := time.Now()
		reading := r.Reader(nil)
		decider := millionDecider(b)
		load := func() (took time.Duration) {
			begun := time.Now()
			roster, err := reading.Roster(b.Context(), decider.Revision())
			if err == nil {
				err = decider.Load(roster, begun)
			}
			if err != nil {
				b.Fatal(err)
			}
			roster.Wipe()
			return time.Since(begun)
		}
		load()
		b.ReportMetric(time.Since(start).Seconds(), "s/ready")
		b.ReportMetric(float64(liveHeap()-before)/million, "bytes/credential")
		var worst time.Duration
		stop := askAll(b, decider)
		for n := range 20 {
			rule := partner.NetworkRule{PartnerID: fmt.Sprintf("ptn_%026d", n*997), Environment: "sandbox", Prefix: netip.MustParsePrefix(fmt.Sprintf("198.18.%d.0/24", n))}
			if _, err := r.Allow(b.Context(), registry.Actor{Kind: registry.Operator, Name: "alice"}, rule); err != nil {
				b.Fatal(err)
			}
			worst = max(worst, load())
		}
		b.ReportMetric(float64(worst.Microseconds())/1000, "ms/change")
		b.ReportMetric(float64(stop().Microseconds())/1000, "ms/longest-decision-at-changes")
		stop = askAll(b, decider)
		whole, err := reading.Roster(b.Context(), 0)
		if err == nil {
			err = decider.Load(whole, time.Now())
		}
		if err != nil {
			b.Fatal(err)
		}
		whole.Wipe()
		b.ReportMetric(float64(stop().Microseconds())/1000, "ms/longest-decision-at-whole")
		runtime.KeepAlive(decider)
	}
	b.Log(folder)
}

// askAll asks for one decision after another until stop is called, which says how long the longest one took. They are refused as
// late as a key is looked for: that is what touches the snapshot.
func askAll(b *testing.B, decider *access.Decider) (stop func() time.Duration) {
	over, longest := make(chan struct{}), make(chan time.Duration)
	go func() {
		var most time.Duration
		r := &access.Request{Environment: "sandbox", Method: "GET", Target: "/api/v1/cards/1", Host: "a", Address: netip.MustParseAddr("198.51.100.7"), LengthStated: true}
		r.Header = map[string][]string{"X-Auth-Token": {"0123456789abcdef0123456789abcdef"}, "X-Auth-Signature": {strings.Repeat("0", 64)}}
		for d := new(access.Decision); ; *d = (access.Decision{}) {
			select {
			case <-over:
				longest <- most
				return
			default:
			}
			begun := time.Now()
			r.Header["X-Auth-Timestamp"] = []string{strconv.FormatInt(begun.Unix(), 10)}
			if decider.Decide(r, d); d.Reason != access.UnknownCredential {
				panic(d.Reason.String())
			}
			most = max(most, time.Since(begun))
		}
	}()
	return func() time.Duration { close(over); return <-longest }
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
	for from := 0; from < million; from += million / 10 {
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
