package access

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
	"unsafe"

	"countersign.dev/internal/partner"
)

// wide is a register with so many partners, each with a review, a rule and a signing key.
func wide(n int) *partner.Roster {
	b := newBook(1)
	r := b.roster(0)
	for i := range n {
		id := fmt.Sprintf("ptn_w%d", i)
		r.Partners = append(r.Partners, partner.Partner{ID: id})
		r.Reviews = append(r.Reviews, partner.Review{PartnerID: id, Environment: "sandbox", State: partner.ReviewApproved})
		r.Networks = append(r.Networks, partner.NetworkRule{ID: id, PartnerID: id, Environment: "sandbox", Country: "NO"})
		r.Credentials = append(r.Credentials, partner.Credential{ID: "crd_" + id, PartnerID: id, Environment: "sandbox", Kind: partner.App,
			KeyID: fmt.Sprintf("%032x", i), Login: fmt.Sprintf("%013d", i)})
	}
	return r
}

type norway struct{ Countries }

// TestARegisterIsBuiltWithPauses: of each table that is built from, of a part, of two tables that are made into one, and of the union of all
// prefixes, no more rows than breathEvery are done without letting requests in; and before the first register is in force nobody waits.
func TestARegisterIsBuiltWithPauses(t *testing.T) {
	const n = 8 * breathEvery
	a := loaded(t, newBook(1).roster(0))
	a.cfg.Countries = norway{}
	pauses := 0
	a.pause = func(time.Duration) { pauses++ }
	least := func(what string, rows int) {
		t.Helper()
		if pauses < rows/breathEvery-1 {
			t.Errorf("%s: %d pauses for %d rows, and at most %d may come without one", what, pauses, rows, breathEvery)
		}
		pauses = 0
	}
	all := wide(n)
	for what, one := range map[string]*partner.Roster{
		"partners": {Partners: all.Partners},
		"reviews":  {Partners: all.Partners[:1], Reviews: all.Reviews},
		"rules":    {Partners: all.Partners[:1], Networks: all.Networks},
		"all":      all,
	} {
		one.Revision, one.SealingKeys = 7, all.SealingKeys
		if err := a.Load(one, time.Now()); err != nil {
			t.Fatal(err)
		}
		rows := partner.Piece{Partners: one.Partners, Reviews: one.Reviews, Networks: one.Networks, Limits: one.Limits, Credentials: one.Credentials}
		least(what, rows.Rows())
	}
	if err := a.Load(all, time.Now()); err != nil {
		t.Fatal(err)
	}
	pauses = 0
	a.snap.Load().worlds["sandbox"].join(&breath{pause: a.pause})
	least("both tables into one", 2*n) // partners and credentials
	a.snap.Load().worlds["sandbox"].union(a.environments["sandbox"], &breath{pause: a.pause})
	least("the union", n)
	first, err := New(a.cfg)
	if err != nil {
		t.Fatal(err)
	}
	if first.pause = a.pause; first.Load(all, time.Now()) != nil || pauses != 0 {
		t.Errorf("%d pauses while nobody is served", pauses)
	}
}

// TestTablesAreMovedAndGrownWithPauses: rows with pointers are copied in small pieces, since nothing interrupts a copy, and a table that is
// made twice as large lets requests in.
func TestTablesAreMovedAndGrownWithPauses(t *testing.T) {
	pauses := 0
	air := &breath{pause: func(time.Duration) { pauses++ }}
	rows := make([]row, 8*breathEvery)
	for i := range rows {
		rows[i].owner = uint32(i)
	}
	next := moved(rows, len(rows)+5, air)
	for i := range rows {
		if next[i].owner != uint32(i) {
			t.Fatalf("row %d is lost", i)
		}
	}
	if pauses < 7 || cap(next) < len(rows)+5 || len(next) != len(rows) {
		t.Errorf("%d pauses, %d rows, room for %d", pauses, len(next), cap(next))
	}
	x := &index{air: air, partners: make([]Partner, 1)}
	x.reserve(0)
	for i := range len(rows) {
		x.put(row{id: keyID{byte(i), byte(i >> 8), byte(i >> 16)}, owner: 1}, "crd", "", nil, nil)
	}
	pauses = 0
	if x.grow(); pauses < 7 {
		t.Errorf("%d pauses while a table grows", pauses)
	}
}

// TestHugePagesAreMadeStepByStepWhileRequestsAreDecidedOn: what is filled then is taken in small pages, one of which is emptied at a time, and
// made huge afterwards, with a pause before each; at a start huge ones are asked for at once.
func TestHugePagesAreMadeStepByStepWhileRequestsAreDecidedOn(t *testing.T) {
	if _, err := os.Stat("/sys/kernel/mm/transparent_hugepage/enabled"); err != nil {
		t.Log("this system has no huge pages")
		return
	}
	pauses := 0
	air := &breath{pause: func(time.Duration) { pauses++ }}
	s := room[row](slabRows, air)[:slabRows]
	if flags := pageFlags(t, unsafe.Pointer(&s[slabRows/2])); !strings.Contains(flags, " nh") || strings.Contains(flags, " hg") {
		t.Errorf("while it is filled:%s", flags)
	}
	for i := range s {
		s[i].owner = uint32(i)
	}
	settled(s, air)
	if flags := pageFlags(t, unsafe.Pointer(&s[slabRows/2])); !strings.Contains(flags, " hg") {
		t.Errorf("when it has been filled:%s", flags)
	}
	if pauses < 1 {
		t.Error("no pause before a huge page is made")
	}
	for i := range s {
		if s[i].owner != uint32(i) {
			t.Fatalf("row %d is lost", i)
		}
	}
	first := room[row](slabRows, nil)[:1]
	if flags := pageFlags(t, unsafe.Pointer(&first[0])); !strings.Contains(flags, " hg") {
		t.Errorf("at a start:%s", flags)
	}
}

// pageFlags are the flags of the mapping that an address is in.
func pageFlags(t *testing.T, p unsafe.Pointer) string {
	t.Helper()
	maps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	inside := false
	for line := range strings.Lines(string(maps)) {
		var begin, end uintptr
		if n, _ := fmt.Sscanf(line, "%x-%x ", &begin, &end); n == 2 {
			inside = begin <= uintptr(p) && uintptr(p) < end
		}
		if flags, found := strings.CutPrefix(line, "VmFlags:"); found && inside {
			return flags
		}
	}
	t.Fatal("no mapping has the address")
	return ""
}
