package access_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/secret"
	"countersign.dev/profile/library"
)

// A signing key in force takes at most 400 bytes of memory, its share of its partner and of the tables included. With a million of
// them that is what a server has to have; the count here is smaller, and the tables as full as they are at their emptiest.
func TestACredentialTakesAtMost400Bytes(t *testing.T) {
	const count = 1<<15 + 1 // a table of twice a power of two is at its emptiest
	finci, err := library.Load("finci")
	if err != nil {
		t.Fatal(err)
	}
	a, err := access.New(access.Config{Now: time.Now, APIs: []*access.API{
		{Name: "card", Environment: "sandbox", Protocol: access.Signed, BasePaths: []string{"/api"}, Scheme: finci, Replay: access.ReplayOff}}})
	if err != nil {
		t.Fatal(err)
	}
	before := heap()
	if err := a.Load(manyKeys(count), time.Now()); err != nil {
		t.Fatal(err)
	}
	if each := float64(heap()-before) / count; each > 400 && !raceEnabled {
		t.Errorf("%.0f bytes for each credential", each)
	} else {
		t.Logf("%.0f bytes for each credential", each)
	}
	runtime.KeepAlive(a)
}

func heap() int64 {
	runtime.GC()
	runtime.GC() // what finalizers kept
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// manyKeys is a roster of signing keys, ten of each partner.
func manyKeys(count int) *partner.Roster {
	random := rand.New(rand.NewPCG(1, 2))
	r := &partner.Roster{Revision: 1, SealingKeys: []partner.SealingKey{{Environment: "sandbox", ID: 1, Key: secret.NewValue(make([]byte, 32))}}}
	for i := range count {
		owner := fmt.Sprintf("ptn_%026d", i/10)
		if i%10 == 0 {
			r.Partners = append(r.Partners, partner.Partner{ID: owner})
			r.Reviews = append(r.Reviews, partner.Review{PartnerID: owner, Environment: "sandbox", State: partner.ReviewApproved})
		}
		r.Credentials = append(r.Credentials, partner.Credential{ID: fmt.Sprintf("crd_%026d", i), PartnerID: owner, Environment: "sandbox", Kind: partner.SigningKey,
			KeyID: fmt.Sprintf("%016x%016x", random.Uint64(), random.Uint64()), Versions: []partner.Version{{Number: 1, Secret: secret.NewValue([]byte(secretText))}}})
	}
	return r
}
