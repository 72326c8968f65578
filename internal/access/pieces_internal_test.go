package access

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"countersign.dev/internal/partner"
	"countersign.dev/internal/secret"
)

// pieces hands over a register in pieces of n, and wipes each when the next one is asked for, as a reading does.
type pieces struct {
	list partner.Piece
	n    int
	fail error // at the end
	last partner.Piece
}

func (p *pieces) Next() (*partner.Piece, error) {
	p.Close()
	p.last = partner.Piece{}
	if cut(&p.last.Partners, &p.list.Partners, p.n) || cut(&p.last.Reviews, &p.list.Reviews, p.n) || cut(&p.last.Networks, &p.list.Networks, p.n) ||
		cut(&p.last.Limits, &p.list.Limits, p.n) || cut(&p.last.Credentials, &p.list.Credentials, p.n) {
		return &p.last, nil
	}
	return nil, p.fail
}

// cut moves up to n from the beginning of a list; false: there are none.
func cut[T any](into, from *[]T, n int) bool {
	n = min(n, len(*from))
	*into, *from = (*from)[:n], (*from)[n:]
	return n > 0
}

func (p *pieces) About() (partners, credentials int) { return 2, 3 } // a guess that is wrong

func (p *pieces) Close() {
	partner.WipeSecrets(p.last.Credentials)
	clear(p.last.Partners)
	clear(p.last.Reviews)
	clear(p.last.Networks)
	clear(p.last.Limits)
	clear(p.last.Credentials)
}

// inPiecesOf is a roster that comes in pieces.
func inPiecesOf(r *partner.Roster, n int) *partner.Roster {
	rest := &pieces{n: n, list: partner.Piece{Partners: slices.Clone(r.Partners), Reviews: slices.Clone(r.Reviews),
		Networks: slices.Clone(r.Networks), Limits: slices.Clone(r.Limits), Credentials: slices.Clone(r.Credentials)}}
	return &partner.Roster{Revision: r.Revision, ReadAt: r.ReadAt, Since: r.Since, Touched: r.Touched, SealingKeys: r.SealingKeys, Rest: rest}
}

// A register that comes in pieces is the same as one that comes as lists, and nothing that is in force needs a piece.
func TestPiecesMakeTheWhole(t *testing.T) {
	for seed := range uint64(10) {
		b := newBook(seed)
		for range 300 {
			b.change()
		}
		whole := loaded(t, b.roster(0))
		for _, n := range []int{1, 7, 1000} {
			same(t, b, loaded(t, inPiecesOf(afresh(b.roster(0)), n)), whole)
		}
	}
}

// afresh gives the versions of a roster secrets of their own, which may be wiped.
func afresh(r *partner.Roster) *partner.Roster {
	for _, c := range r.Credentials {
		for i := range c.Versions {
			c.Versions[i].Secret = copied(c.Versions[i].Secret)
		}
	}
	return r
}

// A reading that fails half-way changes nothing: what is in force stays in force (security rule 28).
func TestRule28AReadingThatFailsHalfWayChangesNothing(t *testing.T) {
	b := newBook(3)
	for range 100 {
		b.change()
	}
	a := loaded(t, b.roster(0))
	before, broken := a.snap.Load(), errors.New("broken")
	r := inPiecesOf(afresh(b.roster(0)), 10)
	r.Rest.(*pieces).fail = broken
	if err := a.Load(r, time.Now()); !errors.Is(err, broken) || !errors.Is(err, ErrRoster) {
		t.Errorf("%v", err)
	}
	r = inPiecesOf(afresh(b.roster(0)), 10)
	r.Rest.(*pieces).list.Credentials[27].PartnerID = "ptn_nobody"
	if err := a.Load(r, time.Now()); !errors.Is(err, ErrRoster) {
		t.Errorf("%v", err)
	}
	if a.snap.Load() != before {
		t.Error("the snapshot in force has changed")
	}
}

// An index finds whatever was put into it, with its own names, partner and extras, across all of its slabs; nothing else; and gives back
// what it took for more.
func TestAnIndexGrows(t *testing.T) {
	for _, count := range []int{0, 1, 2, 3, 100, slabRows - 1, slabRows, slabRows + 1, 2*slabRows + 100} {
		random := rand.New(rand.NewPCG(1, uint64(count)))
		partners := make([]Partner, 10)
		x := &index{partners: partners}
		x.reserve(count / 3)
		ids := make([]keyID, count)
		for i := range ids {
			for j := range ids[i] {
				ids[i][j] = byte(random.Uint32())
			}
			var more *credentialMore
			if i%1000 == 7 {
				more = &credentialMore{notAfter: int64(i)}
			}
			x.put(row{id: ids[i], owner: uint32(i%len(partners)) + 1, serial: uint32(i)}, fmt.Sprint("crd_", i), fmt.Sprint(i), nil, more)
		}
		x.seal()
		var c Credential
		for i, id := range ids {
			p, found := x.find(id)
			if !found {
				t.Fatalf("%d of %d is not found", i, count)
			}
			p.view(&c)
			if c.row.id != id || c.ID != fmt.Sprint("crd_", i) || c.Login != fmt.Sprint(i) || c.row.serial != uint32(i) || c.Partner != &partners[i%len(partners)] {
				t.Fatalf("%d of %d: %+v", i, count, c)
			}
			if special := i%1000 == 7; c.special() != special || c.beyond().notAfter != int64(i)*bit(special) {
				t.Fatalf("%d of %d: more %+v", i, count, c.more)
			}
			if id[3]++; x.holds(id) {
				t.Fatalf("%x is found", id)
			}
		}
		rows := 0
		for _, slab := range x.slabs {
			rows += cap(slab)
		}
		if rows > count+count/8+8 {
			t.Errorf("room for %d rows is kept for %d", rows, count)
		}
	}
}

func bit(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// The header that names the key is known of every profile that has one for it alone, so that its memory can be asked for early.
func TestTheKeyHeaderIsKnown(t *testing.T) {
	for _, api := range patchAPIs(t) {
		if err := api.check(); err != nil {
			t.Fatal(err)
		}
		want := AppKeyHeader
		if api.Protocol == Signed {
			want = "X-Auth-Token"
		}
		if api.keyHeader != want {
			t.Errorf("%s: %q, want %q", api.Name, api.keyHeader, want)
		}
	}
}

// What was asked for early decides nothing: a request that names one key where the profile looks and another where nobody does, or a key
// that is gone when it is looked for, is judged by what the profile says.
func TestWhatIsFetchedDecidesNothing(t *testing.T) {
	id, _ := parseKeyID("0123456789abcdef0123456789abcdef")
	other, _ := parseKeyID("ffffffffffffffffffffffffffffffff")
	e := early{id: other, text: "0123456789abcdef0123456789abcdeF"}
	if got, ok := e.parse("0123456789abcdef0123456789abcdef"); !ok || got != id {
		t.Errorf("%x", got)
	}
	if _, ok := (&early{id: other}).parse(""); ok {
		t.Error("an empty text was taken for a key id")
	}
	x := &index{}
	x.reserve(0)
	e = early{in: x, id: id, due: true}
	e.next() // nothing is there
	if e.next(); e.due {
		t.Error("asked for twice")
	}
}

func copied(v secret.Value) secret.Value { return secret.NewValue(v.Bytes()) }
