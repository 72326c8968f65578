package access

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"testing"
	"time"

	"countersign.dev/internal/partner"
	"countersign.dev/internal/secret"
	"countersign.dev/profile/library"
	"countersign.dev/scheme"
)

// book is a register in memory that changes at random.
type book struct {
	random      *rand.Rand
	revision    uint64
	partners    []partner.Partner
	reviews     map[string]partner.Review
	credentials []partner.Credential
	networks    []partner.NetworkRule
	keys        []partner.SealingKey
	touched     map[string]bool
}

func newBook(seed uint64) *book {
	return &book{random: rand.New(rand.NewPCG(seed, 7)), revision: 1, reviews: map[string]partner.Review{}, touched: map[string]bool{},
		keys: []partner.SealingKey{{Environment: "sandbox", ID: 1, Key: secret.NewValue(make([]byte, 32))}}}
}

func (b *book) somebody() *partner.Partner {
	if len(b.partners) == 0 || b.random.IntN(4) == 0 {
		b.partners = append(b.partners, partner.Partner{ID: fmt.Sprintf("ptn_%d", len(b.partners))})
	}
	p := &b.partners[b.random.IntN(len(b.partners))]
	b.touched[p.ID] = true
	return p
}

// change changes one thing of one partner.
func (b *book) change() {
	p := b.somebody()
	b.revision++
	switch b.random.IntN(8) {
	case 0:
		p.Closed = !p.Closed
	case 1:
		state := []partner.ReviewState{partner.ReviewApproved, partner.ReviewSuspended, partner.ReviewRequested}[b.random.IntN(3)]
		b.reviews[p.ID] = partner.Review{PartnerID: p.ID, Environment: "sandbox", State: state}
	case 2:
		third := byte(b.random.IntN(200))
		b.networks = append(b.networks, partner.NetworkRule{ID: fmt.Sprint(b.revision), PartnerID: p.ID, Environment: "sandbox",
			Prefix: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, third, 0}), 24), API: []string{"", "card"}[b.random.IntN(2)]})
	case 3:
		b.networks = slices.DeleteFunc(b.networks, func(n partner.NetworkRule) bool { return n.PartnerID == p.ID })
	case 4:
		b.revise(p.ID)
	default:
		kind := []partner.Kind{partner.App, partner.SigningKey}[b.random.IntN(2)]
		c := partner.Credential{ID: fmt.Sprintf("crd_%d", len(b.credentials)), PartnerID: p.ID, Environment: "sandbox", Kind: kind,
			KeyID: fmt.Sprintf("%016x%016x", b.random.Uint64(), b.random.Uint64())}
		if kind == partner.SigningKey {
			c.Versions = []partner.Version{{Number: 1, Secret: secret.NewValue([]byte("a secret of a test"))}}
		}
		b.credentials = append(b.credentials, c)
	}
}

// revise revokes or rotates a credential of a partner, if there is one.
func (b *book) revise(owner string) {
	for i := range b.credentials {
		c := &b.credentials[i]
		if c.PartnerID != owner {
			continue
		}
		if c.Generation++; b.random.IntN(2) == 0 {
			c.RevokedAt = time.Unix(1, 0)
		} else if c.Kind == partner.SigningKey {
			next := partner.Version{Number: len(c.Versions) + 1, Secret: secret.NewValue(fmt.Appendf(nil, "secret %d of a test", b.revision))}
			c.Versions = append([]partner.Version{next}, c.Versions...)
		}
	}
}

// roster is what a reading gives; with since that of a part.
func (b *book) roster(since uint64) *partner.Roster {
	r := &partner.Roster{Revision: b.revision, Since: since, SealingKeys: b.keys}
	in := func(id string) bool { return since == 0 || b.touched[id] }
	for _, p := range b.partners {
		if !in(p.ID) {
			continue
		}
		r.Partners = append(r.Partners, p)
		if review, ok := b.reviews[p.ID]; ok {
			r.Reviews = append(r.Reviews, review)
		}
	}
	for _, c := range b.credentials {
		if in(c.PartnerID) {
			c.Versions = slices.Clone(c.Versions)
			r.Credentials = append(r.Credentials, c)
		}
	}
	for _, n := range b.networks {
		if in(n.PartnerID) {
			r.Networks = append(r.Networks, n)
		}
	}
	if since != 0 {
		for id := range b.touched {
			r.Touched = append(r.Touched, id)
		}
		slices.Sort(r.Touched)
	}
	clear(b.touched)
	return r
}

func patchAPIs(t *testing.T) []*API {
	t.Helper()
	var schemes []*scheme.Scheme
	for _, name := range []string{"finci", "countersign-v1"} {
		s, err := library.Load(name)
		if err != nil {
			t.Fatal(err)
		}
		schemes = append(schemes, s)
	}
	return []*API{
		{Name: "card", Environment: "sandbox", Protocol: Signed, BasePaths: []string{"/card"}, Scheme: schemes[0], Shadow: schemes[1], Replay: ReplayOff},
		{Name: "token", Environment: "sandbox", Protocol: Token, BasePaths: []string{"/token"}, TokenEndpoint: "/token/login"},
	}
}

// A register that is put in force part by part is the same as one that is put in force whole: every credential is found with the
// very same partner, secrets and states, no other one is, and the union of addresses is the same.
func TestPartsMakeTheWhole(t *testing.T) {
	for seed := range uint64(20) {
		b := newBook(seed)
		for range 30 {
			b.change()
		}
		patched := loaded(t, b.roster(0))
		for step := range 40 {
			before := b.revision
			for range 1 + b.random.IntN(6) {
				b.change()
			}
			if err := patched.Load(b.roster(before), time.Now()); err != nil {
				t.Fatalf("seed %d, step %d: %v", seed, step, err)
			}
			whole := loaded(t, b.roster(0))
			same(t, b, patched, whole)
			if step%10 == 9 { // as when the second table has grown too large
				w := patched.snap.Load().worlds["sandbox"]
				w.join(nil)
				if w.apps.newer != nil || w.partners.newer != nil {
					t.Fatal("it was not made one")
				}
				same(t, b, patched, whole)
			}
		}
	}
}

func loaded(t *testing.T, roster *partner.Roster) *Decider {
	t.Helper()
	a, err := New(Config{APIs: patchAPIs(t), Now: time.Now})
	if err == nil {
		err = a.Load(roster, time.Now())
	}
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func same(t *testing.T, b *book, patched, whole *Decider) {
	t.Helper()
	got, want := patched.snap.Load().worlds["sandbox"], whole.snap.Load().worlds["sandbox"]
	if patched.Revision() != whole.Revision() {
		t.Fatalf("revision %d, want %d", patched.Revision(), whole.Revision())
	}
	pairs := [][2]*index{{&got.apps, &want.apps}}
	for i, api := range patched.cfg.APIs {
		if api.Protocol == Signed {
			other := whole.cfg.APIs[i]
			pairs = append(pairs, [2]*index{got.signed[api.Scheme], want.signed[other.Scheme]}, [2]*index{got.shadows[api.Shadow], want.shadows[other.Shadow]})
		}
	}
	for n, pair := range pairs {
		count := 0
		for range pair[0].each {
			count++
		}
		if count != pair[1].count {
			t.Fatalf("index %d yields %d credentials, want %d", n, count, pair[1].count)
		}
		for _, c := range b.credentials {
			id, _ := parseKeyID(c.KeyID)
			if x, y := seen(pair[0], id), seen(pair[1], id); !reflect.DeepEqual(x, y) {
				t.Fatalf("index %d, %s:\n%+v\nwant\n%+v", n, c.ID, x, y)
			}
		}
	}
	for third := range byte(200) {
		address := netip.AddrFrom4([4]byte{10, 0, third, 9})
		x, _ := patched.Union("sandbox")
		y, _ := whole.Union("sandbox")
		if x(address) != y(address) {
			t.Fatalf("%s: in the union %v, want %v", address, x(address), y(address))
		}
	}
}

// seen is what a decision finds under an id, but for where it stands; nil: nothing.
func seen(x *index, id keyID) *Credential {
	p, found := x.find(id)
	if !found {
		return nil
	}
	var c Credential
	p.view(&c)
	r := *c.row
	r.owner, r.text = 0, 0
	c.row = &r
	return &c
}

// A part that does not go on from what is in force, or takes the key id of another credential, changes nothing.
func TestAPartThatDoesNotFitIsRefused(t *testing.T) {
	b := newBook(1)
	for range 60 {
		b.change()
	}
	a := loaded(t, b.roster(0))
	inForce, former := a.snap.Load(), b.revision
	b.change()
	late := b.roster(former + 1)
	late.Touched = []string{"ptn_0"}
	if err := a.Load(late, time.Now()); !errors.Is(err, ErrRoster) {
		t.Errorf("a part of another revision: %v", err)
	}
	thief := b.credentials[0]
	thief.ID, thief.PartnerID = "crd_thief", "ptn_new"
	taken := &partner.Roster{Revision: former + 1, Since: former, Touched: []string{"ptn_new"}, SealingKeys: b.keys,
		Partners: []partner.Partner{{ID: "ptn_new"}}, Credentials: []partner.Credential{thief}}
	if err := a.Load(taken, time.Now()); !errors.Is(err, ErrRoster) {
		t.Errorf("a key id that is taken: %v", err)
	}
	if a.snap.Load() != inForce {
		t.Error("the snapshot in force has changed")
	}
	if err := new(Decider).Load(&partner.Roster{Since: 1}, time.Now()); err == nil {
		t.Error("a part was loaded without a whole")
	}
}
